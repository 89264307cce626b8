"""Whether the values of the counts are as frequent as those of photons.

Counts of photons, whatever the rates, are a mixture of Poisson distributions: value v occurs with
the probability p(v) = ∫ exp(-λ) λ^v / v! dG(λ). By Cauchy and Schwarz that gives

    p(v)² <= p(v - 1) p(v + 1) (v + 1) / v,

so that no value can be rare between frequent ones. Counts that were multiplied, divided by a
normalisation and rounded, or cut off at a largest value do not obey it.

For three numbers N₋, N, N₊ of voxels, expected numbers m₋, m, m₊ that obey m² <= c m₋ m₊ and are
nearest to them are N₋ + x, N - 2 x and N₊ + x. Numbers of independent voxels are further from all
allowed ones, 2 Σ N ln(N / m) >= z², with a chance of about exp(-z² / 2) at most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .channels import NEIGHBOURS, RARE, highest_rate, lowest_rate

LARGEST = 4095
"""Largest value whose number is known; each larger one is too rare to be of use."""
LAST_CHANNELS = NEIGHBOURS + 1
"""Channels at the end, one of which may count all that is above the range, see `find_overflow`."""
STRETCH = 2**20
"""Voxels that are counted at once, to save memory."""
EXCESS = 1.5
"""How often a value must occur, over the most that its neighbours allow, to be reported."""
FEWEST = 30
"""Non-zero counts that a common divisor must have. Chance gives at most 2 ** -FEWEST."""
SMALL = 10
"""Larger values have few voxels each: there gaps say more than the inequality."""
BESIDE = 20
"""How often both neighbours of a missing value occur. Whatever the rate, photons leave such a gap
with less than 5e-9, which makes two of them impossible."""
FEWEST_GAPS = 2
END_WIDTHS = (2, 4, 8, 16, 32)
"""Values that are taken together where counts end."""
ROUGHLY = 1e-3
"""How far from a whole number a fraction's multiple may be: float32 keeps 7 digits."""


class ValueCounts:
    """How often each value occurs.

    `numbers` are the voxels that hold 0, 1, 2, ... up to `LARGEST`, `last_numbers` those in each of
    the last channels, one of which may be an overflow. `divisor` is the largest whole number that
    divides all values; 0 while all are 0.
    """

    def __init__(self) -> None:
        self.numbers = np.zeros(LARGEST + 1, dtype=np.int64)
        self.last_numbers = np.zeros((LAST_CHANNELS, LARGEST + 1), dtype=np.int64)
        self.divisor = 0

    def add(self, band: NDArray[Any]) -> None:
        """Count the values of whole numbers of shape (repeat, rows, x, energy)."""
        for plane in band:
            flat = plane.reshape(-1)
            for start in range(0, flat.size, STRETCH):
                self._add_stretch(flat[start : start + STRETCH])
            if band.shape[3] > LAST_CHANNELS:
                self._add_last(plane[..., -LAST_CHANNELS:].astype(np.int64))

    def plus(self, other: ValueCounts) -> ValueCounts:
        """Return the numbers of both."""
        both = ValueCounts()
        both.numbers = self.numbers + other.numbers
        both.last_numbers = self.last_numbers + other.last_numbers
        both.divisor = math.gcd(self.divisor, other.divisor)
        return both

    def without_last(self, channels: int) -> ValueCounts:
        """Return the same without so many of the last channels, at most `LAST_CHANNELS`.

        Which large values they hold is not known one by one, so that the divisor stays.
        """
        rest = ValueCounts()
        rest.numbers = self.numbers - self.last_numbers[LAST_CHANNELS - channels :].sum(axis=0)
        rest.divisor = self.divisor
        return rest

    def _add_last(self, counts: NDArray[np.int64]) -> None:
        places = counts + (LARGEST + 1) * np.arange(LAST_CHANNELS)
        numbers = np.bincount(places[counts <= LARGEST], minlength=self.last_numbers.size)
        self.last_numbers += numbers.reshape(self.last_numbers.shape)

    def _add_stretch(self, counts: NDArray[Any]) -> None:
        filled = int(np.count_nonzero(counts))
        # Hardly any voxel of a map holds more than 1: only those need a look at each.
        several = counts[counts > 1].astype(np.int64)
        self.numbers[0] += counts.size - filled
        self.numbers[1] += filled - several.size
        within = several <= LARGEST
        if not within.all():
            if self.divisor != 1:
                self.divisor = int(np.gcd.reduce(several[~within], initial=self.divisor))
            several = several[within]
        self.numbers += np.bincount(several, minlength=LARGEST + 1)

    def common_divisor(self) -> int:
        """Return the largest whole number that divides all values; 0 when all are 0."""
        return int(np.gcd.reduce(np.flatnonzero(self.numbers), initial=self.divisor))


@dataclass(frozen=True)
class OddValues:
    """Values that no mixture of Poisson counts has. As text it is the warning."""

    often: int
    """A value that is too frequent."""
    number: int
    """How often it occurs."""
    rare: int
    """Its neighbouring value."""
    rare_number: int
    """How often that occurs."""
    divisor: int
    """Common divisor of all values; 1 if that is nothing special."""
    cut: bool
    """Whether `often` is the largest value, too frequent only because larger ones are missing."""
    unit: float = 1.0
    """Value of a count in the file, see `to_photon_counts`."""
    width: int = 1
    """How many values up to `often` were counted together."""

    def __str__(self) -> str:
        seen = (
            f"the value {self.often} occurs {_times(self.number)}, "
            f"{self.rare} {_times(self.rare_number)}"
        )
        if self.divisor > 1:
            return (
                f"counts are not single photons: all are multiples of {self.divisor}; divide them "
                f"by {self.divisor} to have photon counts again, with --unit "
                f"{self.divisor * self.unit:.6g} or "
                f"to_photon_counts(image, {self.divisor})"
            )
        if self.width > 1:
            first = self.often - self.width + 1
            return (
                f"counts end abruptly at {self.often}: the values {first} to {self.often} occur "
                f"{_times(self.number)}, {self.often + 1} to {self.often + self.width} never; "
                "larger counts went on from 0 (wrapped), or are missing, as in too narrow a type; "
                "strong lines are wrong; read the data in a wider type, or keep these lines out of "
                "results"
            )
        if self.cut:
            return (
                f"counts were cut off at {self.often}: {seen}, and none is larger; strong lines "
                "are too low; read the data in a wider type, or keep these lines out of results"
            )
        return (
            f"counts are not Poisson: their values have gaps ({seen}), as after a correction (dead "
            "time, normalisation) that was rounded to whole numbers; give the raw counts, since "
            "the noise of these is misjudged"
        )


def _times(number: int) -> str:
    return {0: "never", 1: "once"}.get(number, f"{number} times")


def odd_values(values: ValueCounts, unit: float = 1.0) -> OddValues | None:
    """Return the proof that counts are not photon counts, if there is one.

    `unit` is the value of a count in the file, see `to_photon_counts`.
    """
    numbers = values.numbers
    divisor = values.common_divisor()
    exact = divisor > 1 and int(numbers[1:].sum()) >= FEWEST
    violations = _violations(numbers)
    if not violations.size and not exact and _count_gaps(numbers) < FEWEST_GAPS:
        return _abrupt_end(numbers, unit)
    first_gap = int(np.argmin(numbers > 0))
    often = int(violations[np.argmax(numbers[violations])]) if violations.size else first_gap - 1
    cut = not exact and violations.size == 1 and not numbers[often + 1 :].any()
    rare = often - 1 if cut else min((often - 1, often + 1), key=lambda v: int(numbers[v]))
    return OddValues(
        often, int(numbers[often]), rare, int(numbers[rare]), divisor if exact else 1, cut, unit
    )


def _violations(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return values that are more frequent than mixed Poisson counts allow."""
    highest = int(np.flatnonzero(numbers)[-1]) if numbers.any() else 0
    if highest < 2:
        return np.zeros(0, dtype=np.int64)
    # At the end of the table the number of the next value is not known.
    value = np.arange(1, min(highest, LARGEST - 1) + 1)
    chance = RARE / (3 * value.size)
    above = highest_rate(numbers[value + 1], chance)
    below = highest_rate(numbers[value - 1], chance)
    least = lowest_rate(numbers[value], chance)
    allowed = above * below * (value + 1) / value
    return value[least**2 > EXCESS**2 * allowed]


def _abrupt_end(numbers: NDArray[np.int64], unit: float) -> OddValues | None:
    """Return that values end although they are frequent, taken together, up to the largest.

    The values of three adjacent blocks of width w, of which the second starts at v, obey

        p₂² <= p₁ p₃ Π (v + w - 1 + m) / (v - w + m),  m = 1 ... w,

    which is the inequality above for w = 1 and follows as it does from every product of two terms.
    """
    last = int(np.flatnonzero(numbers)[-1]) if numbers.any() else 0
    for width in END_WIDTHS:
        start = last - width + 1
        if start < width or last + width > LARGEST:
            continue
        number = int(numbers[start : last + 1].sum())
        before = int(numbers[start - width : start].sum())
        steps = np.arange(1, width + 1)
        factor = np.prod((last + steps) / (start - width + steps))
        triple = np.array([before, number, 0], dtype=np.float64)[:, None]
        if clearness(triple, np.array([factor]))[0] > 2 * np.log(
            numbers.size * len(END_WIDTHS) / RARE
        ):
            return OddValues(last, number, last + 1, 0, 1, True, unit, width)
    return None


def clearness(triples: NDArray[np.float64], factor: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return z² of numbers (before, own, after) against m² <= factor m₋ m₊, 0 if they obey it."""
    before, own, after = triples
    # (own - 2 x)² = factor (before + x) (after + x), the root between 0 and own / 2.
    excess = own**2 - factor * before * after
    slope = 4 * own + factor * (before + after)
    root = np.sqrt(np.maximum(slope**2 - 4 * (4 - factor) * excess, 0))
    moved = np.where(excess > 0, 2 * excess / np.maximum(slope + root, 1e-12), 0)
    nearest = np.stack([before + moved, own - 2 * moved, after + moved])
    logs = np.log(np.maximum(triples, 1) / np.where(triples > 0, nearest, 1))
    return np.asarray(2 * (triples * logs).sum(axis=0))


def _count_gaps(numbers: NDArray[np.int64]) -> int:
    """Return how many larger values never occur although both neighbours do, `BESIDE` times each.

    Small values are left to the inequality: their numbers may fall too fast for this.
    """
    beside = np.minimum(numbers[:-2], numbers[2:])[SMALL:]
    return int(np.count_nonzero((numbers[1:-1][SMALL:] == 0) & (beside >= BESIDE)))


def common_step(fractions: NDArray[np.floating]) -> float | None:
    """Return the number whose multiples values above 0 are, as of counts divided by a time."""
    values, numbers = np.unique(fractions.astype(np.float64), return_counts=True)
    # Single photons are the most frequent counts of a map; otherwise the step may be a rounding.
    if values.size < 4 or numbers[0] < numbers.max():
        return None
    multiples = values / values[0]
    off = np.abs(multiples - np.rint(multiples))
    return float(values[0]) if np.all(off < ROUGHLY * np.maximum(1, multiples / 100)) else None


def advice_for(fractions: NDArray[np.floating]) -> str:
    """Return in words how to recover photon counts from values above 0 that are not all whole.

    Examples
    --------
    >>> advice_for(np.array([0.3, 0.7]))
    'give the raw counts'
    """
    step = common_step(fractions)
    if step is None:
        return "give the raw counts"
    return (
        f"all are multiples of {step:.6g}: divide them by it to have photon counts again, with "
        f"--unit {step:.6g} or to_photon_counts(image, {step:.6g})"
    )
