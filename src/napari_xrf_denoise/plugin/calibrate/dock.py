"""The dock "Calibrate energy": gives the channels of a layer their energies."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSignalBlocker, QSize
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QGridLayout, QLabel, QPushButton, QWidget

from napari_xrf_denoise.core.errors import DataError, SettingsError
from napari_xrf_denoise.plugin.common.collapsible import ConsoleSnippet
from napari_xrf_denoise.plugin.common.dock import Dock
from napari_xrf_denoise.plugin.common.plots import LOG_TIP, EnergyPlot, PlotColors
from napari_xrf_denoise.plugin.common.spectral_layers import (
    current_energy,
    move_slice,
    sliced_layer,
)
from napari_xrf_denoise.plugin.common.sum_spectrum import SumSpectrum
from napari_xrf_denoise.plugin.common.widgets import (
    button,
    check_box,
    choice_buttons,
    column,
    form,
    inside,
    number_field,
    row,
    row_in,
    scroll_in,
    short_box,
    show_choices,
    show_number,
    show_words,
    words_label,
)
from napari_xrf_denoise.spectroscopy.calibration import LINE_NAMES, refine_peak
from napari_xrf_denoise.spectroscopy.element_symbols import in_greek, in_latin

from .console import python_of
from .model import CalibrateModel, Way

if TYPE_CHECKING:
    import napari.viewer

WAYS: dict[Way, tuple[str, str]] = {
    "peaks": ("Two peaks", "Calibrate from two peaks of the spectrum and their lines"),
    "numbers": ("Offset and gain", "Enter the energy of channel 0 and the width of a channel"),
}
PEAKS = {
    number: (f"Peak {number + 1}", "Set this peak with the next click in the spectrum")
    for number in range(2)
}


class CalibrateDock(Dock):
    """Choose a layer, say how its channels become energies, apply."""

    model: CalibrateModel
    SIZE = QSize(400, 560)

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer, CalibrateModel())
        self.summing = SumSpectrum()
        self._build()
        self._connect()
        self.listen()

    def _build(self) -> None:
        self.layer_box = short_box("Image layer of counts")
        self.energy_box = short_box("Layer axis that holds the energy channels: number and length")
        self.repeat_box = short_box(
            "Layer axis that holds repeats of the same measurement: number and length"
        )
        self.plot = EnergyPlot(self.colors)
        self.plot.setToolTip(
            "Sum spectrum. Click a peak to set the one selected below; drag to move, scroll to "
            "zoom, A at the lower left to see everything."
        )
        self.log_box = check_box("Log", LOG_TIP)
        self.part_words = words_label("The part of the layer that was summed")
        self.ways = choice_buttons(WAYS, self, partial(setattr, self.model, "way"))
        self.words = words_label("The calibration that the fields describe")
        self.button = button(
            "Apply",
            "Set the layer's axis labels, scale, offset and units. The counts are unchanged; "
            "apply again to revise.",
        )
        self.message = words_label("Result of the last action")
        self.python = ConsoleSnippet()
        scroll_in(
            self,
            column(
                form(
                    ("Layer", self.layer_box),
                    ("Energy axis", self.energy_box),
                    ("Repeat axis", self.repeat_box),
                ),
                (self.plot, 1),
                row((self.part_words, 1), self.log_box),
                row(*self.ways.values()),
                self._build_peaks(),
                self._build_numbers(),
                self.words,
                self.button,
                self.message,
                self.python,
            ),
        )

    def _build_peaks(self) -> QWidget:
        self.peaks = QWidget()
        grid = QGridLayout(self.peaks)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(4)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(2, 1)
        self.channel_fields: list[QDoubleSpinBox] = []
        self.line_boxes: list[QComboBox] = []
        grid.addWidget(QLabel("channel"), 0, 1)
        grid.addWidget(QLabel("line or keV"), 0, 2)
        picks = choice_buttons(PEAKS, self, partial(setattr, self.model, "picked"))
        self.pick_buttons: list[QPushButton] = list(picks.values())
        for number, pick in picks.items():
            channel = number_field(
                "Centre of the peak, in channels; the first is channel 0", 2, buttons=False
            )
            channel.setAccessibleName(f"Channel of peak {number + 1}")
            line = QComboBox()
            line.setEditable(True)
            line.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
            line.addItems([in_greek(name) for name in LINE_NAMES])
            line.setAccessibleName(f"Line or energy (keV) of peak {number + 1}")
            line.setToolTip(
                "The peak's line, such as Fe Kα (type Fe Ka), or its energy, such as 6.4 keV"
            )
            for place, widget in enumerate((pick, channel, line)):
                grid.addWidget(widget, 1 + number, place)
            self.channel_fields.append(channel)
            self.line_boxes.append(line)
        return self.peaks

    def _build_numbers(self) -> QWidget:
        self.offset_field = number_field("Energy of channel 0 in keV", 7, buttons=False)
        self.offset_field.setRange(-1000.0, 1000.0)
        self.offset_field.setSuffix(" keV")
        self.gain_field = number_field("Width of a channel in keV", 7, buttons=False)
        self.gain_field.setRange(1e-7, 1000.0)
        self.gain_field.setSuffix(" keV per channel")
        for field in (self.offset_field, self.gain_field):
            field.setSingleStep(0.001)
        fields = form(("Offset", self.offset_field), ("Gain", self.gain_field))
        fields.setHorizontalSpacing(4)
        self.numbers = inside(fields)
        return self.numbers

    def _connect(self) -> None:
        model = self.model
        self.follow(model.events, self.show_model)
        self.layer_box.currentIndexChanged.connect(self._choose_layer)
        self.energy_box.currentIndexChanged.connect(self._choose_energy_axis)
        self.repeat_box.currentIndexChanged.connect(self._choose_repeat_axis)
        self.offset_field.valueChanged.connect(partial(setattr, model, "offset"))
        self.gain_field.valueChanged.connect(partial(setattr, model, "gain"))
        for number in range(2):
            self.channel_fields[number].valueChanged.connect(partial(model.set_peak, number))
            self.line_boxes[number].currentTextChanged.connect(
                lambda text, number=number: model.set_line(number, in_latin(text))
            )
        self.log_box.toggled.connect(self.plot.set_logarithmic)
        self.plot.clicked.connect(self._pick)
        self.button.clicked.connect(self._apply)

    def leave(self) -> None:
        """Leave the sum unfinished."""
        self.summing.stop()

    def follow_layers(self) -> None:
        """Take over the layers of the viewer."""
        self.model.follow(list(self.viewer.layers), self.viewer.layers.selection.active)
        self._sum_up()

    def _choose_layer(self, row: int) -> None:
        if 0 <= row < len(self.model.available):
            self.model.choose(self.model.available[row])

    def _choose_energy_axis(self, row: int) -> None:
        self.model.energy_axis = row if row >= 0 else None

    def _choose_repeat_axis(self, row: int) -> None:
        self.model.repeat_axis = row - 1 if row > 0 else None

    def _pick(self, channel: float) -> None:
        """Put the picked peak on the top near a click, and pick the other one next."""
        model = self.model
        preview = self.summing.preview
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
            field.interpretText()  # typed, but not confirmed yet
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
        layer, preview, dims = self.model.source, self.summing.preview, self.viewer.dims
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
        self.summing.want(model.source, model.energy_axis, model.repeat_axis)
        if self.summing.is_waiting:
            self.start_polling()
        self._draw()

    def poll(self) -> bool:
        """Draw the sum spectrum once it is there."""
        is_done = self.summing.poll()
        if is_done:
            self._draw()
        return is_done

    def _draw(self) -> None:
        preview = self.summing.preview
        none: NDArray[Any] = np.zeros(0)
        self.plot.set_spectrum(
            none if preview is None else preview.channels,
            none if preview is None else preview.spectrum,
        )
        self.part_words.setText(self.summing.words)

    def set_colors(self, colors: PlotColors) -> None:
        """Draw in the colours of a theme."""
        self.plot.set_colors(colors)

    def show_model(self, *_: Any) -> None:
        """Show the model as it is."""
        model = self.model
        layer = model.source
        shape = () if layer is None else tuple(layer.data.shape)
        axes = [f"{axis}: {length} values" for axis, length in enumerate(shape)]
        show_choices(self.layer_box, model.names, row_in(model.available, layer))
        energy, repeat = model.energy_axis, model.repeat_axis
        show_choices(self.energy_box, axes, -1 if energy is None else energy)
        show_choices(self.repeat_box, ["none", *axes], 0 if repeat is None else repeat + 1)
        for way, choice in self.ways.items():
            choice.setChecked(way == model.way)
        self.peaks.setVisible(model.way == "peaks")
        self.numbers.setVisible(model.way == "numbers")
        for number in range(2):
            self.pick_buttons[number].setChecked(number == model.picked)
            field = self.channel_fields[number]
            with QSignalBlocker(field):
                field.setRange(0.0, max(0, model.size - 1))
            show_number(field, model.channels[number])
            line = self.line_boxes[number]
            if in_latin(line.currentText()) != model.lines[number]:
                with QSignalBlocker(line):
                    line.setCurrentText(in_greek(model.lines[number]))
        show_number(self.offset_field, model.offset)
        show_number(self.gain_field, model.gain)
        self.words.setText(model.words())
        self.button.setEnabled(not model.problem())
        show_words(self.message, model.outcome)
        self.plot.set_marks(model.marks())
        self.python.show_lines(python_of(model))
        self._sum_up()
