"""What keeps an HDF5 dataset from being counts, told before any of it is read."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from napari_xrf_denoise.core.errors import FormatError, MissingDependencyError
from napari_xrf_denoise.io.base.merge_memory import size_in_words

MOST_AXES = 4
"""Repeat, y, x and energy."""
_FEWEST_WRITTEN = 1e-3
"""Share of its chunks without which a dataset is no measurement. What was not written reads as
zeros, for hours where a small file claims a large shape."""
_SUSPICIOUS_BYTES = 2**40
_BEST_COMPRESSION = 10_000  # deflate reaches 1,032 on nothing but zeros, zstd some thousands


def check_dataset(dataset: Any, path: Path, where: str) -> None:
    """Refuse a dataset of numbers that is no array of counts, or not all there.

    Parameters
    ----------
    dataset : h5py.Dataset
    path : pathlib.Path
        The file that it lies in.
    where : str
        What to call it in messages.

    Raises
    ------
    FormatError
        If it has too many axes or none, is empty, claims what the file cannot hold, is packed in
        an unknown way, or lies in further files that are missing.
    MissingDependencyError
        If unpacking it needs a package that is not installed.
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
    if claimed > _SUSPICIOUS_BYTES and claimed > _BEST_COMPRESSION * stored:
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
