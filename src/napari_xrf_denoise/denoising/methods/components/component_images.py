"""From counts to component images: all parts projected on the subspaces, in strips of rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.denoising.multifold_thinning import PartitionedBand, PhotonPartition
from napari_xrf_denoise.denoising.pairs import BAND_BYTES
from napari_xrf_denoise.denoising.subspace import Subspace

Scores = NDArray[np.float32]

TILE = 96
"""Largest side of what a network sees in one step, whose cost does not grow with the map."""


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
    partition: PhotonPartition,
    subspaces: list[Subspace],
    *,
    least: int,
    margin: int,
    grid: int = 1,
    max_bytes: int = BAND_BYTES,
) -> Iterator[Strip]:
    """Project all parts, and yield them in strips that a network can be applied to.

    A strip has at least `least` rows, since a margin costs as much as other rows; `margin` is the
    number of rows that the network sees beyond a pixel. Each begins at a multiple of `grid` rows.
    """
    height = partition.source.shape[0]
    matrix = np.hstack([subspace.analysis for subspace in subspaces])
    held: list[Scores] = []
    first = start = stop = 0

    def project(rows: slice, band: PartitionedBand) -> tuple[slice, Scores]:
        return rows, band.project_each(matrix)

    for rows, projected in partition.map(project, max_bytes):
        held.append(projected)
        stop = rows.stop
        if stop < height and stop - start < least + margin:
            continue
        scores = np.concatenate(held, axis=1)
        end = height if stop == height else stop - margin
        yield Strip(slice(start, end), start - first, scores)
        kept = max(first, (end - margin) // grid * grid)
        held = [scores[:, kept - first :]]
        first, start = kept, end


def subsets(parts: list[int], size: int, number: int, rng: np.random.Generator) -> list[list[int]]:
    """Return subsets of this size that hold every part about equally often: windows on a ring."""
    size = min(size, len(parts))
    ring = rng.permutation(parts)
    starts = np.round(np.arange(number) * len(parts) / number).astype(int)
    return [np.take(ring, np.arange(start, start + size), mode="wrap").tolist() for start in starts]
