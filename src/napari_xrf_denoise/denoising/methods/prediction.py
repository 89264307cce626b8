"""How each method predicts with a model that it learned before, and how that is scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.core.uncertainties.uncertainty import Scatter, Uncertainty
from napari_xrf_denoise.denoising.multifold_thinning import PhotonPartition
from napari_xrf_denoise.denoising.pairs import (
    FOLD_STREAM,
    Counts,
    Photons,
    Repeats,
    Source,
    add_repeats,
)
from napari_xrf_denoise.denoising.quality.dose_gain import DoseGainEstimate
from napari_xrf_denoise.denoising.quality.held_out import HeldOut, cross_score, wherever
from napari_xrf_denoise.denoising.settings import (
    PcaSettings,
    SpectrumSettings,
    StackSettings,
    TutorialSettings,
)

from . import pca, spectrum, stack, tutorial
from .dispatch import Fitted, Job, LearnedModel, measured_by
from .spectrum_score import FoldPredictions, of_raw_counts
from .stack_members import StackJob, load_member
from .uncertainty import uncertainty_of

if TYPE_CHECKING:
    import torch

PredictBand = Callable[[Counts, int], NDArray[np.float32]]
"""Turns a band (repeat, rows, x, energy) and its first row into the result's counts."""


@dataclass(frozen=True, eq=False)
class Applied:
    """What a model makes of counts that it has not seen."""

    counts: NDArray[np.float32] | FactoredCounts
    """The result, shape (y, x, energy), as the image combines its repeats."""
    score: DoseGainEstimate | None
    measured_by: str
    uncertainty: Uncertainty | None = None
    """Of the result of all repeats together, where the method knows it."""


def counts_of(
    fitted: Fitted, model: LearnedModel, job: Job, watch: Watch
) -> NDArray[np.float32] | FactoredCounts:
    """Return the result of a fit, shape (y, x, energy)."""
    if fitted.counts is None:
        return predict(model, job, watch)
    return in_repeats(fitted.counts, job.image)


def predict(model: LearnedModel, job: Job, watch: Watch) -> NDArray[np.float32] | FactoredCounts:
    """Return the result of a model, shape (y, x, energy).

    Scans give expected counts of one repeat, parts of one measurement those of all together.
    """
    image = job.image
    if isinstance(model.settings, StackSettings):
        source: Source = Photons(image)
        if not job.found.whole:
            source = Repeats.of(image, job.found, float(model.facts["unit"]))
        found = _predict_stack(model, _stack_job(model, source, job), watch)
        return in_repeats(found.counts, image)
    of_band = _predict_band(model, image, job.device)
    result = np.empty(image.shape[1:], dtype=np.float32)
    for rows, band in image.blocks():
        watch.step("computing the result", rows.start / image.shape[1])
        result[rows] = of_band(band, rows.start)
    return result


def in_repeats(counts: FactoredCounts, image: SpectrumImage) -> FactoredCounts:
    """Return counts of all repeats as the image combines them, shape (y, x, energy)."""
    share = 1 / image.n_repeats if image.combination == "mean" else 1.0
    result: FactoredCounts = counts.scaled(share)[0]
    return result


def apply_model(model: LearnedModel, job: Job, watch: Watch) -> Applied:
    """Return the result of a model for Poisson counts that it has not seen, and score it.

    The model is not the tutorial's, and its settings ask for folds.
    """
    words = measured_by(Photons(job.image), model.settings.folds)
    if isinstance(model.settings, StackSettings):
        return _apply_stack(model, job, words, watch)
    counts = predict(model, job, watch.part(0, 0.6))
    if isinstance(model.settings, PcaSettings):
        return Applied(counts, *_score_pca(model, job, words, watch.part(0.6, 1)))
    assert isinstance(model.settings, SpectrumSettings)
    predict_others = FoldPredictions(
        Photons(job.image),
        model.settings.folds,
        model.settings.seed,
        lambda _, rest: _predictor(model, rest, job.device),
    )
    score = predict_others.score(job.found.windows, watch.part(0.6, 1))
    return Applied(counts, of_raw_counts(score) if model.facts["raw"] else score, words)


def _apply_stack(model: LearnedModel, job: Job, words: str, watch: Watch) -> Applied:
    folds = model.settings.folds
    stack_job = _stack_job(model, Photons(job.image), job, folds)
    found = _predict_stack(model, stack_job, watch.part(0, 0.7))
    # Of another sample than the model's, whole regions may be kept as they were counted: their
    # errors are those of the result, too.
    held_out = replace(stack.held_out_of(stack_job.partition, found.guesses), spots=None)
    score = cross_score(held_out, watch.part(0.7, 1), windows=job.found.windows, with_products=True)
    spots = found.counts.own_spectra
    uncertainty = _uncertainty(score, found.scatter, spots, job)
    return Applied(in_repeats(found.counts, job.image), score, words, uncertainty)


def _score_pca(
    model: LearnedModel, job: Job, words: str, watch: Watch
) -> tuple[DoseGainEstimate, str, Uncertainty | None]:
    source, folds, seed = Photons(job.image), model.settings.folds, model.settings.seed
    factors = dict(model.members[0])
    predictions = [wherever(partial(pca.predict_pca, factors))] * folds
    held_out = HeldOut.of(source, seed, predictions)
    windows = job.found.windows
    score = cross_score(held_out, watch.part(0, 0.8), windows=windows, with_products=True)
    partition = PhotonPartition.of(source, seed, FOLD_STREAM)
    scatter = pca.pca_scatter(factors, partition, folds, watch.part(0.8, 1))
    spots = np.zeros(source.shape[:2], bool)
    return score, words, _uncertainty(score, scatter, spots, job)


def _uncertainty(
    score: DoseGainEstimate, scatter: Scatter | None, spots: NDArray[np.bool_], job: Job
) -> Uncertainty | None:
    """Return the uncertainty of a result, given the score of predictions without each fold."""
    if score.products is None or scatter is None:
        return None
    return uncertainty_of(score.products.of_all(score.share), scatter, spots, job.found)


def _stack_job(model: LearnedModel, source: Source, job: Job, folds: int = 0) -> StackJob:
    assert isinstance(model.settings, StackSettings)
    scale = float(model.facts["line_width"])
    return StackJob(source, model.settings, folds, job.found, model.energy, scale, job.device)


def _predict_stack(model: LearnedModel, job: StackJob, watch: Watch) -> stack.Prediction:
    return stack.predict_stack(job, model.members, float(model.facts["exposure"]), watch)


def _predict_band(model: LearnedModel, image: SpectrumImage, device: torch.device) -> PredictBand:
    """Return the function that turns bands of an image into the counts of the result.

    Raises
    ------
    ValueError
        If the model's tensors do not fit together.
    """
    settings = model.settings
    repeats = image.n_repeats
    if isinstance(settings, TutorialSettings):
        one = tutorial.predictor(model.members[0], model.facts, settings, device)
        scale = np.float32(1 if image.combination == "mean" else repeats)
        return lambda band, first_row: one(band, first_row) * scale
    scale = np.float32(1 / repeats if image.combination == "mean" else 1)
    if isinstance(settings, PcaSettings):
        factors = dict(model.members[0])
        return lambda band, _: pca.predict_pca(factors, _total(band)) * scale
    if model.facts["raw"]:
        return lambda band, _: _total(band).astype(np.float32) * scale
    predict = _predictor(model, Photons(image, float(model.facts["unit"])), device)
    return lambda band, _: predict(_total(band)) * scale


def _predictor(model: LearnedModel, source: Source, device: torch.device) -> spectrum.Predictor:
    """Return the predictor of a model for these counts."""
    from .deconvolution import Candidates

    networks = [spectrum.load_network(weights, device) for weights in model.members]
    candidates = Candidates(model.energy, float(model.facts["line_width"]), device)
    return spectrum.Predictor.of(networks, candidates, source, model.settings.seed)


def check_members(model: LearnedModel) -> None:
    """Refuse a model whose tensors do not fit its settings or its energy axis.

    Raises
    ------
    ValueError, KeyError
    """
    import torch

    if not model.members:
        raise ValueError("no tensors")
    size = model.energy.size
    if isinstance(model.settings, PcaSettings):
        analysis, synthesis = model.members[0]["analysis"], model.members[0]["synthesis"]
        if analysis.shape[0] != size or synthesis.shape != analysis.shape[::-1]:
            raise ValueError(
                f"factors of shape {analysis.shape} and {synthesis.shape} for {size} channels"
            )
        return
    if isinstance(model.settings, StackSettings):
        for member in model.members:
            subspace, _ = load_member(member, torch.device("cpu"))
            if len(subspace.analysis) != size:
                raise ValueError(f"spectra of {len(subspace.analysis)} for {size} channels")
        facts = [float(model.facts[key]) for key in ("exposure", "line_width", "unit")]
        if not (facts[0] <= 1 and min(facts) > 0):
            raise ValueError("exposure must be above 0 and up to 1, line_width and unit above 0")
        return
    empty = SpectrumImage(np.ones((1, 1, 1, size), dtype=np.uint8), model.energy)
    _predict_band(model, empty, torch.device("cpu"))


def _total(band: Counts) -> Counts:
    return band[0] if band.shape[0] == 1 else add_repeats(band)
