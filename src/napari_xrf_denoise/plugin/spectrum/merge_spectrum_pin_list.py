"""The list of pinned pixels in the Spectrum dock."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon, QKeyEvent, QPixmap
from qtpy.QtWidgets import QListWidget, QListWidgetItem

from .merge_spectrum_pins import Pin
from .model import SpectrumModel

LINES = 4
"""Pins in sight; more are scrolled to."""


class PinList(QListWidget):
    """Shows the pins of a model, and removes those that are chosen.

    Parameters
    ----------
    model : SpectrumModel
    """

    def __init__(self, model: SpectrumModel) -> None:
        super().__init__()
        self._model = model
        self._shown: list[tuple[Pin, str, str]] = []
        self.setSelectionMode(QListWidget.SelectionMode.ExtendedSelection)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setToolTip(
            "Pinned pixels: layer, row y and column x. Choose some and press Delete, or "
            "“Remove”, to let them go."
        )
        self.setAccessibleName("Pinned pixels")

    def show_pins(self, colors: Mapping[Pin, str]) -> None:
        """Show the model's pins, each with the colour of its curve; none where it is hidden."""
        shown = [(pin, pin.name, colors.get(pin, "")) for pin in self._model.pins]
        if shown == self._shown:
            return
        self._shown = shown
        chosen = set(self.chosen())
        self.clear()
        for pin, name, color in shown:
            item = QListWidgetItem(_square(color), name)
            item.setData(Qt.ItemDataRole.UserRole, pin)
            item.setToolTip(name if color else f"{name} (not shown)")
            self.addItem(item)
            item.setSelected(pin in chosen)
        lines = min(len(shown), LINES)
        self.setFixedHeight(lines * max(self.sizeHintForRow(0), 0) + 2 * self.frameWidth() + 2)

    def chosen(self) -> list[Pin]:
        """Return the pins that are selected."""
        return [item.data(Qt.ItemDataRole.UserRole) for item in self.selectedItems()]

    def remove_chosen(self) -> None:
        """Let the selected pins go, or the last one where none is selected."""
        self._model.unpin(*(self.chosen() or self._model.pins[-1:]))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 - Qt's name
        """Remove by key."""
        if event is not None and event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.remove_chosen()
            return
        super().keyPressEvent(event)


def _square(color: str) -> QIcon:
    picture = QPixmap(12, 12)
    picture.fill(QColor(color) if color else Qt.GlobalColor.transparent)
    return QIcon(picture)
