"""The workers of a dask.distributed cluster, which do the work of a run on parts of its map.

The counts stay where they are: each worker reads the rows that it works on from the file itself.
What is sent are functions with what they need to know, and their results, which are added up in the
order of the map: a result is the same for any number of workers, and for none.
"""

from __future__ import annotations

import io
import pickle
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.cores import blas_on_one_core
from napari_xrf_denoise.core.errors import DataError, MissingDependencyError, SettingsError
from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.lazy_arrays import is_dask, is_on_disk
from napari_xrf_denoise.core.progress import Progress, Watch
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.core.version import __version__
from napari_xrf_denoise.core.workers import working_on

from .device import threads

if TYPE_CHECKING:
    from distributed import Client, Future

Item = TypeVar("Item")
T = TypeVar("T")
Submit = Callable[[int], "Future"]
Shipped = tuple[bytes, list[Any]]
"""A pickled object, and the memory of its arrays."""

CONNECTING_SECONDS = 8.0
POLL_SECONDS = 0.1
ATTEMPTS = 4
"""How often work is given out again that was lost with the workers that held what it needs."""
MARGIN = 1
"""Rows beside its own that work on some rows looks at."""


@contextmanager
def cluster_of(client: Client | str | None, image: SpectrumImage, watch: Watch) -> Iterator[None]:
    """Give the work of a run on this image to the workers of a client, or of a scheduler's address.

    Raises
    ------
    SettingsError
        If there is no scheduler, or it has no worker that could take part.
    DataError
        If a worker cannot read the counts.
    MissingDependencyError
        If dask.distributed is not installed.
    """
    if client is None:
        yield
        return
    with connected(client) as found:
        cluster = Cluster(found, watch, image)
        cluster.check()
        with working_on(cluster):
            yield


@contextmanager
def connected(client: Client | str) -> Iterator[Client]:
    """Return a client, or connect to a scheduler's address for a while."""
    distributed = _distributed()
    if not isinstance(client, str):
        if not isinstance(client, distributed.Client) or client.asynchronous:
            raise SettingsError(
                "client: expected a dask.distributed Client that is not asynchronous, or the "
                f"address of a scheduler, found {client!r}"
            )
        yield client
        return
    try:
        own = distributed.Client(client, timeout=CONNECTING_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(
            f"no scheduler answers at {client!r} ({error}); expected an address like "
            "tcp://host:8786, as `dask scheduler` shows it"
        ) from error
    with own:
        yield own


@contextmanager
def workers_here(number: int) -> Iterator[Client]:
    """Start so many workers of one core on this computer, for a while.

    Raises
    ------
    MissingDependencyError
        If dask.distributed is not installed.
    """
    distributed = _distributed()
    with (
        distributed.LocalCluster(
            n_workers=number, threads_per_worker=1, dashboard_address="127.0.0.1:0"
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise MissingDependencyError(
            "a cluster needs dask.distributed, which is not installed; install it with "
            "pip install 'napari-xrf-denoise[distributed]'"
        ) from error
    return distributed


class Cluster:
    """Workers that do the work of a run, perhaps on one image."""

    def __init__(self, client: Client, watch: Watch, image: SpectrumImage | None = None) -> None:
        self._client, self._image, self._watch = client, image, watch
        counts = None if image is None else image.counts
        # Counts in memory are sent once; others are read by the workers.
        in_memory = not is_dask(counts) and not is_on_disk(counts)
        self._counts = counts if in_memory else None
        self._sent: Future | None = None
        self._losses = 0

    def check(self) -> None:
        """Refuse workers that cannot take part, before any work starts."""
        client = self._client
        try:
            client.wait_for_workers(1, timeout=CONNECTING_SECONDS)
        except TimeoutError as error:
            raise SettingsError(
                f"the scheduler at {self._address} has no workers; start some with "
                f"`dask worker {self._address}`"
            ) from error
        expected = _versions()
        for worker, found in client.run(_versions).items():
            if found != expected:
                differ = [name for name in expected if found.get(name) != expected[name]]
                raise SettingsError(
                    f"worker {worker} has "
                    + ", ".join(f"{name} {found.get(name) or 'missing'}" for name in differ)
                    + "; expected "
                    + ", ".join(f"{name} {expected[name]}" for name in differ)
                    + ", as here, so that results are the same; install these there"
                )
        if self._image is not None and self._counts is None:
            for worker, problem in client.run(_try_to_read, self._pack(self._image)).items():
                if problem:
                    raise DataError(f"worker {worker} cannot read the counts: {problem}")

    @property
    def _address(self) -> str:
        return str(self._client.scheduler.address)

    def map(self, work: Callable[[Item], T], items: Sequence[Item]) -> Iterator[T]:
        """Yield what `work` makes of each item, in their order."""
        yield from self._results(lambda: self._submitter(work, items), len(items))

    def sum_up(
        self,
        work: Callable[[Item], T],
        items: Sequence[Item],
        add: Callable[[T, T], T],
        tell: Callable[[int], None],
    ) -> T:
        """Return the sum of what `work` makes of each item, added up by the workers."""
        while True:
            futures: list[Future] = []
            try:
                submit, ahead = self._submitter(work, items), self._ahead()
                totals: list[Future] = []
                for place in range(len(items)):
                    if place >= ahead:
                        self._wait(totals[place - ahead])
                        tell(place - ahead + 1)
                    own = submit(place)
                    total = self._client.submit(add, totals[-1], own, pure=False) if totals else own
                    totals.append(total)
                    futures += [own, total]
                for place in range(max(0, len(items) - ahead), len(items)):
                    self._wait(totals[place])
                    tell(place + 1)
                return cast("T", totals[-1].result())
            except CancelledError as error:
                self._lose(error)
            finally:
                self._cancel(futures)

    def run(self, tasks: Sequence[Callable[[Watch], T]], stage: str, watch: Watch) -> list[T]:
        """Return the results of long tasks, in order."""
        fractions = [0.0] * len(tasks)
        figures: dict[str, float] = {}

        def hear(place: int, told: tuple[float, dict[str, float]]) -> None:
            fractions[place] = told[0]
            figures.update(told[1])

        def look() -> None:
            watch.step(stage, sum(fractions) / len(tasks), dict(figures))

        calls = [partial(_with_watch, task) for task in tasks]
        return list(self.talk(calls, stage, hear, look))

    def talk(
        self,
        tasks: Sequence[Callable[[Line], T]],
        name: str,
        hear: Callable[[int, Any], None],
        look: Callable[[], None] | None = None,
    ) -> Iterator[T]:
        """Yield the results of long tasks, in order; each has a line to tell how it goes.

        ``hear(task, words)`` is called with what a task tells, in another thread; `look` now and
        then, in this one.
        """
        topic = f"xrf-denoise-{uuid4().hex}"

        def send() -> Submit:
            packed = [self._send(self._pack(task)) for task in tasks]
            counts = self._send_counts()
            return lambda place: self._client.submit(
                _talk, topic, place, packed[place], counts, pure=False, key=f"{name}-{uuid4().hex}"
            )

        self._client.subscribe_topic(topic, lambda event: hear(*pickle.loads(event[1])))
        try:
            yield from self._results(send, len(tasks), look)
        finally:
            self._client.unsubscribe_topic(topic)

    def _submitter(self, work: Callable[[Item], T], items: Sequence[Item]) -> Submit:
        """Send a function to the workers, and return what submits an item to it."""
        name, factored = f"{_name(work)}-{uuid4().hex}", list[FactoredCounts]()
        sent, counts = self._send(_pack(work, self._counts, factored)), self._send_counts()

        def submit(place: int) -> Future:
            item = items[place]
            parts = [_near(own, item) for own in factored]
            return self._client.submit(
                _call,
                sent,
                counts,
                self._send(parts) if parts else [],
                item,
                pure=False,
                key=f"{name}-{place}",
                priority=-place,
            )

        return submit

    def _results(
        self, send: Callable[[], Submit], number: int, tell: Callable[[], None] | None = None
    ) -> Iterator[Any]:
        """Yield results in order; what was lost with its workers is sent and done again."""
        futures: dict[int, Future] = {}
        submit: Submit | None = None
        place = 0
        try:
            while place < number:
                try:
                    if submit is None:
                        submit, ahead = send(), self._ahead()
                    for index in range(place, min(place + ahead, number)):
                        if index not in futures or futures[index].status in ("cancelled", "lost"):
                            futures[index] = submit(index)
                    self._wait(futures[place], tell)
                    result = futures[place].result()
                except CancelledError as error:
                    self._lose(error)
                    submit = None
                    continue
                yield result
                futures.pop(place)
                place += 1
        finally:
            self._cancel(futures.values())

    def _ahead(self) -> int:
        """Return how many items may be at work or wait, whose results are in memory."""
        return 2 * int(sum(self._client.nthreads().values())) + 2

    def _cancel(self, futures: Iterable[Future]) -> None:
        self._client.cancel([future for future in futures if not future.done()])

    def _wait(self, future: Future, tell: Callable[[], None] | None = None) -> None:
        """Wait for a result, or raise the error of the work."""
        from distributed import wait
        from distributed.scheduler import KilledWorker

        while True:
            self._watch.check()
            if tell is not None:
                tell()
            try:
                with self._client.as_current():
                    wait(future, timeout=POLL_SECONDS)
            except TimeoutError:
                continue
            if future.status == "error" and isinstance(future.exception(), KilledWorker):
                raise DataError(
                    f"several workers died of the same work ({future.exception()}); they may have "
                    "had too little memory: give each more (dask worker --memory-limit), or fewer "
                    "threads"
                )
            if future.status == "finished":
                self._losses = 0
            return

    def _lose(self, error: CancelledError) -> None:
        """Count a loss of what workers held, one after the other without a result."""
        self._losses += 1
        self._sent = None
        if self._losses == ATTEMPTS:
            raise DataError(
                f"the workers at {self._address} were lost {self._losses} times; see their logs"
            ) from error

    def _pack(self, thing: Any) -> Shipped:
        return _pack(thing, self._counts)

    def _send(self, thing: Any) -> Future:
        """Give something to a worker, from which the others get it; it may be just dying."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._client.scatter([thing], hash=False)[0]
            except Exception:  # dask raises whatever it meets first
                self._watch.check()
                if attempt == ATTEMPTS:
                    raise
                time.sleep(attempt)
        raise AssertionError

    def _send_counts(self) -> Future | None:
        if self._counts is not None and self._sent is None:
            self._sent = self._send(self._counts)
        return self._sent


def _name(work: Any) -> str:
    while isinstance(work, partial):
        work = next((own for own in work.args if callable(own)), work.func)
    return getattr(work, "__name__", "work").strip("_")


def _versions() -> dict[str, str]:
    """Return the versions of what computes, by name; empty for what is missing."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    found = {"Python": ".".join(platform.python_version_tuple()[:2])}
    for name in ("napari-xrf-denoise", "numpy", "scipy", "torch"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    return found | {"napari-xrf-denoise": __version__}


def _near(counts: FactoredCounts, item: Any) -> FactoredCounts:
    """Return what of factored counts work on some rows needs: these and the rows beside them."""
    if not isinstance(item, slice) or counts.ndim != 4:
        return counts
    return counts.held(slice(max(0, item.start - MARGIN), item.stop + MARGIN))


def _pack(thing: Any, counts: Any, factored: list[FactoredCounts] | None = None) -> Shipped:
    """Pickle an object without counts that it holds, and keep arrays apart.

    Left out are the counts of the image, number −1, and, where a list is given, all factored
    counts, which are appended to it: of these, each worker needs a part.
    """
    import cloudpickle

    class Pickler(cloudpickle.CloudPickler):  # type: ignore[misc]
        def persistent_id(self, own: Any) -> int | None:
            if counts is not None and own is counts:
                return -1
            if factored is None or not isinstance(own, FactoredCounts):
                return None
            known = [place for place, other in enumerate(factored) if other is own]
            if not known:
                factored.append(own)
            return known[0] if known else len(factored) - 1

        def reducer_override(self, own: Any) -> Any:
            if isinstance(own, np.ndarray) and is_on_disk(own):
                return _map_file, _place_on_disk(own)
            return super().reducer_override(own)

    buffers: list[pickle.PickleBuffer] = []
    file = io.BytesIO()
    Pickler(file, protocol=5, buffer_callback=buffers.append).dump(thing)
    return file.getvalue(), [np.frombuffer(own.raw(), np.uint8) for own in buffers]


def _unpack(packed: Shipped, counts: Any, factored: Sequence[FactoredCounts] = ()) -> Any:
    """Return a pickled object, whose arrays are those that came with it."""

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, pid: int) -> Any:
            return counts if pid < 0 else factored[pid]

    data, arrays = packed
    return Unpickler(io.BytesIO(data), buffers=[np.array(own) for own in arrays]).load()


def _place_on_disk(array: NDArray[Any]) -> tuple[Any, ...]:
    """Return where the values of a mapped array are, and which file that is."""
    whole: Any = array
    while not isinstance(whole, np.memmap) or isinstance(whole.base, np.memmap):
        whole = whole.base
    path = Path(str(whole.filename))
    start = whole.offset + array.ctypes.data - whole.ctypes.data
    return path, _state(path), start, array.dtype, array.shape, array.strides


def _state(path: Path) -> tuple[int, int] | None:
    """Return size and time of change of a file; None if it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _map_file(
    path: Path,
    state: tuple[int, int] | None,
    start: int,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    strides: tuple[int, ...],
) -> NDArray[Any]:
    """Return an array that another computer has mapped, if its file is the same here."""
    found = _state(path)
    if found is None:
        raise DataError(f"{path}: there is no such file; it must be where all workers see it")
    if found != state:
        raise DataError(f"{path}: the file was changed after it was opened; read it again")
    mapped = np.memmap(path, np.uint8, "r")
    return np.ndarray(shape, dtype, mapped, start, strides)


def _call(packed: Shipped, counts: Any, factored: list[FactoredCounts], item: Any) -> Any:
    """Return what a function makes of an item, on one core of a worker."""
    with threads(1), blas_on_one_core():
        return _unpack(packed, counts, factored)(item)


def _talk(topic: str, place: int, packed: Shipped, counts: Any) -> Any:
    """Return the result of a long task, on one core of a worker."""
    with threads(1), blas_on_one_core():
        return _unpack(packed, counts)(Line(topic, place))


def _with_watch(task: Callable[[Watch], T], line: Line) -> T:
    """Return the result of a task that tells its progress to a watch."""

    def tell(progress: Progress) -> None:
        line.tell((progress.fraction, dict(progress.figures)))

    return task(Watch(tell, line.is_cut))


def _try_to_read(packed: Shipped) -> str:
    """Return why this worker cannot read an image, empty if it can."""
    try:
        image = _unpack(packed, None)
        next(image.blocks(1))
    except Exception as error:  # whatever it is, it is told where it is understood
        return f"{error}" or type(error).__name__
    return ""


class Line:
    """The line of a long task on a worker to its client."""

    PAUSE = 0.5
    """Seconds between two things that need not be told at once."""

    def __init__(self, topic: str, place: int) -> None:
        from distributed.worker import get_worker

        self._worker = get_worker()
        self._key = self._worker.get_current_task()
        self._topic, self._place, self._last = topic, place, 0.0

    def tell(self, words: Any, *, at_once: bool = False) -> None:
        """Tell the client something, which must be small, if it was told nothing just now."""
        now = time.monotonic()
        if at_once or now - self._last >= self.PAUSE:
            self._last = now
            self._worker.log_event(self._topic, pickle.dumps((self._place, words)))

    def is_cut(self) -> bool:
        """Whether the client stopped the task, or is gone."""
        task = self._worker.state.tasks.get(self._key)
        return task is None or task.state == "cancelled"
