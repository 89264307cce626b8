"""A part of a dock that is folded away until it is needed.

Not superqt's QCollapsible: it fixes the height that its content asks for, and words that wrap in a
narrow dock need more.
"""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtGui import QFontDatabase
from qtpy.QtWidgets import (
    QApplication,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)


class Collapsible(QWidget):
    """A title that shows and hides a content, which is hidden at first."""

    def __init__(self, title: str, content: QWidget, tip: str) -> None:
        super().__init__()
        self.content = content
        self.button = QToolButton()
        self.button.setText(title)
        self.button.setToolTip(tip)
        self.button.setCheckable(True)
        self.button.setAutoRaise(True)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.button.toggled.connect(self._open)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.button)
        layout.addWidget(content)
        self._open(False)

    @property
    def is_open(self) -> bool:
        """Whether the content is shown."""
        return self.button.isChecked()

    def expand(self) -> None:
        """Show the content."""
        self.button.setChecked(True)

    def collapse(self) -> None:
        """Hide the content."""
        self.button.setChecked(False)

    def _open(self, on: bool) -> None:
        self.button.setArrowType(Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow)
        self.content.setVisible(on)


HEIGHT = 150
"""Pixels of the text; longer ones scroll."""


class ConsoleSnippet(Collapsible):
    """A fold with lines of Python and a button that copies them; hidden while there are none."""

    def __init__(self) -> None:
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setFixedHeight(HEIGHT)
        self.text.setToolTip("Python code for napari's console")
        self.copy_button = QPushButton("Copy")
        self.copy_button.setToolTip("Copy the code, to paste it into napari's console")
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.text)
        layout.addWidget(self.copy_button)
        super().__init__("The same in Python", inside, "Code for the same in napari's console")
        self.copy_button.clicked.connect(self.copy)
        self.show_lines("")

    def lines(self) -> str:
        """Return the lines that are shown."""
        return self.text.toPlainText()

    def show_lines(self, lines: str) -> None:
        """Show lines; unchanged text is left alone, since somebody may be reading it."""
        if lines != self.lines():
            self.text.setPlainText(lines)
        self.setVisible(bool(lines))

    def show_made(self, make: Callable[[], str], *, is_possible: bool) -> None:
        """Show lines that take a while to make, only while the fold is open.

        `is_possible` says whether there would be any, so that the fold can be opened.
        """
        if self.is_open:
            self.show_lines(make())
        else:
            self.setVisible(is_possible)

    def copy(self) -> None:
        """Put the lines into the clipboard."""
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self.lines())
