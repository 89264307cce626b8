"""Whether an array fits into memory, asked before it is made."""

from __future__ import annotations

import os

from napari_xrf_denoise.errors import DataError


def check_memory(n_bytes: int, where: str) -> None:
    """Refuse an array larger than this machine's memory.

    Raises
    ------
    DataError
        If it does not fit; where the size of the memory is unknown, nothing is refused.
    """
    total = physical_memory()
    if total is not None and n_bytes > total:
        raise DataError(
            f"{where}: needs {n_bytes / 2**30:.1f} GiB of memory at once, this machine has "
            f"{total / 2**30:.1f} GiB; convert the file to .h5 on a larger machine, which is then "
            "read block by block, or crop it"
        )


def physical_memory() -> int | None:
    """Return the bytes of memory, or None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
