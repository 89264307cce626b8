"""The page "Residuals" of the Compare dock: a map of a window of energies, and the spectrum."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QSignalBlocker, QSize, Qt
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QFormLayout,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.quantities import about_seconds
from napari_xrf_denoise.plugin.common.plots import PlotColors
from napari_xrf_denoise.plugin.common.widgets import short_box, words_label

from .model import CompareModel, WindowKind

import pyqtgraph as pg  # isort: skip
from typing import Any

from napari_xrf_denoise.plugin.common.plots import color_plot, plain_plot
from napari_xrf_denoise.processing.residuals import CHANCE, StandardResiduals

# After qtpy, so that pyqtgraph takes the Qt that napari runs on.


LEAST_RANGE = 5.0
"""Standard deviations that the axis shows at least, so that plain noise does not look like more."""


class ResidualPlot(QWidget):
    """Residuals in standard deviations over the energy, with lines at what chance gives.

    Parameters
    ----------
    colors : PlotColors
    parent : QWidget, optional
    """

    clicked = Signal(float)
    """Energy (or channel) that was clicked."""

    def __init__(self, colors: PlotColors, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colors = colors
        self._drawn: StandardResiduals | None = None
        self._plot = plain_plot(self)
        self._curve = self._plot.plot(antialias=False)
        self._curve.setDownsampling(auto=True, method="peak")
        self._curve.setClipToView(True)
        self._limits = [pg.InfiniteLine(place, angle=0) for place in (-CHANCE, CHANCE)]
        for line in self._limits:
            self._plot.addItem(line, ignoreBounds=True)
        self._plot.scene().sigMouseClicked.connect(self._click)
        self._plot.setMinimumSize(QSize(180, 120))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        self.setToolTip(
            "Raw minus denoised counts of all pixels together, channel by channel, in standard "
            "deviations of the raw counts.\nBetween the dashed lines, ± 3, is what chance gives; "
            "channels of few photons exceed it more often. Lines that stand out were lost (up) or "
            "invented (down).\n"
            "Click to move napari's slider to that energy; drag to move, scroll to zoom."
        )
        self.set_colors(colors)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size at which lines of a spectrum can be told apart."""
        return QSize(340, 220)

    def set_colors(self, colors: PlotColors) -> None:
        """Draw in the colours of a theme."""
        self._colors = colors
        self._curve.setPen(pg.mkPen(colors.curves[1], width=1))
        for line in self._limits:
            line.setPen(pg.mkPen(colors.slice, width=1, style=Qt.PenStyle.DashLine))
        self._label()

    def set_residuals(self, residuals: StandardResiduals | None) -> None:
        """Draw other residuals, or none; the view stays while they are the same."""
        if residuals is self._drawn:
            return
        self._drawn = residuals
        self._label()
        if residuals is None:
            self._curve.setData([], [])
            return
        energies = residuals.energy.centers
        self._curve.setData(energies, residuals.spectrum)
        self._plot.setXRange(float(energies[0]), float(energies[-1]), padding=0.01)
        most = max(LEAST_RANGE, float(np.abs(residuals.spectrum).max()))
        self._plot.setYRange(-most, most, padding=0.05)

    def drawn(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the energies and residuals of the curve."""
        none: NDArray[Any] = np.zeros(0)
        x, y = self._curve.getOriginalDataset()
        return (none, none) if x is None else (x, y)

    def axis_labels(self) -> tuple[str, str]:
        """Return what stands under and beside the axes."""
        bottom, left = (str(self._plot.getAxis(side).labelText) for side in ("bottom", "left"))
        return bottom, left

    def _label(self) -> None:
        by_channel = self._drawn is not None and not self._drawn.energy.calibrated
        bottom = "channel" if by_channel else "energy (keV)"
        color_plot(self._plot, self._colors, "residual (st. dev.)", bottom)

    def _click(self, event: Any) -> None:
        box = self._plot.getPlotItem().getViewBox()
        if self._drawn is not None and box.sceneBoundingRect().contains(event.scenePos()):
            self.clicked.emit(float(box.mapSceneToView(event.scenePos()).x()))


ALL, OWN = "All energies", "Own window"


class ResidualPage(QWidget):
    """Shows the model's part about residuals.

    Parameters
    ----------
    model : CompareModel
    colors : PlotColors
    """

    def __init__(self, model: CompareModel, colors: PlotColors) -> None:
        super().__init__()
        self._model = model
        self._axis: EnergyAxis | None = None
        self.window_box = short_box(
            "Energies whose counts are compared pixel by pixel: all, a line of the denoised "
            "layer's report, or a window of your own"
        )
        self.low_field = _energy_field("First energy of the window, in keV (or channels)")
        self.high_field = _energy_field(
            "End of the window, in keV (or channels); this energy is not part of it"
        )
        self.button = QPushButton("Compute residuals")
        self.progress_bar = QProgressBar()
        self.progress_bar.setRange(0, 1000)
        self.progress_bar.setToolTip("Share of the counts that is added up, in %")
        self.stage_label = words_label("What is being done, and the time left")
        self.outcome_label = words_label("What came of it")
        self.plot = ResidualPlot(colors)
        self.form = QFormLayout()
        self.form.setContentsMargins(0, 0, 0, 0)
        self.form.addRow("Energies", self.window_box)
        self.form.addRow("From", self.low_field)
        self.form.addRow("To", self.high_field)
        layout = QVBoxLayout(self)
        layout.addLayout(self.form)
        for widget in (self.button, self.progress_bar, self.stage_label, self.outcome_label):
            layout.addWidget(widget)
        layout.addWidget(self.plot, 1)
        self.window_box.currentIndexChanged.connect(self._choose_window)
        self.low_field.valueChanged.connect(partial(setattr, model, "low"))
        self.high_field.valueChanged.connect(partial(setattr, model, "high"))

    def take_typed(self) -> None:
        """Take over what is typed and not yet confirmed."""
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
            "Adds a map of (raw - denoised) / standard deviation as a layer, blue to red from -5 "
            "to 5, and draws the same for each channel"
            if idle
            else "End the computation; no layer is added"
        )
        left = "" if model.seconds_left is None else f", {about_seconds(model.seconds_left)} left"
        self.progress_bar.setVisible(not idle)
        self.progress_bar.setValue(round(1000 * model.fraction))
        self.stage_label.setVisible(not idle)
        self.stage_label.setText(model.stage + left)
        self.outcome_label.setVisible(bool(model.outcome))
        self.outcome_label.setText(model.outcome)
        self.plot.set_residuals(model.residuals)

    def _show_window(self) -> None:
        model = self._model
        entries: list[tuple[str, tuple[WindowKind, str]]] = [(ALL, ("all", ""))]
        entries += [(name, ("line", name)) for name in model.lines()]
        entries += [(OWN, ("own", ""))]
        box = self.window_box
        with QSignalBlocker(box):
            if [box.itemData(row) for row in range(box.count())] != [data for _, data in entries]:
                box.clear()
                for text, data in entries:
                    box.addItem(text, data)
            chosen = (model.window_kind, model.line if model.window_kind == "line" else "")
            box.setCurrentIndex([data for _, data in entries].index(chosen))
        for field in (self.low_field, self.high_field):
            self.form.setRowVisible(field, model.window_kind == "own")
        axis = model.axis
        half = 0.0 if axis is None else axis.gain / 2
        for field, value in ((self.low_field, model.low), (self.high_field, model.high)):
            if axis is not None and axis is not self._axis:
                with QSignalBlocker(field):
                    field.setSuffix(" keV" if axis.calibrated else "")
                    field.setPrefix("" if axis.calibrated else "channel ")
                    field.setDecimals(3 if axis.calibrated else 1)
                    field.setSingleStep(0.1 if axis.calibrated else 1.0)
                    field.setRange(axis.centers[0] - half, axis.centers[-1] + half)
            # Setting what is there already would undo what is being typed.
            if abs(field.value() - value) > 5e-4:
                with QSignalBlocker(field):
                    field.setValue(value)
        self._axis = axis

    def _choose_window(self, row: int) -> None:
        data = self.window_box.itemData(row)
        if data is None:
            return
        kind, line = data
        self._model.line = line
        self._model.window_kind = kind


def _energy_field(tip: str) -> QDoubleSpinBox:
    field = QDoubleSpinBox()
    field.setKeyboardTracking(False)
    field.setToolTip(tip)
    return field
