"""Independent noisy versions of the same counts: what Noise2Noise learns from and is judged by.

Repeats are independent as they are. Poisson counts can be split by *thinning*: when every photon
goes to one of several parts at random, the parts are independent Poisson counts. Random numbers
belong to rows of the map, so that a result does not depend on how the map was cut into blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.bands import stretches
from napari_xrf_denoise.core.cores import CACHED_BYTES
from napari_xrf_denoise.core.errors import DataError, SettingsError
from napari_xrf_denoise.core.lazy_arrays import is_whole
from napari_xrf_denoise.core.spectrum_image import BLOCK_BYTES, SpectrumImage

from .diagnostics.statistics import CountStatistics
from .diagnostics.values import advice_for
from .settings import Pairs

Counts = NDArray[Any]

BAND_BYTES = 2 * CACHED_BYTES
"""Largest band that is worked on at once, as float64: several arrays of it, in half as many bytes,
fit in the cache of a core, and small maps have bands for all cores."""
FOLD_STREAM, RANK_STREAM, HALVES_STREAM, UNIFORM_STREAM, FEWER_STREAM = 0, 1, 2, 3, 4
"""Streams of random numbers: to hold counts out for the score, to find the rank of a PCA, to make
two repeats of one for the tutorial, to draw the counts of a uniform sample, and to halve what is
left without held-out counts."""


def choose_pairs(image: SpectrumImage, pairs: Pairs, found: CountStatistics) -> Pairs:
    """Return where pairs come from, ``"repeats"`` or ``"thinning"``.

    ``"auto"`` prefers thinning wherever the counts are Poisson: it gives fresh pairs at every step
    and uses all counts.

    Raises
    ------
    DataError
        If only thinning is possible, or chosen, and the counts are not whole numbers.
    """
    if pairs != "thinning" and image.n_repeats > 1:
        return "thinning" if pairs == "auto" and found.is_poisson else "repeats"
    if not found.whole:
        raise DataError(
            f"{image.name}: thinning splits photons and needs whole counts, found values like "
            f"{_first_fraction(image):g}; {advice_for(found.fractions)}, or give two or more "
            "repeats and pairs='repeats' (--pairs repeats)"
        )
    return "thinning"


def check_pairs(name: str, n_repeats: int, pairs: Pairs) -> None:
    """Refuse pairs of repeats where there is one repeat.

    Raises
    ------
    SettingsError
    """
    if pairs == "repeats" and n_repeats < 2:
        raise SettingsError(
            f"{name}: pairs='repeats' (--pairs repeats) needs at least 2 repeats, found 1; use "
            "'thinning', or name the axis of the repeats with repeat_axis (--repeat-axis)"
        )


def _first_fraction(image: SpectrumImage) -> float:
    for _, band in image.blocks():
        fractions = band[band != np.rint(band)]
        if fractions.size:
            return float(fractions[0])
    return float("nan")


def thin(counts: Counts, share: float, rng: np.random.Generator) -> Counts:
    """Return a binomial share of whole Poisson counts; the rest is ``counts - share``."""
    part = np.zeros_like(counts)
    # Most channels of a map are empty: drawing where there are photons is several times faster.
    filled = np.nonzero(counts)
    part[filled] = rng.binomial(counts[filled].astype(np.int64), share)
    return part


def split(counts: Counts, parts: int, rng: np.random.Generator) -> list[Counts]:
    """Return Poisson counts split at random into equal parts that add up to them."""
    rest = counts
    result = []
    for left in range(parts, 1, -1):
        part = thin(rest, 1 / left, rng)
        rest = rest - part
        result.append(part)
    return [*result, rest]


def row_generator(seed: int, stream: int, row: int) -> np.random.Generator:
    """Return the random numbers of one row of a map, for one purpose (`stream`)."""
    return np.random.default_rng([seed, stream, row])


class Source:
    """The counts of a run, repeats added up, in bands of rows and split into parts.

    `unit` is the variance of a value over its mean: the value of one count.
    """

    def __init__(self, image: SpectrumImage, unit: float = 1.0) -> None:
        self.image = image
        self.unit = unit
        self.shape = image.shape[1:]
        self._rows: slice | None = None

    def within(self, rows: slice) -> Self:
        """Return the source of which only these rows are read."""
        part = copy(self)
        part._rows = rows
        return part

    def stretches(self, max_bytes: int) -> list[slice]:
        """Return rows in which bands of so many bytes can be read by themselves."""
        return stretches(self.image.counts, max_bytes)

    def bands(self, max_bytes: int = BLOCK_BYTES) -> Iterator[tuple[slice, Counts]]:
        """Yield (rows, counts of shape (rows, x, energy)), in a type that sums do not overflow."""
        for rows, band in self.image.blocks(max_bytes, self._rows):
            yield rows, add_repeats(band)

    def parts(self, number: int, seed: int, stream: int) -> Iterator[tuple[slice, list[Counts]]]:
        """Yield (rows, independent parts that add up to the counts of these rows)."""
        raise NotImplementedError

    def part_shares(self, number: int) -> list[float]:
        """Return the share of this source's counts that each of the parts holds."""
        raise NotImplementedError

    def without(self, part: int, number: int, seed: int, stream: int) -> Source:
        """Return the source without one of the parts."""
        raise NotImplementedError


class Photons(Source):
    """Poisson counts: parts come from thinning.

    The sum of Poisson repeats of one rate holds all that the repeats know about it.
    """

    def parts(self, number: int, seed: int, stream: int) -> Iterator[tuple[slice, list[Counts]]]:
        """Yield (rows, random parts of equal share)."""
        for rows, band in self.bands(BAND_BYTES):
            drawn = [
                split(row, number, row_generator(seed, stream, place))
                for place, row in enumerate(band, start=rows.start)
            ]
            yield rows, [np.stack(part) for part in zip(*drawn, strict=True)]

    def part_shares(self, number: int) -> list[float]:
        """Return equal shares."""
        return [1 / number] * number

    def without(self, part: int, number: int, seed: int, stream: int) -> Source:
        """Return the photons of the other parts."""
        return _OtherPhotons(self, part, number, seed, stream)


class _OtherPhotons(Photons):
    def __init__(self, whole: Photons, part: int, number: int, seed: int, stream: int) -> None:
        super().__init__(whole.image)
        self._whole, self._part, self._split = whole, part, (number, seed, stream)

    def bands(self, max_bytes: int = BLOCK_BYTES) -> Iterator[tuple[slice, Counts]]:
        for rows, parts in self._whole.parts(*self._split):
            yield rows, np.sum(parts[: self._part] + parts[self._part + 1 :], axis=0)


class Repeats(Source):
    """Counts of any statistics: parts are groups of whole repeats.

    `totals` (repeat,) holds the counts of each of the image's repeats, since detector elements
    count unequally; `used` lists the repeats of this source, all by default.
    """

    def __init__(
        self,
        image: SpectrumImage,
        totals: NDArray[np.float64],
        used: list[int] | None = None,
        unit: float = 1.0,
    ) -> None:
        super().__init__(image, unit)
        self._totals = totals
        self.used = list(range(image.n_repeats)) if used is None else used

    @classmethod
    def of(cls, image: SpectrumImage, found: CountStatistics, unit: float = 1.0) -> Repeats:
        """Return all repeats in an order of their own, whatever that of the image is.

        By their counts, and then by their spectra: groups and random halves are then of the same
        repeats in whichever order these were measured or given.
        """
        keys = found.totals[:, None]
        if found.marginal_sums is not None:
            keys = np.hstack([keys, found.marginal_sums.spectra])
        return cls(image, found.totals, np.lexsort(keys.T[::-1]).tolist(), unit)

    def repeat_bands(self) -> Iterator[tuple[slice, Counts]]:
        """Yield (rows, counts of shape (repeat, rows, x, energy)) of the repeats in use."""
        for rows, band in self.image.blocks(within=self._rows):
            yield rows, band[self.used]

    def bands(self, max_bytes: int = BLOCK_BYTES) -> Iterator[tuple[slice, Counts]]:
        """Yield (rows, sum of the repeats in use)."""
        for rows, band in self.repeat_bands():
            yield rows, add_repeats(band)

    def parts(self, number: int, seed: int, stream: int) -> Iterator[tuple[slice, list[Counts]]]:
        """Yield (rows, sums of groups of repeats)."""
        groups = self._groups(number)
        for rows, band in self.image.blocks(BAND_BYTES * self.image.n_repeats, self._rows):
            yield rows, [add_repeats(band[group]) for group in groups]

    def stretches(self, max_bytes: int) -> list[slice]:
        """Return rows in which the sums of groups can be read by themselves."""
        return super().stretches(BAND_BYTES * self.image.n_repeats)

    def part_shares(self, number: int) -> list[float]:
        """Return the shares of the groups in the counts."""
        whole = self.repeat_shares().sum()
        return [float(self._totals[group].sum() / whole) for group in self._groups(number)]

    def repeat_shares(self) -> NDArray[np.float64]:
        """Return the counts of each repeat in use."""
        return self._totals[self.used]

    def without(self, part: int, number: int, seed: int, stream: int) -> Source:
        """Return the repeats of the other groups."""
        groups = self._groups(number)
        kept = [index for index in self.used if index not in groups[part]]
        return Repeats(self.image, self._totals, kept, self.unit)

    def _groups(self, number: int) -> list[list[int]]:
        # Interleaved, so that a slow drift of the counts is in every group alike.
        return [self.used[first::number] for first in range(number)]


def add_repeats(band: Counts) -> Counts:
    """Return the sum over repeats, in a type in which sums cannot wrap around."""
    wide = np.uint32 if band.dtype.itemsize < 4 else np.uint64
    total: Counts = band.sum(axis=0, dtype=wide if is_whole(band) else np.float64)
    return total
