"""Standard deviations of weighted sums of counts: of photons, and of denoised results.

The variance of photon counts is their mean, so that the counts times the square of each weight
estimate the variance of a weighted sum. A denoised result carries what is known of its errors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.core.lazy_arrays import is_whole
from napari_xrf_denoise.core.spectrum_image import SpectrumImage

Floats = NDArray[np.float64]


def check_known(image: SpectrumImage) -> None:
    """Refuse an image whose errors are not known.

    Raises
    ------
    DataError
        If it is a denoised result without uncertainty.
    """
    if image.uncertainty is None and "denoising" in image.metadata:
        raise DataError(
            f"{image.name}: this denoised result carries no uncertainty, as those of the methods "
            "'stack' and 'pca' do where counts can be held out (photons, or at least 4 repeats), "
            "and those of their models on other photon counts than the model's own; denoise the "
            "counts again, leave out error, or take the error of the raw counts"
        )


def check_whole(image: SpectrumImage, counts: NDArray[Any]) -> None:
    """Refuse counts that are no photons, whose variance is not their mean."""
    if image.uncertainty is None and not is_whole(counts):
        raise unknown(image)


def unknown(image: SpectrumImage) -> DataError:
    """Return the error that says why standard deviations of counts are not known."""
    return DataError(
        f"{image.name}: the error of counts is known where they are whole numbers of photons or a "
        "denoised result, found other values; leave out error"
    )


def pixel_deviation(
    image: SpectrumImage, weights: Floats, squares: Floats, factor: Floats
) -> NDArray[np.float32]:
    """Return the standard deviation (y, x) of weighted sums over channels, times a factor.

    `squares` (y, x) is the sum of the counts with all that they are multiplied with squared;
    `factor` (repeat, y, x) is that of each pixel.
    """
    if image.uncertainty is None:
        return np.asarray(np.sqrt(squares), np.float32)
    # A result has one repeat, and its variance is known before the factor is applied.
    square = factor[0] ** 2
    counts = np.divide(squares, square, out=np.zeros_like(squares), where=square > 0)
    variance = image.uncertainty.pixel_variance(weights, counts)
    return np.asarray(np.sqrt(square * variance), np.float32)


def sum_deviation(
    image: SpectrumImage, mask: NDArray[np.bool_], weights: Floats, total: Floats
) -> Floats:
    """Return the standard deviation of weighted sums over the pixels of a mask, (n,).

    `weights` (n, energy) belong to the channels, `total` (energy,) are the counts in the mask,
    repeats combined, of a result that carries its uncertainty.
    """
    assert image.uncertainty is not None
    squares = weights**2
    in_spots = squares @ _in_spots(image, mask)
    return np.sqrt(image.uncertainty.sum_variance(weights, mask, squares @ total, in_spots))


def sum_variance(
    image: SpectrumImage, mask: NDArray[np.bool_], total: Floats, whole: bool
) -> Floats | None:
    """Return the variance of each channel of a sum over pixels, (energy,), None if not known.

    `total` (energy,) are the counts of all repeats in the mask (y, x), `whole` says whether they
    are photons.
    """
    if image.uncertainty is None:
        return _photon_variance(image, total, whole)
    in_spots = _in_spots(image, mask)
    return image.uncertainty.spectrum_variance(mask, total, in_spots)


def pixel_spectrum_variance(
    image: SpectrumImage, place: tuple[int, int], counts: Floats, whole: bool
) -> Floats | None:
    """Return the variance of each channel of a pixel (y, x), (energy,), None if not known.

    `counts` (energy,) are its own, of all repeats, `whole` says whether they are photons.
    """
    if image.uncertainty is None:
        return _photon_variance(image, counts, whole)
    near, mask = image.uncertainty.around(*place)
    in_spots = counts if image.uncertainty.spots[place] else np.zeros_like(counts)
    return near.spectrum_variance(mask, counts, in_spots)


def _photon_variance(image: SpectrumImage, total: Floats, whole: bool) -> Floats | None:
    return total if whole and "denoising" not in image.metadata else None


def _in_spots(image: SpectrumImage, mask: NDArray[np.bool_]) -> Floats:
    """Return the counts of a result's spots in a mask (y, x), (energy,)."""
    assert image.uncertainty is not None
    places = np.argwhere(image.uncertainty.spots & mask)
    rows = [np.asarray(image.counts[0, y, x], np.float64) for y, x in places]
    return np.sum(rows, axis=0) if rows else np.zeros(image.energy.size)
