"""Saving a result that hours of work may be in: nothing of it is lost."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from napari_xrf_denoise.core.errors import in_words

from .merge_result_names import result_stem

if TYPE_CHECKING:
    from napari_xrf_denoise.core.spectrum_image import SpectrumImage


def check_folder(folder: Path) -> None:
    """Refuse a folder that cannot be written, or cannot be made; nothing is left behind.

    Raises
    ------
    NotADirectoryError, PermissionError
    """
    asked = folder.resolve()
    place = next((parent for parent in (asked, *asked.parents) if parent.exists()), asked)
    named = f"{folder}" if place == asked else f"{folder}: {place}"
    if not place.is_dir():
        raise NotADirectoryError(f"{named} is no folder; choose another folder")
    # Permissions do not tell of every folder: some hold no files of users, or no more files.
    probe = place / f".{uuid4().hex}.part"
    try:
        probe.touch()
    except OSError as error:
        raise PermissionError(f"{named} cannot be written; choose another folder") from error
    probe.unlink()


def save_or_rescue(image: SpectrumImage, target: Path, overwrite: bool) -> None:
    """Write a result; where that fails, to a temporary folder.

    Raises
    ------
    OSError
        If the target could not be written; it says where the result is instead.
    """
    from napari_xrf_denoise import io

    try:
        io.write(target, image, overwrite=overwrite)
    except Exception as error:
        # Also those that nobody expects: the result shall not be lost with them.
        cause = in_words(error, target).rstrip(".")
        raise OSError(f"{cause}; {_rescue(image, target)}") from error


def _rescue(image: SpectrumImage, target: Path) -> str:
    from napari_xrf_denoise import io

    folder = Path(tempfile.mkdtemp(prefix="xrf-denoise-"))
    rescued = folder / f"{result_stem(target)}.h5"
    try:
        io.write(rescued, image)
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        return f"nor could it be saved elsewhere: {in_words(error, rescued)}"
    return f"the result was saved as {rescued} instead"
