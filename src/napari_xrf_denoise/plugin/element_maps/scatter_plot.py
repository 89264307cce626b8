"""A scatter plot with a lasso. Only this module of the dock's lower part knows pyqtgraph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QVBoxLayout, QWidget

# After qtpy, so that pyqtgraph takes the Qt that napari runs on.
import pyqtgraph as pg  # isort: skip

from napari_xrf_denoise.plugin.common.plots import PlotColors, color_plot, plain_plot

from .scatter_model import MOST_POINTS, density

Points = list[tuple[float, float]]


class LassoBox(pg.ViewBox):  # type: ignore[misc]
    """A view whose left button draws an outline; the wheel zooms, the middle button moves."""

    def __init__(self, on_draw: Callable[[Points, bool], object]) -> None:
        super().__init__(enableMenu=False)
        self._on_draw = on_draw
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
        self._on_draw(self._points, event.isFinish())


class ScatterPlot(QWidget):
    """Pixels as points, or as their density where they are many, and outlines around some.

    Parameters
    ----------
    colors : PlotColors
    """

    drawn = Signal(list)
    """Corners of an outline that was drawn, in counts."""

    def __init__(self, colors: PlotColors) -> None:
        super().__init__()
        self._colors = colors
        self._values: tuple[NDArray[Any], NDArray[Any]] = (np.zeros(0), np.zeros(0))
        self._names: tuple[str, ...] = ("", "")
        self._outlines: list[Any] = []
        self._plot = plain_plot(self, viewBox=LassoBox(self._draw_lasso))
        self._points = pg.ScatterPlotItem(size=3, pen=None, antialias=False)
        self._image = pg.ImageItem()
        self._lasso = pg.PlotCurveItem(antialias=False)
        for item in (self._image, self._points):
            self._plot.addItem(item)
        self._plot.addItem(self._lasso, ignoreBounds=True)
        self._plot.setMinimumSize(QSize(180, 200))
        self.setToolTip(
            "A point for each pixel, or its density where they are many, in counts. Draw around "
            "points with the left button; scroll to zoom, drag with the middle button to move, "
            "A at the lower left to see everything."
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        self.set_colors(colors)

    def set_colors(self, colors: PlotColors) -> None:
        """Draw in the colours of a theme."""
        self._colors = colors
        self._points.setBrush(pg.mkBrush(colors.curves[1]))
        self._lasso.setPen(pg.mkPen(colors.slice, width=1))
        ends = [pg.mkColor(colors.background), pg.mkColor(colors.curves[1])]
        self._image.setColorMap(pg.ColorMap([0.0, 1.0], ends))
        self._label_axes()

    def set_values(
        self, x: NDArray[np.float64], y: NDArray[np.float64], names: tuple[str, ...]
    ) -> None:
        """Plot other values: those of the pixels of two maps, in counts."""
        self._values, self._names = (x, y), names
        self._label_axes()
        if x.size > MOST_POINTS:
            found = density(x, y)
            self._points.setData([], [])
            self._image.setImage(np.log1p(found.pixels))
            (left, right), (bottom, top) = found.x, found.y
            self._image.setRect(left, bottom, right - left, top - bottom)
        else:
            self._image.clear()
            self._points.setData(x, y)
        self._plot.enableAutoRange()

    def set_outlines(self, outlines: Sequence[Sequence[tuple[float, float]]]) -> None:
        """Show the selections, each with the number of its label."""
        for item in self._outlines:
            self._plot.removeItem(item)
        self._outlines = []
        for number, outline in enumerate(outlines, start=1):
            corners = np.array([*outline, outline[0]])
            color = self._colors.curves[number % len(self._colors.curves)]
            line = pg.PlotCurveItem(
                corners[:, 0], corners[:, 1], pen=pg.mkPen(color, width=1), antialias=False
            )
            text = pg.TextItem(str(number), color=self._colors.text)
            text.setPos(*corners[:-1].mean(axis=0))
            self._outlines += [line, text]
        for item in self._outlines:
            self._plot.addItem(item, ignoreBounds=True)

    def set_range(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        """Show this part of the plot, in counts."""
        self._plot.setRange(xRange=x, yRange=y, padding=0)

    def shows_density(self) -> bool:
        """Whether a density is drawn instead of points."""
        return self._image.image is not None

    def values(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the values that are plotted."""
        return self._values

    def axis_labels(self) -> tuple[str, str]:
        """Return what stands below and left of the plot."""
        bottom, left = (self._plot.getAxis(side).labelText for side in ("bottom", "left"))
        return str(bottom), str(left)

    def place_of(self, x: float, y: float) -> Any:
        """Return where in `viewport` a point is."""
        box = self._plot.getPlotItem().getViewBox()
        return self._plot.mapFromScene(box.mapViewToScene(pg.Point(x, y)))

    def viewport(self) -> QWidget:
        """Return the widget that takes the mouse."""
        widget: QWidget = self._plot.viewport()
        return widget

    def _label_axes(self) -> None:
        bottom, left = (f"{name} (counts)" if name else "counts" for name in self._names)
        color_plot(self._plot, self._colors, left, bottom)

    def _draw_lasso(self, points: Points, is_done: bool) -> None:
        if is_done:
            self._lasso.setData([], [])
            self.drawn.emit(list(points))
            return
        corners = np.array([*points, points[0]])
        self._lasso.setData(corners[:, 0], corners[:, 1])
