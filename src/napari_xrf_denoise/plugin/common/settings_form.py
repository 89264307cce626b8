"""A form with every setting of a method, built from the settings' types and limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields
from functools import partial
from types import NoneType
from typing import Any, get_args

from magicgui.widgets import ComboBox, Container, LineEdit, SpinBox
from magicgui.widgets.bases import ValueWidget
from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from napari_xrf_denoise.denoising.settings import Settings, hints_of, limits_of

from .magic_forms import LabelAligner, WheelGuard, align_fields, parse_number, type_digits_only

MOST = 2**63 - 1


class SettingsForm(Container[Any]):
    """Fields for all settings of one method; edits are reported, never kept."""

    edited = Signal(str, object)
    """Name and value of a setting that the user gave."""

    def __init__(self) -> None:
        super().__init__()
        self.margins = (0, 0, 0, 0)
        self._kind: type[Settings] | None = None
        self._wheel_guard, self._aligner = WheelGuard(), LabelAligner()
        self.native.installEventFilter(self._aligner)

    def tab_after(self, widget: QWidget) -> None:
        """Put the fields after a widget of the same window in the tab order."""
        for entry in self:
            QWidget.setTabOrder(widget, entry.native)
            widget = entry.native

    def show_settings(self, settings: Settings, changes: Mapping[str, Any]) -> None:
        """Show a preset's settings, overridden by the user's changes, even impossible ones."""
        if type(settings) is not self._kind:
            self._kind = type(settings)
            self.clear()
            self.extend(self._field(entry) for entry in fields(settings))
            align_fields(self.native)
        for widget in self:
            value = changes.get(widget.name, getattr(settings, widget.name))
            # Text that is being typed stays.
            if isinstance(widget, LineEdit):
                if not widget.native.hasFocus():
                    widget.value = "" if value is None else str(value)
            elif widget.value != value:
                with widget.changed.blocked():
                    try:
                        widget.value = value
                    except (TypeError, ValueError):
                        widget.value = getattr(settings, widget.name)

    def _field(self, entry: Field[Any]) -> ValueWidget[Any]:
        assert self._kind is not None
        hint = hints_of(self._kind)[entry.name]
        limits = limits_of(hint)
        common = {
            "name": entry.name,
            "label": entry.name.replace("_", " "),
            "tooltip": entry.metadata["explained"],
        }
        widget: ValueWidget[Any]
        if limits is None:
            widget = ComboBox(choices=get_args(hint), **common)
        elif limits.whole and NoneType not in get_args(hint):
            most = MOST if limits.most > MOST else int(limits.most)
            widget = SpinBox(min=int(limits.least), max=most, step=1, **common)
            type_digits_only(widget)
        else:
            # For a number that may be left to the data, or has any number of decimals.
            widget = LineEdit(**common)
            none = entry.metadata["none"] if NoneType in get_args(hint) else ""
            widget.native.setPlaceholderText(none)
            report = partial(self._report, widget, none, int if limits.whole else float)
            widget.native.editingFinished.connect(report)
        if not isinstance(widget, LineEdit):
            widget.changed.connect(partial(self.edited.emit, entry.name))
            widget.native.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            widget.native.installEventFilter(self._wheel_guard)
        widget.native.setAccessibleName(common["label"])
        return widget

    def _report(self, widget: LineEdit, none: str, kind: type[float]) -> None:
        # The signal also comes when the field only loses the focus.
        if widget.native.isModified():
            widget.native.setModified(False)
            self.edited.emit(widget.name, parse_number(widget.value, none, kind))
