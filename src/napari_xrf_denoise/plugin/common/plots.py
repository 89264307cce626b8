"""What all plots have in common: pyqtgraph's, without its menu, in the colours of napari's theme.

Pens are one pixel wide and not antialiased: measured 3 to 7 ms an update for two curves of 4,096
channels, and more than a second with antialiasing and wider pens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QVBoxLayout, QWidget

# After qtpy, so that pyqtgraph takes the Qt that napari runs on.
import pyqtgraph as pg  # isort: skip

# After Okabe & Ito's palette for all kinds of colour vision, lighter on dark and darker on light.
_ON_DARK = ("#f0a830", "#4cc3ff", "#ff8fb8", "#6fdc8c", "#c9a6ff", "#f7f06d")
_ON_LIGHT = ("#b85c00", "#0060a8", "#b0125f", "#177a3c", "#6a3db8", "#6e6200")


@dataclass(frozen=True)
class PlotColors:
    """Colours of one theme."""

    background: str
    text: str
    """Of axes and words."""
    slice: str
    """Of the line at the energy that is shown."""
    curves: tuple[str, ...]


def colors_of(theme_id: str) -> PlotColors:
    """Return the colours that go with a theme of napari, as in ``viewer.theme``."""
    from napari.utils.theme import get_theme

    theme = get_theme(theme_id)
    dark = theme.type == "dark"
    return PlotColors(
        background=theme.background.as_hex(),
        text=theme.text.as_hex(),
        slice="#ff5c5c" if dark else "#c00000",
        curves=_ON_DARK if dark else _ON_LIGHT,
    )


AXIS_WIDTH = 52
"""Pixels left of a plot, fixed so that it does not jump with the number of digits."""
AXIS_HEIGHT = 36
"""Pixels below a plot, for numbers and the axis label."""
MOST_DIGITS = 10_000
"""Counts from which the numbers of an axis would need the room of its label."""
MARK_HEIGHTS = (0.93, 0.85, 0.77, 0.69, 0.61, 0.53)
"""Shares of the plot's height at which the names of marks stand, so that close ones can be read."""
COUNTS = "counts per channel"
LOG_TIP = "Logarithmic count axis; zeros are drawn at half a count"


class CountsAxis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph has no types
    """The left axis of a plot, whose numbers leave room for its label."""

    def __init__(self) -> None:
        super().__init__("left")

    def tickStrings(self, values: Any, scale: float, spacing: float) -> list[str]:  # noqa: N802
        """Return the numbers at the ticks, thousands as 20k where they are many."""
        if self.logMode or max((abs(value * scale) for value in values), default=0) < MOST_DIGITS:
            return list(super().tickStrings(values, scale, spacing))
        return short_numbers([value * scale for value in values])


def short_numbers(values: Sequence[float]) -> list[str]:
    """Return numbers as text, with thousands and millions as letters where they are large.

    >>> short_numbers([0, 2000, 20_000]), short_numbers([0.5, 2000])
    (['0', '2k', '20k'], ['0.5', '2000'])
    """
    most = max(map(abs, values), default=0)
    unit, letter = (1e6, "M") if most >= 100 * MOST_DIGITS else (1e3, "k")
    if most < MOST_DIGITS:
        unit, letter = 1, ""
    return [f"{value / unit:.5g}{letter if value else ''}" for value in values]


def energy_label(*, calibrated: bool) -> str:
    """Return what stands under an axis of energies."""
    return "energy (keV)" if calibrated else "channel"


class Plot(QWidget):
    """A plot in the colours of napari's theme, with labelled axes."""

    clicked = Signal(float)
    """The energy (or channel) that was clicked."""
    LEAST: ClassVar[QSize] = QSize(180, 120)

    def __init__(self, colors: PlotColors, parent: QWidget | None = None, **parts: Any) -> None:
        super().__init__(parent)
        self.colors = colors
        self._labels = (COUNTS, energy_label(calibrated=True))
        self.plot = _plain_plot(self, **parts)
        self.plot.setMinimumSize(self.LEAST)
        self.plot.scene().sigMouseClicked.connect(self._click)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot, 1)

    def set_colors(self, colors: PlotColors) -> None:
        """Draw in the colours of a theme."""
        self.colors = colors
        self.label_axes(*self._labels)

    def label_axes(self, left: str, bottom: str) -> None:
        """Draw background, axes and labels in the colours of the theme."""
        self._labels = (left, bottom)
        self.plot.setBackground(self.colors.background)
        for side, label in (("left", left), ("bottom", bottom)):
            axis = self.plot.getAxis(side)
            axis.setPen(self.colors.text)
            axis.setTextPen(self.colors.text)
            axis.setLabel(label, color=self.colors.text)

    def axis_labels(self) -> tuple[str, str]:
        """Return what stands below and left of the plot."""
        bottom, left = (str(self.plot.getAxis(side).labelText) for side in ("bottom", "left"))
        return bottom, left

    def add_curve(self) -> Any:
        """Return a new curve, fast for thousands of channels."""
        curve = self.plot.plot(antialias=False)
        curve.setDownsampling(auto=True, method="peak")
        curve.setClipToView(True)
        return curve

    @property
    def box(self) -> Any:
        """Pyqtgraph's ViewBox."""
        return self.plot.getPlotItem().getViewBox()

    def viewport(self) -> QWidget:
        """Return the widget that takes the mouse."""
        widget: QWidget = self.plot.viewport()
        return widget

    def place_of(self, x: float, y: float | None = None) -> Any:
        """Return where in `viewport` a point is; at half height if `y` is left out."""
        height = sum(self.box.viewRange()[1]) / 2 if y is None else y
        return self.plot.mapFromScene(self.box.mapViewToScene(pg.Point(x, height)))

    def x_at(self, position: Any) -> float | None:
        """Return the energy at a position of the scene, or None beside the view."""
        if not self.box.sceneBoundingRect().contains(position):
            return None
        return float(self.box.mapSceneToView(position).x())

    def _click(self, event: Any) -> None:
        x = self.x_at(event.scenePos())
        if x is not None and event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit(x)


PlotMark = tuple[float, str, bool]
"""Energy (or channel), name, and whether it is solid and in the colour of what is chosen."""


class EnergyPlot(Plot):
    """One spectrum over its energies or channels, with marks."""

    def __init__(self, colors: PlotColors, parent: QWidget | None = None) -> None:
        super().__init__(colors, parent)
        self._is_logarithmic = False
        self._drawn: tuple[NDArray[Any], NDArray[Any]] = (np.zeros(0), np.zeros(0))
        self._marks: list[tuple[PlotMark, Any]] = []
        self._curve = self.add_curve()
        EnergyPlot.set_colors(self, colors)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size at which lines of a spectrum can be distinguished."""
        return QSize(420, 260)

    def set_colors(self, colors: PlotColors) -> None:
        """Draw in the colours of a theme."""
        super().set_colors(colors)
        self._curve.setPen(pg.mkPen(colors.curves[1], width=1))
        marks = [mark for mark, _ in self._marks]
        self.set_marks(())
        self.set_marks(marks)

    def set_logarithmic(self, on: bool) -> None:
        """Put counts on a logarithmic axis, or a linear one."""
        if on != self._is_logarithmic:
            self._is_logarithmic = on
            self.plot.setLogMode(y=on)
            self._draw()
            self.plot.enableAutoRange(y=True)

    def set_spectrum(
        self, energies: NDArray[Any], counts: NDArray[Any], *, calibrated: bool = False
    ) -> None:
        """Draw another spectrum; the view stays while the energies (or channels) are the same."""
        is_new = not np.array_equal(energies, self._drawn[0])
        self._drawn = (np.asarray(energies), np.asarray(counts))
        self.label_axes(COUNTS, energy_label(calibrated=calibrated))
        self._draw()
        if is_new and len(energies):
            self.plot.setXRange(float(energies[0]), float(energies[-1]), padding=0.01)
            self.plot.enableAutoRange(y=True)

    def set_marks(self, marks: Sequence[PlotMark]) -> None:
        """Mark energies (or channels)."""
        if list(marks) == self.marks():
            return
        for _, item in self._marks:
            self.plot.removeItem(item)
        self._marks = []
        for number, (place, name, is_chosen) in enumerate(marks):
            color = self.colors.slice if is_chosen else self.colors.text
            style = Qt.PenStyle.SolidLine if is_chosen else Qt.PenStyle.DashLine
            height = MARK_HEIGHTS[number % len(MARK_HEIGHTS)]
            line = pg.InfiniteLine(
                place,
                pen=pg.mkPen(color, width=1, style=style),
                label=name,
                labelOpts={"color": color, "position": height},
            )
            self.plot.addItem(line, ignoreBounds=True)
            self._marks.append(((place, name, is_chosen), line))

    def marks(self) -> list[PlotMark]:
        """Return the marks that are drawn."""
        return [mark for mark, _ in self._marks]

    def drawn(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the energies (or channels) and counts of the curve."""
        return self._drawn

    def _draw(self) -> None:
        energies, counts = self._drawn
        self._curve.setData(energies, np.maximum(counts, 0.5) if self._is_logarithmic else counts)


class PicturePreview(QWidget):
    """A picture with its first row on top, in the proportions of its pixels."""

    def __init__(self, colors: PlotColors, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._plot = _plain_plot(self)
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
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)

    def set_picture(self, picture: NDArray[Any]) -> None:
        """Draw another picture, its contrast from the smallest to nearly the largest value."""
        self.picture = picture
        self._item.setVisible(picture.size > 0)
        if picture.size:
            low, high = float(picture.min()), float(np.quantile(picture, 0.998))
            self._item.setImage(picture, levels=(low, high if high > low else low + 1))
            self._plot.autoRange()


def _plain_plot(parent: QWidget, **parts: Any) -> Any:
    """Return a plot widget without a menu, which goes when its parent goes."""
    parts = {"axisItems": {"left": CountsAxis()}} | parts
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
