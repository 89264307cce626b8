"""What the command line writes: where results go, what is printed, and the progress bar."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_xrf_denoise.batch.results import result_name, save_or_rescue
from napari_xrf_denoise.core.atomic_write import check_folder
from napari_xrf_denoise.core.errors import DataError, SettingsError

from .messages import warn
from .progress_table import duration, log_progress

if TYPE_CHECKING:
    from napari_xrf_denoise.core.progress import OnProgress, Progress
    from napari_xrf_denoise.core.spectrum_image import SpectrumImage
    from napari_xrf_denoise.denoising import Denoised

DeviceOption = Annotated[
    str, typer.Option("--device", help="auto, cpu, cuda or mps: where networks are computed.")
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace files that are already there.")
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="File to write, or folder for several.")
]
FormatOption = Annotated[
    str,
    typer.Option("--format", help="Ending of NAME_denoised, which says its format."),
]
ResumeOption = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with a batch, of napari too: results of the same file and settings are kept.",
    ),
]
DEVICES = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def check_device(name: str) -> None:
    """Refuse a device that torch has nowhere, before torch is loaded.

    Raises
    ------
    SettingsError
    """
    if not DEVICES.fullmatch(name):
        raise SettingsError(f"--device: expected auto, cpu, cuda or mps, found {name!r}")


def find_target(source: Path, output: Path | None, suffix: str, overwrite: bool) -> Path:
    """Return where a file's result goes, refusing what would fail after hours of work.

    Raises
    ------
    SettingsError, OSError
        If the result would replace its source or a file that it may not, or its folder cannot be
        written.
    """
    if output is not None and output.suffix and not output.is_dir():
        target = output
    else:
        folder = Path() if output is None else output
        target = folder / result_name(source, suffix)
        check_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
    check_target(target, overwrite, source)
    return target


def check_target(
    target: Path, overwrite: bool, source: Path | None = None, suffix: str | None = None
) -> None:
    """Refuse a file that could not be written, or that must not be replaced.

    Parameters
    ----------
    target : Path
    overwrite : bool
    source : Path, optional
        The file that was read: a measurement is never replaced by its own result.
    suffix : str, optional
        The ending that the name must have; one of the writable ones by default.
    """
    from napari_xrf_denoise.io import check_packages, writable_suffixes

    allowed = (suffix,) if suffix else writable_suffixes()
    if not target.name.lower().endswith(tuple(allowed)):
        raise SettingsError(f"{target}: expected a name that ends in {', '.join(allowed)}")
    if suffix is None:
        check_packages(target)
    if source is not None and target.resolve() == source.resolve():
        raise SettingsError(f"{target}: the result would replace its source; choose another name")
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target}: exists already; add --overwrite to replace it")
    if not target.resolve().parent.is_dir():
        raise FileNotFoundError(f"{target}: there is no folder {target.parent}; make it first")
    check_folder(target.resolve().parent)


def check_format(image: SpectrumImage, target: Path) -> None:
    """Refuse a format that cannot hold the result, before there is one.

    Raises
    ------
    DataError
    """
    if target.suffix.lower() == ".csv" and image.is_map:
        raise DataError(f"{target}: CSV holds spectra, not maps; choose a name ending in .h5")


def save(image: SpectrumImage, target: Path, overwrite: bool) -> None:
    """Write the result; where that fails, to a temporary folder, since hours may be in it."""
    save_or_rescue(image, target, overwrite)
    typer.echo(f"result: {target}")


def print_report(result: Denoised) -> None:
    """Print how the result was made and how good it is; warnings go to the error stream."""
    report = result.report
    choices = report.choices
    typer.echo(f"method: {choices['method']} ({choices['why']})")
    typer.echo(report.summary())
    if table := report.table():
        typer.echo(table)
    typer.echo(f"measured by: {report.measured_by}")
    typer.echo(f"counts: {report.count_ratio:.3f} of the raw counts")
    reported = set(result.image.metadata.get("warnings", ()))
    for warning in report.warnings:
        if warning not in reported:
            warn(warning)


@contextmanager
def progress_bars() -> Iterator[Callable[[str], OnProgress]]:
    """Give a function that makes a progress bar with a title and returns what moves it.

    Where nobody sees bars, as in a log, there is a line now and then.
    """
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    if not console.is_terminal:
        yield log_progress
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Bars(*columns, console=console, transient=True) as bars:

        def start(title: str) -> OnProgress:
            task = bars.add_task(title, total=1.0, left="")

            def move(progress: Progress) -> None:
                left = progress.seconds_left
                reported = "" if left is None else f"{duration(left)} left, "
                bars.update(
                    task,
                    completed=progress.fraction,
                    left=f"{reported}{progress.stage}",
                    visible=progress.fraction < 1,
                )

            return move

        yield start
