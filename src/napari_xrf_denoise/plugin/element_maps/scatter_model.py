"""State of the scatter plot of the dock "Element maps", and the layer that it selects, no Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from psygnal import SignalGroupDescriptor

from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.core.version import __version__
from napari_xrf_denoise.layers.geometry import layer_transform

MOST_POINTS = 50_000
"""Pixels above which their density is drawn instead of each of them."""
BINS = 200
MOST_EXACT = 200_000
"""Pixels above which each takes the answer of the middle of its cell in a grid over the outline."""
CELLS = 400
"""Of that grid, along each axis: smaller than the pixels of the screen that the mouse drew on."""


@dataclass(frozen=True, eq=False)
class Density:
    """A two-dimensional histogram of two maps."""

    pixels: NDArray[np.int64]
    """Shape (bins of x, bins of y)."""
    x: tuple[float, float]
    """Ends of the range, as `y`."""
    y: tuple[float, float]


def paired_values(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the finite values of two maps, pixel by pixel; DataError if their shapes differ."""
    first, second = np.asarray(x, np.float64), np.asarray(y, np.float64)
    _check(first, second)
    good = np.isfinite(first) & np.isfinite(second)
    return first[good], second[good]


def density(x: NDArray[np.float64], y: NDArray[np.float64], bins: int = BINS) -> Density:
    """Return the two-dimensional histogram of paired values, shape (pixels,)."""
    ranges = [_ends(values) for values in (x, y)]
    # Several times as fast as numpy.histogram2d, which does not take the bins for equally wide.
    rows, columns = (_bin(values, *ends, bins) for values, ends in zip((x, y), ranges, strict=True))
    pixels = np.bincount(rows * bins + columns, minlength=bins * bins)
    return Density(pixels.reshape(bins, bins), *ranges)


def _ends(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the least and the largest value; of a map of one value a count around it."""
    low, high = float(values.min()), float(values.max())
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def _bin(values: NDArray[np.float64], low: float, high: float, bins: int) -> NDArray[np.int64]:
    step = (high - low) / bins or 1.0
    return np.minimum(((values - low) / step).astype(np.int64), bins - 1)


def pixels_inside(
    x: ArrayLike, y: ArrayLike, outline: Sequence[tuple[float, float]]
) -> NDArray[np.bool_]:
    """Return which pixels (y, x) have finite values inside an outline, in counts of two maps.

    Of more than 200,000 pixels those nearer to the line than 1/400 of its extent may be on either
    side. DataError if the shapes differ, or the outline has fewer than three corners.

    >>> iron, lead = np.array([[0.0, 5.0]]), np.array([[9.0, 4.0]])
    >>> pixels_inside(iron, lead, [(4, 3), (6, 3), (6, 5), (4, 5)])
    array([[False,  True]])
    """
    first, second = np.asarray(x, np.float64), np.asarray(y, np.float64)
    _check(first, second)
    corners = np.asarray(outline, np.float64)
    if len(corners) < 3:
        raise DataError(
            f"expected an outline with at least three corners, found {len(corners)}; draw around "
            "the points with the mouse button held down"
        )
    from matplotlib.path import Path

    low, high = corners.min(axis=0), corners.max(axis=0)
    near = (first >= low[0]) & (first <= high[0]) & (second >= low[1]) & (second <= high[1])
    inside = np.zeros(first.shape, dtype=bool)
    contains = Path(corners).contains_points
    if np.count_nonzero(near) <= MOST_EXACT:
        inside[near] = contains(np.column_stack([first[near], second[near]]))
        return inside
    middles = (np.arange(CELLS) + 0.5) / CELLS
    grid = np.stack(np.meshgrid(middles, middles, indexing="ij"), axis=-1).reshape(-1, 2)
    cells = contains(low + grid * (high - low)).reshape(CELLS, CELLS)
    inside[near] = cells[
        _bin(first[near], low[0], high[0], CELLS), _bin(second[near], low[1], high[1], CELLS)
    ]
    return inside


def selection_labels(
    x: ArrayLike, y: ArrayLike, outlines: Sequence[Sequence[tuple[float, float]]]
) -> NDArray[np.uint16]:
    """Return the number, from 1, of the last outline that each pixel lies in; 0 is none."""
    labels = np.zeros(np.shape(x), dtype=np.uint16)
    for number, outline in enumerate(outlines, start=1):
        labels[pixels_inside(x, y, outline)] = number
    return labels


def _check(first: NDArray[np.float64], second: NDArray[np.float64]) -> None:
    if first.shape != second.shape:
        raise DataError(
            f"the two maps must have the same pixels: one is {first.shape} (y, x), the other "
            f"{second.shape}; choose two maps of the same measurement"
        )


Outline = tuple[tuple[float, float], ...]

KEY = "map_selection"
"""Entry of a layer's metadata with the outlines of its selections."""
HINT = "Draw around points with the mouse: their pixels become a label."


@dataclass
class ScatterModel:
    """The two maps that are plotted, and the selections that were drawn."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    maps: tuple[Any, ...] = ()
    names: tuple[str, ...] = ()
    x: Any = None
    """Map along the horizontal axis."""
    y: Any = None
    """Map along the vertical axis."""
    outlines: tuple[Outline, ...] = ()
    """Selections in counts of x and y, the oldest first."""
    outcome: str = ""
    """How many pixels were selected, or a problem."""

    def __post_init__(self) -> None:
        # No fields: their events would look for events inside of the layer, which napari's
        # proxies of layers that plugins add do not like.
        self.selection: Any = None
        """Labels layer of the selected pixels."""
        self._written: Any = None

    def follow(self, maps: Sequence[Any], layers: Sequence[Any]) -> None:
        """Take over the maps, and whether the selection is still there."""
        self.maps = tuple(maps)
        self.names = tuple(layer.name for layer in maps)
        if self.selection is not None and self.selection not in layers:
            self._forget()
        kept = [layer for layer in (self.x, self.y) if layer in self.maps]
        others = [layer for layer in self.maps if layer not in kept]
        x = self.x if self.x in self.maps else (others.pop(0) if others else None)
        y = self.y if self.y in self.maps else (others.pop(0) if others else None)
        self.choose(x=x, y=y)

    def choose(self, *, x: Any = None, y: Any = None) -> None:
        """Take the maps to plot; with other maps a new selection begins."""
        x, y = self.x if x is None else x, self.y if y is None else y
        x = x if x in self.maps else None
        y = y if y in self.maps else None
        if (x, y) != (self.x, self.y):
            self._forget()
        self.x, self.y = x, y

    def select(
        self, outline: Sequence[tuple[float, float]], add_labels: Callable[..., Any]
    ) -> None:
        """Make the pixels inside an outline, in counts of x and y, the next label."""
        corners = tuple((float(x), float(y)) for x, y in outline)
        self._apply((*self.outlines, corners), add_labels)

    def undo(self) -> None:
        """Remove the last selection."""
        if self.outlines:
            self._apply(self.outlines[:-1], None)

    def _apply(self, outlines: tuple[Outline, ...], add_labels: Callable[..., Any] | None) -> None:
        if self.x is None or self.y is None:
            return
        try:
            labels = selection_labels(self.x.data, self.y.data, outlines)
        except DataError as error:
            self.outcome = str(error)
            return
        if self.selection is not None:
            self._write(labels)
            self.selection.metadata = {**self.selection.metadata, KEY: self._record(outlines)}
        elif add_labels is not None:
            self.selection = add_labels(
                labels.copy(),
                name=f"Selected in {self.x.name} and {self.y.name}",
                **layer_transform(self.x),
                metadata={KEY: self._record(outlines)},
            )
        self._written = labels
        self.outlines = outlines
        self.outcome = _counted(labels, len(outlines))

    def _write(self, labels: Any) -> None:
        """Change the pixels whose selection changed; what the user painted elsewhere stays."""
        layer, before = self.selection, self._written
        if before.shape == labels.shape == layer.data.shape:
            changed = np.nonzero(labels != before)
            if changed[0].size:
                layer.data_setitem(changed, labels[changed])
        else:  # the maps were updated from other pixels
            layer.data = labels.copy()

    def _record(self, outlines: tuple[Outline, ...]) -> dict[str, Any]:
        return {
            "x": self.x.name,
            "y": self.y.name,
            "outlines": [[list(corner) for corner in outline] for outline in outlines],
            "unit": "counts",
            "version": __version__,
        }

    def _forget(self) -> None:
        self.selection = self._written = None
        self.outlines, self.outcome = (), ""


def _counted(labels: Any, number: int) -> str:
    if number == 0:
        return "No pixel is selected."
    pixels = int(np.count_nonzero(labels == number))
    return f"Label {number}: {pixels:,} pixels, {100 * pixels / labels.size:.2g} % of the map."
