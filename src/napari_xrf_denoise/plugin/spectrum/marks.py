"""Draws marks over a spectrum: sticks from the bottom of the plot, with labels that keep apart.

One item draws all of them, in pixels of the view: heights are shares of it whatever the scale of
the counts is, curves and their ranges know nothing of the marks, and an unchanged view costs one
playback of a few lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from qtpy.QtCore import QLineF, QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

# After qtpy, so that pyqtgraph takes the Qt that napari runs on.
import pyqtgraph as pg  # isort: skip

from napari_xrf_denoise.plugin.common.plots import PlotColors

from .line_model import Kind, Mark

__all__ = ["Mark", "MarkLayer", "mark_color"]

STYLES: dict[Kind, Qt.PenStyle] = {
    "line": Qt.PenStyle.SolidLine,
    "peak": Qt.PenStyle.DotLine,
    "sum": Qt.PenStyle.DashLine,
    "escape": Qt.PenStyle.DashDotLine,
}
FONT_PIXELS = 11
GAP = 2.0
"""Pixels between a stick and its label, and between labels."""
ABOVE_CURVES = 1000.0
PEAK_ALPHA = 120
"""Opacity, of 255, of the sticks of peaks: there are many, and they lie on the curve."""


class _Label(NamedTuple):
    place: QPointF
    text: str
    color: str


class _Layout(NamedTuple):
    """The sticks in view, by colour and kind, and labels."""

    sticks: dict[tuple[str, Kind], list[QLineF]]
    labels: list[_Label]


def mark_color(colors: PlotColors, mark: Mark) -> str:
    """Return the colour of a mark: that of its element, or of words where it has none."""
    if mark.kind != "line":
        return colors.text
    # From the end, since the spectra take the colours from the beginning.
    return colors.curves[-1 - mark.color_index % len(colors.curves)]


class MarkLayer(pg.GraphicsObject):  # type: ignore[misc]  # pyqtgraph has no types
    """Marks in a plot; nothing is drawn before there are colours."""

    def __init__(self, plot_item: Any, colors: PlotColors | None = None) -> None:
        super().__init__()
        self._view = plot_item.getViewBox()
        self._colors = colors
        self._marks: tuple[Mark, ...] = ()
        self._layout: _Layout | None = None
        self._font = QFont()
        self._font.setPixelSize(FONT_PIXELS)
        self.setZValue(ABOVE_CURVES)
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
        # A child of the view itself, not of what it scales: coordinates are its pixels.
        self.setParentItem(self._view)
        self._view.sigRangeChanged.connect(self._lay_out_again)
        self._view.sigResized.connect(self._lay_out_again)

    def set_marks(self, marks: Sequence[Mark]) -> None:
        """Draw marks in place of the former ones."""
        if tuple(marks) != self._marks:
            self._marks = tuple(marks)
            self._lay_out_again()

    def set_colors(self, colors: PlotColors) -> None:
        """Draw in the colours of a theme."""
        if colors != self._colors:
            self._colors = colors
            self._lay_out_again()

    def labels(self) -> list[str]:
        """Return the labels that are drawn, those of the tallest marks first."""
        return [label.text for label in self._current().labels]

    def sticks(self) -> list[tuple[float, float]]:
        """Return (pixels from the left, height in pixels) of the sticks that are drawn."""
        lines = [line for lines in self._current().sticks.values() for line in lines]
        return [(line.x1(), line.y1() - line.y2()) for line in lines]

    def boundingRect(self) -> QRectF:  # noqa: N802 - Qt's name
        """Return the whole view."""
        return QRectF(self._view.rect())

    def paint(self, painter: QPainter, *_: Any) -> None:
        """Draw sticks and labels."""
        if not self._marks:
            return
        layout = self._current()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setFont(self._font)
        for (name, kind), lines in layout.sticks.items():
            color = QColor(name)
            color.setAlpha(PEAK_ALPHA if kind == "peak" else 255)
            painter.setPen(QPen(color, 1, STYLES[kind]))
            painter.drawLines(lines)  # type: ignore[call-overload]  # lists may be given
        for label in layout.labels:
            painter.setPen(QColor(label.color))
            painter.drawText(label.place, label.text)

    def _lay_out_again(self, *_: Any) -> None:
        # Before the new extent is asked for.
        self.prepareGeometryChange()
        self._layout = None
        self.update()

    def _current(self) -> _Layout:
        if self._layout is None:
            self._layout = self._lay_out()
        return self._layout

    def _lay_out(self) -> _Layout:
        (low, high), width, height = (
            self._view.viewRange()[0],
            self._view.width(),
            self._view.height(),
        )
        layout = _Layout({}, [])
        if self._colors is None or not high > low:
            return layout
        metrics = QFontMetricsF(self._font)
        taken: list[QRectF] = []
        for mark in sorted(self._marks, key=lambda mark: -mark.share):
            x = (mark.energy - low) / (high - low) * width
            if not 0 <= x <= width:
                continue
            top = height * (1 - mark.share)
            color = mark_color(self._colors, mark)
            stick = QLineF(x, height, x, top)
            layout.sticks.setdefault((color, mark.kind), []).append(stick)
            box = self._label_box(mark.label, x, top, metrics)
            if mark.label and not any(box.intersects(other) for other in taken):
                taken.append(box)
                place = QPointF(box.left(), box.top() + metrics.ascent())
                layout.labels.append(_Label(place, mark.label, color))
        return layout

    def _label_box(self, text: str, x: float, top: float, metrics: QFontMetricsF) -> QRectF:
        """Return where a label goes: right of the stick's end, left of it at the view's edge."""
        width, height = metrics.horizontalAdvance(text), metrics.height()
        left = x + GAP
        if left + width > self._view.width():
            left = x - GAP - width
        return QRectF(left, max(top, 0.0), width + GAP, height)
