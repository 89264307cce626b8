"""Spectra of one layer: of pixels, of regions or of the whole map, without Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import in_words
from napari_xrf_denoise.layers.geometry import unit_factors
from napari_xrf_denoise.plugin.common.jobs import Latest
from napari_xrf_denoise.plugin.common.spectral_layers import LayerImage, denoising_record
from napari_xrf_denoise.processing.spectra import Kind, PixelSums, whole_sums

from .errors import AVERAGE, ESTIMATED, POISSON, denoised_error
from .model import Extent, Pin, place_words
from .pixel_reader import PixelReader
from .regions import RegionWatcher

OF: dict[Extent, str] = {
    "pixel": "mean per pixel",  # of regions, so that they compare with the pixel
    "sum": "sum",
    "mean": "mean per pixel",
    "max": "maximum pixel",
}
"""How labels name spectra of many pixels."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A spectrum to draw."""

    label: str
    """For the legend."""
    key: tuple[int, str]
    """Id of its layer, and its name there, so that it keeps its colour."""
    axis: EnergyAxis
    counts: NDArray[np.float64]
    """Counts per channel, shape (energy,)."""
    least: float
    """Where a zero is drawn on a logarithmic axis: half a count, in the curve's own scale."""
    error: NDArray[np.float64] | None = None
    """One standard deviation of `counts`, where it is known."""
    error_kind: str = ""
    """Origin of `error`: ``"Poisson"``, ``"held-out counts"`` or ``"estimated, average"``."""
    kind: Literal["raw", "denoised", "residual"] = "raw"
    divisor: float | None = 1.0
    """Divisor of the photons, such as the number of pixels of a mean; None where the counts do not
    scatter as photons do, as the highest of many pixels."""
    place: tuple[tuple[str, int], ...] = ()
    """Indices by axis of its pixel or row, as ``(("y", 3), ("x", 5))``; empty for several."""
    layer: str = ""
    """Name of its layer."""
    pixels: Kind = "sum"
    """How several pixels became one spectrum."""
    region: tuple[str, ...] = ()
    """Names of the layer of its outline and of the region there; empty where all pixels count."""
    parts: tuple[str, ...] = ()
    """Labels of the raw and the denoised spectrum of a residual."""

    @property
    def is_kept(self) -> bool:
        """Whether it stays while the mouse moves, as pins and regions do."""
        return self.key[1].startswith(("pin", "region"))


class LayerSpectra(LayerImage):
    """The spectra of one spectral layer, as it is now."""

    def __init__(self, layer: Any) -> None:
        super().__init__(layer)
        # Small maps are done at once, so that nothing flickers.
        self._whole = Latest("xrf-sum-spectrum", wait=0.02)
        self._pixels = None if self.image is None else PixelReader(self.image)
        self.regions = None if self.image is None else RegionWatcher(self.image)

    @property
    def is_waiting(self) -> bool:
        """Whether a sum is still being computed, or a pixel read."""
        parts = (self._whole, self._pixels, self.regions)
        return any(part is not None and part.is_waiting for part in parts)

    def problem_at(self, pixel: dict[str, int]) -> str:
        """Return why a pixel cannot be read, in words; empty where it can."""
        problem = "" if self._pixels is None else self._pixels.problem(_place(pixel))
        return problem and f"{self._layer.name}, {place_words(pixel)}: {problem}"

    def at(self, pixel: dict[str, int]) -> list[Curve]:
        """Return a pixel's spectrum, its repeats combined; or a row's, and that of all rows.

        While a lazy array is being read, it is the spectrum of the pixel before.
        """
        counts = self._read(pixel, follows=True)
        if counts is None and self._pixels is not None and not self.problem_at(pixel):
            last = self._pixels.last()
            if last is not None:
                (y, x), counts = last
                pixel = pixel if "repeat" in pixel else {"y": y, "x": x}
        if counts is None:
            return []
        assert self.image is not None
        if "repeat" not in pixel:
            return [self._of_pixel(counts, "", place=tuple(pixel.items()))]
        if self.image.n_repeats == 1:
            return [self._of_pixel(counts, "")]
        row = pixel["repeat"]
        return [
            self._of_pixel(counts[row : row + 1], f"row {row}", "row", tuple(pixel.items())),
            self._of_pixel(counts, self.image.combination),
        ]

    def pinned(self, pixel: dict[str, int]) -> list[Curve]:
        """Return the spectrum of a pixel or row alone; nothing where there is no such pixel."""
        counts = self._read(pixel) if _is_inside(self._layer, pixel) else None
        if counts is None:
            return []
        if "repeat" in pixel:
            counts = counts[pixel["repeat"] : pixel["repeat"] + 1]
        words = place_words(pixel)
        return [self._of_pixel(counts, words, f"pin {words}", tuple(pixel.items()))]

    def whole(self, extent: Extent) -> list[Curve]:
        """Return the spectrum of the whole map; nothing yet while it is being summed."""
        if (image := self.image) is None:
            return []
        self._whole.want("sums", lambda _, stop: whole_sums(image, stop))
        if self._whole.error is not None:
            self.problem = in_words(self._whole.error)
        sums: PixelSums | None = self._whole.result
        return [] if sums is None else [self.of_sums(sums, OF[extent], extent)]

    def of_sums(
        self,
        sums: PixelSums,
        of: str,
        extent: Extent,
        variant: str = "",
        region: tuple[str, ...] = (),
    ) -> Curve:
        """Return the curve of pixels of this layer that were added up.

        `of` follows the layer's name in the legend, `variant` distinguishes curves of one layer,
        and the extent "pixel" is the mean per pixel.
        """
        kind: Kind = "mean" if extent == "pixel" else extent
        divisor, counts = sums.divisor(kind), sums.spectrum(kind)
        curve = self._curve(counts, of, variant, divisor, sums.is_whole)
        curve = replace(curve, pixels=kind, region=region)
        if kind == "max":
            # The highest of many is no Poisson count any more.
            return replace(curve, divisor=None)
        error = sums.deviation(kind)
        return curve if error is None else replace(curve, error=error, error_kind=self._error_kind)

    def stop(self) -> None:
        """Leave sums unfinished and pixels unread."""
        self._whole.forget()
        if self._pixels is not None and self.regions is not None:
            self._pixels.stop()
            self.regions.forget()

    @property
    def _error_kind(self) -> str:
        """Origin of the errors that are known."""
        assert self.image is not None
        return POISSON if self.image.uncertainty is None else ESTIMATED

    @property
    def _record(self) -> Mapping[str, Any]:
        return denoising_record(self._layer)

    def _read(self, pixel: dict[str, int], *, follows: bool = False) -> NDArray[Any] | None:
        return None if self._pixels is None else self._pixels.read(_place(pixel), follows=follows)

    def _of_pixel(
        self,
        repeats: NDArray[Any],
        of: str,
        variant: str = "",
        place: tuple[tuple[str, int], ...] = (),
    ) -> Curve:
        """Return the curve of a pixel's repeats (repeat, energy)."""
        assert self.image is not None
        at = dict(place)
        sums = PixelSums.of_pixel(repeats, self.image, (at.get("y", 0), at.get("x", 0)))
        divisor, counts = sums.divisor("sum"), sums.spectrum("sum")
        error, kind = sums.deviation("sum"), self._error_kind
        if error is None and self._record:
            error, kind = denoised_error(counts, self._record), AVERAGE
        kind = "" if error is None else kind
        curve = self._curve(counts, of, variant, divisor, sums.is_whole)
        return replace(curve, error=error, error_kind=kind, place=place)

    def _curve(
        self,
        counts: NDArray[np.float64],
        of: str,
        variant: str,
        divisor: float,
        whole: bool,
    ) -> Curve:
        assert self.image is not None
        least = 0.5 / divisor
        if not whole:
            # Expected counts are far below one between the lines; zeros are drawn below those.
            positive = counts[counts > 0]
            least = float(positive.min()) if positive.size else least
            least = max(least, 1e-4 * float(counts.max(initial=0.0)))
        name = self._layer.name
        return Curve(
            label=f"{name}, {of}" if of else name,
            key=(id(self._layer), variant),
            axis=self.image.energy,
            counts=counts,
            least=least,
            kind="denoised" if self._record else "raw",
            divisor=divisor,
            layer=name,
        )


def pixels_at(layers: Sequence[Any], position: Sequence[float], units: Any) -> tuple[Pin, ...]:
    """Return the pixel of each spectral layer at a place of the world, where it has one.

    `units` are those of the viewer's axes, None when its layers do not agree about them.
    """
    found = ((layer, _pixel_at(layer, position, units)) for layer in layers)
    return tuple(Pin(layer, tuple(pixel.items())) for layer, pixel in found if pixel is not None)


def _pixel_at(layer: Any, position: Sequence[float], units: Any) -> dict[str, int] | None:
    point = np.zeros(layer.ndim)
    known = min(layer.ndim, len(position))
    point[layer.ndim - known :] = position[len(position) - known :]
    point *= unit_factors(layer, units)
    place = np.floor(np.asarray(layer.world_to_data(point)) + 0.5)
    at = {label: int(index) for label, index in zip(layer.axis_labels, place, strict=True)}
    sizes = dict(zip(layer.axis_labels, layer.data.shape, strict=True))
    if "x" not in sizes and "y" not in sizes:
        # A single spectrum belongs to every row of the pictures that it is the sum of.
        at["repeat"] = 0 if sizes.get("repeat", 1) == 1 else at["repeat"]
        at = {"repeat": at["repeat"]}
    else:
        at = {label: at.get(label, 0) for label in ("y", "x")}
    return at if _is_inside(layer, at) else None


def _is_inside(layer: Any, pixel: dict[str, int]) -> bool:
    sizes = dict(zip(layer.axis_labels, layer.data.shape, strict=True))
    return all(0 <= index < sizes.get(label, 1) for label, index in pixel.items())


def _place(pixel: dict[str, int]) -> tuple[int, int]:
    return pixel.get("y", 0), pixel.get("x", 0)
