"""Repeats that did not measure the same: dead ones, drift, and changes within a repeat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .channels import RARE

DEAD = 0.02
"""Share of the typical repeat's counts below which a detector element does not work."""
LEAST_DRIFT = 0.03
"""Smallest change of the counts between repeats that is reported."""
LEAST_CHANGE = 0.05
"""The same for a change within a repeat."""
EXPLAINED = 0.6
"""Share of the scatter that a trend or a jump must explain to be called so."""

Totals = NDArray[np.floating]


@dataclass(frozen=True)
class Drift:
    """How the counts of repeats differ."""

    kind: Literal["trend", "jump", "outlier", "scatter"]
    repeat: int
    """First repeat after a jump, or the outlier."""
    factor: float
    """Last over first of a trend, after over before a jump, outlier over the others; for a scatter
    the largest over the smallest."""


@dataclass(frozen=True)
class RepeatStep:
    """A change of one repeat's counts, compared with the others, in the middle of the map."""

    repeat: int
    row: int
    """First row after the change."""
    factor: float
    """After over before."""


def find_dead_repeats(totals: Totals) -> list[int]:
    """Return repeats that hold next to nothing, given the total counts of each."""
    typical = float(np.median(totals))
    # Thirty counts are hardly ever missing by chance: exp(-30).
    if totals.size < 2 or typical < 30:
        return []
    return [int(i) for i in np.flatnonzero(totals < DEAD * typical)]


def find_drift(totals: Totals) -> Drift | None:
    """Return how the total counts of repeats differ, if by more than photon noise."""
    from scipy.stats import chi2

    number, mean = totals.size, float(totals.mean())
    if number < 2 or mean <= 0:
        return None
    relative = totals / mean - 1
    scatter = float((relative**2).sum())
    if chi2.sf(scatter * mean, number - 1) > RARE or np.ptp(relative) < LEAST_DRIFT:
        return None
    # Noise alone makes (number - 1) / mean of the scatter.
    excess = max(scatter - (number - 1) / mean, 1e-12)
    explained, drift = max(
        (entry for entry in (_outlier(totals), _jump(totals), _trend(totals)) if entry is not None),
        key=lambda entry: entry[0],
        default=(0.0, None),
    )
    if drift is not None and explained * mean**-2 > EXPLAINED * excess:
        return drift
    return Drift("scatter", 0, float(totals.max() / max(totals.min(), 1)))


def _trend(totals: Totals) -> tuple[float, Drift] | None:
    """Return the squares that a straight line explains, and the line."""
    if totals.size < 3:
        return None
    place = np.arange(totals.size) - (totals.size - 1) / 2
    slope = float(place @ totals / (place @ place))
    ends = totals.mean() + slope * place[[0, -1]]
    if ends.min() <= 0:
        return None
    return slope**2 * float(place @ place), Drift("trend", 0, float(ends[1] / ends[0]))


def _jump(totals: Totals) -> tuple[float, Drift]:
    """Return the squares that the best jump explains, and the jump."""
    number = totals.size
    before = np.arange(1, number)
    sums = np.cumsum(totals)[:-1]
    low, high = sums / before, (totals.sum() - sums) / (number - before)
    squares = before * (number - before) / number * (high - low) ** 2
    best = int(np.argmax(squares))
    return float(squares[best]), Drift("jump", best + 1, float(high[best] / max(low[best], 1e-9)))


def _outlier(totals: Totals) -> tuple[float, Drift] | None:
    """Return the squares that one repeat explains, and which."""
    number = totals.size
    if number < 3:
        return None
    others = (totals.sum() - totals) / (number - 1)
    squares = (number - 1) / number * (totals - others) ** 2
    best = int(np.argmax(squares))
    return float(squares[best]), Drift(
        "outlier", best, float(totals[best] / max(others[best], 1e-9))
    )


def find_repeat_steps(rows: Totals) -> list[RepeatStep]:
    """Return changes within a repeat that the other repeats do not have.

    All repeats see the same sample, so the share of one of them in the counts of a row is the same
    in all rows, unless the beam or the stage was not.

    `rows` (repeat, y) are the counts of each row. At most one change is found for each repeat: its
    largest.
    """
    from scipy.stats import chi2

    repeats, height = rows.shape
    if repeats < 2 or height < 2:
        return []
    rows = rows.astype(np.float64)
    least = float(chi2.isf(RARE / (repeats * height), 1))
    steps: list[RepeatStep] = []
    rest = list(range(repeats))
    while len(rest) > 1:
        # The repeat that changed makes the others seem to change the other way: one at a time.
        splits = [(*_best_split(rows[i], rows[rest].sum(axis=0) - rows[i]), i) for i in rest]
        surprise, row, factor, repeat = max(splits)
        if surprise < least or abs(np.log(factor)) < LEAST_CHANGE:
            break
        if len(rest) == 2 and factor > 1:
            # Of two it is not known which one changed; counts are lost rather than won.
            repeat, factor = next(i for i in rest if i != repeat), 1 / factor
        steps.append(RepeatStep(repeat, row, factor))
        rest.remove(repeat)
    return steps


def _best_split(own: Totals, other: Totals) -> tuple[float, int, float]:
    """Return (χ² of one degree, first row after, factor) of the split that fits best."""
    a, b = np.cumsum(own)[:-1], np.cumsum(other)[:-1]
    c, d = own.sum() - a, other.sum() - b
    gain = _log_likelihood(a, a + b) + _log_likelihood(c, c + d) - _log_likelihood(
        np.asarray(own.sum()), np.asarray((own + other).sum())
    )  # fmt: skip
    best = int(np.argmax(gain))
    factor = (c[best] + 0.5) / (d[best] + 0.5) / ((a[best] + 0.5) / (b[best] + 0.5))
    return float(2 * gain[best]), best + 1, float(factor)


def _log_likelihood(part: Totals, whole: Totals) -> Totals:
    """Return the log likelihood of counts split by their own share."""
    from scipy.special import xlogy

    rest = whole - part
    return np.asarray(xlogy(part, part) + xlogy(rest, rest) - xlogy(whole, whole))
