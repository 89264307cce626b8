"""Work on one band of a map after the other, on all cores.

NumPy lets other threads run while it computes, so that threads are enough, and share the memory.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import Any, TypeVar

Item = TypeVar("Item")
T = TypeVar("T")

CACHED_BYTES = 2**21
"""Numbers of a band that stay in the cache of a core."""
AHEAD = 1
"""Items or results that wait for each thread, at the most: they are in memory."""


def number_of_cores() -> int:
    """Return how many threads may compute: as many as torch may use, where it is loaded.

    Its number is what users limit, and is 1 in a thread that has one core.
    """
    torch = _torch()
    if torch is not None:
        return max(1, int(torch.get_num_threads()))
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _torch() -> Any:
    torch = sys.modules.get("torch")
    return torch if hasattr(torch, "get_num_threads") else None


@contextmanager
def _pool(number: int) -> Iterator[ThreadPoolExecutor]:
    """Give as many threads, in each of which torch computes on one core."""
    torch = _torch()
    one_core = None if torch is None else partial(torch.set_num_threads, 1)
    try:
        with ThreadPoolExecutor(number, "bands", one_core) as pool:
            yield pool
    finally:
        if torch is not None:
            torch.set_num_threads(number)  # what new threads begin with


def in_order(work: Callable[[Item], T], items: Iterable[Item]) -> Iterator[T]:
    """Yield what `work` makes of each item, in their order.

    Items are taken in the calling thread, which goes on with each result while the next ones are
    computed. An error, or an end before the last item, lets what has begun finish.

    Examples
    --------
    >>> list(in_order(lambda number: number**2, range(5)))
    [0, 1, 4, 9, 16]
    """
    number = number_of_cores()
    if number == 1:
        yield from map(work, items)
        return
    waiting: deque[Future[T]] = deque()
    with _pool(number) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > AHEAD * number:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def give_memory_back() -> None:
    """Give memory that is free back to the system, where the C library keeps it for later.

    glibc keeps what threads freed in pools of their own: between the stages of a run on a large
    map, that is as much as the next one needs.
    """
    trim = getattr(ctypes.pythonapi, "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


class _Blas:
    """Runs that want one core for each product of matrices, and what ends that."""

    lock = Lock()
    runs = 0
    limits: Any = None


@contextmanager
def blas_on_one_core() -> Iterator[None]:
    """Let NumPy's and SciPy's products and decompositions of matrices use one core each, meanwhile.

    The threads of one product wait for each other, in a loop: where one core is busy, as with a
    window or in `in_order`, a decomposition takes a hundred times as long. The setting is that of
    the process; it ends with the last of several runs.
    """
    import scipy.linalg  # noqa: F401  # it has a library of its own, which must be there
    from threadpoolctl import threadpool_limits

    with _Blas.lock:
        if not _Blas.runs:
            _Blas.limits = threadpool_limits(1, user_api="blas")
        _Blas.runs += 1
    try:
        yield
    finally:
        with _Blas.lock:
            _Blas.runs -= 1
            if not _Blas.runs:
                _Blas.limits.restore_original_limits()
