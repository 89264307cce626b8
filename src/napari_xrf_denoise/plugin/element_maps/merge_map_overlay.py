"""Three maps over each other as red, green and blue, and back again, without Qt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .map_layers import brightest

COLORS = ("red", "green", "blue")
SHARE = 0.995
"""Share of the pixels that are not at the full brightness of their colour."""
_LOOK = ("colormap", "blending", "contrast_limits", "visible")


class Overlay:
    """Gives layers the colours of an overlay, and later gives them back what they had."""

    def __init__(self) -> None:
        # By napari's identity of layers: deleted ones, with their counts, are not held.
        self._before: dict[Any, dict[str, Any]] = {}

    @property
    def is_shown(self) -> bool:
        """Whether there is something to undo."""
        return bool(self._before)

    def show(self, maps: Iterable[Any], layers: Iterable[Any]) -> None:
        """Show maps in red, green and blue, and hide all other layers.

        Parameters
        ----------
        maps : iterable of napari.layers.Image or None
            Those for red, green and blue; None leaves a colour out. Contrast is from 0 to the
            value that 99.5 % of the pixels do not exceed.
        layers : iterable of layers
            All layers of the viewer.

        Examples
        --------
        >>> import numpy as np
        >>> from napari.layers import Image
        >>> iron, lead = Image(np.ones((3, 4))), Image(np.ones((3, 4)))
        >>> overlay = Overlay()
        >>> overlay.show([iron, None, lead], [iron, lead])
        >>> iron.colormap.name, lead.colormap.name
        ('red', 'blue')
        >>> overlay.undo([iron, lead])
        >>> iron.colormap.name
        'gray'
        """
        layers = list(layers)
        self.undo(layers)
        shown = [(layer, color) for layer, color in zip(maps, COLORS, strict=True) if layer]
        chosen = [layer for layer, _ in shown]
        for layer in layers:
            look = _LOOK if layer in chosen else ("visible",)
            self._before[layer.unique_id] = {name: getattr(layer, name) for name in look}
            layer.visible = layer in chosen
        for layer, color in shown:
            layer.colormap = color
            layer.blending = "additive"
            layer.contrast_limits = (0.0, brightest(layer.data, SHARE))

    def undo(self, layers: Iterable[Any]) -> None:
        """Give the layers of the viewer the looks that they had."""
        for layer in layers:
            for name, value in self._before.get(layer.unique_id, {}).items():
                setattr(layer, name, value)
        self._before = {}
