"""Whether PCA is nearer to the truth than a result: squared errors by the same held-out counts.

The squares of the counts, which are most of the noise of a dose gain, are the same for both. What
is left is the noise of the held-out counts times the difference of the predictions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.denoising.multifold_thinning import PartitionedBand

from .dose_gain import DoseGainEstimate
from .held_out import Fewer, HeldOut, Predict, predict_without
from .squared_errors import BandErrors, SquaredErrors

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
    steps, falls = SquaredErrors.zeros(size), SquaredErrors.zeros(size)
    lever = 0.0 if fewer is None else fewer.lever

    def look(rows: slice, band: PartitionedBand) -> tuple[slice, SquaredErrors, SquaredErrors]:
        from_rival, from_fewer = (
            BandErrors(band, held_out.shares, photons=held_out.is_of_photons) for _ in range(2)
        )
        for index, share in enumerate(held_out.shares):
            other = predict_without(rival[index], index, band, rows, share)
            from_rival.compare(index, other, held_out.predict(index, band, rows))
            if fewer is not None:
                from_fewer.compare(index, other, fewer.predictions[index](rows))
        return rows, from_rival.finish(), from_fewer.finish()

    for rows, step, of_rival in held_out.bands.map(look):
        watch.step("comparing with PCA", rows.start / height)
        steps, falls = steps.plus(step), falls.plus(of_rival)
    number = len(held_out.shares)
    less, fall = (float(part.sum()) / number for part in (steps.fall, lever * falls.fall))
    if fewer is not None:
        fall = float(np.clip(fall, 0, (1 - fewer.shares[1]) * max(score.error.sum() - less, 0)))
    distance = (steps.distance + lever**2 * falls.distance) / number
    variance = 8 * TRAINED * float((distance * score.raw_error).sum()) / (height * across)
    raw = float(score.raw_error.sum())
    return Lead((less - float(score.spared.sum()) + fall) / raw, variance**0.5 / raw)
