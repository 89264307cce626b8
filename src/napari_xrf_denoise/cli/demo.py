"""The demo: simulated spectra and a map are denoised and compared with the known truth."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.atomic_write import check_folder
from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising import Denoised, denoise
from napari_xrf_denoise.denoising.settings import Preset
from napari_xrf_denoise.io import read, write
from napari_xrf_denoise.processing.element_maps import element_map
from napari_xrf_denoise.simulation.measurements import simulate_map, simulate_spectra

from .figures import figures_of, maps_figure, save_figure, save_run_figures

EXPOSURES = slice(0, 4)
"""The exposures that are denoised; the other 28 stand for the long measurement."""

ELEMENTS = ("Ti", "Mn", "Ca", "Cu", "K", "Zn", "Fe")
"""Elements to draw a map of; the first that was simulated is used."""

DATA = ("spectra.h5", "spectra_denoised.h5", "map.h5", "map_denoised.h5")
RUNS = ("spectra", "spectra_tutorial", "map")
PICTURES = ("map_element.png",)
"""Files of the demo: data, figures of runs, and its own figure."""

Echo = Callable[[str], object]


def run_demo(folder: Path, seed: int, echo: Echo, on_progress: Callable[[str], Any]) -> None:
    """Simulate spectra and a map, denoise both, and write data and figures to a folder.

    The folder is created if missing; files of an earlier demo are replaced. `echo` gets each line
    of the outcome; ``on_progress(title)`` returns what `denoise` calls with its progress.
    """
    check_demo_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _spectra(folder, seed, echo, on_progress)
    _map(folder, seed, echo, on_progress)
    echo(f"Data and figures are in {folder}")


def check_demo_folder(folder: Path) -> None:
    """Refuse a folder in which the demo would replace files of others."""
    check_folder(folder)
    pictures = [folder / name for name in PICTURES] + [
        picture for name in RUNS for picture in figures_of(folder, name)
    ]
    data = [folder / name for name in DATA if (folder / name).exists()]
    foreign = [path for path in data if not _is_simulated(path)]
    if not data:
        # The demo writes data first, so its figures are never alone.
        foreign = [path for path in pictures if path.exists()]
    if foreign:
        raise FileExistsError(
            f"{foreign[0]}: expected a file of an earlier demo to replace, found another; choose "
            "another folder with --output"
        )


def _is_simulated(path: Path) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read(path).metadata.get("simulated") is True
    except (DataError, ImportError):
        return False


def true_dose_gain(result: Denoised, image: SpectrumImage, truth: NDArray[np.floating]) -> float:
    """Return the dose gain against the known true rate of one repeat.

    The raw error is that of the mean of all repeats, whose expectation is known exactly: the rate
    over the number of repeats.
    """
    error = np.sum((np.asarray(result.counts, dtype=np.float64) - truth) ** 2)
    return float(truth.sum(dtype=np.float64) / image.n_repeats / error)


def _spectra(folder: Path, seed: int, echo: Echo, on_progress: Callable[[str], Any]) -> None:
    image, truth = simulate_spectra(seed=seed)
    write(folder / "spectra.h5", image, overwrite=True)
    few, rest = image.select(repeats=EXPOSURES), image.select(repeats=slice(EXPOSURES.stop, None))
    runs: tuple[tuple[Preset, str], ...] = (
        ("balanced", "spectra"),
        ("tutorial", "spectra_tutorial"),
    )
    for preset, prefix in runs:
        title = f"Spectra, {few.n_repeats} of {image.n_repeats} exposures, preset {preset}"
        result = denoise(
            few,
            method="spectrum",
            preset=preset,
            seed=seed,
            reference=rest,
            on_progress=on_progress(title),
        )
        save_run_figures(folder, prefix, few, result, unseen=rest, truth=truth)
        if preset == "balanced":
            write(folder / "spectra_denoised.h5", result.image, overwrite=True)
        echo(title)
        echo(f"dose gain: {true_dose_gain(result, few, truth):.1f}")


def _map(folder: Path, seed: int, echo: Echo, on_progress: Callable[[str], Any]) -> None:
    image, truth = simulate_map(seed=seed)
    write(folder / "map.h5", image, overwrite=True)
    for method in ("pca", "stack"):
        title = f"Map, {image.shape[1]} x {image.shape[2]} pixels, method {method}"
        result = denoise(image, method=method, seed=seed, on_progress=on_progress(title))
        echo(title)
        echo(f"dose gain: {true_dose_gain(result, image, truth):.1f}")
    write(folder / "map_denoised.h5", result.image, overwrite=True)
    save_run_figures(folder, "map", image, result, truth=truth)
    element = next(name for name in ELEMENTS if name in image.metadata["elements"])
    true = SpectrumImage(truth[None], image.energy)
    maps = [
        (label, element_map(one, element))
        for label, one in (("noisy", image), ("denoised", result.image), ("true", true))
    ]
    figure = maps_figure(
        maps,
        pixel_size=image.pixel_size,
        unit=image.pixel_unit,
        title=f"{element} Kα",
    )
    save_figure(figure, folder / "map_element.png")
