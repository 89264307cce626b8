"""Many files, one after the other, with one setting or one saved model.

A file's error stays with that file. Each result is complete or not there, and says of which file
and with which settings it was made: run again after a stop or a crash, a batch goes on where it
was. `plan` refuses what would fail after hours of work, `run` does it.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from . import __version__
from .batch_record import (
    DEFAULTS,
    RECORD,
    asked_for,
    difference_to,
    measure,
    read_or_none,
    read_quietly,
    report_from,
    source_record,
)
from .denoising import Denoised, Model, Progress, QualityReport, apply, denoise
from .denoising.settings import METHODS, PRESETS, check_setting, resolve_settings
from .errors import Cancelled, DataError, SettingsError
from .io import writable_suffixes, write
from .spectrum_image import SpectrumImage

State = Literal["waiting", "running", "done", "failed", "skipped", "stopped"]

WRITING = 0.95
"""Share of a file's work that is done when its result is written."""
DOUBLE_SUFFIXES = (".ome.tif", ".ome.tiff", ".ome.zarr")


@dataclass(frozen=True)
class Task:
    """One file of a batch; every change makes a new one, so that threads can share it.

    Parameters
    ----------
    source, target : Path
        The file with counts, and where its result goes.
    overwrite : bool
        Whether a target that is something else may be replaced.
    state : {"waiting", "running", "done", "failed", "skipped", "stopped"}
        ``"skipped"``: the result is there already.
    stage : str
        What is being done to the file.
    message : str
        What came of it, in one line.
    details : str
        The same at length.
    fraction : float
        Share of the file's work that is done, 0 to 1.
    dose_gain : float
        As in `QualityReport`; NaN where it is not known.
    gain_words : str
        The dose gain with its interval; empty without a result.
    size : int
        Bytes of the source, known when the batch runs.
    seconds : float
        Time that was spent on it.
    """

    source: Path
    target: Path
    overwrite: bool = False
    state: State = "waiting"
    stage: str = ""
    message: str = ""
    details: str = ""
    fraction: float = 0.0
    dose_gain: float = math.nan
    gain_words: str = ""
    size: int = 0
    seconds: float = 0.0

    @property
    def has_result(self) -> bool:
        """Whether the target is the result of this file with these settings."""
        return self.state in ("done", "skipped")


OnChange = Callable[[int, Task], object]
"""``on_change(index, task)``, called whenever a task has changed."""
Make = Callable[..., Denoised]
"""``make(path, on_progress=..., should_stop=...)`` reads a file and denoises it."""


def plan(
    files: Iterable[str | Path], folder: str | Path, suffix: str = ".h5", overwrite: bool = False
) -> list[Task]:
    """Return where each file's result goes; nothing is read or written.

    Parameters
    ----------
    files : iterable of path
        A file that is named twice is done once.
    folder : path
        For the results, NAME_denoised.h5; made when the batch runs.
    suffix : str
        Ending of the results' names, which says their format.
    overwrite : bool
        Whether files in the folder may be replaced. Finished results of the same source with the
        same settings are kept in any case.

    Returns
    -------
    list of Task

    Raises
    ------
    SettingsError
        If the suffix is none that can be written, two results would have one name, or a result
        would replace one of the files.
    OSError
        If the folder is none, or cannot be written.

    Examples
    --------
    >>> [task] = plan(["scans/vase.ome.tif"], ".", suffix=".hspy")
    >>> task.target.name, task.state
    ('vase_denoised.hspy', 'waiting')
    """
    # A table has no room for the record by which a batch knows its results again.
    known = [ending for ending in writable_suffixes() if ending != ".csv"]
    if suffix.lower() not in (*known, *DOUBLE_SUFFIXES):
        raise SettingsError(
            f"results of a batch cannot be written as {suffix!r}: expected one of "
            f"{', '.join(known)}"
        )
    folder = Path(folder)
    check_folder(folder)
    sources: dict[str, Path] = {}
    for file in files:
        sources.setdefault(_identity(Path(file)), Path(file))
    taken: dict[str, Path] = {}
    tasks = []
    for source in sources.values():
        target = folder / f"{result_stem(source)}_denoised{suffix}"
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
    how: Mapping[str, Any] | Model,
    on_change: OnChange | None = None,
    should_stop: Callable[[], bool] | None = None,
    *,
    make: Make | None = None,
) -> list[Task]:
    """Denoise the files of a plan, one after the other.

    Parameters
    ----------
    tasks : sequence of Task
        What `plan` returned; of a batch that was stopped, its tasks as they are.
    how : mapping or Model
        Keyword arguments of `denoise`, or the trained model to apply.
    on_change : callable, optional
        ``on_change(index, task)``.
    should_stop : callable, optional
        Returns True when the batch shall end. A result that is being written is finished first:
        hours may be in it.
    make : callable, optional
        ``make(path, on_progress=..., should_stop=...)`` gives a file's result in place of reading
        the whole of it and denoising it as `how` says; `how` is then only what is recorded.

    Returns
    -------
    list of Task
        Each with its state; tasks after a stop are ``"waiting"``.

    Raises
    ------
    SettingsError
        If a setting is unknown or impossible; before any file is read.
    """
    if make is None:
        make = _maker(how)
    asked = asked_for(how)
    now = list(tasks)

    def show(index: int, task: Task) -> None:
        now[index] = task
        if on_change is not None:
            on_change(index, task)

    for index, task in enumerate(tasks):
        show(index, _fresh(task))
    for index, task in enumerate(now):
        if should_stop is not None and should_stop():
            break
        _Run(task, asked, make, partial(show, index), should_stop).run()
    return now


def seconds_left(tasks: Sequence[Task]) -> float | None:
    """Return the time that a batch still takes, from the pace of its files so far.

    Parameters
    ----------
    tasks : sequence of Task

    Returns
    -------
    float or None
        In seconds; None before there is a pace. Files are taken to need time as their bytes.

    Examples
    --------
    >>> done = Task(Path("a"), Path("b"), state="done", fraction=1, size=100, seconds=30)
    >>> seconds_left([done, Task(Path("c"), Path("d"), size=50)])
    15.0
    """
    worked = [task for task in tasks if task.state in ("done", "running")]
    seconds = sum(task.seconds for task in worked)
    size = sum(max(1, task.size) * task.fraction for task in worked)
    if seconds < 0.5 or not any(task.fraction > 0.02 for task in worked):
        return None
    open_ = [task for task in tasks if task.state in ("waiting", "running")]
    return seconds / size * sum(max(1, task.size) * (1 - task.fraction) for task in open_)


def result_stem(source: Path) -> str:
    """Return the name of a file without its suffix, also where that has two parts."""
    for suffix in DOUBLE_SUFFIXES:
        if source.name.lower().endswith(suffix) and len(source.name) > len(suffix):
            return source.name[: -len(suffix)]
    return source.stem


def check_folder(folder: Path) -> None:
    """Refuse a folder that cannot be written, or cannot be made.

    Raises
    ------
    PermissionError
    """
    place = folder.resolve()
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK):
        raise PermissionError(f"{folder}: {place} cannot be written; choose another folder")


class _Run:
    """The work on one file, from its name to its result."""

    def __init__(
        self,
        task: Task,
        asked: Mapping[str, Any],
        make: Make,
        show: Callable[[Task], object],
        should_stop: Callable[[], bool] | None,
    ) -> None:
        self.task = task
        self._asked = asked
        self._make = make
        self._show_task = show
        self._should_stop = should_stop
        self._began = time.monotonic()

    def run(self) -> None:
        """Bring the task to an end, whatever happens."""
        self._show(state="running", stage="looking for an earlier result")
        try:
            self._work()
        except Cancelled:
            self._end("stopped", "Stopped; nothing was written.")
        except Exception as error:
            # Also those that nobody expects: the other files shall not suffer from this one.
            text = in_words(error, self.task.source)
            expected = isinstance(error, DataError | SettingsError | ImportError | OSError)
            self._end("failed", text, text if expected else f"{text}\n\n{traceback.format_exc()}")

    def _work(self) -> None:
        source, target = self.task.source, self.task.target
        record = {**source_record(source), **self._asked, "version": __version__}
        if target.exists():
            image = read_or_none(target)
            difference = difference_to(image, record)
            if image is not None and not difference:
                self._skip(image)
                return
            if not self.task.overwrite:
                raise FileExistsError(
                    f"{target.name} exists already and {difference}; allow it to be replaced "
                    "(overwrite), or choose another folder"
                )
        self._show(stage="reading")
        result = self._make(source, on_progress=self._follow, should_stop=self._should_stop)
        self._show(stage="writing", fraction=WRITING)
        past = result.image.metadata.get("denoising", {})
        metadata = {**result.image.metadata, "denoising": {**past, RECORD: record}}
        target.parent.mkdir(parents=True, exist_ok=True)
        _save(result.image.replace(metadata=metadata), target, self.task.overwrite)
        self._finish("done", result.report)

    def _skip(self, image: SpectrumImage) -> None:
        report = report_from(image.metadata["denoising"].get("report") or {})
        self._finish("skipped", report, "was there already: same file, same settings")

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
            fraction=1.0,
        )
        self._end(state, "; ".join(words), "\n".join(details))

    def _end(self, state: State, message: str, details: str = "") -> None:
        self._show(state=state, stage="", message=message, details=details or message)

    def _show(self, **changes: Any) -> None:
        self.task = replace(self.task, seconds=time.monotonic() - self._began, **changes)
        self._show_task(self.task)


def in_words(error: BaseException, source: Path) -> str:
    """Return an error as one sentence for the row of its file."""
    if isinstance(error, DataError | SettingsError | ImportError):
        return str(error)
    if isinstance(error, MemoryError):
        return (
            f"{source.name}: not enough memory ({error}). Crop or rebin the map, or use a larger "
            "machine."
        )
    if isinstance(error, OSError):
        # An error with a number begins with it, which tells a user nothing.
        reason = str(error.strerror or error)
        named = source.name in reason or error.filename is None
        return reason if named else f"{reason}: {error.filename}"
    return f"{source.name}: {type(error).__name__}: {error}. Please report this as a bug."


def _fresh(task: Task) -> Task:
    try:
        size, _ = measure(task.source)
    except OSError:
        size = 0  # its own error when its turn comes
    return Task(task.source, task.target, task.overwrite, size=size)


def _maker(how: Mapping[str, Any] | Model) -> Make:
    """Return the default `make`, after a look at the settings."""
    if isinstance(how, Model):
        model = how
        return lambda path, **watch: apply(model, read_quietly(path), **watch)
    settings = dict(how)
    check_settings(settings)
    return lambda path, **watch: denoise(read_quietly(path), **watch, **settings)


def check_settings(settings: Mapping[str, Any]) -> None:
    """Refuse keyword arguments of `denoise` that no file could be denoised with.

    Raises
    ------
    SettingsError
    """
    own = {**DEFAULTS, **settings}
    method, preset = own.pop("method"), own.pop("preset")
    own.pop("device", None)
    check_setting(method in METHODS, "method", f"one of {', '.join(METHODS)}", method)
    check_setting(preset in PRESETS, "preset", f"one of {', '.join(PRESETS)}", preset)
    if method != "auto":
        resolve_settings(method, preset, own)
        return
    # Which method it will be, the first look at a file says; one of them must take the settings.
    problems = []
    for possible in ("spectrum",) if preset == "tutorial" else ("stack", "spectrum"):
        try:
            resolve_settings(possible, preset, own)
            return
        except SettingsError as error:
            problems.append(error)
    raise problems[0]


def _identity(path: Path) -> str:
    """Return what two names of one file have in common."""
    name = str(path.resolve())
    return name.casefold() if sys.platform in ("win32", "darwin") else name


def _save(image: SpectrumImage, target: Path, overwrite: bool) -> None:
    """Write a result; where that fails, to a temporary folder, since hours may be in it."""
    try:
        write(target, image, overwrite=overwrite)
    except (OSError, DataError) as error:
        cause = getattr(error, "strerror", None) or str(error)
        folder = Path(tempfile.mkdtemp(prefix="xrf-denoise-"))
        rescued = folder / f"{result_stem(target)}.h5"
        try:
            write(rescued, image)
        except (OSError, DataError) as second:
            folder.rmdir()
            raise OSError(f"{cause}; nor could it be saved elsewhere: {second}") from error
        raise OSError(f"{cause}; the result was saved as {rescued} instead") from error
