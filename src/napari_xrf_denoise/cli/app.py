"""The command line: xrf-denoise demo, info, denoise, apply, convert."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_xrf_denoise.core.atomic_write import check_folder
from napari_xrf_denoise.core.errors import (
    Cancelled,
    DataError,
    MissingDependencyError,
    SettingsError,
)
from napari_xrf_denoise.core.version import __version__
from napari_xrf_denoise.denoising.settings import Method, Pairs, Preset

from .inputs import (
    AlignOption,
    ColumnsOption,
    DatasetOption,
    EnergyAxisOption,
    EnergyOption,
    Files,
    GainOption,
    Input,
    ManyFiles,
    MaskOption,
    OffsetOption,
    RebinOption,
    RepeatAxisOption,
    RepeatKindOption,
    RepeatsOption,
    RowsOption,
    UnitOption,
)
from .messages import complain, each, warn
from .outputs import (
    DeviceOption,
    FormatOption,
    OutputOption,
    OverwriteOption,
    ResumeOption,
    check_device,
    check_format,
    check_target,
    find_target,
    print_report,
    progress_bars,
    save,
)
from .values import parse_settings

if TYPE_CHECKING:
    from napari_xrf_denoise.denoising import Model

    from .batch import Order

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

INTERRUPTED = 130
"""Exit status that typer gives when Ctrl-C was pressed."""

OPTIONS = {name: f"the option --{name}" for name in ("method", "preset", "pairs", "seed", "device")}
"""Settings that have an option of their own."""


def main() -> None:
    """Run the command line; every expected error is one message, and the exit status 1."""
    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            typer.secho("stopped; no incomplete file was left behind", err=True)
        raise
    except EXPECTED_ERRORS as error:
        complain(error)
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
    from .demo import check_demo_folder, run_demo

    check_demo_folder(output)
    with progress_bars() as show:
        run_demo(output, seed, typer.echo, show)
    if napari:
        names = [f"{name}{end}.h5" for name in ("map", "spectra") for end in ("", "_denoised")]
        _open_napari([output / name for name in names])


@app.command()
def info(
    files: Files,
    energy_axis: EnergyAxisOption = None,
    repeat_axis: RepeatAxisOption = None,
    repeat_kind: RepeatKindOption = None,
    energy_offset: OffsetOption = None,
    energy_gain: GainOption = None,
    dataset: DatasetOption = None,
) -> None:
    """Say what a file holds: layout, axes, calibration, repeats, counts, whether it is Poisson."""
    from napari_xrf_denoise.io import describe

    from .info import describe_image

    given = Input(energy_axis, repeat_axis, repeat_kind, energy_offset, energy_gain, dataset)

    def show(path: Path) -> None:
        reported: list[str] = []
        image = given.read(path, reported.append)
        typer.echo(f"{path}\n  layout: {describe(path)}")
        for line in describe_image(image):
            typer.echo(f"  {line}")
        # Warnings that the image has itself are among its lines.
        for text in reported:
            if not text.endswith(tuple(image.metadata.get("warnings", ()))):
                warn(text)

    each(files, show, EXPECTED_ERRORS)


@app.command()
def denoise(
    files: ManyFiles,
    output: OutputOption = None,
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
    model: Annotated[
        Path | None, typer.Option(help="Apply this model instead of learning from each file.")
    ] = None,
    repeats: RepeatsOption = None,
    y: RowsOption = None,
    x: ColumnsOption = None,
    energy: EnergyOption = None,
    mask: MaskOption = None,
    rebin: RebinOption = None,
    align: AlignOption = False,
    unit: UnitOption = None,
    energy_axis: EnergyAxisOption = None,
    repeat_axis: RepeatAxisOption = None,
    repeat_kind: RepeatKindOption = None,
    energy_offset: OffsetOption = None,
    energy_gain: GainOption = None,
    dataset: DatasetOption = None,
    figures: Annotated[
        Path | None, typer.Option(help="Folder for pictures of data, training and result.")
    ] = None,
    save_model: Annotated[
        Path | None, typer.Option(help="File (.safetensors) for the trained model.")
    ] = None,
    suffix: FormatOption = ".h5",
    overwrite: OverwriteOption = False,
    resume: ResumeOption = False,
) -> None:
    """Denoise files. The result is NAME_denoised.h5 in the present folder, or --output.

    Several files, folders and patterns are one batch: a file that fails does not stop the others.
    """
    given = Input(
        energy_axis, repeat_axis, repeat_kind, energy_offset, energy_gain, dataset,
        repeats, y, x, energy, mask, rebin, align, seed, unit,
    )  # fmt: skip
    check_device(device)
    options: dict[str, Any] = {"method": method, "preset": preset, "pairs": pairs, "seed": seed}
    try:
        options |= parse_settings(settings or [], OPTIONS)
    except SettingsError as error:
        raise SettingsError(f"--set: {error}") from error
    how = options if model is None else _load_instead(model, options, save_model)
    if save_model is not None:
        check_target(save_model, overwrite, suffix=".safetensors")
    if figures is not None:
        check_folder(figures)
    from .batch import Order

    order = Order(given, how, device, figures)
    order.check()
    _carry_out(order, files, output, suffix, overwrite, resume, save_model)


@app.command()
def apply(
    model: Annotated[Path, typer.Argument(help="Model that denoise --save-model wrote.")],
    files: ManyFiles,
    output: OutputOption = None,
    device: DeviceOption = "auto",
    repeats: RepeatsOption = None,
    y: RowsOption = None,
    x: ColumnsOption = None,
    energy: EnergyOption = None,
    mask: MaskOption = None,
    rebin: RebinOption = None,
    align: AlignOption = False,
    unit: UnitOption = None,
    energy_axis: EnergyAxisOption = None,
    repeat_axis: RepeatAxisOption = None,
    repeat_kind: RepeatKindOption = None,
    energy_offset: OffsetOption = None,
    energy_gain: GainOption = None,
    dataset: DatasetOption = None,
    suffix: FormatOption = ".h5",
    overwrite: OverwriteOption = False,
    resume: ResumeOption = False,
) -> None:
    """Denoise files with a model that was trained before."""
    from napari_xrf_denoise.denoising import Model

    from .batch import Order

    given = Input(
        energy_axis, repeat_axis, repeat_kind, energy_offset, energy_gain, dataset,
        repeats, y, x, energy, mask, rebin, align, unit=unit,
    )  # fmt: skip
    check_device(device)
    order = Order(given, Model.load(model), device)
    order.check()
    _carry_out(order, files, output, suffix, overwrite, resume)


def _load_instead(model: Path, options: dict[str, Any], save_model: Path | None) -> Model:
    """Return the trained model, unless something else is asked for beside it."""
    from napari_xrf_denoise.batch.record import DEFAULTS
    from napari_xrf_denoise.denoising import Model

    # The seed is that of --align, too.
    extra = [name for name in options if name != "seed" and options[name] != DEFAULTS.get(name)]
    if extra or save_model is not None:
        raise SettingsError(
            f"--model: a trained model has its settings; leave out "
            f"{', '.join(extra) or '--save-model'}, or --model to learn from each file"
        )
    return Model.load(model)


def _carry_out(
    order: Order,
    entries: list[Path],
    output: Path | None,
    suffix: str,
    overwrite: bool,
    resume: bool,
    save_model: Path | None = None,
) -> None:
    """Denoise one file, with all that there is to say of it, or several as a batch."""
    from napari_xrf_denoise.batch.sources import find_files

    from .batch import run_batch

    files = find_files(entries)
    if len(files) == 1 and set(files) == set(entries) and not resume:
        target = find_target(files[0], output, suffix, overwrite)
        if not overwrite:
            order.check_pictures(files)
        each(files, partial(_run_one, order, target, overwrite, save_model), EXPECTED_ERRORS)
        return
    if save_model is not None:
        raise SettingsError("--save-model takes one file; several files make several models")
    run_batch(order, files, output, suffix=suffix, overwrite=overwrite, resume=resume)


def _run_one(
    order: Order, target: Path, overwrite: bool, save_model: Path | None, path: Path
) -> None:
    with progress_bars() as show:
        move = show(f"Denoising {path.name}")
        image, rest = order.given.read_part(path)
        check_format(image, target)
        result = order.denoise(image, rest, on_progress=move)
    print_report(result)
    save(result.image, target, overwrite)
    if save_model is not None:
        typer.echo(f"model: {result.model.save(save_model, overwrite=overwrite)}")
    for picture in order.draw(path, image, rest, result):
        typer.echo(f"figure: {picture}")


@app.command()
def convert(
    file: Annotated[Path, typer.Argument(help="File with spectra or a map.")],
    target: Annotated[Path, typer.Argument(help="File to write; its ending says the format.")],
    repeats: RepeatsOption = None,
    y: RowsOption = None,
    x: ColumnsOption = None,
    energy: EnergyOption = None,
    mask: MaskOption = None,
    rebin: RebinOption = None,
    align: AlignOption = False,
    unit: UnitOption = None,
    energy_axis: EnergyAxisOption = None,
    repeat_axis: RepeatAxisOption = None,
    repeat_kind: RepeatKindOption = None,
    energy_offset: OffsetOption = None,
    energy_gain: GainOption = None,
    dataset: DatasetOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Write a file, or a part of it, in another format."""
    from napari_xrf_denoise.io import write

    given = Input(
        energy_axis, repeat_axis, repeat_kind, energy_offset, energy_gain, dataset,
        repeats, y, x, energy, mask, rebin, align, unit=unit,
    )  # fmt: skip
    check_target(target, overwrite, file)

    def carry_over(path: Path) -> None:
        image, _ = given.read_part(path)
        write(target, image, overwrite=overwrite)
        count, height, width, size = image.shape
        words = f"{count} repeat(s), {height} x {width} pixels (y, x), {size} channels"
        typer.echo(f"{target}: {words}")

    each([file], carry_over, EXPECTED_ERRORS)


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
