"""How counts become heights in a plot: linear, logarithmic or as square roots; without Qt."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Scale = Literal["linear", "logarithmic", "square root"]
SCALES: tuple[Scale, ...] = get_args(Scale)


def to_heights(counts: NDArray[Any], scale: Scale, least: float) -> NDArray[np.float64]:
    """Return where counts are drawn.

    Parameters
    ----------
    counts : numpy.ndarray
    scale : {"linear", "logarithmic", "square root"}
        Square roots make the noise of photons equally high everywhere; those of negative counts,
        as residuals have, are drawn downwards.
    least : float
        What zeros are drawn as on a logarithmic axis.

    Examples
    --------
    >>> to_heights(np.array([0.0, 10.0]), "logarithmic", 0.1)
    array([-1.,  1.])
    >>> to_heights(np.array([-4.0, 9.0]), "square root", 0.5)
    array([-2.,  3.])
    """
    if scale == "logarithmic":
        return np.asarray(np.log10(np.maximum(counts, least)))
    if scale == "square root":
        return np.asarray(np.sign(counts) * np.sqrt(np.abs(counts)))
    return np.asarray(counts, np.float64)


def from_heights(heights: NDArray[Any], scale: Scale) -> NDArray[np.float64]:
    """Return the counts that are drawn at these heights, the inverse of `to_heights`.

    Examples
    --------
    >>> from_heights(np.array([-2.0, 3.0]), "square root")
    array([-4.,  9.])
    """
    heights = np.asarray(heights, np.float64)
    if scale == "logarithmic":
        return np.asarray(10.0**heights)
    return heights * np.abs(heights) if scale == "square root" else heights


def square_root_ticks(low: float, high: float, number: int) -> list[float]:
    """Return round counts that lie about equally far apart on an axis of square roots.

    Parameters
    ----------
    low, high : float
        Ends of the axis, as heights.
    number : int
        About how many ticks are wanted.

    Returns
    -------
    list of float
        Counts, rising.

    Examples
    --------
    >>> square_root_ticks(0.0, 10.0, 5)
    [0.0, 10.0, 20.0, 50.0, 100.0]
    """
    heights = np.linspace(low, high, max(2, number))
    # This far to either side a tick may move to become a rounder number.
    slack = 0.4 * (heights[1] - heights[0])
    ends = np.clip([heights - slack, heights + slack], low, high)
    return sorted({_roundest(*pair) for pair in from_heights(ends, "square root").T.tolist()})


def _roundest(low: float, high: float) -> float:
    """Return the number with the fewest digits from `low` to `high`: 1, 2 or 5 times its place."""
    if low <= 0 <= high:
        return 0.0
    place = 10.0 ** math.ceil(math.log10(max(abs(low), abs(high))))
    while True:
        for step in (place, place / 2, place / 5):
            candidate = math.ceil(low / step - 1e-9) * step
            if candidate <= high * (1 + 1e-9 * math.copysign(1, high)):
                return candidate
        place /= 10
