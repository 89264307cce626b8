"""Where the values of an array are: in memory, on disk, or not yet computed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def is_dask(array: Any) -> bool:
    """Whether an array is lazy, without importing dask to find out."""
    return type(array).__module__.partition(".")[0] == "dask"


def as_lazy(array: Any) -> Any:
    """Return a dask array, so that what is on disk stays there until it is used."""
    import dask.array

    return array if is_dask(array) else dask.array.from_array(array)


def is_on_disk(array: Any) -> bool:
    """Whether an array is a view of a memory-mapped file."""
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return True
        array = array.base
    return False


def is_whole(counts: NDArray[Any]) -> bool:
    """Whether every value is a whole number; by value, since some files hold counts as floats."""
    return counts.dtype.kind in "iu" or bool(np.all(counts == np.rint(counts)))
