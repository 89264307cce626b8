"""Whether values within a group of channels are as frequent as those of photons.

The inequality of `values` is nearly an equality where rates are alike, and says least where dark
and bright channels are counted together. Within groups of channels, neighbouring ones or those of
like sums, it finds more. Given the sum n of its channel, a count is binomial, so that grouping by
sums raises the factor (v + 1) / v by (n - v + 1) / (n - v): little from `FEWEST` on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .channels import RARE
from .values import LAST_CHANNELS, clearness

GROUPS = 8
"""Groups of channels."""
VALUES = 16
"""Values from 0 that are counted; larger ones have few voxels in a group."""
EXCESS = 1.05
"""How often a value must occur, over the most that its neighbours allow, to matter. Single counts
among 0 and 2 that are so frequent lack 5 % of the scatter, the tolerance of `Fano`."""
FEWEST = 100
"""Counts of a channel that is grouped with others of like sums."""


def channel_groups(size: int) -> NDArray[np.int32]:
    """Return the group of each channel; the last ones, which may overflow, are one of their own."""
    groups = (np.arange(size) * GROUPS // size).astype(np.int32)
    groups[max(size - LAST_CHANNELS, 0) :] = GROUPS
    return groups


class GroupedValues:
    """How often each small value occurs in each channel, (energy, value)."""

    def __init__(self, size: int) -> None:
        self.numbers = np.zeros((size, VALUES), dtype=np.int64)

    def add(self, band: NDArray[Any]) -> None:
        """Count the values of whole numbers of shape (repeat, rows, x, energy)."""
        size = band.shape[3]
        flat = band.reshape(-1)
        picked = np.flatnonzero(flat)
        channel = picked - picked // size * size
        cell = channel * (VALUES + 1) + np.minimum(flat[picked], VALUES).astype(np.int64)
        found = np.bincount(cell, minlength=size * (VALUES + 1)).reshape(size, VALUES + 1)
        found[:, 0] = flat.size // size - found.sum(axis=1)
        self.numbers += found[:, :VALUES]

    def plus(self, other: GroupedValues) -> GroupedValues:
        """Return the numbers of both."""
        both = GroupedValues(0)
        both.numbers = self.numbers + other.numbers
        return both


@dataclass(frozen=True)
class UnevenValues:
    """A value that photon counts of any rates have less often, beside its neighbours."""

    value: int
    numbers: tuple[int, int, int]
    """Voxels that hold the value before it, it, and the one after it."""
    times: float
    """How often it occurs, over the most that the others allow."""

    def __str__(self) -> str:
        before, own, after = self.numbers
        return (
            f"counts are not single photons: the value {self.value} occurs {own} times in a group "
            f"of channels, {self.value - 1} {before} and {self.value + 1} {after} times, "
            f"{self.times:.2f} times as often as any rates allow, as after a correction (dead "
            "time, normalisation), averaging or noise that was rounded to whole numbers, or where "
            "one photon counts as two; none can be held out to tell a dose gain; give the counts "
            "as they were measured"
        )


def find_uneven(
    values: GroupedValues, spectrum: NDArray[np.float64], *, overflow: bool = False
) -> UnevenValues | None:
    """Return the clearest uneven value; `overflow` leaves the last channels out.

    `spectrum` (energy,) holds the counts of each channel.
    """
    groups = _groups(values.numbers, spectrum, overflow)
    triples = np.stack([groups[:, :-2], groups[:, 1:-1], groups[:, 2:]])
    value = np.arange(1, VALUES - 1)
    factor = (value + 1) / value
    clear = clearness(triples, EXCESS**2 * factor)
    if not clear.max() > 2 * np.log(clear.size / RARE):
        return None
    group, place = np.unravel_index(int(np.argmax(clear)), clear.shape)
    before, own, after = triples[:, group, place]
    times = own / np.sqrt(max(factor[place] * before * after, 1))
    return UnevenValues(int(value[place]), (int(before), int(own), int(after)), float(times))


def _groups(
    numbers: NDArray[np.int64], spectrum: NDArray[np.float64], overflow: bool
) -> NDArray[np.float64]:
    """Return the numbers of groups of channels, (group, value)."""
    near = channel_groups(spectrum.size)
    # Octaves of the sums, from the lowest on.
    like = GROUPS + 1 + np.log2(np.maximum(spectrum, 1) / FEWEST).astype(int)
    parts = (near, np.where(spectrum >= FEWEST, like, -1))
    kept = near < GROUPS if overflow else near >= 0
    found = [
        numbers[kept & (part == group)].sum(axis=0)
        for part in parts
        for group in np.unique(part[kept & (part >= 0)])
    ]
    return np.stack([*found, numbers[kept].sum(axis=0)]).astype(np.float64)
