"""Whether the values of the counts are as frequent as those of photons.

Counts of photons, whatever the rates, are a mixture of Poisson distributions: value v occurs with
the probability p(v) = ∫ exp(-λ) λ^v / v! dG(λ). By Cauchy and Schwarz that gives

    p(v)² <= p(v - 1) p(v + 1) (v + 1) / v,

so that no value can be rare between frequent ones. Counts that were multiplied, divided by a
normalisation and rounded, or cut off at a largest value do not obey it.
"""

from __future__ import annotations

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
        return None
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
