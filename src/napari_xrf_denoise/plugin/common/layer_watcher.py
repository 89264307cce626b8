"""Follows the layers of a viewer: those that hold spectra, and when anything about them changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_xrf_denoise.layers.convert import is_spectral

EVENTS = (
    "name",
    "visible",
    "axis_labels",
    "data",
    "scale",
    "translate",
    "rotate",
    "shear",
    "affine",
    "units",
    "metadata",
)
"""Changes of a layer that change what is shown of it or computed from it."""


class LayerWatcher:
    """Calls back, on the main thread, when spectral layers come, go, move or change."""

    def __init__(self, layers: Any, on_change: Callable[[], object]) -> None:
        self._layers = layers
        self._on_change = on_change
        self._is_on = False
        self.watched: list[Any] = []

    def start(self) -> None:
        """Follow the layers from now on."""
        if self._is_on:
            return
        self._is_on = True
        for name in ("inserted", "removed", "reordered"):
            getattr(self._layers.events, name).connect(self._follow)
        self._follow()

    def stop(self) -> None:
        """Leave the layers alone."""
        if not self._is_on:
            return
        self._is_on = False
        for name in ("inserted", "removed", "reordered"):
            getattr(self._layers.events, name).disconnect(self._follow)
        self._watch(())

    def spectral(self) -> tuple[Any, ...]:
        """Return the layers that have an energy axis, the topmost last."""
        return tuple(layer for layer in self._layers if is_spectral(layer))

    def _follow(self, event: Any = None) -> None:
        self._watch(tuple(self._layers))
        self._on_change()

    def _watch(self, layers: tuple[Any, ...]) -> None:
        for layer in self.watched:
            if layer not in layers:
                for name in EVENTS:
                    getattr(layer.events, name).disconnect(self._changed)
        for layer in layers:
            if layer not in self.watched:
                for name in EVENTS:
                    getattr(layer.events, name).connect(self._changed)
        self.watched = list(layers)

    def _changed(self, event: Any = None) -> None:
        self._on_change()
