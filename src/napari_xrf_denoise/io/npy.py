"""NumPy arrays in ``.npy`` files: one array, and nothing about its axes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_xrf_denoise.errors import FormatError

from ._found import IN_MEMORY_BYTES, Found
from ._options import ReadOptions
from ._signatures import NPY, first_bytes


def opens(path: Path) -> bool:
    """Whether this is a NumPy array file."""
    return first_bytes(path, len(NPY)) == NPY


def read(path: Path, options: ReadOptions) -> Found:
    """Read an array, memory-mapped where it is large. Pickled objects are never loaded.

    Raises
    ------
    FormatError
        If the file is cut off, damaged, or holds no numbers.
    """
    try:
        # Mapping compares the claimed size with the file's before any memory is asked for.
        counts: Any = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, TypeError, OverflowError, SyntaxError) as error:
        raise FormatError(
            f"{path}: expected a complete NumPy array of numbers, but it does not load ({error}); "
            "copy the file again, or save it with numpy.save(path, array)"
        ) from error
    if counts.nbytes <= IN_MEMORY_BYTES:
        counts = np.array(counts)
    return Found(counts=counts)
