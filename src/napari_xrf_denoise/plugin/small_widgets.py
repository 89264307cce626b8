"""Widgets that several docks are made of."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QLabel, QSizePolicy


def choice_box(entries: tuple[str, ...], tips: Mapping[str, str]) -> QComboBox:
    """Return a box with these entries, each with its tip, and all of them as that of the box."""
    box = QComboBox()
    for row, entry in enumerate(entries):
        box.addItem(entry)
        box.setItemData(row, tips.get(entry, ""), Qt.ItemDataRole.ToolTipRole)
    box.setToolTip("\n".join(f"{entry}: {tips[entry]}" for entry in entries if entry in tips))
    return box


def words_label(tip: str) -> QLabel:
    """Return a label for sentences: it wraps, and its words can be copied."""
    label = QLabel()
    label.setWordWrap(True)
    label.setToolTip(tip)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    return label
