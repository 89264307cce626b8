"""The table of dose gains: sorted by a click on a column, copied as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from .gain_rows import HEADERS, GainRow, as_text, headers

TIPS = (
    "All counts, or the line in whose window they are",
    "Energy of the line in keV; channels where the energy is not calibrated",
    "Squared error of the raw counts over that of the result: 8 equals 8 times the dose",
    "Contains the true dose gain about 9 times in 10",
)


class GainTable(QTableWidget):
    """Dose gains line by line."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(HEADERS), parent)
        self._rows: tuple[GainRow, ...] = ()
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)  # Tab goes on to what is below the table
        self.setToolTip("Dose gains. Click a column header to sort; Ctrl+C copies the table.")
        for column, tip in enumerate(TIPS):
            item = QTableWidgetItem(HEADERS[column])
            item.setToolTip(tip)
            self.setHorizontalHeaderItem(column, item)
        rows, columns = self.verticalHeader(), self.horizontalHeader()
        assert rows is not None
        assert columns is not None
        rows.setVisible(False)
        columns.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        columns.setMinimumSectionSize(40)
        columns.setStretchLastSection(True)
        # Until a column is clicked the rows stay as the report has them.
        columns.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        self.set_rows(())

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size at which all columns are seen."""
        return QSize(340, 260)

    def set_rows(self, rows: Sequence[GainRow]) -> None:
        """Show these rows, sorted as the former ones were."""
        if self._rows and tuple(rows) == self._rows:
            return
        self._rows = tuple(rows)
        # Else a row would move away while it is being filled.
        self.setSortingEnabled(False)
        self.setRowCount(len(rows))
        for number, row in enumerate(rows):
            for column, (text, key) in enumerate(zip(row.cells(), row.keys(), strict=True)):
                self.setItem(number, column, _Cell(text, key, row))
        for column, text in enumerate(headers(rows)):
            item = self.horizontalHeaderItem(column)
            if item is not None:
                # In two lines, so that all columns fit into the dock.
                item.setText(text.replace(" ", "\n", 1))
        self.setSortingEnabled(True)

    def shown_rows(self) -> list[GainRow]:
        """Return the rows in the order in which they are shown."""
        cells = [self.item(number, 0) for number in range(self.rowCount())]
        return [cell.row_ for cell in cells if isinstance(cell, _Cell)]

    def copy(self) -> None:
        """Put the table into the clipboard, as text with tabs, in the order that is shown."""
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(as_text(self.shown_rows()))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 - Qt's name
        """Copy the whole table with the keys that copy."""
        if event is not None and event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
            return
        super().keyPressEvent(event)


class _Cell(QTableWidgetItem):
    """A cell that knows its row and is sorted by a number, not by its words."""

    def __init__(self, text: str, key: Any, row: GainRow) -> None:
        super().__init__(text)
        self._key = key
        self.row_ = row

    def __lt__(self, other: Any) -> bool:
        return bool(self._key < other._key)
