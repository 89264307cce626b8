"""Options of several commands, and the decorator that makes options of a dataclass's fields."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_origin, get_type_hints

import typer

from napari_xrf_denoise.core.errors import SettingsError

_DEVICES = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def _known_device(name: str) -> str:
    """Refuse a device that torch has nowhere, before torch is loaded."""
    if not _DEVICES.fullmatch(name):
        raise SettingsError(f"--device: expected auto, cpu, cuda or mps, found {name!r}")
    return name


Files = Annotated[list[Path], typer.Argument(help="Files with spectra or maps.")]
ManyFiles = Annotated[
    list[Path], typer.Argument(help="Files with spectra or maps, folders, or quoted patterns.")
]
DeviceOption = Annotated[
    str,
    typer.Option(callback=_known_device, help="Device for the networks: auto, cpu, cuda or mps."),
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="Output file, or folder for several files.")
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]


@dataclass(frozen=True, kw_only=True)
class Where:
    """Where the work is done."""

    device: DeviceOption = "auto"
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="Address of a dask scheduler, such as tcp://host:8786, whose workers do the work."
        ),
    ] = None
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Do the work in so many processes on this computer."),
    ] = None

    @contextmanager
    def client(self) -> Iterator[Any]:
        """Give a client of the workers, None where none are asked for."""
        if self.scheduler is not None and self.workers is not None:
            raise SettingsError(
                "--workers: a scheduler has workers of its own; leave out --workers, or "
                "--scheduler to start some here"
            )
        if self.scheduler is None and self.workers is None:
            yield None
            return
        from napari_xrf_denoise.denoising.cluster import connected, workers_here

        chosen = connected(self.scheduler) if self.scheduler else workers_here(self.workers or 1)
        with chosen as client:
            typer.echo(f"workers: {client.dashboard_link}", err=True)
            yield client


@dataclass(frozen=True, kw_only=True)
class Results:
    """How results are written: the format, and what happens to those that exist already."""

    suffix: Annotated[
        str,
        typer.Option("--format", help="File name ending of NAME_denoised; it sets the format."),
    ] = ".h5"
    overwrite: OverwriteOption = False
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Continue a batch, also one of napari; keep results of the same file and "
            "settings.",
        ),
    ] = False


def options_from_fields(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that the dataclasses among its parameters stand for.

    Each such parameter is replaced by its annotated fields, those that a class inherits last; the
    command is called with an instance made of the options.
    """
    parameters: list[inspect.Parameter] = []
    groups: dict[str, tuple[type[Any], list[str]]] = {}
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        kind: Any = parameter.annotation
        if not (isinstance(kind, type) and is_dataclass(kind)):
            parameters.append(parameter.replace(kind=parameter.KEYWORD_ONLY))
            continue
        hints = get_type_hints(kind, include_extras=True)
        options = [field for field in fields(kind) if get_origin(hints[field.name]) is Annotated]
        options.sort(key=lambda field: field.name not in inspect.get_annotations(kind))
        groups[parameter.name] = kind, [field.name for field in options]
        parameters += [
            parameter.replace(
                name=field.name,
                kind=parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=hints[field.name],
            )
            for field in options
        ]

    @wraps(command)
    def run(**values: Any) -> None:
        made = {
            name: kind(**{option: values.pop(option) for option in options})
            for name, (kind, options) in groups.items()
        }
        command(**made, **values)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run
