"""Several networks at a time, each on one core.

Networks of this size keep one core busy and no more: the threads of one operation wait for each
other thousands of times a second, and for long while another program uses one of the cores.
Independent networks never wait.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

import torch

from napari_xrf_denoise.core.errors import Cancelled
from napari_xrf_denoise.core.progress import Preview, Watch
from napari_xrf_denoise.core.workers import workers

from .device import threads

T = TypeVar("T")

POLL_SECONDS = 0.05


class _Board:
    """Where tasks write their progress, and read whether to go on."""

    def __init__(self, number: int) -> None:
        self.fractions = [0.0] * number
        self.figures: dict[str, float] = {}
        self.preview: Preview | None = None
        self.stopped = False

    def watch(self, place: int) -> Watch:
        return _BoardWatch(self, place)


class _BoardWatch(Watch):
    """The watch of one task; it writes to the board, which the main thread reads."""

    def __init__(self, board: _Board, place: int) -> None:
        super().__init__()
        self._board, self._place = board, place

    def step(
        self,
        stage: str,
        fraction: float,
        figures: Mapping[str, float] | None = None,
        preview: Callable[[], Preview | None] | None = None,
    ) -> None:
        if self._board.stopped:
            raise Cancelled(f"stopped while {stage}; nothing was changed")
        self._board.fractions[self._place] = fraction
        self._board.figures.update(figures or {})
        if preview is not None:
            self._board.preview = preview() or self._board.preview


def run_parallel(tasks: Sequence[Callable[[Watch], T]], stage: str, watch: Watch) -> list[T]:
    """Run tasks in parallel, as many as there are cores, and return their results in order.

    Each task gets a watch of its own, which it must ask now and then; `watch` gets the progress of
    all in the calling thread. The stage is shown to the user.

    Raises
    ------
    Cancelled
        If the run is stopped; all tasks have ended by then.
    """
    elsewhere = workers()
    if elsewhere is not None:
        return elsewhere.run(tasks, stage, watch)
    board = _Board(len(tasks))
    number = max(1, min(len(tasks), torch.get_num_threads()))

    def run(place: int) -> T:
        torch.set_num_threads(1)  # belongs to the thread that computes
        return tasks[place](board.watch(place))

    with threads(1), ThreadPoolExecutor(number) as pool:
        futures = [pool.submit(run, place) for place in range(len(tasks))]
        try:
            running = set(futures)
            while running:
                done, running = wait(running, POLL_SECONDS, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
                done_part = sum(board.fractions) / len(tasks)
                watch.step(stage, done_part, dict(board.figures), lambda: board.preview)
        except BaseException:
            board.stopped = True
            for future in futures:
                future.cancel()
            raise
        return [future.result() for future in futures]
