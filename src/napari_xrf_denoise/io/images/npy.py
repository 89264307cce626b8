"""NumPy arrays in ``.npy`` files: one array, and nothing about its axes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from napari_xrf_denoise.core.errors import FormatError
from napari_xrf_denoise.io.base.contents import FileContents
from napari_xrf_denoise.io.base.layout import Layout
from napari_xrf_denoise.io.base.memory import is_small, size_in_words
from napari_xrf_denoise.io.base.signatures import NPY, first_bytes
from napari_xrf_denoise.io.options import ReadOptions

_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
"""By version of the format; the third is that of arrays with named fields, which are no counts."""


def opens(path: Path) -> bool:
    """Whether this is a NumPy array file."""
    return first_bytes(path, len(NPY)) == NPY


def read(path: Path, options: ReadOptions) -> FileContents:
    """Read an array, memory-mapped if it is large. Pickled objects are never loaded."""
    _check_size(path)
    try:
        counts: Any = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, OverflowError) as error:
        raise FormatError(
            f"{path}: expected a complete NumPy array of numbers, but it does not load ({error}); "
            "copy the file again, or save it with numpy.save(path, array)"
        ) from error
    if is_small(counts.nbytes):
        counts = np.array(counts)
    return FileContents(counts=counts)


def _check_size(path: Path) -> None:
    """Refuse a header that is damaged, or that claims what the file cannot hold."""
    with path.open("rb") as file:
        try:
            read_header = _READERS[np.lib.format.read_magic(file)]
            shape, _, dtype = read_header(file)
        except Exception as error:
            # NumPy reads the header as Python source, so that altered bytes raise nearly anything
            # that Python does: SyntaxError, tokenize.TokenError, RecursionError.
            raise FormatError(
                f"{path}: the NumPy header is damaged ({type(error).__name__}: {error}); copy the "
                "file again, or save it with numpy.save(path, array)"
            ) from error
        if dtype.hasobject:
            raise FormatError(
                f"{path}: expected an array of numbers, found Python objects, which can run any "
                "program when they are loaded; save it again as plain numbers"
            )
        needed = file.tell() + math.prod(shape) * dtype.itemsize
    found = path.stat().st_size
    if needed > found:
        raise FormatError(
            f"{path}: an array of shape {shape} and {dtype} needs {needed:,} bytes "
            f"({size_in_words(needed)}), the file has {found:,} bytes; it was cut off or is "
            "damaged, copy it again"
        )


LAYOUT = Layout(
    name="npy",
    description="NumPy array .npy; with an energy_axis",
    read=read,
    opens=opens,
)
