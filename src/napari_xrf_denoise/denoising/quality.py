"""How good a result is, said honestly: the dose gain from counts that the result never saw.

For a prediction f of the rate λ and independent unbiased estimates c₁ … c_K of λ, f²  − 2·f·c plus
the product of two different c is an unbiased estimate of (f − λ)², whatever λ is. When each c_k
is held out of the f_k that it judges, nothing is scored by counts that it was made of. Averaged
over all parts, the large terms of the noise cancel: what is left per voxel is about 2·λ².
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.spectrum_image import SpectrumImage

from .pairs import Counts, Photons, Source
from .progress import Watch

Predict = Callable[[Counts], NDArray[np.float32]]

CONFIDENCE = 1.645
"""Standard errors to either side of an interval that holds the truth 9 times in 10."""


@dataclass(frozen=True)
class QualityReport:
    """What is known about the quality of a result.

    Parameters
    ----------
    dose_gain : float
        Mean squared error of the raw counts over that of the result, both against the true rate:
        8 means "as good as 8 times the dose". NaN where it cannot be known.
    dose_gain_interval : tuple of float
        Holds the true dose gain about 9 times in 10; the upper end is infinite where the counts
        only say "at least".
    count_ratio : float
        Total counts of the result over those of the raw counts.
    measured_by : str
        How the dose gain was measured, in words.
    warnings : tuple of str
        What the user should know before trusting the result.
    losses : mapping of str to sequence of float
        Training losses by name; empty where nothing was trained by steps.
    choices : mapping
        What was decided from the data: method, pairs, rank.
    """

    dose_gain: float
    dose_gain_interval: tuple[float, float]
    count_ratio: float
    measured_by: str = ""
    warnings: tuple[str, ...] = ()
    losses: Mapping[str, Sequence[float]] = field(default_factory=dict)
    choices: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self, *, longest: int | None = None) -> dict[str, Any]:
        """Return the report as plain values that JSON can hold (NaN and infinity as None).

        Parameters
        ----------
        longest : int, optional
            Most values of each loss to keep, evenly spread; all by default.
        """
        return {
            "dose_gain": _finite(self.dose_gain),
            "dose_gain_interval": [_finite(end) for end in self.dose_gain_interval],
            "count_ratio": _finite(self.count_ratio),
            "measured_by": self.measured_by,
            "warnings": list(self.warnings),
            "losses": {name: _thin_out(v, longest) for name, v in self.losses.items()},
            "choices": dict(self.choices),
        }

    def summary(self) -> str:
        """Return the dose gain in one plain sentence."""
        low, high = self.dose_gain_interval
        if np.isnan(low):
            return f"dose gain: not known ({self.measured_by})"
        if np.isnan(self.dose_gain) or np.isinf(high):
            return f"dose gain: at least {low:.1f}"
        return f"dose gain: {self.dose_gain:.1f} ({low:.1f} to {high:.1f})"


@dataclass(frozen=True)
class Score:
    """Squared errors summed over voxels, for the result and for the raw counts.

    Parameters
    ----------
    error, raw_error : numpy.ndarray, shape (energy,)
        Estimated squared error of the result and of the raw counts in each channel.
    variance : float
        Variance of the sum of `error`.
    share : float
        Share of the counts that the scored predictions were made of.
    """

    error: NDArray[np.float64]
    raw_error: NDArray[np.float64]
    variance: float
    share: float = 1.0

    def dose_gain(self) -> tuple[float, tuple[float, float]]:
        """Return the dose gain and its interval; NaN where the error is lost in its noise.

        The error of a result of all counts lies between `share` times the error that was
        measured, if it is all noise, and the whole of it, if it is all bias. The interval spans
        both; the gain is that of the mean of both.
        """
        error, raw = float(self.error.sum()), float(self.raw_error.sum())
        if raw <= 0:
            return float("nan"), (float("nan"), float("nan"))
        spread = CONFIDENCE * self.variance**0.5
        low = raw / (error + spread) if error + spread > 0 else float("nan")
        high = raw / (error - spread) / self.share if error > spread else float("inf")
        gain = raw / error * 2 / (1 + self.share) if error > 0 else float("nan")
        return gain, (low, high)


def cross_score(
    source: Source,
    predictions: Sequence[Predict],
    seed: int,
    stream: int,
    watch: Watch,
    *,
    every: int = 1,
) -> Score:
    """Score results by the parts of the counts that were held out of them.

    Parameters
    ----------
    source : Source
        All counts. Its parts, by `seed` and `stream`, are those that were held out.
    predictions : sequence of callable
        For each part, what turns the other parts' sum, shape (rows, x, energy), into expected
        counts of that sum.
    seed, stream : int
        Of the split.
    watch : Watch
    every : int
        Score every so many rows only.

    Returns
    -------
    Score
        Of predictions scaled to all counts.
    """
    number = len(predictions)
    shares = source.part_shares(number)
    size = source.shape[-1]
    error, raw_error = np.zeros(size), np.zeros(size)
    variance = 0.0
    for rows, parts in source.parts(number, seed, stream):
        watch.step("measuring the dose gain", rows.start / source.shape[0])
        parts = [part[-rows.start % every :: every] for part in parts]
        if len(parts[0]) == 0:
            continue
        whole = np.asarray(np.sum(parts, axis=0, dtype=np.float64))
        band = np.zeros_like(whole)
        for predict, part, share in zip(predictions, parts, shares, strict=True):
            guess = predict(whole - part).astype(np.float64) / (1 - share)
            band += guess * (guess - 2 * part / share) / number
        square, raw = _square_and_raw(source, whole, parts, shares)
        band += square
        error += band.sum(axis=(0, 1))
        raw_error += raw.sum(axis=(0, 1))
        variance += 2 * float(np.maximum(square, 0).sum()) * number / (number - 1)
        # What the prediction's own error adds, with the mean error of a voxel in each channel.
        mean_error = np.maximum(band.mean(axis=(0, 1)), 0)
        variance += 8 * float((mean_error * raw.sum(axis=(0, 1))).sum())
    return Score(error, raw_error, variance, 1 - 1 / number)


def _square_and_raw(
    source: Source, whole: Counts, parts: Sequence[Counts], shares: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return unbiased estimates of λ² and of the variance of the raw counts, voxel by voxel."""
    if isinstance(source, Photons):
        return whole * (whole - 1), whole
    number = len(parts)
    scaled = [part / share for part, share in zip(parts, shares, strict=True)]
    total = np.sum(scaled, axis=0)
    squares = np.sum([part**2 for part in scaled], axis=0)
    spread = np.sum([(p - s * whole) ** 2 for p, s in zip(parts, shares, strict=True)], axis=0)
    return (
        (total**2 - squares) / (number * (number - 1)),
        spread / (1 - float(np.sum(np.square(shares)))),
    )


def score_by_reference(
    prediction: NDArray[np.float32],
    image: SpectrumImage,
    reference: SpectrumImage,
    *,
    poisson: bool,
) -> Score:
    """Score a result by repeats that it never saw.

    Parameters
    ----------
    prediction : numpy.ndarray, shape (y, x, energy)
        Expected counts of one repeat.
    image : SpectrumImage
        The repeats that the result was made of; at least two if the counts are not Poisson.
    reference : SpectrumImage
        Further repeats of the same thing; at least two if the counts are not Poisson.
    poisson : bool
        Whether variances are known from the counts, or have to come from the repeats' scatter.

    Returns
    -------
    Score
    """
    size = image.shape[-1]
    error, raw_error = np.zeros(size), np.zeros(size)
    variance = 0.0
    unseen, repeats = reference.n_repeats, image.n_repeats
    for rows, band in reference.blocks():
        counts = band.astype(np.float64)
        total = counts.sum(axis=0)
        mean = total / unseen
        own = np.asarray(image.counts[:, rows]).astype(np.float64)
        if poisson:
            noise, own_noise = mean, own.sum(axis=0) / repeats
        else:
            noise, own_noise = counts.var(axis=0, ddof=1), own.var(axis=0, ddof=1)
        guess = prediction[rows].astype(np.float64)
        square = mean**2 - noise / unseen
        error += (guess**2 - 2 * guess * mean + square).sum(axis=(0, 1))
        raw_error += own_noise.sum(axis=(0, 1)) / repeats
        miss = np.maximum((guess - mean) ** 2 - noise / unseen, 0)
        spread = 4 * miss * noise / unseen + 2 * (noise / unseen) ** 2
        variance += float(spread.sum())
    return Score(error, raw_error, variance)


def _thin_out(values: Sequence[float], longest: int | None) -> list[float]:
    step = 1 if longest is None else -(-len(values) // longest)
    return list(values)[:: max(1, step)]


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
