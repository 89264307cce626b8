"""Progress of a batch: a table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import typer

from napari_xrf_denoise.batch.task import Task, seconds_left
from napari_xrf_denoise.core.quantities import about_seconds

from .messages import warn

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from napari_xrf_denoise.core.progress import OnProgress, Progress

LINE_SECONDS = 30
"""Least time between two lines about one file."""
BAR_WIDTH = 10
WITH_BARS = 110
"""Columns of a terminal with room for bars beside the numbers."""
STYLES = {"failed": "red", "done": "green", "running": "bold"}
FRAME_LINES = 7
"""Lines of the table other than rows, and the caption."""


class BatchView(AbstractContextManager["BatchView"]):
    """The tasks of a batch while it runs, as plain lines for a log."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.tasks = list(tasks)
        self._last = 0.0

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End; there is nothing to clean up."""

    def show(self, index: int, task: Task) -> None:
        """Print what has changed about a task."""
        before, self.tasks[index] = self.tasks[index], task
        if task.state == "running":
            self._print_progress(index, task, began=before.state != "running")
        elif task.has_ended:
            print_outcome(task)

    def _print_progress(self, index: int, task: Task, *, began: bool) -> None:
        if not began and time.monotonic() - self._last < LINE_SECONDS:
            return
        self._last = time.monotonic()
        share = "" if began else f" {100 * task.fraction:.0f} %, {task.stage}"
        typer.echo(f"[{index + 1}/{len(self.tasks)}] {task.source}{share}", err=True)


class LiveTable(BatchView):
    """The tasks of a batch as a table, redrawn ten times a second and as high as the terminal."""

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
        """Start drawing."""
        self._live.start(refresh=True)
        return self

    def __exit__(self, *about: Any) -> None:
        """Leave the complete table behind, and all problems, for which no cell has room."""
        self._live.stop()
        self._console.print(self._table(self.tasks))
        for task in self.tasks:
            _print_problems(task)

    def show(self, index: int, task: Task) -> None:
        """Show a task that has changed at the next redraw."""
        self.tasks[index] = task

    def _now(self) -> Table:
        rows = max(3, self._console.height - FRAME_LINES)
        tasks = self.tasks
        running = next((at for at, task in enumerate(tasks) if not task.has_ended), len(tasks))
        first = max(0, min(running - rows // 2, len(tasks) - rows))
        table = self._table(tasks[first : first + rows])
        ended = sum(task.has_ended for task in tasks)
        left = seconds_left(tasks)
        remaining = "" if left is None else f", {about_seconds(left)} left for all"
        table.caption = f"{ended} of {len(tasks)} files{remaining}"
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
    """Print that a job starts; return the function that prints its progress now and then."""
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
    """Return a table if somebody sees it, else plain lines."""
    from rich.console import Console

    console = Console()
    is_seen = console.is_terminal and Console(stderr=True).is_terminal
    return LiveTable(tasks, console) if is_seen else BatchView(tasks)


def print_outcome(task: Task) -> None:
    """Print the outcome of a file: one line, and its warnings."""
    if task.has_result:
        gain = f"dose gain: {task.gain_words}"
        typer.echo(f"{task.source}: {task.state}, {gain}, result: {task.target}")
    _print_problems(task)


def _print_problems(task: Task) -> None:
    if task.state == "failed":
        typer.secho(f"error: {task.source}: {task.short_message}", fg="red", err=True)
    for warning in task.warnings:
        warn(warning, task.source)
