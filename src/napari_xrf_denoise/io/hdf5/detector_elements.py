"""Detector elements of an HDF5 map: a dataset for each, read as repeats, and what lies beside."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError, FormatError
from napari_xrf_denoise.io.base.contents import place
from napari_xrf_denoise.io.base.mca_calibration import rising_axis
from napari_xrf_denoise.io.base.memory import is_small

from .file import on_disk, read_counts
from .links import get_linked
from .tree import lost_link

_MOST_NUMBERS = 2**28
_UNREADABLE = (KeyError, OSError, RuntimeError, ValueError, TypeError)


def child(group: Any, name: str) -> Any:
    """Return what lies at a path below a group, None where a link leads nowhere."""
    try:
        return group.get(name)
    except _UNREADABLE:
        return None


def is_dataset(item: Any, ndim: int | None = None) -> bool:
    """Whether this is a dataset of numbers, with that many axes."""
    import h5py

    if not isinstance(item, h5py.Dataset) or item.shape is None:
        return False
    try:
        kind = item.dtype.kind
    except _UNREADABLE:  # a damaged type, which NumPy has not
        return False
    return kind in "iuf" and ndim in (None, item.ndim)


def holds_counts(group: Any, name: str) -> bool:
    """Whether a name is a dataset of three axes, or a link to one that leads nowhere.

    Who reads it is then told where it leads; a map that is not recognised would be told nothing.
    """
    item = child(group, name)
    return is_dataset(item, 3) or (item is None and lost_link(group, name) is not None)


def members(group: Any) -> list[str]:
    """Return the names in a group; h5py gives bytes for those that are no text."""
    return [name for name in group if isinstance(name, str)]


def element_groups(group: Any, pattern: str) -> list[str]:
    """Return the names of the groups of single detector elements, in the order of their numbers.

    Parameters
    ----------
    group : h5py.Group
    pattern : str
        Regular expression for the whole name, with the number as its first group.

    Returns
    -------
    list of str
        Names of those that hold a link ``counts``, even if it leads nowhere: an element that
        is missing must be noticed when it is read.
    """
    import h5py

    found = []
    for name in members(group):
        match = re.fullmatch(pattern, name)
        item = child(group, name) if match else None
        if match and isinstance(item, h5py.Group) and "counts" in list(item):
            found.append((int(match[1]), name))
    return [name for _, name in sorted(found)]


def read_elements(file: Any, path: Path, names: Sequence[str], energy_axis: int) -> Any:
    """Return the counts of several datasets of one shape, stacked along a new first axis.

    Parameters
    ----------
    file : h5py.File
    path : pathlib.Path
    names : sequence of str
        Paths of datasets with three axes.
    energy_axis : int
        Axis of the energy in each, from 0.

    Returns
    -------
    numpy.ndarray or dask.array.Array, with four axes
        Lazy where all together are large.

    Raises
    ------
    FormatError
        If a dataset is missing, cannot be read, or has not three axes.
    DataError
        If they differ in shape.
    """
    datasets = [get_linked(file, path, name) for name in names]
    places = [Path(dataset.file.filename) for dataset in datasets]
    first = datasets[0]
    for name, dataset in zip(names, datasets, strict=True):
        if dataset.ndim != 3:
            raise FormatError(
                f"{place(path, name)}: expected counts with three axes, two of pixels and one of "
                f"channels, found shape {dataset.shape}; name the counts with dataset='/path' "
                "(--dataset /path)"
            )
        if dataset.shape != first.shape:
            raise DataError(
                f"{path}: detector elements must have the same shape; {names[0]} is {first.shape}, "
                f"{name} is {dataset.shape}: read those that fit with dataset=[...] (--dataset)"
            )
    if len(datasets) == 1:
        return read_counts(first, places[0], energy_axis)[None]
    size = sum(dataset.size * dataset.dtype.itemsize for dataset in datasets)
    if is_small(size):
        return np.stack(
            [read_counts(*pair, energy_axis) for pair in zip(datasets, places, strict=True)]
        )
    import dask.array

    return dask.array.stack(
        [on_disk(*pair, energy_axis) for pair in zip(datasets, places, strict=True)]
    )


def pixel_values(group: Any, name: str, shape: tuple[int, ...]) -> NDArray[np.float64] | None:
    """Return a dataset of one number for each pixel, None where there is none of this shape."""
    item = child(group, name)
    if not is_dataset(item) or tuple(item.shape) != shape:
        return None
    return numbers(item)


def numbers(dataset: Any) -> NDArray[np.float64] | None:
    """Return the values of a small dataset, None where it is damaged or claims an absurd size.

    What is only read beside the counts must not keep them from being read.
    """
    if dataset.size > _MOST_NUMBERS:
        return None
    try:
        return np.asarray(dataset[()], dtype=np.float64)
    except _UNREADABLE:
        return None


def texts(item: Any, most: int = 10_000) -> list[str]:
    """Return the texts of a dataset with one axis, none where it holds no such thing."""
    import h5py

    if not isinstance(item, h5py.Dataset) or item.ndim != 1 or item.size > most:
        return []
    try:
        return [str(plain(value)).partition("\0")[0].strip() for value in item[()]]
    except _UNREADABLE:
        return []


def plain(value: Any) -> Any:
    """Return a value of an attribute or dataset as text, number or list of them."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, str):
        # h5py keeps bytes that are no UTF-8 as surrogates, which cannot be written again.
        value = value.encode("utf-8", "surrogateescape")
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value if isinstance(value, int | float) else str(value)


def attributes(group: Any) -> dict[str, Any]:
    """Return the attributes of a group or dataset as plain values, without what cannot be read."""
    found = {}
    for name in group.attrs:
        try:
            found[name] = plain(group.attrs[name])
        except _UNREADABLE:
            continue
    return found


def polynomial_axis(coefficients: Sequence[float], size: int) -> EnergyAxis | None:
    """Return the axis ``a + b * channel + c * channel**2`` in keV, None where it does not rise.

    Parameters
    ----------
    coefficients : sequence of float
        Offset, gain and, where there is one, the quadratic term. Zeros stand for no calibration.
    size : int
        Number of channels.
    """
    try:
        return rising_axis(coefficients, np.arange(size, dtype=np.float64))
    except DataError:
        return None


def axis_of_centers(energies: Any, size: int) -> EnergyAxis | None:
    """Return the axis with these energies in keV, None where they are no calibration.

    The limit of 0.01 channels is above the rounding of float32, in which such files keep a linear
    scale, and far below any curvature that matters.
    """
    if energies is None or np.shape(energies) != (size,):
        return None
    try:
        return EnergyAxis.from_centers(energies, tolerance=0.01)
    except DataError:
        return None


def aspect(x: Any, y: Any) -> tuple[float | None, float | None]:
    """Return the distances (y, x) between pixels, in widths of a pixel.

    Positions in these files come without a unit, which is that of the motors at the beamline, so
    that only their ratio is a fact.

    Parameters
    ----------
    x, y : numpy.ndarray, shape (y, x), or None
        Positions of the pixels.
    """
    if x is None or y is None:
        return None, None
    step_y, step_x = _step(y, axis=0), _step(x, axis=1)
    if step_y is None or step_x is None:
        return None, None
    return step_y / step_x, 1.0


def _step(positions: NDArray[np.float64], axis: int) -> float | None:
    steps = np.abs(np.diff(positions, axis=axis))
    steps = steps[np.isfinite(steps)]
    step = float(np.median(steps)) if steps.size else 0.0
    return step if step > 0 else None
