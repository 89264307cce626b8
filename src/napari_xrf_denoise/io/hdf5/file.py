"""HDF5 as all its layouts use it: opening, reading at once or lazily, and writing safely."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.errors import FormatError, MissingDependencyError
from napari_xrf_denoise.core.uncertainties.uncertainty import Uncertainty
from napari_xrf_denoise.core.version import __version__
from napari_xrf_denoise.io.base.contents import place
from napari_xrf_denoise.io.base.file_stack import Stamp, in_blocks
from napari_xrf_denoise.io.base.layout import StoredArray
from napari_xrf_denoise.io.base.memory import (
    BEST_COMPRESSION,
    SUSPICIOUS_BYTES,
    is_small,
    physical_memory,
    size_in_words,
)
from napari_xrf_denoise.io.base.metadata import CREATOR
from napari_xrf_denoise.io.base.signatures import has_hdf5_signature
from napari_xrf_denoise.io.base.uncertainty import from_arrays, to_arrays

from .tree import identity, lost_link, lost_links, walk

_T = TypeVar("_T")
MOST_AXES = 4
"""Repeat, y, x and energy."""
_FEWEST_WRITTEN = 1e-3
"""Share of its chunks without which a dataset is no measurement. What was not written reads as
zeros, for hours where a small file claims a large shape."""
_MOST_VISITED = 20_000
_MOST_OFFERED = 200
"""Datasets of one file that a user can choose from, the largest first."""


def check_dataset(dataset: Any, path: Path, where: str) -> None:
    """Refuse a dataset of numbers that is no array of counts, or incomplete; `where` names it.

    It may have too many axes or none, be empty, claim what the file cannot hold, be packed in an
    unknown way, or lie in other files that are missing.
    """
    _check_shape(dataset.shape, where)
    _check_sources(dataset, path, where)
    _check_filters(dataset, where)
    _check_claim(dataset, where)


def _check_shape(shape: tuple[int, ...], where: str) -> None:
    """Refuse what is no array of counts."""
    expected = f"{where}: expected 1 to {MOST_AXES} axes (repeat, y, x, energy)"
    if not shape:
        raise FormatError(f"{expected}, found a single number; name another dataset")
    if len(shape) > MOST_AXES:
        raise FormatError(
            f"{expected}, found shape {shape}; save those of one map as a dataset of its own"
        )
    if 0 in shape:
        raise FormatError(
            f"{where}: expected counts, found shape {shape}, which holds none; the measurement may "
            "have been stopped before its first row"
        )


def _check_claim(dataset: Any, where: str) -> None:
    """Refuse, before memory is asked for, a size that the file cannot hold."""
    claimed = math.prod(dataset.shape) * dataset.dtype.itemsize
    if dataset.is_virtual or dataset.external or claimed == 0:
        return  # what is stored elsewhere has no size here
    stored = dataset.id.get_storage_size()
    if stored == 0:
        raise FormatError(
            f"{where}: expected counts, found a dataset of shape {dataset.shape} that was never "
            "filled; the measurement may have been stopped"
        )
    # Compressed counts are as small as that too, and only then chunks are worth counting.
    if dataset.chunks is not None and stored < _FEWEST_WRITTEN * claimed:
        written = dataset.id.get_num_chunks() / _n_chunks(dataset)
        if written < _FEWEST_WRITTEN:
            raise FormatError(
                f"{where}: claims shape {dataset.shape}, {size_in_words(claimed)}, but "
                f"{_percent_missing(written)} % of its chunks were never written (the file stores "
                f"{stored} bytes); it is damaged, or the measurement was stopped: copy it again, "
                "or save the part that was measured as a dataset of its own"
            )
    if claimed > SUSPICIOUS_BYTES and claimed > BEST_COMPRESSION * stored:
        raise FormatError(
            f"{where}: claims shape {dataset.shape}, {size_in_words(claimed)}, of which the file "
            f"stores {stored} bytes; it is damaged, or the measurement was stopped"
        )


def _n_chunks(dataset: Any) -> int:
    return math.prod(
        -(-size // chunk) for size, chunk in zip(dataset.shape, dataset.chunks, strict=True)
    )


def _percent_missing(written: float) -> str:
    """Return how many of 100 chunks are missing, never rounded up to all of them."""
    return f"{math.floor((1 - written) * 1e4) / 100:g}"


def _check_sources(dataset: Any, path: Path, where: str) -> None:
    """Refuse a virtual dataset whose files are missing, which HDF5 would read as zeros."""
    if not dataset.is_virtual:
        return
    for source in dataset.virtual_sources():
        name = source.file_name
        if name != "." and "%" not in name and not (path.parent / name).exists():
            raise FormatError(
                f"{where}: its counts lie in {name}, which is missing; copy that file beside "
                f"{path.name}"
            )


def _check_filters(dataset: Any, where: str) -> None:
    """Load further compressions if the counts need one."""
    import h5py

    creation = dataset.id.get_create_plist()
    for index in range(creation.get_nfilters()):
        code, _, _, label = creation.get_filter(index)
        if h5py.h5z.filter_avail(code):
            continue
        title = label.decode(errors="replace")
        name = f"filter {code} ({title})" if title else f"filter {code}"
        try:
            import hdf5plugin  # noqa: F401  (registers its filters)
        except ImportError as error:
            raise MissingDependencyError(
                f'{where}: is compressed with {name}; pip install "napari-xrf-denoise[formats]"'
            ) from error
        if not h5py.h5z.filter_avail(code):
            raise FormatError(
                f"{where}: is compressed with {name}, which neither h5py nor hdf5plugin knows; "
                "write it again without compression"
            )


_LAZY_BLOCK_BYTES = 64 * 2**20
_MEMORY_SHARE = 0.25
"""Share of the memory that a file may take whose bands of rows would each unpack all of it."""


def in_hdf5(look: Callable[[Any], _T]) -> Callable[[Path], _T | None]:
    """Make of a look into an open HDF5 file one at a path, None where that is another file."""

    @wraps(look)
    def look_at(path: Path) -> _T | None:
        if not has_hdf5_signature(path):
            return None
        with open_hdf5(path) as file:
            return look(file)

    return look_at


@contextmanager
def new_hdf5(path: Path, **attributes: Any) -> Iterator[tuple[Any, SafeSink]]:
    """Make an HDF5 file that names its creator; write large datasets with a look at the sink."""
    import h5py

    with SafeSink(path) as sink:
        with h5py.File(sink, "w") as file:
            file.attrs.update({**attributes, "creator": CREATOR, "creator_version": __version__})
            yield file, sink
        sink.check()


def counts_options(dtype: np.dtype[Any]) -> dict[str, Any]:
    """Return how counts are compressed when they are written.

    Whole counts are (shuffle and gzip 1 made a simulated map 18 times smaller at 335 MB/s); results
    are not, since their digits are random (1.19 times at 58 MB/s).
    """
    if dtype.kind in "iu":
        return {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    return {}


@contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """Open an HDF5 file to read; a FormatError if it is damaged, incomplete, or being written."""
    import h5py

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise FormatError(
            f"{path}: expected a complete HDF5 file, but it does not open ({error}); it may be cut "
            "off or still being written: copy it again when the measurement is over"
        ) from error
    with file:
        try:
            yield file
        except (OSError, RuntimeError, KeyError) as error:
            raise FormatError(
                f"{path}: the file opens, but a part of it cannot be read ({error}); it is "
                "damaged, copy it again"
            ) from error


def get_dataset(file: Any, path: Path, name: str) -> Any:
    """Return a dataset that can hold counts, or refuse it with the reason."""
    import h5py

    where = place(path, name)
    lost = lost_link(file, name)
    if lost is not None:
        raise FormatError(f"{place(path, lost.place)}: {lost}")
    try:
        dataset = file.get(name)
    except (KeyError, OSError, RuntimeError, ValueError) as error:
        raise FormatError(f"{where}: cannot be opened ({error}); copy the file again") from error
    if not isinstance(dataset, h5py.Dataset):
        found = "a group" if isinstance(dataset, h5py.Group) else "nothing"
        raise FormatError(
            f"{where}: expected a dataset of counts, found {found}. {describe_candidates(file)}"
        )
    try:
        dtype = dataset.dtype
    except (TypeError, ValueError, RuntimeError) as error:
        raise FormatError(
            f"{where}: the type of its values is damaged ({error}); copy the file again"
        ) from error
    if dtype.kind not in "iuf" or dataset.shape is None:
        raise FormatError(
            f"{where}: expected counts as whole or real numbers, found {dtype}. "
            f"{describe_candidates(file)}"
        )
    check_dataset(dataset, path, where)
    return dataset


def read_counts(
    dataset: Any, path: Path, energy_axis: int | None = None, rows_axis: int | None = None
) -> Any:
    """Return a dataset as a NumPy array, or as a dask array if it is large.

    A dask array is cut into bands of whole rows, because everything reads it in rows, and opens the
    file for each block, so that no file stays open. `energy_axis` is the last by default,
    `rows_axis` the first that is not the energy, or the second of four, the first of which are
    repeats.
    """
    if rows_axis is None:
        rows_axis = _rows_axis(dataset, energy_axis)
    n_bytes = dataset.size * dataset.dtype.itemsize
    if is_small(n_bytes) or _is_cheaper_at_once(dataset, n_bytes, rows_axis):
        return _read(dataset, (), place(path, dataset.name))
    return on_disk(dataset, path, energy_axis, rows_axis)


def on_disk(
    dataset: Any, path: Path, energy_axis: int | None = None, rows_axis: int | None = None
) -> Any:
    """Return a dataset as a dask array of any size; arguments are those of `read_counts`."""
    if rows_axis is None:
        rows_axis = _rows_axis(dataset, energy_axis)
    source = DatasetOnDisk(dataset, path)
    return in_blocks(source, [rows_axis], dataset.chunks, _LAZY_BLOCK_BYTES)


def _rows_axis(dataset: Any, energy_axis: int | None) -> int:
    energy = (-1 if energy_axis is None else energy_axis) % dataset.ndim
    others = [axis for axis in range(dataset.ndim) if axis != energy]
    return others[1 if dataset.ndim == 4 else 0] if others else energy


def _is_cheaper_at_once(dataset: Any, n_bytes: int, rows_axis: int) -> bool:
    """Whether chunks reach over so many rows that each would be unpacked for many bands.

    This holds for maps that are stored image by image, one per channel.
    """
    if dataset.chunks is None:
        return False
    rows_of_chunks = -(-dataset.shape[rows_axis] // dataset.chunks[rows_axis])
    memory = physical_memory()
    bands = n_bytes / _LAZY_BLOCK_BYTES
    return memory is not None and bands > 2 * rows_of_chunks and n_bytes < _MEMORY_SHARE * memory


class DatasetOnDisk:
    """A dataset that is read block by block, from a file that is closed in between.

    It can be sent to another process, and refuses to go on with a file that was replaced.
    """

    def __init__(self, dataset: Any, path: Path) -> None:
        self.path = path.resolve()
        self.name: str = dataset.name
        self.shape: tuple[int, ...] = dataset.shape
        self.ndim: int = dataset.ndim
        self.dtype: np.dtype[Any] = dataset.dtype.newbyteorder("=")
        self._stamp = Stamp.of(self.path)

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return (str(self.path), self.name, self._stamp.seen)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        where = place(self.path, self.name)
        self._stamp.check(where)
        with open_hdf5(self.path) as file:
            return _read(get_dataset(file, self.path, self.name), key, where)


def stored_arrays(path: Path) -> tuple[StoredArray, ...]:
    """Return the datasets of a file that may hold counts, the largest first."""
    with open_hdf5(path) as file:
        found = [
            one
            for one, is_here in _arrays(file)
            if is_here and len(one.shape) <= MOST_AXES and 0 not in one.shape
        ]
    return tuple(found[:_MOST_OFFERED])


def _open_array(path: Path, name: str) -> tuple[DatasetOnDisk, tuple[int, ...] | None]:
    with open_hdf5(path) as file:
        dataset = get_dataset(file, path, name)
        return DatasetOnDisk(dataset, path), dataset.chunks


def _arrays(file: Any) -> list[tuple[StoredArray, bool]]:
    """Return datasets of numbers with two axes or more, largest first, and which lie in the file.

    The others lie in files that its links lead to.
    """
    import h5py

    path = Path(file.filename)
    found: dict[Any, tuple[StoredArray, bool]] = {}
    for group, name, item in walk(file, _MOST_VISITED):
        # A path that goes through another file is not one that begins in this.
        if not isinstance(item, h5py.Dataset) or group.file.filename != file.filename:
            continue
        if item.dtype.kind in "iuf" and item.shape is not None and item.ndim >= 2:
            inside = f"{group.name.rstrip('/')}/{name}"
            opened = partial(_open_array, path, inside)
            one = StoredArray(inside, item.shape, str(item.dtype), opened)
            found.setdefault(identity(item), (one, item.file.filename == file.filename))
    return sorted(found.values(), key=lambda entry: -math.prod(entry[0].shape))


def describe_candidates(file: Any, most: int = 12) -> str:
    """Return sentences that name the datasets to choose from, and links that lead nowhere."""
    found = [one for one, _ in _arrays(file)]
    usable = [one for one in found if len(one.shape) <= MOST_AXES]
    if usable:
        listed = "; ".join(map(str, usable[:most]))
        more = f" and {len(usable) - most} smaller ones" if len(usable) > most else ""
        words = f"Datasets with 2 to {MOST_AXES} axes, the largest first: {listed}{more}"
    elif found:
        words = (
            f"Its datasets have more than {MOST_AXES} axes: {'; '.join(map(str, found[:most]))}; "
            "save those of one map (repeat, y, x, energy) as a dataset of its own"
        )
    else:
        words = (
            f"The file holds no dataset of numbers with 2 to {MOST_AXES} axes, so no counts to read"
        )
    lost = [f"{link.place} -> {link.target}" for link in lost_links(file)]
    return f"{words}. Links that lead nowhere: {'; '.join(lost[:most])}" if lost else words


def refuse_lost_links(file: Any, path: Path) -> None:
    """Refuse a file with no counts of its own, but with links that lead nowhere."""
    lost = [] if _arrays(file) else lost_links(file)
    if not lost:
        return
    first, *others = lost
    more = f". Other links that lead nowhere: {len(others)}" if others else ""
    raise FormatError(f"{place(path, first.place)}: {first}{more}")


def write_uncertainty(group: Any, own: Uncertainty) -> None:
    """Write the arrays of an uncertainty into a group."""
    for name, values in to_arrays(own).items():
        # In chunks, without which RosettaSciIO cannot read an array lazily.
        group.create_dataset(name, data=values, chunks=values.shape)


def read_uncertainty(file: Any, path: Path, name: str) -> Uncertainty | None:
    """Return the uncertainty in a group, or None where there is no such group."""
    import h5py

    group = file.get(name)
    if not isinstance(group, h5py.Group):
        return None
    where = place(path, group.name)
    arrays = {key: item for key, item in group.items() if isinstance(item, h5py.Dataset)}
    return from_arrays({key: _read(item, (), where) for key, item in arrays.items()}, where)


class SafeSink:
    """A file for h5py to write to that reports a full disk instead of crashing.

    When the disk is full the HDF5 library fails to flush its cache, again on every close, and the
    process dies of a segmentation fault (seen with h5py 3.16). So the first error is kept, later
    writes are dropped so that HDF5 can close in peace, and `check` raises what was kept.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("x+b", buffering=0)
        self._error: OSError | None = None

    def __enter__(self) -> SafeSink:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def check(self) -> None:
        """Raise the error of the disk, if there was one."""
        if self._error is not None:
            raise self._error

    def write(self, content: Any) -> int:
        """Write all of the content, unless a write failed before."""
        view = memoryview(content).cast("B")
        rest = view
        while rest and self._error is None:
            try:
                rest = rest[self._file.write(rest) :]
            except OSError as error:
                self._error = error
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the length of the file."""
        if self._error is None:
            try:
                return self._file.truncate(size)
            except OSError as error:
                self._error = error
        return size or 0

    def read(self, size: int = -1) -> bytes:
        """Read bytes."""
        return self._file.read(size)

    def readinto(self, buffer: Any) -> int:
        """Read bytes into a buffer; what could not be written reads as zeros."""
        view = memoryview(buffer).cast("B")
        n_read = self._file.readinto(view) or 0
        view[n_read:] = bytes(len(view) - n_read)
        return len(view)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def flush(self) -> None:
        """Do nothing: there is no buffer."""


def _read(dataset: Any, key: Any, where: str) -> NDArray[Any]:
    try:
        counts = dataset[key]
    except (OSError, RuntimeError) as error:
        raise FormatError(
            f"{where}: the counts cannot be read ({error}); the file is damaged, copy it again"
        ) from error
    return np.asarray(counts, dtype=dataset.dtype.newbyteorder("="))
