"""One function in a thread of its own, watched by polling: no signal from it can flood the window.

The thread touches nothing but its job. It is not a daemon: torch in a daemon thread can crash the
interpreter's exit, so whoever starts a job stops it before the window goes.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_xrf_denoise.core.progress import Progress

NICE = 5
"""How far a job stands back behind the window where both want the same processor (Linux)."""
Work = Callable[[Callable[["Progress"], object], Callable[[], bool]], Any]
"""``work(on_progress, should_stop)`` returns the result; it ends early by raising `Cancelled`."""


class BackgroundJob:
    """A function that runs in a thread, its latest progress, and what came of it.

    Parameters
    ----------
    work : callable
        ``work(on_progress, should_stop)``. An exception ends the job and is kept in `error`.
    name : str
        Of the thread.
    """

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
            # Whatever it is, it belongs into the panel: a thread's own traceback is seen by nobody.
            self.error = error


def _step_back() -> None:
    """Let the window have the processor first; Linux alone knows priorities of threads."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):
            before = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, before + NICE)


def load_torch() -> None:
    """Import torch, which takes a moment, and say what to do where it cannot be.

    Raises
    ------
    ImportError
    """
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
