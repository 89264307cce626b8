"""The command line: xrf-denoise demo, info, denoise, apply, convert."""

from __future__ import annotations

import sys
from dataclasses import replace
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

from .inputs import Input, Reading
from .messages import complain, each, warn
from .options import (
    Files,
    ManyFiles,
    OutputOption,
    OverwriteOption,
    Results,
    Where,
    options_from_fields,
)
from .outputs import (
    check_format,
    check_model_file,
    check_result,
    find_target,
    print_report,
    progress_bars,
    save,
)
from .values import parse_settings

if TYPE_CHECKING:
    from napari_xrf_denoise.denoising import Model

    from .batch import Request

app = typer.Typer(
    name="xrf-denoise",
    help="Denoise X-ray fluorescence spectra and maps, learning from the noisy counts alone.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

EXPECTED_ERRORS = (DataError, SettingsError, MissingDependencyError, Cancelled, OSError)
"""Errors whose message says everything a user needs; others show a traceback."""

INTERRUPTED = 130
"""Typer's exit status after Ctrl-C."""

OPTIONS = {name: f"the option --{name}" for name in ("method", "preset", "pairs", "seed", "device")}
"""Settings with an option of their own."""


def main() -> None:
    """Run the command line; an expected error is one message and the exit status 1."""
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
    show: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Denoise X-ray fluorescence spectra and maps, learning from the noisy counts alone."""
    if show:
        typer.echo(f"xrf-denoise {__version__}")
        raise typer.Exit


@app.command()
def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Output folder for data and figures.")
    ] = Path("xrf-denoise-demo"),
    seed: Annotated[int, typer.Option(help="Random seed of simulation and training.")] = 0,
    napari: Annotated[bool, typer.Option("--napari", help="Show the results in napari.")] = False,
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
@options_from_fields
def info(files: Files, reading: Reading) -> None:
    """Show layout, axes, calibration, repeats and counts of files, and whether they are Poisson."""
    from napari_xrf_denoise.io import describe

    from .info import describe_image

    def show(path: Path) -> None:
        reported: list[str] = []
        image = reading.read(path, reported.append)
        typer.echo(f"{path}\n  layout: {describe(path)}")
        for line in describe_image(image):
            typer.echo(f"  {line}")
        # Warnings of the image itself are among its lines.
        for text in reported:
            if not text.endswith(tuple(image.metadata.get("warnings", ()))):
                warn(text)

    each(files, show, EXPECTED_ERRORS)


@app.command()
@options_from_fields
def denoise(
    files: ManyFiles,
    *,
    output: OutputOption = None,
    method: Annotated[Method, typer.Option(help="Denoising method.")] = "auto",
    preset: Annotated[
        Preset,
        typer.Option(help="How much time to spend; tutorial reproduces the published tutorial."),
    ] = "balanced",
    pairs: Annotated[
        Pairs, typer.Option(help="How to obtain independent noisy versions.")
    ] = "auto",
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    where: Where,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Setting of the method, as name=value; repeatable."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Apply this model instead of training on each file.")
    ] = None,
    given: Input,
    figures: Annotated[
        Path | None, typer.Option(help="Folder for figures of data, training and result.")
    ] = None,
    save_model: Annotated[
        Path | None, typer.Option(help="File (.safetensors) for the trained model.")
    ] = None,
    results: Results,
) -> None:
    """Denoise files. The result is NAME_denoised.h5 in the current folder, or --output.

    Several files, folders and patterns form a batch: a file that fails does not stop the others.
    """
    options: dict[str, Any] = {"method": method, "preset": preset, "pairs": pairs, "seed": seed}
    try:
        options |= parse_settings(settings or [], OPTIONS)
    except SettingsError as error:
        raise SettingsError(f"--set: {error}") from error
    how = options if model is None else _load_instead(model, options, save_model)
    if save_model is not None:
        check_model_file(save_model, results.overwrite)
    if figures is not None:
        check_folder(figures)
    from .batch import Request

    with where.client() as client:
        request = Request(replace(given, seed=seed), how, where.device, figures, client)
        _carry_out(request, files, output, results, save_model)


@app.command()
@options_from_fields
def apply(
    model: Annotated[Path, typer.Argument(help="Model written by denoise --save-model.")],
    files: ManyFiles,
    *,
    output: OutputOption = None,
    where: Where,
    given: Input,
    results: Results,
) -> None:
    """Denoise files with a trained model."""
    from napari_xrf_denoise.denoising import Model

    from .batch import Request

    with where.client() as client:
        request = Request(given, Model.load(model), where.device, client=client)
        _carry_out(request, files, output, results)


def _load_instead(model: Path, options: dict[str, Any], save_model: Path | None) -> Model:
    """Return the trained model, unless options for training are given as well."""
    from napari_xrf_denoise.batch.record import DEFAULTS
    from napari_xrf_denoise.denoising import Model

    # The seed is that of --align, too.
    extra = [name for name in options if name != "seed" and options[name] != DEFAULTS.get(name)]
    if extra or save_model is not None:
        raise SettingsError(
            f"--model: a trained model has its own settings; leave out "
            f"{', '.join(extra) or '--save-model'}, or leave out --model to train on each file"
        )
    return Model.load(model)


def _carry_out(
    request: Request,
    entries: list[Path],
    output: Path | None,
    results: Results,
    save_model: Path | None = None,
) -> None:
    """Denoise one file with a full report, or several as a batch."""
    from napari_xrf_denoise.batch.sources import find_files

    from .batch import run_batch

    request.check()
    files = find_files(entries)
    if len(files) == 1 and set(files) == set(entries) and not results.resume:
        target = find_target(files[0], output, results)
        if not results.overwrite:
            request.check_figures(files)
        run = partial(_run_one, request, target, results.overwrite, save_model)
        each(files, run, EXPECTED_ERRORS)
        return
    if save_model is not None:
        raise SettingsError("--save-model: expected one file, since each file has its own model")
    run_batch(request, files, output, results)


def _run_one(
    request: Request, target: Path, overwrite: bool, save_model: Path | None, path: Path
) -> None:
    with progress_bars() as show:
        move = show(f"Denoising {path.name}")
        image, rest = request.given.read_part(path)
        check_format(image, target)
        result = request.denoise(image, rest, on_progress=move)
    print_report(result)
    save(result.image, target, overwrite)
    if save_model is not None:
        typer.echo(f"model: {result.model.save(save_model, overwrite=overwrite)}")
    for figure in request.draw(path, image, rest, result):
        typer.echo(f"figure: {figure}")


@app.command()
@options_from_fields
def convert(
    file: Annotated[Path, typer.Argument(help="File with spectra or a map.")],
    target: Annotated[Path, typer.Argument(help="Output file; its ending sets the format.")],
    *,
    given: Input,
    overwrite: OverwriteOption = False,
) -> None:
    """Write a file, or a part of it, in another format."""
    from napari_xrf_denoise.io import write

    check_result(target, overwrite, file)

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
