"""What each method does to fit a model and to predict with one, behind the same two functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.errors import DataError
from napari_xrf_denoise.spectrum_image import SpectrumImage

from . import pca, spectrum, tutorial
from .pairs import Counts, Photons, Repeats, Source, add_repeats
from .progress import Watch
from .quality import Score, cross_score
from .settings import Pairs, PcaSettings, Settings, SpectrumSettings, TutorialSettings
from .survey import Survey

if TYPE_CHECKING:
    import torch

    from .model import Model

SCORED_PIXELS = 2048
"""About so many spectra score a network that looks at each by itself; more tell little more."""
FOLD_STREAM = 0
"""Stream of the random numbers that hold counts out for the score."""

PredictBand = Callable[[Counts, int], NDArray[np.float32]]
"""Turns a band (repeat, rows, x, energy) and its first row into the result's counts."""


@dataclass(frozen=True)
class Fitted:
    """What a method learned from an image.

    Parameters
    ----------
    members : tuple of mapping
        Tensors of each network, or factors.
    facts, choices : mapping
        What prediction needs besides; what was decided from the data.
    losses : mapping
        Training losses by name.
    score : Score or None
        By held-out counts, where the method can be scored so.
    measured_by : str
        How the score was measured, in words.
    """

    members: tuple[Mapping[str, NDArray[np.float32]], ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, Any] = field(default_factory=dict)
    losses: Mapping[str, list[float]] = field(default_factory=dict)
    score: Score | None = None
    measured_by: str = "no counts were held out"


def fit(
    image: SpectrumImage,
    pairs: Pairs,
    settings: Settings,
    found: Survey,
    device: torch.device,
    watch: Watch,
) -> Fitted:
    """Fit the method that the settings belong to.

    Parameters
    ----------
    image : SpectrumImage
    pairs : {"repeats", "thinning"}
    settings : Settings
    found : Survey
        Of the image.
    device : torch.device
    watch : Watch

    Returns
    -------
    Fitted

    Raises
    ------
    DataError
        If the method cannot work on the image.
    """
    if isinstance(settings, TutorialSettings):
        weights, facts, losses = tutorial.train(image, settings, device, watch)
        return Fitted(
            (weights,), facts, losses=losses, measured_by="no repeats were left to score it"
        )
    source = Photons(image) if pairs == "thinning" else Repeats(image, found.totals)
    if isinstance(settings, PcaSettings):
        return _fit_pca(source, settings, watch)
    assert isinstance(settings, SpectrumSettings)
    return _fit_spectrum(source, settings, device, watch)


def _fit_pca(source: Source, settings: PcaSettings, watch: Watch) -> Fitted:
    if source.shape[0] * source.shape[1] < 2:
        raise DataError(
            f"{source.image.name}: method 'pca' compares pixels and needs at least 2, found 1; "
            "use method='spectrum'"
        )
    folds = _possible_folds(source, settings.folds, 1)
    watches = watch.parts(folds + 3)
    rank = settings.rank or pca.find_rank(source, settings, watches[0])
    rank = min(rank, source.shape[2], source.shape[0] * source.shape[1])
    factors = pca.fit_pca(source, settings, rank, watches[1])
    score = None
    if folds:
        fits = [
            pca.fit_pca(
                source.without(part, folds, settings.seed, FOLD_STREAM),
                settings,
                rank,
                watches[2 + part],
            )
            for part in range(folds)
        ]
        score = cross_score(
            source,
            [partial(pca.predict_pca, f) for f in fits],
            settings.seed,
            FOLD_STREAM,
            watches[-1],
        )
    return Fitted(
        (factors,), choices={"rank": rank}, score=score, measured_by=_measured_by(source, folds)
    )


def _fit_spectrum(
    source: Source, settings: SpectrumSettings, device: torch.device, watch: Watch
) -> Fitted:
    from .resolution import Candidates

    folds = _possible_folds(source, settings.folds, 2)
    trained = spectrum.train_members(
        source, settings, folds, FOLD_STREAM, device, watch.part(0, 0.5)
    )
    score = None
    if folds:
        candidates = Candidates(source.image.energy, trained.line_width, device)
        predictions = [
            partial(
                spectrum.predict_spectra,
                [spectrum.load_network(weights, device)],
                candidates,
                device=device,
            )
            for weights in trained.members
        ]
        every = max(1, source.shape[0] * source.shape[1] // SCORED_PIXELS)
        score = cross_score(
            source, predictions, settings.seed, FOLD_STREAM, watch.part(0.5, 1), every=every
        )
    return Fitted(
        trained.members,
        facts={"line_width": trained.line_width},
        choices={"line_width": trained.line_width},
        losses=trained.losses,
        score=score,
        measured_by=_measured_by(source, folds),
    )


def _possible_folds(source: Source, folds: int, needed: int) -> int:
    """Return into how many parts the counts can go when each rest must hold `needed` repeats."""
    if isinstance(source, Photons):
        return folds
    repeats = source.image.n_repeats
    possible = min(folds, repeats)
    largest = -(-repeats // possible) if possible > 1 else repeats
    return possible if possible > 1 and repeats - largest >= needed else 0


def _measured_by(source: Source, folds: int) -> str:
    if not folds:
        return "no counts could be held out"
    kind = "photons" if isinstance(source, Photons) else "repeats"
    return f"{folds} parts of the {kind}, each judging a result made without it"


def predict_band(model: Model, image: SpectrumImage, device: torch.device) -> PredictBand:
    """Return what turns bands of an image into the counts of the result.

    Scans give expected counts of one repeat, parts of one measurement those of all together.

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
    from .resolution import Candidates

    networks = [spectrum.load_network(weights, device) for weights in model.members]
    candidates = Candidates(model.energy, float(model.facts["line_width"]), device)
    return lambda band, _: (
        spectrum.predict_spectra(networks, candidates, _total(band), device) * scale
    )


def check_members(model: Model) -> None:
    """Refuse a model whose tensors do not fit its settings or its energy axis.

    Raises
    ------
    ValueError, KeyError
    """
    import torch

    size = model.energy.size
    if isinstance(model.settings, PcaSettings):
        analysis, synthesis = model.members[0]["analysis"], model.members[0]["synthesis"]
        if analysis.shape[0] != size or synthesis.shape != analysis.shape[::-1]:
            raise ValueError(
                f"factors of shape {analysis.shape} and {synthesis.shape} for {size} channels"
            )
        return
    empty = SpectrumImage(np.ones((1, 1, 1, size), dtype=np.uint8), model.energy)
    predict_band(model, empty, torch.device("cpu"))


def _total(band: Counts) -> Counts:
    return band[0] if band.shape[0] == 1 else add_repeats(band)
