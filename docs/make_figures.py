"""Makes the figures of the first page and of the tutorial, and prints the numbers beside them.

Run ``python docs/make_figures.py 05_xrf_spectra.csv`` in the project's folder; it takes minutes.
The file is that of the auto-denoise project (examples, MIT licence), no part of this project.
Without it the tutorial is drawn with simulated spectra.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from PIL import Image

import napari_xrf_denoise as xrf
from napari_xrf_denoise.cli.figures import ZOOMS, losses_figure, save_figure, spectra_figure
from napari_xrf_denoise.denoising.settings import Preset

IMAGES = Path(__file__).resolve().parent / "images"
ELEMENT, PIXEL = "Mn", (47, 45)
"""What the first page shows of the simulated map: an element's map, and the spectrum of a pixel."""
RAW, DENOISED = "#8c8c8c", "#d55e00"


def main(arguments: list[str]) -> None:
    """Draw all figures, those of the tutorial from a file where one is named."""
    IMAGES.mkdir(exist_ok=True)
    tutorial(xrf.read(arguments[0]) if arguments else xrf.simulate_spectra(seed=0)[0])
    first_page()


def tutorial(spectra: xrf.SpectrumImage) -> None:
    """Denoise the first 4 of 32 exposures with both presets; the other 28 judge the results."""
    few, rest = spectra.select(repeats=slice(0, 4)), spectra.select(repeats=slice(4, None))
    single = np.asarray(spectra.counts[0, 0, 0])
    mean = np.asarray(spectra.counts[:, 0, 0]).mean(axis=0)
    data = [("single", "exposure 1", single), ("mean", "mean of 32 exposures", mean)]
    save(spectra_figure(spectra.energy, data), "tutorial_data")
    presets: tuple[Preset, ...] = ("tutorial", "balanced")
    for preset in presets:
        result = xrf.denoise(few, method="spectrum", preset=preset, reference=rest, seed=0)
        print(f"preset {preset}: {result.report.summary()}; {result.report.measured_by}")
        print(*result.report.warnings, sep="\n")
        curves = [*data, ("denoised", "from 4 exposures", result.counts[0, 0])]
        save(spectra_figure(spectra.energy, curves), f"tutorial_result_{preset}")
        save(spectra_figure(spectra.energy, curves, ranges=ZOOMS), f"tutorial_zooms_{preset}")
        if preset == "tutorial":
            save(losses_figure(result.report.losses), "tutorial_losses")


def first_page() -> None:
    """Draw an element's map and a spectrum before and after, beside the known truth."""
    image, rate = xrf.simulate_map(seed=0)
    result = xrf.denoise(image, seed=0)
    truth = xrf.SpectrumImage(rate[None], image.energy)
    print(f"map: {result.report.summary()}")
    print(f"against the truth: {_dose_gain(result.counts, rate):.1f}")
    for element in image.metadata["elements"]:
        both = (xrf.element_map(one, element, "auto") for one in (result.image, truth))
        print(f"{element}: {_dose_gain(*both):.1f}")
    raw, denoised, true = (xrf.element_map(one, ELEMENT) for one in (image, result.image, truth))
    gain = _dose_gain(denoised, true)
    maps = {
        "as measured": raw,
        f"denoised: as good as {gain:.0f} times the dose": denoised,
        "the truth (simulated)": true,
    }
    figure = Figure(figsize=(13, 3.6), layout="constrained")
    *panels, plot = figure.subplots(1, 4, width_ratios=(1, 1, 1, 1.35))
    size = image.pixel_size[1] * image.shape[2]
    for panel, (title, picture) in zip(panels, maps.items(), strict=True):
        panel.imshow(
            picture, vmin=0, vmax=float(np.quantile(denoised, 0.999)), cmap="magma",
            extent=(0, size, size, 0), interpolation="nearest",
        )  # fmt: skip
        panel.set_title(title, fontsize=10)
        panel.set_xlabel(f"x ({image.pixel_unit})")
        place = image.pixel_size[0] * (np.array(PIXEL[::-1]) + 0.5)
        panel.plot(*place, "o", markerfacecolor="none", markeredgecolor="w", markersize=9)
    panels[0].set_ylabel(f"{ELEMENT} Kα: y ({image.pixel_unit})")
    y, x = PIXEL
    energies, spectrum = image.energy.centers, np.asarray(result.counts[y, x])
    plot.plot(energies, image.counts[0, y, x], color=RAW, linewidth=0.8, label="as measured")
    plot.plot(energies, spectrum, color=DENOISED, linewidth=1.2, label="denoised")
    plot.set_yscale("function", functions=(np.sqrt, np.square))
    plot.set(xlim=(2.5, 9), ylim=(0, None), xlabel="energy (keV)", ylabel="counts / channel")
    plot.set_yticks([0, 1, 5, 10, 20])
    plot.set_title("the pixel in the circle", fontsize=10)
    plot.legend(fontsize=9)
    save(figure, "first_page")


def _dose_gain(result: ArrayLike, truth: ArrayLike) -> float:
    """Return the squared error of Poisson counts over that of a result."""
    rate = np.asarray(truth, dtype=np.float64)
    return float(rate.sum() / np.sum((np.asarray(result, dtype=np.float64) - rate) ** 2))


def save(figure: Figure, name: str) -> None:
    """Save a figure with as many colours as a drawing needs."""
    path = save_figure(figure, IMAGES / f"{name}.png")
    Image.open(path).convert("RGB").quantize(200).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
