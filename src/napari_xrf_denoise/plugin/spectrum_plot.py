"""A plot of spectra. Only this module knows that pyqtgraph draws it.

Pens are one pixel wide and not antialiased: measured 3 to 7 ms an update for two curves of 4,096
channels, and more than a second with antialiasing and wider pens.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from psygnal import Signal
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

# After qtpy, so that pyqtgraph takes the Qt that napari runs on.
import pyqtgraph as pg  # isort: skip

from .plot_colors import PlotColors
from .spectra_at import Curve

AXIS_WIDTH = 52
"""Pixels left of the plot, fixed so that it does not jump with the number of digits."""
AXIS_HEIGHT = 36
"""Pixels below the plot, for numbers and the axis label."""


class SpectrumPlot(QWidget):
    """Curves over an energy axis, with a legend, a pointer and a line that can be dragged.

    Parameters
    ----------
    colors : PlotColors
    parent : QWidget, optional
    """

    pointed = Signal(float)
    """Energy (or channel) under the mouse."""
    sliced = Signal(float)
    """Energy (or channel) to which the line was dragged, or which was clicked."""

    def __init__(self, colors: PlotColors, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colors = colors
        self._slots: dict[tuple[int, str], int] = {}
        self._items: list[Any] = []
        self._logarithmic = False
        self._x_range: tuple[float, float] | None = None
        self._plot = pg.PlotWidget(parent=self, enableMenu=False)
        self._labels: list[str] = []
        # Above the plot instead of in it, where it would hide curves.
        self.legend = QLabel()
        self.legend.setWordWrap(True)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._plot.getAxis("left").setWidth(AXIS_WIDTH)
        self._plot.getAxis("bottom").setHeight(AXIS_HEIGHT)
        # pyqtgraph makes this menu, unused here, without a parent: it would outlive the window.
        menu = self._plot.getPlotItem().ctrlMenu
        menu.setParent(self, menu.windowFlags())
        # pyqtgraph lets the axis label stand out a little below the axis.
        self._plot.getPlotItem().layout.setContentsMargins(2, 4, 4, 8)
        for side in ("left", "bottom"):
            self._plot.getAxis(side).enableAutoSIPrefix(False)
        self._line = pg.InfiniteLine(angle=90, movable=True)
        self._line.setVisible(False)
        self._line.sigDragged.connect(lambda line: self.sliced.emit(float(line.value())))
        self._plot.addItem(self._line, ignoreBounds=True)
        self._plot.scene().sigMouseMoved.connect(self._point)
        self._plot.scene().sigMouseClicked.connect(self._click)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.legend)
        layout.addWidget(self._plot, 1)
        self._plot.setMinimumSize(QSize(220, 120))
        self.setToolTip(
            "Drag to move, scroll to zoom, A at the lower left to see everything.\n"
            "Click, or drag the red line, to choose the energy (keV) that the map shows."
        )
        self.set_colors(colors)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size at which lines of a spectrum can be told apart."""
        return QSize(360, 260)

    def set_colors(self, colors: PlotColors) -> None:
        """Draw in the colours of a theme."""
        self._colors = colors
        self._plot.setBackground(colors.background)
        for side in ("left", "bottom"):
            self._plot.getAxis(side).setPen(colors.text)
            self._plot.getAxis(side).setTextPen(colors.text)
        self._line.setPen(pg.mkPen(colors.slice, width=1))
        self._line.setHoverPen(pg.mkPen(colors.slice, width=3))
        self._plot.setLabel("left", "counts per channel", color=colors.text)

    def set_logarithmic(self, on: bool) -> None:
        """Put counts on a logarithmic axis, or a linear one."""
        if on == self._logarithmic:
            return
        self._logarithmic = on
        self._plot.setLogMode(y=on)
        self._plot.enableAutoRange(y=True)

    def set_curves(self, curves: Sequence[Curve]) -> None:
        """Draw these curves instead of the former ones."""
        by_channel = any(not curve.axis.calibrated for curve in curves)
        self._forget({curve.key for curve in curves})
        while len(self._items) > len(curves):
            item = self._items.pop()
            self._plot.removeItem(item)
        while len(self._items) < len(curves):
            item = self._plot.plot(antialias=False)
            item.setDownsampling(auto=True, method="peak")
            item.setClipToView(True)
            self._items.append(item)
        ranges = []
        for item, curve in zip(self._items, curves, strict=True):
            x = np.arange(curve.axis.size, dtype=float) if by_channel else curve.axis.centers
            y = np.maximum(curve.counts, curve.least) if self._logarithmic else curve.counts
            item.setPen(pg.mkPen(self.color(curve), width=1))
            item.setData(x, y)
            ranges.append((float(x[0]), float(x[-1])))
        self._labels = [curve.label for curve in curves]
        self.legend.setText(
            "&nbsp;&nbsp; ".join(
                f'<span style="color:{self.color(curve)}">\u25a0</span>&nbsp;{escape(curve.label)}'
                for curve in curves
            )
        )
        self._set_x(ranges, by_channel)

    def set_slice(self, energy: float | None) -> None:
        """Put the line at this energy, or take it away."""
        self._line.setVisible(energy is not None)
        if energy is not None and not self._line.moving:
            self._line.setValue(energy)

    def slice(self) -> float | None:
        """Return where the line is, or None."""
        return float(self._line.value()) if self._line.isVisible() else None

    def axis_label(self) -> str:
        """Return what stands under the energy axis."""
        return str(self._plot.getAxis("bottom").labelText)

    def labels(self) -> list[str]:
        """Return the legend's entries."""
        return list(self._labels)

    def drawn(self, label: str) -> tuple[Any, Any]:
        """Return the energies and counts that are drawn for a label of the legend."""
        item = self._items[self.labels().index(label)]
        return item.xData, item.yData

    def color(self, curve: Curve) -> str:
        """Return a curve's colour; it keeps it as long as it is drawn."""
        if curve.key not in self._slots:
            taken = set(self._slots.values())
            self._slots[curve.key] = next(n for n in range(len(taken) + 1) if n not in taken)
        return self._colors.curves[self._slots[curve.key] % len(self._colors.curves)]

    def _forget(self, keys: set[tuple[int, str]]) -> None:
        for key in [key for key in self._slots if key not in keys]:
            del self._slots[key]

    def _set_x(self, ranges: list[tuple[float, float]], by_channel: bool) -> None:
        self._plot.setLabel(
            "bottom", "channel" if by_channel else "energy (keV)", color=self._colors.text
        )
        if not ranges:
            return
        whole = (min(low for low, _ in ranges), max(high for _, high in ranges))
        if whole != self._x_range:
            # Only when the spectra are on another axis: a zoom of the user stays.
            self._x_range = whole
            self._plot.setXRange(*whole, padding=0.01)

    def _point(self, position: Any) -> None:
        if self._plot.getPlotItem().getViewBox().sceneBoundingRect().contains(position):
            self.pointed.emit(self._x(position))

    def _click(self, event: Any) -> None:
        box = self._plot.getPlotItem().getViewBox()
        if box.sceneBoundingRect().contains(event.scenePos()) and self._line.isVisible():
            self.sliced.emit(self._x(event.scenePos()))

    def _x(self, position: Any) -> float:
        return float(self._plot.getPlotItem().getViewBox().mapSceneToView(position).x())
