"""What chance does to photon counts: limits that it hardly ever crosses."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

RARE = 1e-7
"""Chance, all places of one kind of fault together, at which clean data may raise an alarm."""


def lowest_rate(counts: ArrayLike, chance: float) -> NDArray[np.float64]:
    """Return the rate below which counts as large as these have less than this chance.

    Parameters
    ----------
    counts : array_like
        Poisson counts.
    chance : float
        Of being wrong, on this side.

    Examples
    --------
    >>> lowest_rate([0, 100], 1e-9).round(1).tolist()
    [0.0, 51.1]
    """
    from scipy.special import gammaincinv

    values = np.asarray(counts, dtype=np.float64)
    return np.where(values > 0, gammaincinv(np.maximum(values, 1), chance), 0.0)


def highest_rate(counts: ArrayLike, chance: float) -> NDArray[np.float64]:
    """Return the rate above which counts as small as these have less than this chance.

    Parameters
    ----------
    counts : array_like
        Poisson counts.
    chance : float
        Of being wrong, on this side.

    Examples
    --------
    >>> highest_rate([0, 100], 1e-9).round(1).tolist()
    [20.7, 173.4]
    """
    from scipy.special import gammainccinv

    return np.asarray(gammainccinv(np.asarray(counts, dtype=np.float64) + 1, chance))


def typical(values: ArrayLike) -> tuple[float, float]:
    """Return median and scatter (as a standard deviation), neither moved by a few outliers."""
    array = np.asarray(values, dtype=np.float64)
    middle = float(np.median(array))
    return middle, 1.4826 * float(np.median(np.abs(array - middle)))
