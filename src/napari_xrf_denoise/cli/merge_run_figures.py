"""The pictures of one run: what went in, how the training went, what came out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.spectrum_image import SpectrumImage

from .figures import ZOOMS, Curve, losses_figure, maps_figure, save_figure, spectra_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from napari_xrf_denoise.denoising import Denoised


KINDS = ("data", "result", "details", "sum_spectrum", "strongest_line", "losses")
"""Pictures of spectra, of maps, and of the training."""


def figures_of(folder: Path, name: str) -> list[Path]:
    """Return all that `save_run_figures` may write of a run."""
    return [folder / f"{name}_{kind}.png" for kind in KINDS]


def save_run_figures(
    folder: Path,
    name: str,
    image: SpectrumImage,
    result: Denoised,
    *,
    unseen: SpectrumImage | None = None,
    truth: NDArray[np.floating] | None = None,
) -> list[Path]:
    """Draw a run and write the pictures to a folder.

    Spectra give the tutorial's pictures: data, losses, result, and zooms into energy ranges. Maps
    give the mean spectrum of all pixels and pictures of the strongest line.

    Parameters
    ----------
    folder : pathlib.Path
        Made when it is missing.
    name : str
        What the names of the files begin with.
    image : SpectrumImage
        The run's input.
    result : Denoised
    unseen : SpectrumImage, optional
        Repeats that the run did not use; the mean drawn is that of these and the input's.
    truth : numpy.ndarray, shape (y, x, energy), optional
        The true rate, where it is known.

    Returns
    -------
    list of pathlib.Path
        The pictures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures = (_map_figures if image.is_map else _spectrum_figures)(image, result, unseen, truth)
    if result.report.losses:
        title = "Training of the network"
        figures["losses"] = losses_figure(result.report.losses, title=title)
    return [save_figure(figure, folder / f"{name}_{kind}.png") for kind, figure in figures.items()]


def _spectrum_figures(
    image: SpectrumImage,
    result: Denoised,
    unseen: SpectrumImage | None,
    truth: NDArray[np.floating] | None,
) -> dict[str, Figure]:
    single = np.asarray(image.counts[0, 0, 0])
    everything = [np.asarray(image.counts[:, 0, 0])]
    if unseen is not None:
        everything.append(np.asarray(unseen.counts[:, 0, 0]))
    spectra = np.concatenate(everything)
    mean = spectra.mean(axis=0, dtype=np.float64)
    denoised = result.image.counts[0, 0, 0]
    if image.combination == "sum":
        denoised = denoised / image.n_repeats
    data: list[Curve] = [
        ("single", "spectrum 1", single),
        ("mean", f"mean of {len(spectra)} spectra", mean),
    ]
    curves: list[Curve] = [*data, ("denoised", f"denoised, from {image.n_repeats}", denoised)]
    if truth is not None:
        curves.append(("true", "true rate", truth[0, 0]))
    low, high = image.energy.centers[[0, -1]]
    zooms = [(a, b) for a, b in ZOOMS if low <= a and b <= high and image.energy.calibrated]
    figures = {
        "data": spectra_figure(image.energy, data, title="Measured spectra"),
        "result": spectra_figure(image.energy, curves, title="Denoised spectrum"),
    }
    if zooms:
        figures["details"] = spectra_figure(image.energy, curves, ranges=zooms)
    return figures


def _map_figures(
    image: SpectrumImage,
    result: Denoised,
    _unseen: SpectrumImage | None,
    truth: NDArray[np.floating] | None,
) -> dict[str, Figure]:
    pixels = image.shape[1] * image.shape[2]
    scale = image.n_repeats if image.combination == "mean" else 1
    raw = image.sum_spectrum() / pixels / scale
    denoised = result.image.sum_spectrum() / pixels
    curves: list[Curve] = [
        ("raw", "raw, mean of all pixels", raw),
        ("denoised", "denoised, mean of all pixels", denoised),
    ]
    if truth is not None:
        curves.append(("true", "true rate", truth.mean(axis=(0, 1), dtype=np.float64)))
    peak = int(np.argmax(raw))
    half = max(1, round(0.08 / image.energy.gain)) if image.energy.calibrated else 8
    window = slice(max(0, peak - half), peak + half + 1)
    line = np.asarray(image.counts[..., window]).sum(axis=-1, dtype=np.float64)
    noisy = line.mean(axis=0) if image.combination == "mean" else line.sum(axis=0)
    maps = [
        ("noisy", noisy),
        ("denoised", result.image.counts[0, :, :, window].sum(axis=-1, dtype=np.float64)),
    ]
    if truth is not None:
        maps.append(("true", truth[:, :, window].sum(axis=-1, dtype=np.float64)))
    place = f"{image.energy.centers[peak]:.2f} {image.energy.unit}"
    return {
        "sum_spectrum": spectra_figure(image.energy, curves, title="Spectrum of the map"),
        "strongest_line": maps_figure(
            maps,
            pixel_size=image.pixel_size,
            unit=image.pixel_unit,
            title=f"Counts in the strongest line, {place}",
        ),
    }
