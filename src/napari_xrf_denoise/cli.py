"""The command line: xrf-denoise demo, info, denoise, apply, convert."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import __version__
from .denoising.settings import Method, Pairs, Preset
from .errors import Cancelled, DataError, MissingDependencyError, SettingsError

if TYPE_CHECKING:
    from .denoising import Denoised, Progress
    from .spectrum_image import SpectrumImage

app = typer.Typer(
    name="xrf-denoise",
    help="Denoise X-ray fluorescence spectra and maps, learning from the noisy counts alone.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

EXPECTED_ERRORS = (DataError, SettingsError, MissingDependencyError, Cancelled, OSError)
"""Errors whose message tells a user all there is to know; others show where they came from."""

Files = Annotated[list[Path], typer.Argument(help="Files with spectra or maps.")]
EnergyAxisOption = Annotated[
    int | None,
    typer.Option("--energy-axis", help="Which axis of the array is the energy; -1 is the last."),
]
RepeatAxisOption = Annotated[
    int | None, typer.Option("--repeat-axis", help="Which axis holds repeats of one measurement.")
]
OffsetOption = Annotated[
    float | None, typer.Option("--energy-offset", help="Energy of channel 0, in keV.")
]
GainOption = Annotated[
    float | None, typer.Option("--energy-gain", help="Width of a channel, in keV.")
]
DatasetOption = Annotated[
    str | None, typer.Option("--dataset", help="Path of the counts inside an HDF5 file.")
]
RepeatsOption = Annotated[
    str | None,
    typer.Option("--repeats", help="Which repeats to use, as first:last+1 (0:4). Others score."),
]
RowsOption = Annotated[str | None, typer.Option("--y", help="Which rows to use, as first:last+1.")]
ColumnsOption = Annotated[
    str | None, typer.Option("--x", help="Which columns to use, as first:last+1.")
]
EnergyOption = Annotated[
    str | None, typer.Option("--energy", help="Which energies to use, as low:high in keV.")
]
DeviceOption = Annotated[
    str, typer.Option("--device", help="auto, cpu, cuda or mps: where networks are computed.")
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace files that are already there.")
]
FolderOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="File to write, or folder for several.")
]


def main() -> None:
    """Run the command line; every expected error is one message, and the exit status 1."""
    try:
        app()
    except KeyboardInterrupt:
        _complain("stopped; no incomplete file was left behind")
        sys.exit(130)
    except EXPECTED_ERRORS as error:
        _complain(str(error))
        sys.exit(1)


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Show the version and end.")] = False,
) -> None:
    """Denoise X-ray fluorescence spectra and maps, learning from the noisy counts alone."""
    if show:
        typer.echo(f"xrf-denoise {__version__}")
        raise typer.Exit


@app.command()
def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for data and figures.")
    ] = Path("xrf-denoise-demo"),
    seed: Annotated[int, typer.Option(help="Seed of the simulation and of the training.")] = 0,
    napari: Annotated[bool, typer.Option("--napari", help="Show the outcome in napari.")] = False,
) -> None:
    """Simulate spectra and a map, denoise both, and compare with the known truth.

    Needs no file, no display and no napari.
    """
    from .demo import run_demo

    with _progress() as show:
        run_demo(output, seed, typer.echo, show)
    if napari:
        _open_napari(
            [output / f"{name}{end}.h5" for name in ("map", "spectra") for end in ("", "_denoised")]
        )


@app.command()
def info(
    files: Files,
    energy_axis: EnergyAxisOption = None,
    repeat_axis: RepeatAxisOption = None,
    energy_offset: OffsetOption = None,
    energy_gain: GainOption = None,
    dataset: DatasetOption = None,
) -> None:
    """Say what a file holds: layout, axes, calibration, repeats, counts, whether it is Poisson."""
    from .describe import describe_image
    from .io import describe

    def show(path: Path) -> None:
        typer.echo(f"{path}\n  layout: {describe(path)}")
        image = _read(path, energy_axis, repeat_axis, energy_offset, energy_gain, dataset)
        for line in describe_image(image):
            typer.echo(f"  {line}")

    _each(files, show)


@app.command()
def denoise(
    files: Files,
    output: FolderOption = None,
    method: Annotated[Method, typer.Option(help="How to denoise.")] = "auto",
    preset: Annotated[
        Preset, typer.Option(help="How much time to spend; tutorial is the published job.")
    ] = "balanced",
    pairs: Annotated[
        Pairs, typer.Option(help="Where independent noisy versions come from.")
    ] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of every random draw.")] = 0,
    device: DeviceOption = "auto",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="One setting of the method, as name=value; repeatable."),
    ] = None,
    repeats: RepeatsOption = None,
    y: RowsOption = None,
    x: ColumnsOption = None,
    energy: EnergyOption = None,
    energy_axis: EnergyAxisOption = None,
    repeat_axis: RepeatAxisOption = None,
    energy_offset: OffsetOption = None,
    energy_gain: GainOption = None,
    dataset: DatasetOption = None,
    figures: Annotated[
        Path | None, typer.Option(help="Folder for pictures of data, training and result.")
    ] = None,
    save_model: Annotated[
        Path | None, typer.Option(help="File (.safetensors) for the trained model.")
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Denoise files. The result is NAME_denoised.h5 in the present folder, or --output."""
    from . import denoising

    changes = _parse_settings(settings or [])
    targets = _targets(files, output, "_denoised.h5", overwrite)
    if save_model is not None:
        _check_target(save_model, overwrite, ".safetensors")
        if len(files) > 1:
            raise SettingsError("--save-model takes one file; several files make several models")

    def run(path: Path) -> None:
        whole = _read(path, energy_axis, repeat_axis, energy_offset, energy_gain, dataset)
        whole = whole.select(y=_slice(y, "--y"), x=_slice(x, "--x"), energy=_window(energy))
        image, rest = _split_repeats(whole, repeats)
        with _progress() as show:
            result = denoising.denoise(
                image,
                method=method,
                preset=preset,
                pairs=pairs,
                seed=seed,
                device=device,
                reference=rest,
                on_progress=show(f"Denoising {path.name}"),
                **changes,
            )
        _report(result)
        _save(result.image, targets[path], overwrite)
        if save_model is not None:
            typer.echo(f"model: {result.model.save(save_model, overwrite=overwrite)}")
        if figures is not None:
            from .run_figures import save_run_figures

            for picture in save_run_figures(figures, path.stem, image, result, unseen=rest):
                typer.echo(f"figure: {picture}")

    _each(files, run)


@app.command()
def apply(
    model: Annotated[Path, typer.Argument(help="Model that denoise --save-model wrote.")],
    files: Files,
    output: FolderOption = None,
    device: DeviceOption = "auto",
    energy_axis: EnergyAxisOption = None,
    repeat_axis: RepeatAxisOption = None,
    energy_offset: OffsetOption = None,
    energy_gain: GainOption = None,
    dataset: DatasetOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Denoise files with a model that was trained before."""
    from . import denoising

    trained = denoising.Model.load(model)
    targets = _targets(files, output, "_denoised.h5", overwrite)

    def run(path: Path) -> None:
        image = _read(path, energy_axis, repeat_axis, energy_offset, energy_gain, dataset)
        with _progress() as show:
            result = denoising.apply(
                trained, image, device=device, on_progress=show(f"Denoising {path.name}")
            )
        _report(result)
        _save(result.image, targets[path], overwrite)

    _each(files, run)


@app.command()
def convert(
    file: Annotated[Path, typer.Argument(help="File with spectra or a map.")],
    target: Annotated[Path, typer.Argument(help="File to write; its ending says the format.")],
    repeats: RepeatsOption = None,
    y: RowsOption = None,
    x: ColumnsOption = None,
    energy: EnergyOption = None,
    rebin: Annotated[
        str | None, typer.Option(help="Neighbours to add up, as y,x,energy (1,1,2).")
    ] = None,
    energy_axis: EnergyAxisOption = None,
    repeat_axis: RepeatAxisOption = None,
    energy_offset: OffsetOption = None,
    energy_gain: GainOption = None,
    dataset: DatasetOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Write a file, or a part of it, in another format."""
    from .io import write

    _check_target(target, overwrite)
    image = _read(file, energy_axis, repeat_axis, energy_offset, energy_gain, dataset)
    image = image.select(
        repeats=_slice(repeats, "--repeats"),
        y=_slice(y, "--y"),
        x=_slice(x, "--x"),
        energy=_window(energy),
    )
    if rebin is not None:
        try:
            rows, columns, channels = (int(part) for part in rebin.split(","))
        except ValueError as error:
            raise SettingsError(
                f"--rebin: expected three whole numbers as y,x,energy, found {rebin!r}"
            ) from error
        image = image.rebin(y=rows, x=columns, energy=channels)
    write(target, image, overwrite=overwrite)
    typer.echo(f"{target}: {_shape(image)}")


def _read(
    path: Path,
    energy_axis: int | None,
    repeat_axis: int | None,
    energy_offset: float | None,
    energy_gain: float | None,
    dataset: str | None,
) -> SpectrumImage:
    import warnings

    from .io import read

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        image = read(
            path,
            energy_axis=energy_axis,
            repeat_axis=repeat_axis,
            energy_offset=energy_offset,
            energy_gain=energy_gain,
            dataset=dataset,
        )
    for entry in caught:
        typer.secho(f"warning: {entry.message}", fg="yellow", err=True)
    return image


def _split_repeats(
    image: SpectrumImage, repeats: str | None
) -> tuple[SpectrumImage, SpectrumImage | None]:
    """Return the repeats to use, and the others, which score the result if they are scans."""
    chosen = _slice(repeats, "--repeats")
    if chosen is None:
        return image, None
    used = set(range(*chosen.indices(image.n_repeats)))
    rest = [index for index in range(image.n_repeats) if index not in used]
    part = image.select(repeats=chosen)
    if len(rest) < 2 or image.repeat_kind != "scan":
        return part, None
    return part, image.replace(counts=image.counts[rest])


def _report(result: Denoised) -> None:
    report = result.report
    choices = report.choices
    typer.echo(f"method: {choices['method']} ({choices['why']})")
    typer.echo(report.summary())
    typer.echo(f"measured by: {report.measured_by}")
    typer.echo(f"counts: {report.count_ratio:.3f} of the raw counts")
    for warning in report.warnings:
        typer.secho(f"warning: {warning}", fg="yellow", err=True)


def _save(image: SpectrumImage, target: Path, overwrite: bool) -> None:
    """Write the result; where that fails, to a temporary folder, since hours may be in it."""
    import tempfile

    from .io import write

    try:
        write(target, image, overwrite=overwrite)
    except OSError as error:
        rescue = Path(tempfile.mkdtemp(prefix="xrf-denoise-")) / f"{target.stem}.h5"
        write(rescue, image)
        raise OSError(f"{error}\nthe result was saved as {rescue} instead") from error
    typer.echo(f"result: {target}")


def _targets(
    files: list[Path], output: Path | None, ending: str, overwrite: bool
) -> dict[Path, Path]:
    """Return where each file's result goes, refusing what would fail after hours of work."""
    if output is not None and len(files) == 1 and output.suffix and not output.is_dir():
        targets = {files[0]: output}
    else:
        folder = Path() if output is None else output
        folder.mkdir(parents=True, exist_ok=True)
        targets = {path: folder / f"{path.stem}{ending}" for path in files}
    if len(set(targets.values())) < len(set(files)):
        raise SettingsError(
            "two of the files have the same name and would have the same result; "
            "denoise them one by one with --output"
        )
    for target in targets.values():
        _check_target(target, overwrite)
    return targets


def _check_target(target: Path, overwrite: bool, suffix: str | None = None) -> None:
    import os

    from .io import writable_suffixes

    allowed = (suffix,) if suffix else writable_suffixes()
    if not target.name.lower().endswith(tuple(allowed)):
        raise SettingsError(f"{target}: expected a name that ends in {', '.join(allowed)}")
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target}: exists already; add --overwrite to replace it")
    folder = target.resolve().parent
    if not folder.is_dir():
        raise FileNotFoundError(f"{target}: there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK):
        raise PermissionError(
            f"{target}: the folder {folder} cannot be written; choose another with --output"
        )


def _parse_settings(entries: list[str]) -> dict[str, Any]:
    import json

    changes: dict[str, Any] = {}
    for entry in entries:
        name, equals, text = entry.partition("=")
        if not equals or not name:
            raise SettingsError(f"--set: expected name=value, found {entry!r}")
        try:
            changes[name.strip()] = json.loads(text)
        except json.JSONDecodeError:
            changes[name.strip()] = None if text == "None" else text
    return changes


def _slice(text: str | None, option: str) -> slice | None:
    if text is None:
        return None
    try:
        parts = [int(part) if part.strip() else None for part in text.split(":")]
        if len(parts) == 1 and parts[0] is not None:
            return slice(parts[0], parts[0] + 1 or None)
        return slice(*parts) if 2 <= len(parts) <= 3 else _bad(option, text)
    except ValueError:
        return _bad(option, text)


def _bad(option: str, text: str) -> slice:
    raise SettingsError(f"{option}: expected first:last+1 such as 0:4, found {text!r}")


def _window(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError as error:
        raise SettingsError(f"--energy: expected low:high in keV, found {text!r}") from error
    return low, high


def _each(files: list[Path], run: Any) -> None:
    """Do something with each file; one that fails does not take the others with it."""
    failed = 0
    for path in files:
        try:
            run(path)
        except EXPECTED_ERRORS as error:
            if len(files) == 1:
                raise
            failed += 1
            _complain(str(error))
    if failed:
        _complain(f"{failed} of {len(files)} files failed")
        raise typer.Exit(1)


@contextmanager
def _progress() -> Iterator[Any]:
    """Give a function that makes a progress bar with a title and returns what moves it."""
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:

        def start(title: str) -> Any:
            task = bars.add_task(title, total=1.0, left="")

            def move(progress: Progress) -> None:
                left = progress.seconds_left
                told = "" if left is None else f"{_minutes(left)} left, "
                bars.update(
                    task,
                    completed=progress.fraction,
                    left=f"{told}{progress.stage}",
                    visible=progress.fraction < 1,
                )

            return move

        yield start


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _shape(image: SpectrumImage) -> str:
    repeats, height, width, size = image.shape
    return f"{repeats} repeat(s), {height} x {width} pixels (y, x), {size} channels"


def _open_napari(paths: list[Path]) -> None:
    try:
        import napari
    except ImportError as error:
        raise MissingDependencyError(
            'napari is not installed; install it with: pip install "napari-xrf-denoise[all]"'
        ) from error
    viewer = napari.Viewer()
    viewer.open([str(path) for path in paths], plugin="napari-xrf-denoise", stack=False)
    napari.run()


def _complain(message: str) -> None:
    typer.secho(f"error: {message}", fg="red", err=True)
