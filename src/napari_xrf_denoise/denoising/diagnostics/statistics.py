"""One look at all counts before a run: totals, whole numbers, copies, Poisson statistics."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.bands import stretches
from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.core.spectrum_image import BLOCK_BYTES, RepeatKind, SpectrumImage
from napari_xrf_denoise.core.workers import sum_up
from napari_xrf_denoise.processing.photon_units import unit_of
from napari_xrf_denoise.spectroscopy.line_windows import Window, find_windows

from .channels import find_overflow
from .copies import Copies, find_copies
from .grouped_values import UnevenValues, find_uneven
from .marginal_sums import MarginalSums, MarginalSumsTally
from .neighbours import Ties, find_ties
from .values import OddValues, odd_values

TOLERANCE = 0.05
"""How far the variance over repeats may be from the mean, as a share of it, to pass as Poisson."""

SHARE_VOXELS, SHARE_COUNTS = 1024, 200
"""Voxels and counts, on average, from which a detector element's share of the counts is taken."""


@dataclass(frozen=True)
class Fano:
    """Variance over mean of counts over repeats: 1 for Poisson counts."""

    factor: float
    """Variance over mean; NaN without repeats."""
    error: float
    """Standard error of `factor` for Poisson counts."""

    @property
    def is_poisson(self) -> bool:
        """Whether repeats scatter as Poisson counts do; true when there are none to ask."""
        if not np.isfinite(self.factor):
            return True
        return abs(self.factor - 1) < max(TOLERANCE, 5 * self.error)


@dataclass(frozen=True, eq=False)
class CountStatistics:
    """Result of one pass over the counts of an image."""

    totals: NDArray[np.float64]
    """Counts of each repeat."""
    spectrum: NDArray[np.float64]
    """Counts of each channel, summed over repeats and pixels."""
    whole: bool
    """Whether every count is a whole number."""
    fano: Fano
    """Over repeats, each compared with its share of the counts, as detector elements need."""
    energy: EnergyAxis
    odd: OddValues | None = None
    """Values that photon counts do not have, if there are any."""
    changed: Copies | Ties | UnevenValues | None = None
    """What else shows that the counts were changed since they were single photons, if so."""
    marginal_sums: MarginalSums | None = None
    """Sums in which `find_faults` looks for faults."""

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        """Windows of the strongest lines."""
        return find_windows(self.spectrum, self.energy)

    @property
    def total(self) -> float:
        """Sum of all counts."""
        return float(self.totals.sum())

    @property
    def fractions(self) -> NDArray[np.float64]:
        """Some of the values above 0 where counts are not whole; else none."""
        return np.zeros(0) if self.marginal_sums is None else self.marginal_sums.fractions

    @property
    def is_poisson(self) -> bool:
        """Whether no test speaks against Poisson counts."""
        return self.whole and self.fano.is_poisson and self.odd is None and self.changed is None


def count_statistics(image: SpectrumImage, watch: Watch | None = None) -> CountStatistics:
    """Look at all counts of an image once.

    Raises
    ------
    DataError
        If two repeats that hold any counts are identical: a copy is no repeat.
    """
    parts = stretches(image.counts, BLOCK_BYTES)

    def tell(done: int) -> None:
        if watch is not None:
            watch.step("checking the counts", done / len(parts))

    moments, same, sums = sum_up(partial(_look, image), parts, _plus, tell)
    marginal_sums = sums.result()
    whole = marginal_sums.whole
    totals = marginal_sums.spectra.sum(axis=1)
    for first, second in zip(*np.nonzero(np.triu(same, 1)), strict=True):
        if totals[first] > 0:
            raise DataError(
                f"{image.name}: axis 'repeat': repeats {first} and {second} are identical; "
                "expected independent measurements, found a copy; leave one of them out"
            )
    spectrum = marginal_sums.spectra.sum(axis=0)
    # An overflow channel is no part of the spectrum, and says nothing of the others' statistics.
    size = spectrum.size
    overflow = find_overflow(spectrum)
    end = size if overflow is None else overflow
    odd, changed = None, None
    if whole:
        odd = odd_values(marginal_sums.values.without_last(size - end), unit_of(image))
        changed = _changed(marginal_sums, overflow is not None)
    fano = moments.fano(marginal_sums.spectra[:, :end], image.repeat_kind)
    return CountStatistics(totals, spectrum, whole, fano, image.energy, odd, changed, marginal_sums)


_Look = tuple["_Moments", NDArray[np.bool_], MarginalSumsTally]


def _look(image: SpectrumImage, rows: slice) -> _Look:
    """Return what some rows say: scatter of repeats, which of them are equal, and sums."""
    repeats = image.n_repeats
    same = np.ones((repeats, repeats), dtype=bool)
    moments, sums = _Moments(repeats, image.shape[3]), MarginalSumsTally(image.shape, rows)
    for place, band in image.blocks(within=rows):
        sums.add(place, band)
        if repeats > 1:
            _compare(band, same)
            moments.add(band)
    return moments, same, sums


def _plus(above: _Look, below: _Look) -> _Look:
    """Return what these rows and the next ones say."""
    return above[0].plus(below[0]), above[1] & below[1], above[2].plus(below[2])


def _changed(sums: MarginalSums, overflow: bool) -> Copies | Ties | UnevenValues | None:
    """Return the fault that says most: copies and neighbours name the place, values do not."""
    return (
        find_copies(sums.marks)
        or find_ties(sums.pairs, overflow=overflow)
        or find_uneven(sums.grouped, sums.spectra.sum(axis=0), overflow=overflow)
    )


def _compare(band: NDArray[Any], same: NDArray[np.bool_]) -> None:
    """Clear the entries of pairs of repeats that differ in this band."""
    for first, second in zip(*np.nonzero(np.triu(same, 1)), strict=True):
        same[first, second] = np.array_equal(band[first], band[second])


class _Moments:
    """Sums that give the scatter of repeats about their shares of the mean in one pass.

    They are kept for each channel, because elements of a detector may see different spectra.
    """

    def __init__(self, repeats: int, size: int) -> None:
        self.repeats = repeats
        self.own = np.zeros((repeats, size))
        self.cross = np.zeros((repeats, size))
        self.square, self.mean = np.zeros(size), np.zeros(size)
        self.pixels = 0

    def add(self, band: NDArray[Any]) -> None:
        """Add the counts of a band, (repeat, rows, x, energy)."""
        counts = band.reshape(self.repeats, -1, band.shape[3]).astype(np.float64)
        mean = counts.mean(axis=0)
        self.own += np.einsum("rpe,rpe->re", counts, counts)
        self.cross += np.einsum("rpe,pe->re", counts, mean)
        self.square += np.einsum("pe,pe->e", mean, mean)
        self.mean += mean.sum(axis=0)
        self.pixels += counts.shape[1]

    def plus(self, other: _Moments) -> _Moments:
        """Return the sums over the pixels of both."""
        both = copy(self)
        both.own, both.cross = self.own + other.own, self.cross + other.cross
        both.square, both.mean = self.square + other.square, self.mean + other.mean
        both.pixels = self.pixels + other.pixels
        return both

    def fano(self, spectra: NDArray[np.float64], kind: RepeatKind) -> Fano:
        """Return variance over mean, each repeat compared with its share of the counts.

        `spectra` (repeat, energy) holds all channels, or the first ones. Scans and frames have one
        share of all counts, detector elements one in each window of channels.
        """
        size = spectra.shape[1]
        own, cross, square = self.own[:, :size], self.cross[:, :size], self.square[:size]
        means = self.mean[:size]
        if self.repeats < 2 or means.sum() == 0:
            return Fano(float("nan"), float("nan"))
        width = size
        if kind == "detector":
            enough = max(SHARE_VOXELS / self.pixels, SHARE_COUNTS * size / spectra.sum())
            width = int(np.clip(enough, 1, 64))
        starts = np.arange(0, max(size - width // 2, 1), width)
        windows = np.add.reduceat(spectra, starts, axis=1)
        share = windows / np.maximum(windows.mean(axis=0), 1e-12)
        share = np.repeat(share, np.diff(np.append(starts, size)), axis=1)
        scatter = float((own - 2 * share * cross + share**2 * square).sum())
        # What the mean of all repeats takes away of the scatter; 1 where all shares are equal.
        freedom = self.repeats - (share**2).sum(axis=0) / self.repeats
        # What the shares, which were taken from the same counts, take away of it.
        fitted = np.add.reduceat(square, starts) / np.maximum(np.add.reduceat(means, starts), 1e-12)
        expected = float(freedom @ means - freedom[starts] @ fitted)
        mean = float(means.sum())
        spread = 2 * float(square.sum()) / (self.repeats - 1) + mean / self.repeats
        return Fano(scatter / max(expected, 1e-12), spread**0.5 / mean)
