"""Runs a batch for the dock "Batch denoise": no widget in here, only the model and a thread."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_xrf_denoise.batch.runner import (
    Make,
    Task,
    in_words,
    outcome_words,
    run,
)
from napari_xrf_denoise.denoising import Model
from napari_xrf_denoise.plugin.common.jobs import BackgroundJob, Outcome, RunSession, load_torch
from napari_xrf_denoise.plugin.common.preferences import Preferences
from napari_xrf_denoise.plugin.opening.answers import RememberedAnswers

from .model import BatchModel


class BatchSession(RunSession):
    """Runs one batch at a time; `make` stands in for reading and denoising a file, see `run`."""

    model: BatchModel

    def __init__(
        self,
        model: BatchModel,
        make: Make | None = None,
        preferences: Preferences | None = None,
    ) -> None:
        super().__init__(model)
        self.make = make
        self.preferences = preferences or Preferences()
        self._changed: dict[int, Task] = {}

    def start(self) -> None:
        """Begin, with the files and settings as they are now."""
        model = self.model
        model.replan()
        if model.problem or self.job is not None:
            return
        tasks = tuple(Task(task.source, task.target, model.overwrite) for task in model.tasks)
        how, model_file = model.plan if model.way == "settings" else None, model.model_file
        make, user_preferences = self.make, self.preferences
        changed = self._changed = {}

        def work(_: Any, should_stop: Any) -> Sequence[Task]:
            if make is None:
                load_torch()
            engine = how if how is not None else Model.load(model_file or Path())
            with user_preferences.threads_in_use():
                return run(
                    tasks,
                    engine,
                    on_change=changed.__setitem__,
                    should_stop=should_stop,
                    device=user_preferences.device,
                    sources=RememberedAnswers(),
                    make=make,
                    client=user_preferences.scheduler or None,
                )

        model.tasks = tasks
        self.run(work, str, "xrf-batch")

    def look(self, job: BackgroundJob) -> None:
        """Take over the tasks that have changed."""
        tasks = list(self.model.tasks)
        while self._changed:
            index, task = self._changed.popitem()
            tasks[index] = task
        self.model.tasks = tuple(tasks)

    def conclude(self, job: BackgroundJob) -> None:
        """Take over the tasks as the end of the batch, or a stop, left them."""
        if job.error is not None:
            self.end(in_words(job.error), "error")
            return
        self.model.tasks = tuple(job.result)
        self.end(*_outcome(job.result))


def _outcome(tasks: Sequence[Task]) -> tuple[str, Outcome]:
    """Return the outcome of a batch in words."""
    states = {task.state for task in tasks}
    text = outcome_words(tasks)
    if states & {"stopped", "waiting"}:
        return f"Stopped: {text}. Start resumes with the remaining files.", "stopped"
    if "failed" in states:
        return f"{text}. See the column Message for the reason; Start tries them again.", "error"
    return f"{text}. Double-click a row to open its result.", "report"
