"""The axis of counts: round counts as ticks, also where their square roots are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy import QtCore  # noqa: F401 - first, so that pyqtgraph takes the Qt that napari runs on

import pyqtgraph as pg  # isort: skip

from .merge_spectrum_scale import Scale, from_heights, square_root_ticks, to_heights

TICK_DISTANCE = 45
"""Pixels between two ticks of an axis of square roots, about."""
LABELS: dict[Scale, str] = {
    "linear": "counts per channel",
    "logarithmic": "counts per channel",
    "square root": "counts per channel (square-root scale)",
}


class CountsAxis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph has no types
    """The left axis of a plot of spectra."""

    def __init__(self) -> None:
        super().__init__("left")
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
            return list(super().tickStrings(values, scale, spacing))
        return [f"{counts:.6g}" for counts in from_heights(np.array(values), "square root")]
