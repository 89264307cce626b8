"""Spectra of layers at a place, of regions or of a whole map, without Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.layers.geometry import unit_factors
from napari_xrf_denoise.plugin.common.jobs import BackgroundJob
from napari_xrf_denoise.plugin.common.layer_images import LayerImage, denoising_record
from napari_xrf_denoise.processing.spectra import Kind, PixelSums, whole_sums

from .errors import AVERAGE, POISSON, denoised_error, poisson_error
from .model import Extent, place_words
from .pixel_reader import PixelReader

OF: dict[Extent, str] = {
    "pixel": "mean per pixel",  # of regions, so that they compare with the pixel
    "sum": "sum",
    "mean": "mean per pixel",
    "max": "maximum pixel",
}
"""How labels name what was made of many pixels."""


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
    error : numpy.ndarray, shape (energy,), optional
        One standard deviation of `counts`, where it is known.
    error_kind : str
        Where `error` comes from: ``"Poisson"`` or ``"estimated, average"``.
    kind : {"raw", "denoised", "residual"}
    divisor : float, optional
        What the photons were divided by, such as the number of pixels of a mean; None where the
        counts do not scatter as photons do, as the highest of many pixels.
    place : tuple of (str, int)
        Indices by axis of the one pixel or row that it is of, as ``(("y", 3), ("x", 5))``; empty
        where it is of several.
    layer : str
        Name of the layer that it is of.
    pixels : {"sum", "mean", "max"}
        How several pixels became one spectrum.
    region : tuple of str
        Names of the layer that their outline was drawn in, and of the region there; empty where
        all pixels count.
    parts : tuple of str
        Labels of the raw and the denoised spectrum, of a residual.
    """

    label: str
    key: tuple[int, str]
    axis: EnergyAxis
    counts: NDArray[np.float64]
    least: float
    error: NDArray[np.float64] | None = None
    error_kind: str = ""
    kind: Literal["raw", "denoised", "residual"] = "raw"
    divisor: float | None = 1.0
    place: tuple[tuple[str, int], ...] = ()
    layer: str = ""
    pixels: Kind = "sum"
    region: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    @property
    def is_kept(self) -> bool:
        """Whether it stays while the mouse moves, as pins and regions do."""
        return self.key[1].startswith(("pin", "region"))


class LayerSpectra(LayerImage):
    """The spectra of one layer, as it is now.

    Parameters
    ----------
    layer : napari.layers.Image
        Spectral.
    """

    def __init__(self, layer: Any) -> None:
        super().__init__(layer)
        self._sums: PixelSums | None = None
        self._summing: BackgroundJob | None = None
        self._pixels = None if self.image is None else PixelReader(self.image)

    @property
    def is_waiting(self) -> bool:
        """Whether a sum is still being computed, or a pixel read."""
        reads = self._pixels is not None and self._pixels.is_waiting
        return reads or self._summing is not None

    def problem_at(self, pixel: dict[str, int]) -> str:
        """Return why a pixel cannot be read, in words; empty where it can."""
        problem = "" if self._pixels is None else self._pixels.problem(_place(pixel))
        return problem and f"{self._layer.name}, {place_words(pixel)}: {problem}"

    def pixel(self, position: Sequence[float], units: Any = None) -> dict[str, int] | None:
        """Return the indices at a place, by axis, or None beside the picture.

        Parameters
        ----------
        position : sequence of float
            World coordinates of the viewer.
        units : sequence of units, optional
            Of the viewer's axes; None when its layers do not agree about them.
        """
        return pixel_at(self._layer, position, units)

    def at(self, pixel: dict[str, int]) -> list[Curve]:
        """Return a pixel's spectrum, its repeats combined; or a row's, and what all rows give.

        Of a lazy array that is still being read, it is the spectrum that the mouse was over
        before, and has the place of that.
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
        if self.image is None:
            return []
        if self._sums is None:
            self._sum_up(self.image)
            if self._sums is None:
                return []
        return [self.of_sums(self._sums, OF[extent], extent)]

    def of_sums(
        self,
        sums: PixelSums,
        of: str,
        extent: Extent,
        variant: str = "",
        region: tuple[str, ...] = (),
    ) -> Curve:
        """Return the curve of pixels that were added up.

        Parameters
        ----------
        sums : PixelSums
            Of this layer's image.
        of : str
            For the legend, behind the layer's name.
        extent : {"pixel", "sum", "mean", "max"}
            Which curve; ``"pixel"`` is the mean per pixel.
        variant : str
            Tells curves of one layer apart.
        region : tuple of str
            As in `Curve`.
        """
        kind: Kind = "mean" if extent == "pixel" else extent
        divisor, counts = sums.divisor(kind), sums.spectrum(kind)
        curve = self._curve(counts, of, variant, divisor, sums.is_whole)
        curve = replace(curve, pixels=kind, region=region)
        if kind == "max":
            # The highest of many is no Poisson count any more.
            return replace(curve, divisor=None)
        if self._record or not sums.is_whole:
            return curve
        return replace(curve, error=poisson_error(sums.total, divisor), error_kind=POISSON)

    def stop(self) -> None:
        """Leave sums unfinished and pixels unread."""
        if self._pixels is not None:
            self._pixels.stop()
        if self._summing is not None:
            self._summing.stop()
        self._summing = None

    @property
    def _record(self) -> Mapping[str, Any]:
        return denoising_record(self._layer)

    def _read(self, pixel: dict[str, int], *, follows: bool = False) -> NDArray[Any] | None:
        return None if self._pixels is None else self._pixels.read(_place(pixel), follows=follows)

    def _sum_up(self, image: SpectrumImage) -> None:
        if self._summing is None:
            self._summing = BackgroundJob(
                lambda _, stop: whole_sums(image, stop), "xrf-sum-spectrum"
            )
            self._summing.start()
            # Small maps are done at once, so that nothing flickers.
            self._summing.wait(0.02)
        if self._summing.is_done:
            if self._summing.error is not None:
                self.problem = str(self._summing.error)
                self.image = self._pixels = None
            self._sums = self._summing.result
            self._summing = None

    def _of_pixel(
        self,
        repeats: NDArray[Any],
        of: str,
        variant: str = "",
        place: tuple[tuple[str, int], ...] = (),
    ) -> Curve:
        """Return the curve of a pixel's repeats (repeat, energy)."""
        assert self.image is not None
        sums = PixelSums.of_pixel(repeats, self.image.combination)
        divisor, counts = sums.divisor("sum"), sums.spectrum("sum")
        if self._record:
            error, kind = denoised_error(counts, self._record), AVERAGE
        else:
            error, kind = poisson_error(sums.total, divisor) if sums.is_whole else None, POISSON
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


def pixel_at(layer: Any, position: Sequence[float], units: Any = None) -> dict[str, int] | None:
    """Return the indices of a spectral layer at a place, by axis, or None beside its picture.

    Parameters
    ----------
    layer : napari.layers.Image
    position : sequence of float
        World coordinates of the viewer.
    units : sequence of units, optional
        Of the viewer's axes; None when its layers do not agree about them.
    """
    point = np.zeros(layer.ndim)
    known = min(layer.ndim, len(position))
    point[layer.ndim - known :] = position[len(position) - known :]
    point *= unit_factors(layer, units)
    place = np.floor(np.asarray(layer.world_to_data(point)) + 0.5)
    at = {label: int(index) for label, index in zip(layer.axis_labels, place, strict=True)}
    sizes = dict(zip(layer.axis_labels, layer.data.shape, strict=True))
    if "x" not in sizes and "y" not in sizes:
        # A single spectrum belongs to every row of the pictures that it was made of.
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
