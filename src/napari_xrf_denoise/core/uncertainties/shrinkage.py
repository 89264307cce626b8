"""Squared errors that are measured with noise, drawn towards what is expected of them.

An unbiased estimate of a squared error is noisy and may even be negative. Errors of many lines are
alike, though: each is about so many times what the scatter of predictions says. That factor, and
how far single lines are from it, are found from all estimates together; each is then weighed
against it by its own precision (empirical Bayes; the logarithm has Student's distribution).

H. Robbins, Proc. 3rd Berkeley Symp. Math. Stat. Prob. 1 (1956) 157; B. Efron and C. Morris, J. Am.
Stat. Assoc. 70 (1975) 311.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

POINTS = np.linspace(-8, 8, 49)
"""Widths of the prior, or of the estimate where that is narrower, at which integrals are summed."""
SPREADS = (0.4, 0.7, 1.0)
"""Widths of the prior of the logarithm that are tried. Noisy estimates alone would make it narrower
than errors of lines are alike: in simulated maps they differ by a factor of 1.5 or more."""
TAILS = 3.0
"""Degrees of freedom of Student's distribution: some lines are far from all others, and a precise
estimate of such a one must not be drawn to the others."""
TINY = float(np.finfo(float).tiny)


class Estimates(NamedTuple):
    """Unbiased estimates (n,) of squared errors, and their own variance."""

    values: Floats
    noise: Floats
    """Variance of an estimate of no error, (n,)."""
    slope: Floats
    """By how much the variance rises with the squared error, (n,)."""


class Prior(NamedTuple):
    """Which of the given expectations is the likeliest, and how far single numbers are from it."""

    choice: int
    spread: float


def find_prior(estimates: Estimates, expected: Floats) -> Prior:
    """Return the expectation (choices, n) and the width under which the estimates are likeliest.

    >>> estimates = Estimates(np.array([1.9, 2.1, 4.2]), np.full(3, 0.01), np.zeros(3))
    >>> find_prior(estimates, np.array([[1.0, 1.0, 2.0], [2.0, 2.0, 4.0]]))
    Prior(choice=1, spread=0.4)
    """
    likelihood = {
        Prior(choice, spread): _log_evidence(estimates, own, spread)
        for choice, own in enumerate(expected)
        for spread in SPREADS
    }
    return max(likelihood, key=likelihood.__getitem__)


def shrink(estimates: Estimates, expected: Floats, spread: float) -> Floats:
    """Return the posterior mean of each number, given its expectation (n,).

    >>> estimates = Estimates(np.array([3.0, 3.0]), np.array([1e-6, 1e6]), np.zeros(2))
    >>> shrink(estimates, np.ones(2), 0.2).round(1)
    array([3., 1.])
    """
    values, logs = _posterior(estimates, expected, spread)
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray((weights * values).sum(axis=1) / weights.sum(axis=1))


def _log_evidence(estimates: Estimates, expected: Floats, spread: float) -> float:
    _, logs = _posterior(estimates, expected, spread)
    most = logs.max(axis=1)
    return float((most + np.log(np.exp(logs - most[:, None]).sum(axis=1))).sum())


def _posterior(estimates: Estimates, expected: Floats, spread: float) -> tuple[Floats, Floats]:
    """Return possible values (n, points) and the logarithm of their probability."""
    found, noise, slope = estimates
    middle = np.log(np.maximum(expected, TINY))
    # Where an estimate is far more precise than the prior is wide, the points lie around it.
    with np.errstate(over="ignore"):  # no estimate below zero is sure
        width = np.sqrt(noise + slope * np.maximum(found, 0)) / np.maximum(found, TINY)
    sure = width < spread / 3
    at = np.where(sure, np.log(np.maximum(found, TINY)), middle)
    step = np.where(sure, np.maximum(width, 1e-6), spread)
    logs = at[:, None] + step[:, None] * POINTS
    values = np.exp(logs)
    far = (logs - middle[:, None]) / spread
    prior = -(TAILS + 1) / 2 * np.log1p(far**2 / TAILS) - np.log(spread)
    own = np.maximum(noise[:, None] + slope[:, None] * values, TINY)
    likelihood = -0.5 * ((found[:, None] - values) ** 2 / own + np.log(own))
    return values, prior + likelihood + np.log(step)[:, None]
