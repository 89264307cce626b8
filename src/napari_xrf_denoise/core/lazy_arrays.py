"""Arrays in memory, on disk, or not yet computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
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


def row_groups(array: Any, most_bytes: int) -> Iterator[tuple[slice, Any]]:
    """Yield bands of rows (axis 1) of an array (repeat, y, x, energy) as they are best read.

    A dask array computes whole chunks even for a part of one, so smaller steps would read
    everything several times. Where bands would exceed `most_bytes`, or nothing is lazy, the array
    itself is the only band.
    """
    height = array.shape[1]
    ends = np.cumsum([0, *array.chunks[1]]).tolist() if is_dask(array) else [0, height]
    groups = [slice(start, stop) for start, stop in pairwise(ends)]
    largest = max(group.stop - group.start for group in groups)
    if len(groups) == 1 or largest * (array.nbytes // height) > most_bytes:
        yield slice(0, height), array
        return
    bands: list[Callable[[], NDArray[Any]]]
    if array.npartitions == len(groups):
        # Building the graph once and reading without a scheduler takes half the time.
        parts = array.to_delayed().ravel()
        bands = [partial(part.compute, scheduler="synchronous") for part in parts]
    else:
        bands = [array[:, group].compute for group in groups]
    for group, band in zip(groups, bands, strict=True):
        yield group, band()


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
