"""Saving a result that hours of work may be in: nothing of it is lost."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import DataError
from .result_names import result_stem

if TYPE_CHECKING:
    from .spectrum_image import SpectrumImage


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


def save_or_rescue(image: SpectrumImage, target: Path, overwrite: bool) -> None:
    """Write a result; where that fails, to a temporary folder.

    Raises
    ------
    OSError
        If the target could not be written; it says where the result is instead.
    """
    from . import io

    try:
        io.write(target, image, overwrite=overwrite)
    except (OSError, DataError) as error:
        cause = getattr(error, "strerror", None) or error
        raise OSError(f"{cause}; {_rescue(image, target)}") from error


def _rescue(image: SpectrumImage, target: Path) -> str:
    from . import io

    folder = Path(tempfile.mkdtemp(prefix="xrf-denoise-"))
    rescued = folder / f"{result_stem(target)}.h5"
    try:
        io.write(rescued, image)
    except (OSError, DataError) as error:
        folder.rmdir()
        return f"nor could it be saved elsewhere: {error}"
    return f"the result was saved as {rescued} instead"
