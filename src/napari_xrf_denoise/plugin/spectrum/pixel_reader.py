"""Counts of single pixels, read beside the window where the array is lazy; without Qt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.lazy_arrays import is_dask
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.plugin.common.jobs import BackgroundJob

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
        self._problems: dict[Place, str] = {}
        self._wanted: Place = (0, 0)
        self._is_followed = False
        self._last: Place | None = None
        self._job: BackgroundJob | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether a pixel is being read."""
        return self._job is not None

    def read(self, place: Place, *, follows: bool = False) -> NDArray[np.generic] | None:
        """Return the counts (repeat, energy) at (y, x), or None as long as they are not there.

        Parameters
        ----------
        place : tuple of int
        follows : bool
            Whether the place moves with the mouse, so that `last` tells about it.
        """
        counts = self._image.counts
        if not is_dask(counts):
            return np.asarray(counts[:, place[0], place[1]])
        # A lazy array reads a whole block of its file for a pixel, too slow for a moving mouse.
        self._take()
        if place in self._known:
            # To the end: what is asked for again and again, as pins are, is forgotten last.
            self._known[place] = self._known.pop(place)
            self._last = place if follows else self._last
        elif self._job is None and place not in self._problems:
            lazy = counts[:, place[0], place[1]]
            self._wanted, self._is_followed = place, follows
            self._job = BackgroundJob(lambda *_: np.asarray(lazy), "xrf-read-pixel")
            self._job.start()
        return self._known.get(place)

    def last(self) -> tuple[Place, NDArray[np.generic]] | None:
        """Return the place under the mouse that was read last, and its counts, or None."""
        if self._last is None or self._last not in self._known:
            return None
        return self._last, self._known[self._last]

    def problem(self, place: Place) -> str:
        """Return why a pixel cannot be read, in words; empty where it can."""
        return self._problems.get(place, "")

    def stop(self) -> None:
        """Leave a pixel unread."""
        if self._job is not None:
            self._job.stop()
        self._job = None

    def _take(self) -> None:
        if self._job is None or not self._job.is_done:
            return
        if self._job.error is not None:
            self._problems[self._wanted] = str(self._job.error) or repr(self._job.error)
        else:
            self._known[self._wanted] = self._job.result
            self._last = self._wanted if self._is_followed else self._last
            if len(self._known) > KEPT:
                del self._known[next(iter(self._known))]
        self._job = None
