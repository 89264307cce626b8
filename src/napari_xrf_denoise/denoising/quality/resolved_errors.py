"""Squared errors without the noise of counts that the detector cannot resolve.

With P, the projection of spectra on what it can, f·(P·c) has the same expectation as f·c for counts
c that a prediction f has not seen, and less noise. For a product of factors, f = S·V, the sums over
pixels of f times P·c are V∘(Sᵀc·P): products of small matrices. What cutting off at zero adds to
the product is compared with c itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.denoising.multifold_thinning import PartitionedBand
from napari_xrf_denoise.denoising.subspace import Subspace

from .squared_errors import SquaredErrors

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Products:
    """Sums over the pixels of a band, for each prediction and each part of the counts."""

    along: list[Floats]
    """Of scores times the counts that judge a prediction, (component, energy)."""
    own: list[Floats]
    """Of spectra that no components make, times smooth counts, (energy,), less times counts."""
    grams: list[Floats]
    """Of the coordinates of all counts; of repeats, of the sum of the parts over their shares, and
    of each of these."""


class ResolvedErrors:
    """Adds up products, band by band.

    `predictions` are pairs of one without each part and one from fewer counts, if there is any.
    """

    def __init__(
        self,
        resolved: Subspace,
        predictions: Sequence[Sequence[FactoredCounts]],
        shares: Sequence[float],
        *,
        photons: bool,
    ) -> None:
        self._resolved, self._predictions = resolved, predictions
        self._shares, self._photons = shares, photons
        self._sum: Products | None = None

    def products(self, rows: slice, band: PartitionedBand) -> Products:
        """Return the products of a band, whose parts are those that judge."""
        along, own = [], []
        for index, kinds in enumerate(self._predictions):
            counts = band.sparse(band.counts[:, index])
            images = np.concatenate([kind.images(rows) for kind in kinds], axis=2)
            flat = images.reshape(-1, images.shape[2])
            along.append((counts.T @ flat).T.astype(np.float64))
            for kind in kinds:
                pixels, spectra = kind.own_rows(rows)
                there = counts[pixels].toarray()
                beyond = self._resolved.smooth(there) - there
                own.append(np.einsum("pe,pe->e", spectra, beyond, dtype=np.float64))
        return Products(along, own, [self._gram(band, values) for values in self._kinds(band)])

    def _kinds(self, band: PartitionedBand) -> list[NDArray[np.number]]:
        """Return the values whose squares are needed."""
        if self._photons:
            return [band.counts.sum(axis=1)]
        scaled = band.counts / np.asarray(self._shares)
        return [scaled.sum(axis=1), *scaled.T]

    def _gram(self, band: PartitionedBand, values: NDArray[np.number]) -> Floats:
        coordinates = band.times(values, self._resolved.analysis)
        return (coordinates.T @ coordinates).astype(np.float64)

    def add(self, band: Products) -> None:
        """Add the products of a band."""
        if self._sum is None:
            self._sum = band
            return
        for total, part in (
            (self._sum.along, band.along),
            (self._sum.own, band.own),
            (self._sum.grams, band.grams),
        ):
            for one, other in zip(total, part, strict=True):
                one += other

    def finish(self, raw: SquaredErrors) -> SquaredErrors:
        """Return the sums of smooth counts, given those of the counts as they are."""
        if self._sum is None:
            return raw
        # Twice the digits: errors are far smaller than the squares that they are differences of.
        analysis, synthesis = (
            part.astype(np.float64) for part in (self._resolved.analysis, self._resolved.synthesis)
        )
        departure, fall = raw.departure.copy(), raw.fall.copy()
        own = iter(self._sum.own)
        for along, kinds, share in zip(
            self._sum.along, self._predictions, self._shares, strict=True
        ):
            changes, first = [], 0
            for kind in kinds:
                part = along[first : first + len(kind.spectra)]
                first += len(kind.spectra)
                beyond = (part @ analysis) @ synthesis - part
                changes.append(np.einsum("re,re->e", kind.spectra, beyond) + next(own))
            departure -= 2 / share * changes[0]
            if len(changes) > 1:
                fall -= 2 / share * (changes[1] - changes[0])
        return raw._replace(level=self._level(raw, self._sum.grams), departure=departure, fall=fall)

    def _level(self, raw: SquaredErrors, grams: Sequence[Floats]) -> Floats:
        """Return unbiased estimates of λ²."""
        synthesis = self._resolved.synthesis.astype(np.float64)
        squares = [np.einsum("re,re->e", synthesis, gram @ synthesis) for gram in grams]
        if self._photons:
            return np.asarray(squares[0] - self._resolved.smooth_variance(raw.counts))
        number = len(self._shares)
        return np.asarray((squares[0] - sum(squares[1:])) / (number * (number - 1)))
