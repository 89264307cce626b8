"""Counts of single pixels, read beside the window where the array is lazy; without Qt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.errors import in_words
from napari_xrf_denoise.core.lazy_arrays import is_dask
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.plugin.common.jobs import Latest

KEPT = 64
"""Pixels of a lazy array that are remembered."""

Place = tuple[int, int]


class PixelReader:
    """Reads the repeats of a pixel: at once from memory, in a thread from a lazy array."""

    def __init__(self, image: SpectrumImage) -> None:
        self._image = image
        self._known: dict[Place, NDArray[np.generic]] = {}
        self._problems: dict[Place, str] = {}
        self._last: Place | None = None
        self._reading = Latest("xrf-read-pixel")

    @property
    def is_waiting(self) -> bool:
        """Whether a pixel is being read."""
        return self._reading.is_waiting

    def read(self, place: Place, *, follows: bool = False) -> NDArray[np.generic] | None:
        """Return the counts (repeat, energy) at (y, x), or None until they are read.

        A place that `follows` the mouse is the one that `last` returns.
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
        elif place not in self._problems and not self.is_waiting:
            lazy = counts[:, place[0], place[1]]
            self._reading.want((place, follows), lambda *_: np.asarray(lazy))
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
        self._reading.forget()

    def _take(self) -> None:
        if not self._reading.poll() or self._reading.key is None:
            return
        (place, follows), error = self._reading.key, self._reading.error
        if error is not None:
            self._problems[place] = in_words(error)
        else:
            self._known[place] = self._reading.result
            self._last = place if follows else self._last
            if len(self._known) > KEPT:
                del self._known[next(iter(self._known))]
        self._reading.forget()
