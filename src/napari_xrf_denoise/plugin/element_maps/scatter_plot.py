"""A scatter plot with a lasso. Only this module of the dock's lower part knows pyqtgraph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QSize, Qt

# After qtpy, so that pyqtgraph takes the Qt that napari runs on.
import pyqtgraph as pg  # isort: skip

from napari_xrf_denoise.plugin.common.plots import Plot, PlotColors

from .scatter_model import MOST_POINTS, density

Points = list[tuple[float, float]]


class LassoBox(pg.ViewBox):  # type: ignore[misc]
    """A view whose left button draws an outline; the wheel zooms, the middle button moves."""

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.on_draw: Callable[[Points, bool], object] = lambda points, is_done: None
        self._points: Points = []

    def mouseDragEvent(self, event: Any, axis: Any = None) -> None:  # noqa: N802 - pyqtgraph's
        """Draw with the left button."""
        if event.button() != Qt.MouseButton.LeftButton or axis is not None:
            super().mouseDragEvent(event, axis=axis)
            return
        event.accept()
        if event.isStart():
            start = self.mapSceneToView(event.buttonDownScenePos())
            self._points = [(start.x(), start.y())]
        place = self.mapSceneToView(event.scenePos())
        self._points.append((place.x(), place.y()))
        self.on_draw(self._points, event.isFinish())


class ScatterPlot(Plot):
    """Pixels as points, or as their density where they are many, and outlines around some."""

    LEAST = QSize(180, 200)
    drawn = Signal(list)
    """Corners of an outline that was drawn, in counts."""

    def __init__(self, colors: PlotColors) -> None:
        box = LassoBox()
        super().__init__(colors, viewBox=box)
        box.on_draw = self._draw_lasso
        self._values: tuple[NDArray[Any], NDArray[Any]] = (np.zeros(0), np.zeros(0))
        self._names: tuple[str, ...] = ("", "")
        self._outlines: list[Any] = []
        self._points = pg.ScatterPlotItem(size=3, pen=None, antialias=False)
        self._image = pg.ImageItem()
        self._lasso = pg.PlotCurveItem(antialias=False)
        for item in (self._image, self._points):
            self.plot.addItem(item)
        self.plot.addItem(self._lasso, ignoreBounds=True)
        self.setToolTip(
            "A point for each pixel, or the density of points, in counts. Draw around points with "
            "the left button; scroll to zoom, drag with the middle button to move, A at the lower "
            "left to see everything."
        )
        self.set_colors(colors)

    def set_colors(self, colors: PlotColors) -> None:
        """Draw in the colours of a theme."""
        self.colors = colors
        self._points.setBrush(pg.mkBrush(colors.curves[1]))
        self._lasso.setPen(pg.mkPen(colors.slice, width=1))
        ends = [pg.mkColor(colors.background), pg.mkColor(colors.curves[1])]
        self._image.setColorMap(pg.ColorMap([0.0, 1.0], ends))
        bottom, left = (f"{name} (counts)" if name else "counts" for name in self._names)
        self.label_axes(left, bottom)

    def set_values(
        self, x: NDArray[np.float64], y: NDArray[np.float64], names: tuple[str, ...]
    ) -> None:
        """Plot other values: those of the pixels of two maps, in counts."""
        self._values, self._names = (x, y), names
        self.set_colors(self.colors)
        if x.size > MOST_POINTS:
            found = density(x, y)
            self._points.setData([], [])
            self._image.setImage(np.log1p(found.pixels))
            (left, right), (bottom, top) = found.x, found.y
            self._image.setRect(left, bottom, right - left, top - bottom)
        else:
            self._image.clear()
            self._points.setData(x, y)
        self.plot.enableAutoRange()

    def set_outlines(self, outlines: Sequence[Sequence[tuple[float, float]]]) -> None:
        """Show the selections, each with the number of its label."""
        for item in self._outlines:
            self.plot.removeItem(item)
        self._outlines = []
        for number, outline in enumerate(outlines, start=1):
            corners = np.array([*outline, outline[0]])
            color = self.colors.curves[number % len(self.colors.curves)]
            line = pg.PlotCurveItem(
                corners[:, 0], corners[:, 1], pen=pg.mkPen(color, width=1), antialias=False
            )
            text = pg.TextItem(str(number), color=self.colors.text)
            text.setPos(*corners[:-1].mean(axis=0))
            self._outlines += [line, text]
        for item in self._outlines:
            self.plot.addItem(item, ignoreBounds=True)

    def values(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the values that are plotted."""
        return self._values

    def _draw_lasso(self, points: Points, is_done: bool) -> None:
        if is_done:
            self._lasso.setData([], [])
            self.drawn.emit(list(points))
            return
        corners = np.array([*points, points[0]])
        self._lasso.setData(corners[:, 0], corners[:, 1])
