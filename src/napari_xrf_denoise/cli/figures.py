"""Figures of spectra, training and element maps, drawn without a window."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.spectrum_image import SpectrumImage

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from napari_xrf_denoise.denoising import Denoised

ZOOMS: tuple[tuple[float, float], ...] = ((2.5, 7.5), (7.75, 9.75), (15.0, 18.5), (15.2, 16.25))
"""Energy ranges in keV that the published tutorial shows enlarged."""

STYLES: Mapping[str, Mapping[str, Any]] = {
    "single": {"color": "#8c8c8c", "marker": ".", "linestyle": "none", "markersize": 2.5},
    "raw": {"color": "#56b4e9", "linewidth": 0.8},
    "mean": {"color": "#0072b2", "linewidth": 0.9},
    "denoised": {"color": "#d55e00", "linewidth": 1.3},
    "true": {"color": "#000000", "linewidth": 0.8, "linestyle": "--"},
}
"""One style for each kind of curve in all figures; colours for colour-blind readers (M. Okabe and
K. Ito, 2008)."""

Curve = tuple[str, str, NDArray[Any]]
"""(style, label, counts of each channel)."""


def spectra_figure(
    energy: EnergyAxis,
    curves: Iterable[Curve],
    *,
    ranges: Sequence[tuple[float, float]] | None = None,
    log: bool = True,
    title: str = "",
) -> Figure:
    """Draw spectra on common axes.

    `curves` are (style, label, counts (energy,)), with a key of `STYLES`. `ranges` are windows in
    keV, each a panel with a linear axis; without them the whole range is one panel, with a
    logarithmic axis if `log`. It begins at half the smallest count of the first two curves; lower
    values are drawn at that edge.
    """
    curves = list(curves)
    panels = list(ranges) if ranges else [(energy.centers[0], energy.centers[-1])]
    figure, axes = _figure(len(panels), 2.4 if ranges else 3.6)
    logarithmic = log and not ranges
    floor = min((_half_smallest(counts) for _, _, counts in curves[:2]), default=0.5)
    for axis, (low, high) in zip(axes, panels, strict=True):
        window = energy.channels(low, high)
        for style, label, counts in curves:
            values = np.asarray(counts, dtype=float)[window]
            if logarithmic:
                values = np.maximum(values, floor)
            axis.plot(energy.centers[window], values, label=label, **STYLES[style])
        axis.set(xlim=(low, high), ylabel="counts / channel")
        if logarithmic:
            axis.set_yscale("log")
            axis.set_ylim(bottom=0.8 * floor)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8, loc="upper right", framealpha=0.9)
    axes[-1].set_xlabel("energy (keV)" if energy.calibrated else "channel")
    if title:
        axes[0].set_title(title, fontsize=10)
    return figure


def _half_smallest(counts: NDArray[Any]) -> float:
    values = np.asarray(counts, dtype=float)
    positive = values[values > 0]
    return 0.5 * float(positive.min()) if positive.size else 0.5


def losses_figure(losses: Mapping[str, Sequence[float]], *, title: str = "") -> Figure:
    """Draw training losses, by name one value per epoch or step; mark the best held-out one."""
    figure, (axis,) = _figure(1, 3.0)
    positive = all(np.min(values) > 0 for values in losses.values())
    for number, (name, values) in enumerate(losses.items()):
        steps = np.arange(1, len(values) + 1)
        axis.plot(steps, values, linewidth=0.8, label=name, color=f"C{number}")
        if name == "held-out":
            best = int(np.argmin(values))
            axis.plot(
                best + 1, values[best], "o", color=f"C{number}", label=f"best epoch: {best + 1}"
            )
    axis.set(
        xlabel="epoch" if "held-out" in losses else "training step",
        ylabel="loss",
        xlim=(1, max(len(values) for values in losses.values()) + 1),
        yscale="log" if positive else "linear",
    )
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    if title:
        axis.set_title(title, fontsize=10)
    return figure


def maps_figure(
    maps: Sequence[tuple[str, ArrayLike]],
    *,
    pixel_size: tuple[float, float] = (1.0, 1.0),
    unit: str = "pixel",
    title: str = "",
) -> Figure:
    """Draw labelled pictures (y, x) in counts side by side, on the colour scale of the last one.

    `pixel_size` is (y, x) in `unit`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.1 * len(maps) + 0.8, 3.5), layout="constrained")
    axes = figure.subplots(1, len(maps), squeeze=False)[0]
    last = np.asarray(maps[-1][1], dtype=float)
    high = float(np.quantile(last, 0.998)) or 1.0
    height, width = last.shape
    extent = (0, width * pixel_size[1], height * pixel_size[0], 0)
    for axis, (label, picture) in zip(axes, maps, strict=True):
        drawn = axis.imshow(
            np.asarray(picture, dtype=float),
            vmin=0,
            vmax=high,
            cmap="viridis",
            extent=extent,
            interpolation="nearest",
        )
        axis.set(title=label, xlabel=f"x ({unit})")
    axes[0].set_ylabel(f"y ({unit})")
    figure.colorbar(drawn, ax=axes, label="counts / pixel", shrink=0.85)
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, complete or not at all, and return its path."""
    from napari_xrf_denoise.core.atomic_write import replacing

    with replacing(path, overwrite=True) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
    return path


def _figure(panels: int, height: float) -> tuple[Figure, Sequence[Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, height * panels), layout="constrained")
    return figure, list(figure.subplots(panels, 1, squeeze=False)[:, 0])


KINDS = ("data", "result", "details", "sum_spectrum", "strongest_line", "losses")
"""Pictures of spectra, of maps, and of the training."""


def figures_of(folder: Path, name: str) -> list[Path]:
    """Return all files that `save_run_figures` may write."""
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
    """Draw a run, write the figures to a folder (created if missing), and return their paths.

    Spectra give the figures of the tutorial: data, losses, result, and enlarged energy ranges. Maps
    give the mean spectrum of all pixels and pictures of the strongest line. `unseen` are repeats
    that the run did not use, which are part of the mean drawn; `truth` is the true rate
    (y, x, energy).
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
