"""A list of layers with a tick before each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psygnal import Signal
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QWidget

MOST_ROWS = 6
"""Rows that are seen at once; longer lists scroll."""


class LayerChecklist(QListWidget):
    """Layers by name, each with a tick."""

    ticked = Signal(tuple)
    """Emitted with the ticked layers, when the user has ticked or unticked one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layers: tuple[Any, ...] = ()
        self._entries: list[QListWidgetItem] = []
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.itemChanged.connect(self._tell)

    def show_layers(self, layers: Sequence[Any], ticked: Sequence[Any]) -> None:
        """Show layers, the topmost first as in napari's own list."""
        self._layers = tuple(reversed(layers))
        self.blockSignals(True)
        try:
            while len(self._entries) > len(self._layers):
                self._entries.pop()
                self.takeItem(len(self._entries))
            while len(self._entries) < len(self._layers):
                self._entries.append(QListWidgetItem())
                self.addItem(self._entries[-1])
            for item, layer in zip(self._entries, self._layers, strict=True):
                item.setText(layer.name)
                item.setToolTip(layer.name)
                item.setSizeHint(QSize(0, self._row_height()))
                item.setFlags(Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled)
                on = layer in ticked
                item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
        finally:
            self.blockSignals(False)
        self.setFixedHeight(self.sizeHint().height())

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size that shows up to `MOST_ROWS` rows."""
        rows = min(max(self.count(), 2), MOST_ROWS)
        return QSize(200, rows * self._row_height() + 2 * self.frameWidth() + 4)

    def _row_height(self) -> int:
        return int(self.fontMetrics().height()) + 6

    def _tell(self, _: QListWidgetItem) -> None:
        self.ticked.emit(
            tuple(
                layer
                for item, layer in reversed(list(zip(self._entries, self._layers, strict=True)))
                if item.checkState() == Qt.CheckState.Checked
            )
        )
