"""The page "Residuals" of the Compare dock: a map of a window of energies, and the spectrum."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSignalBlocker, QSize, Qt
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

# After qtpy, so that pyqtgraph takes the Qt that napari runs on.
import pyqtgraph as pg  # isort: skip

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.quantities import about_seconds
from napari_xrf_denoise.plugin.common.plots import Plot, PlotColors, energy_label
from napari_xrf_denoise.plugin.common.widgets import (
    form,
    number_field,
    progress_bar,
    short_box,
    show_choices,
    show_number,
    show_words,
    words_label,
)
from napari_xrf_denoise.processing.residuals import CHANCE, StandardResiduals
from napari_xrf_denoise.spectroscopy.element_symbols import in_greek

from .model import CompareModel

LEAST_RANGE = 5.0
"""Standard deviations that the axis shows at least, so that plain noise does not look like more."""


class ResidualPlot(Plot):
    """Residuals in standard deviations over the energy, with lines at what chance gives."""

    def __init__(self, colors: PlotColors) -> None:
        super().__init__(colors)
        self._drawn: StandardResiduals | None = None
        self._curve = self.add_curve()
        self._limits = [pg.InfiniteLine(place, angle=0) for place in (-CHANCE, CHANCE)]
        for line in self._limits:
            self.plot.addItem(line, ignoreBounds=True)
        self.setToolTip(
            "Raw minus denoised counts of all pixels together, channel by channel, in standard "
            "deviations of the raw counts.\nBetween the dashed lines, ± 3, residuals agree with "
            "chance; channels with few photons exceed them more often. Peaks point to lines that "
            "were lost (up) or invented (down).\n"
            "Click to move napari's slider to that energy; drag to move, scroll to zoom."
        )
        self.set_colors(colors)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size at which lines of a spectrum can be distinguished."""
        return QSize(340, 220)

    def set_colors(self, colors: PlotColors) -> None:
        """Draw in the colours of a theme."""
        self.colors = colors
        self._curve.setPen(pg.mkPen(colors.curves[1], width=1))
        for line in self._limits:
            line.setPen(pg.mkPen(colors.slice, width=1, style=Qt.PenStyle.DashLine))
        is_calibrated = self._drawn is None or self._drawn.energy.calibrated
        self.label_axes("residual (σ)", energy_label(calibrated=is_calibrated))

    def set_residuals(self, residuals: StandardResiduals | None) -> None:
        """Draw other residuals, or none; the view stays while they are the same."""
        if residuals is self._drawn:
            return
        self._drawn = residuals
        self.set_colors(self.colors)
        if residuals is None:
            self._curve.setData([], [])
            return
        energies = residuals.energy.centers
        self._curve.setData(energies, residuals.spectrum)
        self.plot.setXRange(float(energies[0]), float(energies[-1]), padding=0.01)
        most = max(LEAST_RANGE, float(np.abs(residuals.spectrum).max()))
        self.plot.setYRange(-most, most, padding=0.05)

    def drawn(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the energies and residuals of the curve."""
        none: NDArray[Any] = np.zeros(0)
        x, y = self._curve.getOriginalDataset()
        return (none, none) if x is None else (x, y)


NAMES = {"all": "All energies", "own": "Own window"}


class ResidualPage(QWidget):
    """Shows the model's part about residuals."""

    def __init__(self, model: CompareModel, colors: PlotColors) -> None:
        super().__init__()
        self._model = model
        self._axis: EnergyAxis | None = None
        self.window_box = short_box(
            "Energies to compare pixel by pixel: all, a line of the denoised layer's report, or "
            "a window of your own"
        )
        self.low_field = number_field("First energy of the window, in keV (or channels)")
        self.high_field = number_field(
            "End of the window, in keV (or channels); this energy is not included"
        )
        self.button = QPushButton("Compute residuals")
        self.progress_bar = progress_bar("Share of the counts that is added up, in %")
        self.stage_label = words_label("Current step, and the time left")
        self.outcome_label = words_label("Result of the last action")
        self.plot = ResidualPlot(colors)
        self.form = form(
            ("Energies", self.window_box), ("From", self.low_field), ("To", self.high_field)
        )
        layout = QVBoxLayout(self)
        layout.addLayout(self.form)
        for widget in (self.button, self.progress_bar, self.stage_label, self.outcome_label):
            layout.addWidget(widget)
        layout.addWidget(self.plot, 1)
        self.window_box.currentIndexChanged.connect(self._choose_window)
        self.low_field.valueChanged.connect(partial(setattr, model, "low"))
        self.high_field.valueChanged.connect(partial(setattr, model, "high"))

    def take_typed(self) -> None:
        """Take over numbers that are typed, but not confirmed yet."""
        self.low_field.interpretText()
        self.high_field.interpretText()

    def show_model(self) -> None:
        """Show the model as it is."""
        model = self._model
        idle = model.status == "idle"
        self._show_window()
        for widget in (self.window_box, self.low_field, self.high_field):
            widget.setEnabled(idle)
        self.button.setText("Compute residuals" if idle else "Stop")
        self.button.setEnabled(model.status != "stopping" and not (idle and model.problem()))
        self.button.setToolTip(
            "Add a map of (raw − denoised) / standard deviation as a layer, blue to red from −5 to "
            "5, and plot the same for each channel"
            if idle
            else "Cancel without adding a layer"
        )
        left = "" if model.seconds_left is None else f", {about_seconds(model.seconds_left)} left"
        self.progress_bar.setVisible(not idle)
        self.progress_bar.setValue(round(1000 * model.fraction))
        self.stage_label.setVisible(not idle)
        self.stage_label.setText(model.stage + left)
        show_words(self.outcome_label, model.outcome)
        self.plot.set_residuals(model.residuals)

    def _show_window(self) -> None:
        model = self._model
        windows = model.windows()
        chosen = (model.window_kind, model.line if model.window_kind == "line" else "")
        names = [NAMES.get(kind, in_greek(line)) for kind, line in windows]
        show_choices(self.window_box, names, windows.index(chosen))
        axis = model.axis
        for field, value in ((self.low_field, model.low), (self.high_field, model.high)):
            self.form.setRowVisible(field, model.window_kind == "own")
            if axis is not None and axis is not self._axis:
                with QSignalBlocker(field):
                    field.setSuffix(" keV" if axis.calibrated else "")
                    field.setPrefix("" if axis.calibrated else "channel ")
                    field.setDecimals(3 if axis.calibrated else 1)
                    field.setSingleStep(0.1 if axis.calibrated else 1.0)
                    half = axis.gain / 2
                    field.setRange(axis.centers[0] - half, axis.centers[-1] + half)
            show_number(field, value)
        self._axis = axis

    def _choose_window(self, row: int) -> None:
        if row >= 0:
            kind, self._model.line = self._model.windows()[row]
            self._model.window_kind = kind
