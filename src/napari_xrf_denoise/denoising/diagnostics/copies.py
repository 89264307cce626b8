"""Spectra that are exact copies of others at one distance, such as half of a map in the other half.

Counts of photons repeat a given spectrum with a chance of at most Π exp(-n) n^n / n! over its
channels, whatever the rates, hence at most exp(-m) if m channels hold counts. For pixels that are
compared one after the other, each with one before it, and a wager w,

    Π (1 - w + w [equal] exp(m))

has an expectation of at most 1, so that it exceeds 1 / chance with less than that chance (Ville).
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .channels import RARE

MARK_SEED = 20_240_229
"""Of the numbers that mark spectra: any will do, but each time the same."""
WAGERS = (0.5, 0.05, 0.005)
"""Shares of copies for which the test is best."""
CANDIDATES = 5000
"""Pixels, those with most filled channels, in which distances are looked for."""
DISTANCES = 4
"""Distances, the most frequent ones, that are tested."""


class SpectrumMarks:
    """A number for each spectrum, equal for equal ones, and how many channels hold counts.

    They are of the rows from a first one on.
    """

    def __init__(self, shape: tuple[int, int, int, int], first: int = 0) -> None:
        repeats, height, width, size = shape
        self._first = first
        rng = np.random.default_rng(MARK_SEED)
        # Odd: no number of counts up to 2**63 gives nothing.
        self._weights = rng.integers(2**64, size=(repeats, size), dtype=np.uint64) | np.uint64(1)
        self.marks = np.zeros((height, width), dtype=np.uint64)
        self.filled = np.zeros((height, width), dtype=np.int32)

    def add(self, rows: slice, band: NDArray[Any]) -> None:
        """Add whole counts of shape (repeat, rows, x, energy)."""
        own = slice(rows.start - self._first, rows.stop - self._first)
        for plane, weights in zip(band, self._weights, strict=True):
            # Sums of integers are exact, modulo 2**64, in any order.
            self.marks[own] += plane.astype(np.uint64) @ weights
            self.filled[own] += np.count_nonzero(plane, axis=2).astype(np.int32)

    def plus(self, below: SpectrumMarks) -> SpectrumMarks:
        """Return those of these rows and of the next ones."""
        both = copy(self)
        both.marks = np.concatenate([self.marks, below.marks])
        both.filled = np.concatenate([self.filled, below.filled])
        return both


@dataclass(frozen=True)
class Copies:
    """Pixels that hold exactly the spectra of others."""

    number: int
    """How many do."""
    of: int
    """How many pixels with counts have another one at this distance."""
    y: int
    """How many rows above the other is."""
    x: int
    """How many columns to the left; to the right if negative."""

    def __str__(self) -> str:
        parts = []
        if self.y:
            parts.append(f"{_some(self.y, 'row')} above")
        if self.x:
            side = "left" if self.x > 0 else "right"
            parts.append(f"{_some(abs(self.x), 'column')} to the {side}")
        return (
            f"{self.number} of {self.of} pixels hold exactly the counts of the pixel "
            f"{' and '.join(parts)}: copied, repeated or upsampled; what was copied holds no "
            "counts of its own, so that none can be held out to tell a dose gain; give the counts "
            "as they were measured, or leave the copies out"
        )


def _some(number: int, name: str) -> str:
    return f"{number} {name}{'s' if number > 1 else ''}"


def find_copies(spectra: SpectrumMarks) -> Copies | None:
    """Return the distance at which spectra are copies, if there is one."""
    height, width = spectra.marks.shape
    limit = np.log(2 * height * width * len(WAGERS) / RARE)
    best, found = limit, None
    for y, x in _distances(spectra):
        here, there = _shifted(y, x)
        filled = spectra.filled[there].astype(np.float64)
        equal = (spectra.marks[here] == spectra.marks[there]) & (filled > 0)
        of = int(np.count_nonzero(filled))
        gains = filled[equal]
        for wager in WAGERS:
            # log(1 - w + w exp(m)), without overflow.
            total = np.logaddexp(np.log1p(-wager), np.log(wager) + gains).sum()
            total += (of - gains.size) * np.log1p(-wager)
            if total > best:
                best, found = total, Copies(gains.size, of, y, x)
    return found


def _distances(spectra: SpectrumMarks) -> list[tuple[int, int]]:
    """Return the distances (y, x) at which most spectra occur again, y > 0 or y = 0 and x > 0."""
    filled = spectra.filled.reshape(-1)
    most = np.argsort(-filled, kind="stable")[:CANDIDATES]
    most = np.sort(most[filled[most] > 0])
    marks = spectra.marks.reshape(-1)[most]
    order = np.argsort(marks, kind="stable")
    same = np.flatnonzero(np.diff(marks[order]) == 0)
    width = spectra.marks.shape[1]
    first, second = (np.stack(np.divmod(most[order[same + i]], width)) for i in (0, 1))
    if not same.size:
        return []
    steps, numbers = np.unique(second - first, axis=1, return_counts=True)
    frequent = np.argsort(-numbers, kind="stable")[:DISTANCES]
    return [(int(y), int(x)) for y, x in steps[:, frequent].T]


def _shifted(y: int, x: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return where pixels are that have one at this distance before them, and where those are."""
    columns = slice(max(x, 0), min(x, 0) or None), slice(max(-x, 0), min(-x, 0) or None)
    return (slice(y, None), columns[0]), (slice(0, -y or None), columns[1])
