"""The part of the dock "Element maps" that maps a window chosen by the user."""

from __future__ import annotations

from functools import partial

import numpy as np
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QDoubleSpinBox, QVBoxLayout, QWidget

from napari_xrf_denoise.plugin.common.plots import LOG_TIP, PlotColors
from napari_xrf_denoise.plugin.common.sum_spectrum import SumSpectrum
from napari_xrf_denoise.plugin.common.widgets import (
    button,
    check_box,
    form,
    number_field,
    row,
    show_number,
    words_label,
)
from napari_xrf_denoise.spectroscopy.element_symbols import in_greek

from .model import ElementModel
from .window_plot import WindowPlot


class WindowPage(QWidget):
    """A small spectrum with a window to drag or to type."""

    def __init__(self, model: ElementModel, summing: SumSpectrum, colors: PlotColors) -> None:
        super().__init__()
        self._model = model
        self._summing = summing
        self.plot = WindowPlot(colors)
        self.log_box = check_box("Log", LOG_TIP)
        self.part_words = words_label("The part of the layer that was summed")
        self.low_field = _energy_field("First energy of the window, in keV")
        self.high_field = _energy_field("End of the window, in keV; this energy is not included")
        self.button = button(
            "Add map of the window", "Add the counts in the window, pixel by pixel, as a layer"
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row((self.part_words, 1), self.log_box))
        layout.addWidget(self.plot, 1)
        layout.addLayout(form(("From", self.low_field), ("To", self.high_field)))
        layout.addWidget(self.button)
        self.log_box.toggled.connect(self.plot.set_logarithmic)
        self.plot.moved.connect(self._move)
        self.low_field.valueChanged.connect(partial(setattr, model, "low"))
        self.high_field.valueChanged.connect(partial(setattr, model, "high"))

    def take_typed(self) -> None:
        """Take numbers that are typed, but not confirmed yet."""
        for field in (self.low_field, self.high_field):
            field.interpretText()

    def show_model(self) -> None:
        """Show the model's window, and the lines that are chosen."""
        model, axis = self._model, self._model.axis
        self.button.setEnabled(axis is not None and model.status == "idle")
        suffix = " keV" if axis is None or axis.calibrated else ""
        for field, value in ((self.low_field, model.low), (self.high_field, model.high)):
            with QSignalBlocker(field):
                # Setting what is there already would undo what is being typed.
                if field.suffix() != suffix:
                    field.setSuffix(suffix)
                if axis is not None and field.singleStep() != axis.gain:
                    field.setSingleStep(axis.gain)
            show_number(field, value)
        self.plot.set_window((model.low, model.high), model.side_windows())
        self.plot.set_marks(
            [(sum(ends) / 2, in_greek(name), False) for name, ends in model.line_windows()]
        )

    def show_spectrum(self) -> None:
        """Show the sum of the spectra as far as it is known."""
        preview, axis = self._summing.preview, self._model.axis
        self.part_words.setText(self._summing.words)
        if preview is None or axis is None or preview.channels[-1] >= axis.size:
            self.plot.set_spectrum(np.zeros(0), np.zeros(0), calibrated=True)
        else:
            centers = axis.centers[preview.channels]
            self.plot.set_spectrum(centers, preview.spectrum, calibrated=axis.calibrated)

    def _move(self, low: float, high: float) -> None:
        self._model.change(low=low, high=high)


def _energy_field(tip: str) -> QDoubleSpinBox:
    field = number_field(tip)
    field.setRange(-1e6, 1e6)
    field.setMinimumWidth(60)
    return field
