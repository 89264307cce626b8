"""Whether an array is read at once, and whether it fits into memory."""

from __future__ import annotations

import os

from napari_xrf_denoise.core.errors import DataError

IN_MEMORY_BYTES = 256 * 2**20
"""Counts up to this size are read at once, and so checked at once; larger ones stay on disk and are
checked as their blocks are read. Common maps (200 × 200 × 2048, uint8 or uint16) are below it."""

SUSPICIOUS_BYTES = 2**40
BEST_COMPRESSION = 10_000  # deflate reaches 1,032 on nothing but zeros, zstd some thousands


def is_small(n_bytes: int) -> bool:
    """Whether counts of this size are read at once."""
    return n_bytes <= IN_MEMORY_BYTES


def check_memory(n_bytes: int, where: str) -> None:
    """Refuse an array larger than this machine's memory, if that is known."""
    total = physical_memory()
    if total is not None and n_bytes > total:
        raise DataError(
            f"{where}: needs {n_bytes / 2**30:.1f} GiB of memory at once, this machine has "
            f"{total / 2**30:.1f} GiB; convert the file to .h5 on a larger machine, which is then "
            "read block by block, or crop it"
        )


def size_in_words(n_bytes: int) -> str:
    """Return a size in the unit that it is read best in.

    Examples
    --------
    >>> size_in_words(1128), size_in_words(3 * 2**31), size_in_words(8192 * 10**12)
    ('1128 bytes', '6 GiB', '7450.6 TiB')
    """
    for unit, size in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20)):
        if n_bytes >= size:
            return f"{round(n_bytes / size, 1):g} {unit}"
    return f"{n_bytes} bytes"


def physical_memory() -> int | None:
    """Return the bytes of memory, or None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
