"""How much of the differences between pixels a result keeps, and whether elements stay independent.

Mean squared errors hardly show what a study of a sample depends on most: that a pixel with more of
an element also has more in the result, and that two elements are only as alike in the result as
they are in the sample. For a prediction f and independent counts n and h of two parts of the dose,
covariances over pixels hold none of their noise:

    kept = cov(f, h) / cov(n, h),    r = cov(n₁, h₂) / √(cov(n₁, h₁) cov(n₂, h₂)),

all scaled to the same exposure. The first is the slope of the prediction against the true rate, as
h, which the prediction has not seen, is the rate plus noise that is independent of it. C. Spearman,
Am. J. Psychol. 15 (1904) 72 (correlations without the noise of both).

Where a prediction is largest and smallest, its mean over that of h tells how right it is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.quantities import first_of
from napari_xrf_denoise.denoising.pairs import Counts

SETS = 17
"""Sets of pixels that are left out in turn, for the error of what is found (jackknife). They are
spread evenly, since it is the noise of pixels that matters and not how the sample varies: a prime
number does so in maps of nearly all widths."""
CERTAIN = 4.0
"""Standard errors by which the counts of a line must differ between pixels, for their contrast to
be known, and by which correlations must differ to be told."""
KEPT = 0.8
"""Least share of the contrast that needs no warning."""
CLEAR = 3.0
"""Standard errors by which the contrast must lie below that."""
DIFFERENT = 0.3
"""Least difference of correlations that matters."""
EXTREME = 0.02
"""Share of the pixels that are the brightest, or the dimmest, of a line."""
FEWEST_COUNTS = 100
"""Held-out counts in them that tell anything."""
MOST_PIXELS = 2**16
"""About so many pixels are sorted; more would add little."""
NAMED = 4
"""Lines, or pairs of lines, that a warning names."""

Floats = NDArray[np.float64]


class Share(NamedTuple):
    """What the result holds of the counts in some pixels; NaN where these do not tell."""

    kept: float
    error: float
    """Standard error."""

    @property
    def is_off(self) -> bool:
        """Whether more than a fifth is missing or too much, beyond chance."""
        low, high = self.kept + CLEAR * self.error, self.kept - CLEAR * self.error
        return low < KEPT or high > 1 / KEPT


NOT_KNOWN = Share(float("nan"), float("nan"))


@dataclass(frozen=True)
class LineContrast:
    """What a prediction keeps of the differences between pixels in the counts of a line."""

    kept: float
    """Slope of the prediction against the true rate; NaN where the counts do not tell."""
    error: float
    """Standard error of `kept`."""
    brightest: Share = NOT_KNOWN
    """Of the 2 % of the pixels where the prediction is largest."""
    dimmest: Share = NOT_KNOWN
    """Of those where it is smallest."""

    @property
    def is_flattened(self) -> bool:
        """Whether less than 80 % are kept, beyond chance."""
        return self.kept < KEPT - CLEAR * self.error


UNKNOWN = LineContrast(float("nan"), float("nan"))


class Likeness(NamedTuple):
    """Correlation of the maps of two lines."""

    lines: tuple[int, int]
    """Indices of the windows."""
    result: float
    counts: float
    """Without the noise of the counts."""
    error: float
    """Standard error of the difference of both."""


@dataclass(frozen=True)
class Contrasts:
    """Contrast of each line, and pairs of lines that are not as alike as the counts say."""

    lines: tuple[LineContrast, ...]
    unlike: tuple[Likeness, ...]
    """The most different first."""

    def warnings(self, names: Sequence[str]) -> Iterator[str]:
        """Yield sentences about what is flattened and what looks alike, given the lines' names."""
        flat = [pair for pair in zip(names, self.lines, strict=True) if pair[1].is_flattened]
        if flat:
            flat.sort(key=lambda pair: pair[1].kept)
            told = [f"{name} {own.kept:.2f} ± {own.error:.2f}" for name, own in flat]
            yield (
                "differences between pixels are flattened in the maps of these lines, by the share "
                f"that is kept: {first_of(told, NAMED)}; sums over regions are more reliable"
            )
        off = [
            (
                abs(np.log(max(share.kept, 1e-9))),
                f"{name}, {which}, {share.kept:.2f} ± {share.error:.2f}",
            )
            for name, own in zip(names, self.lines, strict=True)
            for which, share in (("brightest", own.brightest), ("dimmest", own.dimmest))
            # Where a line is flattened, this is told already.
            if share.is_off and not own.is_flattened
        ]
        if off:
            told = [text for _, text in sorted(off, reverse=True)]
            yield (
                "the brightest or dimmest 2 % of the pixels are off in the maps of these lines, "
                f"by the share of their counts that the result holds: {first_of(told, NAMED)}"
            )
        if self.unlike:
            told = [
                f"{names[pair.lines[0]]} and {names[pair.lines[1]]}: {pair.result:.2f} instead of "
                f"{pair.counts:.2f} ± {pair.error:.2f}"
                for pair in self.unlike
            ]
            yield (
                "maps of these lines are not as alike as the counts are, by their correlations: "
                f"{first_of(told, NAMED)}"
            )


class ContrastTally:
    """Adds up products of held-out counts, the others and predictions, for sets of pixels.

    `shares` are those of the held-out parts, `pixels` is the number of pixels of the map.
    """

    def __init__(self, windows: int, shares: Sequence[float], pixels: int) -> None:
        self._shares = shares
        self._done = 0
        self._every = max(1, pixels // MOST_PIXELS)
        self._held: list[NDArray[np.float32]] = []
        self._guessed: list[NDArray[np.float32]] = []
        self._sizes = np.zeros(SETS)
        self._sums = np.zeros((SETS, len(shares), 3, windows))
        self._products = np.zeros((SETS, len(shares), 3, windows, windows))

    def add(self, held: Sequence[Counts], guesses: Sequence[Counts]) -> None:
        """Add pixels: counts (rows, x, window) of each part, and predictions of all without it."""
        size = held[0].shape[-1]
        parts = [part.reshape(-1, size).astype(np.float64) for part in held]
        whole = np.sum(parts, axis=0)
        kept = slice(-self._done % self._every, None, self._every)
        self._held.append(np.stack([part[kept] for part in parts]).astype(np.float32))
        flat = [guess.reshape(-1, size)[kept] for guess in guesses]
        self._guessed.append(np.stack(flat).astype(np.float32))
        for index, (part, guess, share) in enumerate(
            zip(parts, guesses, self._shares, strict=True)
        ):
            kinds = np.stack([(whole - part) / (1 - share), part / share, guess.reshape(-1, size)])
            for number in range(SETS):
                own = kinds[:, (number - self._done) % SETS :: SETS]
                rest, unseen, predicted = own
                self._sums[number, index] += own.sum(axis=1)
                self._products[number, index] += (
                    rest.T @ unseen,
                    predicted.T @ unseen,
                    predicted.T @ predicted,
                )
        self._sizes += [len(whole[(n - self._done) % SETS :: SETS]) for n in range(SETS)]
        self._done += len(whole)

    def finish(self) -> Contrasts:
        """Return what is known of all lines."""
        filled = self._sizes > 0
        if np.count_nonzero(filled) < 2:
            return Contrasts((UNKNOWN,) * self._sums.shape[-1], ())
        sums = [part[filled] for part in (self._sizes, self._sums, self._products)]
        whole = _covariances(*(part.sum(axis=0) for part in sums))
        with np.errstate(invalid="ignore", divide="ignore"):
            without = _covariances(*(part.sum(axis=0) - part for part in sums))
        signal = np.diagonal(whole[0], axis1=-2, axis2=-1)
        certain = signal > CERTAIN * jackknife_error(np.diagonal(without[:, 0], axis1=-2, axis2=-1))
        slopes = zip(
            _slopes(whole), jackknife_error(_slopes(without)), self._extremes(), strict=True
        )
        lines = tuple(
            LineContrast(float(kept), float(error), *ends) if known else UNKNOWN
            for (kept, error, ends), known in zip(slopes, certain, strict=True)
        )
        return Contrasts(lines, _unlike(whole, without, certain))

    def _extremes(self) -> list[tuple[Share, Share]]:
        """Return of each line what the brightest and the dimmest pixels hold."""
        held, guessed = (np.concatenate(part, axis=1) for part in (self._held, self._guessed))
        number = max(1, round(EXTREME * held.shape[1]))
        found = []
        for line in range(held.shape[2]):
            both = held[..., line], guessed[..., line]
            order = np.argsort(both[1], axis=1, kind="stable")
            ends = order[:, -number:], order[:, :number]
            found.append((self._share(both, ends[0]), self._share(both, ends[1])))
        return found

    def _share(
        self, both: tuple[NDArray[np.float32], NDArray[np.float32]], pixels: NDArray[np.intp]
    ) -> Share:
        """Return what predictions hold of the held-out counts (part, pixel) of a line."""
        counts, guess = (
            np.take_along_axis(part, pixels, axis=1).sum(axis=1, dtype=np.float64) for part in both
        )
        found = float(counts.sum())
        if found < FEWEST_COUNTS:
            return NOT_KNOWN
        kept = float((guess * self._shares).sum()) / found
        return Share(kept, abs(kept) / found**0.5)


def _unlike(whole: Floats, without: Floats, certain: NDArray[np.bool_]) -> tuple[Likeness, ...]:
    """Return the pairs of lines whose correlations differ, given all covariances."""
    counts, result = _correlations(whole[0]), _correlations(whole[2])
    error = jackknife_error(_correlations(without[:, 2]) - _correlations(without[:, 0]))
    far = np.abs(result - counts)
    told = (far > DIFFERENT) & (far > CERTAIN * error) & np.outer(certain, certain)
    pairs = [
        Likeness((one, other), *(float(v[one, other]) for v in (result, counts, error)))
        for one, other in np.argwhere(np.triu(told, 1)).tolist()
    ]
    return tuple(sorted(pairs, key=lambda pair: -abs(pair.result - pair.counts)))


def jackknife_error(without: Floats) -> Floats:
    """Return the standard error of a statistic, given it without each of several sets of pixels.

    B. Efron and C. Stein, Ann. Stat. 9 (1981) 586.
    """
    number = len(without)
    spread = ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    return np.asarray(np.sqrt(spread * (number - 1) / number))


def _covariances(sizes: Floats, sums: Floats, products: Floats) -> Floats:
    """Return those of (rest, unseen), (guess, unseen) and (guess, guess), (..., 3, line, line)."""
    number = np.asarray(sizes)[..., None, None, None, None]
    means = sums / number[..., 0]
    rest, unseen, guess = (means[..., kind, :] for kind in range(3))
    pairs = ((rest, unseen), (guess, unseen), (guess, guess))
    outer = np.stack([a[..., :, None] * b[..., None, :] for a, b in pairs], axis=-3)
    found: Floats = (products / number - outer).mean(axis=-4)
    return found


def _slopes(covariances: Floats) -> Floats:
    signal, along = (
        np.diagonal(covariances[..., kind, :, :], axis1=-2, axis2=-1) for kind in (0, 1)
    )
    return np.asarray(np.divide(along, signal, out=np.full_like(along, np.nan), where=signal > 0))


def _correlations(covariances: Floats) -> Floats:
    """Return correlations of lines; those without positive variances are 0."""
    own = np.diagonal(covariances, axis1=-2, axis2=-1)
    both = (covariances + np.swapaxes(covariances, -1, -2)) / 2
    scale = np.sqrt(np.maximum(own[..., :, None], 0) * np.maximum(own[..., None, :], 0))
    return np.asarray(np.divide(both, scale, out=np.zeros_like(both), where=scale > 0))
