"""State of the scatter plot of the dock "Element maps", and the layer that it selects, no Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from psygnal import SignalGroupDescriptor

from napari_xrf_denoise import __version__
from napari_xrf_denoise.errors import DataError

from .map_scatter import selection_labels

Outline = tuple[tuple[float, float], ...]

KEY = "map_selection"
"""Where a layer's metadata keeps how its pixels were selected."""
HINT = "Draw around points with the mouse: their pixels become a label."


@dataclass
class ScatterModel:
    """Which two maps are plotted, and which selections were drawn.

    Parameters
    ----------
    maps : tuple of layers
    names : tuple of str
    x, y : layer, optional
        Map along the horizontal and the vertical axis.
    outlines : tuple
        Selections in counts of x and y, the oldest first.
    selection : layer, optional
        Labels layer of the selected pixels.
    outcome : str
        How many pixels were selected, or what went wrong.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    maps: tuple[Any, ...] = ()
    names: tuple[str, ...] = ()
    x: Any = None
    y: Any = None
    outlines: tuple[Outline, ...] = ()
    selection: Any = None
    outcome: str = ""

    def follow(self, maps: Sequence[Any], layers: Sequence[Any]) -> None:
        """Take over which maps there are, and whether the selection is still there."""
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
        """Make the pixels inside an outline the next label.

        Parameters
        ----------
        outline : sequence of (float, float)
            Counts of x and y.
        add_labels : callable
            ``add_labels(data, **attributes)`` returns the new layer, as ``viewer.add_labels``.
        """
        corners = tuple((float(x), float(y)) for x, y in outline)
        self._apply((*self.outlines, corners), add_labels)

    def undo(self) -> None:
        """Take the last selection back."""
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
            self.selection.data = labels
            self.selection.metadata = {**self.selection.metadata, KEY: self._record(outlines)}
        elif add_labels is not None:
            self.selection = add_labels(
                labels,
                name=f"Selected in {self.x.name} and {self.y.name}",
                axis_labels=tuple(self.x.axis_labels),
                scale=tuple(self.x.scale),
                translate=tuple(self.x.translate),
                units=tuple(self.x.units),
                metadata={KEY: self._record(outlines)},
            )
        self.outlines = outlines
        self.outcome = _counted(labels, len(outlines))

    def _record(self, outlines: tuple[Outline, ...]) -> dict[str, Any]:
        return {
            "x": self.x.name,
            "y": self.y.name,
            "outlines": [[list(corner) for corner in outline] for outline in outlines],
            "unit": "counts",
            "version": __version__,
        }

    def _forget(self) -> None:
        self.outlines, self.selection, self.outcome = (), None, ""


def _counted(labels: Any, number: int) -> str:
    if number == 0:
        return "No pixel is selected."
    pixels = int(np.count_nonzero(labels == number))
    return f"Label {number}: {pixels:,} pixels, {100 * pixels / labels.size:.2g} % of the map."
