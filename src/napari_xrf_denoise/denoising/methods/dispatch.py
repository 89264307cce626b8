"""How each method fits a model and predicts with one, behind the same few functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.core.uncertainties.uncertainty import Uncertainty
from napari_xrf_denoise.denoising.diagnostics.statistics import CountStatistics
from napari_xrf_denoise.denoising.multifold_thinning import PhotonPartition
from napari_xrf_denoise.denoising.pairs import (
    FOLD_STREAM,
    Counts,
    Photons,
    Repeats,
    Source,
)
from napari_xrf_denoise.denoising.quality.comparison import Lead, compare
from napari_xrf_denoise.denoising.quality.dose_gain import DoseGainEstimate
from napari_xrf_denoise.denoising.settings import (
    Pairs,
    PcaSettings,
    Settings,
    SpectrumSettings,
    StackSettings,
    TutorialSettings,
)

from . import pca, spectrum, stack, tutorial
from .pca_folds import fit_folds
from .spectrum_score import FoldPredictions, is_behind_raw, of_raw_counts
from .stack_members import StackJob, partition_of
from .uncertainty import uncertainty_of

if TYPE_CHECKING:
    import torch


FIRST_FIT = 17 / 18
"""Share of the time of `fit_best` for the method that was planned; PCA is fast."""
COMPARING = 0.97
"""Share of the time of a fit of `stack` after which it is compared with PCA."""
COMPARED_PIXELS = 2**12
"""Most pixels of a map whose networks are compared with PCA. With more to learn from, they were not
behind it by more than 1 %, even where every pixel is a mixture of its own (docs/score.md)."""

PredictBand = Callable[[Counts, int], NDArray[np.float32]]
"""Turns a band (repeat, rows, x, energy) and its first row into the result's counts."""


class LearnedModel(Protocol):
    """The part of a `Model`, which is above this room, that prediction needs."""

    @property
    def settings(self) -> Settings:
        """Settings of the run that made it."""

    @property
    def energy(self) -> EnergyAxis:
        """Energies that it was trained on."""

    @property
    def members(self) -> tuple[Mapping[str, NDArray[np.float32]], ...]:
        """Tensors of each network."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Scaling, mean counts a pixel, exposure."""


@dataclass(frozen=True, eq=False)
class Job:
    """The counts of a run, and where to compute."""

    image: SpectrumImage
    found: CountStatistics
    """Of the image."""
    device: torch.device
    pairs: Pairs = "thinning"
    """Source of independent noisy versions: ``"repeats"`` or ``"thinning"``."""


@dataclass(frozen=True)
class Fitted:
    """Outcome of fitting a method to an image."""

    settings: Settings
    members: tuple[Mapping[str, NDArray[np.float32]], ...]
    """Tensors of each network, or factors."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Plain values that prediction needs besides."""
    choices: Mapping[str, Any] = field(default_factory=dict)
    """Settings that were found from the data."""
    losses: Mapping[str, list[float]] = field(default_factory=dict)
    """Training losses by name."""
    score: DoseGainEstimate | None = None
    """By held-out counts, where the method can be scored so."""
    measured_by: str = "no counts were held out"
    counts: FactoredCounts | None = None
    """The result (1, y, x, energy) of all repeats together, where it came with the fit."""
    uncertainty: Uncertainty | None = None
    """Of the result of all repeats together, where the method knows it."""
    lead_of_pca: Lead | None = None
    """By how much PCA is nearer to the truth, where held-out counts tell."""

    @property
    def is_behind_pca(self) -> bool:
        """Whether it is a result of networks, and held-out counts prefer the components alone."""
        lead = self.lead_of_pca
        return isinstance(self.settings, StackSettings) and lead is not None and lead.is_certain


def fit_best(job: Job, settings: Settings, watch: Watch, *, insist: bool = False) -> Fitted:
    """Fit a method, or PCA where held-out counts score it better, unless one insists."""
    fitted = fit(job, settings, watch.part(0, FIRST_FIT))
    if insist or not fitted.is_behind_pca:
        return fitted
    alone = fit(job, _pca_settings(settings), watch.part(FIRST_FIT, 1))
    return replace(alone, lead_of_pca=fitted.lead_of_pca)


def fit(job: Job, settings: Settings, watch: Watch) -> Fitted:
    """Fit the method that the settings belong to.

    Raises
    ------
    DataError
        If the method cannot work on the image.
    """
    if isinstance(settings, TutorialSettings):
        weights, facts, losses = tutorial.train(job.image, settings, job.device, watch)
        why = "no repeats were left to score it"
        return Fitted(settings, (weights,), facts, losses=losses, measured_by=why)
    source = source_of(job.image, job.found, job.pairs)
    if isinstance(settings, PcaSettings):
        return _fit_pca(source, settings, job, watch)
    if isinstance(settings, StackSettings):
        return _fit_stack(source, settings, job, watch)
    assert isinstance(settings, SpectrumSettings)
    return _fit_spectrum(source, settings, job, watch)


def _fit_pca(source: Source, settings: PcaSettings, job: Job, watch: Watch) -> Fitted:
    _check_pixels(source, "pca")
    folds = possible_folds(source, settings.folds, 1)
    rank = settings.rank or pca.find_rank(source, settings, watch.part(0, 0.15))
    rank = min(rank, source.shape[2], source.shape[0] * source.shape[1])
    factors = pca.fit_pca(source, settings, rank, watch.part(0.15, 0.2))
    score, uncertainty = None, None
    if folds:
        partition = PhotonPartition.of(source, settings.seed, FOLD_STREAM)
        held_out = fit_folds(partition, folds, rank, settings, watch.part(0.2, 0.6))
        score = held_out.score(job.found.windows, watch.part(0.6, 0.95))
        if score.products is not None:
            scatter = pca.pca_scatter(factors, partition, folds, watch.part(0.95, 1))
            spots = np.zeros(source.shape[:2], bool)
            products = score.products
            if held_out.fewer is None:
                products = products.of_all(1 - 1 / folds)
            uncertainty = uncertainty_of(products, scatter, spots, job.found)
    return Fitted(
        settings,
        (factors,),
        choices={"rank": rank},
        score=score,
        measured_by=measured_by(source, folds),
        uncertainty=uncertainty,
    )


def _fit_spectrum(source: Source, settings: SpectrumSettings, job: Job, watch: Watch) -> Fitted:
    from .deconvolution import Candidates

    folds = possible_folds(source, settings.folds, 2)
    trained = spectrum.train_members(source, settings, folds, job.device, watch.part(0, 0.5))
    facts = {"line_width": trained.line_width, "unit": source.unit, "raw": False}
    score = None
    if folds:
        candidates = Candidates(source.image.energy, trained.line_width, job.device)
        networks = [spectrum.load_network(weights, job.device) for weights in trained.members]

        def make(part: int, counts: Source) -> spectrum.Predictor:
            return spectrum.Predictor.of([networks[part]], candidates, counts, settings.seed)

        predictions = FoldPredictions(source, folds, settings.seed, make)
        score = predictions.score(job.found.windows, watch.part(0.5, 1))
        if is_behind_raw(score):
            facts["raw"], score = True, of_raw_counts(score)
    return Fitted(
        settings,
        trained.members,
        facts=facts,
        choices={"line_width": trained.line_width},
        losses=trained.losses,
        score=score,
        measured_by=measured_by(source, folds),
    )


def _fit_stack(source: Source, settings: StackSettings, job: Job, watch: Watch) -> Fitted:
    from .deconvolution import find_scale

    _check_pixels(source, "stack")
    if isinstance(source, Repeats) and source.image.n_repeats < 2:
        raise DataError(f"{source.image.name}: method 'stack' learns from pairs, found one repeat")
    folds = possible_folds(source, settings.folds, 2)
    energy = source.image.energy
    scale = settings.line_width
    if scale is None:
        whole = np.rint(job.found.spectrum / source.unit).astype(np.int64)
        scale = find_scale(whole, energy, settings.seed, job.device)
    fit = stack.fit_stack(
        StackJob(source, settings, folds, job.found, energy, scale, job.device),
        watch.part(0, COMPARING),
    )
    lead = _lead_of_pca(source, settings, fit, watch.part(COMPARING, 1))
    rank = int(fit.members[0]["synthesis"].shape[0])
    choices: dict[str, Any] = {"rank": rank, "line_width": scale}
    choices |= {"hot_spots": fit.spots, "places": fit.places}
    if lead is not None:
        choices["compared"] = f"by held-out counts, {lead}"
    return Fitted(
        settings,
        fit.members,
        facts={"line_width": scale, "exposure": fit.exposure, "unit": source.unit},
        choices=choices,
        losses=fit.losses,
        score=fit.score,
        measured_by=measured_by(source, folds),
        counts=fit.counts,
        lead_of_pca=lead,
        uncertainty=fit.uncertainty,
    )


def _lead_of_pca(
    source: Source, settings: StackSettings, fit: stack.Fit, watch: Watch
) -> Lead | None:
    """Compare the finished result of a small map with that of PCA."""
    if fit.score is None or source.shape[0] * source.shape[1] > COMPARED_PIXELS:
        return None
    alone = _pca_settings(settings)
    rank = pca.find_rank(source, alone, watch.part(0, 0.2))
    partition, folds = partition_of(source, settings), len(fit.guesses)
    rival = fit_folds(partition, folds, rank, alone, watch.part(0.2, 0.7))
    held_out = stack.held_out_of(partition, fit.guesses)
    return compare(held_out, fit.score, rival.predictions, rival.fewer, watch.part(0.7, 1))


def _pca_settings(settings: Settings) -> PcaSettings:
    return PcaSettings(settings.seed, settings.pairs, settings.folds)


def source_of(image: SpectrumImage, found: CountStatistics, pairs: Pairs) -> Source:
    """Return the counts of a run, which split into photons or into whole repeats."""
    if pairs == "repeats":
        return Repeats.of(image, found, _unit(found))
    return Photons(image)


def _unit(found: CountStatistics) -> float:
    """Return how much one count adds to the values of repeats that are not counts."""
    known = found.fano.factor > 0 and not (found.whole and found.fano.is_poisson)
    return found.fano.factor if known else 1.0


def _check_pixels(source: Source, method: str) -> None:
    if source.shape[0] * source.shape[1] < 2:
        raise DataError(
            f"{source.image.name}: method {method!r} compares pixels and needs at least 2, found "
            "1; use method='spectrum'"
        )


def possible_folds(source: Source, folds: int, needed: int) -> int:
    """Return into how many parts the counts can go when each rest must hold `needed` repeats."""
    if isinstance(source, Photons):
        return folds
    repeats = source.image.n_repeats
    possible = min(folds, repeats)
    largest = -(-repeats // possible) if possible > 1 else repeats
    return possible if possible > 1 and repeats - largest >= needed else 0


def measured_by(source: Source, folds: int) -> str:
    """Return in words what scored a result."""
    if not folds:
        return "no counts could be held out"
    kind = "photon subsets" if isinstance(source, Photons) else "groups of repeats"
    return f"{folds} held-out {kind}"
