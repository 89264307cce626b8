"""Counts laid out for the energy slider: in memory where they fit, else in a file sorted by energy.

Files hold spectra, pixel after pixel, so that the image at one energy is spread over all of them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.errors import Cancelled, DataError
from napari_xrf_denoise.core.progress import Progress

if TYPE_CHECKING:
    from napari_xrf_denoise.core.spectrum_image import SpectrumImage

MEMORY_SHARE = 0.5
"""Share of the free memory that one map may take."""
PREFIX = "xrf-energies-"


def free_memory() -> int:
    """Return how many bytes programs can still take."""
    import psutil

    return int(psutil.virtual_memory().available)


def lay_out(
    image: SpectrumImage,
    on_progress: Callable[[Progress], object],
    should_stop: Callable[[], bool],
    *,
    most_bytes: int | None = None,
    folder: Path | None = None,
) -> NDArray[Any]:
    """Return counts (repeat, y, x, energy) so that the image at any energy is ready at once.

    Up to `most_bytes` (by default half of the free memory) they are kept in memory; larger ones in
    a file in `folder` (by default the system's for temporary files) that goes away with the array.
    `should_stop` is asked at every block. A DataError if neither memory nor disk have room.
    """
    limit = MEMORY_SHARE * free_memory() if most_bytes is None else most_bytes
    if image.counts.nbytes <= limit:
        counts = np.empty(image.shape, image.counts.dtype)
        stage = f"loading {image.name}"
    else:
        counts = np.moveaxis(_by_energy(image, folder), 1, 3)
        stage = f"sorting {image.name} by energy"
    for rows, band in image.blocks():
        if should_stop():
            raise Cancelled(f"{image.name}: loading was stopped")
        counts[:, rows] = band
        on_progress(Progress(stage, rows.stop / image.shape[1]))
    return counts


def _by_energy(image: SpectrumImage, folder: Path | None) -> NDArray[Any]:
    """Return an array on disk, shape (repeat, energy, y, x), in a file without a name."""
    place = Path(folder or tempfile.gettempdir())
    free = shutil.disk_usage(place).free
    needed = image.counts.nbytes
    if needed > 0.9 * free:
        raise DataError(
            f"{image.name}: {needed / 2**30:.1f} GiB fit neither into memory nor into {place} "
            f"({free / 2**30:.1f} GiB free), so that the energy slider stays slow; free some disk "
            "space, or set TMPDIR to a larger disk"
        )
    repeats, height, width, size = image.shape
    # Closed and mapped, the file lives on without a name, and is gone when the array is.
    with tempfile.TemporaryFile(prefix=PREFIX, dir=place) as file:
        _reserve(file.fileno(), needed, image.name, place)
        return np.memmap(file, image.counts.dtype, "w+", shape=(repeats, size, height, width))


def _reserve(file: int, n_bytes: int, name: str, place: Path) -> None:
    """Have the disk keep room for a file: one that fills up under a mapped file is a crash."""
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(file, 0, n_bytes)
    except OSError as error:
        raise DataError(
            f"{name}: {n_bytes / 2**30:.1f} GiB cannot be kept in {place} ({error.strerror}); free "
            "some disk space, or set TMPDIR to a larger disk"
        ) from error
