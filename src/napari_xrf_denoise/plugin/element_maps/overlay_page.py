"""The part of the dock "Element maps" that shows three maps as red, green and blue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_xrf_denoise.plugin.common.widgets import short_box

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


NONE = "none"


class OverlayPage(QWidget):
    """Choose a map for each colour, show them over each other, undo.

    Parameters
    ----------
    model : ElementModel
    viewer : napari.viewer.Viewer
    """

    def __init__(self, model: ElementModel, viewer: Any) -> None:
        super().__init__()
        self._model = model
        self._viewer = viewer
        self.overlay = Overlay()
        self.boxes: list[QComboBox] = []
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        for number, color in enumerate(COLORS):
            box = short_box(f"Map whose counts are shown in {color}")
            box.currentIndexChanged.connect(partial(self._choose, number))
            form.addRow(color.capitalize(), box)
            self.boxes.append(box)
        self.button = QPushButton("Show overlay")
        self.button.setToolTip(
            "Shows these maps in their colours over each other, from 0 counts to the value that "
            "99.5 % of the pixels do not exceed, and hides the other layers"
        )
        self.undo_button = QPushButton("Undo")
        self.undo_button.setToolTip("Gives all layers the colours that they had before")
        buttons = QHBoxLayout()
        buttons.addWidget(self.button)
        buttons.addWidget(self.undo_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addLayout(buttons)
        self.button.clicked.connect(self._show)
        self.undo_button.clicked.connect(self._undo)

    def show_model(self) -> None:
        """Offer the maps that there are."""
        model = self._model
        for box, layer in zip(self.boxes, model.overlay, strict=True):
            fill_with_maps(box, model.maps, model.map_names, layer, NONE)
        self.button.setEnabled(any(model.overlay))
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


def fill_with_maps(
    box: QComboBox, maps: Sequence[Any], names: Sequence[str], chosen: Any, first: str = ""
) -> None:
    """Give a box the maps' names, unless it has them: filling closes its open list.

    Parameters
    ----------
    box : QComboBox
    maps, names : sequence
    chosen : layer or None
    first : str
        An entry before all maps, for none of them.
    """
    before = [first] if first else []
    entries = [*before, *names]
    with QSignalBlocker(box):
        if [box.itemText(row) for row in range(box.count())] != entries:
            box.clear()
            box.addItems(entries)
        row = list(maps).index(chosen) if chosen in maps else -1
        box.setCurrentIndex(row + len(before))
