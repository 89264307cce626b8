"""The page "Residuals" of the Compare dock: a map of a window of energies, and the spectrum."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QFormLayout,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.plugin.common.merge_plot_colors import PlotColors
from napari_xrf_denoise.plugin.common.text import about_seconds
from napari_xrf_denoise.plugin.common.widgets import short_box, words_label

from .merge_compare_plot import ResidualPlot
from .model import CompareModel, WindowKind

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
