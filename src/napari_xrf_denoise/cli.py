"""The command line: xrf-denoise demo, info, denoise, apply, convert."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from . import __version__
from .cli_input import (
    AlignOption,
    ColumnsOption,
    DatasetOption,
    EnergyAxisOption,
    EnergyOption,
    Files,
    GainOption,
    Input,
    MaskOption,
    OffsetOption,
    RebinOption,
    RepeatAxisOption,
    RepeatKindOption,
    RepeatsOption,
    RowsOption,
    complain,
    each,
    parse_settings,
)
from .cli_output import (
    DeviceOption,
    OutputOption,
    OverwriteOption,
    check_folder,
    check_format,
    check_target,
    find_targets,
    print_report,
    progress_bars,
    save,
)
from .denoising.settings import Method, Pairs, Preset
from .errors import Cancelled, DataError, MissingDependencyError, SettingsError

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

OPTIONS = frozenset({"method", "preset", "pairs", "seed", "device"})
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
    from .demo import run_demo

    check_folder(output)
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
    from .describe import describe_image
    from .io import describe

    given = Input(energy_axis, repeat_axis, repeat_kind, energy_offset, energy_gain, dataset)

    def show(path: Path) -> None:
        typer.echo(f"{path}\n  layout: {describe(path)}")
        for line in describe_image(given.read(path)):
            typer.echo(f"  {line}")

    each(files, show, EXPECTED_ERRORS)


@app.command()
def denoise(
    files: Files,
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
    repeats: RepeatsOption = None,
    y: RowsOption = None,
    x: ColumnsOption = None,
    energy: EnergyOption = None,
    mask: MaskOption = None,
    rebin: RebinOption = None,
    align: AlignOption = False,
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
    overwrite: OverwriteOption = False,
) -> None:
    """Denoise files. The result is NAME_denoised.h5 in the present folder, or --output."""
    given = Input(
        energy_axis, repeat_axis, repeat_kind, energy_offset, energy_gain, dataset,
        repeats, y, x, energy, mask, rebin, align, seed,
    )  # fmt: skip
    options: dict[str, Any] = {
        "method": method,
        "preset": preset,
        "pairs": pairs,
        "seed": seed,
        "device": device,
    }
    options |= parse_settings(settings or [], OPTIONS)
    if save_model is not None and len(files) > 1:
        raise SettingsError("--save-model takes one file; several files make several models")
    if save_model is not None:
        check_target(save_model, overwrite, suffix=".safetensors")
    if figures is not None:
        check_folder(figures)
    targets = find_targets(files, output, overwrite)

    def run(path: Path) -> None:
        from . import denoising

        image, rest = given.read_part(path)
        check_format(image, targets[path])
        with progress_bars() as show:
            result = denoising.denoise(
                image, reference=rest, on_progress=show(f"Denoising {path.name}"), **options
            )
        print_report(result)
        save(result.image, targets[path], overwrite)
        if save_model is not None:
            typer.echo(f"model: {result.model.save(save_model, overwrite=overwrite)}")
        if figures is not None:
            from .run_figures import save_run_figures

            for picture in save_run_figures(figures, path.stem, image, result, unseen=rest):
                typer.echo(f"figure: {picture}")

    each(files, run, EXPECTED_ERRORS)


@app.command()
def apply(
    model: Annotated[Path, typer.Argument(help="Model that denoise --save-model wrote.")],
    files: Files,
    output: OutputOption = None,
    device: DeviceOption = "auto",
    repeats: RepeatsOption = None,
    y: RowsOption = None,
    x: ColumnsOption = None,
    energy: EnergyOption = None,
    mask: MaskOption = None,
    rebin: RebinOption = None,
    align: AlignOption = False,
    energy_axis: EnergyAxisOption = None,
    repeat_axis: RepeatAxisOption = None,
    repeat_kind: RepeatKindOption = None,
    energy_offset: OffsetOption = None,
    energy_gain: GainOption = None,
    dataset: DatasetOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Denoise files with a model that was trained before."""
    from . import denoising

    given = Input(
        energy_axis, repeat_axis, repeat_kind, energy_offset, energy_gain, dataset,
        repeats, y, x, energy, mask, rebin, align,
    )  # fmt: skip
    trained = denoising.Model.load(model)
    targets = find_targets(files, output, overwrite)

    def run(path: Path) -> None:
        image, _ = given.read_part(path)
        check_format(image, targets[path])
        with progress_bars() as show:
            result = denoising.apply(
                trained, image, device=device, on_progress=show(f"Denoising {path.name}")
            )
        print_report(result)
        save(result.image, targets[path], overwrite)

    each(files, run, EXPECTED_ERRORS)


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
    energy_axis: EnergyAxisOption = None,
    repeat_axis: RepeatAxisOption = None,
    repeat_kind: RepeatKindOption = None,
    energy_offset: OffsetOption = None,
    energy_gain: GainOption = None,
    dataset: DatasetOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Write a file, or a part of it, in another format."""
    from .io import write

    given = Input(
        energy_axis, repeat_axis, repeat_kind, energy_offset, energy_gain, dataset,
        repeats, y, x, energy, mask, rebin, align,
    )  # fmt: skip
    check_target(target, overwrite, file)
    image, _ = given.read_part(file)
    write(target, image, overwrite=overwrite)
    count, height, width, size = image.shape
    typer.echo(f"{target}: {count} repeat(s), {height} x {width} pixels (y, x), {size} channels")


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
