"""A folder of TIFF images: one per channel, in the order of the numbers in their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.errors import FormatError
from napari_xrf_denoise.io.base.contents import FileContents
from napari_xrf_denoise.io.base.file_stack import FileStack
from napari_xrf_denoise.io.base.layout import Layout
from napari_xrf_denoise.io.options import ReadOptions

from . import tiff

_FEWEST_CHANNELS = 16
"""Fewer images than this are element maps or a few views, not the channels of a spectrum."""
_NUMBER = re.compile(r"([0-9]+)")


def opens(path: Path) -> bool:
    """Whether this is a folder with at least two TIFF images in it."""
    if not path.is_dir():
        return False
    files = _pictures(path)
    return len(files) > 1 and tiff.opens(files[0])


def read(path: Path, options: ReadOptions) -> FileContents:
    """Read all TIFF files of a folder as the first axis of one array; lazily if it is large.

    Images of two axes whose names differ in one number that rises in equal steps are taken as the
    channels, in that order, if there are 16 or more. Otherwise the energy axis must be named.
    """
    files = _pictures(path)
    if len(files) < 2:
        raise FormatError(
            f"{path}: expected a folder with a TIFF image for each channel, found "
            f"{len(files)}; name the folder that holds them, or the file of a stack"
        )
    shape, dtype = _one_shape(files)
    stack = FileStack(files, _load, shape, dtype)
    numbers = _numbers(files)
    is_channels = numbers is not None and len(files) >= _FEWEST_CHANNELS and len(shape) == 2
    warnings: tuple[str, ...] = ()
    if options.energy_axis is None and is_channels:
        assert numbers is not None
        _check_steps(files, numbers)
        warnings = (
            f"the {len(files)} images {files[0].name} to {files[-1].name} were taken as the "
            "channels in the order of their numbers; if they are not, give energy_axis "
            "(--energy-axis)",
        )
    return FileContents(
        counts=stack.counts(),
        energy_axis=0 if is_channels else None,
        name=path.resolve().name,
        metadata={"first_picture": files[0].name, "last_picture": files[-1].name},
        warnings=warnings,
    )


def _pictures(folder: Path) -> list[Path]:
    """Return the TIFF files of a folder, in the order of the numbers in their names."""
    files = [
        file
        for file in folder.iterdir()
        if file.suffix.lower() in tiff.SUFFIXES and not file.name.startswith(".") and file.is_file()
    ]
    return sorted(files, key=_natural)


def _natural(file: Path) -> list[tuple[int, str]]:
    """Return a key that sorts image 10 after image 9."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in _NUMBER.split(file.name)
    ]


def _one_shape(files: Sequence[Path]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the shape and type of all images, reading only their headers."""
    first = _header(files[0])
    for file in files[1:]:
        other = _header(file)
        if other != first:
            raise FormatError(
                f"{file}: expected shape {first[0]} and type {first[1]} as of {files[0].name}, "
                f"found {other[0]} and {other[1]}; move files of other series out of the "
                "folder"
            )
    return first


def _header(file: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    with tiff._open(file) as tif:
        series = tif.series[0]
        return tuple(series.shape), np.dtype(series.dtype).newbyteorder("=")


def _load(file: Path) -> NDArray[Any]:
    counts: NDArray[Any] = tiff.read(file, ReadOptions()).counts
    return counts


def _numbers(files: Sequence[Path]) -> list[int] | None:
    """Return the number by which the names differ, or None if they differ in more than one."""
    parts = [_NUMBER.split(file.name) for file in files]
    if len({len(entry) for entry in parts}) != 1:
        return None
    # An extension in other letters or a number with leading zeros is no difference.
    same = [[int(part) if part.isdecimal() else part.lower() for part in entry] for entry in parts]
    differing = [
        place for place, values in enumerate(zip(*same, strict=True)) if len(set(values)) > 1
    ]
    if len(differing) != 1:
        return None
    values = [entry[differing[0]] for entry in same]
    return [value for value in values if isinstance(value, int)] if differing[0] % 2 else None


def _check_steps(files: Sequence[Path], numbers: Sequence[int]) -> None:
    """Refuse a gap, behind which all energies would be wrong."""
    steps = np.diff(numbers)
    usual = int(np.median(steps))
    if np.all(steps == usual) and usual > 0:
        return
    place = int(np.argmax(steps != usual))
    raise FormatError(
        f"{files[place].parent}: expected an image for each channel, numbered in steps of "
        f"{usual}, found {files[place + 1].name} after {files[place].name}; copy the missing "
        "images there, or give energy_axis=0 (--energy-axis 0) if the numbers have no meaning"
    )


LAYOUT = Layout(
    name="tiff_folder",
    description="A folder of TIFF images, one per channel",
    read=read,
    opens=opens,
)
