"""From counts to component images: all parts projected on the subspaces, in strips of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.denoising.multifold_thinning import PartitionedBand, PhotonPartition
from napari_xrf_denoise.denoising.subspace import Subspace

Scores = NDArray[np.float32]

TILE = 96
"""Largest side of what a network sees in one step, whose cost does not grow with the map."""


@dataclass(frozen=True)
class Strip:
    """A few rows of a map, and as many around them as a network sees from there."""

    rows: slice
    """Rows that the strip is for."""
    around: slice
    """Rows with a margin above and below, where there are more rows."""

    def inner(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the strip's own rows of a picture (components, rows with margins, x)."""
        first = self.rows.start - self.around.start
        return picture[:, first : first + self.rows.stop - self.rows.start]


def cut_into_strips(height: int, *, least: int, margin: int, grid: int = 1) -> list[Strip]:
    """Return strips of so many rows, or a little more, since a margin costs as much as other rows.

    `margin` is the number of rows that a network sees beyond a pixel. Strips with their margins
    begin at multiples of `grid` rows.
    """
    number = max(1, height // least)
    ends = [index * height // number for index in range(number + 1)]
    return [
        Strip(
            slice(start, stop),
            slice(max(0, start - margin) // grid * grid, min(height, stop + margin)),
        )
        for start, stop in pairwise(ends)
    ]


def project(
    partition: PhotonPartition, subspaces: Sequence[Subspace], rows: slice, watch: Watch
) -> list[Scores]:
    """Return the scores (parts, components, rows, x) of every subspace."""
    across = partition.source.shape[1]
    matrix = np.hstack([subspace.analysis for subspace in subspaces])
    height = rows.stop - rows.start
    sizes = [subspace.rank for subspace in subspaces]
    scores = [np.empty((partition.number, size, height, across), np.float32) for size in sizes]
    ends = np.cumsum([0, *sizes])

    def project_each(band_rows: slice, band: PartitionedBand) -> tuple[slice, Scores]:
        return band_rows, band.project_each(matrix)

    for band_rows, found in partition.within(rows).map(project_each):
        first = band_rows.start - rows.start
        watch.step("computing the result", first / height)
        moved = np.moveaxis(found, 3, 1)
        for own, (low, high) in zip(scores, pairwise(ends), strict=True):
            own[:, :, first : first + found.shape[1]] = moved[:, low:high]
    return scores


def subsets(parts: list[int], size: int, number: int, rng: np.random.Generator) -> list[list[int]]:
    """Return subsets of this size that hold every part about equally often: windows on a ring."""
    size = min(size, len(parts))
    ring = rng.permutation(parts)
    starts = np.round(np.arange(number) * len(parts) / number).astype(int)
    return [np.take(ring, np.arange(start, start + size), mode="wrap").tolist() for start in starts]
