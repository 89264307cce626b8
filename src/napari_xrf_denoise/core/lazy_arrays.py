"""Arrays in memory, on disk, or not yet computed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .factored_counts import FactoredCounts


def is_dask(array: Any) -> bool:
    """Whether an array is dask's, without importing dask to find out."""
    return type(array).__module__.partition(".")[0] == "dask"


def is_lazy(array: Any) -> bool:
    """Whether the values of an array are computed only when needed."""
    return is_dask(array) or isinstance(array, FactoredCounts)


def as_lazy(array: Any) -> Any:
    """Return a dask array: values on disk or not yet computed stay so until used."""
    import dask.array

    if isinstance(array, FactoredCounts):
        return array.to_dask()
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
