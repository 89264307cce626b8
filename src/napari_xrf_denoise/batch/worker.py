"""The work on one file of a batch, from its name to its result."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from napari_xrf_denoise.core.errors import Cancelled, DataError, SettingsError, in_words
from napari_xrf_denoise.core.progress import Progress
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.core.version import __version__
from napari_xrf_denoise.denoising import Denoised, QualityReport
from napari_xrf_denoise.denoising.result import report_from_dict
from napari_xrf_denoise.io.api import read_or_none

from .record import RECORD, difference_to, source_record
from .results import save_or_rescue
from .sources import Sources
from .task import State, Task

WRITING = 0.95
"""Completed share of the work on a file when its result is written."""
STOPPED = "Stopped; nothing was written."
Make = Callable[..., Denoised]
"""``make(path, on_progress=..., should_stop=...)`` reads a file and denoises it."""


@dataclass(frozen=True)
class Job:
    """What to do with every file of a batch."""

    asked: Mapping[str, Any]
    """What distinguishes it from another job, see `record.asked_for`."""
    sources: Sources
    make: Make
    resume: bool
    """Whether existing results are kept."""


def stopped(task: Task) -> Task:
    """Return a task that ended with a stop."""
    return replace(task, state="stopped", stage="", message=STOPPED, details=STOPPED)


class TaskRunner:
    """Does the job with one file; `show` is called on every change of its task."""

    def __init__(
        self,
        task: Task,
        job: Job,
        show: Callable[[Task], object],
        should_stop: Callable[[], bool] | None,
    ) -> None:
        self.task = task
        self._job = job
        self._show_task = show
        self._should_stop = should_stop
        self._began = time.monotonic()

    def run(self) -> None:
        """Work on the file until its task has ended, whatever happens."""
        self._show(state="running", stage="looking for an earlier result")
        try:
            self._work()
        except Cancelled:
            self._end("stopped", STOPPED)
        except Exception as error:
            # Unexpected errors too: they must not stop the other files.
            text = in_words(error, self.task.source)
            expected = isinstance(error, DataError | SettingsError | ImportError | OSError)
            self._end("failed", text, text if expected else f"{text}\n\n{traceback.format_exc()}")

    def _work(self) -> None:
        source, target = self.task.source, self.task.target
        record = {**source_record(source), **self._job.asked, "version": __version__}
        if target.exists():
            image = read_or_none(target)
            difference = difference_to(image, record, source, self._job.sources)
            if self._job.resume and image is not None and not difference:
                self._skip(image)
                return
            if not self.task.overwrite:
                why = f" and {difference}" if difference else ""
                raise FileExistsError(
                    f"{target.name} exists already{why}; allow overwriting "
                    "(--overwrite), or choose another folder"
                )
        self._show(stage="reading")
        result = self._job.make(source, on_progress=self._follow, should_stop=self._should_stop)
        self._show(stage="writing", fraction=WRITING)
        if options := self._job.sources.read_options(source):
            record["input"] = dict(options)
        past = result.image.metadata.get("denoising", {})
        metadata = {**result.image.metadata, "denoising": {**past, RECORD: record}}
        target.parent.mkdir(parents=True, exist_ok=True)
        save_or_rescue(result.image.replace(metadata=metadata), target, self.task.overwrite)
        self._finish("done", result.report)

    def _skip(self, image: SpectrumImage) -> None:
        report = report_from_dict(image.metadata["denoising"].get("report") or {})
        self._finish("skipped", report, "already there: same file, same settings")

    def _follow(self, progress: Progress) -> None:
        self._show(stage=progress.stage, fraction=WRITING * progress.fraction)

    def _finish(self, state: State, report: QualityReport, why: str = "") -> None:
        gain = report.summary().removeprefix("dose gain: ")
        words = [why or f"method {report.choices.get('method', 'not recorded')}"]
        if report.warnings:
            more = f" (and {len(report.warnings) - 1} more)" if len(report.warnings) > 1 else ""
            words.append(f"warning: {report.warnings[0]}{more}")
        details = [f"Dose gain: {gain}"]
        if report.measured_by:
            details.append(f"Measured by: {report.measured_by}")
        details.append(f"Counts: {100 * report.count_ratio:.2f} % of the raw counts")
        details += [f"Warning: {text}" for text in report.warnings]
        details.append(f"Result: {self.task.target}")
        self._show(
            dose_gain=report.dose_gain,
            gain_words="not known" if gain.startswith("not known") else gain,
            warnings=tuple(report.warnings),
            fraction=1.0,
        )
        self._end(state, "; ".join(words), "\n".join(details))

    def _end(self, state: State, message: str, details: str = "") -> None:
        self._show(state=state, stage="", message=message, details=details or message)

    def _show(self, **changes: Any) -> None:
        self.task = replace(self.task, seconds=time.monotonic() - self._began, **changes)
        self._show_task(self.task)
