"""The table of a batch: one row for each file, painted from the tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QRect, Qt
from qtpy.QtGui import QColor, QPainter, QPalette
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from napari_xrf_denoise.batch.runner import Task

COLUMNS = {
    "File": "File with counts",
    "State": "waiting, running, done, failed, stopped, or skipped (the result already exists)",
    "Progress (%)": "Share of the file's work that is done, in %",
    "Dose gain (×)": (
        "Dose gain and its interval: squared error of the raw counts over that of the result; 8 "
        "equals 8 times the dose"
    ),
    "Message": "Current step, or the reason of a failure",
}
FILE, STATE, PROGRESS, GAIN, MESSAGE = range(len(COLUMNS))
WIDTHS = {FILE: 150, STATE: 62, PROGRESS: 88, GAIN: 124}
"""In pixels: for most names of files, else for the longest entry; messages get what is left."""
LEAST_WIDTH = 62
"""Of every column, in pixels; a narrow table scrolls."""
NO_INDEX = QModelIndex()


class TaskTableModel(QAbstractTableModel):
    """Shows tasks; the tasks themselves are the batch model's."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tasks: tuple[Task, ...] = ()

    def show_tasks(self, tasks: Sequence[Task]) -> None:
        """Show tasks; only rows that have changed are painted again."""
        before, self_tasks = self._tasks, tuple(tasks)
        if [task.source for task in before] != [task.source for task in self_tasks]:
            self.beginResetModel()
            self._tasks = self_tasks
            self.endResetModel()
            return
        self._tasks = self_tasks
        for row, (old, new) in enumerate(zip(before, self_tasks, strict=True)):
            if old is not new:
                self.dataChanged.emit(self.index(row, 0), self.index(row, len(COLUMNS) - 1))

    def rowCount(self, parent: QModelIndex = NO_INDEX) -> int:  # noqa: N802 - Qt's name
        """Return the number of files."""
        return 0 if parent.isValid() else len(self._tasks)

    def columnCount(self, parent: QModelIndex = NO_INDEX) -> int:  # noqa: N802 - Qt's name
        """Return the number of columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the name of a column, and what it means."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        name = list(COLUMNS)[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return name
        return COLUMNS[name] if role == Qt.ItemDataRole.ToolTipRole else None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows, or its tooltip."""
        if not index.isValid():
            return None
        task = self._tasks[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return _cell(task, index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            return _tip(task, index.column())
        if role == Qt.ItemDataRole.UserRole and index.column() == PROGRESS:
            return task.fraction
        return None


class ProgressDelegate(QStyledItemDelegate):
    """Paints a share as a bar; a widget for each row would be slow in a list of thousands."""

    def paint(
        self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        """Paint one bar with its figure."""
        share = index.data(Qt.ItemDataRole.UserRole)
        if painter is None or share is None:
            return
        blank = QStyleOptionViewItem(option)
        self.initStyleOption(blank, index)
        blank.text = ""
        table = option.widget
        style = None if table is None else table.style()
        if style is not None:  # the background, as of a selected row
            style.drawControl(QStyle.ControlElement.CE_ItemViewItem, blank, painter, table)
        palette: QPalette = option.palette
        cell: QRect = option.rect
        frame = cell.adjusted(4, 4, -5, -5)
        text = palette.color(QPalette.ColorRole.Text)
        faint = QColor(text)
        faint.setAlphaF(0.35)
        painter.save()
        painter.setPen(faint)
        painter.drawRect(frame)
        filled = QRect(frame)
        filled.setWidth(round(frame.width() * share))
        painter.fillRect(filled, faint)
        painter.setPen(text)
        painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, index.data())
        painter.restore()


class BatchTable(QTableView):
    """The files of a batch, each with its state."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tasks = TaskTableModel(self)
        self.setModel(self.tasks)
        self._delegate = ProgressDelegate(self)
        self.setItemDelegateForColumn(PROGRESS, self._delegate)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        rows = self.verticalHeader()
        columns = self.horizontalHeader()
        assert rows is not None and columns is not None
        rows.setVisible(False)
        columns.setHighlightSections(False)
        columns.setMinimumSectionSize(LEAST_WIDTH)
        for column in range(len(COLUMNS)):
            mode = QHeaderView.ResizeMode
            is_rest = column == MESSAGE
            columns.setSectionResizeMode(column, mode.Stretch if is_rest else mode.Interactive)
        for column, width in WIDTHS.items():
            self.setColumnWidth(column, width)

    def chosen_rows(self) -> list[int]:
        """Return the rows that are selected."""
        selection = self.selectionModel()
        return [] if selection is None else sorted(at.row() for at in selection.selectedRows())


def _cell(task: Task, column: int) -> str:
    if column == FILE:
        return task.source.name
    if column == STATE:
        return task.state
    if column == PROGRESS:
        return f"{100 * task.fraction:.0f} %"
    if column == GAIN:
        return task.gain_words
    return task.stage or task.short_message


def _tip(task: Task, column: int) -> str:
    if column == FILE:
        return str(task.source)
    if column == PROGRESS:
        return task.stage or task.state
    return task.details or task.stage or task.state
