"""Multifold thinning: counts split once into many independent parts, which are added up as needed.

A network that learns from pairs wants fresh ones at every step, and the score wants held-out
counts. Both come from one split: 16 parts have thousands of halves, and any linear function of the
counts, such as their scores in a subspace, is computed once for each part and then only summed.
Repeats are parts as they are, in units whose variance is about their mean, like that of counts;
photons go to one part each, at random. A. Neufeld et al., J. Mach. Learn. Res. 25 (2024).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.cores import in_order
from napari_xrf_denoise.core.workers import workers

from .pairs import BAND_BYTES, Counts, Photons, Repeats, Source, add_repeats, row_generator

if TYPE_CHECKING:
    from scipy.sparse import csr_array

T = TypeVar("T")

PARTS = 16
"""Most parts: enough for thousands of different halves."""
ONE_BY_ONE = 8
"""Counts of a voxel up to which its photons are drawn one by one."""
DENSE = 0.04
"""Share of filled voxels from which products of dense matrices are faster than sparse ones."""


@dataclass(frozen=True, eq=False)
class PartitionedBand:
    """A band of the map, as the filled voxels of each part."""

    shape: tuple[int, int, int]
    """(rows, x, energy)."""
    places: NDArray[np.intp]
    """Flat positions in the band of the voxels that hold any counts, rising."""
    counts: Counts
    """Counts (filled, parts) of each part there."""

    @cached_property
    def pixels(self) -> NDArray[np.intp]:
        """Pixel of each filled voxel, flat in the band."""
        return self.places // self.shape[2]

    @cached_property
    def channels(self) -> NDArray[np.intp]:
        """Channel of each filled voxel."""
        return self.places - self.pixels * self.shape[2]

    def joined(self, groups: Sequence[Sequence[int]], unit: float = 1.0) -> PartitionedBand:
        """Return the band with groups of its parts as parts, in values of so much a count."""
        sums = np.stack([self._sums(group) for group in groups], axis=1)
        return PartitionedBand(self.shape, self.places, in_values(sums, unit))

    def summed(self, values: NDArray[np.number]) -> NDArray[np.float64]:
        """Return the sums over pixels of values of the filled voxels, shape (energy,)."""
        return np.asarray(np.bincount(self.channels, values, self.shape[2]), np.float64)

    def summed_in(self, bins: NDArray[np.intp], values: NDArray[np.number]) -> NDArray[np.float64]:
        """Return the sums (rows, x, bin) over channels, given the bin of each channel."""
        number = int(bins[-1]) + 1
        rows, across, _ = self.shape
        places = self.pixels * number + bins[self.channels]
        sums = np.bincount(places, values, rows * across * number)
        return np.asarray(sums.reshape(rows, across, number), np.float64)

    def dense(self, group: Sequence[int]) -> Counts:
        """Return the sum of some parts, shape (rows, x, energy)."""
        values = self._sums(group)
        band = np.zeros(int(np.prod(self.shape)), dtype=values.dtype)
        band[self.places] = values
        return band.reshape(self.shape)

    def every_row(self, first: int, step: int) -> PartitionedBand:
        """Return one row of every so many."""
        rows, across, size = self.shape
        if step == 1:
            return self
        row, place = np.divmod(self.places, across * size)
        kept = (row >= first) & ((row - first) % step == 0)
        places = (row[kept] - first) // step * (across * size) + place[kept]
        return PartitionedBand(
            (len(range(first, rows, step)), across, size), places, self.counts[kept]
        )

    def sparse(self, values: NDArray[np.number]) -> csr_array:
        """Return values of the filled voxels as a matrix (pixels, energy)."""
        return self._sparse(values[None])

    def project(self, group: Sequence[int], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the product of the sum of some parts with a matrix (energy, columns)."""
        return self.times(self._sums(group), matrix)

    def times(self, values: NDArray[np.number], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the product (pixels, columns) of values of the filled voxels with a matrix."""
        pixels = self.shape[0] * self.shape[1]
        if len(self.places) > DENSE * pixels * self.shape[2]:
            dense = np.zeros((pixels, self.shape[2]), np.float32)
            dense.reshape(-1)[self.places] = values
            return np.asarray(dense @ matrix)
        return np.asarray(self.sparse(values) @ matrix)

    def project_each(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the product of every part with a matrix, shape (parts, rows, x, columns)."""
        found = self._sparse(self.counts.T) @ matrix
        return np.asarray(found).reshape(self.counts.shape[1], *self.shape[:2], -1)

    def _sums(self, group: Sequence[int]) -> Counts:
        """Return the sums of some parts in the filled voxels."""
        kind = self.counts.dtype
        wide = np.dtype(np.uint32) if kind.kind == "u" and kind.itemsize < 4 else kind
        total: Counts = self.counts[:, list(group)].sum(axis=1, dtype=wide)
        return total

    def _sparse(self, values: Counts) -> csr_array:
        """Return arrays of values (arrays, filled) as one matrix (arrays * pixels, energy)."""
        from scipy.sparse import csr_array

        pixels, size = self.shape[0] * self.shape[1], self.shape[2]
        array, filled = np.nonzero(values)
        pixel, channel = np.divmod(self.places[filled], size)
        number = np.bincount(array * pixels + pixel, minlength=len(values) * pixels)
        start = np.concatenate([[0], np.cumsum(number)])
        data = values[array, filled].astype(np.float32)
        return csr_array((data, channel, start), shape=(len(values) * pixels, size))


Load = Callable[[], PartitionedBand]


@dataclass(frozen=True, eq=False)
class PhotonPartition:
    """How the counts of a run are split into parts: the same parts every time."""

    source: Source
    number: int
    """Number of parts."""
    seed: int
    stream: int
    """Of the random numbers."""

    @classmethod
    def of(cls, source: Source, seed: int, stream: int) -> PhotonPartition:
        """Return the split into as many parts as make sense."""
        number = PARTS
        if isinstance(source, Repeats):
            number = min(PARTS, len(source.used))
        return cls(source, number, seed, stream)

    @property
    def shares(self) -> NDArray[np.float64]:
        """Share of the counts of each part."""
        return np.array(self.source.part_shares(self.number))

    def folds(self, number: int) -> list[list[int]]:
        """Return the parts of each fold; interleaved, so that a slow drift is in all alike."""
        return [list(range(self.number))[first::number] for first in range(number)]

    def fold_shares(self, number: int) -> list[float]:
        """Return the share of the counts of each fold."""
        return [float(self.shares[fold].sum()) for fold in self.folds(number)]

    def in_folds(self, number: int) -> Folds:
        """Return the bands whose parts are the folds, in values of the source."""
        return Folds(self, number)

    def without(self, fold: list[int]) -> list[int]:
        """Return the parts that are left without those of a fold."""
        return [part for part in range(self.number) if part not in fold]

    def within(self, rows: slice) -> PhotonPartition:
        """Return the partition of which only these rows are read."""
        return replace(self, source=self.source.within(rows))

    def sum_of(self, group: Sequence[int]) -> Source:
        """Return the counts of some of the parts."""
        return _SomeParts(self, group)

    def bands(self, max_bytes: int = BAND_BYTES) -> Iterator[tuple[slice, PartitionedBand]]:
        """Yield (rows, parts of the band)."""
        return in_order(lambda item: (item[0], item[1]()), self._loads(max_bytes))

    def map(
        self, work: Callable[[slice, PartitionedBand], T], max_bytes: int = BAND_BYTES
    ) -> Iterator[T]:
        """Yield what `work` makes of (rows, parts of the band), in order, computed on all cores.

        Or by the workers of a cluster, where they are asked for: `work` must not change anything.
        """
        elsewhere = workers()
        if elsewhere is None:
            return in_order(lambda item: work(item[0], item[1]()), self._loads(max_bytes))
        task = partial(_map_within, self, work, max_bytes)
        return chain.from_iterable(elsewhere.map(task, self.source.stretches(max_bytes)))

    def _loads(self, max_bytes: int) -> Iterator[tuple[slice, Load]]:
        """Yield (rows, how to get the parts of the band)."""
        if not isinstance(self.source, Photons):
            for rows, parts in self.source.parts(self.number, self.seed, self.stream):
                yield rows, partial(gather, parts, self.source.unit)
            return
        for rows, band in self.source.bands(max_bytes):
            yield rows, partial(self._partition_band, band, rows.start)

    def _partition_band(self, band: Counts, first_row: int) -> PartitionedBand:
        height, width, size = band.shape
        places, counts = [], []
        for row, spectra in enumerate(band):
            flat = spectra.ravel()
            filled = np.flatnonzero(flat)
            rng = row_generator(self.seed, self.stream, first_row + row)
            places.append(filled + row * width * size)
            counts.append(partition_photons(flat[filled], self.number, rng))
        return PartitionedBand(
            (height, width, size), np.concatenate(places), np.concatenate(counts)
        )


class Bands(Protocol):
    """Bands of a map, each with its parts."""

    def map(self, work: Callable[[slice, PartitionedBand], T]) -> Iterator[T]:
        """Yield what `work` makes of (rows, parts of the band), in order, computed on all cores."""


@dataclass(frozen=True, eq=False)
class Folds:
    """Bands whose parts are the folds of a partition."""

    partition: PhotonPartition
    number: int
    """Number of folds."""

    def map(self, work: Callable[[slice, PartitionedBand], T]) -> Iterator[T]:
        """Yield what `work` makes of (rows, folds of the band), in order, computed on all cores."""
        folds, unit = self.partition.folds(self.number), self.partition.source.unit
        return self.partition.map(partial(_in_folds, work, folds, unit))


@dataclass(frozen=True, eq=False)
class Listed:
    """Bands that are given one by one, and how to get the parts of each."""

    items: Iterable[tuple[slice, Load]]

    def map(self, work: Callable[[slice, PartitionedBand], T]) -> Iterator[T]:
        """Yield what `work` makes of (rows, parts of the band), in order, computed on all cores."""
        return in_order(lambda item: work(item[0], item[1]()), self.items)


def _in_folds(
    work: Callable[[slice, PartitionedBand], T],
    folds: list[list[int]],
    unit: float,
    rows: slice,
    band: PartitionedBand,
) -> T:
    return work(rows, band.joined(folds, unit))


def _map_within(
    partition: PhotonPartition,
    work: Callable[[slice, PartitionedBand], T],
    max_bytes: int,
    rows: slice,
) -> list[T]:
    """Return what `work` makes of the bands in a stretch of rows."""
    return list(partition.within(rows).map(work, max_bytes))


class _SomeParts(Source):
    """The sum of some parts, in the values of the source."""

    def __init__(self, partition: PhotonPartition, group: Sequence[int]) -> None:
        super().__init__(partition.source.image, partition.source.unit)
        self._partition, self._group = partition, group

    def bands(self, max_bytes: int = BAND_BYTES) -> Iterator[tuple[slice, Counts]]:
        for rows, band in self._partition.bands():
            yield rows, in_values(band.dense(self._group), self.unit)


def in_values(counts: Counts, unit: float) -> Counts:
    """Return counts as the values that they came from."""
    return counts if unit == 1 else counts * np.float32(unit)


def partition_photons(counts: Counts, number: int, rng: np.random.Generator) -> Counts:
    """Return Poisson counts (voxels,) split at random into independent parts (voxels, number).

    Examples
    --------
    >>> parts = partition_photons(np.array([3, 100]), 4, np.random.default_rng(0))
    >>> parts.sum(axis=1).tolist()
    [3, 100]
    """
    counts = counts.astype(np.int64)
    most = int(counts.max(initial=0))
    parts = np.zeros((len(counts), number), dtype=np.min_scalar_type(most))
    few = np.flatnonzero(counts <= ONE_BY_ONE)
    many = np.flatnonzero(counts > ONE_BY_ONE)
    voxel = np.repeat(np.arange(len(few)), counts[few])
    chosen = voxel * number + rng.integers(number, size=len(voxel))
    drawn = np.bincount(chosen, minlength=len(few) * number)
    parts[few] = drawn.reshape(len(few), number)
    parts[many] = rng.multinomial(counts[many], np.full(number, 1 / number))
    return parts


def gather(parts: Sequence[Counts], unit: float = 1.0) -> PartitionedBand:
    """Return parts that came as arrays of values (rows, x, energy), of so much a count."""
    parts = [np.asarray(part) for part in parts]
    height, width, size = parts[0].shape
    places = np.flatnonzero(add_repeats(np.stack(parts)))
    counts = np.stack([part.ravel()[places] for part in parts], axis=1)
    if unit != 1:
        counts = (counts / unit).astype(np.float32)
    return PartitionedBand((height, width, size), places, counts)
