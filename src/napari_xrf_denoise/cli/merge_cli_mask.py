"""The picture of --mask: which pixels of a map are used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.errors import DataError, SettingsError
from napari_xrf_denoise.io.base.signatures import kind_of_content
from napari_xrf_denoise.io.images import npy, tiff
from napari_xrf_denoise.io.options import ReadOptions

SUFFIXES = (".npy", ".tif", ".tiff")


def check_mask(path: Path) -> None:
    """Refuse a mask that is missing, or a picture of a kind that is not read.

    Raises
    ------
    SettingsError
    """
    if not path.is_file():
        raise SettingsError(f"--mask {path}: there is no such file")
    if path.suffix.lower() not in SUFFIXES:
        raise SettingsError(
            f"--mask {path}: expected .npy or .tif, found {kind_of_content(path)}; save the "
            "picture in one of these"
        )


def read_mask(path: Path, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels of a map that a picture is above 0 in.

    Parameters
    ----------
    path : Path
    shape : tuple of int
        (y, x) of the map.

    Raises
    ------
    SettingsError
        If the picture cannot be read, or has another shape.
    """
    check_mask(path)
    layout = npy if path.suffix.lower() == ".npy" else tiff
    try:
        picture = np.asarray(layout.read(path, ReadOptions()).counts)
    except (DataError, OSError) as error:
        raise SettingsError(
            f"--mask {path}: expected a picture in .npy or .tif, found {kind_of_content(path)} "
            "that cannot be read; it may be cut off: save it again"
        ) from error
    if picture.shape != shape:
        raise SettingsError(
            f"--mask {path}: expected a picture of the map's shape {shape} (y, x), found "
            f"{picture.shape}"
        )
    if picture.dtype.kind not in "biuf":
        raise SettingsError(f"--mask {path}: expected a picture of numbers, found {picture.dtype}")
    return np.asarray(picture > 0)
