"""Warnings and errors of the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import typer

from napari_xrf_denoise.batch.results import without_name
from napari_xrf_denoise.core.errors import in_words


def warn(text: str, path: Path | None = None) -> None:
    """Print a warning, with its file where that is not clear."""
    named = "" if path is None else f"{path}: "
    typer.secho(f"{named}warning: {text}", fg="yellow", err=True)


def complain(error: Exception, path: Path | None = None) -> None:
    """Print an error as one message that names its file."""
    message = in_words(error, path)
    if path is not None and path.name not in message:
        message = f"{path}: {without_name(message, path)}"
    typer.secho(f"error: {message}", fg="red", err=True)


def each(
    files: list[Path], run: Callable[[Path], None], expected: tuple[type[Exception], ...]
) -> None:
    """Do something with each file; one with an expected error does not stop the others."""
    failed = 0
    for path in files:
        try:
            run(path)
        except expected as error:
            failed += 1
            complain(error, path)
    end_with(failed, len(files))


def end_with(failed: int, number: int) -> None:
    """Exit with status 1 if files failed, and print how many."""
    if failed and number > 1:
        typer.secho(f"error: {failed} of {number} files failed", fg="red", err=True)
    if failed:
        raise typer.Exit(1)
