"""A band of errors around a curve, drawn only as finely as the screen shows it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy import QtCore  # noqa: F401 - first, so that pyqtgraph takes the Qt that napari runs on

import pyqtgraph as pg  # isort: skip

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
        """Keep between what to fill, in the plot's own coordinates; `draw` shows it."""
        self._x, self._low, self._high = x, low, high

    def draw(self, start: float, stop: float, width: float) -> None:
        """Draw what lies in view.

        Parameters
        ----------
        start, stop : float
            Ends of the view.
        width : float
            Of the view, in pixels.
        """
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
