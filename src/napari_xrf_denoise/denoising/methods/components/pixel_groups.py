"""Sums over groups of neighbouring pixels: squares, pieces of rows, of columns and of diagonals.

What is weak in a pixel but extends over many is certain in their sum: it grows with the number of
pixels, its noise with the root of that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Pictures = NDArray[np.float32]
"""Values of several kinds, shape (y, x, kinds)."""


class PixelGroup(NamedTuple):
    """A rectangle of pixels; in a slanted one each row begins so many pixels further right."""

    rows: int
    columns: int
    slant: int = 0

    def sums(self, pictures: Pictures) -> Pictures:
        """Return the sums over all groups, side by side, that fit in; shape (groups, kinds)."""
        if self.slant:
            # What leaves at one side comes in at the other: those groups consist of two pieces.
            straight = np.empty_like(pictures)
            for y, row in enumerate(pictures):
                first = self.slant * y % len(row)
                straight[y, : len(row) - first] = row[first:]
                straight[y, len(row) - first :] = row[:first]
            pictures = straight
        height, width, kinds = pictures.shape
        down, across = height // self.rows, width // self.columns
        cut = pictures[: down * self.rows, : across * self.columns]
        blocks = cut.reshape(down, self.rows, across, self.columns, kinds)
        sums: Pictures = blocks.sum(axis=(1, 3)).reshape(down * across, kinds)
        return sums


GROUPS = (
    *(PixelGroup(side, side) for side in (1, 2, 4, 8, 12, 24)),
    *(PixelGroup(1, length) for length in (8, 24)),
    *(PixelGroup(length, 1) for length in (8, 24)),
    *(PixelGroup(8, 1, slant) for slant in (1, -1)),
)
"""From single pixels to larger groups."""
STRIP = 24
"""Rows that all groups fit in without a rest."""


def evenly(groups: Sequence[PixelGroup], most: int) -> list[PixelGroup]:
    """Return at most so many of the groups, the first among them and the others evenly spread."""
    number = max(1, min(most, len(groups)))
    return [groups[index * len(groups) // number] for index in range(number)]


def in_strips(bands: Iterator[Pictures]) -> Iterator[Pictures]:
    """Yield bands (rows, x, kinds) cut anew: each but the last has as many rows as a strip.

    A strip is valid until the next one.
    """
    strip: Pictures | None = None
    filled = 0
    for band in bands:
        if strip is None:
            strip = np.empty((STRIP, *band.shape[1:]), band.dtype)
        done = 0
        while done < len(band):
            taken = min(len(band) - done, STRIP - filled)
            strip[filled : filled + taken] = band[done : done + taken]
            done, filled = done + taken, filled + taken
            if filled == STRIP:
                yield strip
                filled = 0
    if strip is not None and filled:
        yield strip[:filled]
