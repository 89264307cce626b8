"""A row of fields for the energies in view."""

from __future__ import annotations

from psygnal import Signal
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QPushButton, QWidget

FAR = 1e6
"""Farthest energy or channel that can be typed."""
BOX_WIDTH = 46
"""Least pixels of a field: enough for 12.34 keV, or for channel 4095."""


class ZoomRow(QWidget):
    """First and last energy of the view, and back to all of them.

    Parameters
    ----------
    parent : QWidget, optional
    """

    typed = Signal(float, float)
    """First and last energy that were typed, in keV, or channels."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._by_channel = False
        self.low_box, self.high_box = _energy_box(), _energy_box()
        self.unit_label = QLabel()
        self.whole_button = QPushButton("Whole")
        self.whole_button.setToolTip("Shows all energies and all counts")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.low_box, 1)
        layout.addWidget(QLabel("to"))
        layout.addWidget(self.high_box, 1)
        layout.addWidget(self.unit_label)
        layout.addWidget(self.whole_button)
        for box in (self.low_box, self.high_box):
            box.valueChanged.connect(self._emit)
        self.set_unit(by_channel=False)

    def set_unit(self, *, by_channel: bool) -> None:
        """Name the unit of the fields: keV, or channel."""
        unit = "channel" if by_channel else "keV"
        if self.unit_label.text() == unit:
            return
        self.unit_label.setText(unit)
        for box, which in ((self.low_box, "First"), (self.high_box, "Last")):
            with QSignalBlocker(box):
                box.setDecimals(0 if by_channel else 2)
                box.setSingleStep(10 if by_channel else 0.1)
            box.setToolTip(f"{which} energy that the plot shows ({unit})")
            box.setAccessibleName(box.toolTip())

    def show_view(self, low: float, high: float) -> None:
        """Show what is in view."""
        for box, value in ((self.low_box, low), (self.high_box, high)):
            with QSignalBlocker(box):
                box.setValue(value)

    def _emit(self, _: float) -> None:
        low, high = self.low_box.value(), self.high_box.value()
        # In between, while only one of the two was typed, there may be nothing to show.
        if low < high:
            self.typed.emit(low, high)


def _energy_box() -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(-FAR, FAR)
    box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
    # napari's style asks for more room than a narrow dock has.
    box.setStyleSheet(f"min-width: {BOX_WIDTH}px; padding: 1px 2px;")
    # Not after each digit.
    box.setKeyboardTracking(False)
    return box
