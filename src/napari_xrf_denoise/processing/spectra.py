"""One spectrum of many pixels: their sum, mean or maximum.

Counts are added up band by band: a map larger than memory is read once and never held as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xrf_denoise.core.errors import Cancelled, DataError, SettingsError
from napari_xrf_denoise.core.lazy_arrays import is_whole
from napari_xrf_denoise.core.spectrum_image import SpectrumImage

from .standard_deviations import check_known, pixel_spectrum_variance, sum_variance, unknown

__all__ = ["spectrum"]

SpectrumWithError = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Counts per channel and their standard deviation."""

Kind = Literal["sum", "mean", "max"]
"""How pixels become one spectrum."""


@overload
def spectrum(
    image: SpectrumImage,
    /,
    kind: Kind = ...,
    *,
    mask: ArrayLike | None = ...,
    error: Literal[False] = ...,
    should_stop: Callable[[], bool] = ...,
) -> NDArray[np.float64]: ...


@overload
def spectrum(
    image: SpectrumImage,
    /,
    kind: Kind = ...,
    *,
    mask: ArrayLike | None = ...,
    error: Literal[True],
    should_stop: Callable[[], bool] = ...,
) -> SpectrumWithError: ...


def spectrum(
    image: SpectrumImage,
    /,
    kind: Kind = "sum",
    *,
    mask: ArrayLike | None = None,
    error: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
) -> NDArray[np.float64] | SpectrumWithError:
    """Return one spectrum of an image, or of a region of it.

    Repeats are combined as `SpectrumImage.combination` says: scans become their mean, frames and
    detector elements their sum. (`SpectrumImage.sum_spectrum` adds up all counts instead.)

    Parameters
    ----------
    image : SpectrumImage
        For a single pixel, pass ``image.select(y=4, x=7)``.
    kind : {"sum", "mean", "max"}
        The sum of the pixels' spectra, their mean, or the maximum-pixel spectrum: in each channel
        the counts of the pixel with the most there. It reveals elements in only a few pixels, see
        Bright & Newbury (2004), Journal of Microscopy 216, 186.
    mask : array_like of bool, shape (y, x), optional
        Pixels to use, such as one of `region_masks`; all by default. Only rows with one of them
        are read.
    error : bool
        Whether to return the standard deviation of each channel as well: of photon counts that of
        the Poisson distribution; of a denoised result noise and bias as held-out counts show them
        (see `Uncertainty`). Errors of channels in one line are alike, and do not average out.
    should_stop : callable, optional
        Called before each band of rows; returns True to cancel.

    Returns
    -------
    numpy.ndarray, shape (energy,)
        Counts per channel. With `error` a tuple of two: these and their standard deviation.

    Raises
    ------
    DataError
        If the mask has another shape or no pixel, counts on disk cannot be used, or the error is
        asked for and not known.
    SettingsError
        If `kind` is none of these, or the error of maxima is asked for.
    Cancelled
        If `should_stop` returned True.

    Examples
    --------
    >>> image = SpectrumImage(np.arange(12).reshape(1, 2, 2, 3))
    >>> spectrum(image, "max")
    array([ 9., 10., 11.])
    >>> spectrum(image, "mean", mask=[[True, False], [True, False]])
    array([3., 4., 5.])
    """
    if kind not in get_args(Kind):
        raise SettingsError(f"kind: expected one of {', '.join(get_args(Kind))}, found {kind!r}")
    if error:
        check_known(image)
        if kind == "max":
            raise SettingsError("kind: the error of maxima is not known, expected 'sum' or 'mean'")
    where = np.ones(image.shape[1:3], bool) if mask is None else np.asarray(mask)
    (sums,) = region_sums(image, [where], should_stop)
    if not sums.pixels:
        raise DataError(f"{image.name}: the mask selects no pixel; expected at least one")
    if not error:
        return sums.spectrum(kind)
    deviation = sums.deviation(kind)
    if deviation is None:
        raise unknown(image)
    return sums.spectrum(kind), deviation


@dataclass(frozen=True, eq=False)
class PixelSums:
    """Counts of a set of pixels, all repeats added."""

    total: NDArray[np.float64]
    """Counts per channel, summed over the pixels, shape (energy,)."""
    highest: NDArray[np.float64]
    """Counts per channel of the pixel with the most in that channel, shape (energy,)."""
    pixels: int
    scans: int
    """Number of repeats whose mean is taken; 1 if their sum is."""
    is_whole: bool
    """Whether all counts are whole numbers, as those of photons are."""
    variance: NDArray[np.float64] | None = None
    """Of `total`, where it is known."""

    @classmethod
    def of_pixel(
        cls,
        repeats: NDArray[np.generic],
        image: SpectrumImage,
        place: tuple[int, int] = (0, 0),
    ) -> PixelSums:
        """Return the sums of one pixel (y, x) of an image from its repeats (repeat, energy)."""
        total = np.asarray(repeats).sum(axis=0, dtype=np.float64)
        scans = len(repeats) if image.combination == "mean" else 1
        whole = is_whole(repeats)
        variance = pixel_spectrum_variance(image, place, total, whole)
        return cls(total, total, 1, scans, whole, variance)

    def divisor(self, kind: Kind) -> int:
        """Return the divisor that makes a spectrum of this kind of the counts."""
        return self.scans * max(1, self.pixels) if kind == "mean" else self.scans

    def spectrum(self, kind: Kind) -> NDArray[np.float64]:
        """Return the spectrum of this kind, in counts per channel."""
        counts = self.highest if kind == "max" else self.total
        return counts / self.divisor(kind)

    def deviation(self, kind: Kind) -> NDArray[np.float64] | None:
        """Return the standard deviation of that spectrum, None if it is not known."""
        if self.variance is None or kind == "max":
            return None
        return np.asarray(np.sqrt(self.variance) / self.divisor(kind))


def whole_sums(image: SpectrumImage, should_stop: Callable[[], bool] = lambda: False) -> PixelSums:
    """Return the sums over all pixels of an image, read once and band by band."""
    everywhere = np.ones(image.shape[1:3], bool)
    return region_sums(image, [everywhere], should_stop)[0]


def region_sums(
    image: SpectrumImage,
    masks: Sequence[NDArray[np.bool_]],
    should_stop: Callable[[], bool] = lambda: False,
) -> list[PixelSums]:
    """Return the sums over several sets of pixels (y, x), which may overlap.

    Only rows with one of them are read.

    >>> image = SpectrumImage(np.arange(12).reshape(1, 2, 2, 3))
    >>> (left,) = region_sums(image, [np.array([[True, False], [True, False]])])
    >>> left.total, left.pixels
    (array([ 6.,  8., 10.]), 2)
    """
    for mask in masks:
        if mask.shape != image.shape[1:3] or mask.dtype != bool:
            raise DataError(
                f"{image.name}: expected masks of bool and shape {image.shape[1:3]} (y, x), found "
                f"{mask.dtype} of shape {mask.shape}"
            )
    size = image.shape[3]
    totals, highest = np.zeros((len(masks), size)), np.zeros((len(masks), size))
    whole = [True] * len(masks)
    used = np.flatnonzero([any(mask[row].any() for mask in masks) for row in range(image.shape[1])])
    if used.size:
        first, last = int(used[0]), int(used[-1]) + 1
        for rows, band in image.select(y=slice(first, last)).blocks():
            for number, mask in enumerate(masks):
                if should_stop():
                    raise Cancelled(f"{image.name}: the sum was cancelled")
                inside = mask[first + rows.start : first + rows.stop]
                if not inside.any():
                    continue
                # No copy where the whole band is inside.
                counts = band.reshape(len(band), -1, size) if inside.all() else band[:, inside]
                totals[number] += counts.sum(axis=(0, 1), dtype=np.float64)
                whole[number] = whole[number] and is_whole(counts)
                pixels = counts[0] if len(counts) == 1 else counts.sum(axis=0, dtype=np.float64)
                np.maximum(highest[number], pixels.max(axis=0), out=highest[number])
    scans = image.n_repeats if image.combination == "mean" else 1
    return [
        PixelSums(
            totals[number],
            highest[number],
            int(mask.sum()),
            scans,
            whole[number],
            sum_variance(image, mask, totals[number], whole[number]),
        )
        for number, mask in enumerate(masks)
    ]
