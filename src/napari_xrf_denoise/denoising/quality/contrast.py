"""How much of the differences between pixels a result keeps, and whether elements stay independent.

Mean squared errors hardly show what a study of a sample depends on most: that a pixel with more of
an element also has more in the result, and that two elements are only as alike in the result as
they are in the sample. For a prediction f and independent counts n and h of two parts of the dose,
covariances over pixels hold none of their noise:

    kept = cov(f, h) / cov(n, h),    r = cov(n₁, h₂) / √(cov(n₁, h₁) cov(n₂, h₂)),

all scaled to the same exposure. The first is the slope of the prediction against the true rate, as
h, which the prediction has not seen, is the rate plus noise that is independent of it. C. Spearman,
Am. J. Psychol. 15 (1904) 72 (correlations without the noise of both).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.denoising.pairs import Counts

BLOCKS = 17
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
NAMED = 4
"""Lines, or pairs of lines, that a warning names."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LineContrast:
    """What a prediction keeps of the differences between pixels in the counts of a line."""

    kept: float
    """Slope of the prediction against the true rate; NaN where the counts do not tell."""
    error: float
    """Standard error of `kept`."""

    @property
    def is_flattened(self) -> bool:
        """Whether less than 80 % are kept, beyond chance."""
        return self.kept < KEPT - CLEAR * self.error


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
            told = [f"{name} {own.kept:.2f} ± {own.error:.2f}" for name, own in flat[:NAMED]]
            yield (
                "differences between pixels are flattened in the maps of these lines, by the share "
                f"that is kept: {', '.join(told)}{_more(flat)}; sums over regions are more reliable"
            )
        if self.unlike:
            told = [
                f"{names[one]} and {names[other]}: {pair.result:.2f} instead of "
                f"{pair.counts:.2f} ± {pair.error:.2f}"
                for pair in self.unlike[:NAMED]
                for one, other in [pair.lines]
            ]
            yield (
                "maps of these lines are not as alike as the counts are, by their correlations: "
                f"{', '.join(told)}{_more(self.unlike)}"
            )


def _more(told: Sequence[object]) -> str:
    return f" and {len(told) - NAMED} more" if len(told) > NAMED else ""


class ContrastTally:
    """Adds up products of held-out counts, the others and predictions, for sets of pixels.

    `pixels` is the number of all that will be added, `shares` those of the held-out parts.
    """

    def __init__(self, pixels: int, windows: int, shares: Sequence[float]) -> None:
        self._shares = np.asarray(shares)
        self._number = min(BLOCKS, pixels)
        self._done = 0
        blocks = (self._number, len(shares))
        self._sums = np.zeros((*blocks, 3, windows))
        self._products = np.zeros((*blocks, 3, windows, windows))
        self._sizes = np.zeros(self._number)

    def add(self, held: Sequence[Counts], guesses: Sequence[Counts]) -> None:
        """Add pixels: counts (rows, x, window) of each part, and predictions of all without it."""
        size = held[0].shape[-1]
        parts = [part.reshape(-1, size).astype(np.float64) for part in held]
        whole = np.sum(parts, axis=0)
        block = (self._done + np.arange(len(whole))) % self._number
        self._done += len(whole)
        for number in np.unique(block):
            own = block == number
            self._sizes[number] += np.count_nonzero(own)
            for index, (part, guess) in enumerate(zip(parts, guesses, strict=True)):
                share = self._shares[index]
                kinds = np.stack(
                    [
                        (whole[own] - part[own]) / (1 - share),
                        part[own] / share,
                        guess.reshape(-1, size)[own],
                    ]
                )
                self._sums[number, index] += kinds.sum(axis=1)
                rest, unseen, predicted = kinds
                self._products[number, index] += (
                    rest.T @ unseen,
                    predicted.T @ unseen,
                    predicted.T @ predicted,
                )

    def finish(self) -> Contrasts:
        """Return what is known of all lines."""
        size = self._sums.shape[-1]
        if self._number < 2 or not size:
            return Contrasts((LineContrast(np.nan, np.nan),) * size, ())
        signal, signal_error = self._jackknife(lambda c: np.einsum("...ii->...i", c[..., 0, :, :]))
        certain = signal > CERTAIN * signal_error
        kept, kept_error = self._jackknife(_slopes)
        lines = tuple(
            LineContrast(float(one), float(error)) if known else LineContrast(np.nan, np.nan)
            for one, error, known in zip(kept, kept_error, certain, strict=True)
        )
        return Contrasts(lines, self._unlike(certain))

    def _unlike(self, certain: NDArray[np.bool_]) -> tuple[Likeness, ...]:
        counts, _ = self._jackknife(lambda c: _correlations(c[..., 0, :, :]))
        result, _ = self._jackknife(lambda c: _correlations(c[..., 2, :, :]))
        _, error = self._jackknife(
            lambda c: _correlations(c[..., 2, :, :]) - _correlations(c[..., 0, :, :])
        )
        far = np.abs(result - counts)
        told = (far > DIFFERENT) & (far > CERTAIN * error) & np.outer(certain, certain)
        pairs = [
            Likeness((one, other), *(float(v[one, other]) for v in (result, counts, error)))
            for one, other in np.argwhere(np.triu(told, 1)).tolist()
        ]
        return tuple(sorted(pairs, key=lambda pair: -abs(pair.result - pair.counts)))

    def _jackknife(self, statistic: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
        """Return a statistic of covariances and its standard error.

        B. Efron and C. Stein, Ann. Stat. 9 (1981) 586.
        """
        sizes, sums, products = self._sizes, self._sums, self._products
        whole = statistic(_covariances(sizes.sum(), sums.sum(axis=0), products.sum(axis=0)))
        left_out = (whole_of.sum(axis=0) - whole_of for whole_of in (sizes, sums, products))
        with np.errstate(invalid="ignore", divide="ignore"):
            without = statistic(_covariances(*left_out))
        spread = ((without - without.mean(axis=0)) ** 2).sum(axis=0)
        return whole, np.sqrt(spread * (self._number - 1) / self._number)


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
    signal, along = (np.einsum("...ii->...i", covariances[..., k, :, :]) for k in (0, 1))
    return np.asarray(np.divide(along, signal, out=np.full_like(along, np.nan), where=signal > 0))


def _correlations(covariances: Floats) -> Floats:
    """Return correlations of lines; those without positive variances are 0."""
    own = np.einsum("...ii->...i", covariances)
    both = (covariances + np.swapaxes(covariances, -1, -2)) / 2
    scale = np.sqrt(np.maximum(own[..., :, None], 0) * np.maximum(own[..., None, :], 0))
    return np.asarray(np.divide(both, scale, out=np.zeros_like(both), where=scale > 0))
