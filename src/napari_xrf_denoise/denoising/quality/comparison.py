"""Whether PCA is nearer to the truth than a result: squared errors by the same held-out counts.

The squares of the counts, which are most of the noise of a dose gain, are the same for both. What
is left is the noise of the held-out counts times the difference of the predictions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.denoising.pairs import Counts

from .dose_gain import DoseGainEstimate
from .held_out import Fewer, HeldOut, Predict, predict_without

TRAINED = 1.5
"""Variance of a difference over that of the formula, which assumes that predictions do not depend
on the counts that judge them but for being linear in the others: networks were trained on them."""


@dataclass(frozen=True)
class Lead:
    """By how much PCA is nearer to the truth than a result."""

    less: float
    """Squared error of the result less that of PCA, over that of the raw counts."""
    error: float
    """Standard error of this."""

    @property
    def is_certain(self) -> bool:
        """Whether PCA leads by more than one standard error.

        A wrong choice costs as much as the difference, whichever it is: the limit need not be far.
        But results that are about equal should be of the method that was planned.
        """
        return self.less > self.error

    def __str__(self) -> str:
        side = "lower" if self.less > 0 else "higher"
        return (
            f"the squared error of PCA is {side} by {abs(self.less):.1%} ± {self.error:.1%} of "
            "that of the raw counts"
        )


def compare(
    held_out: HeldOut,
    score: DoseGainEstimate,
    rival: Sequence[Predict],
    fewer: Fewer | None,
    watch: Watch,
) -> Lead:
    """Compare the results of all counts, given the predictions without each part.

    `held_out` and `score` are those of the result, `rival` the other predictions, and `fewer` those
    from which it is known how the error of the rival falls with the dose.
    """
    height, across, size = held_out.source.shape
    steps, falls = np.zeros((2, 2, size))
    lever = 0.0 if fewer is None else fewer.lever
    for rows, load in held_out.parts:
        watch.step("comparing with PCA", rows.start / height)
        band = load()
        for index, share in enumerate(held_out.shares):
            part = band.dense([index])
            guess = held_out.predict(index, band, rows)
            other = predict_without(rival[index], index, band, rows, share)
            steps += _gap(guess, other, part, share)
            if fewer is not None:
                falls += _gap(fewer.predictions[index](rows), other, part, share)
    number = len(held_out.shares)
    less, fall = (float(part[0].sum()) / number for part in (steps, lever * falls))
    if fewer is not None:
        fall = float(np.clip(fall, 0, (1 - fewer.shares[1]) * max(score.error.sum() - less, 0)))
    distance = (steps[1] + lever**2 * falls[1]) / number
    variance = 8 * TRAINED * float((distance * score.raw_error).sum()) / (height * across)
    raw = float(score.raw_error.sum())
    return Lead((less - float(score.spared.sum()) + fall) / raw, variance**0.5 / raw)


def _gap(other: Counts, guess: Counts, part: Counts, share: float) -> NDArray[np.float64]:
    """Return by how much another prediction is further from the truth, and how far from this one.

    Both squared and summed over pixels: shape (2, channels). Without the large squares, which would
    leave nothing of a small error in single precision.
    """
    kind = guess.dtype
    step = np.subtract(other, guess, dtype=kind)
    beyond = np.multiply(part, 1 / share, dtype=kind)
    np.subtract(guess, beyond, out=beyond)
    beyond *= step
    step *= step
    distance = step.sum(axis=(0, 1), dtype=np.float64)
    return np.stack([distance + 2 * beyond.sum(axis=(0, 1), dtype=np.float64), distance])
