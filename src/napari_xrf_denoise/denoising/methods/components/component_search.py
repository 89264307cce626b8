"""Which spectra a map consists of: components that are certain in pixels, or in sums of many.

What is weak and extends over many pixels, or is a line of them, cannot be told from noise in single
pixels; in the sums over groups of them it can. So the search goes on in larger and larger groups,
each time for what the components that were found before leave. A component that is certain in some
group may be hardly more than noise in single pixels: the network's filter gives it its due there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.core.workers import sum_up
from napari_xrf_denoise.denoising.multifold_thinning import PartitionedBand, PhotonPartition
from napari_xrf_denoise.denoising.settings import StackSettings
from napari_xrf_denoise.denoising.subspace import (
    Matrix,
    Subspace,
    certain_vectors,
    leading_vectors,
    resolved_vectors,
    weights,
)

from .pixel_groups import GROUPS, STRIP, Pictures, PixelGroup, evenly, in_strips

LEFT = 0.15
"""Share of the counts that must be left to judge components by; they are counted otherwise."""
RANK_PARTS = 4
"""In how many parts the counts go then, each of which is left out in turn."""
BATCH = 512
"""Groups whose products are added up at once: of fewer, adding costs more than multiplying."""
MOST_BYTES = 2**28
"""Most memory of these products; of more coordinates, fewer kinds of groups are searched."""
STRETCHES = 16
"""Stretches of the map whose sums are made by themselves."""
FURTHER = 8
"""Most components that the sums over a kind of groups add."""


def find_subspaces(
    partition: PhotonPartition,
    groups: list[list[int]],
    width: Matrix,
    spectrum: Matrix,
    settings: StackSettings,
    watch: Watch,
) -> tuple[list[Subspace], Subspace]:
    """Return the subspace of each group of parts, all of the same rank.

    The other one is that of all that the detector can resolve.

    Parameters
    ----------
    groups : list of list of int
        Parts that each subspace is taken from. The others tell how many components are certain.
    width : numpy.ndarray, shape (energy,)
        Standard deviation of a line in each channel, in channels.
    spectrum : numpy.ndarray, shape (energy,)
        Counts of all pixels.
    """
    height, across, _ = partition.source.shape
    pixels = height * across
    mean = spectrum / pixels
    weight = weights(mean, settings.weight_floor)
    vectors = resolved_vectors(width, mean, weight, pixels)
    matrix = np.ascontiguousarray(vectors / weight[:, None], dtype=np.float32)
    most = min(settings.max_rank, vectors.shape[1], pixels)
    search = _Search(partition, groups, matrix, spectrum, settings.rank)
    search.read(watch)
    subspaces = [Subspace.of(vectors @ own, weight) for own in search.vectors(most)]
    return subspaces, Subspace.of(vectors, weight)


@dataclass(frozen=True, eq=False)
class _Sums:
    """Products of coordinates, added up over pixels and groups of pixels."""

    totals: Matrix
    """Coordinates of each split, summed, (splits, coordinates)."""
    seen: NDArray[np.float32]
    """Products of those of each split, (kinds of groups, splits, coordinates, coordinates)."""
    shared: NDArray[np.float32]
    """Those of each split times those of the rest."""
    numbers: NDArray[np.intp]
    """Of groups of each kind."""

    @classmethod
    def zeros(cls, kinds: int, splits: int, size: int) -> _Sums:
        """Return those of no pixels."""
        # In single precision: a few hundred coordinates squared, for each split and kind of group.
        seen, shared = np.zeros((2, kinds, splits, size, size), np.float32)
        return cls(np.zeros((splits, size)), seen, shared, np.zeros(kinds, np.intp))

    def plus(self, other: _Sums) -> _Sums:
        """Return the sums over the pixels of both."""
        return _Sums(
            self.totals + other.totals,
            self.seen + other.seen,
            self.shared + other.shared,
            self.numbers + other.numbers,
        )

    def add(self, index: int, held: list[Pictures]) -> None:
        """Add the products of groups (groups, splits and all, coordinates), and empty the list."""
        if not held:
            return
        sums = held[0] if len(held) == 1 else np.concatenate(held)
        held.clear()
        self.numbers[index] += len(sums)
        for split in range(len(self.totals)):
            seen = np.ascontiguousarray(sums[:, split])
            self.seen[index, split] += seen.T @ seen
            self.shared[index, split] += seen.T @ (sums[:, -1] - seen)


@dataclass(frozen=True, eq=False)
class _Products:
    """Which products are added up: of the coordinates that a matrix projects the counts on."""

    partition: PhotonPartition
    splits: list[list[int]]
    kinds: list[PixelGroup]
    matrix: NDArray[np.float32]

    def within(self, rows: slice) -> _Sums:
        """Return the sums over some rows, of which groups are made from the first on."""
        size = self.matrix.shape[1]
        sums = _Sums.zeros(len(self.kinds), len(self.splits), size)
        held: list[list[Pictures]] = [[] for _ in self.kinds]
        for strip in in_strips(self.partition.within(rows).map(self._project)):
            for index, (own, group) in enumerate(zip(held, self.kinds, strict=True)):
                own.append(group.sums(strip).reshape(-1, len(self.splits) + 1, size))
                if sum(map(len, own)) >= BATCH:
                    sums.add(index, own)
            totals = strip.sum(axis=(0, 1), dtype=np.float64).reshape(-1, size)
            sums.totals[:] += totals[:-1]
        for index, own in enumerate(held):
            sums.add(index, own)
        return sums

    def _project(self, rows: slice, band: PartitionedBand) -> Pictures:
        """Return the coordinates (rows, x, splits and all times coordinates) of a band."""
        groups = [*self.splits, list(range(self.partition.number))]
        found = [band.project(group, self.matrix) for group in groups]
        return np.stack(found, axis=1).reshape(*band.shape[:2], -1)


class _Search:
    """Finds components in the coordinates of the resolved spectra, which a matrix projects on."""

    def __init__(
        self,
        partition: PhotonPartition,
        groups: list[list[int]],
        matrix: NDArray[np.float32],
        spectrum: Matrix,
        rank: int | None,
    ) -> None:
        self._rank, self._asked = rank, len(groups)
        # Components are counted where enough is left to judge them by.
        splits = list(groups)
        shares = partition.shares
        if min(1 - shares[group].sum() for group in groups) < LEFT and partition.number > 1:
            folds = partition.folds(min(RANK_PARTS, partition.number))
            splits += [partition.without(fold) for fold in folds]
            self._judged = list(range(self._asked, len(splits)))
        else:
            self._judged = list(range(self._asked)) if partition.number > 1 else []
        size, number = matrix.shape[1], len(splits)
        # A rank that was given is that of the components of single pixels.
        searched = rank is None and self._judged
        fit = MOST_BYTES // (2 * number * size**2 * np.dtype(np.float32).itemsize)
        kinds = evenly(GROUPS, fit) if searched else list(GROUPS[:1])
        noise = matrix.T.astype(np.float64) * spectrum @ matrix
        self._noise = [noise * (1 - shares[split].sum()) for split in splits]
        self._products = _Products(partition, splits, kinds, matrix)
        self._sums = _Sums.zeros(0, 0, 0)

    def read(self, watch: Watch) -> None:
        """Add up products of all pixels and groups of pixels."""
        height = self._products.partition.source.shape[0]
        strips = -(-height // STRIP)
        step = STRIP * -(-strips // STRETCHES)
        stretches = [slice(y, min(y + step, height)) for y in range(0, height, step)]

        def tell(done: int) -> None:
            watch.step("finding components", done / len(stretches))

        self._sums = sum_up(self._products.within, stretches, _Sums.plus, tell)

    def vectors(self, most: int) -> list[Matrix]:
        """Return the vectors of each group, as many as are certain or as are asked for."""
        rank = self._rank
        bases = [
            leading_vectors(gram, total, 1 if rank is None else min(rank, most))
            for gram, total in zip(self._sums.seen[0], self._sums.totals, strict=True)
        ]
        if rank is None and self._judged:
            for index, number in enumerate(self._sums.numbers):
                limit = most if index == 0 else min(most, bases[0].shape[1] + FURTHER)
                if number > 1 and limit > bases[0].shape[1]:
                    bases = self._further(bases, index, limit)
        return bases[: self._asked]

    def _further(self, bases: list[Matrix], index: int, most: int) -> list[Matrix]:
        """Return the vectors and those that are certain in the sums over a kind of groups."""
        judged = self._judged
        seen = self._sums.seen[index].astype(np.float64)
        shared = self._sums.shared[index].astype(np.float64)
        found = certain_vectors(
            [bases[split] for split in judged],
            seen[judged],
            [(shared[split] + shared[split].T) / 2 for split in judged],
            [self._noise[split] for split in judged],
            int(self._sums.numbers[index]),
            most,
        )
        known = dict(zip(judged, found, strict=True))
        rank = found[0].shape[1]
        return [
            known[split] if split in known else leading_vectors(seen[split], basis, rank)
            for split, basis in enumerate(bases)
        ]
