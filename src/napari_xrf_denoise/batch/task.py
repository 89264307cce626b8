"""One file of a batch and what has become of it, and the time that the others still take."""

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
    """One file of a batch; every change makes a new one, so that threads can share it.

    Parameters
    ----------
    source, target : Path
        The file with counts, and where its result goes.
    overwrite : bool
        Whether a target that is something else may be replaced.
    state : {"waiting", "running", "done", "failed", "skipped", "stopped"}
        ``"skipped"``: the result is there already.
    stage : str
        What is being done to the file.
    message : str
        What came of it, in one line.
    details : str
        The same at length.
    warnings : tuple of str
        Of the result's report.
    fraction : float
        Share of the file's work that is done, 0 to 1.
    dose_gain : float
        As in `QualityReport`; NaN where it is not known.
    gain_words : str
        The dose gain with its interval; empty without a result.
    size : int
        Bytes of the source, known when the batch runs.
    seconds : float
        Time that was spent on it.
    """

    source: Path
    target: Path
    overwrite: bool = False
    state: State = "waiting"
    stage: str = ""
    message: str = ""
    details: str = ""
    warnings: tuple[str, ...] = ()
    fraction: float = 0.0
    dose_gain: float = math.nan
    gain_words: str = ""
    size: int = 0
    seconds: float = 0.0

    @property
    def has_result(self) -> bool:
        """Whether the target is the result of this file with these settings."""
        return self.state in ("done", "skipped")

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is done to the file in this run."""
        return self.state not in ("waiting", "running")

    @property
    def short_message(self) -> str:
        """The message for a row that names the file already."""
        return without_name(self.message, self.source)


OnChange = Callable[[int, Task], object]
"""``on_change(index, task)``, called whenever a task has changed."""


def seconds_left(tasks: Sequence[Task]) -> float | None:
    """Return the time that a batch still takes, from the pace of its files so far.

    Parameters
    ----------
    tasks : sequence of Task

    Returns
    -------
    float or None
        In seconds; None before there is a pace. Files are taken to need time as their bytes.

    Examples
    --------
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
    """Return in words what came of a batch.

    Examples
    --------
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
