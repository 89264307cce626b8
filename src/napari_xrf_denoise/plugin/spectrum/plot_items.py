"""Parts of the plot of spectra: its axis of counts, bands of errors, and mouse buttons."""

from __future__ import annotations

import math
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt

# After qtpy, so that pyqtgraph takes the Qt that napari runs on.
import pyqtgraph as pg  # isort: skip

from napari_xrf_denoise.plugin.common.plots import CountsAxis, short_numbers

from .model import Scale

SCALES: tuple[Scale, ...] = get_args(Scale)


def to_heights(counts: NDArray[Any], scale: Scale, least: float) -> NDArray[np.float64]:
    """Return the heights of counts in the plot; `least` is that of zero on a logarithmic axis.

    Square roots make the noise of photons equally high everywhere; those of negative counts, as
    residuals have, are drawn downwards.

    >>> to_heights(np.array([0.0, 10.0]), "logarithmic", 0.1)
    array([-1.,  1.])
    >>> to_heights(np.array([-4.0, 9.0]), "square root", 0.5)
    array([-2.,  3.])
    """
    if scale == "logarithmic":
        return np.asarray(np.log10(np.maximum(counts, least)))
    if scale == "square root":
        return np.asarray(np.sign(counts) * np.sqrt(np.abs(counts)))
    return np.asarray(counts, np.float64)


def from_heights(heights: NDArray[Any], scale: Scale) -> NDArray[np.float64]:
    """Return the counts at heights in the plot, the inverse of `to_heights`.

    >>> from_heights(np.array([-2.0, 3.0]), "square root")
    array([-4.,  9.])
    """
    heights = np.asarray(heights, np.float64)
    if scale == "logarithmic":
        return np.asarray(10.0**heights)
    return heights * np.abs(heights) if scale == "square root" else heights


def square_root_ticks(low: float, high: float, number: int) -> list[float]:
    """Return about `number` round counts, equally far apart between two heights of square roots.

    >>> square_root_ticks(0.0, 10.0, 5)
    [0.0, 10.0, 20.0, 50.0, 100.0]
    """
    heights = np.linspace(low, high, max(2, number))
    # This far to either side a tick may move to become a rounder number.
    slack = 0.4 * (heights[1] - heights[0])
    ends = np.clip([heights - slack, heights + slack], low, high)
    return sorted({_roundest(*pair) for pair in from_heights(ends, "square root").T.tolist()})


def _roundest(low: float, high: float) -> float:
    """Return the number with the fewest digits from `low` to `high`: 1, 2 or 5 times its place."""
    if low <= 0 <= high:
        return 0.0
    place = 10.0 ** math.ceil(math.log10(max(abs(low), abs(high))))
    while True:
        for step in (place, place / 2, place / 5):
            candidate = math.ceil(low / step - 1e-9) * step
            if candidate <= high * (1 + 1e-9 * math.copysign(1, high)):
                return candidate
        place /= 10


TICK_DISTANCE = 45
"""Pixels between two ticks of an axis of square roots, about."""
LABELS: dict[Scale, str] = {
    "linear": "counts per channel",
    "logarithmic": "counts per channel",
    "square root": "counts per channel (square-root scale)",
}


class ScaledAxis(CountsAxis):
    """The left axis of a plot of spectra, for each of its scales."""

    def __init__(self) -> None:
        super().__init__()
        self._scale_kind: Scale = "linear"

    def set_scale(self, scale: Scale) -> None:
        """Number the axis for heights of this scale."""
        self._scale_kind = scale
        self.setLogMode(x=False, y=scale == "logarithmic")
        self.picture = None
        self.update()

    def tickValues(self, low: float, high: float, size: float) -> Any:  # noqa: N802 - pyqtgraph's
        """Return the spacing and the heights of the ticks."""
        if self._scale_kind != "square root":
            return super().tickValues(low, high, size)
        ticks = square_root_ticks(low, high, 1 + int(size / TICK_DISTANCE))
        return [(1.0, to_heights(np.array(ticks), "square root", 0.0).tolist())]

    def tickStrings(self, values: Any, scale: float, spacing: float) -> list[str]:  # noqa: N802
        """Return what stands at the ticks."""
        if self._scale_kind != "square root":
            return super().tickStrings(values, scale, spacing)
        return short_numbers(from_heights(np.array(values), "square root").tolist())


OPACITY = 70
"""Of 255: curves are seen through their bands."""
LEAST_COLUMNS = 100


class ErrorBand:
    """The room between two curves, filled.

    Filling between two curves of thousands of channels takes long; of the channels that share a
    column of the screen, only the lowest and the highest are drawn here.
    """

    def __init__(self) -> None:
        self.item: Any = pg.PlotCurveItem(pen=None, fillLevel="enclosed", antialias=False)
        self.item.setZValue(-1)
        self._x: NDArray[np.float64] = np.zeros(0)
        self._low = self._high = self._x

    def set_color(self, color: str) -> None:
        """Fill with this colour, thinly."""
        fill = pg.mkColor(color)
        fill.setAlpha(OPACITY)
        self.item.setBrush(fill)

    def set_ends(
        self, x: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
    ) -> None:
        """Take the edges of the band, in the plot's own coordinates; `draw` shows it."""
        self._x, self._low, self._high = x, low, high

    def draw(self, start: float, stop: float, width: float) -> None:
        """Draw the part in view, from `start` to `stop`, `width` pixels wide."""
        first, last = np.searchsorted(self._x, [start, stop])
        first, last = max(0, int(first) - 1), min(self._x.size, int(last) + 1)
        if last - first < 2:
            self.item.setData([], [])
            return
        columns = max(LEAST_COLUMNS, int(width))
        edges = np.arange(first, last)
        if edges.size > columns:
            edges = np.unique(np.linspace(first, last, columns, endpoint=False).astype(int))
        x = self._x[edges]
        low = np.minimum.reduceat(self._low[:last], edges)
        high = np.maximum.reduceat(self._high[:last], edges)
        self.item.setData(np.concatenate([x, x[::-1]]), np.concatenate([low, high[::-1]]))


MOUSE_TIP = (
    "Drag with the left button: zoom to a box.\n"
    "Drag with the middle button, or with Ctrl: move. Scroll: zoom.\n"
    "“Full range”: see everything.\n"
    "Click, or drag the red line: choose the energy (keV) that the map shows."
)


class ZoomBox(pg.ViewBox):  # type: ignore[misc]  # pyqtgraph has no types
    """A view that zooms to a box dragged with the left button, and moves with the middle one."""

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.setAutoVisible(y=True)

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:  # noqa: N802 - pyqtgraph's
        """Zoom or move, by button and key."""
        moves = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        zooms = event.button() == Qt.MouseButton.LeftButton and not moves
        self.state["mouseMode"] = self.RectMode if zooms else self.PanMode
        super().mouseDragEvent(event, axis)
