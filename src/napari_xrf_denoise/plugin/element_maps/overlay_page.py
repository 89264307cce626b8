"""The part of the dock "Element maps" that overlays three maps in red, green and blue."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from qtpy.QtWidgets import QComboBox, QVBoxLayout, QWidget

from napari_xrf_denoise.plugin.common.widgets import (
    button,
    form,
    row,
    row_in,
    short_box,
    show_choices,
)

from .map_layers import brightest
from .model import ElementModel

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
        """Show maps, or None, in red, green and blue, and hide all others of the viewer's layers.

        Contrast is from 0 to the value that 99.5 % of the pixels do not exceed.

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


NONE = "none"


class OverlayPage(QWidget):
    """Choose a map for each colour, overlay them, undo."""

    def __init__(self, model: ElementModel, viewer: Any) -> None:
        super().__init__()
        self._model = model
        self._viewer = viewer
        self.overlay = Overlay()
        self.boxes: list[QComboBox] = [short_box(f"Map to show in {color}") for color in COLORS]
        for number, box in enumerate(self.boxes):
            box.currentIndexChanged.connect(partial(self._choose, number))
        self.button = button(
            "Show overlay",
            "Overlay these maps in their colours, from 0 counts to their 99.5 % quantile, and hide "
            "the other layers",
        )
        self.undo_button = button("Undo", "Restore the original colours of all layers")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        names = [color.capitalize() for color in COLORS]
        layout.addLayout(form(*zip(names, self.boxes, strict=True)))
        layout.addLayout(row(self.button, self.undo_button))
        self.button.clicked.connect(self._show)
        self.undo_button.clicked.connect(self._undo)

    def show_model(self) -> None:
        """Offer the maps that there are."""
        model = self._model
        for box, layer in zip(self.boxes, model.overlay, strict=True):
            show_choices(box, [NONE, *model.map_names], 1 + row_in(model.maps, layer))
        self.button.setEnabled(any(layer is not None for layer in model.overlay))
        self.undo_button.setEnabled(self.overlay.is_shown)

    def _choose(self, number: int, row: int) -> None:
        chosen = list(self._model.overlay)
        chosen[number] = self._model.maps[row - 1] if row > 0 else None
        self._model.choose_overlay(chosen)

    def _show(self) -> None:
        self.overlay.show(self._model.overlay, list(self._viewer.layers))
        self.show_model()

    def _undo(self) -> None:
        self.overlay.undo(list(self._viewer.layers))
        self.show_model()
