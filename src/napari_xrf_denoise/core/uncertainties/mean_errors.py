"""Mean squared errors of a map in all weighted sums of channels, and in sums over pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .shrinkage import TINY, Estimates, Prior, find_prior, shrink

Floats = NDArray[np.float64]

FACTORS = np.geomspace(1 / 8, 16, 15)
"""Ratios of a squared error to what it is compared with that are tried."""
POWERS = np.linspace(0, 1, 6)
"""Powers of the scatter in what a squared error is compared with that are tried."""
LARGE = 32**2
"""Pixels of a sum that is as uncertain as its counts, or more: networks see fewer at once."""
FEWEST = 1e-3
"""Share of the mean counts of a window below which one is not asked about factors."""


class _Sums(NamedTuple):
    """What is asked of weighted sums of channels."""

    raw: Floats
    """Squared errors of the raw counts, (n,)."""
    means: Floats
    """Mean weight of the channels of each piece, (n, pieces)."""
    squares: Floats
    """Mean squared weight."""


@dataclass(frozen=True, eq=False)
class CountNoise:
    """Variance of raw counts, as a straight line of what is expected.

    That of photons is their number. A detector's own noise is there without any counts, values of
    several counts each scatter by more than their number, and a pedestal by nothing at all.
    """

    constant: Floats
    """(channels,), or of pieces of the spectrum; below zero where there is a pedestal."""
    growth: Floats
    """By how much the variance rises with a count, likewise."""

    @classmethod
    def of_photons(cls, channels: int) -> CountNoise:
        """Return that of Poisson counts."""
        return cls(np.zeros(channels), np.ones(channels))

    def variance(self, counts: Floats) -> Floats:
        """Return the variance of such counts, (channels,)."""
        return np.maximum(self.constant + self.growth * counts, 0)

    def at(self, places: NDArray[np.int64]) -> CountNoise:
        """Return that of some of the channels."""
        return CountNoise(self.constant[places], self.growth[places])

    def in_channels(self, edges: NDArray[np.int64]) -> CountNoise:
        """Return that of single channels, given that of pieces with these edges."""
        widths = np.diff(edges)
        return CountNoise(np.repeat(self.constant / widths, widths), np.repeat(self.growth, widths))


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
    """Mean products of the variance of the raw counts of a pixel, averaged over a block, likewise;
    that of photons is their number."""
    numbers: tuple[float, ...]
    """Of independent blocks."""
    mean: Floats
    """Expected counts in each channel of a pixel, (energy,)."""
    scatter: NDArray[np.float32]
    """Mean products of the scatter of predictions, as `squares`."""
    noise: CountNoise
    """Of the raw counts of a pixel, (energy,)."""

    @property
    def middles(self) -> NDArray[np.int64]:
        """Middle channel of each piece."""
        return (self.edges[:-1] + self.edges[1:] - 1) // 2

    @cached_property
    def variance(self) -> Floats:
        """Variance of the raw counts in each channel of a pixel, (energy,)."""
        return self.noise.variance(self.mean)

    def raw_variance(self, squares: Floats, counts: Floats) -> Floats:
        """Return the variance of a pixel's raw counts, summed with squared weights (n, energy).

        `counts` are what is expected there, summed with the same weights.
        """
        growing = squares @ (self.noise.growth * self.mean)
        line = squares @ self.noise.constant + growing * ratio(counts, squares @ self.mean)
        return np.asarray(np.maximum(line, 0))

    def per_pixel(self, weights: Floats, pixels: int) -> Floats:
        """Return the squared errors of weighted sums (n, energy) over some pixels, per pixel."""
        return _at(pixels, self.pixels, self._logs(self._sums(weights)))

    def in_middles(self, pixels: int) -> Floats:
        """Return the same of the middle channel of each piece, (pieces,)."""
        return _at(pixels, self.pixels, self._logs_in_middles)

    @cached_property
    def _logs_in_middles(self) -> Floats:
        # What a hover over the map asks for again and again.
        share = np.diag(1 / np.diff(self.edges))
        raw = np.maximum(self.variance[self.middles], TINY)
        return self._logs(_Sums(raw, share, share))

    def _logs(self, sums: _Sums) -> Floats:
        """Return the logarithms for each size of blocks, and for larger ones, (blocks + 1, n)."""
        known = self._known(sums)
        return np.log([*known, np.maximum(sums.raw, known[-1])])

    def _known(self, sums: _Sums) -> Floats:
        """Return squared errors per pixel for each size of blocks, (blocks, n).

        Those of large blocks are known best. Each is drawn to what the next larger one and the
        scatter let expect, the largest to the noise of the counts.
        """
        known: list[Floats] = []
        expected = sums.raw
        for block, prior in zip(reversed(range(len(self.pixels))), self._priors, strict=True):
            choice = _choices(expected, _forms(self.scatter[block], sums.means))[prior.choice]
            expected = shrink(self._estimates(sums, block), choice, prior.spread)
            if self.pixels[block] >= LARGE:
                expected = np.maximum(expected, sums.raw)
            known.append(expected)
        return np.stack(known[::-1])

    def _estimates(self, sums: _Sums, block: int) -> Estimates:
        value = _forms(self.squares[block], sums.means)
        noise = _forms(self.products[block], sums.squares)
        # Of estimates of λ², and of a given error times the noise of the counts (docs/score.md).
        number = self.numbers[block]
        return Estimates(value, 2 * noise / number, 4 * sums.raw / number)

    def _sums(self, weights: Floats) -> _Sums:
        squares = weights**2
        raw = np.maximum(self.variance @ squares.T, TINY)
        return _Sums(raw, self._in_pieces(weights), self._in_pieces(squares))

    @cached_property
    def _priors(self) -> tuple[Prior, ...]:
        """What windows of two pieces all together say, from the largest blocks to single pixels."""
        windows = np.zeros((max(1, (len(self.edges) - 1) // 2), self.edges[-1]))
        for number, window in enumerate(windows):
            ends = self.edges[[2 * number, min(2 * number + 2, len(self.edges) - 1)]]
            window[slice(*ends)] = 1
        raw = windows @ self.variance
        sums = self._sums(windows[raw > FEWEST * raw.mean()])
        found: list[Prior] = []
        expected = sums.raw
        for block in reversed(range(len(self.pixels))):
            estimates = self._estimates(sums, block)
            choices = _choices(expected, _forms(self.scatter[block], sums.means))
            found.append(find_prior(estimates, choices))
            expected = shrink(estimates, choices[found[-1].choice], found[-1].spread)
        return tuple(found)

    def _in_pieces(self, weights: Floats) -> Floats:
        """Return the mean weight (n, pieces) of the channels of each piece."""
        return np.add.reduceat(weights, self.edges[:-1], axis=1) / np.diff(self.edges)


def ratio(values: Floats, mean: Floats) -> Floats:
    """Return values over their mean over the map, 1 where there is nothing."""
    return np.divide(values, mean, out=np.ones(np.broadcast(values, mean).shape), where=mean > 0)


def _at(pixels: int, sizes: tuple[int, ...], logs: Floats) -> Floats:
    """Return numbers for some pixels, given their logarithms for blocks and larger sums."""
    at = np.log([*sizes, 4 * sizes[-1]])
    place = float(np.interp(np.log(pixels), at, np.arange(at.size)))
    lower = min(int(place), at.size - 2)
    share = place - lower
    return np.asarray(np.exp((1 - share) * logs[lower] + share * logs[lower + 1]))


def _forms(products: NDArray[np.floating], weights: Floats) -> Floats:
    """Return the quadratic form of products of pieces for each row of weights (n, pieces)."""
    return np.asarray(((weights @ products) * weights).sum(axis=1))


def _choices(larger: Floats, scatter: Floats) -> Floats:
    """Return what squared errors may be like, from that of larger blocks, (choices, n)."""
    ratios = np.log(np.maximum(scatter, np.finfo(float).tiny) / larger)
    powers = np.log(larger) + POWERS[:, None] * ratios
    return np.asarray((FACTORS[:, None, None] * np.exp(powers)).reshape(-1, larger.size))
