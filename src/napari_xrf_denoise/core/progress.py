"""Progress and cancellation of a run, by plain callables without Qt."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import Cancelled

OnProgress = Callable[["Progress"], object]
ShouldStop = Callable[[], bool]


@dataclass(frozen=True, eq=False)
class Preview:
    """Prediction of a network during training; the result will be better.

    Parameters
    ----------
    counts : array, shape (y, x, energy)
        Expected counts of all repeats together, perhaps lazy: index only what is shown.
    rows, columns : slice, optional
        Part of the map that it covers; None if it is the spectrum of a single pixel.
    """

    counts: Any
    rows: slice | None = None
    columns: slice | None = None


@dataclass(frozen=True)
class Progress:
    """State of a run.

    Parameters
    ----------
    stage : str
        Current activity, for display.
    fraction : float
        Completed share of the whole run, 0 to 1.
    seconds_left : float, optional
        Estimated time to the end of the run; None until it can be estimated.
    figures : mapping of str to float
        Current losses and dose gains; losses are named as in the report. The dose gain during
        training is that of one pass over a part of the counts, scored by held-out counts: the
        final result is better.
    preview : Preview, optional
    """

    stage: str
    fraction: float
    seconds_left: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    preview: Preview | None = field(default=None, compare=False)


@dataclass
class _Told:
    """What a run has told of its progress so far, in all of its parts."""

    began: float = field(default_factory=time.monotonic)
    last: float = -1.0
    furthest: float = 0.0
    stage: str = "starting"


class Watch:
    """Reports the progress of a run, or of a part of it, and cancels it on request.

    `on_progress` is called with a `Progress` at most about 20 times a second and once at the end,
    `should_stop` at every step. Progress never goes back, even if a part does its work again.
    """

    def __init__(
        self, on_progress: OnProgress | None = None, should_stop: ShouldStop | None = None
    ) -> None:
        self._on_progress = on_progress
        self._should_stop = should_stop
        self._told = _Told()
        self._low, self._span = 0.0, 1.0

    def part(self, start: float, stop: float) -> Watch:
        """Return a watch whose range 0 to 1 is this part of the present one."""
        part = Watch.__new__(Watch)
        part.__dict__.update(self.__dict__)
        part._low = self._low + self._span * start
        part._span = self._span * (stop - start)
        return part

    def parts(self, number: int) -> list[Watch]:
        """Return watches for equal parts, one after the other."""
        return [self.part(i / number, (i + 1) / number) for i in range(number)]

    def check(self) -> None:
        """Raise Cancelled if the run shall stop."""
        if self._should_stop is not None and self._should_stop():
            raise Cancelled(f"stopped while {self._told.stage}; nothing was changed")

    def step(
        self,
        stage: str,
        fraction: float,
        figures: Mapping[str, float] | None = None,
        preview: Callable[[], Preview | None] | None = None,
    ) -> None:
        """Report the state of the run; `fraction` is that of this part of it.

        `preview` is called at once if somebody listens. Raises Cancelled if the run shall stop.
        """
        self._told.stage = stage
        self.check()
        if self._on_progress is None:
            return
        now = time.monotonic()
        whole = max(self._told.furthest, min(1.0, self._low + self._span * fraction))
        if whole < 1.0 and now - self._told.last < 0.05:
            return
        self._told.furthest, self._told.last = whole, now
        elapsed = now - self._told.began
        left = elapsed * (1 - whole) / whole if whole > 0.02 and elapsed > 0.5 else None
        shown = None if preview is None else preview()
        self._on_progress(Progress(stage, whole, left, figures or {}, shown))
