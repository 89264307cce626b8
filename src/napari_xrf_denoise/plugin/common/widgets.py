"""Widgets, rows and questions of the docks."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from qtpy.QtCore import QSignalBlocker, QSize, Qt
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

LEAST_SIZE = QSize(250, 200)
"""Of a dock: all that stands in it fits into the width, also beside the bar for scrolling."""

MARGIN = 2
"""Pixels around a dock's content; napari leaves some of its own."""

Key = TypeVar("Key", bound=Hashable)
Part = QWidget | QLayout | tuple[QWidget, int]
"""A part of a row or column, with its share of the free room where it takes some."""


def button(text: str, tip: str) -> QPushButton:
    """Return a button with its tip."""
    made = QPushButton(text)
    made.setToolTip(tip)
    return made


def check_box(text: str, tip: str) -> QCheckBox:
    """Return a box to tick, with its tip."""
    made = QCheckBox(text)
    made.setToolTip(tip)
    return made


def choice_buttons(
    choices: Mapping[Key, tuple[str, str]], parent: QWidget, choose: Callable[[Key], object]
) -> dict[Key, QPushButton]:
    """Return buttons of which one is down, with text and tip; ``choose(key)`` follows a click."""
    group = QButtonGroup(parent)
    made = {}
    for key, (text, tip) in choices.items():
        made[key] = button(text, tip)
        made[key].setCheckable(True)
        made[key].clicked.connect(lambda _=False, key=key: choose(key))
        group.addButton(made[key])
    return made


def choice_box(entries: Sequence[str], tips: Mapping[str, str]) -> QComboBox:
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


def show_choices(box: QComboBox, entries: Sequence[str], row: int) -> None:
    """Show these entries and the chosen one, -1 for none; no signal is emitted.

    Entries that are there already are not filled in again: that would close the open list.
    """
    with QSignalBlocker(box):
        if [box.itemText(number) for number in range(box.count())] != list(entries):
            box.clear()
            box.addItems(list(entries))
        box.setCurrentIndex(row)


def row_in(layers: Sequence[Any], layer: Any) -> int:
    """Return where a layer stands among others, -1 if it does not."""
    return list(layers).index(layer) if layer is not None and layer in layers else -1


def number_field(tip: str, decimals: int = 3, *, buttons: bool = True) -> QDoubleSpinBox:
    """Return a field for a number, which counts once it is typed completely."""
    field = QDoubleSpinBox()
    field.setDecimals(decimals)
    field.setKeyboardTracking(False)
    if not buttons:
        # In a narrow dock they would take the place of the unit; the arrow keys do the same.
        field.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
    field.setToolTip(tip)
    return field


def show_number(field: QDoubleSpinBox, value: float) -> None:
    """Show a number, unless it is shown already: that would undo what is being typed."""
    if abs(field.value() - value) > 0.5 * 10.0 ** -field.decimals():
        with QSignalBlocker(field):
            field.setValue(value)


def show_checked(box: QCheckBox, on: bool) -> None:
    """Tick a box or not; no signal is emitted."""
    with QSignalBlocker(box):
        box.setChecked(on)


def progress_bar(tip: str) -> QProgressBar:
    """Return a bar for thousandths."""
    bar = QProgressBar()
    bar.setRange(0, 1000)
    bar.setToolTip(tip)
    return bar


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


def show_words(label: QLabel, words: str) -> None:
    """Show words, and the label only where there are any."""
    label.setText(words)
    label.setVisible(bool(words))


def row(*parts: Part) -> QHBoxLayout:
    """Return parts beside each other."""
    return _filled(QHBoxLayout(), parts)


def column(*parts: Part) -> QVBoxLayout:
    """Return parts below each other."""
    return _filled(QVBoxLayout(), parts)


def form(*rows: tuple[str, QWidget | QLayout]) -> QFormLayout:
    """Return named rows."""
    made = QFormLayout()
    made.setContentsMargins(0, 0, 0, 0)
    for name, content in rows:
        made.addRow(name, content)
    return made


def inside(content: QLayout) -> QWidget:
    """Return a widget with a layout."""
    widget = QWidget()
    widget.setLayout(content)
    return widget


Box = TypeVar("Box", QHBoxLayout, QVBoxLayout)


def _filled(layout: Box, parts: Sequence[Part]) -> Box:
    layout.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        if isinstance(part, QLayout):
            layout.addLayout(part)
        elif isinstance(part, tuple):
            layout.addWidget(*part)
        else:
            layout.addWidget(part)
    return layout


def scroll_in(dock: QWidget, content: QLayout) -> None:
    """Fill a dock with a content that scrolls where it is higher than the dock.

    A long report, or several docks over each other, must not make napari's window higher than the
    screen.
    """
    content.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
    area = QScrollArea()
    area.setWidget(inside(content))
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setMinimumSize(LEAST_SIZE)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    around = QVBoxLayout(dock)
    around.setContentsMargins(0, 0, 0, 0)
    around.addWidget(area)


def ask_save(
    parent: QWidget, title: str, name: str, kinds: Mapping[str, str], known: Sequence[str] = ()
) -> Path | None:
    """Ask where to save, and whether a file that is there may be replaced; None if not.

    Parameters
    ----------
    parent : QWidget
    title, name : str
        Of the dialog, and the name that is proposed, without an ending: that of the kind of file
        that is chosen is added.
    kinds : mapping of str to str
        Ending and name of each kind of file, as ``{".csv": "Table"}``.
    known : sequence of str
        Further endings that are taken as they are.
    """
    filters = {f"{words} (*{suffix})": suffix for suffix, words in kinds.items()}
    typed, chosen = QFileDialog.getSaveFileName(
        parent,
        title,
        str(Path.home() / name),
        ";;".join(filters),
        # The question whether to replace is asked below, once the name is complete.
        options=QFileDialog.Option.DontConfirmOverwrite,
    )
    if not typed:
        return None
    path = Path(typed)
    if not path.name.lower().endswith((*kinds, *known)):
        path = path.with_name(path.name + filters.get(chosen, next(iter(kinds))))
    if path.exists():
        question = f"{path.name} already exists in {path.parent}. Replace it?"
        answer = QMessageBox.question(parent, "Replace the file?", question)
        if answer != QMessageBox.StandardButton.Yes:
            return None
    return path
