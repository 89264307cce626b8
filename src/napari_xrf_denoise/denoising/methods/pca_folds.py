"""PCA without each fold of the counts, which the fold then judges, and from about half of the rest.

How the error of a PCA falls with the dose depends on the map: the noise that its components let
through falls as one over the counts, what it has no component for stays, and components are found
the better the more counts there are. Predictions from fewer counts tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.denoising.multifold_thinning import PhotonPartition
from napari_xrf_denoise.denoising.quality.dose_gain import DoseGainEstimate, within_limits
from napari_xrf_denoise.denoising.quality.held_out import (
    Fewer,
    HeldOut,
    Predict,
    cross_score,
    wherever,
)
from napari_xrf_denoise.denoising.settings import PcaSettings
from napari_xrf_denoise.spectroscopy.line_windows import Window

from .pca import Factors, fit_pca, pca_scores, predict_pca


@dataclass(frozen=True, eq=False)
class PcaFolds:
    """What PCA predicts without each fold of the counts."""

    partition: PhotonPartition
    fits: list[Factors]
    """Factors of the counts without each fold."""
    fewer: Fewer | None
    """Predictions from half of these, where they go in halves."""

    @property
    def predictions(self) -> list[Predict]:
        """For each fold, the prediction from the others."""
        return [wherever(partial(predict_pca, fit)) for fit in self.fits]

    def score(self, windows: Sequence[Window], watch: Watch) -> DoseGainEstimate:
        """Return the score of the PCA of all counts."""
        partition, number = self.partition, len(self.fits)
        bands, shares = partition.in_folds(number), partition.fold_shares(number)
        held_out = HeldOut(partition.source, bands, shares, self.predictions)
        score = cross_score(held_out, watch, windows=windows, fewer=self.fewer, with_products=True)
        # Components that are lost in few counts are found in more: the error falls faster then.
        return score if self.fewer is None else within_limits(score, self.fewer.shares[1])


def fit_folds(
    partition: PhotonPartition, number: int, rank: int, settings: PcaSettings, watch: Watch
) -> PcaFolds:
    """Fit PCA to the counts without each fold, and to the first half of their parts."""
    rests = [partition.without(fold) for fold in partition.folds(number)]
    halves = [rest[: len(rest) // 2] for rest in rests]
    fits, few = [], []
    for rest, half, own in zip(rests, halves, watch.part(0, 0.8).parts(number), strict=True):
        of_rest, of_half = own.parts(2)
        fits.append(fit_pca(partition.sum_of(rest), settings, rank, of_rest))
        if half:
            few.append(fit_pca(partition.sum_of(half), settings, rank, of_half))
    fewer = None
    if all(halves):
        used = [
            float(np.mean([partition.shares[g].sum() for g in kind])) for kind in (halves, rests)
        ]
        guesses = _in_all_exposure(partition, halves, few, watch.part(0.8, 1))
        fewer = Fewer.of(guesses, (used[0], used[1], 1.0))
    return PcaFolds(partition, fits, fewer)


def _in_all_exposure(
    partition: PhotonPartition, groups: list[list[int]], fits: list[Factors], watch: Watch
) -> list[FactoredCounts]:
    """Return what factors predict from groups of parts, at the full rate."""
    height, across, _ = partition.source.shape
    images = [np.empty((height, across, len(fit["synthesis"])), np.float32) for fit in fits]
    exposures = [partition.shares[group].sum() for group in groups]
    unit = partition.source.unit
    for rows, band in partition.bands():
        watch.step("projecting fewer counts", rows.start / height)
        for image, group, fit, exposure in zip(images, groups, fits, exposures, strict=True):
            image[rows] = pca_scores(fit, band.dense(group)) * np.float32(unit / exposure)
    return [
        FactoredCounts(image, fit["synthesis"]) for image, fit in zip(images, fits, strict=True)
    ]
