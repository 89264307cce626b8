"""Counts and predictions of a whole map in half lines, kept in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MOST_BYTES = 2**28
"""Most memory of the sums. In larger maps, few pixels are added up to one; 256 × 256 pixels of
2,048 channels of 10 eV (about 240 half lines) are kept as they are."""
KINDS = 3
"""Counts, predictions, and their contrast."""
Image = NDArray[np.float32]


class MapSums:
    """Collects, band by band, counts, predictions and what these differ by.

    `values` (3, row, column, half) holds the counts, their predictions, and a contrast of the
    predictions: its square has the expectation of the squared noise of the prediction, also for
    sums over pixels.
    """

    def __init__(self, rows: int, width: int, halves: int) -> None:
        self.bin = 1
        while KINDS * 4 * -(-rows // self.bin) * -(-width // self.bin) * halves > MOST_BYTES:
            self.bin *= 2
        shape = -(-rows // self.bin), -(-width // self.bin), halves
        self.values = np.zeros((KINDS, *shape), dtype=np.float32)
        self._rows = 0

    def add(self, counts: Image, guesses: Sequence[Image], shares: Sequence[float]) -> None:
        """Add the next rows (rows, x, half): counts, and predictions without each part of them."""
        places = (self._rows + np.arange(len(counts))) // self.bin
        self._rows += len(counts)
        self._put(0, places, counts)
        for share, weight, guess in zip(shares, contrast(len(guesses)), guesses, strict=True):
            self._put(1, places, np.float32(share) * guess)
            if weight:
                self._put(2, places, np.float32(weight) * guess)

    def _put(self, kind: int, places: NDArray[np.intp], rows: Image) -> None:
        if self.bin == 1:
            self.values[kind, places[0] : places[-1] + 1] += rows
            return
        starts = np.arange(0, rows.shape[1], self.bin)
        np.add.at(self.values[kind], places, np.add.reduceat(rows, starts, axis=1))


def contrast(parts: int) -> NDArray[np.float64]:
    """Return weights of predictions made without each part that leave their noise alone.

    For exchangeable predictions of variance V and covariance C, the squared contrast has the
    expectation (V − C)·Σ w², and the jackknife's variance of a prediction from all counts is
    (V − C)·(K − 1)²/K (see `quality.residuals.compare`): Σ w² is made equal to that.
    """
    weights = np.resize([1.0, -1.0], parts)
    weights[parts // 2 * 2 :] = 0
    squares = float((weights**2).sum())
    return weights * ((parts - 1) ** 2 / parts / squares) ** 0.5 if squares else weights
