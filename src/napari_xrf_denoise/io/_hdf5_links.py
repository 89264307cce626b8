"""HDF5 files that consist of links: following them, and naming those that lead nowhere.

h5py gives an object the name that it was opened by, so what stands beside the counts has to be
looked for at both ends of a link. Where a soft link leads to an external one that name is not even
in the file that the object lies in.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_xrf_denoise.errors import FormatError

from . import _found, _hdf5
from ._found import place

_LONGEST_CHAIN = 16
_DAMAGED = (KeyError, OSError, RuntimeError, TypeError, ValueError)
"""What h5py raises, depending on which bytes of a link, a type or an attribute are wrong."""


def follow(group: Any, name: str) -> Any:
    """Return the group or dataset that a name leads to, None if there is none.

    So it is with links that lead nowhere or in a circle, and with damaged objects.
    """
    try:
        item = group.get(name)
        # A damaged type shows only when it is asked for.
        return item if hasattr(item, "keys") or (item.shape, item.dtype) else None
    except (AttributeError, *_DAMAGED):
        return None


def attribute(item: Any, name: str) -> Any:
    """Return an attribute of a group or dataset, None if it is missing or damaged."""
    try:
        return item.attrs.get(name)
    except _DAMAGED:
        return None


def members(group: Any) -> list[str]:
    """Return the names in a group that are text, none where there is no group."""
    if not hasattr(group, "keys"):
        return []
    return [name for name in group if isinstance(name, str)]  # names that are no UTF-8 are bytes


def broken_link(group: Any, name: str) -> str | None:
    """Return words for a link that leads nowhere, None for everything else."""
    import h5py

    if follow(group, name) is not None:
        return None
    link = _link(group, name)
    here = f"{group.name.rstrip('/')}/{name}"
    if isinstance(link, h5py.ExternalLink):
        return f"{here} -> {link.filename}, {link.path}"
    return f"{here} -> {link.path}" if isinstance(link, h5py.SoftLink) else here


def _link(group: Any, name: str) -> Any:
    try:
        return group.get(name, getlink=True)
    except _DAMAGED:
        return None


def identity(item: Any) -> tuple[int, Any]:
    """Return what is equal for two names of one object."""
    import h5py

    info = h5py.h5o.get_info(item.id)
    return info.fileno, info.addr


def homes(group: Any, name: str) -> Iterator[Any]:
    """Yield the groups that hold an object: where its name stands, then where links lead."""
    import h5py

    for _ in range(_LONGEST_CHAIN):
        yield group
        link = _link(group, name)
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


def walk(group: Any, most_visited: int) -> Iterator[tuple[Any, str, Any]]:
    """Yield (group, name, dataset) of all datasets below a group, through links too.

    A group with several names, or inside itself by a link, is visited once.
    """
    import h5py

    visited = {identity(group)}
    waiting = [group]
    n_seen = 0
    while waiting:
        here = waiting.pop(0)
        for name in members(here):
            n_seen += 1
            if n_seen > most_visited:
                return
            item = follow(here, name)
            if isinstance(item, h5py.Dataset):
                yield here, name, item
            elif isinstance(item, h5py.Group) and identity(item) not in visited:
                visited.add(identity(item))
                waiting.append(item)


def get_linked(file: Any, path: Path, name: str) -> Any:
    """Return a dataset that can hold counts, in whichever file it lies.

    Raises
    ------
    FormatError
        If the link leads nowhere, or what it leads to cannot hold counts.
    """
    item = follow(file, name)
    if item is None:
        holder, _, last = name.rstrip("/").rpartition("/")
        group = follow(file, holder or "/")
        if last in members(group):
            raise FormatError(
                f"{place(path, name)}: expected counts, found the link {broken_link(group, last)}, "
                "which leads nowhere; copy the file that it names beside this one"
            )
        return _hdf5.get_dataset(file, path, name)
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
    """Return datasets that are used together: NumPy arrays, or dask arrays where they are large.

    Parameters
    ----------
    datasets : list of h5py.Dataset
        As `get_linked` returns them.
    energy_axis, rows_axis : int
        The energy, which blocks are not cut along, and the axis that they are cut along.
    """
    sizes = [dataset.size * dataset.dtype.itemsize for dataset in datasets]
    paths = [Path(dataset.file.filename) for dataset in datasets]
    limit = _found.IN_MEMORY_BYTES
    if max(sizes) > limit or sum(sizes) <= limit:
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
