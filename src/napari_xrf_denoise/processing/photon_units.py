"""Photon counts from counts that were scaled by a factor."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.errors import DataError, SettingsError
from napari_xrf_denoise.core.lazy_arrays import as_lazy
from napari_xrf_denoise.core.spectrum_image import SpectrumImage

__all__ = ["to_photon_counts"]

ROUGHLY = 1e-3
"""How far from whole photons a count may be: float32 keeps 7 digits, and a typed unit fewer."""
MOST = 2**32 - 1
"""Largest number of photons that the result holds."""


def to_photon_counts(image: SpectrumImage, /, unit: float) -> SpectrumImage:
    """Return the photon counts of an image whose counts are multiples of a unit.

    Files hold such counts after averaging two scans (multiples of 0.5), or if each photon was
    written as several counts. Poisson statistics, and with them thinning, need photon counts.

    Parameters
    ----------
    image : SpectrumImage
    unit : float
        Value of one photon in the counts, above 0.

    Returns
    -------
    SpectrumImage
        With whole counts, computed lazily; ``metadata["photon_unit"]`` is the unit, times an
        earlier one.

    Raises
    ------
    SettingsError
        If the unit is not above 0.
    DataError
        If counts are not multiples of the unit, or exceed 2³² - 1 photons.

    Examples
    --------
    >>> image = SpectrumImage(np.array([[[[0.0, 0.5, 2.5]]]]))
    >>> np.asarray(to_photon_counts(image, 0.5).counts).tolist()
    [[[[0, 1, 5]]]]
    """
    if not (np.isfinite(unit) and unit > 0):
        raise SettingsError(f"unit of a photon: expected a number above 0, found {unit:g}")
    for _, band in image.blocks():
        _check(band, unit, image.name)
    counts = as_lazy(image.counts).map_blocks(_photons, unit, dtype=np.uint32)
    return image.replace(counts=counts).with_metadata(photon_unit=unit_of(image) * unit)


def unit_of(image: SpectrumImage) -> float:
    """Return the value of one count of the image in its file: 1 without `to_photon_counts`."""
    return float(image.metadata.get("photon_unit", 1.0))


def _photons(counts: NDArray[Any], unit: float) -> NDArray[np.uint32]:
    return np.rint(np.asarray(counts, dtype=np.float64) / unit).astype(np.uint32)


def _check(counts: NDArray[Any], unit: float, name: str) -> None:
    photons = counts / unit
    off = np.abs(photons - np.rint(photons)) > ROUGHLY * np.maximum(1, photons / 100)
    if photons.size and photons.max() > MOST:
        raise DataError(
            f"{name}: unit of a photon {unit:g}: a count of {counts.max():g} would be more than "
            f"{MOST:,} photons; give a larger unit"
        )
    if off.any():
        raise DataError(
            f"{name}: expected counts that are multiples of {unit:g}, found "
            f"{counts[off][0]:g}; give a unit of which all are multiples, or use the raw counts"
        )
