"""One file of a batch and its state, and the remaining time of the batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .results import without_name

State = Literal["waiting", "running", "done", "failed", "skipped", "stopped"]


@dataclass(frozen=True)
class Task:
    """One file of a batch; every change makes a new one, so that threads can share it."""

    source: Path
    """The file with counts."""
    target: Path
    """The file for its result."""
    overwrite: bool = False
    """Whether a target that is something else may be replaced."""
    state: State = "waiting"
    """``"skipped"`` if the result exists already."""
    stage: str = ""
    """Current activity."""
    message: str = ""
    """Outcome, in one line."""
    details: str = ""
    """Outcome, at length."""
    warnings: tuple[str, ...] = ()
    """Of the result's report."""
    fraction: float = 0.0
    """Completed share of the work on the file, 0 to 1."""
    dose_gain: float = math.nan
    """As in `QualityReport`; NaN if unknown."""
    gain_words: str = ""
    """The dose gain with its interval; empty without a result."""
    size: int = 0
    """Bytes of the source, set when the batch runs."""
    seconds: float = 0.0
    """Time spent on the file."""

    @property
    def has_result(self) -> bool:
        """Whether the target is the result of this file with these settings."""
        return self.state in ("done", "skipped")

    @property
    def has_ended(self) -> bool:
        """Whether the work on the file has ended in this run."""
        return self.state not in ("waiting", "running")

    @property
    def short_message(self) -> str:
        """The message without the name of the file."""
        return without_name(self.message, self.source)


OnChange = Callable[[int, Task], object]
"""``on_change(index, task)``, called on every change of a task."""


def seconds_left(tasks: Sequence[Task]) -> float | None:
    """Return the estimated time to the end of a batch, in seconds, or None if unknown.

    The time for a file is taken to be proportional to its size.

    >>> done = Task(Path("a"), Path("b"), state="done", fraction=1, size=100, seconds=30)
    >>> seconds_left([done, Task(Path("c"), Path("d"), size=50)])
    15.0
    """
    worked = [task for task in tasks if task.state in ("done", "running")]
    seconds = sum(task.seconds for task in worked)
    size = sum(max(1, task.size) * task.fraction for task in worked)
    if seconds < 0.5 or not any(task.fraction > 0.02 for task in worked):
        return None
    open_ = [task for task in tasks if not task.has_ended]
    return seconds / size * sum(max(1, task.size) * (1 - task.fraction) for task in open_)


def outcome_words(tasks: Sequence[Task]) -> str:
    """Return the outcome of a batch in words.

    >>> a, b = Path("a.h5"), Path("b.h5")
    >>> outcome_words([Task(a, b, state="done"), Task(b, a, state="failed")])
    '1 done, 1 failed'
    """
    number = {state: sum(task.state == state for task in tasks) for state in _WORDS}
    return ", ".join(f"{number[state]} {words}" for state, words in _WORDS.items() if number[state])


_WORDS = {
    "done": "done",
    "skipped": "already there",
    "failed": "failed",
    "stopped": "stopped",
    "waiting": "waiting",
}
