"""The score of spectra that are denoised one by one, and whether it is above that of raw counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.denoising.pairs import FEWER_STREAM, FOLD_STREAM, Counts, Source
from napari_xrf_denoise.denoising.quality.dose_gain import DoseGainEstimate, within_limits
from napari_xrf_denoise.denoising.quality.held_out import Fewer, HeldOut, cross_score, wherever
from napari_xrf_denoise.spectroscopy.line_windows import Window

SCORED_PIXELS = 2048
"""About so many spectra score networks that look at each alone; more add little."""

PredictCounts = Callable[[Counts], NDArray[np.float32]]
"""Turns spectra (rows, x, energy) into the counts expected in the same exposure."""


@dataclass(frozen=True, eq=False)
class FoldPredictions:
    """For each held-out part of the counts, how to predict from others.

    `make` gives, for the number of a part, and for the counts that predictions are made from, a
    function of these counts.
    """

    source: Source
    number: int
    """Of parts."""
    seed: int
    make: Callable[[int, Source], PredictCounts]

    @property
    def _every(self) -> int:
        return max(1, self.source.shape[0] * self.source.shape[1] // SCORED_PIXELS)

    def score(self, windows: Sequence[Window], watch: Watch) -> DoseGainEstimate:
        """Score the result of all counts."""
        rests = [
            self.source.without(part, self.number, self.seed, FOLD_STREAM)
            for part in range(self.number)
        ]
        predictions = [wherever(self.make(part, rest)) for part, rest in enumerate(rests)]
        fewer = self._fewer(rests, watch.part(0, 0.4))
        held_out = HeldOut.of(self.source, self.seed, predictions)
        score = cross_score(
            held_out, watch.part(0.4, 1), every=self._every, windows=windows, fewer=fewer
        )
        return within_limits(score, fewer.shares[1])

    def _fewer(self, rests: Sequence[Source], watch: Watch) -> Fewer:
        """Return predictions from about half of the counts without each part."""
        left = 1 - np.array(self.source.part_shares(self.number))
        used = left * [1 - rest.part_shares(2)[0] for rest in rests]
        guesses = []
        for part, rest in enumerate(rests):
            half = rest.without(0, 2, self.seed, FEWER_STREAM)
            predict = self.make(part, half)
            scored = []
            for rows, band in half.bands():
                done = (part + rows.start / self.source.shape[0]) / self.number
                watch.step("denoising fewer counts", done)
                chosen = band[-rows.start % self._every :: self._every]
                scored.append(predict(chosen) / np.float32(used[part]))
            guesses.append(np.concatenate(scored))
        return Fewer(
            [partial(self._scored, guess) for guess in guesses],
            (float(used.mean()), float(left.mean()), 1.0),
        )

    def _scored(self, guess: NDArray[np.float32], rows: slice) -> NDArray[np.float32]:
        """Return scored rows of a map of which these alone are held."""
        return guess[rows.start // self._every : -(-rows.stop // self._every)]


def is_behind_raw(score: DoseGainEstimate) -> bool:
    """Whether the raw counts are nearer to the truth, by more than one standard error.

    Within it, single spectra of few counts would be left as they are by chance alone.
    """
    lead = float((score.error - score.spared - score.raw_error).sum())
    return bool(lead > score.variance**0.5)


def of_raw_counts(score: DoseGainEstimate) -> DoseGainEstimate:
    """Return the score of the raw counts themselves, which have a dose gain of 1."""
    windows = tuple((window, of_raw_counts(own)) for window, own in score.windows)
    return DoseGainEstimate(score.raw_error, score.raw_error, 0.0, windows=windows)
