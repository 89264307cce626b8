"""One look at all counts before a run: totals, whole numbers, copies, Poisson statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.arrays import is_whole
from napari_xrf_denoise.errors import DataError
from napari_xrf_denoise.spectrum_image import SpectrumImage

from .progress import Watch

TOLERANCE = 0.05
"""How far the variance over repeats may be from the mean, as a share of it, to pass as Poisson."""


@dataclass(frozen=True)
class Fano:
    """Variance over mean of counts over repeats: 1 for Poisson counts.

    Parameters
    ----------
    factor : float
        Variance over mean; NaN without repeats.
    error : float
        Standard error of `factor` for Poisson counts.
    """

    factor: float
    error: float

    @property
    def is_poisson(self) -> bool:
        """Whether repeats scatter as Poisson counts do; true when there are none to ask."""
        if not np.isfinite(self.factor):
            return True
        return abs(self.factor - 1) < max(TOLERANCE, 5 * self.error)


@dataclass(frozen=True, eq=False)
class Survey:
    """What one pass over an image found.

    Parameters
    ----------
    totals : numpy.ndarray, shape (repeat,)
        Counts of each repeat.
    spectrum : numpy.ndarray, shape (energy,)
        Counts of each channel, all repeats and pixels added up.
    whole : bool
        Whether every count is a whole number.
    fano : Fano
        Over repeats, each compared with its share of the counts, as detector elements need.
    """

    totals: NDArray[np.float64]
    spectrum: NDArray[np.float64]
    whole: bool
    fano: Fano

    @property
    def total(self) -> float:
        """All counts."""
        return float(self.totals.sum())

    @property
    def is_poisson(self) -> bool:
        """Whether nothing speaks against Poisson counts."""
        return self.whole and self.fano.is_poisson


def survey(image: SpectrumImage, watch: Watch | None = None) -> Survey:
    """Look at all counts of an image once.

    Parameters
    ----------
    image : SpectrumImage
    watch : Watch, optional

    Returns
    -------
    Survey

    Raises
    ------
    DataError
        If two repeats that hold any counts are identical: a copy is no repeat.
    """
    repeats = image.n_repeats
    totals, spectrum = np.zeros(repeats), np.zeros(image.shape[3])
    whole = True
    same = np.ones((repeats, repeats), dtype=bool)
    moments = _Moments(repeats)
    for rows, band in image.blocks():
        if watch is not None:
            watch.step("checking the counts", rows.stop / image.shape[1])
        totals += band.sum(axis=(1, 2, 3), dtype=np.float64)
        spectrum += band.sum(axis=(0, 1, 2), dtype=np.float64)
        whole = whole and is_whole(band)
        if repeats > 1:
            _compare(band, same)
            moments.add(band)
    for first, second in zip(*np.nonzero(np.triu(same, 1)), strict=True):
        if totals[first] > 0:
            raise DataError(
                f"{image.name}: axis 'repeat': repeats {first} and {second} are identical; "
                "expected independent measurements, found a copy; leave one of them out"
            )
    return Survey(totals, spectrum, whole, moments.fano(totals))


def _compare(band: NDArray[Any], same: NDArray[np.bool_]) -> None:
    """Clear the entries of pairs of repeats that differ in this band."""
    for first, second in zip(*np.nonzero(np.triu(same, 1)), strict=True):
        same[first, second] = np.array_equal(band[first], band[second])


class _Moments:
    """Sums that give the scatter of repeats about their shares of the mean in one pass."""

    def __init__(self, repeats: int) -> None:
        self.repeats = repeats
        self.own = np.zeros(repeats)
        self.cross = np.zeros(repeats)
        self.square = self.mean = 0.0

    def add(self, band: NDArray[Any]) -> None:
        """Add the counts of a band, (repeat, rows, x, energy)."""
        counts = band.reshape(self.repeats, -1).astype(np.float64)
        mean = counts.mean(axis=0)
        self.own += (counts**2).sum(axis=1)
        self.cross += counts @ mean
        self.square += float(mean @ mean)
        self.mean += float(mean.sum())

    def fano(self, totals: NDArray[np.float64]) -> Fano:
        """Return variance over mean, each repeat compared with its share of the counts."""
        if self.repeats < 2 or self.mean == 0:
            return Fano(float("nan"), float("nan"))
        share = totals / totals.mean()
        scatter = float((self.own - 2 * share * self.cross + share**2 * self.square).sum())
        # What the mean of all repeats takes away of the scatter; 1 where all shares are equal.
        freedom = self.repeats - float((share**2).sum()) / self.repeats
        spread = 2 * self.square / (self.repeats - 1) + self.mean / self.repeats
        return Fano(scatter / freedom / self.mean, spread**0.5 / self.mean)
