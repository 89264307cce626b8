"""The part of the dock "Element maps" that maps a window of energies of one's own."""

from __future__ import annotations

from functools import partial

import numpy as np
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_xrf_denoise.plugin.common.plots import PlotColors
from napari_xrf_denoise.plugin.common.sum_spectrum import SumSpectrum
from napari_xrf_denoise.plugin.common.widgets import words_label

from .model import ElementModel
from .window_plot import WindowPlot


class WindowPage(QWidget):
    """A small spectrum with a window to drag or to type.

    Parameters
    ----------
    model : ElementModel
    summing : SumSpectrum
        Adds up the spectra of the chosen layer.
    colors : PlotColors
    """

    def __init__(self, model: ElementModel, summing: SumSpectrum, colors: PlotColors) -> None:
        super().__init__()
        self._model = model
        self._summing = summing
        self.plot = WindowPlot(colors)
        self.log_box = QCheckBox("Log")
        self.log_box.setToolTip("Counts on a logarithmic axis; zeros are drawn at half a count")
        self.part_words = words_label("Which part of the layer the spectrum is of")
        self.low_field = _energy_field("First energy of the window, in keV")
        self.high_field = _energy_field("End of the window, in keV; this energy is not part of it")
        self.button = QPushButton("Add map of the window")
        self.button.setToolTip("Adds the counts in the window, pixel by pixel, as a layer")
        above = QHBoxLayout()
        above.addWidget(self.part_words, 1)
        above.addWidget(self.log_box)
        fields = QFormLayout()
        fields.setContentsMargins(0, 0, 0, 0)
        fields.addRow("From", self.low_field)
        fields.addRow("To", self.high_field)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(above)
        layout.addWidget(self.plot, 1)
        layout.addLayout(fields)
        layout.addWidget(self.button)
        self.log_box.toggled.connect(self.plot.set_logarithmic)
        self.plot.moved.connect(self._move)
        self.low_field.valueChanged.connect(partial(setattr, model, "low"))
        self.high_field.valueChanged.connect(partial(setattr, model, "high"))

    def take_typed(self) -> None:
        """Take what is typed and not yet confirmed."""
        for field in (self.low_field, self.high_field):
            field.interpretText()

    def show_model(self) -> None:
        """Show the model's window, and the lines that are chosen."""
        model, axis = self._model, self._model.axis
        self.button.setEnabled(axis is not None and not model.doing)
        suffix = " keV" if axis is None or axis.calibrated else ""
        for field, value in ((self.low_field, model.low), (self.high_field, model.high)):
            with QSignalBlocker(field):
                # Setting what is there already would undo what is being typed.
                if field.suffix() != suffix:
                    field.setSuffix(suffix)
                if abs(field.value() - value) > 5e-4:
                    field.setValue(value)
                if axis is not None and field.singleStep() != axis.gain:
                    field.setSingleStep(axis.gain)
        self.plot.set_window((model.low, model.high), model.side_windows())
        self.plot.set_lines([(name, sum(ends) / 2) for name, ends in model.line_windows()])

    def show_spectrum(self) -> None:
        """Show the sum of the spectra as far as it is known."""
        preview, axis = self._summing.preview, self._model.axis
        self.part_words.setText(self._summing.words)
        if preview is None or axis is None or preview.channels[-1] >= axis.size:
            self.plot.set_spectrum(np.zeros(0), np.zeros(0), "keV")
        else:
            centers = axis.centers[preview.channels]
            self.plot.set_spectrum(centers, preview.spectrum, axis.unit)

    def _move(self, low: float, high: float) -> None:
        self._model.change(low=low, high=high)


def _energy_field(tip: str) -> QDoubleSpinBox:
    field = QDoubleSpinBox()
    field.setDecimals(3)
    field.setRange(-1e6, 1e6)
    field.setKeyboardTracking(False)
    field.setMinimumWidth(60)
    field.setToolTip(tip)
    return field
