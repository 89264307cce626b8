"""What all plots have in common: pyqtgraph's, without its menu, in the colours of napari's theme.

Pens are one pixel wide and not antialiased: measured 3 to 7 ms an update for two curves of 4,096
channels, and more than a second with antialiasing and wider pens.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QWidget

import pyqtgraph as pg  # isort: skip
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QSize
from qtpy.QtWidgets import QVBoxLayout

# After Okabe & Ito's palette for all kinds of colour vision, lighter on dark and darker on light.
_ON_DARK = ("#f0a830", "#4cc3ff", "#ff8fb8", "#6fdc8c", "#c9a6ff", "#f7f06d")
_ON_LIGHT = ("#b85c00", "#0060a8", "#b0125f", "#177a3c", "#6a3db8", "#6e6200")


@dataclass(frozen=True)
class PlotColors:
    """Colours of one theme.

    Parameters
    ----------
    background, text, slice : str
        Of the plot, of axes and words, and of the line at the energy that is shown.
    curves : tuple of str
        One after the other.
    """

    background: str
    text: str
    slice: str
    curves: tuple[str, ...]


def colors_of(theme_id: str) -> PlotColors:
    """Return the colours that go with a theme of napari.

    Parameters
    ----------
    theme_id : str
        As in ``viewer.theme``.
    """
    from napari.utils.theme import get_theme

    theme = get_theme(theme_id)
    dark = theme.type == "dark"
    return PlotColors(
        background=theme.background.as_hex(),
        text=theme.text.as_hex(),
        slice="#ff5c5c" if dark else "#c00000",
        curves=_ON_DARK if dark else _ON_LIGHT,
    )


# After qtpy, so that pyqtgraph takes the Qt that napari runs on.


AXIS_WIDTH = 52
"""Pixels left of a plot, fixed so that it does not jump with the number of digits."""
AXIS_HEIGHT = 36
"""Pixels below a plot, for numbers and the axis label."""


def plain_plot(parent: QWidget, **parts: Any) -> Any:
    """Return a plot widget without a menu, which goes when its parent goes.

    Parameters
    ----------
    parent : QWidget
    **parts
        A view or axes of one's own, as pyqtgraph's PlotWidget takes them.
    """
    plot = pg.PlotWidget(parent=parent, enableMenu=False, **parts)
    # pyqtgraph makes this menu, unused here, without a parent: it would outlive the window.
    menu = plot.getPlotItem().ctrlMenu
    menu.setParent(parent, menu.windowFlags())
    # pyqtgraph lets the axis label stand out a little below the axis.
    plot.getPlotItem().layout.setContentsMargins(2, 4, 4, 8)
    plot.getAxis("left").setWidth(AXIS_WIDTH)
    plot.getAxis("bottom").setHeight(AXIS_HEIGHT)
    for side in ("left", "bottom"):
        plot.getAxis(side).enableAutoSIPrefix(False)
    return plot


def color_plot(plot: Any, colors: PlotColors, left: str, bottom: str) -> None:
    """Draw background, axes and their labels in the colours of a theme."""
    plot.setBackground(colors.background)
    for side, label in (("left", left), ("bottom", bottom)):
        plot.getAxis(side).setPen(colors.text)
        plot.getAxis(side).setTextPen(colors.text)
        plot.setLabel(side, label, color=colors.text)


# After qtpy, so that pyqtgraph takes the Qt that napari runs on.


MARK_HEIGHTS = (0.95, 0.88, 0.81, 0.74, 0.67, 0.6)
"""Where the names of marks stand, as shares of the plot's height."""


class SpectrumPreview(QWidget):
    """A spectrum over its channels, with marks that have a name.

    Parameters
    ----------
    colors : PlotColors
    parent : QWidget, optional
    """

    clicked = Signal(float)
    """Channel that was clicked."""

    def __init__(self, colors: PlotColors, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colors = colors
        self._marks: list[Any] = []
        self._logarithmic = False
        self._counts: tuple[NDArray[Any], NDArray[Any]] = (np.zeros(0), np.zeros(0))
        self._plot = plain_plot(self)
        self._curve = self._plot.plot(antialias=False)
        self._curve.setDownsampling(auto=True, method="peak")
        self._curve.setClipToView(True)
        self._plot.scene().sigMouseClicked.connect(self._click)
        self._plot.setMinimumSize(QSize(220, 120))
        _fill(self, self._plot)
        self.set_colors(colors)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size at which lines of a spectrum can be told apart."""
        return QSize(420, 260)

    def set_colors(self, colors: PlotColors) -> None:
        """Draw in the colours of a theme."""
        self._colors = colors
        color_plot(self._plot, colors, "counts per channel", "channel")
        self._curve.setPen(pg.mkPen(colors.curves[1], width=1))

    def set_logarithmic(self, on: bool) -> None:
        """Put counts on a logarithmic axis, or a linear one."""
        if on != self._logarithmic:
            self._logarithmic = on
            self._plot.setLogMode(y=on)
            self._draw()
            self._plot.enableAutoRange(y=True)

    def set_spectrum(self, channels: NDArray[Any], counts: NDArray[Any]) -> None:
        """Draw another spectrum; the view stays while the channels are the same."""
        is_new = not np.array_equal(channels, self._counts[0])
        self._counts = (np.asarray(channels), np.asarray(counts))
        self._draw()
        if is_new and channels.size:
            self._plot.setXRange(float(channels[0]), float(channels[-1]), padding=0.01)
            self._plot.enableAutoRange(y=True)

    def set_marks(self, marks: Sequence[tuple[float, str, bool]]) -> None:
        """Mark channels: where, a name, and whether it is a chosen peak (else a faint line)."""
        for item in self._marks:
            self._plot.removeItem(item)
        self._marks = []
        for number, (place, name, is_chosen) in enumerate(marks):
            color = self._colors.slice if is_chosen else self._colors.curves[0]
            line = pg.InfiniteLine(
                place,
                pen=pg.mkPen(color, width=1, style=None if is_chosen else pg.QtCore.Qt.DashLine),
                label=name,
                # At different heights, so that the names of close lines can be read.
                labelOpts={"color": color, "position": MARK_HEIGHTS[number % len(MARK_HEIGHTS)]},
            )
            self._plot.addItem(line, ignoreBounds=True)
            self._marks.append(line)

    def marks(self) -> list[tuple[float, str]]:
        """Return where the marks are, and their names."""
        return [(float(line.value()), line.label.format) for line in self._marks]

    def drawn(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the channels and counts of the curve."""
        return self._counts

    def place_of(self, channel: float) -> Any:
        """Return where in the plot's widget a channel is, at half height."""
        box = self._plot.getPlotItem().getViewBox()
        low, high = box.viewRange()[1]
        scene = box.mapViewToScene(pg.Point(channel, (low + high) / 2))
        return self._plot.mapFromScene(scene)

    def _draw(self) -> None:
        channels, counts = self._counts
        self._curve.setData(channels, np.maximum(counts, 0.5) if self._logarithmic else counts)

    def _click(self, event: Any) -> None:
        box = self._plot.getPlotItem().getViewBox()
        if box.sceneBoundingRect().contains(event.scenePos()):
            self.clicked.emit(float(box.mapSceneToView(event.scenePos()).x()))


class PicturePreview(QWidget):
    """A picture with its first row on top, in the proportions of its pixels.

    Parameters
    ----------
    colors : PlotColors
    parent : QWidget, optional
    """

    def __init__(self, colors: PlotColors, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._plot = plain_plot(self)
        self._plot.setBackground(colors.background)
        self._item = pg.ImageItem(axisOrder="row-major")
        self._plot.addItem(self._item)
        self._plot.setAspectLocked(True)
        self._plot.invertY(True)
        self._plot.hideAxis("left")
        self._plot.hideAxis("bottom")
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.setMinimumSize(QSize(160, 120))
        self.picture: NDArray[Any] = np.zeros((0, 0))
        _fill(self, self._plot)

    def set_picture(self, picture: NDArray[Any]) -> None:
        """Draw another picture, its contrast from the smallest to nearly the largest value."""
        self.picture = picture
        self._item.setVisible(picture.size > 0)
        if picture.size:
            low, high = float(picture.min()), float(np.quantile(picture, 0.998))
            self._item.setImage(picture, levels=(low, high if high > low else low + 1))
            self._plot.autoRange()


def _fill(widget: QWidget, content: QWidget) -> None:
    layout = QVBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(content)
