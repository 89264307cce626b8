"""Zarr stores as their layouts use them: opening, checks before memory is asked for, reading."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.errors import (
    DataError,
    FormatError,
    MissingDependencyError,
    SettingsError,
)
from napari_xrf_denoise.io.base.contents import place
from napari_xrf_denoise.io.base.file_stack import Stamp, in_blocks
from napari_xrf_denoise.io.base.memory import (
    BEST_COMPRESSION,
    SUSPICIOUS_BYTES,
    check_memory,
    is_small,
)

_MARKERS = ("zarr.json", ".zarray", ".zgroup")
_MOST_CHUNKS = 2**22  # each is a file, so that counting more of them would take minutes


def is_store(path: Path) -> bool:
    """Whether this is a Zarr store: a folder, or a ZIP archive with one in it."""
    if path.is_dir():
        return any((path / marker).is_file() for marker in _MARKERS)
    return zipfile.is_zipfile(path) and _root_in_zip(path) is not None


class ZarrOnDisk:
    """An array that is read block by block, from a store that is closed in between."""

    def __init__(self, array: Any, path: Path) -> None:
        self.path = path.resolve()
        self.name: str = array.path
        self.shape: tuple[int, ...] = array.shape
        self.ndim: int = array.ndim
        self.dtype: np.dtype[Any] = np.dtype(array.dtype).newbyteorder("=")
        self._opening = uuid4().hex
        self._stamp = Stamp.of(self.path)

    def __dask_tokenize__(self) -> str:
        # A cache of blocks must not serve those of a store that was written anew since.
        return self._opening

    def __getitem__(self, key: tuple[Any, ...]) -> NDArray[Any]:
        self._stamp.check(place(self.path, self.name))
        with open_store(self.path) as root:
            array = root if self.name == _root_path(self.path) else root[self._inside()]
            if array.shape != self.shape:
                raise FormatError(
                    f"{place(self.path, self.name)}: the store was changed after it was opened; "
                    "read it again"
                )
            return np.asarray(array.oindex[key], dtype=self.dtype)

    def _inside(self) -> str:
        return self.name.removeprefix(_root_path(self.path)).lstrip("/")


def import_zarr(path: Path) -> Any:
    """Return the package zarr, or raise a MissingDependencyError."""
    needed = (
        f"{path}: Zarr files need the package zarr, version 3.1 or later; "
        'pip install "napari-xrf-denoise[formats]"'
    )
    try:
        import zarr
    except ImportError as error:
        raise MissingDependencyError(needed) from error
    # zarr 3.0 unpickles a codec that a file names, and with it runs the file's code.
    if tuple(map(int, zarr.__version__.split(".")[:2])) < (3, 1):
        raise MissingDependencyError(f"{needed} (found {zarr.__version__})")
    return zarr


@contextmanager
def open_store(path: Path) -> Iterator[Any]:
    """Open a store and return its root; whatever zarr raises becomes one error."""
    zarr = import_zarr(path)
    store = None
    try:
        root = _root_path(path)
        if path.is_dir():
            store = zarr.storage.LocalStore(path, read_only=True)
        else:
            store = zarr.storage.ZipStore(path, mode="r")
        yield zarr.open(store=store, path=root, mode="r")
    except (DataError, SettingsError, MemoryError):
        raise
    except Exception as error:
        # Damaged stores make it raise nearly anything: JSONDecodeError, KeyError, zlib.error.
        raise FormatError(
            f"{path}: expected a complete Zarr store, but zarr cannot read it "
            f"({type(error).__name__}: {error}); copy the whole folder or archive again"
        ) from error
    finally:
        if store is not None:
            store.close()


def _root_path(path: Path) -> str:
    return "" if path.is_dir() else _root_in_zip(path) or ""


def _root_in_zip(path: Path) -> str | None:
    """Return where in an archive the store begins: at its root, or in its one folder."""
    with zipfile.ZipFile(path) as archive:
        places = [PurePosixPath(name) for name in archive.namelist()]
    roots = [str(place.parent) for place in places if place.name in _MARKERS]
    roots = sorted((root for root in roots if "/" not in root), key=lambda root: root != ".")
    return None if not roots else roots[0].removeprefix(".") if roots[0] == "." else roots[0]


def get_array(root: Any, path: Path, name: str) -> Any:
    """Return an array that can hold counts, and that the store can hold."""
    array = root[name] if name else root
    where = place(path, name)
    dtype = np.dtype(array.dtype)
    if dtype.kind not in "iuf":
        raise FormatError(f"{where}: expected counts as whole or real numbers, found {dtype}")
    if any("pickle" in codec for codec in _codecs(array.metadata.to_dict())):
        raise FormatError(
            f"{where}: is packed as Python objects, which can run any program when it is read; "
            "save it again as plain numbers"
        )
    if array.nchunks > _MOST_CHUNKS:
        raise FormatError(
            f"{where}: claims shape {array.shape} in {array.nchunks} chunks, expected at most "
            f"{_MOST_CHUNKS}; it is damaged, or must be saved again in larger chunks"
        )
    claimed = int(np.prod(array.shape, dtype=object)) * dtype.itemsize
    block = int(np.prod(array.shards or array.chunks, dtype=object)) * dtype.itemsize
    stored = array.nbytes_stored() if claimed > SUSPICIOUS_BYTES else claimed
    if claimed and not array.nchunks_initialized:
        raise FormatError(
            f"{where}: expected counts, found an array of shape {array.shape} that was never "
            "filled; the measurement may have been stopped, or only a part of the store copied"
        )
    if claimed > BEST_COMPRESSION * stored:
        raise FormatError(
            f"{where}: claims shape {array.shape}, {claimed / 2**40:.1f} TiB, of which the store "
            f"holds {stored} bytes; it is damaged, or the measurement was stopped"
        )
    check_memory(block, f"{where}, one chunk")
    return array


def _codecs(metadata: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of all codecs, those inside shards too."""
    for key in ("codecs", "index_codecs", "filters", "compressor"):
        entries = metadata.get(key) or []
        for entry in [entries] if isinstance(entries, Mapping) else entries:
            yield str(entry.get("name") or entry.get("id") or "").lower()
            yield from _codecs(entry.get("configuration") or {})


def read_counts(array: Any, path: Path, whole: int | None, warnings: list[str]) -> Any:
    """Return an array as NumPy, or as a dask array where it is large."""
    missing = array.nchunks - array.nchunks_initialized
    if missing:
        warnings.append(
            f"{missing} of {array.nchunks} chunks are not stored and read as {array.fill_value}, "
            "which is right for parts without counts; copy the store again if it is incomplete"
        )
    if is_small(array.nbytes):
        return np.asarray(array[...], dtype=np.dtype(array.dtype).newbyteorder("="))
    whole = (-1 if whole is None else whole) % array.ndim
    return in_blocks(
        ZarrOnDisk(array, path), {*range(array.ndim)} - {whole}, array.shards or array.chunks
    )
