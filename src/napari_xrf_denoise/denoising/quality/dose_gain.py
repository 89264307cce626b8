"""The dose gain of a result, estimated from counts that the result never saw.

For a prediction f of the rate λ and independent unbiased estimates c₁ … c_K of λ, f²  − 2·f·c plus
the product of two different c is an unbiased estimate of (f − λ)², whatever λ is. When each c_k
is held out of the f_k that it judges, no prediction is scored by its own counts. Averaged over all
parts, the large terms of the noise cancel: about 2·λ² are left per voxel.

The same holds for the counts of a line window, summed over its channels: they are counts too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising.pairs import FOLD_STREAM, Counts, Photons, Source
from napari_xrf_denoise.denoising.subspace import Subspace
from napari_xrf_denoise.spectroscopy.line_windows import Window, WindowPartition

from .contrast import Contrasts, ContrastTally
from .edges import Edges, EdgeTally
from .error_products import ErrorProducts, ErrorSums
from .residuals import BandSums, Residuals, ResidualTally

Predict = Callable[[Counts, slice], NDArray[np.float32]]
"""Turns the counts of some rows, (rows, x, energy), and the slice of these rows into the counts
expected in the same exposure."""

CONFIDENCE = 1.645
"""Standard errors to either side of an interval that holds the truth 9 times in 10."""
SCORING = 0.8
"""Share of the time of a score after which all counts are compared."""
OVERLOOKED = 3.0
"""Standard errors from which counts hold more than the detector can resolve."""


def wherever(predict: Callable[[Counts], NDArray[np.float32]]) -> Predict:
    """Return a prediction that is the same in whatever rows the counts are."""
    return lambda rest, _: predict(rest)


@dataclass(frozen=True, eq=False)
class DoseGainEstimate:
    """Squared errors summed over pixels, for the result and for the raw counts."""

    error: NDArray[np.float64]
    """Estimated squared error of the result in each channel."""
    raw_error: NDArray[np.float64]
    """The same of the raw counts."""
    variance: float
    """Variance of the sum of `error`."""
    share: float = 1.0
    """Share of the counts from which the scored predictions were made."""
    spared: NDArray[np.float64] = None  # type: ignore[assignment]  # zeros, set below
    """By how much the error of the result in each channel is known to be smaller than that of the
    scored predictions: it may use more counts (see `cross_score`) and be the mean of several (see
    `spare`)."""
    windows: tuple[tuple[Window, DoseGainEstimate], ...] = ()
    """The same for the summed counts of each line window: arrays of one entry."""
    residuals: Residuals | None = None
    contrasts: Contrasts | None = None
    """Of the windows, as the scored predictions keep them."""
    edges: Edges | None = None
    """Of the windows likewise; not where only some rows were scored."""
    products: ErrorSums | None = None
    """Of errors in pieces of the spectrum: asked for, of photons, and where each row was scored."""

    def __post_init__(self) -> None:
        if cast("NDArray[np.float64] | None", self.spared) is None:
            object.__setattr__(self, "spared", np.zeros_like(self.error))

    def dose_gain(self) -> tuple[float, tuple[float, float]]:
        """Return the dose gain and its interval; NaN where the error is lost in its noise.

        The error of a prediction from all counts lies between `share` times the error that was
        measured, if it is all noise, and the whole of it, if it is all bias, less what is
        `spared`. The interval spans both; the gain is that of the mean of both.
        """
        nan = float("nan")
        error, raw = float(self.error.sum()), float(self.raw_error.sum())
        if raw <= 0:
            return nan, (nan, nan)
        spared = float(self.spared.sum())
        spread = CONFIDENCE * self.variance**0.5
        largest = error + spread - spared
        if largest <= 0:  # once in twenty times; no error is below 0
            largest = spread
        smallest = self.share * (error - spread) - spared
        middle = (1 + self.share) / 2 * error - spared
        low = raw / largest if largest > 0 else nan
        high = raw / smallest if smallest > 0 else float("inf")
        return raw / middle if middle > 0 else nan, (low, high)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Parts of the counts, each with the prediction that was made without it."""

    source: Source
    """All counts."""
    parts: Iterable[tuple[slice, list[Counts]]]
    """Rows of each band, and its parts (rows, x, energy), which add up to the counts there."""
    shares: Sequence[float]
    """Share of the counts that each part holds."""
    predictions: Sequence[Predict]
    """For each part, the prediction from the other parts: a function of their sum."""
    spots: NDArray[np.bool_] | None = None
    """Pixels (y, x) whose errors are known otherwise."""

    @classmethod
    def of(cls, source: Source, seed: int, predictions: Sequence[Predict]) -> HeldOut:
        """Split a source into as many parts as there are predictions."""
        folds = len(predictions)
        parts = source.parts(folds, seed, FOLD_STREAM)
        return cls(source, parts, source.part_shares(folds), predictions)


def cross_score(
    held_out: HeldOut,
    watch: Watch,
    *,
    every: int = 1,
    windows: Sequence[Window] = (),
    fewer: Fewer | None = None,
    resolved: Subspace | None = None,
    with_products: bool = False,
) -> DoseGainEstimate:
    """Score predictions, scaled to all counts, by the parts of the counts held out of them.

    Every so many rows are scored, in the channels and in the windows. The result itself uses all
    counts. How much nearer to the truth that brings it is known where predictions from `fewer`
    counts are given: noise falls as one over the counts, and bias does not. Noise of held-out
    counts outside the subspace of `resolved` spectra tells nothing and is left out, unless there
    is more than noise. Products of errors are for the uncertainty of a result.
    """
    source, shares = held_out.source, held_out.shares
    height, across, size = source.shape
    partition = WindowPartition(source.image.energy, windows)
    lever = None if fewer is None else fewer.lever
    voxels, smooth, sums = (_Tally(n, len(shares), lever) for n in (size, size, len(windows)))
    residuals = ResidualTally(source.image, partition, every)
    contrasts = ContrastTally(len(windows), shares, height * across // every)
    edges = EdgeTally(source.image, len(windows), shares) if windows and every == 1 else None
    products = ErrorProducts(
        partition.half_edges, source.shape[:2], shares, lever or 0.0, held_out.spots
    )
    for rows, band in held_out.parts:
        watch.step("measuring the dose gain", SCORING * rows.start / height)
        scored = slice(rows.start + -rows.start % every, rows.stop, every)
        held = [part[-rows.start % every :: every] for part in band]
        if len(held[0]) == 0:
            continue
        whole = _add(held)
        own = _own_sums(source, whole, held, shares)
        sides = [_Side(voxels, held, whole, own)]
        if resolved is not None:
            sides.append(_smooth_side(smooth, resolved, source, held, shares, own))
        expected, cells, guessed, worse = np.zeros(size), [], [], []
        for index, (predict, part, share) in enumerate(
            zip(held_out.predictions, held, shares, strict=True)
        ):
            guess = predict(whole - part, scored) * np.float32(1 / (1 - share))
            expected += share * guess.sum(axis=(0, 1), dtype=np.float64)
            cells.append(partition.cells(part))
            guessed.append(partition.cells(guess))
            other = None
            if fewer is not None:
                other = fewer.predictions[index](scored)
                worse.append(partition.cells(other))
            for side in sides:
                side.compare(index, guess, other, share)
        for side in sides:
            side.finish()
        residuals.add(scored, BandSums(own.counts, own.raw, expected), cells, guessed, shares)
        if with_products and every == 1 and isinstance(source, Photons):
            products.add(*([partition.halves(c) for c in kind] for kind in (cells, guessed, worse)))
        if windows:
            cells, guessed, worse = (
                [partition.windows(values) for values in group] for group in (cells, guessed, worse)
            )
            whole = _add(cells)
            side = _Side(sums, cells, whole, _own_sums(source, whole, cells, shares))
            for index, guess in enumerate(guessed):
                side.compare(index, guess, worse[index] if worse else None, shares[index])
            side.finish()
            contrasts.add(cells, guessed)
            if edges is not None:
                edges.add(rows, cells, guessed)
    score = voxels.score()
    if resolved is not None:
        score = _surer(score, smooth.score(noise=resolved.noise_left(voxels.counts)))
    return replace(
        score,
        windows=tuple((window, sums.score(slice(i, i + 1))) for i, window in enumerate(windows)),
        residuals=residuals.finish(watch.part(SCORING, 1)),
        contrasts=contrasts.finish() if windows else None,
        edges=None if edges is None else edges.finish(),
        products=products.finish(),
    )


@dataclass(frozen=True, eq=False)
class Fewer:
    """Predictions from fewer counts than the scored ones."""

    predictions: Sequence[Callable[[slice], NDArray[np.float32]]]
    """For each held-out part, gives the expected counts of all exposure, (rows, x, energy), in a
    slice of rows."""
    shares: tuple[float, float, float]
    """Shares of the counts that these, the scored predictions, and the result use."""

    @classmethod
    def of(cls, guesses: Sequence[FactoredCounts], shares: tuple[float, float, float]) -> Fewer:
        """Return predictions that are given as factors of the whole map."""
        return cls([partial(_rows, guess) for guess in guesses], shares)

    @property
    def lever(self) -> float:
        """Fall of the error from the scored predictions to the result, over that up to them."""
        fewer, scored, result = (1 / share for share in self.shares)
        return (scored - result) / (fewer - scored)


def _rows(counts: FactoredCounts, rows: slice) -> NDArray[np.float32]:
    return np.asarray(counts[0, rows])


class _Tally:
    """Sums over pixels for the score of each channel, or of each window."""

    def __init__(self, size: int, parts: int, lever: float | None) -> None:
        self._error, self._raw_error, self._square, self._noise, self._spared = np.zeros((5, size))
        self.counts = np.zeros(size)
        self._parts = parts
        self._lever = 0.0 if lever is None else lever
        self._share = 1 - 1 / parts if lever is None else 1.0

    def add(
        self, departure: NDArray[np.float64], gap: NDArray[np.float64], own: _OwnSums, pixels: int
    ) -> None:
        """Add the pixels of a band."""
        error = departure / self._parts + own.offset
        fall, distance = gap / self._parts
        self._error += error
        self._raw_error += own.raw
        self.counts += own.counts
        self._square += 2 * own.square * self._parts / (self._parts - 1)
        # What the prediction's own error adds, with the mean error of a voxel in each channel.
        self._noise += 8 * np.maximum(error / pixels, 0) * own.raw
        self._noise += 8 * self._lever**2 * distance / pixels * own.raw
        self._spared += self._lever * fall

    def score(self, channels: slice = slice(None), noise: float = 1.0) -> DoseGainEstimate:
        """Return the score of some of the channels; `noise` is left of that of squared counts."""
        variance = float((noise * self._square + self._noise)[channels].sum())
        error, raw, spared = (
            sums[channels] for sums in (self._error, self._raw_error, self._spared)
        )
        return DoseGainEstimate(error, raw, variance, self._share, spared)


class _Side:
    """A band of counts for a tally: held-out parts (rows, x, channels), their sum, and its sums."""

    def __init__(self, tally: _Tally, held: Sequence[Counts], whole: Counts, own: _OwnSums) -> None:
        self._tally, self._held, self._whole, self._own = tally, held, whole, own
        self._departure = np.zeros(whole.shape[-1])
        self._gap = np.zeros((2, whole.shape[-1]))

    def compare(self, index: int, guess: Counts, fewer: Counts | None, share: float) -> None:
        """Score a prediction, and one from fewer counts, by the part that they have not seen."""
        part = self._held[index]
        self._departure += _departure(guess, part, self._whole, share)
        if fewer is not None:
            self._gap += gap(fewer, guess, part, share)

    def finish(self) -> None:
        """Add everything to the tally."""
        pixels = self._whole.shape[0] * self._whole.shape[1]
        self._tally.add(self._departure, self._gap, self._own, pixels)


def _smooth_side(
    tally: _Tally,
    resolved: Subspace,
    source: Source,
    held: Sequence[Counts],
    shares: Sequence[float],
    own: _OwnSums,
) -> _Side:
    """Return the counts without what the detector cannot resolve."""
    parts = [resolved.smooth(part) for part in held]
    whole = _add(parts)
    if isinstance(source, Photons):
        offset = -resolved.smooth_variance(own.counts)
    else:
        offset = _own_sums(source, whole, parts, shares).offset
    return _Side(tally, parts, whole, own._replace(offset=offset))


def _surer(score: DoseGainEstimate, smooth: DoseGainEstimate) -> DoseGainEstimate:
    """Return the score with less noise, unless it overlooks an error that the other one sees."""
    overlooked = float(score.error.sum() - smooth.error.sum())
    noise = max(score.variance - smooth.variance, 0) ** 0.5
    return score if overlooked > OVERLOOKED * noise else smooth


class _OwnSums(NamedTuple):
    """Sums over pixels, for each channel, that the counts alone give."""

    counts: NDArray[np.float64]
    raw: NDArray[np.float64]
    """Variance of the raw counts."""
    square: NDArray[np.float64]
    """Unbiased estimates of λ², those below zero left out."""
    offset: NDArray[np.float64]
    """All estimates of λ², less the squared counts."""


def _own_sums(
    source: Source, whole: Counts, parts: Sequence[Counts], shares: Sequence[float]
) -> _OwnSums:
    """Return unbiased estimates from counts of shape (rows, x, channel), summed over pixels."""
    counts = whole.reshape(-1, whole.shape[-1]).astype(np.float64)
    total, squares = counts.sum(axis=0), np.einsum("pc,pc->c", counts, counts)
    if isinstance(source, Photons):
        return _OwnSums(total, total, squares - total, -total)
    number = len(parts)
    held = [part.reshape(counts.shape) for part in parts]
    scaled = [part / share for part, share in zip(held, shares, strict=True)]
    own_squares = np.sum([part**2 for part in scaled], axis=0)
    square = (np.sum(scaled, axis=0) ** 2 - own_squares) / (number * (number - 1))
    spread = sum(((h - s * counts) ** 2).sum(axis=0) for h, s in zip(held, shares, strict=True))
    return _OwnSums(
        total,
        spread / (1 - float(np.sum(np.square(shares)))),
        np.maximum(square, 0).sum(axis=0),
        square.sum(axis=0) - squares,
    )


def _departure(guess: Counts, part: Counts, whole: Counts, share: float) -> NDArray[np.float64]:
    """Return f² − 2·f·h/share + n² of each channel, summed over pixels.

    Written as (f − n)² − 2·f·(h/share − n), without the large squares, which would leave nothing
    of a small error in single precision.
    """
    kind = guess.dtype
    beyond = np.multiply(part, 1 / share, dtype=kind)
    np.subtract(beyond, whole, out=beyond)
    beyond *= guess
    distance = np.subtract(guess, whole, dtype=kind)
    distance *= distance
    distance -= beyond
    distance -= beyond
    return np.asarray(distance.sum(axis=(0, 1), dtype=np.float64))


def gap(other: Counts, guess: Counts, part: Counts, share: float) -> NDArray[np.float64]:
    """Return by how much another prediction is further from the truth, and how far from this one.

    Both squared and summed over pixels: shape (2, channels). Written as `_departure` is.
    """
    kind = guess.dtype
    step = np.subtract(other, guess, dtype=kind)
    beyond = np.multiply(part, 1 / share, dtype=kind)
    np.subtract(guess, beyond, out=beyond)
    beyond *= step
    step *= step
    distance = step.sum(axis=(0, 1), dtype=np.float64)
    return np.stack([distance + 2 * beyond.sum(axis=(0, 1), dtype=np.float64), distance])


def _add(parts: Sequence[Counts]) -> Counts:
    """Return the sum of parts, in a type in which it cannot wrap around."""
    kind = parts[0].dtype
    total = parts[0].astype(np.uint32 if kind.kind == "u" and kind.itemsize < 4 else kind)
    for part in parts[1:]:
        total += part
    return total


def spare(
    score: DoseGainEstimate, bands: Iterable[Sequence[NDArray[np.float32]]]
) -> DoseGainEstimate:
    """Return the score of the mean of several predictions, given that of the single ones.

    The squared error of a mean is the mean squared error of its members less their mean squared
    distance from it, whatever the truth is. A. Krogh and J. Vedelsby, Advances in Neural
    Information Processing Systems 7 (1995) 231.

    Each band holds the predictions (rows, x, energy) of all members from all counts, in counts of
    all repeats together, for the rows that were scored.
    """
    spared = score.spared.copy()
    in_windows = np.zeros(len(score.windows))
    for members in bands:
        spared += _scatter(members)
        for index, (window, _) in enumerate(score.windows):
            sums = [m[..., window.channels].sum(axis=-1, keepdims=True) for m in members]
            in_windows[index] += _scatter(sums)[0]
    windows = tuple(
        (window, replace(own, spared=own.spared + in_windows[[index]]))
        for index, (window, own) in enumerate(score.windows)
    )
    return replace(score, spared=spared, windows=windows)


def _scatter(members: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Return the mean squared distance of members from their mean, summed over pixels."""
    mean = sum(members) / np.float32(len(members))
    squares = [((member - mean) ** 2).sum(axis=(0, 1), dtype=np.float64) for member in members]
    return np.asarray(np.mean(squares, axis=0))


def within_limits(score: DoseGainEstimate, share: float) -> DoseGainEstimate:
    """Return the score of predictions whose fall of the error may be no mixture of noise and bias.

    From predictions of a `share` of the counts to the result, an error of nothing but bias stays,
    and one of nothing but noise falls to this share. A measured fall (see `Fewer`) beyond these
    limits contradicts what it was extrapolated by: the interval then spans the fall and the limit,
    and the dose gain is that of the mean of both.
    """
    windows = tuple((window, within_limits(own, share)) for window, own in score.windows)
    error, fall = float(score.error.sum()), float(score.spared.sum())
    limit = float(np.clip(fall, 0, (1 - share) * max(error, 0)))
    if error <= 0 or fall == limit:
        return replace(score, windows=windows)
    less, more = sorted((fall, limit))
    spared = score.spared + (less - fall) / score.spared.size
    return replace(score, spared=spared, share=1 - (more - less) / error, windows=windows)


def score_by_reference(
    prediction: Any,
    image: SpectrumImage,
    reference: SpectrumImage,
    *,
    poisson: bool,
    windows: Sequence[Window] = (),
) -> DoseGainEstimate:
    """Score a result by repeats that it never saw; at least two if counts are not Poisson.

    `prediction` (y, x, energy) holds expected counts of one repeat, as an array or an object that
    gives them band by band. If counts are Poisson, variances are known from the counts; otherwise
    they come from the scatter of the repeats.
    """
    partition = WindowPartition(image.energy, windows)
    voxels, sums = np.zeros((3, image.shape[-1])), np.zeros((3, len(windows)))
    for rows, unseen in reference.blocks():
        own = np.asarray(image.counts[:, rows])
        guess = np.asarray(prediction[rows])
        voxels += _by_reference(guess, own, unseen, poisson)
        if windows:
            guess, own, unseen = map(partition.cells, (guess, own, unseen))
            guess, own, unseen = map(partition.windows, (guess, own, unseen))
            sums += _by_reference(guess, own, unseen, poisson)
    return DoseGainEstimate(
        voxels[0],
        voxels[1],
        float(voxels[2].sum()),
        windows=tuple(
            (window, DoseGainEstimate(sums[0, [i]], sums[1, [i]], float(sums[2, i])))
            for i, window in enumerate(windows)
        ),
    )


def _by_reference(guess: Counts, own: Counts, unseen: Counts, poisson: bool) -> NDArray[np.float64]:
    """Return error, raw error and variance of the error, each channel summed over pixels."""
    guess, own, unseen = (part.astype(np.float64) for part in (guess, own, unseen))
    repeats = len(unseen)
    mean = unseen.mean(axis=0)
    noise = mean if poisson else unseen.var(axis=0, ddof=1)
    own_noise = own.mean(axis=0) if poisson else own.var(axis=0, ddof=1)
    square = mean**2 - noise / repeats
    error = guess**2 - 2 * guess * mean + square
    miss = np.maximum((guess - mean) ** 2 - noise / repeats, 0)
    spread = 4 * miss * noise / repeats + 2 * (noise / repeats) ** 2
    return np.stack([part.sum(axis=(0, 1)) for part in (error, own_noise / len(own), spread)])
