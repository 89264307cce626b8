"""Sums of the counts along their axes, from one pass; never a cube."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.lazy_arrays import is_whole

from .copies import SpectrumMarks
from .grouped_values import GroupedValues
from .neighbours import NeighbourPairs
from .values import ValueCounts

GROUPS = 8
"""Groups of channels in which the counts of rows are compared."""
GROUP_CHANNELS = 16
"""Fewest channels of a group."""
COLUMNS = 200
"""Most columns in which the counts of rows are compared."""
COARSE_SIZE = 2_000_000
"""Most numbers of the coarse map: a long list of spectra has as many rows as it has spectra."""
SAMPLE = 50_000
"""Values kept of counts that are not whole."""


@dataclass(frozen=True, eq=False)
class MarginalSums:
    """Sums of the counts of an image."""

    whole: bool
    """Whether every count is a whole number."""
    spectra: NDArray[np.float64]
    """(repeat, energy): all pixels added up."""
    pixels: NDArray[np.float32]
    """(repeat, y, x): all channels added up."""
    coarse: NDArray[np.float32]
    """(y, column, group): repeats, neighbouring columns and groups of channels added up."""
    values: ValueCounts
    """Number of voxels of each value; empty if counts are not whole."""
    fractions: NDArray[np.float64]
    """Some of the values above 0, if counts are not whole."""
    grouped: GroupedValues
    """The same of small values in each channel."""
    pairs: NeighbourPairs
    """How evenly neighbours split their sums; empty if counts are not whole."""
    marks: SpectrumMarks
    """Equal for equal spectra; of no meaning if counts are not whole."""


class MarginalSumsTally:
    """Adds up the counts of an image (repeat, y, x, energy) band by band, of some of its rows."""

    def __init__(self, shape: tuple[int, int, int, int], rows: slice | None = None) -> None:
        repeats, height, width, size = shape
        self._first, last, _ = (rows or slice(None)).indices(height)
        own = last - self._first
        groups = int(np.clip(min(size // GROUP_CHANNELS, COARSE_SIZE // height), 1, GROUPS))
        columns = int(np.clip(COARSE_SIZE // (height * groups), 1, min(width, COLUMNS)))
        self._channels = np.linspace(0, size, groups + 1).astype(int)
        self._columns = np.linspace(0, width, columns + 1).astype(int)[:-1]
        self._spectra = np.zeros((repeats, size))
        self._pixels = np.zeros((repeats, own, width), dtype=np.float32)
        self._coarse = np.zeros((own, columns, groups), dtype=np.float32)
        self._whole = True
        self._values = ValueCounts()
        self._fractions = np.zeros(0)
        self._grouped = GroupedValues(size)
        self._pairs = NeighbourPairs(shape)
        self._marks = SpectrumMarks((repeats, own, width, size), self._first)

    def add(self, rows: slice, band: NDArray[Any]) -> None:
        """Add a band (repeat, rows, x, energy)."""
        own = slice(rows.start - self._first, rows.stop - self._first)
        self._whole = self._whole and is_whole(band)
        # uint32 holds the sum of a spectrum of 16 bits, and is twice as fast as float64.
        wide = np.uint32 if band.dtype.kind in "ui" and band.dtype.itemsize < 4 else np.float64
        self._spectra += band.sum(axis=(1, 2), dtype=np.float64)
        for group, (first, stop) in enumerate(
            zip(self._channels[:-1], self._channels[1:], strict=True)
        ):
            part = band[..., first:stop].sum(axis=3, dtype=wide)
            self._pixels[:, own] += part
            joined = part.sum(axis=0, dtype=np.float64)
            self._coarse[own, :, group] = np.add.reduceat(joined, self._columns, axis=1)
        if self._whole:
            self._values.add(band)
            self._grouped.add(band)
            self._pairs.add(rows, band)
            self._marks.add(rows, band)
        elif not self._fractions.size:
            self._fractions = band[band > 0][:SAMPLE].astype(np.float64)

    def plus(self, below: MarginalSumsTally) -> MarginalSumsTally:
        """Return the sums of these rows and of the next ones."""
        both = copy(self)
        both._spectra = self._spectra + below._spectra
        both._pixels = np.concatenate([self._pixels, below._pixels], axis=1)
        both._coarse = np.concatenate([self._coarse, below._coarse])
        both._whole = self._whole and below._whole
        both._values = self._values.plus(below._values)
        both._fractions = self._fractions if self._fractions.size else below._fractions
        both._grouped = self._grouped.plus(below._grouped)
        both._pairs = self._pairs.plus(below._pairs)
        both._marks = self._marks.plus(below._marks)
        return both

    def result(self) -> MarginalSums:
        """Return the sums."""
        values = self._values if self._whole else ValueCounts()
        return MarginalSums(
            self._whole,
            self._spectra,
            self._pixels,
            self._coarse,
            values,
            self._fractions,
            self._grouped,
            self._pairs,
            self._marks,
        )
