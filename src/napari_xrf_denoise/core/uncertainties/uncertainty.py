"""How wrong the numbers of a denoised map may be: standard deviations of weighted sums.

Two things are known of the errors of a result. Counts that it has not seen tell its mean squared
error for every weighting of the channels, and for sums over blocks of pixels, noise and bias
together (`MeanErrors`). The scatter of predictions tells where in the map the noise is (`Scatter`).
The variance in a pixel is the mean squared error times how far the pixel is from the mean of the
map, in scatter and in the variance of its raw counts to equal parts: noise of counts grows with
them, and so does bias.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .mean_errors import MeanErrors, ratio

__all__ = ["Scatter", "Uncertainty"]

Floats = NDArray[np.float64]

SMOOTHING = 1.5
"""Standard deviation, in pixels, of the Gaussian over which squared scatter is averaged: few
predictions tell little about the variance of one pixel."""
REACH = int(4 * SMOOTHING)
"""Pixels to each side that take part in it."""
BAND_BYTES = 2**24
"""Scatter of pixels that is expanded at once."""


@dataclass(frozen=True, eq=False)
class Scatter:
    """Differences between predictions of a map, as images of components times spectra."""

    images: NDArray[np.float16]
    """Shape (y, x, components)."""
    spectra: NDArray[np.float32]
    """Shape (components, energy)."""
    groups: NDArray[np.intp]
    """Which difference each component belongs to, (components,)."""
    products: NDArray[np.float32]
    """Mean products of the images over the whole map, (components, components)."""

    @classmethod
    def of(
        cls, images: Sequence[NDArray[np.float32]], spectra: Sequence[NDArray[np.float32]]
    ) -> Scatter:
        """Return differences (y, x, components) × (components, energy), in half precision."""
        sizes = [np.sqrt(np.mean(image**2, axis=(0, 1))) + np.float32(1e-30) for image in images]
        pairs = zip(images, sizes, strict=True)
        halves = np.concatenate([(own / size).astype(np.float16) for own, size in pairs], axis=2)
        scaled = [size[:, None] * own for size, own in zip(sizes, spectra, strict=True)]
        groups = np.repeat(np.arange(len(spectra)), [len(own) for own in spectra])
        height, width, rank = halves.shape
        found = cls(halves, np.concatenate(scaled), groups, np.zeros((rank, rank), np.float32))
        return replace(found, products=found.sums(np.full((height, width), 1 / (height * width))))

    def sums(self, share: Floats) -> NDArray[np.float32]:
        """Return the products of the images, summed over pixels with a share (y, x) of each."""
        rank = len(self.groups)
        total = np.zeros((rank, rank))
        height, width, _ = self.images.shape
        step = max(1, BAND_BYTES // (4 * width * rank))
        for start in range(0, height, step):
            rows = slice(start, start + step)
            used = share[rows] > 0
            pixels = self.images[rows][used].astype(np.float32)
            total += (pixels * share[rows][used, None].astype(np.float32)).T @ pixels
        return total.astype(np.float32)

    def about(self, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return mean products of the images in and about the pixels of a mask (y, x)."""
        from scipy.ndimage import gaussian_filter

        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        if not rows.size:
            return np.zeros_like(self.products)
        near = tuple(
            slice(max(0, int(own[0]) - REACH), int(own[-1]) + REACH + 1) for own in (rows, columns)
        )
        share = gaussian_filter(mask[near].astype(np.float64), SMOOTHING, mode="nearest")
        return self.cut(*near).sums(share / share.sum())

    def squares(self, products: NDArray[np.float32], columns: NDArray[Any]) -> Floats:
        """Return mean squares (n,) of sums of channels, of such products.

        `columns` (components, n) are these sums of the spectra.
        """
        return np.asarray(((self._own(products) @ columns) * columns).sum(axis=0))

    def map(self, weights: Floats) -> Floats:
        """Return the mean square of a weighted sum (energy,) of channels about each pixel."""
        from scipy.ndimage import gaussian_filter

        same = self.groups[:, None] == np.arange(self.groups[-1] + 1)
        columns = (same * (self.spectra @ weights)[:, None]).astype(np.float32)
        square = np.stack(
            [((row.astype(np.float32) @ columns) ** 2).mean(1) for row in self.images]
        )
        return np.asarray(gaussian_filter(square.astype(np.float64), SMOOTHING, mode="nearest"))

    def _own(self, products: NDArray[np.float32]) -> Floats:
        """Return the products within each difference, for a mean over differences."""
        same = self.groups[:, None] == self.groups
        return np.asarray(products * same / (self.groups[-1] + 1.0))

    def cut(self, y: slice, x: slice) -> Scatter:
        """Return that of a part of the map."""
        return replace(self, images=self.images[y, x])


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Standard deviations of a result's weighted sums over channels and pixels.

    Weights belong to the channels of the image, a part of the map's. Expected counts are those of
    the result, with the square of each weight.
    """

    mean: MeanErrors
    scatter: Scatter
    spots: NDArray[np.bool_]
    """Pixels (y, x) whose lines are as they were counted."""
    scale: float = 1.0
    """Counts of the result over those of all repeats together."""
    first: int = 0
    """Channel of the map at which the image begins."""

    @property
    def shape(self) -> tuple[int, int]:
        """(y, x)."""
        height, width = self.spots.shape
        return height, width

    @property
    def channels(self) -> int:
        """Number of channels of the whole map."""
        return int(self.mean.edges[-1])

    def holds(self, channels: int) -> bool:
        """Whether it knows about so many channels."""
        return self.first + channels <= self.channels

    def pixel_variance(self, weights: Floats, expected: Floats) -> Floats:
        """Return the variance of a weighted sum in each pixel.

        `weights` (energy,) belong to the channels, `expected` (y, x) is the sum of the result's
        counts with squared weights.
        """
        every = self._every(weights[None])
        counts = np.maximum(expected, 0) / self.scale
        raw = self.mean.raw_variance(every**2, counts)
        variance = self._each(every, 1, self.scatter.map(every[0]), raw)
        # Single lines that were kept are as uncertain as their counts.
        variance = np.where(self.spots, np.maximum(variance, raw), variance)
        return np.asarray(variance * self.scale**2)

    def sum_variance(
        self,
        weights: Floats,
        mask: NDArray[np.bool_],
        expected: Floats,
        in_spots: Floats,
    ) -> Floats:
        """Return the variance of weighted sums over the pixels of a mask (y, x).

        `weights` (n, energy) belong to the channels; `expected` (n,) are the result's counts in the
        mask with squared weights, `in_spots` (n,) those of its spots.
        """
        every, pixels = self._every(weights), max(1, int(mask.sum()))
        own = self.scatter.squares(self.scatter.about(mask), self.scatter.spectra @ every.T)
        counts = np.maximum(expected, 0) / self.scale / pixels
        variance = pixels * self._each(every, pixels, own, self.mean.raw_variance(every**2, counts))
        # Single lines that were kept are as uncertain as their counts.
        if spots := np.count_nonzero(self.spots & mask):
            kept = np.maximum(in_spots, 0) / self.scale / spots
            variance += spots * self.mean.raw_variance(every**2, kept)
        return np.asarray(variance * self.scale**2)

    def spectrum_variance(self, mask: NDArray[np.bool_], total: Floats, in_spots: Floats) -> Floats:
        """Return the variance of each channel of a sum over the pixels of a mask (y, x).

        `total` (energy,) are the result's counts in the mask, `in_spots` (energy,) those of its
        spots. Errors change as slowly along the spectrum as its lines are wide, so that they are
        computed in the middle of each piece of half a line.
        """
        places, pixels = self.mean.middles, max(1, int(mask.sum()))
        columns, noise = self.scatter.spectra[:, places], self.mean.noise.at(places)
        own = self.scatter.squares(self.scatter.about(mask), columns)
        known = self.scatter.squares(self.scatter.products, columns)
        inside = np.clip(places - self.first, 0, total.size - 1)
        spots = np.count_nonzero(self.spots & mask)
        raw, kept = (
            noise.variance(np.maximum(counts[inside], 0) / self.scale / max(1, number))
            for counts, number in ((total, pixels), (in_spots, spots))
        )
        far = ratio(own, known) + ratio(raw, self.mean.variance[places])
        variance = pixels * self.mean.in_middles(pixels) * far / 2 + spots * kept
        variance *= self.scale**2
        channels = np.arange(self.first, self.first + total.size)
        return np.interp(channels, places, np.sqrt(variance)) ** 2

    def around(self, y: int, x: int) -> tuple[Uncertainty, NDArray[np.bool_]]:
        """Return that of as much of the map as a pixel's depends on, and the pixel's mask there."""
        first = tuple(max(0, place - REACH) for place in (y, x))
        near = [slice(start, place + REACH + 1) for start, place in zip(first, (y, x), strict=True)]
        part = self.cut(near[0], near[1], slice(None))
        mask = np.zeros(part.shape, bool)
        mask[y - first[0], x - first[1]] = True
        return part, mask

    def cut(self, y: slice, x: slice, energy: slice) -> Uncertainty:
        """Return that of a part of the image."""
        first = self.first + range(self.channels - self.first)[energy].start
        return replace(self, scatter=self.scatter.cut(y, x), spots=self.spots[y, x], first=first)

    def _each(self, every: Floats, pixels: int, scatter: Floats, raw: Floats) -> Floats:
        """Return the variance of a pixel in a sum over so many.

        By its scatter and by the variance of its raw counts.
        """
        known = self.scatter.squares(self.scatter.products, self.scatter.spectra @ every.T)
        usual = self.mean.variance @ every.T**2
        mean = self.mean.per_pixel(every, pixels) / 2
        return np.asarray(mean * (ratio(scatter, known) + ratio(raw, usual)))

    def _every(self, weights: Floats) -> Floats:
        """Return weights (n, energy) of the image as those of all channels of the map."""
        every = np.zeros((len(weights), self.mean.edges[-1]))
        every[:, self.first : self.first + weights.shape[1]] = weights
        return every
