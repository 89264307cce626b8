"""The noise of counts that are not Poisson, from the scatter of the parts of a map.

The variance of a value is taken for a straight line of what is expected: a constant, such as a
detector's own noise, and so much for each count. How it rises with the counts, the bright and dim
pixels of all pieces of the spectrum tell together; its mean in each piece is as it was found.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.uncertainties.mean_errors import CountNoise

Image = NDArray[np.float32]
Floats = NDArray[np.float64]


class NoiseTally:
    """Adds up what gives the line, pixel by pixel."""

    def __init__(self, shares: Sequence[float], pieces: int) -> None:
        self._shares = np.asarray(shares)
        self._pixels = 0
        self._variance, self._counts, self._both = np.zeros((3, pieces))
        self._products = np.zeros((pieces, pieces))
        self._start: Floats | None = None
        self._least = np.full(pieces, np.inf)

    def add(self, parts: Image, expected: Image) -> None:
        """Add pixels: their parts (parts, pixels, pieces), and predictions of all counts.

        Pixels without any counts are none.
        """
        used = parts.any(axis=(0, 2))
        if not used.any():
            return
        own, counts = parts[:, used].astype(np.float64), expected[used].astype(np.float64)
        spread = own - self._shares[:, None, None] * own.sum(axis=0)
        variance = (spread**2).sum(axis=0) / (1 - float(self._shares @ self._shares))
        if self._start is None:
            self._start = counts.mean(axis=0)
        # A pedestal may be far larger than all differences between pixels.
        counts -= self._start
        self._pixels += len(counts)
        self._variance += variance.sum(axis=0)
        self._counts += counts.sum(axis=0)
        self._both += (variance * counts).sum(axis=0)
        self._products += counts.T @ counts
        self._least = np.minimum(self._least, counts.min(axis=0))

    def finish(self) -> tuple[CountNoise, Floats]:
        """Return the noise of all counts in each piece, and mean products of their variance."""
        if self._start is None:
            nothing = np.zeros_like(self._variance)
            return CountNoise(nothing, nothing), self._products
        variance, counts = self._variance / self._pixels, self._counts / self._pixels
        covariance = self._products / self._pixels - np.outer(counts, counts)
        rise = (self._both / self._pixels - variance * counts).sum()
        scatter = float(np.trace(covariance))
        growth = max(0.0, float(rise) / scatter) if scatter > 0 else 0.0
        # No variance is below zero, not in the dimmest pixel either.
        above = counts - self._least
        most = np.divide(variance, above, out=np.zeros_like(counts), where=above > 0)
        own = np.minimum(growth, most)
        products = np.outer(variance, variance) + np.outer(own, own) * covariance
        return CountNoise(variance - own * (counts + self._start), own), products
