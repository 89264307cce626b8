"""Two maps against each other, and the pixels that a line drawn around points encloses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xrf_denoise.core.errors import DataError

MOST_POINTS = 50_000
"""Pixels above which their density is drawn instead of each of them."""
BINS = 200
MOST_EXACT = 200_000
"""Pixels above which each takes the answer of the middle of its cell in a grid over the outline."""
CELLS = 400
"""Of that grid, along each axis: smaller than the pixels of the screen that the mouse drew on."""


@dataclass(frozen=True, eq=False)
class Density:
    """How many pixels have which values in two maps.

    Parameters
    ----------
    pixels : numpy.ndarray, shape (bins of x, bins of y)
    x, y : tuple of float
        Ends of the two ranges.
    """

    pixels: NDArray[np.int64]
    x: tuple[float, float]
    y: tuple[float, float]


def paired_values(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the values of two maps, pixel by pixel, without those that are not finite.

    Parameters
    ----------
    x, y : array_like, shape (y, x)

    Raises
    ------
    DataError
        If the maps have different shapes.
    """
    first, second = np.asarray(x, np.float64), np.asarray(y, np.float64)
    _check(first, second)
    good = np.isfinite(first) & np.isfinite(second)
    return first[good], second[good]


def density(x: NDArray[np.float64], y: NDArray[np.float64], bins: int = BINS) -> Density:
    """Return the two-dimensional histogram of paired values.

    Parameters
    ----------
    x, y : numpy.ndarray, shape (pixels,)
    bins : int
        Along each axis.
    """
    ranges = [_ends(values) for values in (x, y)]
    # Several times as fast as numpy.histogram2d, which does not take the bins for equally wide.
    rows, columns = (_bin(values, *ends, bins) for values, ends in zip((x, y), ranges, strict=True))
    pixels = np.bincount(rows * bins + columns, minlength=bins * bins)
    return Density(pixels.reshape(bins, bins), *ranges)


def _ends(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the least and the largest value; of a map of one value a count around it."""
    low, high = float(values.min()), float(values.max())
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def _bin(values: NDArray[np.float64], low: float, high: float, bins: int) -> NDArray[np.int64]:
    step = (high - low) / bins or 1.0
    return np.minimum(((values - low) / step).astype(np.int64), bins - 1)


def pixels_inside(
    x: ArrayLike, y: ArrayLike, outline: Sequence[tuple[float, float]]
) -> NDArray[np.bool_]:
    """Return which pixels lie inside an outline drawn over the values of two maps.

    Parameters
    ----------
    x, y : array_like, shape (y, x)
        Maps in counts.
    outline : sequence of (float, float)
        Corners in counts of the two maps; the last is joined to the first. Of more than 200,000
        pixels those nearer to the line than 1/400 of its extent may be on either side.

    Returns
    -------
    numpy.ndarray of bool, shape (y, x)
        False where a value is not finite.

    Raises
    ------
    DataError
        If the maps have different shapes, or the outline has fewer than three corners.

    Examples
    --------
    >>> iron, lead = np.array([[0.0, 5.0]]), np.array([[9.0, 4.0]])
    >>> pixels_inside(iron, lead, [(4, 3), (6, 3), (6, 5), (4, 5)])
    array([[False,  True]])
    """
    first, second = np.asarray(x, np.float64), np.asarray(y, np.float64)
    _check(first, second)
    corners = np.asarray(outline, np.float64)
    if len(corners) < 3:
        raise DataError(
            f"expected an outline with at least three corners, found {len(corners)}; draw around "
            "the points with the mouse button held down"
        )
    from matplotlib.path import Path

    low, high = corners.min(axis=0), corners.max(axis=0)
    near = (first >= low[0]) & (first <= high[0]) & (second >= low[1]) & (second <= high[1])
    inside = np.zeros(first.shape, dtype=bool)
    contains = Path(corners).contains_points
    if np.count_nonzero(near) <= MOST_EXACT:
        inside[near] = contains(np.column_stack([first[near], second[near]]))
        return inside
    middles = (np.arange(CELLS) + 0.5) / CELLS
    grid = np.stack(np.meshgrid(middles, middles, indexing="ij"), axis=-1).reshape(-1, 2)
    cells = contains(low + grid * (high - low)).reshape(CELLS, CELLS)
    inside[near] = cells[
        _bin(first[near], low[0], high[0], CELLS), _bin(second[near], low[1], high[1], CELLS)
    ]
    return inside


def selection_labels(
    x: ArrayLike, y: ArrayLike, outlines: Sequence[Sequence[tuple[float, float]]]
) -> NDArray[np.uint16]:
    """Return the number of the outline that each pixel lies in, counted from 1; 0 is none.

    Where outlines overlap, the last one counts.

    Parameters
    ----------
    x, y : array_like, shape (y, x)
    outlines : sequence
        As for `pixels_inside`.

    Raises
    ------
    DataError
        As `pixels_inside`.
    """
    labels = np.zeros(np.shape(x), dtype=np.uint16)
    for number, outline in enumerate(outlines, start=1):
        labels[pixels_inside(x, y, outline)] = number
    return labels


def _check(first: NDArray[np.float64], second: NDArray[np.float64]) -> None:
    if first.shape != second.shape:
        raise DataError(
            f"the two maps must have the same pixels: one is {first.shape} (y, x), the other "
            f"{second.shape}; choose two maps of the same measurement"
        )
