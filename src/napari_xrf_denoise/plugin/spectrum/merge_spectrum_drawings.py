"""Follows the Shapes and Labels layers of a viewer, also while something is drawn in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_xrf_denoise.layers.regions import is_region_layer


class Drawings:
    """Counts how often each layer of shapes or labels has changed.

    Parameters
    ----------
    layers : napari.components.LayerList
    on_change : callable
        Called without arguments.
    """

    def __init__(self, layers: Any, on_change: Callable[[], object]) -> None:
        self._layers = layers
        self._on_change = on_change
        self._revisions: dict[Any, int] = {}
        self._is_on = False

    def start(self) -> None:
        """Follow the layers from now on."""
        if self._is_on:
            return
        self._is_on = True
        self._layers.events.inserted.connect(self._follow)
        self._layers.events.removed.connect(self._follow)
        self._follow()

    def stop(self) -> None:
        """Leave the layers alone."""
        if not self._is_on:
            return
        self._is_on = False
        self._layers.events.inserted.disconnect(self._follow)
        self._layers.events.removed.disconnect(self._follow)
        for layer in self._revisions:
            self._leave(layer)
        self._revisions.clear()

    def known(self) -> list[tuple[Any, int]]:
        """Return the layers, the lowest first, each with a number that changes with it."""
        return [
            (layer, self._revisions[layer]) for layer in self._layers if layer in self._revisions
        ]

    def _follow(self, event: Any = None) -> None:
        present = [layer for layer in self._layers if is_region_layer(layer)]
        for layer in [layer for layer in self._revisions if layer not in present]:
            self._leave(layer)
            del self._revisions[layer]
        for layer in present:
            if layer not in self._revisions:
                for name in _events(layer):
                    getattr(layer.events, name).connect(self._changed)
                self._revisions[layer] = 0

    def _leave(self, layer: Any) -> None:
        for name in _events(layer):
            getattr(layer.events, name).disconnect(self._changed)

    def _changed(self, event: Any) -> None:
        self._revisions[event.source] = self._revisions.get(event.source, 0) + 1
        self._on_change()


def _events(layer: Any) -> list[str]:
    """Return what tells that a layer is drawn anew, as a whole or in part.

    Painting, undoing and dragging change an array or a shape in its place, and so tell nothing
    else in common.
    """
    return [name for name in ("set_data", "labels_update") if hasattr(layer.events, name)]
