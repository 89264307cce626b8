"""Poisson statistics: deviance residuals and tail probabilities, also of the largest of many.

All functions take arrays of one shape.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_RATE = 1e-6
"""Least expected counts; a single count where none is expected then has a residual of five."""
OVERLAP = 0.7
"""Independent windows for each window, where each shares half its channels with the next. Found
on Poisson counts of known rate; see docs/score.md."""
LEAST_CHANCE = 1e-300
"""Smallest probability distinguished from zero."""


def deviance_residual(counts: NDArray[Any], rate: NDArray[Any]) -> NDArray[Any]:
    """Return the deviance residual of counts, about standard normal.

    The signed root of the deviance, ± √(2·(n·ln(n/λ) − n + λ)), follows the tails of a Poisson
    distribution down to rates below one. P. McCullagh and J. A. Nelder, Generalized Linear
    Models, 2nd ed. (1989), section 2.4.

    >>> deviance_residual(np.array([4.0, 100.0]), np.array([4.0, 70.0])).round(1)
    array([0. , 3.4])
    """
    rate = np.maximum(rate, LEAST_RATE)
    excess = counts - rate
    deviance = np.maximum(counts, LEAST_RATE)
    deviance /= rate
    np.log(deviance, out=deviance)
    deviance *= counts
    deviance -= excess
    deviance *= 2
    # Rounding can give slightly less than 0.
    np.maximum(deviance, 0, out=deviance)
    np.sqrt(deviance, out=deviance)
    return np.asarray(np.copysign(deviance, excess))


def tail_probability(
    counts: NDArray[Any], rate: NDArray[Any], *, above: bool, middle: bool = False
) -> NDArray[np.float64]:
    """Return the probability of at least (`above`) or at most these counts.

    Fractions of counts are interpolated. `middle` counts half the probability of exactly these
    counts, so that the mean over Poisson counts is ½.

    >>> float(tail_probability(np.array(3.0), np.array(0.5), above=True).round(4))
    0.0144
    """
    from scipy.special import gammainc, gammaincc, gammaln, xlogy

    counts = np.asarray(counts, dtype=np.float64)
    rate = np.maximum(rate, LEAST_RATE, dtype=np.float64)
    if above:
        chance = np.where(counts > 0, gammainc(np.maximum(counts, LEAST_RATE), rate), 1.0)
    else:
        chance = gammaincc(counts + 1, rate)
    if middle:
        chance = chance - 0.5 * np.exp(xlogy(counts, rate) - rate - gammaln(counts + 1))
    return np.asarray(np.maximum(chance, LEAST_CHANCE))


def largest_of_many(
    counts: NDArray[Any],
    expected: NDArray[Any],
    rates: NDArray[Any],
    departures: NDArray[Any],
) -> NDArray[np.float64]:
    """Return the largest residual of each pixel as a standard normal number, shape (pixel,).

    The probability for the largest of many windows is that of one times the number of windows
    that can reach it: a window with a rate of 0.01 has a count once in a hundred times, and no
    smaller positive residual. R. E. Tarone, Biometrics 46 (1990) 515.

    All arguments have the shape (pixel, window): counts, their prediction, the rates they are
    compared with, and their residuals. Neighbouring windows overlap by half. The result is
    positive where counts are above the rate.
    """
    from scipy.special import ndtri

    # Chance of a count, and of none, in each window: the steps that its tails cannot fall below.
    none = np.exp(-np.maximum(expected, 0))
    chances = []
    for above in (True, False):
        place = (departures.argmax if above else departures.argmin)(axis=1)[:, None]
        found, rate = (np.take_along_axis(a, place, 1)[:, 0] for a in (counts, rates))
        one = tail_probability(found, rate, above=above, middle=True)[:, None]
        reached = np.minimum(one, 1 - none) if above else one * (none <= 2 * one)
        some = np.maximum(one[:, 0], OVERLAP * reached.sum(axis=1))
        chances.append(-np.expm1(-some))
    smaller = np.minimum(*chances)
    two_sided = np.maximum(smaller * (2 - smaller), LEAST_CHANCE)
    sign = np.where(chances[0] < chances[1], 1.0, -1.0)
    return np.asarray(-sign * ndtri(two_sided / 2))
