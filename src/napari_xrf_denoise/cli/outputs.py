"""Output of the command line: files of results, the printed report, the progress bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from napari_xrf_denoise.batch.results import result_name, save_or_rescue
from napari_xrf_denoise.core.atomic_write import check_folder, check_target
from napari_xrf_denoise.core.errors import DataError, SettingsError
from napari_xrf_denoise.core.quantities import about_seconds

from .messages import warn
from .progress_table import log_progress

if TYPE_CHECKING:
    from napari_xrf_denoise.core.progress import OnProgress, Progress
    from napari_xrf_denoise.core.spectrum_image import SpectrumImage
    from napari_xrf_denoise.denoising import Denoised

    from .options import Results


def find_target(source: Path, output: Path | None, results: Results) -> Path:
    """Return where a file's result goes, refusing what would fail after hours of work."""
    if output is not None and output.suffix and not output.is_dir():
        target = output
    else:
        folder = Path() if output is None else output
        target = folder / result_name(source, results.suffix)
        check_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
    check_result(target, results.overwrite, source)
    return target


def check_result(target: Path, overwrite: bool, source: Path | None = None) -> None:
    """Refuse a result that could not be written, or that would replace what it must not."""
    from napari_xrf_denoise.io import check_packages, writable_suffixes
    from napari_xrf_denoise.io.images import ome_zarr

    check_suffix(target, writable_suffixes())
    check_packages(target)
    if source is not None and target.resolve() == source.resolve():
        raise SettingsError(f"{target}: the result would replace its source; choose another name")
    is_folder = target.name.lower().endswith(ome_zarr.SUFFIXES)
    check_target(target, overwrite, ome_zarr.is_own if is_folder else None)
    check_folder(target.resolve().parent)


def check_model_file(target: Path, overwrite: bool) -> None:
    """Refuse a file that no model could be written to."""
    check_suffix(target, (".safetensors",))
    check_target(target, overwrite)
    check_folder(target.resolve().parent)


def check_suffix(target: Path, allowed: tuple[str, ...]) -> None:
    """Refuse a name with any other ending."""
    if not target.name.lower().endswith(allowed):
        raise SettingsError(f"{target}: expected a name that ends in {', '.join(allowed)}")


def check_format(image: SpectrumImage, target: Path) -> None:
    """Refuse a format that cannot hold the result, before there is one."""
    if target.suffix.lower() == ".csv" and image.is_map:
        raise DataError(f"{target}: CSV holds spectra, not maps; choose a name ending in .h5")


def save(image: SpectrumImage, target: Path, overwrite: bool) -> None:
    """Write the result; if that fails, to a temporary folder, since hours may be in it."""
    save_or_rescue(image, target, overwrite)
    typer.echo(f"result: {target}")


def print_report(result: Denoised) -> None:
    """Print method and quality of the result; warnings go to the error stream."""
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
    """Give ``start(title)``, which adds a progress bar and returns the function that moves it.

    Without a terminal, as in a log, lines are printed now and then instead.
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
                remaining = "" if left is None else f"{about_seconds(left)} left, "
                bars.update(
                    task,
                    completed=progress.fraction,
                    left=f"{remaining}{progress.stage}",
                    visible=progress.fraction < 1,
                )

            return move

        yield start
