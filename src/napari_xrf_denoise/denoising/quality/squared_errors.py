"""Sums over pixels that squared errors are found from, computed from sparse counts.

For a prediction f and counts c that it has not seen, f² − 2·f·c plus an unbiased estimate of λ² is
one of (f − λ)². Counts are 0 in most voxels, so that only f² needs all of them.

`resolved_errors` takes the noise that the detector cannot resolve out of the last two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.denoising.multifold_thinning import PartitionedBand

Floats = NDArray[np.float64]
Image = NDArray[np.float32]

EXACT = 4
"""Pixels whose squares are added up in single precision. Of many more, rounding would be as large
as the small error of a good prediction of many counts."""


class SquaredErrors(NamedTuple):
    """Sums over pixels for each channel, or for each window; all of shape (number,)."""

    counts: Floats
    raw: Floats
    """Variance of the raw counts."""
    square: Floats
    """Estimates of λ²; of repeats, those below zero are left out."""
    level: Floats
    """Unbiased estimates of λ²."""
    departure: Floats
    """f² − 2·f·c, of all held-out parts together."""
    fall: Floats
    """The same of predictions from fewer counts, less `departure`."""
    distance: Floats
    """Squared differences of both predictions."""
    uneven: Floats
    """Squares of sums of the raw variance over the pixels of a band, over their number. Where few
    rows hold most of the counts, they also hold most of the errors."""

    @classmethod
    def zeros(cls, size: int) -> SquaredErrors:
        """Return sums over no pixels."""
        return cls(*np.zeros((8, size)))

    def plus(self, other: SquaredErrors) -> SquaredErrors:
        """Return the sums over the pixels of both."""
        return SquaredErrors(*(one + two for one, two in zip(self, other, strict=True)))


class BandErrors:
    """Compares a band with predictions. `photons` says that counts are Poisson."""

    def __init__(self, band: PartitionedBand, shares: Sequence[float], *, photons: bool) -> None:
        self._band, self._shares = band, shares
        self._level = _level_sums(band.counts, shares, photons=photons)
        size = band.shape[2]
        self._departure, self._fall, self._distance = np.zeros((3, size))

    def compare(self, index: int, guess: Image, fewer: Image | None = None) -> None:
        """Add a prediction (rows, x, energy) of all counts, and one from fewer, for a part."""
        band, share = self._band, self._shares[index]
        along = band.summed(band.counts[:, index] * _at(band, guess)) / share
        departure = sum_of_squares(guess) - 2 * along
        self._departure += departure
        if fewer is not None:
            along = band.summed(band.counts[:, index] * _at(band, fewer)) / share
            self._fall += sum_of_squares(fewer) - 2 * along - departure
            self._distance += sum_of_squares(fewer - guess)

    def finish(self) -> SquaredErrors:
        """Return all sums."""
        rows, across, _ = self._band.shape
        own = [self._band.summed(part) for part in self._level]
        uneven = _uneven(own[0], own[1], rows * across)
        return SquaredErrors._make([*own, self._departure, self._fall, self._distance, uneven])


def of_windows(
    held: Sequence[NDArray[Any]],
    guesses: Sequence[Floats],
    fewer: Sequence[Floats],
    shares: Sequence[float],
    *,
    photons: bool,
) -> SquaredErrors:
    """Return the sums for counts and predictions (rows, x, window) of each held-out part."""
    size = held[0].shape[-1]
    counts = np.stack([part.reshape(-1, size) for part in held], axis=2).astype(np.float64)
    departure, fall, distance = np.zeros((3, size))
    for index, (guess, share) in enumerate(zip(guesses, shares, strict=True)):
        part, guess = counts[..., index] / share, guess.reshape(-1, size)
        own = (guess * (guess - 2 * part)).sum(axis=0)
        departure += own
        if len(fewer):
            other = fewer[index].reshape(-1, size)
            fall += (other * (other - 2 * part)).sum(axis=0) - own
            distance += ((other - guess) ** 2).sum(axis=0)
    own = [part.sum(axis=0) for part in _level_sums(counts, shares, photons=photons)]
    uneven = _uneven(own[0], own[1], len(counts))
    return SquaredErrors._make([*own, departure, fall, distance, uneven])


def _uneven(counts: Floats, raw: Floats, pixels: int) -> Floats:
    """Return the square of the raw variance of a band, without its own noise, over its pixels."""
    scatter = np.divide(raw, counts, out=np.ones_like(raw), where=counts > 0)
    return np.asarray((raw**2 - scatter * raw) / pixels)


def _level_sums(
    parts: NDArray[Any], shares: Sequence[float], *, photons: bool
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the first fields of `SquaredErrors` of each voxel, given its parts (..., part)."""
    counts = parts.sum(axis=-1, dtype=np.float64)
    if photons:
        square = counts * (counts - 1)
        return counts, counts, square, square
    number, share = len(shares), np.asarray(shares)
    scaled = parts / share
    level = (scaled.sum(axis=-1) ** 2 - (scaled**2).sum(axis=-1)) / (number * (number - 1))
    spread = ((parts - share * counts[..., None]) ** 2).sum(axis=-1)
    return counts, spread / (1 - float(share @ share)), np.maximum(level, 0), level


def _at(band: PartitionedBand, guess: Image) -> Image:
    """Return predictions where there are counts."""
    return np.take(guess.reshape(-1), band.places)


def sum_of_squares(values: Image) -> Floats:
    """Return the sum of squares over pixels, shape (energy,)."""
    flat = values.reshape(-1, values.shape[-1])
    end = len(flat) // EXACT * EXACT
    sums = np.einsum("gpe,gpe->ge", *(2 * [flat[:end].reshape(-1, EXACT, flat.shape[1])]))
    left = np.einsum("pe,pe->e", flat[end:], flat[end:])
    return np.asarray(sums.sum(axis=0, dtype=np.float64) + left)
