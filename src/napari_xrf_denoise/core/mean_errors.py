"""Mean squared errors of a map in all weighted sums of channels, and in sums over pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .shrinkage import Estimates, Prior, find_prior, shrink

Floats = NDArray[np.float64]

FACTORS = np.geomspace(1 / 8, 16, 15)
"""Ratios of a squared error to what it is compared with that are tried."""
POWERS = np.linspace(0, 1, 6)
"""Powers of the scatter in what a squared error is compared with that are tried."""
LARGE = 32**2
"""Pixels of a sum that is as uncertain as its counts, or more: networks see fewer at once."""
FEWEST = 1e-3
"""Share of the mean counts of a window below which one is not asked about factors."""


@dataclass(frozen=True, eq=False)
class MeanErrors:
    """Products of errors of pieces of the spectrum, half as wide as a line, and what they rest on.

    All are in counts of all repeats together, and per pixel: those of the sum over n pixels are
    divided by n.
    """

    edges: NDArray[np.int64]
    """First channel of each piece, and the number of channels, (pieces + 1,)."""
    pixels: tuple[int, ...]
    """Numbers of pixels of the blocks that were summed, rising from 1."""
    squares: NDArray[np.float32]
    """Mean products of errors of pieces, without bias, (blocks, pieces, pieces)."""
    products: NDArray[np.float32]
    """Mean products of the expected counts of a pixel, averaged over a block, likewise."""
    numbers: tuple[float, ...]
    """Of independent blocks."""
    mean: Floats
    """Expected counts in each channel of a pixel, (energy,)."""
    scatter: NDArray[np.float32]
    """Mean products of the scatter of predictions, as `squares`."""

    def per_pixel(self, weights: Floats, pixels: int) -> Floats:
        """Return the squared errors of weighted sums (n, energy) over some pixels, per pixel."""
        known = self._known(weights)
        raw = np.log(self._raw(weights))
        at = np.log([*self.pixels, 4 * self.pixels[-1]])
        logs = np.stack([*np.log(known), np.maximum(raw, np.log(known[-1]))])
        return np.exp([np.interp(np.log(pixels), at, column) for column in logs.T])

    def _known(self, weights: Floats) -> Floats:
        """Return squared errors per pixel for each size of blocks, (blocks, n).

        Those of large blocks are known best. Each is drawn to what the next larger one and the
        scatter let expect, the largest to the noise of the counts.
        """
        known: list[Floats] = []
        expected, pieces = self._raw(weights), self._in_pieces(weights)
        for block, prior in zip(reversed(range(len(self.pixels))), self._priors, strict=True):
            choice = _choices(expected, _forms(self.scatter[block], pieces))[prior.choice]
            expected = shrink(self._estimates(weights, block), choice, prior.spread)
            if self.pixels[block] >= LARGE:
                expected = np.maximum(expected, self._raw(weights))
            known.append(expected)
        return np.stack(known[::-1])

    def _estimates(self, weights: Floats, block: int) -> Estimates:
        means, squares = self._in_pieces(weights), self._in_pieces(weights**2)
        value = _forms(self.squares[block], means)
        counts = _forms(self.products[block], squares)
        # Of estimates of λ², and of a given error times the noise of the counts (docs/score.md).
        number = self.numbers[block]
        return Estimates(value, 2 * counts / number, 4 * self._raw(weights) / number)

    def _raw(self, weights: Floats) -> Floats:
        """Return the squared errors of the raw counts."""
        return np.maximum(self.mean @ weights.T**2, np.finfo(float).tiny)

    @cached_property
    def _priors(self) -> tuple[Prior, ...]:
        """What windows of two pieces all together say, from the largest blocks to single pixels."""
        windows = np.zeros((max(1, (len(self.edges) - 1) // 2), self.edges[-1]))
        for number, window in enumerate(windows):
            ends = self.edges[[2 * number, min(2 * number + 2, len(self.edges) - 1)]]
            window[slice(*ends)] = 1
        raw = windows @ self.mean
        windows, raw = windows[raw > FEWEST * raw.mean()], raw[raw > FEWEST * raw.mean()]
        pieces = self._in_pieces(windows)
        found: list[Prior] = []
        expected = self._raw(windows)
        for block in reversed(range(len(self.pixels))):
            estimates = self._estimates(windows, block)
            choices = _choices(expected, _forms(self.scatter[block], pieces))
            found.append(find_prior(estimates, choices))
            expected = shrink(estimates, choices[found[-1].choice], found[-1].spread)
        return tuple(found)

    def _in_pieces(self, weights: Floats) -> Floats:
        """Return the mean weight (n, pieces) of the channels of each piece."""
        return np.add.reduceat(weights, self.edges[:-1], axis=1) / np.diff(self.edges)


def _forms(products: NDArray[np.floating], weights: Floats) -> Floats:
    """Return the quadratic form of products of pieces for each row of weights (n, pieces)."""
    return np.asarray(((weights @ products) * weights).sum(axis=1))


def _choices(larger: Floats, scatter: Floats) -> Floats:
    """Return what squared errors may be like, from that of larger blocks, (choices, n)."""
    ratios = np.log(np.maximum(scatter, np.finfo(float).tiny) / larger)
    powers = np.log(larger) + POWERS[:, None] * ratios
    return np.asarray((FACTORS[:, None, None] * np.exp(powers)).reshape(-1, larger.size))
