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
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.cores import in_order
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising.pairs import Counts
from napari_xrf_denoise.spectroscopy.line_windows import Window, WindowPartition

from .contrast import Contrasts
from .edges import Edges
from .error_products import ErrorSums
from .residuals import Residuals
from .squared_errors import sum_of_squares

CONFIDENCE = 1.645
"""Standard errors to either side of an interval that holds the truth 9 times in 10."""


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
    """Of errors in pieces of the spectrum: asked for, and where each row was scored."""

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
