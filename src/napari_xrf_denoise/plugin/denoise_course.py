"""How a run goes: the figures that its progress tells, gathered into curves, without Qt."""

from __future__ import annotations

import math
from collections.abc import Mapping

from napari_xrf_denoise.denoising import Progress

Points = tuple[tuple[float, float], ...]
"""Of a curve: (share of the run in %, value)."""

DOSE_GAIN = "dose gain"


class CourseKeeper:
    """Gathers losses and dose gains, as means over the networks that learn at the same time."""

    def __init__(self) -> None:
        self._points: dict[str, list[tuple[float, float]]] = {}
        self._last: Mapping[str, float] = {}

    def add(self, progress: Progress) -> bool:
        """Take over what is new; return whether anything was."""
        if not progress.figures or progress.figures == self._last:
            return False
        share = 100 * progress.fraction
        if not self._last.keys() <= progress.figures.keys():
            # Another network begins from the start: its curve is one of its own.
            for points in self._points.values():
                points.append((share, math.nan))
        self._last = dict(progress.figures)
        for kind, value in means(progress.figures).items():
            self._points.setdefault(kind, []).append((share, value))
        return True

    def course(self) -> dict[str, Points]:
        """Return all curves by kind; NaN parts what does not belong together."""
        return {kind: tuple(points) for kind, points in self._points.items()}


def means(figures: Mapping[str, float]) -> dict[str, float]:
    """Return the mean over networks of each kind of figure that has a value.

    Parameters
    ----------
    figures : mapping of str to float
        Names such as ``"training, network 2"``, or without a number where there is one network.

    Examples
    --------
    >>> means({"training, network 1": 1.0, "training, network 2": 3.0, "held-out": float("nan")})
    {'training': 2.0}
    """
    kinds: dict[str, list[float]] = {}
    for name, value in figures.items():
        if math.isfinite(value):
            kinds.setdefault(name.partition(",")[0], []).append(value)
    return {kind: sum(values) / len(values) for kind, values in kinds.items()}
