"""Scores by held-out counts: each part of the counts judges the prediction made without it.

See `dose_gain` for what is estimated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.denoising.multifold_thinning import (
    Bands,
    Listed,
    PartitionedBand,
    gather,
)
from napari_xrf_denoise.denoising.pairs import FOLD_STREAM, Counts, Photons, Source
from napari_xrf_denoise.denoising.subspace import Subspace
from napari_xrf_denoise.spectroscopy.line_windows import Window, WindowPartition

from .contrast import ContrastTally
from .dose_gain import DoseGainEstimate
from .edges import EdgeTally
from .error_products import ErrorProducts
from .residuals import BandSums, ResidualTally
from .resolved_errors import Products, ResolvedErrors
from .squared_errors import BandErrors, SquaredErrors, of_windows

Predict = Callable[[Counts, slice], NDArray[np.float32]]
"""Turns the counts of some rows, (rows, x, energy), and the slice of these rows into the counts
expected in the same exposure."""

SCORING = 0.8
"""Share of the time of a score after which all counts are compared."""
OVERLOOKED = 3.0
"""Standard errors from which counts hold more than the detector can resolve."""


def wherever(predict: Callable[[Counts], NDArray[np.float32]]) -> Predict:
    """Return a prediction that is the same in whatever rows the counts are."""
    return lambda rest, _: predict(rest)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Parts of the counts, each with the prediction that was made without it.

    Predictions are functions of the other parts, or factors of the whole map.
    """

    source: Source
    """All counts."""
    bands: Bands
    """Bands of the map, whose parts add up to the counts there."""
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
        bands = Listed((rows, partial(gather, band)) for rows, band in parts)
        return cls(source, bands, source.part_shares(folds), predictions)

    @property
    def is_of_photons(self) -> bool:
        """Whether counts are Poisson."""
        return isinstance(self.source, Photons)

    def predict(self, index: int, band: PartitionedBand, rows: slice) -> NDArray[np.float32]:
        """Return what is expected without a part in all exposure, (rows, x, energy)."""
        if self.guesses:
            return np.asarray(self.guesses[index][0, rows])
        return predict_without(self.predictions[index], index, band, rows, self.shares[index])


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
    edges = EdgeTally(source.image, len(windows), shares) if windows and every == 1 else None
    products = ErrorProducts(
        partition.half_edges,
        source.shape[:2],
        shares,
        lever or 0.0,
        held_out.spots,
        held_out.is_of_photons,
    )
    for rows, band in held_out.bands.map(band_of):
        watch.step("measuring the dose gain", SCORING * rows.start / height)
        if band is None:
            continue
        errors = errors.plus(band.errors)
        if smooth is not None and band.products is not None:
            smooth.add(band.products)
        kinds = band.cells, band.guessed, band.worse
        own = BandSums(band.errors.counts, band.errors.raw, band.expected)
        residuals.add(rows, own, band.cells, band.guessed, shares)
        if with_products and every == 1:
            products.add(*([partition.halves(c) for c in kind] for kind in kinds))
        if windows:
            held, guessed, worse = ([partition.windows(c) for c in kind] for kind in kinds)
            own_windows = of_windows(held, guessed, worse, shares, photons=held_out.is_of_photons)
            in_windows = in_windows.plus(own_windows)
            contrasts.add(held, guessed)
            if edges is not None:
                edges.add(rows, held, guessed)
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
        edges=None if edges is None else edges.finish(),
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
    rows: slice,
    band: PartitionedBand,
) -> tuple[slice, _Band | None]:
    """Compare the rows of a band that are scored with all predictions."""
    scored = slice(rows.start + -rows.start % every, rows.stop, every)
    if not len(range(scored.start, scored.stop, every)):
        return rows, None
    band = band.every_row(-rows.start % every, every)
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
    # What the prediction's own error adds, with the mean error of a voxel in each channel. In rows
    # of more counts it is larger, in proportion.
    even = sums.raw**2 / pixels
    uneven = np.divide(sums.uneven, even, out=np.ones_like(even), where=even > 0)
    own = 8 * (np.maximum(error, 0) + known**2 * sums.distance / parts) / pixels * sums.raw
    own *= np.maximum(uneven, 1)
    variance = float((noise * 2 * sums.square * parts / (parts - 1) + own)[channels].sum())
    share = 1 - 1 / parts if lever is None else 1.0
    spared = known * sums.fall / parts
    return DoseGainEstimate(error[channels], sums.raw[channels], variance, share, spared[channels])


def _surer(score: DoseGainEstimate, smooth: DoseGainEstimate) -> DoseGainEstimate:
    """Return the score with less noise, unless it overlooks an error that the other one sees."""
    overlooked = float(score.error.sum() - smooth.error.sum())
    noise = max(score.variance - smooth.variance, 0) ** 0.5
    return score if overlooked > OVERLOOKED * noise else smooth
