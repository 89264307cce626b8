"""Arrays that are read part by part: blocks of one file, or many small files as one array."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.errors import FormatError
from napari_xrf_denoise.core.lazy_arrays import is_dask

from .memory import is_small

_STORE_FILES = ("zarr.json", ".zarray", ".zgroup", ".zattrs")


@dataclass(frozen=True)
class Stamp:
    """Size, time of change and place on the disk of a file, or of what describes a store."""

    path: Path
    seen: tuple[tuple[int, int, int] | None, ...]

    @classmethod
    def of(cls, path: Path) -> Stamp:
        """Look at a file or a Zarr folder."""
        return cls(path, _look(path))

    def check(self, where: str) -> None:
        """Refuse to go on with a file that was changed since."""
        if _look(self.path) != self.seen:
            raise FormatError(
                f"{where}: the file was changed or removed after it was opened; read it again"
            )


def _look(path: Path) -> tuple[tuple[int, int, int] | None, ...]:
    files = [path / name for name in _STORE_FILES] if path.is_dir() else [path]
    return tuple(_status(file) for file in files)


def _status(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino


_BLOCK_BYTES = 32 * 2**20


def in_blocks(
    source: Any, cut: Collection[int], stored: Sequence[int] | None, limit: int = _BLOCK_BYTES
) -> Any:
    """Return a dask array over an array on disk whose blocks are cut along some axes only."""
    import dask.array
    from dask.array.core import normalize_chunks

    chunks = normalize_chunks(
        tuple("auto" if axis in cut else -1 for axis in range(source.ndim)),
        shape=source.shape,
        limit=limit,
        dtype=source.dtype,
        previous_chunks=stored,
    )
    return dask.array.from_array(source, chunks=chunks)


def stack(arrays: Sequence[Any]) -> Any:
    """Return arrays of one shape along a new first axis, lazy if one of them is."""
    if not any(is_dask(array) for array in arrays):
        return np.stack(arrays)
    import dask.array

    return dask.array.stack(arrays)


class FileStack:
    """Files of one shape along the first one or two axes of an array, opened only to be read.

    ``load(path)`` returns the counts of one file, which have `shape` and `dtype`.
    """

    def __init__(
        self,
        files: Sequence[Any],
        load: Callable[[Path], NDArray[Any]],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> None:
        self.files: NDArray[Any] = np.array(files, dtype=object)
        self.shape = (*self.files.shape, *shape)
        self.ndim = len(self.shape)
        self.dtype = np.dtype(dtype).newbyteorder("=")
        self._load = load
        self._one = shape
        self._opening = uuid4().hex
        self._stamps = {path: Stamp.of(path) for path in self.files.ravel()}

    def __dask_tokenize__(self) -> str:
        # A cache of blocks must not serve those of files that were written anew since.
        return self._opening

    @property
    def nbytes(self) -> int:
        """Bytes of all counts."""
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize

    def __getitem__(self, key: tuple[Any, ...]) -> NDArray[Any]:
        n_outer = self.files.ndim
        picked: Any = self.files[key[:n_outer]]
        inner = key[n_outer:]
        if isinstance(picked, Path):
            one: NDArray[Any] = self._read(picked)[inner]
            return one
        blocks = [self._read(path)[inner] for path in picked.ravel()]
        return np.stack(blocks).reshape(*picked.shape, *blocks[0].shape)

    def counts(self) -> Any:
        """Return all counts: a NumPy array, or where they are large a dask array of few files."""
        if is_small(self.nbytes):
            counts = np.empty(self.shape, dtype=self.dtype)
            for index in np.ndindex(*self.files.shape):
                path: Any = self.files[index]
                counts[index] = self._read(path)
            return counts
        import dask.array

        one = int(np.prod(self._one)) * self.dtype.itemsize
        along = max(1, _BLOCK_BYTES // one)
        chunks = (1,) * (self.files.ndim - 1) + (along, *self._one)
        return dask.array.from_array(self, chunks=chunks)

    def _read(self, path: Path) -> NDArray[Any]:
        self._stamps[path].check(str(path))
        counts = self._load(path)
        if counts.shape != self._one or counts.dtype.newbyteorder("=") != self.dtype:
            raise FormatError(
                f"{path}: expected counts of shape {self._one} and type {self.dtype} as in "
                f"{self.files.flat[0].name}, found shape {counts.shape} and type {counts.dtype}; "
                "the file was changed after it was opened, or belongs to another measurement: "
                "copy it again, or move it out of the folder"
            )
        return counts
