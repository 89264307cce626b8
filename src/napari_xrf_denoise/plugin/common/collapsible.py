"""A part of a dock that is folded away until it is wanted.

Not superqt's QCollapsible: it fixes the height that its content asks for, and words that wrap in a
narrow dock need more.
"""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy, QToolButton, QVBoxLayout, QWidget


class Collapsible(QWidget):
    """A title that shows and hides what is below it.

    Parameters
    ----------
    title : str
    content : QWidget
        Hidden at first.
    tip : str
        What the content is for.
    """

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
