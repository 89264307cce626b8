"""What files and their results are called."""

from __future__ import annotations

from pathlib import Path

DOUBLE_SUFFIXES = (".ome.tif", ".ome.tiff", ".ome.zarr")
DENOISED = "_denoised"
"""What the name of a result ends with, before its suffix."""


def result_stem(source: Path) -> str:
    """Return the name of a file without its suffix, also where that has two parts.

    Examples
    --------
    >>> result_stem(Path("scans/vase.ome.tif")), result_stem(Path("map 0.5.h5"))
    ('vase', 'map 0.5')
    """
    for suffix in DOUBLE_SUFFIXES:
        if source.name.lower().endswith(suffix) and len(source.name) > len(suffix):
            return source.name[: -len(suffix)]
    return source.stem


def result_name(source: Path, suffix: str) -> str:
    """Return the name of a file's result.

    Examples
    --------
    >>> result_name(Path("scans/vase.ome.tif"), ".h5")
    'vase_denoised.h5'
    """
    return f"{result_stem(source)}{DENOISED}{suffix}"


def is_result_name(path: Path) -> bool:
    """Whether a file is called as a result is.

    Examples
    --------
    >>> is_result_name(Path("vase_denoised.ome.tif")), is_result_name(Path("vase.h5"))
    (True, False)
    """
    return result_stem(path).endswith(DENOISED)


def without_name(message: str, path: Path) -> str:
    """Return a message without the name of its file, or of the image in it, that it begins with.

    Examples
    --------
    >>> without_name("vase: all counts are zero", Path("scans/vase.h5"))
    'all counts are zero'
    """
    for name in (str(path), path.name, path.stem, result_stem(path)):
        message = message.removeprefix(f"{name}: ")
    return message
