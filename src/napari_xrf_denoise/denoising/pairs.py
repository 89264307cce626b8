"""Independent noisy versions of the same counts: what Noise2Noise learns from and is judged by.

Repeats are independent as they are. Poisson counts can be split by *thinning*: when every photon
goes to one of several parts at random, the parts are independent Poisson counts. Random numbers
belong to rows of the map, so that a result does not depend on how the map was cut into blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.errors import DataError, SettingsError
from napari_xrf_denoise.spectrum_image import SpectrumImage

from .settings import Pairs

Counts = NDArray[Any]


@dataclass(frozen=True)
class Fano:
    """Variance over mean of counts over repeats: 1 for Poisson counts.

    Parameters
    ----------
    factor : float
        Variance over mean; NaN without repeats.
    error : float
        Standard error of `factor` for Poisson counts.
    """

    factor: float
    error: float

    @property
    def is_poisson(self) -> bool:
        """Whether repeats scatter as Poisson counts do; true when there are none to ask."""
        if not np.isfinite(self.factor):
            return True
        return abs(self.factor - 1) < max(0.1, 5 * self.error)


def choose_pairs(image: SpectrumImage, pairs: Pairs, fano: Fano, *, whole: bool) -> Pairs:
    """Return where pairs come from, ``"repeats"`` or ``"thinning"``.

    Parameters
    ----------
    image : SpectrumImage
    pairs : {"auto", "repeats", "thinning"}
        ``"auto"`` prefers thinning, which gives fresh pairs at every step and uses all counts,
        wherever the counts are Poisson.
    fano : Fano
        Of the image's repeats.
    whole : bool
        Whether all counts are whole numbers.

    Raises
    ------
    SettingsError
        If there is one repeat and pairs of repeats are asked for.
    DataError
        If thinning is asked for, or is all that is left, and the counts are not whole numbers.
    """
    if pairs == "repeats" and image.n_repeats < 2:
        raise SettingsError(
            f"{image.name}: pairs='repeats' needs at least 2 repeats, found 1; use "
            "pairs='thinning', or read the repeats with repeat_axis=..."
        )
    if pairs != "thinning" and image.n_repeats > 1:
        return "thinning" if pairs == "auto" and whole and fano.is_poisson else "repeats"
    if not whole:
        raise DataError(
            f"{image.name}: thinning splits photons and needs whole counts, found values like "
            f"{_first_fraction(image):g}; give the raw counts, or two or more repeats and "
            "pairs='repeats'"
        )
    return "thinning"


def _first_fraction(image: SpectrumImage) -> float:
    for _, band in image.blocks():
        fractions = band[band != np.rint(band)]
        if fractions.size:
            return float(fractions[0])
    return float("nan")


def refuse_copies(image: SpectrumImage) -> None:
    """Refuse repeats that are copies of each other: they hold no independent noise.

    Raises
    ------
    DataError
        If two repeats that hold any counts are identical.
    """
    repeats = image.n_repeats
    same = np.ones((repeats, repeats), dtype=bool)
    filled = np.zeros(repeats, dtype=bool)
    for _, band in image.blocks():
        flat = band.reshape(repeats, -1)
        filled |= flat.any(axis=1)
        for first in range(repeats):
            for second in range(first + 1, repeats):
                if same[first, second]:
                    same[first, second] = np.array_equal(flat[first], flat[second])
    for first in range(repeats):
        for second in range(first + 1, repeats):
            if same[first, second] and filled[first]:
                raise DataError(
                    f"{image.name}: axis 'repeat': repeats {first} and {second} are identical; "
                    "expected independent measurements, found a copy; leave one of them out"
                )


def fano_over_repeats(image: SpectrumImage) -> Fano:
    """Return variance over mean of the counts over repeats.

    Repeats may differ in their total, as detector elements do: each is compared with its share.

    Parameters
    ----------
    image : SpectrumImage

    Returns
    -------
    Fano
        With NaN when there is one repeat, or nothing was counted.
    """
    repeats = image.n_repeats
    if repeats < 2:
        return Fano(float("nan"), float("nan"))
    totals = np.zeros(repeats)
    for _, band in image.blocks():
        totals += band.sum(axis=(1, 2, 3), dtype=np.float64)
    if totals.sum() == 0:
        return Fano(float("nan"), float("nan"))
    share = (totals / totals.mean())[:, None, None, None]
    # What the mean of all repeats takes away of the scatter; 1 where all have the same share.
    freedom = repeats - float((share**2).sum()) / repeats
    variance = mean = spread = 0.0
    for _, band in image.blocks():
        counts = band.astype(np.float64)
        expected = counts.mean(axis=0)
        variance += float(((counts - share * expected) ** 2).sum()) / freedom
        mean += float(expected.sum())
        spread += float((2 * expected**2 / (repeats - 1) + expected / repeats).sum())
    return Fano(variance / mean, spread**0.5 / mean)


def thin(counts: Counts, share: float, rng: np.random.Generator) -> Counts:
    """Return a binomial share of Poisson counts; the rest is ``counts - share``.

    Parameters
    ----------
    counts : numpy.ndarray
        Whole counts of any shape.
    share : float
        Chance of each photon to be kept.
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray
        Counts of the same shape and type.

    Examples
    --------
    >>> part = thin(np.full(4, 100), 0.5, np.random.default_rng(0))
    >>> bool(np.all(part <= 100))
    True
    """
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
    """The counts of a run, repeats added up, given out in bands of rows and split in parts.

    Parameters
    ----------
    image : SpectrumImage
    share : float
        Share of all counts of the image that this source holds.
    """

    def __init__(self, image: SpectrumImage, share: float = 1.0) -> None:
        self.image = image
        self.share = share
        self.shape = image.shape[1:]

    def bands(self) -> Iterator[tuple[slice, Counts]]:
        """Yield (rows, counts of shape (rows, x, energy)), in a type that sums do not overflow."""
        for rows, band in self.image.blocks():
            yield rows, _add_up(band)

    def parts(self, number: int, seed: int, stream: int) -> Iterator[tuple[slice, list[Counts]]]:
        """Yield (rows, independent parts that add up to the counts of these rows)."""
        raise NotImplementedError

    def part_shares(self, number: int) -> list[float]:
        """Return the share of this source's counts that each of the parts holds."""
        raise NotImplementedError

    def without(self, part: int, number: int, seed: int, stream: int) -> Source:
        """Return what is left when one of the parts is held out."""
        raise NotImplementedError


class Photons(Source):
    """Poisson counts: parts come from thinning.

    The sum of Poisson repeats of one rate holds all that the repeats know about it.
    """

    def parts(self, number: int, seed: int, stream: int) -> Iterator[tuple[slice, list[Counts]]]:
        """Yield (rows, random parts of equal share)."""
        for rows, band in self.bands():
            drawn = [
                split(row, number, row_generator(seed, stream, place))
                for place, row in enumerate(band, start=rows.start)
            ]
            yield rows, [np.stack(part) for part in zip(*drawn, strict=True)]

    def part_shares(self, number: int) -> list[float]:
        """Return equal shares."""
        return [1 / number] * number

    def without(self, part: int, number: int, seed: int, stream: int) -> Source:
        """Return the photons that are in the other parts."""
        return _OtherPhotons(self, part, number, seed, stream)


class _OtherPhotons(Photons):
    def __init__(self, whole: Photons, part: int, number: int, seed: int, stream: int) -> None:
        super().__init__(whole.image, whole.share * (1 - 1 / number))
        self._whole, self._part, self._split = whole, part, (number, seed, stream)

    def bands(self) -> Iterator[tuple[slice, Counts]]:
        for rows, parts in self._whole.parts(*self._split):
            yield rows, np.sum(parts[: self._part] + parts[self._part + 1 :], axis=0)


class Repeats(Source):
    """Counts of any statistics: parts are groups of whole repeats."""

    def parts(self, number: int, seed: int, stream: int) -> Iterator[tuple[slice, list[Counts]]]:
        """Yield (rows, sums of groups of repeats)."""
        groups = self._groups(number)
        for rows, band in self.image.blocks():
            yield rows, [_add_up(band[group]) for group in groups]

    def part_shares(self, number: int) -> list[float]:
        """Return the shares of the groups, by their number of repeats."""
        return [len(group) / self.image.n_repeats for group in self._groups(number)]

    def without(self, part: int, number: int, seed: int, stream: int) -> Source:
        """Return the repeats of the other groups."""
        groups = self._groups(number)
        kept = sorted(index for group in groups[:part] + groups[part + 1 :] for index in group)
        image = self.image.replace(counts=self.image.counts[kept])
        return Repeats(image, self.share * len(kept) / self.image.n_repeats)

    def _groups(self, number: int) -> list[list[int]]:
        # Interleaved, so that a slow drift is in every group alike.
        return [list(range(first, self.image.n_repeats, number)) for first in range(number)]


def _add_up(band: Counts) -> Counts:
    whole = band.dtype.kind in "iu" or bool(np.all(band == np.rint(band)))
    # uint32 sums of whole counts cannot wrap around, as those of uint8 maps would.
    total: Counts = band.sum(axis=0, dtype=np.uint32 if whole else np.float64)
    return total
