"""Counts behind links in HDF5 files: in which file they lie, and what stands beside them.

h5py gives an object the name that it was opened by, so what stands beside the counts has to be
looked for at both ends of a link. Where a soft link leads to an external one that name is not even
in the file that the object lies in.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_xrf_denoise.io.base.memory import is_small

from . import file as _hdf5
from .tree import follow, identity, link_at

_LONGEST_CHAIN = 16


def homes(group: Any, name: str) -> Iterator[Any]:
    """Yield the groups that hold an object: where its name stands, then where links lead."""
    import h5py

    for _ in range(_LONGEST_CHAIN):
        yield group
        link = link_at(group, name)
        if not isinstance(link, h5py.SoftLink | h5py.ExternalLink):
            return
        if isinstance(link, h5py.ExternalLink):
            item = follow(group, name)
            if item is None:
                return
            group = item.file
        holder, _, name = link.path.rstrip("/").rpartition("/")
        if holder or link.path.startswith("/"):
            group = follow(group, holder or "/")
        if group is None:
            return


def get_linked(file: Any, path: Path, name: str) -> Any:
    """Return a dataset that can hold counts, in whichever file it lies, or say why not."""
    item = follow(file, name)
    if item is None:
        return _hdf5.get_dataset(file, path, name)  # which says why there is none
    return _hdf5.get_dataset(item.file, Path(item.file.filename), _own_name(item))


def _own_name(item: Any) -> str:
    """Return a name of an object in the file that it lies in."""
    import h5py

    same = follow(item.file, item.name)
    if same is not None and identity(same) == identity(item):
        return str(item.name)
    found = h5py.h5r.get_name(item.ref, item.file.id)
    return text(found) or str(item.name)


def read_linked(datasets: list[Any], energy_axis: int, rows_axis: int = 0) -> list[Any]:
    """Return datasets that are used together: NumPy arrays, or dask arrays if they are large.

    Blocks are cut along `rows_axis`, never along `energy_axis`.
    """
    sizes = [dataset.size * dataset.dtype.itemsize for dataset in datasets]
    paths = [Path(dataset.file.filename) for dataset in datasets]
    if not is_small(max(sizes)) or is_small(sum(sizes)):
        return [
            _hdf5.read_counts(dataset, path, energy_axis, rows_axis)
            for dataset, path in zip(datasets, paths, strict=True)
        ]
    # Each is small and all are not, as with the many elements of a large detector.
    import dask.array

    return [
        dask.array.from_array(_hdf5.DatasetOnDisk(dataset, path), chunks=dataset.shape)
        for dataset, path in zip(datasets, paths, strict=True)
    ]


def text(value: Any) -> str:
    """Return text from an attribute, or from a dataset of one text; "" where there is none."""
    if hasattr(value, "shape") and hasattr(value, "id"):
        value = value[()] if (value.size or 0) <= 1 else ""
    while getattr(value, "shape", None) and len(value) == 1:
        value = value[0]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""
