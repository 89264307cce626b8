"""Shapes of many sizes in which the counts of a map are added up: squares, lines, diagonals, rims.

What is missing has a shape, and shows best in a sum over just its pixels. Sums come from tables of
running sums, so that each costs the same whatever its size. F. C. Crow, Computer Graphics 18
(1984) 207.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

SHORT, LONGER = 8, 3
"""Pixels of the shortest piece of a line, and by how many times the next are longer."""
SHARP = 3.0
"""How many times brighter a region is than what lies `BESIDE` its border, for its rim to count."""
BESIDE = 3
"""Pixels beyond a border where a detector's spot, one or two pixels wide, no longer reaches."""
RIM = "rim"
"""What a rim is called."""
BRIGHTEST = 0.01
"""Share of the pixels that show how bright a line is where it is bright."""
Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


class Tables(NamedTuple):
    """Running sums of an image (y, x, window), each of shape (y + 1, x + 1, window)."""

    image: Floats
    corner: Floats
    """Sums over all pixels above and to the left."""
    falling: Floats
    """Sums along the diagonals to the lower right."""
    rising: Floats
    """Those of the image mirrored in x."""

    @classmethod
    def of(cls, image: NDArray[np.floating]) -> Tables:
        """Return the tables of an image (y, x, window)."""
        values: Floats = np.asarray(image, dtype=np.float64)
        corner = np.pad(values, ((1, 0), (1, 0), (0, 0)))
        for axis in (0, 1):
            np.cumsum(corner, axis=axis, out=corner)
        return cls(values, corner, _along_diagonals(values), _along_diagonals(values[:, ::-1]))


class Family(Protocol):
    """Shapes of one kind and size."""

    @property
    def kind(self) -> str:
        """What they are, as a `Departure` says it."""
        ...

    def __len__(self) -> int: ...

    @property
    def sizes(self) -> Indices:
        """Number of pixels of each."""
        ...

    def take(self, which: Indices) -> Family:
        """Return some of the shapes."""
        ...

    def sums(self, tables: Tables) -> Floats:
        """Return the sum over each shape, (shape, window)."""
        ...

    def pixels(self, index: int) -> tuple[Indices, Indices]:
        """Return y and x of the pixels of a shape."""
        ...


@dataclass(frozen=True, eq=False)
class Rectangles:
    """Rows `top` up to `bottom` and columns `left` up to `right`, one entry a rectangle."""

    kind: str
    top: Indices
    bottom: Indices
    left: Indices
    right: Indices

    def __len__(self) -> int:
        return len(self.top)

    @property
    def sizes(self) -> Indices:
        """Number of pixels of each."""
        return (self.bottom - self.top) * (self.right - self.left)

    def take(self, which: Indices) -> Rectangles:
        """Return some of the rectangles."""
        ends = (self.top, self.bottom, self.left, self.right)
        return Rectangles(self.kind, *(part[which] for part in ends))

    def sums(self, tables: Tables) -> Floats:
        """Return the sum over each rectangle, (rectangle, window)."""
        table = tables.corner
        found = table[self.bottom, self.right] - table[self.top, self.right]
        found += table[self.top, self.left]
        found -= table[self.bottom, self.left]
        return found

    def pixels(self, index: int) -> tuple[Indices, Indices]:
        """Return y and x of the pixels of a rectangle."""
        y, x = np.mgrid[self.top[index] : self.bottom[index], self.left[index] : self.right[index]]
        return y.ravel(), x.ravel()


@dataclass(frozen=True, eq=False)
class Diagonals:
    """Pieces of so many pixels from row `top` and column `left` down to the right.

    Where it is `rising`, columns are counted from the right: down to the left.
    """

    kind: str
    top: Indices
    left: Indices
    length: Indices
    width: int
    """Columns of the map."""
    rising: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.top)

    @property
    def sizes(self) -> Indices:
        """Number of pixels of each."""
        return self.length

    def take(self, which: Indices) -> Diagonals:
        """Return some of the pieces."""
        parts = self.top[which], self.left[which], self.length[which]
        return Diagonals(self.kind, *parts, self.width, self.rising[which])

    def sums(self, tables: Tables) -> Floats:
        """Return the sum over each piece, (piece, window)."""
        found = np.empty((len(self), tables.image.shape[-1]))
        for table, own in ((tables.falling, ~self.rising), (tables.rising, self.rising)):
            top, left, length = self.top[own], self.left[own], self.length[own]
            found[own] = table[top + length, left + length] - table[top, left]
        return found

    def pixels(self, index: int) -> tuple[Indices, Indices]:
        """Return y and x of the pixels of a piece."""
        along = np.arange(self.length[index])
        x = self.left[index] + along
        return self.top[index] + along, self.width - 1 - x if self.rising[index] else x


@dataclass(frozen=True, eq=False)
class Rims:
    """Rims of regions, each to be looked at in one window only."""

    kind: str
    masks: Sequence[NDArray[np.bool_]]
    windows: Sequence[int]
    """The window of each."""

    @cached_property
    def _places(self) -> list[Indices]:
        """Pixels of each, flat."""
        return [np.flatnonzero(mask) for mask in self.masks]

    def __len__(self) -> int:
        return len(self.masks)

    @property
    def sizes(self) -> Indices:
        """Number of pixels of each."""
        return np.array([mask.sum() for mask in self.masks], dtype=np.int64)

    def take(self, which: Indices) -> Rims:
        """Return some of the rims."""
        chosen = [self.masks[index] for index in which], [self.windows[index] for index in which]
        return Rims(self.kind, *chosen)

    def sums(self, tables: Tables) -> Floats:
        """Return the sum over each rim, (rim, window)."""
        flat = tables.image.reshape(-1, tables.image.shape[-1])
        found = [flat[places].sum(axis=0) for places in self._places]
        return np.reshape(found, (len(self), flat.shape[1]))

    def pixels(self, index: int) -> tuple[Indices, Indices]:
        """Return y and x of the pixels of a rim."""
        y, x = np.nonzero(self.masks[index])
        return y, x


def families(height: int, width: int, *, neighbours: bool = True) -> list[Family]:
    """Return the shapes of a map of this size, larger than a pixel and smaller than the map.

    Where rows are no `neighbours`, there are only shapes within a row. Each shape shares half its
    pixels with the next of its size.
    """
    found: list[Family] = []
    if neighbours:
        sides = (side << power for power in range(30) for side in (2, 3))
        for side in takewhile(lambda side: side < min(height, width) / 2, sides):
            found.append(_rectangles("square", (height, width), [(side, side)]))
        parts = [(-(-height // 2), -(-width // 2)), (-(-height // 2), width)]
        parts.append((height, -(-width // 2)))
        found.append(_rectangles("part", (height, width), parts if min(height, width) > 3 else []))
    # A whole row of a map of one row is the map.
    whole = [(1, width)] if height > 1 and width > 1 else []
    whole += [(height, 1)] if height > 1 and width > 1 and neighbours else []
    found.append(_rectangles("line", (height, width), whole))
    length = SHORT
    while length < max(height, width):
        sizes = [(1, length)] + ([(length, 1)] if neighbours else [])
        found.append(_rectangles("line", (height, width), sizes))
        if neighbours:
            found.append(_pieces((height, width), length))
        length *= LONGER
    if neighbours and min(height, width) > SHORT:
        found.append(_whole_diagonals(height, width))
    return [family for family in found if len(family)]


def rims(bright: Iterator[tuple[int, NDArray[np.floating]]]) -> Rims:
    """Return the pixels beside and inside the sharp borders of regions where a line is bright.

    `bright` gives the index of the window of each line, and its counts (y, x) in the result.
    """
    from scipy.ndimage import binary_dilation, binary_erosion

    masks, windows = [], []
    for window, image in bright:
        top = np.sort(image, axis=None)[-max(4, int(BRIGHTEST * image.size)) :]
        region = image > (top.mean() + np.quantile(image, 0.1)) / 2
        first, second, third, last = (
            binary_dilation(region, iterations=n) for n in (1, 2, BESIDE, BESIDE + 1)
        )
        inner = region & ~binary_erosion(region, border_value=1)
        beside = last & ~third
        if not (inner.any() and beside.any()):
            continue
        if image[inner].mean() < SHARP * image[beside].mean():
            continue
        for mask in (first & ~region, second & ~region, inner):
            masks.append(mask)
            windows.append(window)
    return Rims(RIM, masks, windows)


def _starts(size: int, length: int) -> Indices:
    """Return where pieces of this length begin, each half beside the next; the last at the end."""
    if length > size:
        return np.empty(0, dtype=np.int64)
    steps = np.arange(0, size - length + 1, max(1, length // 2))
    return np.unique(np.append(steps, size - length))


def _rectangles(kind: str, shape: tuple[int, int], sizes: Sequence[tuple[int, int]]) -> Rectangles:
    corners = []
    for size in sizes:
        top, left = np.meshgrid(*map(_starts, shape, size), indexing="ij")
        corners.append(
            np.stack([top.ravel(), top.ravel() + size[0], left.ravel(), left.ravel() + size[1]])
        )
    return Rectangles(kind, *np.concatenate([np.empty((4, 0), np.int64), *corners], axis=1))


def _pieces(shape: tuple[int, int], length: int) -> Diagonals:
    """Return pieces of one length of all diagonals, half beside each other along each."""
    height, width = shape
    across = np.arange(max(0, width - length + 1))
    top, left = np.meshgrid(_starts(height, length), across, indexing="ij")
    return _both_ways(top.ravel(), left.ravel(), np.full(top.size, length), width)


def _whole_diagonals(height: int, width: int) -> Diagonals:
    """Return all diagonals that are longer than half the shorter side."""
    top = np.concatenate([np.arange(height)[::-1], np.zeros(width - 1, dtype=np.int64)])
    left = np.concatenate([np.zeros(height, dtype=np.int64), np.arange(1, width)])
    length = np.minimum(height - top, width - left)
    long = length > max(SHORT, min(height, width) // 2)
    return _both_ways(top[long], left[long], length[long], width)


def _both_ways(top: Indices, left: Indices, length: Indices, width: int) -> Diagonals:
    top, left, length = (np.concatenate([part, part]) for part in (top, left, length))
    rising = np.arange(len(top)) >= len(top) // 2
    return Diagonals("diagonal", top, left, length, width, rising)


def _along_diagonals(image: Floats) -> Floats:
    table = np.zeros((image.shape[0] + 1, image.shape[1] + 1, image.shape[2]))
    for row, values in enumerate(image):
        table[row + 1, 1:] = table[row, :-1] + values
    return table
