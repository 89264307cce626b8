"""The small spectrum of the dock "Element maps", with a window that can be dragged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QVBoxLayout, QWidget

# After qtpy, so that pyqtgraph takes the Qt that napari runs on.
import pyqtgraph as pg  # isort: skip

from napari_xrf_denoise.plugin.common.plots import PlotColors, color_plot, plain_plot

from .recipe import Window

HEIGHTS = (0.93, 0.82, 0.71, 0.6)
"""Shares of the plot's height at which the names of lines stand, so that close ones can be read."""


class WindowPlot(QWidget):
    """A spectrum, the window that is mapped, and those that its background is taken from.

    Parameters
    ----------
    colors : PlotColors
    """

    moved = Signal(float, float)
    """First and last energy (or channel) of the window, after it was dragged or put to a click."""

    def __init__(self, colors: PlotColors) -> None:
        super().__init__()
        self._colors = colors
        self._lines: list[Any] = []
        self._sides: list[Any] = []
        self._logarithmic = False
        self._bottom = "energy (keV)"
        self._energies: NDArray[Any] = np.zeros(0)
        self._counts: NDArray[Any] = np.zeros(0)
        self._plot = plain_plot(self)
        self._curve = self._plot.plot(antialias=False)
        self._curve.setDownsampling(auto=True, method="peak")
        self._curve.setClipToView(True)
        self._region = pg.LinearRegionItem(swapMode="sort")
        self._region.setZValue(10)
        self._plot.addItem(self._region, ignoreBounds=True)
        self._region.sigRegionChangeFinished.connect(self._drag)
        self._plot.scene().sigMouseClicked.connect(self._click)
        self._is_setting = False
        self._plot.setMinimumSize(QSize(180, 160))
        self.setToolTip(
            "Sum of the spectra, in counts per channel. Click to put the window there, drag "
            "it or its ends; drag elsewhere to move, scroll to zoom, A at the lower left to see "
            "everything. Fainter bands beside the window are where the background is taken from."
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        self.set_colors(colors)

    def set_colors(self, colors: PlotColors) -> None:
        """Draw in the colours of a theme."""
        self._colors = colors
        color_plot(self._plot, colors, "counts", self._bottom)
        self._curve.setPen(pg.mkPen(colors.curves[1], width=1))
        self._region.setBrush(_faint(colors.curves[0], 70))
        self._region.setHoverBrush(_faint(colors.curves[0], 110))
        for line in self._region.lines:
            line.setPen(pg.mkPen(colors.curves[0], width=1))
            line.setHoverPen(pg.mkPen(colors.curves[0], width=3))
        lines, sides = self.lines(), self.shown_sides()
        for marked, beside in (((), ()), (lines, sides)):  # drawn anew in the new colours
            self.set_lines(marked)
            self.set_window(self.shown_window(), beside)

    def set_logarithmic(self, on: bool) -> None:
        """Put counts on a logarithmic axis, or a linear one."""
        if on != self._logarithmic:
            self._logarithmic = on
            self._plot.setLogMode(y=on)
            self._draw()
            self._plot.enableAutoRange(y=True)

    def set_spectrum(self, energies: NDArray[Any], counts: NDArray[Any], unit: str) -> None:
        """Draw another spectrum; the view stays while the energies are the same."""
        is_new = not np.array_equal(energies, self._energies)
        self._energies, self._counts = energies, counts
        self._bottom = "energy (keV)" if unit == "keV" else "channel"
        color_plot(self._plot, self._colors, "counts", self._bottom)
        self._draw()
        if is_new and energies.size:
            self._plot.setXRange(float(energies[0]), float(energies[-1]), padding=0.01)
            self._plot.enableAutoRange(y=True)

    def set_window(self, window: Window, sides: Sequence[Window]) -> None:
        """Show which window is mapped, and where its background is taken from."""
        self._is_setting = True
        self._region.setRegion(window)
        self._is_setting = False
        if self.shown_sides() == list(sides):
            return
        for item in self._sides:
            self._plot.removeItem(item)
        self._sides = [
            pg.LinearRegionItem(
                side, movable=False, brush=_faint(self._colors.text, 50), pen=pg.mkPen(None)
            )
            for side in sides
        ]
        for item in self._sides:
            self._plot.addItem(item, ignoreBounds=True)

    def set_lines(self, lines: Sequence[tuple[str, float]]) -> None:
        """Mark the lines that are chosen: name, and energy or channel."""
        if list(lines) == self.lines():
            return
        for item in self._lines:
            self._plot.removeItem(item)
        color = self._colors.text
        self._lines = [
            pg.InfiniteLine(
                place,
                pen=pg.mkPen(color, width=1, style=Qt.PenStyle.DotLine),
                label=name,
                labelOpts={"color": color, "position": HEIGHTS[number % len(HEIGHTS)]},
            )
            for number, (name, place) in enumerate(lines)
        ]
        for item in self._lines:
            self._plot.addItem(item, ignoreBounds=True)

    def shown_window(self) -> Window:
        """Return the window that is shown."""
        return _ends(self._region)

    def shown_sides(self) -> list[Window]:
        """Return the windows of the background that are shown."""
        return [_ends(side) for side in self._sides]

    def lines(self) -> list[tuple[str, float]]:
        """Return the lines that are marked."""
        return [(item.label.format, float(item.value())) for item in self._lines]

    def drawn(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the energies and counts that are drawn."""
        return self._energies, self._counts

    def viewport(self) -> QWidget:
        """Return the widget that takes the mouse."""
        widget: QWidget = self._plot.viewport()
        return widget

    def place_of(self, energy: float) -> Any:
        """Return where in `viewport` an energy is, at half height."""
        box = self._plot.getPlotItem().getViewBox()
        low, high = box.viewRange()[1]
        return self._plot.mapFromScene(box.mapViewToScene(pg.Point(energy, (low + high) / 2)))

    def _draw(self) -> None:
        counts = np.maximum(self._counts, 0.5) if self._logarithmic else self._counts
        self._curve.setData(self._energies, counts)

    def _click(self, event: Any) -> None:
        box = self._plot.getPlotItem().getViewBox()
        if box.sceneBoundingRect().contains(event.scenePos()):
            low, high = self.shown_window()
            middle = float(box.mapSceneToView(event.scenePos()).x())
            self.moved.emit(middle - (high - low) / 2, middle + (high - low) / 2)

    def _drag(self, _: Any) -> None:
        if not self._is_setting:
            self.moved.emit(*self.shown_window())


def _ends(region: Any) -> Window:
    low, high = region.getRegion()
    return float(low), float(high)


def _faint(color: str, alpha: int) -> Any:
    brush = pg.mkColor(color)
    brush.setAlpha(alpha)
    return brush
