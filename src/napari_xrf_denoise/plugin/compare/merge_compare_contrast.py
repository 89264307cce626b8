"""Contrast limits that are the same for several layers, as long as that is wanted."""

from __future__ import annotations

from typing import Any


class SameContrast:
    """Gives both layers of a pair, and the picture made of them, the same contrast limits.

    The picture follows the pair's only while the two have the same.
    """

    def __init__(self) -> None:
        self._pair: tuple[Any, ...] = ()
        self._third: Any = None
        self._linked: tuple[Any, ...] = ()

    def link(self, *pair: Any) -> None:
        """Link these layers instead of others; they take the first one's limits."""
        if pair == self._pair:
            return
        self._pair = pair
        self._relink()

    def set_third(self, layer: Any) -> None:
        """Link one more layer, or leave it."""
        self._third = layer
        self._relink()

    def unlink(self) -> None:
        """Let go of all layers; they keep their limits."""
        self._pair, self._third = (), None
        self._relink()

    def _relink(self) -> None:
        for layer in self._linked:
            layer.events.contrast_limits.disconnect(self._follow)
        third = () if self._third is None or not self._pair else (self._third,)
        self._linked = self._pair + third
        if self._linked:
            self._give(self._linked[0])
        for layer in self._linked:
            layer.events.contrast_limits.connect(self._follow)

    def _follow(self, event: Any) -> None:
        self._give(event.source)

    def _give(self, source: Any) -> None:
        limits = tuple(source.contrast_limits)
        for layer in self._linked:
            if tuple(layer.contrast_limits) != limits:
                layer.contrast_limits = limits
