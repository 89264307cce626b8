"""Which spectra a map consists of: components that are certain in pixels, or in sums of many.

What is weak and extends over many pixels, or is a line of them, cannot be told from noise in single
pixels; in the sums over groups of them it can. So the search goes on in larger and larger groups,
each time for what the components that were found before leave. A component that is certain in some
group may be hardly more than noise in single pixels: the network's filter gives it its due there.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.progress import Watch
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

from .pixel_groups import GROUPS, Pictures, evenly, in_strips

LEFT = 0.15
"""Share of the counts that must be left to judge components by; they are counted otherwise."""
RANK_PARTS = 4
"""In how many parts the counts go then, each of which is left out in turn."""
BATCH = 512
"""Groups whose products are added up at once: of fewer, adding costs more than multiplying."""
MOST_BYTES = 2**29
"""Most memory of these products; of more coordinates, fewer kinds of groups are searched."""
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
        self._partition, self._matrix, self._rank = partition, matrix, rank
        self._asked = len(groups)
        # Components are counted where enough is left to judge them by.
        self._splits = list(groups)
        shares = partition.shares
        if min(1 - shares[group].sum() for group in groups) < LEFT and partition.number > 1:
            folds = partition.folds(min(RANK_PARTS, partition.number))
            self._splits += [partition.without(fold) for fold in folds]
            self._judged = list(range(self._asked, len(self._splits)))
        else:
            self._judged = list(range(self._asked)) if partition.number > 1 else []
        size, number = matrix.shape[1], len(self._splits)
        # A rank that was given is that of the components of single pixels.
        searched = rank is None and self._judged
        fit = MOST_BYTES // (2 * number * size**2 * np.dtype(np.float32).itemsize)
        self._kinds = evenly(GROUPS, fit) if searched else GROUPS[:1]
        noise = matrix.T.astype(np.float64) * spectrum @ matrix
        self._noise = [noise * (1 - shares[split].sum()) for split in self._splits]
        self._totals = np.zeros((number, size))
        # In single precision: a few hundred coordinates squared, for each split and kind of group.
        self._seen, self._shared = np.zeros((2, len(self._kinds), number, size, size), np.float32)
        self._numbers = np.zeros(len(self._kinds), int)

    def read(self, watch: Watch) -> None:
        """Add up products of all pixels and groups of pixels."""
        size = self._matrix.shape[1]
        held: list[list[Pictures]] = [[] for _ in self._kinds]
        for strip in in_strips(self._projected(watch)):
            for index, (own, group) in enumerate(zip(held, self._kinds, strict=True)):
                own.append(group.sums(strip).reshape(-1, len(self._splits) + 1, size))
                if sum(map(len, own)) >= BATCH:
                    self._add(index, own)
            totals = strip.sum(axis=(0, 1), dtype=np.float64).reshape(-1, size)
            self._totals += totals[:-1]
        for index, own in enumerate(held):
            self._add(index, own)

    def _add(self, index: int, held: list[Pictures]) -> None:
        """Add the products of sums over groups, and empty the list."""
        if not held:
            return
        sums = np.concatenate(held)
        held.clear()
        self._numbers[index] += len(sums)
        for split in range(len(self._splits)):
            seen = np.ascontiguousarray(sums[:, split])
            self._seen[index, split] += seen.T @ seen
            self._shared[index, split] += seen.T @ (sums[:, -1] - seen)

    def _projected(self, watch: Watch) -> Iterator[Pictures]:
        """Yield coordinates (rows, x, splits and all times coordinates) of bands."""
        everything = list(range(self._partition.number))
        project = partial(_project, [*self._splits, everything], self._matrix)
        for rows, found in self._partition.map(project):
            watch.step("finding components", rows.start / self._partition.source.shape[0])
            yield found

    def vectors(self, most: int) -> list[Matrix]:
        """Return the vectors of each group, as many as are certain or as are asked for."""
        rank = self._rank
        bases = [
            leading_vectors(gram, total, 1 if rank is None else min(rank, most))
            for gram, total in zip(self._seen[0], self._totals, strict=True)
        ]
        if rank is None and self._judged:
            for index, number in enumerate(self._numbers):
                limit = most if index == 0 else min(most, bases[0].shape[1] + FURTHER)
                if number > 1 and limit > bases[0].shape[1]:
                    bases = self._further(bases, index, limit)
        return bases[: self._asked]

    def _further(self, bases: list[Matrix], index: int, most: int) -> list[Matrix]:
        """Return the vectors and those that are certain in the sums over a kind of groups."""
        judged = self._judged
        seen = self._seen[index].astype(np.float64)
        shared = self._shared[index].astype(np.float64)
        found = certain_vectors(
            [bases[split] for split in judged],
            seen[judged],
            [(shared[split] + shared[split].T) / 2 for split in judged],
            [self._noise[split] for split in judged],
            int(self._numbers[index]),
            most,
        )
        known = dict(zip(judged, found, strict=True))
        rank = found[0].shape[1]
        return [
            known[split] if split in known else leading_vectors(seen[split], basis, rank)
            for split, basis in enumerate(bases)
        ]


def _project(
    groups: list[list[int]], matrix: NDArray[np.float32], rows: slice, band: PartitionedBand
) -> tuple[slice, Pictures]:
    """Return the coordinates (rows, x, groups times coordinates) of groups of the parts."""
    found = [band.project(group, matrix) for group in groups]
    return rows, np.stack(found, axis=1).reshape(*band.shape[:2], -1)
