"""State of the dock "Batch denoise", and the session that runs it: no widget in here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from psygnal import SignalGroupDescriptor

from napari_xrf_denoise.batch.runner import (
    Make,
    Task,
    in_words,
    outcome_words,
    run,
    seconds_left,
)
from napari_xrf_denoise.batch.runner import plan as plan_tasks
from napari_xrf_denoise.batch.sources import files_of
from napari_xrf_denoise.core.errors import SettingsError
from napari_xrf_denoise.denoising import Model, RunPlan, plan_run
from napari_xrf_denoise.plugin.common.jobs import BackgroundJob, load_torch
from napari_xrf_denoise.plugin.common.preferences import Preferences
from napari_xrf_denoise.plugin.common.setting_changes import Changes
from napari_xrf_denoise.plugin.opening.answers import RememberedAnswers

Status = Literal["idle", "running", "stopping"]
Way = Literal["settings", "model"]
"""What denoises the files: a method that learns from each, or a model that was trained before."""

SUFFIXES = (".h5", ".hspy", ".ome.tif")

NO_FILES = "Drop files with spectra or maps here, or add them with the button."
NO_FOLDER = "Choose the folder for the results."
NO_MODEL = "Choose the model file (.safetensors) that a run has saved."


@dataclass
class BatchModel:
    """State of the dock; widgets show it and write to it, and keep none of their own.

    Parameters
    ----------
    status : {"idle", "running", "stopping"}
    sources : tuple of Path
        Files to denoise.
    tasks : tuple of Task
        One for each file, as far as it has got; empty while `problem` keeps them from being made.
    way : {"settings", "model"}
    method, preset : str
    changes : Changes
        Settings that differ from the preset's, each kept for its method.
    model_file : Path, optional
    folder : Path, optional
        For the results; that of the first file until another one is chosen.
    suffix : str
    overwrite : bool
    problem : str
        What keeps the batch from being started, in words; empty when it can be.
    outcome : str
        What came of the last run.
    outcome_kind : {"none", "report", "stopped", "error"}
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    status: Status = "idle"
    sources: tuple[Path, ...] = ()
    tasks: tuple[Task, ...] = ()
    way: Way = "settings"
    method: str = "auto"
    preset: str = "balanced"
    changes: Changes = field(default_factory=Changes)
    model_file: Path | None = None
    folder: Path | None = None
    suffix: str = SUFFIXES[0]
    overwrite: bool = False
    problem: str = NO_FILES
    outcome: str = ""
    outcome_kind: Literal["none", "report", "stopped", "error"] = "none"
    plan: RunPlan = field(default_factory=plan_run)
    """Settings of a run that learns, for any file."""

    def __post_init__(self) -> None:
        self.plan = self._plan()

    def add(self, paths: Iterable[Path]) -> None:
        """Add files, and what folders hold; those that are there already are not added twice."""
        found = [file for path in paths for file in files_of(path)]
        if not found:
            return
        self.sources = tuple(dict.fromkeys((*self.sources, *found)))
        if self.folder is None:
            self.folder = found[0].parent
        self.replan()

    def remove(self, rows: Iterable[int]) -> None:
        """Take files out of the list; the files themselves stay."""
        gone = set(rows)
        self.sources = tuple(path for row, path in enumerate(self.sources) if row not in gone)
        self.replan()

    def change(self, **fields: Any) -> None:
        """Change what shall be done; what was done before is no longer what the rows are about."""
        if all(getattr(self, name) == value for name, value in fields.items()):
            return
        for name, value in fields.items():
            setattr(self, name, value)
        self.tasks = ()
        self.replan()

    def set_up(self, name: str, value: Any) -> None:
        """Take a single setting that the user gave; one as in the preset is no change."""
        if self.plan.defaults is not None:
            self.change(changes=self.changes.changed(self.plan.defaults, name, value))

    def replan(self) -> None:
        """Say where results go, or why the batch cannot be started.

        Only on a change of what is asked: it looks at the disk.
        """
        before = {(task.source, task.target): task for task in self.tasks}
        self.plan = self._plan()
        try:
            self._check()
            tasks = plan_tasks(
                self.sources, self.folder or Path(), suffix=self.suffix, overwrite=self.overwrite
            )
        except (SettingsError, OSError) as error:
            self.problem = in_words(error, Path()) if isinstance(error, OSError) else str(error)
            tasks = [Task(source, source) for source in self.sources]
        else:
            self.problem = ""
        self.tasks = tuple(before.get((task.source, task.target), task) for task in tasks)
        self.outcome, self.outcome_kind = "", "none"

    def _plan(self) -> RunPlan:
        plan = plan_run(method=self.method, preset=self.preset)
        return plan if plan.defaults is None else plan.changed(self.changes.of(plan.defaults))

    @property
    def seconds_left(self) -> float | None:
        """Time that the batch still takes, None when it is not known."""
        return seconds_left(self.tasks)

    @property
    def fraction(self) -> float:
        """Share of the batch that is done, by the files' bytes."""
        ended = ("done", "skipped", "failed")
        sizes = [max(1, task.size) for task in self.tasks]
        shares = [1.0 if task.state in ended else task.fraction for task in self.tasks]
        done = sum(size * share for size, share in zip(sizes, shares, strict=True))
        return done / sum(sizes) if sizes else 0.0

    def _check(self) -> None:
        if not self.sources:
            raise SettingsError(NO_FILES)
        if self.folder is None:
            raise SettingsError(NO_FOLDER)
        if self.way == "model" and self.model_file is None:
            raise SettingsError(NO_MODEL)
        if self.way == "settings" and self.plan.problem:
            raise SettingsError(self.plan.problem)


class BatchSession:
    """Starts, watches and stops one batch at a time.

    Parameters
    ----------
    model : BatchModel
    make : callable, optional
        What stands in for reading and denoising a file, see `napari_xrf_denoise.batch.runner.run`.
    preferences : Preferences, optional
        Where to compute, and with how many threads.
    """

    def __init__(
        self,
        model: BatchModel,
        make: Make | None = None,
        preferences: Preferences | None = None,
    ) -> None:
        self._model = model
        self.make = make
        self.preferences = preferences or Preferences()
        self._job: BackgroundJob | None = None
        self._changed: dict[int, Task] = {}

    @property
    def job(self) -> BackgroundJob | None:
        """The batch that is going on."""
        return self._job

    def start(self) -> None:
        """Begin, with the files and settings as they are now."""
        model = self._model
        model.replan()
        if model.problem or self._job is not None:
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
                )

        model.tasks = tasks
        self._job = BackgroundJob(work, "xrf-batch")
        model.status = "running"
        self._job.start()

    def stop(self) -> None:
        """Ask the batch to end; a result that is being written is finished first."""
        if self._job is not None:
            self._job.stop()
            self._model.status = "stopping"

    def poll(self) -> None:
        """Show how far the batch is, and what came of it when it has ended."""
        job = self._job
        if job is None:
            return
        is_done = job.is_done  # asked first: no change comes after it
        self._take_over()
        if not is_done:
            return
        self._job = None
        model = self._model
        if job.error is not None:
            model.outcome, model.outcome_kind = in_words(job.error, Path("batch")), "error"
        else:
            # With what a stop and the files' sizes made of tasks that never began.
            model.tasks = tuple(job.result)
            model.outcome, model.outcome_kind = _outcome(model.tasks)
        model.status = "idle"

    def _take_over(self) -> None:
        tasks = list(self._model.tasks)
        while self._changed:
            index, task = self._changed.popitem()
            tasks[index] = task
        self._model.tasks = tuple(tasks)


def _outcome(tasks: Sequence[Task]) -> tuple[str, Literal["report", "stopped", "error"]]:
    """Return the outcome of a batch in words, and its kind."""
    states = {task.state for task in tasks}
    text = outcome_words(tasks)
    if states & {"stopped", "waiting"}:
        return f"Stopped: {text}. Start goes on with what is left.", "stopped"
    if "failed" in states:
        return f"{text}. The rows say why; Start tries them again.", "error"
    return f"{text}. Double-click a row to see its result.", "report"
