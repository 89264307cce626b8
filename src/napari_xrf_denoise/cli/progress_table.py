"""How far the files of a batch are, on a terminal as a table, elsewhere as plain lines."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import typer

from napari_xrf_denoise.batch.task import Task, seconds_left

from .messages import warn

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from napari_xrf_denoise.core.progress import OnProgress, Progress

LINE_SECONDS = 30
"""Least time between two lines about one file that is being denoised."""
BAR_WIDTH = 10
WITH_BARS = 110
"""Columns of a terminal that has room for bars beside the figures."""
STYLES = {"failed": "red", "done": "green", "running": "bold"}
FRAME_LINES = 7
"""Lines of the table that are no rows, and the one below it."""


class BatchView(AbstractContextManager["BatchView"]):
    """Shows the tasks of a batch while it runs; this one as plain lines, for logs.

    Parameters
    ----------
    tasks : sequence of Task
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.tasks = list(tasks)
        self._last = 0.0

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave nothing behind."""

    def show(self, index: int, task: Task) -> None:
        """Take over a task that has changed."""
        before, self.tasks[index] = self.tasks[index], task
        if task.state == "running":
            self._tell_progress(index, task, began=before.state != "running")
        elif task.has_ended:
            tell_outcome(task)

    def _tell_progress(self, index: int, task: Task, *, began: bool) -> None:
        if not began and time.monotonic() - self._last < LINE_SECONDS:
            return
        self._last = time.monotonic()
        share = "" if began else f" {100 * task.fraction:.0f} %, {task.stage}"
        typer.echo(f"[{index + 1}/{len(self.tasks)}] {task.source}{share}", err=True)


class LiveTable(BatchView):
    """The same as a table that is drawn anew ten times a second, as high as the terminal.

    Parameters
    ----------
    tasks : sequence of Task
    console : rich.console.Console
    """

    def __init__(self, tasks: Sequence[Task], console: Console) -> None:
        from rich.live import Live

        super().__init__(tasks)
        self._console = console
        self._live = Live(
            get_renderable=self._now,
            console=self._console,
            refresh_per_second=10,
            transient=True,
        )

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._live.start(refresh=True)
        return self

    def __exit__(self, *about: Any) -> None:
        """Leave the complete table behind, and all that is wrong, which no cell has room for."""
        self._live.stop()
        self._console.print(self._table(self.tasks))
        for task in self.tasks:
            _tell_problems(task)

    def show(self, index: int, task: Task) -> None:
        """Take over a task that has changed; it is drawn in its time."""
        self.tasks[index] = task

    def _now(self) -> Table:
        rows = max(3, self._console.height - FRAME_LINES)
        tasks = self.tasks
        running = next((at for at, task in enumerate(tasks) if not task.has_ended), len(tasks))
        first = max(0, min(running - rows // 2, len(tasks) - rows))
        table = self._table(tasks[first : first + rows])
        ended = sum(task.has_ended for task in tasks)
        left = seconds_left(tasks)
        reported = "" if left is None else f", {duration(left)} left for all"
        table.caption = f"{ended} of {len(tasks)} files{reported}"
        return table

    def _table(self, tasks: Sequence[Task]) -> Table:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        has_bars = self._console.width >= WITH_BARS
        table = Table(expand=True, caption_justify="left")
        table.add_column("File", no_wrap=True, ratio=2)
        table.add_column("State")
        if has_bars:
            table.add_column("Progress", width=BAR_WIDTH)
        table.add_column("%", justify="right")
        table.add_column("Dose gain (×)", no_wrap=True)
        table.add_column("Message", no_wrap=True, ratio=3)
        for task in tasks:
            table.add_row(
                Text(str(task.source)),
                Text(task.state, style=STYLES.get(task.state, "")),
                *([ProgressBar(1.0, task.fraction, width=BAR_WIDTH)] if has_bars else []),
                f"{100 * task.fraction:.0f}",
                Text(task.gain_words),
                Text(task.stage or task.short_message),
            )
        return table


def log_progress(title: str) -> OnProgress:
    """Print that one job begins, and return what prints now and then how far it is."""
    typer.echo(title, err=True)
    last = time.monotonic()

    def move(progress: Progress) -> None:
        nonlocal last
        if time.monotonic() - last < LINE_SECONDS:
            return
        last = time.monotonic()
        typer.echo(f"{title}: {100 * progress.fraction:.0f} %, {progress.stage}", err=True)

    return move


def batch_view(tasks: Sequence[Task]) -> BatchView:
    """Return what shows a batch: a table where somebody sees it, else plain lines."""
    from rich.console import Console

    console = Console()
    is_seen = console.is_terminal and Console(stderr=True).is_terminal
    return LiveTable(tasks, console) if is_seen else BatchView(tasks)


def tell_outcome(task: Task) -> None:
    """Print what came of a file: one line, and its warnings."""
    if task.has_result:
        gain = f"dose gain: {task.gain_words}"
        typer.echo(f"{task.source}: {task.state}, {gain}, result: {task.target}")
    _tell_problems(task)


def duration(seconds: float) -> str:
    """Return a time in words, no more exact than an estimate is."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _tell_problems(task: Task) -> None:
    if task.state == "failed":
        typer.secho(f"error: {task.source}: {task.short_message}", fg="red", err=True)
    for warning in task.warnings:
        warn(warning, task.source)
