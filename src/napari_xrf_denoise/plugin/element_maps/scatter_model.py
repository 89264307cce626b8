"""State of the scatter plot of the dock "Element maps", and the layer that it selects, no Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from psygnal import SignalGroupDescriptor

from napari_xrf_denoise import __version__
from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.layers.merge_layer_place import layer_transform

from .merge_map_scatter import selection_labels

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
    outcome : str
        How many pixels were selected, or what went wrong.

    Attributes
    ----------
    selection : layer or None
        Labels layer of the selected pixels.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    maps: tuple[Any, ...] = ()
    names: tuple[str, ...] = ()
    x: Any = None
    y: Any = None
    outlines: tuple[Outline, ...] = ()
    outcome: str = ""

    def __post_init__(self) -> None:
        # No fields: their events would look for events inside of the layer, which napari's
        # proxies of layers that plugins add do not like.
        self.selection: Any = None
        self._written: Any = None

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
        """Change those pixels whose selection is another one; what was painted elsewhere stays."""
        layer, before = self.selection, self._written
        if before.shape == labels.shape == layer.data.shape:
            changed = np.nonzero(labels != before)
            if changed[0].size:
                layer.data_setitem(changed, labels[changed])
        else:  # the maps were computed again from other pixels
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
