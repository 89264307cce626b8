"""A list of layers with a tick before each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QWidget

MOST_ROWS = 6
"""Rows that are seen at once; longer lists scroll."""


class LayerChecklist(QListWidget):
    """Layers by name, each with a tick.

    Parameters
    ----------
    parent : QWidget, optional
    """

    ticked = Signal(tuple)
    """The ticked layers, when the user has ticked or unticked one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layers: tuple[Any, ...] = ()
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.itemChanged.connect(self._tell)

    def show_layers(self, layers: Sequence[Any], ticked: Sequence[Any]) -> None:
        """Show these layers, the topmost first as in napari's own list."""
        self._layers = tuple(reversed(layers))
        self.blockSignals(True)
        try:
            while self.count() > len(self._layers):
                self.takeItem(self.count() - 1)
            while self.count() < len(self._layers):
                self.addItem(QListWidgetItem())
            for row, layer in enumerate(self._layers):
                item = self.item(row)
                item.setText(layer.name)
                item.setToolTip(layer.name)
                item.setFlags(Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled)
                on = layer in ticked
                item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
        finally:
            self.blockSignals(False)
        self.setFixedHeight(self.sizeHint().height())

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size at which up to `MOST_ROWS` rows are seen."""
        row = self.sizeHintForRow(0) if self.count() else self.fontMetrics().height() + 4
        rows = min(max(self.count(), 2), MOST_ROWS)
        return QSize(200, rows * row + 2 * self.frameWidth() + 4)

    def _tell(self, item: QListWidgetItem) -> None:
        self.ticked.emit(
            tuple(
                layer
                for row, layer in reversed(list(enumerate(self._layers)))
                if self.item(row).checkState() == Qt.CheckState.Checked
            )
        )
