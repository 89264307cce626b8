"""Widgets that several docks are made of."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFrame,
    QLabel,
    QLayout,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

LEAST_SIZE = QSize(250, 200)
"""Of a dock: all that stands in it fits into the width, also beside the bar for scrolling."""

MARGIN = 2
"""Pixels around a dock's content; napari leaves some of its own."""


def choice_box(entries: tuple[str, ...], tips: Mapping[str, str]) -> QComboBox:
    """Return a box with these entries, each with its tip, and all of them as that of the box."""
    box = QComboBox()
    for row, entry in enumerate(entries):
        box.addItem(entry)
        box.setItemData(row, tips.get(entry, ""), Qt.ItemDataRole.ToolTipRole)
    box.setToolTip("\n".join(f"{entry}: {tips[entry]}" for entry in entries if entry in tips))
    return box


def short_box(tip: str) -> QComboBox:
    """Return an empty box that can be narrower than its entries, such as names of layers."""
    box = QComboBox()
    box.setToolTip(tip)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
    return box


def words_label(tip: str) -> QLabel:
    """Return a label for sentences: it wraps, never widens the dock, and can be copied."""
    label = QLabel()
    # Names of layers and files are in them, which are no HTML.
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setToolTip(tip)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    return label


def scroll_in(dock: QWidget, content: QLayout) -> None:
    """Fill a dock with a content that scrolls where it is higher than the dock.

    A long report, or several docks over each other, must not make napari's window higher than the
    screen.
    """
    content.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
    inside = QWidget()
    inside.setLayout(content)
    area = QScrollArea()
    area.setWidget(inside)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setMinimumSize(LEAST_SIZE)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    around = QVBoxLayout(dock)
    around.setContentsMargins(0, 0, 0, 0)
    around.addWidget(area)
