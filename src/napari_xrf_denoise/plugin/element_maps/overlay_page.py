"""The part of the dock "Element maps" that shows three maps as red, green and blue."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_xrf_denoise.plugin.common.widgets import short_box

from .merge_map_overlay import COLORS, Overlay
from .model import ElementModel

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
