"""Sums of the counts along their axes, from one pass; never a cube."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    """Adds up the counts of an image (repeat, y, x, energy) band by band."""

    def __init__(self, shape: tuple[int, int, int, int]) -> None:
        repeats, height, width, size = shape
        groups = int(np.clip(min(size // GROUP_CHANNELS, COARSE_SIZE // height), 1, GROUPS))
        columns = int(np.clip(COARSE_SIZE // (height * groups), 1, min(width, COLUMNS)))
        self._channels = np.linspace(0, size, groups + 1).astype(int)
        self._columns = np.linspace(0, width, columns + 1).astype(int)[:-1]
        self._spectra = np.zeros((repeats, size))
        self._pixels = np.zeros((repeats, height, width), dtype=np.float32)
        self._coarse = np.zeros((height, columns, groups), dtype=np.float32)
        self._values = ValueCounts()
        self._fractions = np.zeros(0)
        self._grouped = GroupedValues(size)
        self._pairs, self._marks = NeighbourPairs(shape), SpectrumMarks(shape)

    def add(self, rows: slice, band: NDArray[Any], whole: bool) -> None:
        """Add a band (repeat, rows, x, energy); `whole` if all counts so far are whole numbers."""
        # uint32 holds the sum of a spectrum of 16 bits, and is twice as fast as float64.
        wide = np.uint32 if band.dtype.kind in "ui" and band.dtype.itemsize < 4 else np.float64
        self._spectra += band.sum(axis=(1, 2), dtype=np.float64)
        for group, (first, stop) in enumerate(
            zip(self._channels[:-1], self._channels[1:], strict=True)
        ):
            part = band[..., first:stop].sum(axis=3, dtype=wide)
            self._pixels[:, rows] += part
            joined = part.sum(axis=0, dtype=np.float64)
            self._coarse[rows, :, group] = np.add.reduceat(joined, self._columns, axis=1)
        if whole:
            self._values.add(band)
            self._grouped.add(band)
            self._pairs.add(rows, band)
            self._marks.add(rows, band)
        elif not self._fractions.size:
            self._fractions = band[band > 0][:SAMPLE].astype(np.float64)

    def result(self, whole: bool) -> MarginalSums:
        """Return the sums."""
        values = self._values if whole else ValueCounts()
        return MarginalSums(
            self._spectra,
            self._pixels,
            self._coarse,
            values,
            self._fractions,
            self._grouped,
            self._pairs,
            self._marks,
        )
