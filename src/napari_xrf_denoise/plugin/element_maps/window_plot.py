"""The small spectrum of the dock "Element maps", with a window that can be dragged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psygnal import Signal
from qtpy.QtCore import QSize

# After qtpy, so that pyqtgraph takes the Qt that napari runs on.
import pyqtgraph as pg  # isort: skip

from napari_xrf_denoise.plugin.common.plots import EnergyPlot, PlotColors

from .recipe import Window


class WindowPlot(EnergyPlot):
    """A spectrum, the window to map, and the windows of its background."""

    LEAST = QSize(180, 160)
    moved = Signal(float, float)
    """First and last energy (or channel) of the window, after a drag or a click."""

    def __init__(self, colors: PlotColors) -> None:
        super().__init__(colors)
        self._region = pg.LinearRegionItem(swapMode="sort")
        self._region.setZValue(10)
        self._sides: list[Any] = []
        self._is_setting = False
        self.plot.addItem(self._region, ignoreBounds=True)
        self._region.sigRegionChangeFinished.connect(self._drag)
        self.clicked.connect(self._center_on)
        self.setToolTip(
            "Sum spectrum, in counts per channel. Click to put the window there, drag it or its "
            "ends; drag elsewhere to move, scroll to zoom, A at the lower left to see everything. "
            "The background is taken from the fainter bands beside the window."
        )
        self.set_colors(colors)

    def set_colors(self, colors: PlotColors) -> None:
        """Draw in the colours of a theme."""
        super().set_colors(colors)
        self._region.setBrush(_faint(colors.curves[0], 70))
        self._region.setHoverBrush(_faint(colors.curves[0], 110))
        for line in self._region.lines:
            line.setPen(pg.mkPen(colors.curves[0], width=1))
            line.setHoverPen(pg.mkPen(colors.curves[0], width=3))
        for side in self._sides:
            side.setBrush(_faint(colors.text, 50))

    def set_window(self, window: Window, sides: Sequence[Window]) -> None:
        """Show the window to map, and the windows of its background."""
        self._is_setting = True
        self._region.setRegion(window)
        self._is_setting = False
        if self.shown_sides() == list(sides):
            return
        for item in self._sides:
            self.plot.removeItem(item)
        brush = _faint(self.colors.text, 50)
        self._sides = [
            pg.LinearRegionItem(side, movable=False, brush=brush, pen=pg.mkPen(None))
            for side in sides
        ]
        for item in self._sides:
            self.plot.addItem(item, ignoreBounds=True)

    def shown_window(self) -> Window:
        """Return the window that is shown."""
        return _ends(self._region)

    def shown_sides(self) -> list[Window]:
        """Return the windows of the background that are shown."""
        return [_ends(side) for side in self._sides]

    def _center_on(self, middle: float) -> None:
        low, high = self.shown_window()
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
