"""Sums over small square areas of a map that arrives band by band."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

HALF = 2
"""Pixels by which one area is beside the next."""
SIDE = 2 * HALF
"""Pixels of an area in y and in x."""


class AreaSums:
    """Adds up areas of `SIDE` by `SIDE` pixels; each shares half its pixels with the next.

    Parameters
    ----------
    height, width : int
        Of the map.

    Attributes
    ----------
    number : int
        Areas of the whole map.
    """

    def __init__(self, height: int, width: int) -> None:
        self.number = max(0, height // HALF - 1) * max(0, width // HALF - 1)
        self._row = 0
        self._pixels: list[NDArray[np.float32]] = []
        self._last: list[NDArray[np.float32]] = []

    def add(self, bands: Sequence[NDArray[np.float32]]) -> tuple[int, list[NDArray[np.float32]]]:
        """Take the next rows and return the areas that they complete.

        Parameters
        ----------
        bands : sequence of numpy.ndarray, shape (rows, x, channel)
            Of several quantities.

        Returns
        -------
        first_row : int
            First row of the first areas.
        areas : list of numpy.ndarray, shape (rows, columns, channel)
            Empty arrays where no area is complete.
        """
        if self._pixels:
            bands = [np.concatenate(pair) for pair in zip(self._pixels, bands, strict=True)]
        full = bands[0].shape[0] // HALF * HALF
        self._pixels = [band[full:] for band in bands]
        halves = [_add_squares(band[:full]) for band in bands]
        if self._last:
            halves = [np.concatenate(pair) for pair in zip(self._last, halves, strict=True)]
        self._last = [half[-1:] for half in halves]
        first = self._row
        self._row += HALF * max(0, halves[0].shape[0] - 1)
        rows = [half[:-1] + half[1:] for half in halves]
        return first, [row[:, :-1] + row[:, 1:] for row in rows]


def _add_squares(band: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, width, size = band.shape
    cut = band[:, : width // HALF * HALF].reshape(rows // HALF, HALF, width // HALF, HALF, size)
    return np.asarray(cut.sum(axis=(1, 3)))
