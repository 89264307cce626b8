"""What magicgui's forms need in a napari dock: room for labels, no surprise by the wheel."""

from __future__ import annotations

import re

from magicgui.widgets import SpinBox
from qtpy.QtCore import QEvent, QObject, QRegularExpression
from qtpy.QtGui import QRegularExpressionValidator
from qtpy.QtWidgets import QLabel, QWidget

THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+")


class WheelGuard(QObject):
    """Leaves the wheel to the scroll area unless the field below the mouse has the focus."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Ignore the wheel."""
        assert isinstance(watched, QWidget) and event is not None
        if event.type() != QEvent.Type.Wheel or watched.hasFocus():
            return False
        event.ignore()
        return True


class LabelAligner(QObject):
    """Aligns the fields of a form when it is shown."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Align them; the event goes on."""
        assert isinstance(watched, QWidget) and event is not None
        if event.type() == QEvent.Type.Show:
            align_fields(watched)
        return False


def align_fields(form: QWidget) -> None:
    """Make the labels of a form as wide as the widest; magicgui measures them in another font."""
    labels = [label for label in form.findChildren(QLabel) if label.parentWidget() is not form]
    for label in labels:
        label.ensurePolished()
        label.setMinimumWidth(0)
    width = max((label.sizeHint().width() for label in labels), default=0)
    for label in labels:
        label.setMinimumWidth(width)


def type_digits_only(box: SpinBox) -> None:
    """Take only digits, and the number as a whole; superqt's box stumbles over a lone minus."""
    digits = QRegularExpressionValidator(QRegularExpression(r"\d*"), box.native)
    box.native.lineEdit().setValidator(digits)
    box.native.setKeyboardTracking(False)


def parse_number(text: str, none: str = "", kind: type[float] = float) -> float | str | None:
    """Return the number that was typed, None for the word for it, or text that is no number."""
    text = text.strip()
    if text in ("", none):
        return None
    if THOUSANDS.fullmatch(text):
        return text  # 1,000 may be a thousand or one
    try:
        return kind(text.replace(",", "."))
    except ValueError:
        return text
