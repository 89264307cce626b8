"""The progress of a run: its figures, gathered into curves, without Qt."""

from __future__ import annotations

import math

from napari_xrf_denoise.core.progress import Progress

Points = tuple[tuple[float, float], ...]
"""Of a curve: (share of the run in %, value)."""

DOSE_GAIN = "dose gain"


class HistoryKeeper:
    """Gathers losses and dose gains of each network."""

    def __init__(self) -> None:
        self._points: dict[str, list[tuple[float, float]]] = {}

    def add(self, progress: Progress) -> bool:
        """Take over new figures, as ``"training, network 2"``; return whether there were any.

        Those of networks that have ended are repeated until the run ends, and are not new.
        """
        share, is_new = 100 * progress.fraction, False
        for name, value in progress.figures.items():
            points = self._points.setdefault(name, [])
            if math.isfinite(value) and (not points or points[-1][1] != value):
                points.append((share, value))
                is_new = True
        return is_new

    def history(self) -> dict[str, Points]:
        """Return the curves of each kind of figure one after the other, parted by NaN."""
        history: dict[str, Points] = {}
        for name, points in self._points.items():
            if points:
                kind = name.partition(",")[0]
                before = history.get(kind, ())
                gap = ((points[0][0], math.nan),) if before else ()
                history[kind] = (*before, *gap, *points)
        return history
