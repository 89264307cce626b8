"""The progress of a run to look at: curves of loss and dose gain, and the current prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

# After qtpy, so that pyqtgraph takes the Qt that napari runs on.
import pyqtgraph as pg  # isort: skip

from napari_xrf_denoise.core.lazy_arrays import is_dask
from napari_xrf_denoise.core.progress import Preview
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.plugin.common.plots import Plot, PlotColors, energy_label
from napari_xrf_denoise.plugin.common.widgets import words_label

from .history import DOSE_GAIN
from .model import History

PLOT_HEIGHT = 130
"""Pixels of each plot: enough to see whether a curve still moves."""
LIGHTEST = 0.995
"""Quantile of a picture that is drawn as white."""


class LiveView(QWidget):
    """Curves of a run, and raw counts beside the current prediction of the network."""

    def __init__(self, colors: PlotColors, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.gain_plot = _CurvePlot("dose gain", colors)
        self.gain_plot.setToolTip(
            "Dose gain of one pass of each network over a part of the counts, scored on held-out "
            "counts; a curve for each. The result, which uses all counts, is better."
        )
        self.loss_plot = _CurvePlot("loss", colors)
        self.loss_plot.setToolTip(
            "Training error (its unit depends on the method), and the same for held-out counts: "
            "where that rises, nothing more is learned"
        )
        self.pictures = _Pictures()
        self.spectrum = _Spectrum(colors)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.pictures, self.spectrum, self.gain_plot, self.loss_plot):
            widget.hide()
            layout.addWidget(widget)

    def set_colors(self, colors: PlotColors) -> None:
        """Draw in the colours of a theme."""
        for plot in (self.gain_plot, self.loss_plot, self.spectrum):
            plot.set_colors(colors)

    def show_history(self, history: History) -> None:
        """Draw the curves so far."""
        self.gain_plot.show_curves({k: v for k, v in history.items() if k == DOSE_GAIN})
        self.loss_plot.show_curves({k: v for k, v in history.items() if k != DOSE_GAIN})

    def show_preview(
        self, preview: Preview | None, counts: Sequence[SpectrumImage], channel: int
    ) -> None:
        """Draw the prediction of one channel of a map, or of a spectrum, beside the raw counts."""
        is_map = preview is not None and preview.rows is not None
        self.pictures.setVisible(is_map)
        self.spectrum.setVisible(preview is not None and not is_map)
        if preview is None or not counts:
            return
        if is_map:
            made = np.asarray(preview.counts[..., channel])
            raw = _raw(counts, preview.rows, preview.columns, channel)
            self.pictures.draw(raw, made, counts[0], channel)
        else:
            is_one = counts[0].shape[1:3] == (1, 1)
            raw = _raw(counts, 0, 0, slice(None)) if is_one else None
            self.spectrum.draw(raw, np.asarray(preview.counts[0, 0]), counts[0])


def _raw(counts: Sequence[SpectrumImage], *part: slice | int | None) -> NDArray[np.float64] | None:
    """Return a part (y, x, energy) of all repeats together; None where that takes long."""
    # A lazy array would read its whole file for one energy.
    if any(is_dask(image.counts) for image in counts):
        return None
    parts = [np.asarray(image.counts[(slice(None), *part)]) for image in counts]
    total: NDArray[np.float64] = np.sum([one.sum(axis=0, dtype=float) for one in parts], axis=0)
    return total


class _SmallPlot(Plot):
    """A plot to look at only."""

    def __init__(self, colors: PlotColors, left: str, bottom: str) -> None:
        super().__init__(colors)
        self.plot.setFixedHeight(PLOT_HEIGHT)
        self.plot.setMouseEnabled(False, False)
        self.plot.hideButtons()
        self.label_axes(left, bottom)


class _CurvePlot(_SmallPlot):
    """Curves over the share of the run, with a legend above."""

    def __init__(self, name: str, colors: PlotColors) -> None:
        super().__init__(colors, name, "done (%)")
        self._legend = QLabel()
        self._legend.setTextFormat(Qt.TextFormat.RichText)
        self.plot.setXRange(0, 100, padding=0)
        self._curves: dict[str, Any] = {}
        self.points: History = {}
        layout = self.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.setSpacing(0)
        layout.insertWidget(0, self._legend)
        self.show_curves({})

    def set_colors(self, colors: PlotColors) -> None:
        """Draw in the colours of a theme."""
        super().set_colors(colors)
        self.show_curves(self.points)

    def background(self) -> QColor:
        """Return the colour behind the curves."""
        return QColor(self.plot.backgroundBrush().color())

    def show_curves(self, points: History) -> None:
        """Draw curves in place of the former ones."""
        self.points = points
        self.setVisible(bool(points))
        for kind in [kind for kind in self._curves if kind not in points]:
            self.plot.removeItem(self._curves.pop(kind))
        legend = []
        for number, (kind, curve) in enumerate(points.items()):
            color = self.colors.curves[number % len(self.colors.curves)]
            if kind not in self._curves:
                self._curves[kind] = self.plot.plot(antialias=False, connect="finite")
            x, y = zip(*curve, strict=True)
            self._curves[kind].setPen(pg.mkPen(color, width=1))
            self._curves[kind].setData(np.array(x), np.array(y))
            legend.append(f'<span style="color:{color}">■</span>&nbsp;{kind} {curve[-1][1]:.3g}')
        self._legend.setText("&nbsp;&nbsp; ".join(legend))
        # Else pyqtgraph finds the range when it draws, and draws once more.
        self.box.updateAutoRange()


class _Pictures(QWidget):
    """Raw and predicted counts of a channel, on the same grey scale."""

    def __init__(self) -> None:
        super().__init__()
        self.words = words_label("Energy (keV) or channel of the pictures, that of napari's slider")
        self._views = []
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        for tip in ("Raw counts of all repeats together", "Current prediction of the network"):
            view = pg.GraphicsView()
            view.setToolTip(tip)
            view.setFixedHeight(PLOT_HEIGHT)
            box = pg.ViewBox(lockAspect=True, invertY=True, enableMouse=False, enableMenu=False)
            image = pg.ImageItem(axisOrder="row-major")
            box.addItem(image)
            view.setCentralItem(box)
            row.addWidget(view)
            self._views.append((view, image))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.words)
        layout.addLayout(row)

    def shown(self) -> list[NDArray[np.float64] | None]:
        """Return the pictures that are drawn: raw and predicted."""
        return [image.image if view.isVisible() else None for view, image in self._views]

    def draw(
        self,
        raw: NDArray[np.float64] | None,
        made: NDArray[np.float32],
        counts: SpectrumImage,
        channel: int,
    ) -> None:
        """Draw both."""
        energy = counts.energy
        unit = f"{energy.centers[channel]:.2f} keV" if energy.calibrated else f"channel {channel}"
        self.words.setText(
            f"{unit}: {'current prediction' if raw is None else 'raw, and current prediction'}"
        )
        high = max(float(np.quantile(made, LIGHTEST)), 1e-6)
        for (view, image), picture in zip(self._views, (raw, made), strict=True):
            view.setVisible(picture is not None)
            if picture is not None:
                image.setImage(picture, levels=(0.0, high))


class _Spectrum(_SmallPlot):
    """A spectrum, and its prediction."""

    def __init__(self, colors: PlotColors) -> None:
        super().__init__(colors, "counts", energy_label(calibrated=True))
        self.setToolTip(
            "Counts per channel of a pixel, all repeats together: raw, and the current prediction"
        )
        self.curves = [self.add_curve() for _ in range(2)]
        self.set_colors(colors)

    def set_colors(self, colors: PlotColors) -> None:
        """Draw in the colours of a theme."""
        super().set_colors(colors)
        for curve, color in zip(self.curves, colors.curves, strict=False):
            curve.setPen(pg.mkPen(color, width=1))

    def draw(
        self, raw: NDArray[np.float64] | None, made: NDArray[np.float32], counts: SpectrumImage
    ) -> None:
        """Draw both."""
        axis = counts.energy
        self.label_axes("counts", energy_label(calibrated=axis.calibrated))
        for curve, values in zip(self.curves, (raw, made), strict=True):
            curve.setData(axis.centers, values) if values is not None else curve.setData([], [])
