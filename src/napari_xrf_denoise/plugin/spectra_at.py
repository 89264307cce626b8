"""Spectra of layers at a place or of a whole map, without Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.arrays import is_dask
from napari_xrf_denoise.energy_axis import EnergyAxis
from napari_xrf_denoise.errors import Cancelled, DataError
from napari_xrf_denoise.layers import image_from_layer
from napari_xrf_denoise.spectrum_image import SpectrumImage

from .background_job import BackgroundJob

Extent = Literal["pixel", "sum", "mean"]
"""What the spectra are of: one pixel, or the whole map summed, or per pixel."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A spectrum to draw.

    Parameters
    ----------
    label : str
        For the legend.
    key : tuple
        What the curve is of, so that it keeps its colour.
    axis : EnergyAxis
    counts : numpy.ndarray, shape (energy,)
        Counts per channel.
    least : float
        What a zero is drawn as on a logarithmic axis: half a count, in the curve's own scale.
    """

    label: str
    key: tuple[int, str]
    axis: EnergyAxis
    counts: NDArray[np.float64]
    least: float


class LayerSpectra:
    """The spectra of one layer, as it is now.

    Parameters
    ----------
    layer : napari.layers.Image
        Spectral.
    """

    def __init__(self, layer: Any) -> None:
        self._layer = layer
        self._signature = _signature(layer)
        self.image: SpectrumImage | None = None
        self.problem = ""
        self._total: NDArray[np.float64] | None = None
        self._summing: BackgroundJob | None = None
        self._job: BackgroundJob | None = None
        self._last_read: tuple[tuple[int, int], NDArray[Any]] | None = None
        self._reading: tuple[int, int] = (0, 0)
        try:
            self.image = image_from_layer(layer)
        except DataError as error:
            self.problem = str(error)

    def is_current(self) -> bool:
        """Whether the layer still holds what this was made of."""
        return self._signature == _signature(self._layer)

    @property
    def is_waiting(self) -> bool:
        """Whether a sum is still being computed, or a pixel read."""
        return self._job is not None or self._summing is not None

    def pixel(self, position: Sequence[float], units: Any = None) -> dict[str, int] | None:
        """Return the indices at a place, by axis, or None beside the picture.

        Parameters
        ----------
        position : sequence of float
            World coordinates of the viewer.
        units : sequence of units, optional
            Of the viewer's axes; None when its layers do not agree about them.
        """
        layer = self._layer
        labels, shape = tuple(layer.axis_labels), layer.data.shape
        point = np.zeros(layer.ndim)
        known = min(layer.ndim, len(position))
        point[layer.ndim - known :] = position[len(position) - known :]
        if units is not None and len(units) >= layer.ndim:
            shared = tuple(units)[len(units) - layer.ndim :]
            point *= [_factor(one, own) for one, own in zip(shared, layer.units, strict=True)]
        place = np.floor(np.asarray(layer.world_to_data(point)) + 0.5)
        at = {label: int(index) for label, index in zip(labels, place, strict=True)}
        sizes = dict(zip(labels, shape, strict=True))
        if "x" not in sizes and "y" not in sizes:
            # A single spectrum belongs to every row of the pictures that it was made of.
            at["repeat"] = 0 if sizes.get("repeat", 1) == 1 else at["repeat"]
            inside = 0 <= at["repeat"] < sizes.get("repeat", 1)
            return {"repeat": at["repeat"]} if inside else None
        at = {label: at.get(label, 0) for label in ("y", "x")}
        inside = all(0 <= at[label] < sizes.get(label, 1) for label in at)
        return at if inside else None

    def at(self, pixel: dict[str, int]) -> list[Curve]:
        """Return a pixel's spectrum, its repeats combined; or a row's, and what all rows give."""
        image = self.image
        if image is None:
            return []
        counts = self._read(image, (pixel.get("y", 0), pixel.get("x", 0)))
        if counts is None:
            return []
        if "repeat" not in pixel or image.n_repeats == 1:
            return [self._curve(self._combined(counts), "", image.n_repeats)]
        row = pixel["repeat"]
        return [
            self._curve(counts[row].astype(np.float64), f"row {row}", 1),
            self._curve(self._combined(counts), image.combination, image.n_repeats),
        ]

    def whole(self, extent: Extent) -> list[Curve]:
        """Return the spectrum of the whole map; nothing yet while it is being summed."""
        image = self.image
        if image is None:
            return []
        if self._total is None:
            self._sum_up(image)
            if self._total is None:
                return []
        pixels = image.shape[1] * image.shape[2] if extent == "mean" else 1
        label = "mean per pixel" if extent == "mean" else "sum"
        return [self._curve(self._total / pixels, label, image.n_repeats * pixels)]

    def stop(self) -> None:
        """Leave sums unfinished and pixels unread."""
        for job in (self._job, self._summing):
            if job is not None:
                job.stop()
        self._job = self._summing = None

    def _read(self, image: SpectrumImage, pixel: tuple[int, int]) -> NDArray[Any] | None:
        """Return a pixel's counts (repeat, energy); of a lazy array the last ones that came."""
        if not is_dask(image.counts):
            return np.asarray(image.counts[:, pixel[0], pixel[1]])
        # A lazy array reads a whole block of its file for a pixel, too slow for a moving mouse.
        if self._job is not None and self._job.is_done:
            if self._job.error is not None:
                self.problem = str(self._job.error)
            else:
                self._last_read = (self._reading, self._job.result)
            self._job = None
        is_new = self._last_read is None or self._last_read[0] != pixel
        if is_new and self._job is None and not self.problem:
            lazy = image.counts[:, pixel[0], pixel[1]]
            self._reading = pixel
            self._job = BackgroundJob(lambda *_: np.asarray(lazy), "xrf-read-pixel")
            self._job.start()
        return None if self._last_read is None else self._last_read[1]

    def _sum_up(self, image: SpectrumImage) -> None:
        if self._summing is None:
            self._summing = BackgroundJob(lambda _, stop: _total(image, stop), "xrf-sum-spectrum")
            self._summing.start()
            # Small maps are done at once, so that nothing flickers.
            self._summing.wait(0.02)
        if self._summing.is_done:
            if self._summing.error is not None:
                self.problem = str(self._summing.error)
                self.image = None
            self._total = self._summing.result
            self._summing = None

    def _combined(self, counts: NDArray[Any]) -> NDArray[np.float64]:
        assert self.image is not None
        total: NDArray[np.float64] = counts.sum(axis=0, dtype=np.float64)
        return total / len(counts) if self.image.combination == "mean" else total

    def _curve(self, counts: NDArray[np.float64], of: str, added: int) -> Curve:
        assert self.image is not None
        name = self._layer.name
        divided = added if self.image.combination == "mean" or of == "mean per pixel" else 1
        least = 0.5 / divided
        if self.image.counts.dtype.kind == "f":
            # Expected counts are far below one between the lines; zeros are drawn below those.
            positive = counts[counts > 0]
            least = float(positive.min()) if positive.size else least
            least = max(least, 1e-4 * float(counts.max(initial=0.0)))
        label = f"{name}, {of}" if of else name
        variant = "row" if of.startswith("row") else ""
        return Curve(label, (id(self._layer), variant), self.image.energy, counts, least)


def _total(image: SpectrumImage, should_stop: Callable[[], bool]) -> NDArray[np.float64]:
    """Return the counts of each channel, repeats combined, summed over all pixels."""
    total = np.zeros(image.shape[-1])
    for _, band in image.blocks():
        if should_stop():
            raise Cancelled("the sum spectrum is not wanted any more")
        total += band.sum(axis=(0, 1, 2), dtype=np.float64)
    return total / image.n_repeats if image.combination == "mean" else total


def _factor(one: Any, own: Any) -> float:
    """Return what turns the viewer's unit into the layer's."""
    if one == own:
        return 1.0
    return float((1 * one).to(own).magnitude)


def _signature(layer: Any) -> tuple[Any, ...]:
    return (
        id(layer.data),
        id(layer.metadata),
        tuple(layer.axis_labels),
        tuple(layer.scale),
        tuple(layer.translate),
        tuple(map(str, layer.units)),
    )
