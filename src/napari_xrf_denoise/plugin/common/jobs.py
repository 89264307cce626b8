"""Work in threads, watched by polling: no signal from a thread can flood the window.

A thread touches nothing but its job. It is not a daemon: torch in a daemon thread can crash the
interpreter's exit, so whoever starts a job stops it before the window goes.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from napari_xrf_denoise.core.errors import Cancelled, in_words

if TYPE_CHECKING:
    from napari_xrf_denoise.core.progress import Progress

NICE = 5
"""How far a job stands back behind the window where both want the same processor (Linux)."""
Work = Callable[[Callable[["Progress"], object], Callable[[], bool]], Any]
"""``work(on_progress, should_stop)`` returns the result; it ends early by raising `Cancelled`."""


class BackgroundJob:
    """A function in a thread of its own, its latest progress, and its result or error."""

    def __init__(self, work: Work, name: str) -> None:
        self._work = work
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name)
        self.progress: Progress | None = None
        self.result: Any = None
        self.error: BaseException | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the job to end; from any thread, at any time."""
        self._stop.set()

    def wait(self, seconds: float) -> bool:
        """Wait for the end; return whether it has come."""
        self._thread.join(seconds)
        return self.is_done

    @property
    def is_done(self) -> bool:
        """Whether the thread has ended."""
        return self._thread.ident is not None and not self._thread.is_alive()

    def _keep_latest(self, progress: Progress) -> None:
        self.progress = progress

    def _run(self) -> None:
        _step_back()
        try:
            self.result = self._work(self._keep_latest, self._stop.is_set)
        except BaseException as error:
            # Whatever it is, it belongs into the dock: a thread's own traceback is seen by nobody.
            self.error = error


class Latest:
    """Computes in a thread, one thing at a time: of several requests only the newest is kept.

    `key`, `result` and `error` are those of the last request that was finished; they stay until
    another one is.
    """

    def __init__(self, name: str, wait: float = 0.0) -> None:
        self._name = name
        self._wait = wait
        """Seconds that `want` waits: quick results are there at once, so that nothing flickers."""
        self._job: BackgroundJob | None = None
        self._running: Any = None
        self._next: Work | None = None
        self.wanted: Any = None
        self.key: Any = None
        self.result: Any = None
        self.error: BaseException | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether something is being computed."""
        return self._job is not None

    def want(self, key: Any, work: Work) -> None:
        """Request what `work` returns, unless `key` is that of the last request."""
        if key != self.wanted:
            self.wanted, self._next = key, work
            if self._job is not None:
                self._job.stop()
        self.poll()

    def poll(self) -> bool:
        """Take over what is done, begin what is wanted; return whether nothing is waited for."""
        job = self._job
        if job is not None and job.is_done:
            self._job = None
            if not isinstance(job.error, Cancelled):
                self.key, self.result, self.error = self._running, job.result, job.error
        if self._job is None and self._next is not None:
            self._job, self._next = BackgroundJob(self._next, self._name), None
            self._running = self.wanted
            self._job.start()
            if self._wait and self._job.wait(self._wait):
                return self.poll()
        return self._job is None

    def forget(self) -> None:
        """Forget everything, and leave unfinished what is being computed."""
        if self._job is not None:
            self._job.stop()
        self._job = self._running = self._next = self.wanted = None
        self.key = self.result = self.error = None


Status = Literal["idle", "loading", "running", "stopping"]
Outcome = Literal["none", "report", "stopped", "error"]


@dataclass
class RunState:
    """The part of a dock's model that a `RunSession` writes."""

    status: Status = "idle"
    """``"loading"`` is from a click until torch is there and the run has begun."""
    stage: str = ""
    """The step that is being done."""
    fraction: float = 0.0
    """Share of the run that is done, 0 to 1."""
    seconds_left: float | None = None
    outcome: str = ""
    """The result of the last run, in words."""
    outcome_kind: Outcome = "none"


class RunSession:
    """Runs one thing at a time in a thread, and keeps a dock's model up to date."""

    STOPPED = "Stopped. No layer was added."
    HINT = ""
    """What to do when memory is short, in place of the general advice."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.job: BackgroundJob | None = None
        self._finish: Callable[[Any], str] = str

    def run(
        self, work: Work, finish: Callable[[Any], str], name: str, stage: str = "starting"
    ) -> None:
        """Start `work`; ``finish(result)`` returns the outcome, on the thread that polls."""
        self.job, self._finish = BackgroundJob(work, name), finish
        self._set(stage, "running")
        self.job.start()

    def stop(self) -> None:
        """Ask the run to end."""
        if self.job is not None:
            self.job.stop()
            self.model.stage = "stopping"
            self.model.status = "stopping"

    def poll(self) -> bool:
        """Show how far the run is, or its outcome; return whether nothing is waited for."""
        job = self.job
        if job is None:
            return True
        is_done = job.is_done  # asked first: no progress comes after it
        self.look(job)
        if is_done:
            self.conclude(job)
        return self.job is None

    def look(self, job: BackgroundJob) -> None:
        """Take over how far the run is."""
        if job.progress is not None and self.model.status == "running":
            model, progress = self.model, job.progress
            model.stage, model.fraction = progress.stage, progress.fraction
            model.seconds_left = progress.seconds_left

    def conclude(self, job: BackgroundJob) -> None:
        """Take over the result of a run that has ended, or why there is none."""
        if self.model.status == "stopping" or isinstance(job.error, Cancelled):
            self.end(self.STOPPED, "stopped")
        elif job.error is not None:
            self.end(in_words(job.error, hint=self.HINT), "error")
        else:
            try:
                outcome = self._finish(job.result)
            except Exception as error:
                # Else it would be tried again at every poll.
                self.end(in_words(error), "error")
            else:
                self.end(outcome, "report")

    def end(self, outcome: str, kind: Outcome) -> None:
        """Let go of the run, which holds the counts of layers, and show its outcome."""
        self.job, self._finish = None, str
        self._set("", "idle", outcome, kind)

    def _set(self, stage: str, status: Status, outcome: str = "", kind: Outcome = "none") -> None:
        model = self.model
        model.outcome, model.outcome_kind = outcome, kind
        model.stage, model.fraction, model.seconds_left = stage, 0.0, None
        model.status = status


def _step_back() -> None:
    """Let the window have the processor first; Linux alone knows priorities of threads."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):
            before = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, before + NICE)


def load_torch() -> None:
    """Import torch, which takes a moment; the ImportError says what to do where it cannot be."""
    try:
        import torch
        import torch._dynamo  # noqa: F401 - what the first training step would load
    except (ImportError, OSError) as error:
        raise ImportError(
            f"torch could not be loaded ({error}). Reinstall it with: pip install torch. On "
            "Windows torch must be loaded before Qt: start napari with "
            'python -c "import torch, napari; napari.Viewer(); napari.run()", and install the '
            "Microsoft Visual C++ Redistributable if that is not enough."
        ) from error
