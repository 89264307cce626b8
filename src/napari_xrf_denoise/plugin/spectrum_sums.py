"""Spectra of many pixels together, added up band by band, without Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.arrays import is_whole
from napari_xrf_denoise.errors import Cancelled, DataError
from napari_xrf_denoise.spectrum_image import SpectrumImage


@dataclass(frozen=True, eq=False)
class PixelSums:
    """What the pixels of a place count together, all repeats added.

    Parameters
    ----------
    total : numpy.ndarray, shape (energy,)
        Counts of each channel, added over the pixels.
    highest : numpy.ndarray, shape (energy,)
        Counts of each channel in the pixel that has most of them there.
    pixels : int
        How many pixels there are.
    is_whole : bool
        Whether all counts are whole numbers, as those of photons are.
    """

    total: NDArray[np.float64]
    highest: NDArray[np.float64]
    pixels: int
    is_whole: bool


def whole_sums(image: SpectrumImage, should_stop: Callable[[], bool] = lambda: False) -> PixelSums:
    """Return the sums over all pixels of an image, reading it once and band by band.

    Parameters
    ----------
    image : SpectrumImage
    should_stop : callable, optional
        Asked at every band.

    Raises
    ------
    Cancelled
        If `should_stop` returned True.
    DataError
        If counts on disk cannot be used.

    Examples
    --------
    >>> image = SpectrumImage(np.arange(12).reshape(1, 2, 2, 3))
    >>> sums = whole_sums(image)
    >>> sums.total, sums.highest
    (array([18., 22., 26.]), array([ 9., 10., 11.]))
    """
    everywhere = np.ones(image.shape[1:3], bool)
    return region_sums(image, [everywhere], should_stop)[0]


def region_sums(
    image: SpectrumImage,
    masks: Sequence[NDArray[np.bool_]],
    should_stop: Callable[[], bool] = lambda: False,
) -> list[PixelSums]:
    """Return the sums over several sets of pixels; only rows that one of them has are read.

    Parameters
    ----------
    image : SpectrumImage
    masks : sequence of numpy.ndarray of bool, shape (y, x)
        They may overlap.
    should_stop : callable, optional
        Asked at every band.

    Raises
    ------
    Cancelled
        If `should_stop` returned True.
    DataError
        If a mask has another shape, or counts on disk cannot be used.

    Examples
    --------
    >>> image = SpectrumImage(np.arange(12).reshape(1, 2, 2, 3))
    >>> (left,) = region_sums(image, [np.array([[True, False], [True, False]])])
    >>> left.total, left.pixels
    (array([ 6.,  8., 10.]), 2)
    """
    for mask in masks:
        if mask.shape != image.shape[1:3]:
            raise DataError(
                f"{image.name}: expected masks of shape {image.shape[1:3]} (y, x), found "
                f"{mask.shape}"
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
                    raise Cancelled(f"{image.name}: the sum is not wanted any more")
                inside = mask[first + rows.start : first + rows.stop]
                if not inside.any():
                    continue
                # Without a copy where the band is inside as a whole.
                counts = band.reshape(len(band), -1, size) if inside.all() else band[:, inside]
                totals[number] += counts.sum(axis=(0, 1), dtype=np.float64)
                whole[number] = whole[number] and is_whole(counts)
                pixels = counts[0] if len(counts) == 1 else counts.sum(axis=0, dtype=np.float64)
                np.maximum(highest[number], pixels.max(axis=0), out=highest[number])
    return [
        PixelSums(totals[number], highest[number], int(mask.sum()), whole[number])
        for number, mask in enumerate(masks)
    ]
