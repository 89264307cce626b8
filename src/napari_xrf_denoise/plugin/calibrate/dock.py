"""The dock "Calibrate energy": gives the channels of a layer their energies."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSignalBlocker, QSize, QTimer
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_xrf_denoise.core.errors import DataError, SettingsError
from napari_xrf_denoise.plugin.common.collapsible import ConsoleSnippet
from napari_xrf_denoise.plugin.common.dock import DockedWidget
from napari_xrf_denoise.plugin.common.energy_slider import move_slice, sliced_layer
from napari_xrf_denoise.plugin.common.layer_images import current_energy
from napari_xrf_denoise.plugin.common.layer_watcher import LayerWatcher
from napari_xrf_denoise.plugin.common.plots import SpectrumPreview, colors_of
from napari_xrf_denoise.plugin.common.sum_spectrum import SumSpectrum
from napari_xrf_denoise.plugin.common.widgets import scroll_in, short_box, words_label
from napari_xrf_denoise.spectroscopy.calibration import LINE_NAMES, refine_peak

from .console import python_of
from .model import CalibrateModel, Way

if TYPE_CHECKING:
    import napari.viewer

POLL_MS = 50
"""Time between two looks at a spectrum that is being added up."""
WAYS: dict[Way, tuple[str, str]] = {
    "peaks": ("Two peaks", "From two peaks of the spectrum and the lines that they are"),
    "numbers": ("Offset and gain", "From the energy of channel 0 and the width of a channel"),
}


class CalibrateDock(DockedWidget):
    """Choose a layer, say how its channels become energies, apply.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Given by napari.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.model = CalibrateModel()
        self._summing = SumSpectrum()
        self._watch = LayerWatcher(napari_viewer.layers, self._follow_layers)
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)
        self._build()
        self._connect()
        self._listen_to_viewer()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size at which a spectrum is seen beside the fields' names."""
        return QSize(400, 560)

    def _build(self) -> None:
        self.layer_box = short_box("Image layer of counts")
        self.energy_box = short_box(
            "Which axis of the layer is the energy, in channels: number and length"
        )
        self.repeat_box = short_box(
            "Which axis holds repeats of the same measurement: number and length"
        )
        self.plot = SpectrumPreview(colors_of(self.viewer.theme))
        self.plot.setToolTip(
            "Sum of the spectra. Click a peak to set the one that is picked below; drag to move, "
            "scroll to zoom, A at the lower left to see everything."
        )
        self.log_box = QCheckBox("Log")
        self.log_box.setToolTip("Counts on a logarithmic axis; zeros are drawn at half a count")
        self.part_words = words_label("Which part of the layer the spectrum is of")
        self.ways: dict[Way, QPushButton] = {}
        group = QButtonGroup(self)
        row = QHBoxLayout()
        for way, (text, tip) in WAYS.items():
            button = _choice(text, tip, group)
            button.clicked.connect(partial(_choose_way, self.model, way))
            row.addWidget(button)
            self.ways[way] = button
        self.words = words_label("What the fields mean")
        self.button = QPushButton("Apply")
        self.button.setToolTip(
            "Sets the layer's axis labels, scale, offset and units. The counts stay as they are; "
            "apply again to change it."
        )
        self.message = words_label("What came of it")
        self.python = ConsoleSnippet()
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Layer", self.layer_box)
        form.addRow("Energy axis", self.energy_box)
        form.addRow("Repeat axis", self.repeat_box)
        below = QHBoxLayout()
        below.addWidget(self.part_words, 1)
        below.addWidget(self.log_box)
        layout = QVBoxLayout()
        layout.addLayout(form)
        layout.addWidget(self.plot, 1)
        layout.addLayout(below)
        layout.addLayout(row)
        layout.addWidget(self._build_peaks())
        layout.addWidget(self._build_numbers())
        for widget in (self.words, self.button, self.message, self.python):
            layout.addWidget(widget)
        scroll_in(self, layout)

    def _build_peaks(self) -> QWidget:
        self.peaks = QWidget()
        grid = QGridLayout(self.peaks)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(4)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(2, 1)
        group = QButtonGroup(self)
        self.pick_buttons: list[QPushButton] = []
        self.channel_fields: list[QDoubleSpinBox] = []
        self.line_boxes: list[QComboBox] = []
        grid.addWidget(QLabel("channel"), 0, 1)
        grid.addWidget(QLabel("line, or keV"), 0, 2)
        for number in range(2):
            pick = _choice(f"Peak {number + 1}", "The next click in the spectrum sets it", group)
            channel = _number_field(2, "Centre of the peak, in channels; channel 0 is the first")
            channel.setAccessibleName(f"Channel of peak {number + 1}")
            line = QComboBox()
            line.setEditable(True)
            line.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
            line.addItems(LINE_NAMES)
            line.setAccessibleName(f"Line of peak {number + 1}, or its energy in keV")
            line.setToolTip("The peak's line, such as Fe Ka, or its energy, such as 6.4 keV")
            for column, widget in enumerate((pick, channel, line)):
                grid.addWidget(widget, 1 + number, column)
            self.pick_buttons.append(pick)
            self.channel_fields.append(channel)
            self.line_boxes.append(line)
        return self.peaks

    def _build_numbers(self) -> QWidget:
        self.numbers = QWidget()
        self.offset_field = _number_field(7, "Energy of channel 0 in keV")
        self.offset_field.setRange(-1000.0, 1000.0)
        self.offset_field.setSuffix(" keV")
        self.gain_field = _number_field(7, "Width of a channel in keV")
        self.gain_field.setRange(1e-7, 1000.0)
        self.gain_field.setSuffix(" keV per channel")
        for field in (self.offset_field, self.gain_field):
            field.setSingleStep(0.001)
        form = QFormLayout(self.numbers)
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(4)
        form.addRow("Offset", self.offset_field)
        form.addRow("Gain", self.gain_field)
        return self.numbers

    def _connect(self) -> None:
        model = self.model
        self.layer_box.currentIndexChanged.connect(self._choose_layer)
        self.energy_box.currentIndexChanged.connect(self._choose_energy_axis)
        self.repeat_box.currentIndexChanged.connect(self._choose_repeat_axis)
        self.offset_field.valueChanged.connect(partial(setattr, model, "offset"))
        self.gain_field.valueChanged.connect(partial(setattr, model, "gain"))
        for number in range(2):
            self.pick_buttons[number].clicked.connect(partial(_choose_peak, model, number))
            self.channel_fields[number].valueChanged.connect(partial(model.set_peak, number))
            self.line_boxes[number].currentTextChanged.connect(partial(model.set_line, number))
        self.log_box.toggled.connect(self.plot.set_logarithmic)
        self.plot.clicked.connect(self._pick)
        self.button.clicked.connect(self._apply)

    def _listen_to_viewer(self) -> None:
        # Kept apart from the widget, which may be gone when they are let go.
        viewer, model, watch, summing = self.viewer, self.model, self._watch, self._summing
        show, recolor = self._show, self._recolor

        def listen() -> None:
            model.events.connect(show, check_nargs=False, unique=True)
            viewer.events.theme.connect(recolor)
            watch.start()
            show()

        def unlisten() -> None:
            summing.stop()
            model.events.disconnect(show, missing_ok=True)
            viewer.events.theme.disconnect(recolor)
            watch.stop()

        self.listen_with(listen, unlisten)

    def _follow_layers(self) -> None:
        self.model.follow(list(self.viewer.layers), self.viewer.layers.selection.active)
        self._sum_up()

    def _choose_layer(self, row: int) -> None:
        if 0 <= row < len(self.model.available):
            self.model.choose(self.model.available[row])

    def _choose_energy_axis(self, row: int) -> None:
        self.model.energy_axis = self.energy_box.itemData(row)

    def _choose_repeat_axis(self, row: int) -> None:
        self.model.repeat_axis = self.repeat_box.itemData(row)

    def _pick(self, channel: float) -> None:
        """Put the picked peak on the top near a click, and pick the other one next."""
        model = self.model
        preview = self._summing.preview
        if model.way != "peaks" or preview is None:
            return
        try:
            position = np.interp(channel, preview.channels, np.arange(preview.channels.size))
            centre = refine_peak(preview.spectrum, float(position))
        except (DataError, SettingsError) as error:
            model.outcome = str(error)
            return
        model.outcome = ""
        refined = np.interp(centre, np.arange(preview.channels.size), preview.channels)
        model.set_peak(model.picked, round(float(refined), 2))
        model.picked = 1 - model.picked

    def _apply(self) -> None:
        for field in (self.offset_field, self.gain_field, *self.channel_fields):
            field.interpretText()  # what is typed and not yet confirmed
        shown = self._shown_channel()
        self.model.apply()
        self._turn_to_pixels()
        self._show_channel(shown)
        if shown is None and self.model.source is not None:
            # The limits were those of a cut along the energy.
            self.model.source.reset_contrast_limits()

    def _shown_channel(self) -> int | None:
        """Return the channel that napari's slider is at, or None where energy has no slider."""
        layer, axis, dims = self.model.source, self.model.energy_axis, self.viewer.dims
        if layer is None or axis is None or dims.ndim != layer.ndim or axis in dims.displayed:
            return None
        return round(float((dims.point[axis] - layer.translate[axis]) / layer.scale[axis]))

    def _show_channel(self, channel: int | None) -> None:
        """Show a channel, or the strongest line: the slider is now in keV, and was at channels."""
        layer, preview, dims = self.model.source, self._summing.preview, self.viewer.dims
        if layer is None or sliced_layer([layer], dims) is None:
            return
        if channel is None and preview is not None:
            channel = int(preview.channels[np.argmax(preview.spectrum)])
        energy = current_energy(layer)
        if channel is not None and energy is not None:
            move_slice(layer, energy, dims, float(energy.centers[min(channel, energy.size - 1)]))

    def _turn_to_pixels(self) -> None:
        """Show y and x of a layer that is alone, whose energy was one of the two shown axes."""
        layer, dims = self.model.source, self.viewer.dims
        # Compared by equality: plugins see layers through proxies, which are never the same.
        if layer is None or any(other.ndim > 2 and other != layer for other in self.viewer.layers):
            return
        labels = tuple(layer.axis_labels)
        if dims.ndim != len(labels) or dims.ndisplay != 2 or not {"y", "x"} <= set(labels):
            return
        pixels = (labels.index("y"), labels.index("x"))
        if "energy" in [labels[axis] for axis in dims.displayed]:
            dims.order = (*(axis for axis in range(dims.ndim) if axis not in pixels), *pixels)
            self.viewer.reset_view()

    def _sum_up(self) -> None:
        model = self.model
        self._summing.want(model.source, model.energy_axis, model.repeat_axis)
        if self._summing.is_waiting:
            self._timer.start()
        self._draw()

    def _poll(self) -> None:
        if self._summing.poll():
            self._timer.stop()
            self._draw()

    def _draw(self) -> None:
        preview = self._summing.preview
        none: NDArray[Any] = np.zeros(0)
        self.plot.set_spectrum(
            none if preview is None else preview.channels,
            none if preview is None else preview.spectrum,
        )
        self.part_words.setText(self._summing.words)

    def _recolor(self, event: Any = None) -> None:
        self.plot.set_colors(colors_of(self.viewer.theme))
        self._show()

    def _show(self, *_: Any) -> None:
        model = self.model
        layer = model.source
        _fill(self.layer_box, [(name, None) for name in model.names])
        shape = () if layer is None else tuple(layer.data.shape)
        axes = [(f"{axis}: {length} values", axis) for axis, length in enumerate(shape)]
        _fill(self.energy_box, axes)
        _fill(self.repeat_box, [("none", None), *axes])
        for box, row in (
            (self.layer_box, model.available.index(layer) if layer in model.available else -1),
            (self.energy_box, -1 if model.energy_axis is None else model.energy_axis),
            (self.repeat_box, 0 if model.repeat_axis is None else model.repeat_axis + 1),
        ):
            with QSignalBlocker(box):
                box.setCurrentIndex(row)
        for way, button in self.ways.items():
            button.setChecked(way == model.way)
        self.peaks.setVisible(model.way == "peaks")
        self.numbers.setVisible(model.way == "numbers")
        for number in range(2):
            self.pick_buttons[number].setChecked(number == model.picked)
            field = self.channel_fields[number]
            with QSignalBlocker(field):
                field.setRange(0.0, max(0, model.size - 1))
            _set_value(field, model.channels[number])
            line = self.line_boxes[number]
            if line.currentText() != model.lines[number]:
                with QSignalBlocker(line):
                    line.setCurrentText(model.lines[number])
        _set_value(self.offset_field, model.offset)
        _set_value(self.gain_field, model.gain)
        self.words.setText(model.words())
        self.button.setEnabled(not model.problem())
        self.message.setText(model.outcome)
        self.message.setVisible(bool(model.outcome))
        self.plot.set_marks(model.marks())
        self.python.show_lines(python_of(model))
        self._sum_up()


def _choose_way(model: CalibrateModel, way: Way, _: bool = False) -> None:
    model.way = way


def _choose_peak(model: CalibrateModel, number: int, _: bool = False) -> None:
    model.picked = number


def _fill(box: QComboBox, entries: list[tuple[str, Any]]) -> None:
    """Give a box these entries, unless it has them: filling closes its open list."""
    if [(box.itemText(row), box.itemData(row)) for row in range(box.count())] == entries:
        return
    with QSignalBlocker(box):
        box.clear()
        for text, value in entries:
            box.addItem(text, value)


def _set_value(field: QDoubleSpinBox, value: float) -> None:
    # Setting a value that is there would move the cursor of who is typing.
    if field.value() != value:
        with QSignalBlocker(field):
            field.setValue(value)


def _choice(text: str, tip: str, group: QButtonGroup) -> QPushButton:
    button = QPushButton(text)
    button.setCheckable(True)
    button.setToolTip(tip)
    group.addButton(button)
    return button


def _number_field(decimals: int, tip: str) -> QDoubleSpinBox:
    field = QDoubleSpinBox()
    field.setDecimals(decimals)
    field.setKeyboardTracking(False)
    # In a narrow dock the buttons would take the place of the unit; the arrow keys do the same.
    field.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
    field.setToolTip(tip)
    return field
