"""A map in bands of rows, each read when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .lazy_arrays import is_dask

READ_BYTES = 128 * 2**20
"""Largest part of a lazy cube that is computed at once and then split into smaller bands."""
STRETCHES = 32
"""Stretches of a map, about: enough for workers of unequal speed."""

Load = Callable[[], Any]


def bands(
    array: Any, max_bytes: int, within: slice | None = None
) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Yield (rows, values) of an array (repeat, y, x, energy), one band in memory at a time.

    Bands have at most so many bytes as float64, or one row. `within` some rows, they are those of
    the whole array as far as they lie in these.
    """
    step = _rows_of(array, max_bytes)
    first, last, _ = (within or slice(None)).indices(array.shape[1])
    for group, load in _groups(array):
        starts = range(group.start, group.stop, step)
        ends = (slice(max(start, first), min(start + step, group.stop, last)) for start in starts)
        wanted = [rows for rows in ends if rows.start < rows.stop]
        if not wanted:
            continue
        values = load()
        for rows in wanted:
            yield rows, _computed(values[:, rows.start - group.start : rows.stop - group.start])


def stretches(array: Any, max_bytes: int, number: int = STRETCHES) -> list[slice]:
    """Return about so many stretches of rows, each of whole bands, and of what is read at once."""
    groups = [group for group, _ in _groups(array)]
    if len(groups) == 1:
        step = _rows_of(array, max_bytes)
        starts: Sequence[int] = range(0, array.shape[1], step)
    else:
        starts = [group.start for group in groups]
    chosen = starts[:: max(1, len(starts) // number)]
    return [slice(*ends) for ends in pairwise([*chosen, array.shape[1]])]


def _rows_of(array: Any, max_bytes: int) -> int:
    repeats, _, width, size = array.shape
    return int(max(1, max_bytes // (8 * repeats * width * size)))


def _groups(array: Any) -> list[tuple[slice, Load]]:
    """Return groups of rows (axis 1) as they are best read, and what reads them.

    A dask array computes whole chunks even for a part of one, so smaller steps would read
    everything several times. Where groups would exceed `READ_BYTES`, or nothing is lazy, the array
    itself is the only one.
    """
    height = array.shape[1]
    ends = np.cumsum([0, *array.chunks[1]]).tolist() if is_dask(array) else [0, height]
    groups = [slice(start, stop) for start, stop in pairwise(ends)]
    largest = max(group.stop - group.start for group in groups)
    if len(groups) == 1 or largest * (array.nbytes // height) > READ_BYTES:
        return [(slice(0, height), lambda: array)]
    if array.npartitions == len(groups):
        # Building the graph once and reading without a scheduler takes half the time.
        delayed = array.to_delayed().ravel()
        parts = [partial(part.compute, scheduler="synchronous") for part in delayed]
    else:
        parts = [partial(_computed, array[:, group]) for group in groups]
    return list(zip(groups, parts, strict=True))


def _computed(array: Any) -> NDArray[Any]:
    """Return an array in memory, computed here: a client of a cluster would have it done there."""
    if is_dask(array):
        return np.asarray(array.compute(scheduler="threads"))
    return np.asarray(array)
