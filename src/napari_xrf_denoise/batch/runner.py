"""Many files, one after the other, with one setting or one saved model.

An error in one file does not stop the others. Each result is complete or absent, and records its
file and settings: a batch that is run again after a stop or a crash continues where it was, on the
command line or in napari. `plan` refuses what would fail after hours of work, `run` does the work.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from napari_xrf_denoise.core.atomic_write import check_folder
from napari_xrf_denoise.core.errors import (
    Cancelled,
    MissingDependencyError,
    SettingsError,
    in_words,
)
from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.denoising import Denoised, Model, RunPlan, apply, denoise, plan_run
from napari_xrf_denoise.denoising.cluster import Cluster, Line, connected
from napari_xrf_denoise.io import check_packages, writable_suffixes

from .record import asked_for, measure
from .results import DOUBLE_SUFFIXES, result_name
from .sources import Sources
from .task import OnChange, State, Task, outcome_words, seconds_left
from .worker import Job, Make, TaskRunner, stopped

if TYPE_CHECKING:
    from distributed import Client

__all__ = [
    "Make",
    "OnChange",
    "Sources",
    "State",
    "Task",
    "check_settings",
    "in_words",
    "outcome_words",
    "plan",
    "run",
    "seconds_left",
]


def plan(
    files: Iterable[str | Path], folder: str | Path, *, suffix: str = ".h5", overwrite: bool = False
) -> list[Task]:
    """Plan where the result of each file goes; nothing is read or written.

    Parameters
    ----------
    files : iterable of path
        A file that is listed twice is denoised once.
    folder : path
        For the results, NAME_denoised.h5; created when the batch runs.
    suffix : str
        File name ending of the results; it sets their format.
    overwrite : bool
        Whether files in the folder may be replaced. Finished results of the same source with the
        same settings are kept in any case, see `run`.

    Returns
    -------
    list of Task

    Raises
    ------
    SettingsError
        If the suffix cannot be written, or needs a missing package, two results would have one
        name, or a result would replace one of the files.
    OSError
        If the folder is not a folder, or cannot be written.

    Examples
    --------
    >>> [task] = plan(["scans/vase.ome.tif"], ".", suffix=".hspy")
    >>> task.target.name, task.state
    ('vase_denoised.hspy', 'waiting')
    """
    # A table has no room for the record by which a batch recognises its results.
    known = [ending for ending in writable_suffixes() if ending != ".csv"]
    if suffix.lower() not in (*known, *DOUBLE_SUFFIXES):
        raise SettingsError(
            f"results of a batch cannot be written as {suffix!r}: expected one of "
            f"{', '.join(known)}"
        )
    try:
        check_packages(f"result{suffix}")
    except MissingDependencyError as error:
        raise SettingsError(str(error)) from error
    folder = Path(folder)
    check_folder(folder)
    sources: dict[str, Path] = {}
    for file in files:
        sources.setdefault(_identity(Path(file)), Path(file))
    taken: dict[str, Path] = {}
    tasks = []
    for source in sources.values():
        target = folder / result_name(source, suffix)
        place = _identity(target)
        if place in taken:
            raise SettingsError(
                f"{taken[place]} and {source} would both have the result {target.name}; rename "
                "one of them, or denoise them into different folders"
            )
        taken[place] = source
        tasks.append(Task(source, target, overwrite))
    for place, source in sources.items():
        if place in taken:
            raise SettingsError(
                f"the result of {taken[place]} would replace {source}, which is one of the files "
                "to denoise; choose another folder for the results, or take that file out"
            )
    return tasks


def run(
    tasks: Sequence[Task],
    how: Mapping[str, Any] | RunPlan | Model,
    *,
    on_change: OnChange | None = None,
    should_stop: Callable[[], bool] | None = None,
    device: str = "auto",
    resume: bool = True,
    sources: Sources | None = None,
    make: Make | None = None,
    client: Client | str | None = None,
    after: Callable[[Task], object] | None = None,
) -> list[Task]:
    """Denoise the files of a plan, one after the other, or each on a worker of a cluster.

    Parameters
    ----------
    tasks : sequence of Task
        As returned by `plan`, or by `run` for a batch that was stopped.
    how : mapping, RunPlan or Model
        Keyword arguments of `denoise`, a plan that holds for any file, or the trained model to
        apply.
    on_change : callable, optional
        ``on_change(index, task)``.
    should_stop : callable, optional
        Returns True to stop. A result that is being written is finished first: hours may be in
        it.
    device : str
        Device for the networks, as in `denoise`; one given in `how` takes precedence.
    resume : bool
        Whether existing results of the same file with the same settings are kept.
    sources : Sources, optional
        How files are read; by default whole, as they describe themselves.
    make : callable, optional
        ``make(path, on_progress=..., should_stop=...)`` returns the result of a file instead of
        reading and denoising it as `how` says; `how` is then only recorded.
    client : distributed.Client or str, optional
        Of a dask.distributed cluster, or the address of its scheduler: each file is read, denoised
        and written by one of its workers, which must see files and folder under the same names.
    after : callable, optional
        ``after(task)``, called where a file was denoised, once its result is written.

    Returns
    -------
    list of Task
        With their states; tasks after a stop are ``"waiting"``.

    Raises
    ------
    SettingsError
        If a setting is unknown or impossible, before any file is read.
    """
    sources = sources or Sources()
    asked = how.request if isinstance(how, RunPlan) else how
    job = Job(asked_for(asked), sources, make or _maker(how, sources, device), resume)
    now = list(tasks)

    def show(index: int, task: Task) -> None:
        now[index] = task
        if on_change is not None:
            on_change(index, task)

    for index, task in enumerate(tasks):
        show(index, _fresh(task))
    if client is not None:
        _run_on_workers(list(now), job, client, show, should_stop, after)
        return now
    for index, task in enumerate(now):
        if should_stop is not None and should_stop():
            break
        TaskRunner(task, job, partial(show, index), should_stop).run()
        if after is not None and now[index].state == "done":
            after(now[index])
    return now


def _run_on_workers(
    tasks: list[Task],
    job: Job,
    client: Client | str,
    show: OnChange,
    should_stop: Callable[[], bool] | None,
    after: Callable[[Task], object] | None,
) -> None:
    """Let workers of a cluster denoise the files, each of them one at a time."""
    with connected(client) as found:
        workers = Cluster(found, Watch(None, should_stop))
        workers.check()
        calls = [partial(_work_on, _anywhere(task), job, after) for task in tasks]
        states = list(tasks)
        told: SimpleQueue[tuple[int, Task]] = SimpleQueue()

        def look() -> None:
            while not told.empty():
                index, task = told.get()
                states[index] = _named_as(tasks[index], task)
                show(index, states[index])

        try:
            results = workers.talk(calls, "batch", lambda *words: told.put(words), look)
            for index, task in enumerate(results):
                look()
                if not states[index].has_ended:
                    show(index, _named_as(tasks[index], task))
        except Cancelled:
            look()
            for index, task in enumerate(states):
                if task.state == "running":
                    show(index, stopped(task))


def _anywhere(task: Task) -> Task:
    """Return the task with names of files that do not depend on the current folder."""
    return replace(task, source=task.source.absolute(), target=task.target.absolute())


def _named_as(given: Task, now: Task) -> Task:
    """Return the state of a task, with files named as they were given."""
    return replace(now, source=given.source, target=given.target)


def _work_on(task: Task, job: Job, after: Callable[[Task], object] | None, line: Line) -> Task:
    """Denoise a file on a worker."""
    state = task.state

    def tell(now: Task) -> None:
        nonlocal state
        line.tell(now, at_once=now.state != state)
        state = now.state

    runner = TaskRunner(task, job, tell, line.is_cut)
    runner.run()
    if after is not None and runner.task.state == "done":
        after(runner.task)
    return runner.task


def _fresh(task: Task) -> Task:
    try:
        size, _ = measure(task.source)
    except OSError:
        size = 0  # reported when its turn comes
    return Task(task.source, task.target, task.overwrite, size=size)


def _maker(how: Mapping[str, Any] | RunPlan | Model, sources: Sources, device: str) -> Make:
    """Return the default `make`, after checking the settings."""
    if isinstance(how, Model):
        model = how
        return lambda path, **watch: apply(model, sources.read(path), device=device, **watch)
    plan = how if isinstance(how, RunPlan) else check_settings(how)
    if not isinstance(how, RunPlan):
        device = how.get("device", device)
    method = plan.request["method"]

    def make(path: Path, **watch: Any) -> Denoised:
        image = sources.read(path)
        settings = plan.on(image).settings
        return denoise(image, method=method, settings=settings, device=device, **watch)

    return make


def check_settings(how: Mapping[str, Any]) -> RunPlan:
    """Return the plan for any file; refuse settings that no file could be denoised with.

    Raises
    ------
    SettingsError
    """
    plan = plan_run(**{name: value for name, value in how.items() if name != "device"})
    if plan.problem:
        raise SettingsError(plan.problem)
    return plan


def _identity(path: Path) -> str:
    """Return what two names of one file have in common."""
    name = str(path.resolve())
    return name.casefold() if sys.platform in ("win32", "darwin") else name
