"""Whether neighbouring counts are single photons, independent of each other, whatever the rates.

Two independent Poisson counts a and b of any rates λ and μ, given their sum s, split it like s
tosses of one coin: a is binomial with the chance p = λ / (λ + μ). The difference |a - b| is
smallest, in the sense of stochastic order, for the fair coin, p = 1/2, for which
E[(a - b)²] = s and Var[(a - b)²] = 2 s (s - 1). For disjoint pairs with the sums s therefore

    Σ [(a - b)² / s - 1]

has an expectation of at least 0, and falls below -z (Σ 2 (s - 1) / s)^½ with a chance below
exp(-z² / 2): for fair coins E exp[-t ((a - b)² - s)] <= exp[t² s (s - 1)] for all t >= 0. Counts
that were interpolated, smoothed or copied split too evenly along the axes along which that was
done; counts that were multiplied and rounded split so for some sums, along all axes. As the test
is given the sums, it stays exact in any choice of pairs by their sums.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .channels import RARE
from .grouped_values import GROUPS, channel_groups

AXES = ("rows", "columns", "channels")
ROWS, COLUMNS, CHANNELS, APART = range(4)
APART_BY = 4
"""Columns between pixels that are compared as well: what they show is of the values, no tie."""
LEVELS_PER_OCTAVE = 4
"""Levels of the counts of a pair of pixels, as a dead time depends on them, ..."""
LEVELS = 25 * LEVELS_PER_OCTAVE
"""... of which the last holds all above."""
ENOUGH, RUN = 50_000_000, 8
"""Voxels that say enough: of larger maps, runs of so many rows are looked at, evenly spread."""
FEWEST = 100
"""Pairs of a cell that is tested: with fewer, hardly any outcome is rare enough."""
LEAST_TIE = 0.05
"""Least lack of scatter, as a share of that of photons, to matter: the tolerance of `Fano`."""
MORE = 2.0
"""How many times as clear as apart an axis must be tied to be named: values that were rounded show
apart as well, less so where the rates there differ more."""


def _sizes() -> NDArray[np.int64]:
    """Return the smallest sum of each class: single sums first, then half octaves."""
    octaves = 2 ** np.arange(3, 21)
    return np.concatenate([np.arange(2, 8), np.stack([octaves, octaves * 3 // 2], 1).ravel()])


SIZES = _sizes()
LARGEST_SUM = int(SIZES[-1])
CLASS = (np.searchsorted(SIZES, np.arange(4096), side="right") - 1).astype(np.int32)
"""Class of each sum, as far as sums are frequent."""
SPREAD = 2 * (1 - 1 / np.append(SIZES[1:] - 1.0, np.inf))
"""Variance of (a - b)² / s of the largest sum of each class, for fair coins."""


class NeighbourPairs:
    """Adds up how unevenly pairs of neighbours split their sums, band by band.

    `excess` holds Σ [(a - b)² / s - 1], `numbers` the pairs, of the axes (axis, parity, level,
    group, class): whether pairs start at even or odd places, the level of their pixels' counts,
    their group of channels, as of `channel_groups`, and the class of s.
    """

    def __init__(self, shape: tuple[int, int, int, int]) -> None:
        self._groups = channel_groups(shape[3])
        cells = (len(AXES) + 1, 2, LEVELS, GROUPS + 1, SIZES.size)
        self.excess, self.numbers = np.zeros(cells), np.zeros(cells, dtype=np.int64)
        self._every = -(-int(np.prod(shape, dtype=np.int64)) // ENOUGH)
        self._first: tuple[int, NDArray[Any]] | None = None
        self._last: tuple[int, NDArray[Any]] | None = None

    def add(self, rows: slice, band: NDArray[Any]) -> None:
        """Add whole counts of shape (repeat, rows, x, energy)."""
        small = band.dtype.kind in "ui" and band.dtype.itemsize < 4
        start = rows.start
        while start < rows.stop:
            run = start // RUN
            stop = rows.stop if self._every == 1 else min((run + 1) * RUN, rows.stop)
            if run % self._every == 0 or self._every == 1:
                part = band[:, start - rows.start : stop - rows.start]
                self._add_rows(start, part.astype(np.int32 if small else np.int64))
            start = stop

    def _add_rows(self, start: int, counts: NDArray[Any]) -> None:
        for parity in (0, 1):
            one, other = slice(parity, -1, 2), slice(parity + 1, None, 2)
            totals = 2 * counts.sum(axis=3, dtype=np.float64)
            groups = self._groups[other]
            self._pairs((CHANNELS, parity), counts[..., one], counts[..., other], totals, groups)
            self._pixels((COLUMNS, parity), counts[:, :, one], counts[:, :, other])
            self._pixels((ROWS, (start + parity) % 2), counts[:, one], counts[:, other])
        blocks = counts.shape[2] // (2 * APART_BY)
        apart = counts[:, :, : blocks * 2 * APART_BY]
        apart = apart.reshape(*counts.shape[:2], blocks, 2, APART_BY, counts.shape[3])
        self._pixels((APART, 0), apart[:, :, :, 0], apart[:, :, :, 1])
        first = start, counts[:, :1].copy()
        self._pair_rows(first)
        self._first = self._first or first
        self._last = start + counts.shape[1], counts[:, -1:].copy()

    def _pair_rows(self, below: tuple[int, NDArray[Any]]) -> None:
        """Add the pairs of the last row and of the one below, if that is the next one."""
        start, counts = below
        if self._last is not None and self._last[0] == start:
            self._pixels((ROWS, (start - 1) % 2), self._last[1], counts)

    def plus(self, below: NeighbourPairs) -> NeighbourPairs:
        """Return the pairs in these rows and in the next ones, and between them."""
        both = copy(self)
        both.excess, both.numbers = self.excess + below.excess, self.numbers + below.numbers
        if below._first is not None:
            both._pair_rows(below._first)
        both._first, both._last = self._first or below._first, below._last or self._last
        return both

    def _pixels(self, place: tuple[int, int], first: NDArray[Any], second: NDArray[Any]) -> None:
        """Add pairs of pixels, all channels of them."""
        totals = first.sum(axis=-1, dtype=np.float64) + second.sum(axis=-1, dtype=np.float64)
        self._pairs(place, first, second, totals, self._groups)

    def _pairs(
        self,
        place: tuple[int, int],
        first: NDArray[Any],
        second: NDArray[Any],
        totals: NDArray[np.float64],
        groups: NDArray[np.int32],
    ) -> None:
        """Add pairs; `totals` are the counts of their pixels, `groups` those of their channels."""
        sums = (first + second).reshape(-1)
        # One photon alone splits in one way only.
        picked = np.flatnonzero(sums > 1)
        if not picked.size:
            return
        sums = sums[picked]
        difference = (first - second).reshape(-1)[picked].astype(np.float64)
        # A division by one number is fast, unlike divmod.
        pixel = picked // groups.size
        channel = picked - pixel * groups.size
        level = np.log2(np.maximum(totals.reshape(-1), 1)) * LEVELS_PER_OCTAVE
        level = np.minimum(level.astype(np.int32), LEVELS - 1)
        cell = (level[pixel] * (GROUPS + 1) + groups[channel]) * SIZES.size + _class(sums)
        shape = self.numbers.shape[2:]
        cells = int(np.prod(shape))
        self.numbers[place] += np.bincount(cell, minlength=cells).reshape(shape)
        excess = difference**2 / sums - 1
        self.excess[place] += np.bincount(cell, excess, minlength=cells).reshape(shape)


def _class(sums: NDArray[Any]) -> NDArray[np.int32]:
    """Return the class of each sum."""
    found: NDArray[np.int32] = CLASS[np.minimum(sums, CLASS.size - 1)]
    large = sums >= CLASS.size
    if large.any():
        found[large] = np.searchsorted(SIZES, sums[large], side="right") - 1
    return found


@dataclass(frozen=True)
class Ties:
    """Neighbours that are more alike than photon counts of any rates can be."""

    axes: tuple[str, ...]
    """Those of `AXES` along which they are far more alike than pixels apart; empty if none is, or
    if that is not known."""
    scatter: float
    """Their mean (a - b)² / s where it lacks most clearly; at least 1 for photons."""

    def __str__(self) -> str:
        amount = f"{self.scatter:.2f} times the least that photons give"
        remedy = (
            "none can be held out to tell a dose gain; give the counts as they were measured, "
            "align repeats with --align or align_repeats(image), and add up pixels with --rebin or "
            "image.rebin(...), which keep single photons"
        )
        if self.axes:
            *first, last = self.axes
            named = f"{', '.join(first)} and {last}" if first else last
            return (
                f"counts are not independent photons: neighbouring {named} are too alike for any "
                f"sample (their squared differences are {amount}), as after interpolating, "
                f"smoothing, upsampling or copying along them; {remedy}"
            )
        return (
            "counts are not single photons: pairs of them are too alike for any sample (their "
            f"squared differences are {amount}), as after a correction (dead time, normalisation), "
            f"interpolation, smoothing or noise that was rounded to whole numbers; {remedy}"
        )


def find_ties(pairs: NeighbourPairs, *, overflow: bool = False) -> Ties | None:
    """Return how neighbours are tied, if they are; `overflow` leaves the last channels out."""
    groups = slice(GROUPS if overflow else GROUPS + 1)
    excess = _cells(pairs.excess[:, :, :, groups])
    numbers = _cells(pairs.numbers[:, :, :, groups])
    tested = numbers >= FEWEST
    if not tested.any():
        return None
    at_least = np.maximum(numbers, 1)
    clear = np.where(tested, -excess / np.sqrt(at_least * SPREAD), 0.0)
    lack = np.where(tested, -excess / at_least, 0.0)
    limit = float(np.sqrt(2 * np.log(np.count_nonzero(tested) / RARE)))
    found = np.where((clear > limit) & (lack > LEAST_TIE), clear, 0.0)
    if not found.any():
        return None
    best = clear.reshape(len(clear), -1).max(axis=1)
    named = [
        name
        for name, own, own_found in zip(AXES, best, found, strict=False)
        if tested[APART].any() and own_found.any() and own > MORE * best[APART]
    ]
    worst = np.unravel_index(int(np.argmax(found)), found.shape)
    return Ties(tuple(named), 1 - float(lack[worst]))


def _cells(table: NDArray[Any]) -> NDArray[Any]:
    """Return the sums of a table over levels, over groups, and over both: (axis, cell, class)."""
    parts = [table.sum(axis=over) for over in ((2, 3), 3, 2)]
    return np.concatenate([part.reshape(len(table), -1, SIZES.size) for part in parts], axis=1)
