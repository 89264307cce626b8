"""The choices above the plot of the Spectrum dock: which spectra, and how to draw them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from psygnal import Signal
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QColor, QIcon, QKeyEvent, QPixmap
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_xrf_denoise.plugin.common.widgets import (
    button,
    check_box,
    choice_box,
    choice_buttons,
    number_field,
    row,
    show_checked,
)

from .model import Extent, Pin, Scale, SpectrumModel
from .plot_items import SCALES
from .regions import MOST_REGIONS

EXTENTS: dict[Extent, tuple[str, str]] = {
    "pixel": (
        "Pixel",
        "Spectrum of the pixel that was last under the mouse, in counts per channel",
    ),
    "sum": ("Sum", "Sum spectrum of all pixels, in counts per channel"),
    "mean": ("Mean", "Mean spectrum per pixel, in counts per channel"),
    "max": (
        "Max",
        "Maximum-pixel spectrum, in counts per channel: in each channel the counts of the pixel "
        "with most of them. It shows elements that are present in a few pixels only.",
    ),
}
SCALE_NAMES: dict[Scale, str] = {"linear": "Linear", "logarithmic": "Log", "square root": "Sqrt"}
SCALE_TIPS = {
    "Linear": "counts per channel as they are",
    "Log": "logarithms, to see weak lines beside strong ones; zeros are drawn at half a count",
    "Sqrt": "square roots: the noise of photon counts is equally high everywhere",
}
SWITCHES = {
    "errors": (
        "Error band",
        "Band of ±1 σ (counts per channel) around each curve, where it is known:\n"
        "raw photon counts: the square root of the counts (of the mean of n: divided by n);\n"
        "denoised counts: noise and bias as held-out counts show them. Errors of channels in one "
        "line are alike.\n"
        "Results of earlier versions: for a pixel only, from the dose gain, an average over the "
        "map. Fractional raw counts and maxima have none.",
    ),
    "residual": (
        "Residual",
        "Show raw minus denoised counts per channel; both layers must be visible",
    ),
    "regions": (
        "Regions",
        "Show spectra (counts per channel) of the regions drawn in visible Shapes and Labels "
        "layers: their sum with Sum, their maximum pixel with Max, else their mean per pixel.\n"
        f"The first {MOST_REGIONS} shapes and labels are shown.",
    ),
}


class SpectrumControls(QWidget):
    """Writes the choices into a model, and shows them."""

    def __init__(self, model: SpectrumModel) -> None:
        super().__init__()
        self._model = model
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(self._extent_row())
        layout.addLayout(self._drawing_row())
        self.regions_box = self.switches["regions"]
        self.show_model()

    def show_model(self) -> None:
        """Show the model as it is."""
        model = self._model
        self.buttons[model.extent].setChecked(True)
        with QSignalBlocker(self.scale_box):
            self.scale_box.setCurrentIndex(SCALES.index(model.scale))
        for name, box in self.switches.items():
            show_checked(box, getattr(model, name))

    def _extent_row(self) -> QHBoxLayout:
        self.buttons = choice_buttons(EXTENTS, self, partial(setattr, self._model, "extent"))
        for one in self.buttons.values():
            # Four of them fit into a narrow dock.
            one.setStyleSheet("min-width: 0px; padding: 3px 2px;")
        buttons = row(*self.buttons.values())
        buttons.setSpacing(2)
        return buttons

    def _drawing_row(self) -> QHBoxLayout:
        model = self._model
        self.scale_box = choice_box([SCALE_NAMES[scale] for scale in SCALES], SCALE_TIPS)
        self.scale_box.setAccessibleName("Scale of the counts")
        # Beside two switches, a narrow dock leaves just the width of "Linear".
        self.scale_box.setStyleSheet(
            "QComboBox { padding: 3px 0px 3px 3px; } QComboBox::drop-down { width: 16px; }"
        )
        self.scale_box.setMinimumWidth(62)
        self.scale_box.currentIndexChanged.connect(
            lambda chosen: setattr(model, "scale", SCALES[chosen])
        )
        self.switches: dict[str, QCheckBox] = {}
        for name, (text, tip) in SWITCHES.items():
            self.switches[name] = check_box(text, tip)
            self.switches[name].toggled.connect(partial(setattr, model, name))
        # Regions are places, as pins are, and stand beside these.
        boxes = row((self.scale_box, 1), self.switches["errors"], self.switches["residual"])
        boxes.setSpacing(2)
        return boxes


LINES = 4
"""Pins in sight; more are scrolled to."""


class PinList(QListWidget):
    """Shows the pins of a model, and removes the selected ones."""

    def __init__(self, model: SpectrumModel) -> None:
        super().__init__()
        self._model = model
        self._shown: list[tuple[Pin, str, str]] = []
        self.setSelectionMode(QListWidget.SelectionMode.ExtendedSelection)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setToolTip(
            "Pinned pixels: layer, row y and column x. Select some and press Delete, or click "
            "“Remove”, to remove them."
        )
        self.setAccessibleName("Pinned pixels")

    def show_pins(self, colors: Mapping[Pin, str]) -> None:
        """Show the model's pins, each with the colour of its curve if that is shown."""
        shown = [(pin, pin.name, colors.get(pin, "")) for pin in self._model.pins]
        if shown == self._shown:
            return
        self._shown = shown
        chosen = set(self.chosen())
        self.clear()
        for pin, name, color in shown:
            item = QListWidgetItem(_square(color), name)
            item.setData(Qt.ItemDataRole.UserRole, pin)
            item.setToolTip(name if color else f"{name} (not shown)")
            self.addItem(item)
            item.setSelected(pin in chosen)
        lines = min(len(shown), LINES)
        self.setFixedHeight(lines * max(self.sizeHintForRow(0), 0) + 2 * self.frameWidth() + 2)

    def chosen(self) -> list[Pin]:
        """Return the pins that are selected."""
        return [item.data(Qt.ItemDataRole.UserRole) for item in self.selectedItems()]

    def remove_chosen(self) -> None:
        """Remove the selected pins, or the last one if none is selected."""
        self._model.unpin(*(self.chosen() or self._model.pins[-1:]))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 - Qt's name
        """Remove by key."""
        if event is not None and event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.remove_chosen()
            return
        super().keyPressEvent(event)


def _square(color: str) -> QIcon:
    picture = QPixmap(12, 12)
    picture.fill(QColor(color) if color else Qt.GlobalColor.transparent)
    return QIcon(picture)


FAR = 1e6
"""Farthest energy or channel that can be typed."""
BOX_WIDTH = 46
"""Least pixels of a field: enough for 12.34 keV, or for channel 4095."""


class ZoomRow(QWidget):
    """First and last energy of the view, and back to all of them."""

    typed = Signal(float, float)
    """First and last energy that were typed, in keV, or channels."""

    def __init__(self) -> None:
        super().__init__()
        self.low_box, self.high_box = _energy_box(), _energy_box()
        self.unit_label = QLabel()
        self.whole_button = button("Full range", "Show all energies and all counts")
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
            box.setToolTip(f"{which} energy in view ({unit})")
            box.setAccessibleName(box.toolTip())

    def show_view(self, low: float, high: float) -> None:
        """Show the view."""
        for box, value in ((self.low_box, low), (self.high_box, high)):
            with QSignalBlocker(box):
                box.setValue(value)

    def _emit(self, _: float) -> None:
        low, high = self.low_box.value(), self.high_box.value()
        # In between, while only one of the two was typed, there may be nothing to show.
        if low < high:
            self.typed.emit(low, high)


def _energy_box() -> QDoubleSpinBox:
    box = number_field("", 2, buttons=False)
    box.setRange(-FAR, FAR)
    # napari's style asks for more room than a narrow dock has.
    box.setStyleSheet(f"min-width: {BOX_WIDTH}px; padding: 1px 2px;")
    return box
