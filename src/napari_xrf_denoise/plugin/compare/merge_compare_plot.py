"""The plot of residuals over the energy. Only this module of the dock knows pyqtgraph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QVBoxLayout, QWidget

# After qtpy, so that pyqtgraph takes the Qt that napari runs on.
import pyqtgraph as pg  # isort: skip

from typing import Any

from napari_xrf_denoise.plugin.common.merge_plot_colors import PlotColors
from napari_xrf_denoise.plugin.common.plots import color_plot, plain_plot
from napari_xrf_denoise.processing.residuals import CHANCE, StandardResiduals

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
