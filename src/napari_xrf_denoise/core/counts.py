"""Checks of the counts of a spectrum image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import DataError

AXES = ("repeat", "y", "x", "energy")


def check_counts(counts: NDArray[Any], name: str, *, first_row: int = 0) -> None:
    """Refuse counts (repeat, y, x, energy) that are negative, NaN or infinite, saying where.

    `first_row` is the row of the whole map at which they begin.
    """
    if counts.dtype.kind == "u" or counts.size == 0:
        return
    low, high = counts.min(), counts.max()
    if low >= 0 and np.isfinite(high):
        return
    bad = ~np.isfinite(counts) | (counts < 0)
    where = [int(i) for i in np.unravel_index(int(np.argmax(bad)), counts.shape)]
    value = counts[tuple(where)]
    where[1] += first_row
    place = ", ".join(f"{axis} {index}" for axis, index in zip(AXES, where, strict=True))
    remedy = (
        "export counts from which no background was subtracted"
        if value < 0
        else "pixels that were not measured must hold 0 in the file (numpy.nan_to_num), and can be "
        "excluded with a mask then"
    )
    n_pixels = int(bad.any(axis=(0, 3)).sum())
    raise DataError(
        f"{name}: expected counts that are finite and not negative, found {value} at {place} "
        f"({int(bad.sum())} such values, in {n_pixels} pixels); {remedy}"
    )


def readonly(counts: Any, name: str) -> NDArray[Any]:
    """Return a read-only view of counts that are whole or real numbers."""
    array = np.asanyarray(counts)
    if array.dtype.kind not in "iuf":
        raise DataError(f"{name}: expected whole or real counts, found values of {array.dtype}")
    view: NDArray[Any] = array.view()
    view.flags.writeable = False
    return view


def check_shape(counts: Any, name: str) -> None:
    """Refuse counts without four axes, or with an empty one."""
    shape = tuple(counts.shape)
    if len(shape) != 4:
        raise DataError(
            f"{name}: expected the four axes (repeat, y, x, energy), found shape {shape}; "
            "use SpectrumImage.from_array(array, energy_axis=..., repeat_axis=...)"
        )
    for axis, size in zip(AXES, shape, strict=True):
        if size == 0:
            raise DataError(f"{name}: axis {axis!r} is empty (shape {shape})")


def sum_dtype(dtype: np.dtype[Any], number: int) -> type:
    """Return a type in which the sum of so many counts cannot overflow."""
    if dtype.kind not in "iu":
        return np.float64
    return np.uint32 if np.iinfo(dtype).max * number < 2**32 else np.uint64
