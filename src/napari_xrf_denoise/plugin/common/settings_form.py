"""A form with every setting of a method, made from the settings themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import fields
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from psygnal import Signal
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QFormLayout, QLineEdit, QSpinBox, QWidget

from napari_xrf_denoise.denoising.settings import Settings

_ENTRY = re.compile(r"^(?P<names>\w+(?:, \w+)*) : (?P<kind>.+)$")


def explain_settings(kind: type[Settings]) -> dict[str, str]:
    """Return the meaning of every setting of a method, by name.

    Parameters
    ----------
    kind : type
        A class of `napari_xrf_denoise.denoising.settings`.

    Examples
    --------
    >>> from napari_xrf_denoise.denoising.settings import PcaSettings
    >>> explain_settings(PcaSettings)["rank"]
    'Number of components; None finds it from the data by held-out counts.'
    """
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, Settings):
            found.update(_entries(inspect.getdoc(base) or ""))
    return found


def _entries(docstring: str) -> dict[str, str]:
    _, _, section = docstring.partition("Parameters\n----------\n")
    section = section.partition("\n\n")[0]
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        entry = _ENTRY.match(line)
        if entry:
            names = entry["names"].split(", ")
            continue
        for name in names:
            found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return found


AUTOMATIC = "auto"
"""What stands in a field whose setting is None."""
MOST = 2**31 - 1
THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+")


class SettingsForm(QWidget):
    """Fields for all settings of one method; what the user types is told, never kept.

    Parameters
    ----------
    parent : QWidget, optional
    """

    changed = Signal(str, object)
    """Name and value of a setting that the user gave."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind: type[Settings] | None = None
        self._fields: dict[str, QWidget] = {}
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)

    def tab_after(self, widget: QWidget) -> None:
        """Put the fields behind a widget of the same window, for those who use the keyboard."""
        for field in self._fields.values():
            QWidget.setTabOrder(widget, field)
            widget = field

    def field(self, name: str) -> QWidget:
        """Return the field of a setting."""
        return self._fields[name]

    def show_settings(self, settings: Settings, changes: Mapping[str, Any]) -> None:
        """Show a preset's settings with the user's changes, impossible ones among them."""
        if type(settings) is not self._kind:
            self._rebuild(type(settings))
        for name, widget in self._fields.items():
            value = changes.get(name, getattr(settings, name))
            with QSignalBlocker(widget):
                _show(widget, value)

    def _rebuild(self, kind: type[Settings]) -> None:
        while self._form.rowCount():
            self._form.removeRow(0)
        self._kind = kind
        hints, words = get_type_hints(kind), explain_settings(kind)
        self._fields = {}
        for entry in fields(kind):
            widget = self._field(entry.name, hints[entry.name])
            widget.setToolTip(words.get(entry.name, ""))
            self._fields[entry.name] = widget
            self._form.addRow(entry.name.replace("_", " "), widget)

    def _field(self, name: str, hint: Any) -> QWidget:
        if get_origin(hint) is Literal:
            box = QComboBox()
            box.addItems([str(choice) for choice in get_args(hint)])
            box.currentTextChanged.connect(lambda text: self.changed.emit(name, text))
            return box
        optional = NoneType in get_args(hint)
        if int in (hint, *get_args(hint)):
            spin = QSpinBox()
            spin.setRange(0, MOST)
            spin.setKeyboardTracking(False)
            if optional:
                # Zero is no possible number of anything that may be left to the data.
                spin.setSpecialValueText(AUTOMATIC)
            spin.valueChanged.connect(
                lambda value: self.changed.emit(name, None if optional and not value else value)
            )
            return spin
        line = QLineEdit()
        line.setPlaceholderText(AUTOMATIC if optional else "")

        def tell() -> None:
            # The signal also comes when the field is only left.
            if line.isModified():
                line.setModified(False)
                self.changed.emit(name, _typed(line.text()))

        line.editingFinished.connect(tell)
        return line


def _typed(text: str) -> float | str | None:
    """Return the number that was typed; what is none is told as it is, and refused with words."""
    if not text.strip():
        return None
    if THOUSANDS.fullmatch(text.strip()):
        return text  # 1,000 may be a thousand or one
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return text


def _show(widget: QWidget, value: Any) -> None:
    if isinstance(widget, QComboBox):
        widget.setCurrentText(str(value))
    elif isinstance(widget, QSpinBox):
        widget.setValue(value or 0)
    elif isinstance(widget, QLineEdit) and not widget.hasFocus():
        widget.setText("" if value is None else str(value))
