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
from napari_xrf_denoise.io.base.contents import FileContents, place
from napari_xrf_denoise.io.base.file_stack import stack
from napari_xrf_denoise.io.base.mca_calibration import rising_axis
from napari_xrf_denoise.io.base.memory import is_small

from . import energies
from .file import on_disk, read_counts
from .links import get_linked
from .tree import DAMAGED, follow, lost_link, members


def is_dataset(item: Any, ndim: int | None = None) -> bool:
    """Whether this is a dataset of numbers, with that many axes."""
    import h5py

    if not isinstance(item, h5py.Dataset) or item.shape is None:
        return False
    return item.dtype.kind in "iuf" and ndim in (None, item.ndim)


def holds_counts(group: Any, name: str) -> bool:
    """Whether a name is a dataset of three axes, or a link to one that leads nowhere.

    Reading it then says where the link leads; a map that is not recognised would say nothing.
    """
    item = follow(group, name)
    return is_dataset(item, 3) or (item is None and lost_link(group, name) is not None)


def element_groups(group: Any, pattern: str) -> list[str]:
    """Return the groups of single detector elements, in the order of their numbers.

    The pattern is that of the whole name, with the number as its first group. A link ``counts``
    counts even if it leads nowhere: a missing element must be noticed when it is read.
    """
    import h5py

    found = []
    for name in members(group):
        match = re.fullmatch(pattern, name)
        item = follow(group, name) if match else None
        if match and isinstance(item, h5py.Group) and "counts" in list(item):
            found.append((int(match[1]), name))
    return [name for _, name in sorted(found)]


def read_elements(file: Any, path: Path, names: Sequence[str], energy_axis: int) -> Any:
    """Return counts of several datasets, each of three axes, stacked along a new first axis.

    Lazy where all together are large. `energy_axis` counts in one dataset, from 0.
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
    load = read_counts if is_small(size) else on_disk
    return stack([load(*pair, energy_axis) for pair in zip(datasets, places, strict=True)])


def contents_of_elements(
    counts: Any, names: Sequence[str], energy_axis: int, **known: Any
) -> FileContents:
    """Return what was found in a map of detector elements, stacked along the first axis.

    `known` are further fields of `FileContents`; x and y among the scalers give the spacing.
    """
    scalers = known.get("scalers", {})
    spacing = [None, *aspect(scalers.get("x"), scalers.get("y"))]
    spacing.insert(energy_axis, None)
    known["metadata"] = {"repeat_datasets": list(names), **known.get("metadata", {})}
    return FileContents(
        counts=counts,
        energy_axis=energy_axis,
        repeat_axis=0,
        stacked=True,
        repeat_kind="detector",
        spacing=spacing,
        dataset=names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}",
        **known,
    )


def pixel_values(group: Any, name: str, shape: tuple[int, ...]) -> NDArray[np.float64] | None:
    """Return a dataset of one number for each pixel, None where there is none of this shape."""
    item = follow(group, name)
    return numbers(item) if is_dataset(item) and tuple(item.shape) == shape else None


def numbers(dataset: Any) -> NDArray[np.float64] | None:
    """Return the values of a small dataset, None where it is damaged or claims an absurd size.

    What is only read beside the counts must not keep them from being read.
    """
    try:
        return energies.numbers(dataset)
    except DAMAGED:
        return None


def texts(item: Any, most: int = 10_000) -> list[str]:
    """Return the texts of a dataset with one axis, none where it holds something else."""
    import h5py

    if not isinstance(item, h5py.Dataset) or item.ndim != 1 or item.size > most:
        return []
    try:
        return [str(plain(value)).partition("\0")[0].strip() for value in item[()]]
    except DAMAGED:
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
        except DAMAGED:
            continue
    return found


def polynomial_axis(coefficients: Sequence[float], size: int) -> EnergyAxis | None:
    """Return the axis ``a + b * channel + c * channel**2`` in keV, None if it does not rise.

    The quadratic term may be missing; zeros throughout stand for no calibration.
    """
    try:
        return rising_axis(coefficients, np.arange(size, dtype=np.float64))
    except DataError:
        return None


def axis_of_centers(centers: Any, size: int) -> EnergyAxis | None:
    """Return the axis with these energies in keV, None where they are no calibration.

    The limit of 0.01 channels is above the rounding of float32, in which such files keep a linear
    scale, and far below any curvature that matters.
    """
    if centers is None or np.shape(centers) != (size,):
        return None
    try:
        return EnergyAxis.from_centers(centers, tolerance=0.01)
    except DataError:
        return None


def aspect(x: Any, y: Any) -> tuple[float | None, float | None]:
    """Return the distances (y, x) between pixels, in widths of a pixel.

    The positions x and y (y, x) have no unit in these files, so that only their ratio is known.
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
