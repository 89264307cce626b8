"""From counts to score images: one pass finds the subspaces, the next projects all parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.denoising.multifold_thinning import PartitionedBand, PhotonPartition
from napari_xrf_denoise.denoising.settings import StackSettings
from napari_xrf_denoise.denoising.subspace import (
    Matrix,
    Subspace,
    certain_rank,
    leading_vectors,
    resolved_vectors,
    weights,
)

Scores = NDArray[np.float32]

TILE = 96
"""Largest side of what a network sees in one step, whose cost does not grow with the map."""
RANK_PARTS = 4
"""In how many parts the counts go to find the rank, where there are no folds."""


@dataclass(frozen=True, eq=False)
class _Products:
    """Gram matrix and sum of pixels' spectra, in the coordinates of the resolved vectors."""

    gram: Matrix
    total: Matrix

    @classmethod
    def zeros(cls, size: int) -> _Products:
        return cls(np.zeros((size, size)), np.zeros(size))

    def add(self, spectra: Scores) -> None:
        # Products in float32 of one band, sums of bands in float64: as exact, at twice the speed.
        self.gram[...] += spectra.T @ spectra
        self.total[...] += spectra.sum(axis=0, dtype=np.float64)


def find_subspaces(
    partition: PhotonPartition,
    folds: list[list[int]],
    width: Matrix,
    spectrum: Matrix,
    settings: StackSettings,
    watch: Watch,
) -> tuple[list[Subspace], Subspace]:
    """Return the subspace of the counts without each fold, or of all where there are no folds.

    The other one is that of all that the detector can resolve.

    Parameters
    ----------
    folds : list of list of int
        Parts of each fold.
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
    cells = folds or partition.folds(min(RANK_PARTS, partition.number))
    number = vectors.shape[1]
    whole = _Products.zeros(number)
    own, rest = ([_Products.zeros(number) for _ in cells] for _ in range(2))
    for rows, band in partition.bands():
        watch.step("finding components", rows.start / height)
        found = [band.project(cell, matrix) for cell in cells]
        everything = np.sum(found, axis=0)
        whole.add(everything)
        for cell, others, part in zip(own, rest, found, strict=True):
            cell.add(part)
            others.add(everything - part)
    most, rank = min(settings.max_rank, number, pixels), settings.rank
    if rank is None:
        rank = 1
        if len(cells) > 1:
            rank = certain_rank(
                [products.gram for products in rest],
                [products.gram for products in own],
                whole.gram,
                [products.total for products in rest],
                most,
                pixels,
            )
    subspaces = [
        Subspace.of(vectors @ leading_vectors(found.gram, found.total, min(rank, most)), weight)
        for found in (rest if folds else [whole])
    ]
    return subspaces, Subspace.of(vectors, weight)


@dataclass(frozen=True, eq=False)
class Strip:
    """Component images of a few rows, with a margin above and below where there are more rows."""

    rows: slice
    """Rows of the map that the strip is for."""
    above: int
    """Rows of margin above them."""
    scores: Scores
    """(parts, rows with margins, x, components) of every subspace, one after the other."""

    def inner(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the strip's own rows of a picture (components, rows with margins, x)."""
        return picture[:, self.above : self.above + self.rows.stop - self.rows.start]


def strips(
    bands: Iterator[tuple[slice, PartitionedBand]],
    subspaces: list[Subspace],
    height: int,
    *,
    least: int,
    margin: int,
) -> Iterator[Strip]:
    """Project all parts, and yield them in strips that a network can be applied to.

    A strip has at least `least` rows, since a margin costs as much as other rows; `margin` is the
    number of rows that the network sees beyond a pixel.
    """
    matrix = np.hstack([subspace.analysis for subspace in subspaces])
    held: list[Scores] = []
    first = start = stop = 0
    for rows, band in bands:
        held.append(band.project_each(matrix))
        stop = rows.stop
        if stop < height and stop - start < least + margin:
            continue
        scores = np.concatenate(held, axis=1)
        end = height if stop == height else stop - margin
        yield Strip(slice(start, end), start - first, scores)
        kept = max(first, end - margin)
        held = [scores[:, kept - first :]]
        first, start = kept, end


def subsets(parts: list[int], size: int, number: int, rng: np.random.Generator) -> list[list[int]]:
    """Return subsets of this size that hold every part about equally often: windows on a ring."""
    size = min(size, len(parts))
    ring = rng.permutation(parts)
    starts = np.round(np.arange(number) * len(parts) / number).astype(int)
    return [np.take(ring, np.arange(start, start + size), mode="wrap").tolist() for start in starts]
