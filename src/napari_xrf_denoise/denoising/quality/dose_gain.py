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
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.cores import in_order
from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising.multifold_thinning import Load, PartitionedBand, gather
from napari_xrf_denoise.denoising.pairs import FOLD_STREAM, Counts, Photons, Source
from napari_xrf_denoise.denoising.subspace import Subspace
from napari_xrf_denoise.spectroscopy.line_windows import Window, WindowPartition

from .contrast import Contrasts, ContrastTally
from .error_products import ErrorProducts, ErrorSums
from .residuals import BandSums, Residuals, ResidualTally
from .resolved_errors import Products, ResolvedErrors
from .squared_errors import BandErrors, SquaredErrors, of_windows, sum_of_squares

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
    """Parts of the counts, each with the prediction that was made without it.

    Predictions are functions of the other parts, or factors of the whole map.
    """

    source: Source
    """All counts."""
    parts: Iterable[tuple[slice, Load]]
    """Rows of each band, and how to get its parts, which add up to the counts there."""
    shares: Sequence[float]
    """Share of the counts that each part holds."""
    predictions: Sequence[Predict] = ()
    """For each part, the prediction from the other parts: a function of their sum."""
    guesses: Sequence[FactoredCounts] = ()
    """For each part, the prediction (1, y, x, energy) without it, of all counts."""
    spots: NDArray[np.bool_] | None = None
    """Pixels (y, x) whose errors are known otherwise."""

    @classmethod
    def of(cls, source: Source, seed: int, predictions: Sequence[Predict]) -> HeldOut:
        """Split a source into as many parts as there are predictions."""
        folds = len(predictions)
        parts = source.parts(folds, seed, FOLD_STREAM)
        loads = ((rows, partial(gather, band)) for rows, band in parts)
        return cls(source, loads, source.part_shares(folds), predictions)

    @property
    def is_of_photons(self) -> bool:
        """Whether counts are Poisson."""
        return isinstance(self.source, Photons)

    def predict(self, index: int, band: PartitionedBand, rows: slice) -> NDArray[np.float32]:
        """Return what is expected without a part in all exposure, (rows, x, energy)."""
        if self.guesses:
            return np.asarray(self.guesses[index][0, rows])
        return predict_without(self.predictions[index], index, band, rows, self.shares[index])


def predict_without(
    predict: Predict, part: int, band: PartitionedBand, rows: slice, share: float
) -> NDArray[np.float32]:
    """Return what is expected in all exposure, given the counts without a part of that share."""
    others = [other for other in range(band.counts.shape[1]) if other != part]
    return predict(band.dense(others), rows) * np.float32(1 / (1 - share))


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
    is more than noise; predictions are factors then. Products of errors are for the uncertainty of
    a result.
    """
    source, shares = held_out.source, held_out.shares
    height, across, size = source.shape
    partition = WindowPartition(source.image.energy, windows)
    lever = None if fewer is None else fewer.lever
    smooth = None
    if resolved is not None:
        guesses = zip(held_out.guesses, *([fewer.guesses] if fewer else []), strict=True)
        smooth = ResolvedErrors(resolved, list(guesses), shares, photons=held_out.is_of_photons)
    band_of = partial(_score_band, held_out, partition, fewer, smooth, every)
    errors, in_windows = SquaredErrors.zeros(size), SquaredErrors.zeros(len(windows))
    residuals = ResidualTally(source.image, partition, every)
    contrasts = ContrastTally(len(windows), shares, height * across // every)
    products = ErrorProducts(
        partition.half_edges, source.shape[:2], shares, lever or 0.0, held_out.spots
    )
    for rows, band in in_order(band_of, held_out.parts):
        watch.step("measuring the dose gain", SCORING * rows.start / height)
        if band is None:
            continue
        errors = errors.plus(band.errors)
        if smooth is not None and band.products is not None:
            smooth.add(band.products)
        kinds = band.cells, band.guessed, band.worse
        own = BandSums(band.errors.counts, band.errors.raw, band.expected)
        residuals.add(rows, own, band.cells, band.guessed, shares)
        if with_products and every == 1 and held_out.is_of_photons:
            products.add(*([partition.halves(c) for c in kind] for kind in kinds))
        if windows:
            held, guessed, worse = ([partition.windows(c) for c in kind] for kind in kinds)
            own_windows = of_windows(held, guessed, worse, shares, photons=held_out.is_of_photons)
            in_windows = in_windows.plus(own_windows)
            contrasts.add(held, guessed)
    estimate = partial(_estimate, parts=len(shares), pixels=len(range(0, height, every)) * across)
    score = estimate(errors, lever)
    if smooth is not None and resolved is not None:
        noise = resolved.noise_left(errors.counts)
        score = _surer(score, estimate(smooth.finish(errors), lever, noise=noise))
    return replace(
        score,
        windows=tuple(
            (window, estimate(in_windows, lever, slice(i, i + 1)))
            for i, window in enumerate(windows)
        ),
        residuals=residuals.finish(watch.part(SCORING, 1)),
        contrasts=contrasts.finish() if windows else None,
        products=products.finish(),
    )


@dataclass(frozen=True, eq=False)
class _Band:
    """What a band says of its predictions."""

    errors: SquaredErrors
    products: Products | None
    expected: NDArray[np.float64]
    """Predictions of the counts, summed over pixels, (energy,)."""
    cells: list[NDArray[np.float64]]
    """Counts (rows, x, cell) of each part."""
    guessed: list[NDArray[np.float32]]
    """Prediction of all counts without each part."""
    worse: list[NDArray[np.float32]]
    """The same from fewer counts, if there are any."""


def _score_band(
    held_out: HeldOut,
    partition: WindowPartition,
    fewer: Fewer | None,
    smooth: ResolvedErrors | None,
    every: int,
    item: tuple[slice, Load],
) -> tuple[slice, _Band | None]:
    """Compare the rows of a band that are scored with all predictions."""
    rows, load = item
    scored = slice(rows.start + -rows.start % every, rows.stop, every)
    if not len(range(scored.start, scored.stop, every)):
        return rows, None
    band = load().every_row(-rows.start % every, every)
    tally = BandErrors(band, held_out.shares, photons=held_out.is_of_photons)
    expected, cells, guessed, worse = np.zeros(band.shape[2]), [], [], []
    for index, share in enumerate(held_out.shares):
        guess = held_out.predict(index, band, scored)
        expected += share * guess.sum(axis=(0, 1), dtype=np.float64)
        cells.append(band.summed_in(partition.cell_of, band.counts[:, index]))
        guessed.append(partition.cells(guess))
        other = None
        if fewer is not None:
            other = fewer.predictions[index](scored)
            worse.append(partition.cells(other))
        tally.compare(index, guess, other)
    products = None if smooth is None else smooth.products(scored, band)
    return scored, _Band(tally.finish(), products, expected, cells, guessed, worse)


def _estimate(
    sums: SquaredErrors,
    lever: float | None,
    channels: slice = slice(None),
    *,
    parts: int,
    pixels: int,
    noise: float = 1.0,
) -> DoseGainEstimate:
    """Return the score of some channels; `noise` is left of the noise of squared counts."""
    error = sums.departure / parts + sums.level
    known = 0.0 if lever is None else lever
    # What the prediction's own error adds, with the mean error of a voxel in each channel.
    own = 8 * (np.maximum(error, 0) + known**2 * sums.distance / parts) / pixels * sums.raw
    variance = float((noise * 2 * sums.square * parts / (parts - 1) + own)[channels].sum())
    share = 1 - 1 / parts if lever is None else 1.0
    spared = known * sums.fall / parts
    return DoseGainEstimate(error[channels], sums.raw[channels], variance, share, spared[channels])


def _surer(score: DoseGainEstimate, smooth: DoseGainEstimate) -> DoseGainEstimate:
    """Return the score with less noise, unless it overlooks an error that the other one sees."""
    overlooked = float(score.error.sum() - smooth.error.sum())
    noise = max(score.variance - smooth.variance, 0) ** 0.5
    return score if overlooked > OVERLOOKED * noise else smooth


@dataclass(frozen=True, eq=False)
class Fewer:
    """Predictions from fewer counts than the scored ones."""

    predictions: Sequence[Callable[[slice], NDArray[np.float32]]]
    """For each held-out part, gives the expected counts of all exposure, (rows, x, energy), in a
    slice of rows."""
    shares: tuple[float, float, float]
    """Shares of the counts that these, the scored predictions, and the result use."""
    guesses: Sequence[FactoredCounts] = ()
    """The same predictions where they are factors."""

    @classmethod
    def of(cls, guesses: Sequence[FactoredCounts], shares: tuple[float, float, float]) -> Fewer:
        """Return predictions that are given as factors of the whole map."""
        return cls([partial(_rows, guess) for guess in guesses], shares, guesses)

    @property
    def lever(self) -> float:
        """Fall of the error from the scored predictions to the result, over that up to them."""
        fewer, scored, result = (1 / share for share in self.shares)
        return (scored - result) / (fewer - scored)


def _rows(counts: FactoredCounts, rows: slice) -> NDArray[np.float32]:
    return np.asarray(counts[0, rows])


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


def spare(
    score: DoseGainEstimate, bands: Iterable[Callable[[], Sequence[NDArray[np.float32]]]]
) -> DoseGainEstimate:
    """Return the score of the mean of several predictions, given that of the single ones.

    The squared error of a mean is the mean squared error of its members less their mean squared
    distance from it, whatever the truth is. A. Krogh and J. Vedelsby, Advances in Neural
    Information Processing Systems 7 (1995) 231.

    Each band gives the predictions (rows, x, energy) of all members from all counts, in counts of
    all repeats together, for the rows that were scored.
    """
    channels = [window.channels for window, _ in score.windows]
    spared, in_windows = np.zeros_like(score.spared), np.zeros(len(channels))
    for of_voxels, of_sums in in_order(lambda load: _scatters(load(), channels), bands):
        spared += of_voxels
        in_windows += of_sums
    windows = tuple(
        (window, replace(own, spared=own.spared + part))
        for (window, own), part in zip(score.windows, in_windows[:, None], strict=True)
    )
    return replace(score, spared=score.spared + spared, windows=windows)


def _scatters(
    members: Sequence[NDArray[np.float32]], channels: Sequence[slice]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean squared distances of members from their mean, of channels and of windows."""
    sums = [
        _scatter([member[..., part].sum(axis=-1, keepdims=True) for member in members])
        for part in channels
    ]
    return _scatter(members), np.concatenate([np.empty(0), *sums])


def _scatter(members: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Return the mean squared distance of members from their mean, summed over pixels."""
    mean = sum(members) / np.float32(len(members))
    return np.asarray(np.mean([sum_of_squares(member - mean) for member in members], axis=0))


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
