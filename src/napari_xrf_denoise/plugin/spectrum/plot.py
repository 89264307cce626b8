"""A plot of spectra. Only this module and its parts know that pyqtgraph draws it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout

# After qtpy, so that pyqtgraph takes the Qt that napari runs on.
import pyqtgraph as pg  # isort: skip

from napari_xrf_denoise.plugin.common.plots import Plot, PlotColors, energy_label

from .errors import AVERAGE, ESTIMATED, POISSON
from .layer_spectra import Curve
from .marks import Mark, MarkLayer
from .model import Scale
from .plot_items import (
    LABELS,
    MOUSE_TIP,
    ErrorBand,
    ScaledAxis,
    ZoomBox,
    from_heights,
    to_heights,
)

LONGEST_UNBROKEN = 32
"""Letters of a legend's entry that fit into one line of a narrow dock."""
ERROR_WORDS = {
    POISSON: "Poisson for raw",
    ESTIMATED: "held-out counts for denoised",
    AVERAGE: "average for denoised",
}


class SpectrumPlot(Plot):
    """Curves over an energy axis, with a legend, a pointer and a line that can be dragged."""

    LEAST = QSize(220, 160)
    pointed = Signal(float)
    """Energy (or channel) under the mouse."""
    sliced = Signal(float)
    """Energy (or channel) to which the line was dragged, or which was clicked."""
    viewed = Signal(float, float)
    """First and last energy (or channel) in view, after they changed."""

    def __init__(self, colors: PlotColors) -> None:
        axis = ScaledAxis()
        super().__init__(colors, viewBox=ZoomBox(), axisItems={"left": axis})
        self._axis = axis
        self._slots: dict[tuple[int, str], int] = {}
        self._items: list[Any] = []
        self._bands: list[ErrorBand] = []
        self._scale: Scale = "linear"
        self._whole: tuple[float, float] | None = None
        # In keV otherwise, as soon as all curves are calibrated.
        self.by_channel = False
        self._drawn: list[Curve] = []
        self._build()
        self.set_colors(colors)

    def _build(self) -> None:
        # Above the plot instead of in it, where it would hide curves.
        self.legend = QLabel()
        self.legend.setWordWrap(True)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        layout = self.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.insertWidget(0, self.legend)
        self.item.hideButtons()
        self._line = pg.InfiniteLine(angle=90, movable=True)
        self._line.setVisible(False)
        self._line.sigDragged.connect(lambda line: self.sliced.emit(float(line.value())))
        self.plot.addItem(self._line, ignoreBounds=True)
        self._marks = MarkLayer(self.item)
        self.plot.scene().sigMouseMoved.connect(self._point)
        self.clicked.connect(self._move_line)
        self.box.sigXRangeChanged.connect(self._moved)
        # A plain background is painted as fast as copied, and stays a drawing in an SVG file.
        self.plot.setCacheMode(pg.PlotWidget.CacheModeFlag.CacheNone)
        self.plot.setToolTip(MOUSE_TIP)

    @property
    def item(self) -> Any:
        """Pyqtgraph's PlotItem, for what else is drawn in it or exported."""
        return self.plot.getPlotItem()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size at which lines of a spectrum can be distinguished."""
        return QSize(360, 260)

    def set_colors(self, colors: PlotColors) -> None:
        """Draw in the colours of a theme."""
        super().set_colors(colors)
        self._line.setPen(pg.mkPen(colors.slice, width=1))
        self._line.setHoverPen(pg.mkPen(colors.slice, width=3))
        self._marks.set_colors(colors)

    def set_scale(self, scale: Scale) -> None:
        """Draw counts as they are, or their logarithms or square roots, from `set_curves` on."""
        if scale == self._scale:
            return
        self._scale = scale
        self._axis.set_scale(scale)
        self._label()
        self.plot.enableAutoRange(y=True)

    def set_curves(self, curves: Sequence[Curve], *, errors: bool = False) -> None:
        """Draw curves in place of the former ones, with bands of their errors if wanted."""
        if curves:
            # Beside the picture, where there are none, the axis stays as it is.
            self.by_channel = any(not curve.axis.calibrated for curve in curves)
        self._forget({curve.key for curve in curves})
        self._set_number(len(curves), sum(c.error is not None for c in curves) if errors else 0)
        bands = iter(self._bands)
        ranges = []
        for item, curve in zip(self._items, curves, strict=True):
            x = np.arange(curve.axis.size, dtype=float) if self.by_channel else curve.axis.centers
            color = self.color(curve)
            item.setPen(pg.mkPen(color, width=1))
            item.setData(x, self._heights(curve, curve.counts))
            if errors and curve.error is not None:
                band = next(bands)
                band.set_color(color)
                # Less than nothing is not expected.
                low = np.maximum(curve.counts - curve.error, 0.0)
                high = curve.counts + curve.error
                band.set_ends(x, self._heights(curve, low), self._heights(curve, high))
            ranges.append((float(x[0]), float(x[-1])))
        self._drawn = list(curves)
        self._set_legend(curves, errors)
        self._set_whole(ranges)
        self._draw_bands()

    def set_marks(self, marks: Sequence[Mark]) -> None:
        """Draw marks of lines and peaks in place of the former ones."""
        self._marks.set_marks(marks)

    def set_slice(self, energy: float | None) -> None:
        """Put the line at this energy, or take it away."""
        self._line.setVisible(energy is not None)
        if energy is not None and not self._line.moving:
            self._line.setValue(energy)

    def slice(self) -> float | None:
        """Return where the line is, or None."""
        return float(self._line.value()) if self._line.isVisible() else None

    def zoom_to(self, low: float, high: float) -> None:
        """Show the energies (or channels) from `low` to `high`, and all counts there."""
        if not low < high or np.allclose((low, high), self.view(), rtol=0, atol=1e-9):
            return
        self.plot.setXRange(low, high, padding=0)
        self.plot.enableAutoRange(y=True)

    def show_whole(self) -> None:
        """Show all energies and all counts."""
        if self._whole is not None:
            self.plot.setXRange(*self._whole, padding=0.01)
        self.plot.enableAutoRange(y=True)

    def view(self) -> tuple[float, float]:
        """Return the first and last energy (or channel) in view."""
        low, high = self.box.viewRange()[0]
        return float(low), float(high)

    def labels(self) -> list[str]:
        """Return the legend's entries."""
        return [curve.label for curve in self._drawn]

    def marks(self) -> list[str]:
        """Return the labels of the marks that are drawn."""
        return self._marks.labels()

    def drawn(self, label: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the energies and counts of the curve with this label."""
        item = self._items[self.labels().index(label)]
        return item.xData, from_heights(item.yData, self._scale)

    def bands(self) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        """Return the energies and counts of the outline of each band of errors."""
        return [
            (band.item.xData, from_heights(band.item.yData, self._scale)) for band in self._bands
        ]

    def color(self, curve: Curve) -> str:
        """Return a curve's colour; it keeps it as long as it is drawn."""
        if curve.kind == "residual":
            return self.colors.text
        if curve.key not in self._slots:
            taken = set(self._slots.values())
            self._slots[curve.key] = next(n for n in range(len(taken) + 1) if n not in taken)
        return self.colors.curves[self._slots[curve.key] % len(self.colors.curves)]

    def _heights(self, curve: Curve, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        return to_heights(counts, self._scale, curve.least)

    def _set_number(self, curves: int, bands: int) -> None:
        """Have as many items as are to be drawn; they are used again, since making them is slow."""
        while len(self._items) > curves:
            self.plot.removeItem(self._items.pop())
        while len(self._items) < curves:
            item = self.plot.plot(antialias=False)
            item.setDownsampling(auto=True, method="peak")
            item.setClipToView(True)
            self._items.append(item)
        while len(self._bands) > bands:
            self.plot.removeItem(self._bands.pop().item)
        while len(self._bands) < bands:
            self._bands.append(ErrorBand())
            self.plot.addItem(self._bands[-1].item)

    def _set_legend(self, curves: Sequence[Curve], errors: bool) -> None:
        entries = [
            f'<span style="color:{self.color(curve)}">\u25a0</span>&nbsp;{_unbroken(curve.label)}'
            for curve in curves
        ]
        kinds = dict.fromkeys(curve.error_kind for curve in curves if curve.error is not None)
        if errors and kinds:
            words = ", ".join(ERROR_WORDS.get(kind, kind) for kind in kinds)
            entries.append(f"band: ±1&nbsp;σ ({words})")
        text = "&nbsp;&nbsp; ".join(entries)
        # Laying out rich text takes as long as drawing a curve.
        if text != self.legend.text():
            self.legend.setText(text)

    def _forget(self, keys: set[tuple[int, str]]) -> None:
        for key in [key for key in self._slots if key not in keys]:
            del self._slots[key]

    def _set_whole(self, ranges: list[tuple[float, float]]) -> None:
        is_other_unit = self._label()
        if not ranges:
            return
        whole = (min(low for low, _ in ranges), max(high for _, high in ranges))
        # A zoom of the user stays, where there is something in it.
        low, high = self.view()
        is_beside = high <= whole[0] or low >= whole[1]
        follows = is_other_unit or is_beside or self._is_whole()
        if whole != self._whole:
            self._whole = whole
            if follows:
                self.show_whole()

    def _label(self) -> bool:
        """Label the axes; return whether the unit of the energies has changed."""
        labels = (LABELS[self._scale], energy_label(calibrated=not self.by_channel))
        is_other_unit = labels[1] != self._labels[1]
        if labels != self._labels:
            self.label_axes(*labels)
        return is_other_unit

    def _is_whole(self) -> bool:
        """Whether all energies are in view, or nothing was drawn yet."""
        if self._whole is None:
            return True
        (first, last), (low, high) = self._whole, self.view()
        return low <= first and high >= last

    def _moved(self, *_: Any) -> None:
        self._draw_bands()
        self.viewed.emit(*self.view())

    def _draw_bands(self) -> None:
        for band in self._bands:
            band.draw(*self.view(), self.box.width())

    def _point(self, position: Any) -> None:
        if (energy := self.x_at(position)) is not None:
            self.pointed.emit(energy)

    def _move_line(self, energy: float) -> None:
        if self._line.isVisible():
            self.sliced.emit(energy)


def _unbroken(label: str) -> str:
    """Return a label for rich text that stays in one line where it is short enough for one."""
    text = escape(label)
    return text.replace(" ", "&nbsp;") if len(label) <= LONGEST_UNBROKEN else text
