"""Counts of single pixels, read beside the window where the array is lazy; without Qt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.arrays import is_dask
from napari_xrf_denoise.spectrum_image import SpectrumImage

from .background_job import BackgroundJob

KEPT = 64
"""Pixels of a lazy array that are remembered."""

Place = tuple[int, int]


class PixelReader:
    """Reads the repeats of a pixel: at once from memory, in a thread from a lazy array.

    Parameters
    ----------
    image : SpectrumImage
    """

    def __init__(self, image: SpectrumImage) -> None:
        self._image = image
        self._known: dict[Place, NDArray[np.generic]] = {}
        self._wanted: Place = (0, 0)
        self._job: BackgroundJob | None = None
        self.problem = ""

    @property
    def is_waiting(self) -> bool:
        """Whether a pixel is being read."""
        return self._job is not None

    def read(self, place: Place) -> NDArray[np.generic] | None:
        """Return the counts (repeat, energy) at (y, x), or None as long as they are not there."""
        counts = self._image.counts
        if not is_dask(counts):
            return np.asarray(counts[:, place[0], place[1]])
        # A lazy array reads a whole block of its file for a pixel, too slow for a moving mouse.
        self._take()
        if place not in self._known and self._job is None and not self.problem:
            lazy = counts[:, place[0], place[1]]
            self._wanted = place
            self._job = BackgroundJob(lambda *_: np.asarray(lazy), "xrf-read-pixel")
            self._job.start()
        return self._known.get(place)

    def last(self) -> NDArray[np.generic] | None:
        """Return the counts that came last, or None."""
        return next(reversed(self._known.values()), None)

    def stop(self) -> None:
        """Leave a pixel unread."""
        if self._job is not None:
            self._job.stop()
        self._job = None

    def _take(self) -> None:
        if self._job is None or not self._job.is_done:
            return
        if self._job.error is not None:
            self.problem = str(self._job.error)
        else:
            self._known[self._wanted] = self._job.result
            if len(self._known) > KEPT:
                del self._known[next(iter(self._known))]
        self._job = None
