"""State of the dock "Batch denoise", without Qt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from psygnal import SignalGroupDescriptor

from napari_xrf_denoise.batch.runner import Task, in_words
from napari_xrf_denoise.batch.runner import plan as plan_tasks
from napari_xrf_denoise.batch.sources import files_of
from napari_xrf_denoise.core.errors import SettingsError
from napari_xrf_denoise.denoising import RunPlan, plan_run
from napari_xrf_denoise.plugin.common.jobs import RunState
from napari_xrf_denoise.plugin.common.setting_changes import Changes

Way = Literal["settings", "model"]
"""What denoises the files: training on each, or a saved model."""

SUFFIXES = (".h5", ".hspy", ".ome.tif")

NO_FILES = "Drop files here, or use Add files…"
NO_FOLDER = "Choose the output folder."
NO_MODEL = "Choose the file of a saved model (.safetensors)."


@dataclass
class BatchModel(RunState):
    """State of the dock and of its batch; how far that is follows from the tasks."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    sources: tuple[Path, ...] = ()
    """Files to denoise."""
    tasks: tuple[Task, ...] = ()
    """One for each file, as far as it has got; empty while `problem` keeps them from being made."""
    way: Way = "settings"
    method: str = "auto"
    preset: str = "balanced"
    changes: Changes = field(default_factory=Changes)
    """Settings that differ from the preset's, each kept for its method."""
    model_file: Path | None = None
    folder: Path | None = None
    """For the results; that of the first file until another one is chosen."""
    suffix: str = SUFFIXES[0]
    overwrite: bool = False
    problem: str = NO_FILES
    """Why the batch cannot be started, in words; empty when it can."""
    plan: RunPlan = field(default_factory=plan_run)
    """Settings of a run that learns, for any file."""

    def __post_init__(self) -> None:
        self.plan = self._plan()

    def add(self, paths: Iterable[Path]) -> None:
        """Add files, and the files of folders, each once."""
        found = [file for path in paths for file in files_of(path)]
        if not found:
            return
        self.sources = tuple(dict.fromkeys((*self.sources, *found)))
        if self.folder is None:
            self.folder = found[0].parent
        self.replan()

    def remove(self, rows: Iterable[int]) -> None:
        """Remove files from the list; the files themselves stay."""
        gone = set(rows)
        self.sources = tuple(path for row, path in enumerate(self.sources) if row not in gone)
        self.replan()

    def change(self, **fields: Any) -> None:
        """Change fields; the rows no longer show what was done before."""
        if all(getattr(self, name) == value for name, value in fields.items()):
            return
        for name, value in fields.items():
            setattr(self, name, value)
        self.tasks = ()
        self.replan()

    def set_up(self, name: str, value: Any) -> None:
        """Take a single setting from the user; one as in the preset is no change."""
        if self.plan.defaults is not None:
            self.change(changes=self.changes.changed(self.plan.defaults, name, value))

    def replan(self) -> None:
        """Plan the results, or say why the batch cannot be started; this looks at the disk."""
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

    def _check(self) -> None:
        if not self.sources:
            raise SettingsError(NO_FILES)
        if self.folder is None:
            raise SettingsError(NO_FOLDER)
        if self.way == "model" and self.model_file is None:
            raise SettingsError(NO_MODEL)
        if self.way == "settings" and self.plan.problem:
            raise SettingsError(self.plan.problem)


def share_done(tasks: Sequence[Task]) -> float:
    """Return the share of a batch that is done, by the files' bytes."""
    ended = ("done", "skipped", "failed")
    sizes = [max(1, task.size) for task in tasks]
    shares = [1.0 if task.state in ended else task.fraction for task in tasks]
    done = sum(size * share for size, share in zip(sizes, shares, strict=True))
    return done / sum(sizes) if sizes else 0.0
