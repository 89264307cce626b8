"""The two functions that a user calls: `denoise` learns, `apply` uses a trained model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_xrf_denoise.core.cores import blas_on_one_core
from napari_xrf_denoise.core.errors import DataError, SettingsError
from napari_xrf_denoise.core.progress import OnProgress, ShouldStop, Watch
from napari_xrf_denoise.core.repeats import stack_repeats
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.core.uncertainties.uncertainty import Uncertainty
from napari_xrf_denoise.core.version import __version__
from napari_xrf_denoise.layers.inputs import Counts, Input, as_input

from .cluster import cluster_of
from .device import find_device
from .diagnostics import find_faults
from .diagnostics.statistics import CountStatistics, count_statistics
from .methods import dispatch as methods
from .methods.prediction import Applied, apply_model, counts_of, predict
from .model import Model
from .pairs import choose_pairs
from .plan import RunPlan, plan_of, plan_run
from .quality.dose_gain import DoseGainEstimate, score_by_reference
from .quality.report import QualityReport, make_report
from .result import Denoised
from .settings import (
    Method,
    Pairs,
    Preset,
    Settings,
    SpectrumSettings,
    StackSettings,
    TutorialSettings,
)

if TYPE_CHECKING:
    from distributed import Client

RECORDED_LOSSES = 1000
"""Most values of each loss that a result's record keeps; the report itself has them all."""
Score = tuple[DoseGainEstimate | None, str]
"""A score, and how it was measured."""


@blas_on_one_core()
def denoise(
    data: Any,
    *,
    energy_axis: int = -1,
    repeat_axis: int | None = None,
    method: Method = "auto",
    preset: Preset = "balanced",
    pairs: Pairs = "auto",
    seed: int = 0,
    settings: Settings | None = None,
    device: str = "auto",
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
    reference: Any = None,
    client: Client | str | None = None,
    **changes: Any,
) -> Denoised:
    """Learn from noisy counts what they would look like in a longer measurement.

    Parameters
    ----------
    data : SpectrumImage, array_like, napari layer, or list of SpectrumImage or layers
        Counts. The entries of a list are repeats of the same thing.
    energy_axis, repeat_axis : int, optional
        Axes of a plain array: energies, and repeats where there are some.
    method : {"auto", "spectrum", "stack", "pca"}
        ``"spectrum"`` denoises each spectrum alone; ``"stack"`` finds the components that the
        spectra of a map share, and denoises their images; ``"pca"`` finds the components only.
        ``"auto"`` takes ``"stack"`` for maps, and ``"pca"`` if held-out counts score it better.
    preset : {"fast", "balanced", "best", "tutorial"}
        How much time to spend; ``"tutorial"`` is the published job for spectra.
    pairs : {"auto", "repeats", "thinning"}
        Source of independent noisy versions.
    seed : int
        Of every random draw.
    settings : Settings, optional
        Complete settings, as `plan_run` returns them, in place of `preset`, `pairs`, `seed` and
        single settings. With `method` ``"auto"`` the fallback to ``"pca"`` remains.
    device : str
        ``"auto"``, or a torch device: ``"cpu"``, ``"cuda"``, ``"mps"``.
    on_progress : callable, optional
        Called with a `Progress`.
    should_stop : callable, optional
        Returns True to stop the run.
    reference : SpectrumImage, array_like or napari layer, optional
        Further repeats that are kept from the run and only score it.
    client : distributed.Client or str, optional
        Of a dask.distributed cluster whose workers do the work, or the address of its scheduler,
        ``"tcp://host:8786"``. The result is the same as without.
    **changes
        Single settings of the method; see `napari_xrf_denoise.denoising.settings`.

    Returns
    -------
    Denoised

    Raises
    ------
    SettingsError
        If a setting is unknown or cannot work with this data; before any work starts.
    DataError
        If the counts cannot be used.
    Cancelled
        If `should_stop` returned True. Nothing is left behind.

    Examples
    --------
    >>> import napari_xrf_denoise as xrf
    >>> image, truth = xrf.simulate_map(shape=(16, 16), n_channels=256, seed=1)
    >>> result = xrf.denoise(image, method="pca", seed=0)
    >>> result.counts.shape
    (16, 16, 256)
    >>> result.report.dose_gain > 1
    True
    """
    watch = Watch(on_progress, should_stop)
    given = as_input(data, energy_axis, repeat_axis)
    image = given.image
    request = {"method": method, "preset": preset, "pairs": pairs, "seed": seed, **changes}
    plan = _plan(image, request, settings)
    complete, where = plan.settings, find_device(device)
    with cluster_of(client, image, watch):
        found = look(image, watch.part(0, 0.05))
        unseen = None if reference is None else _check_reference(reference, image, found)
        job = methods.Job(image, found, where, choose_pairs(image, complete.pairs, found))
        fitted = methods.fit_best(job, complete, watch.part(0.05, 0.95), insist=method != "auto")
    model = Model(fitted.settings, image.energy, fitted.members, {**fitted.facts, **_facts(job)})
    counts = counts_of(fitted, model, job, watch.part(0.95, 1))
    score = _score(fitted, counts, job, unseen)
    report = _report(
        job,
        counts,
        score,
        warnings=[*given.warnings, *_warnings(job, model), *_about(fitted, job, unseen)],
        choices=_choices(plan, fitted, job),
        losses=fitted.losses,
    )
    watch.step("done", 1)
    return _denoised(given, counts, report, model, _uncertainty(fitted, job))


@blas_on_one_core()
def apply(
    model: Model,
    data: Any,
    *,
    energy_axis: int = -1,
    repeat_axis: int | None = None,
    device: str = "auto",
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
    client: Client | str | None = None,
) -> Denoised:
    """Denoise other data with a model that was trained before.

    Parameters
    ----------
    model : Model
    data : SpectrumImage, array_like or napari layer
        Counts on the model's energy axis; a plain array is taken to be on it.
    energy_axis, repeat_axis, device, on_progress, should_stop, client
        As in `denoise`.

    Returns
    -------
    Denoised
        Its report scores the model on the new data by held-out photons.

    Raises
    ------
    DataError
        If the energy axis is another one.
    Cancelled
        If `should_stop` returned True.

    Examples
    --------
    >>> import napari_xrf_denoise as xrf
    >>> first, _ = xrf.simulate_map(shape=(16, 16), n_channels=256, seed=1)
    >>> second, _ = xrf.simulate_map(shape=(16, 16), n_channels=256, seed=2)
    >>> model = xrf.denoise(first, method="pca").model
    >>> xrf.apply(model, second).counts.shape
    (16, 16, 256)
    """
    watch = Watch(on_progress, should_stop)
    given = as_input(data, energy_axis, repeat_axis).on(model.energy)
    model.check_energy(given.image.energy, given.image.name)
    where = find_device(device)
    with cluster_of(client, given.image, watch):
        job = methods.Job(given.image, look(given.image, watch.part(0, 0.1)), where)
        applied = _apply(model, job, watch.part(0.1, 1))
    report = _report(
        job,
        applied.counts,
        (applied.score, applied.measured_by),
        warnings=[*_warnings(job, model), *_other_level(model, job)],
        choices={"method": model.settings.method, "why": "a model that was trained before"},
    )
    watch.step("done", 1)
    return _denoised(given, applied.counts, report, model, _uncertainty(applied, job))


def _plan(image: SpectrumImage, request: Mapping[str, Any], settings: Settings | None) -> RunPlan:
    """Return the plan of a run that was asked for by single settings or by complete ones."""
    if settings is None:
        return plan_run(image, **request)
    usual = {"method": request["method"], "preset": "balanced", "pairs": "auto", "seed": 0}
    beside = [name for name, value in request.items() if name not in usual or usual[name] != value]
    if beside:
        raise SettingsError(
            f"settings: complete settings leave no others to choose, found {', '.join(beside)}; "
            "leave these out, or change the settings with dataclasses.replace"
        )
    return plan_of(settings, request["method"], image)


def look(image: SpectrumImage, watch: Watch) -> CountStatistics:
    """Return the statistics of the counts, of which there must be some."""
    found = count_statistics(image, watch)
    if found.total == 0:
        raise DataError(f"{image.name}: all counts are zero; nothing can be learned from it")
    return found


def _check_reference(
    reference: Any, image: SpectrumImage, found: CountStatistics
) -> tuple[SpectrumImage, bool]:
    """Return the reference, and whether it and the image are Poisson counts."""
    other = as_input(reference).on(image.energy).image
    # Joined with the image it must be one measurement, and hold no copy of its repeats.
    joined = count_statistics(stack_repeats([image, other]))
    poisson = found.is_poisson and joined.is_poisson
    if not poisson and min(image.n_repeats, other.n_repeats) < 2:
        raise DataError(
            f"reference {other.name}: counts that are not Poisson need at least 2 repeats in the "
            f"image and in the reference, found {image.n_repeats} and {other.n_repeats}"
        )
    return other, poisson


def _facts(job: methods.Job) -> dict[str, Any]:
    """Return the facts about the data that every model keeps."""
    return {
        "counts_per_pixel": _counts_per_pixel(job),
        "fingerprint": _fingerprint(job.found),
        "repeats": job.image.n_repeats,
    }


def _counts_per_pixel(job: methods.Job) -> float:
    return job.found.total / (job.image.shape[1] * job.image.shape[2])


def _fingerprint(found: CountStatistics) -> str:
    """Return a digest that is the same for the same counts only."""
    return hashlib.sha256(found.spectrum.tobytes()).hexdigest()[:16]


def _warnings(job: methods.Job, model: Model) -> list[str]:
    """Return the problems of the counts, and of a model's method on them, in words."""
    warnings = [
        *map(str, job.image.metadata.get("warnings", ())),
        *find_faults(job.found, job.image),
    ]
    if model.facts.get("raw"):
        warnings.append(
            "held-out counts put the smoothed spectra further from the truth than the raw counts, "
            "so that the result is the raw counts; measure longer, or take a map of more pixels "
            "and method='stack'"
        )
    return warnings


def _about(
    fitted: methods.Fitted, job: methods.Job, unseen: tuple[SpectrumImage, bool] | None
) -> list[str]:
    """Return in words what would be better than this result, or would tell more of it."""
    warnings = []
    learns = isinstance(fitted.settings, StackSettings | SpectrumSettings)
    if learns and job.pairs == "repeats" and job.found.is_poisson:
        warnings.append(
            f"the repeats are Poisson counts (variance over mean {job.found.fano.factor:.2f}): "
            "splitting their photons gives more pairs to learn from than whole repeats, and a "
            "better result; choose pairs='thinning' or 'auto' (--pairs thinning)"
        )
    if learns and fitted.settings.folds and fitted.score is None and unseen is None:
        warnings.append(
            f"the dose gain is not known: of {job.image.n_repeats} repeats, none can be left out "
            "to judge a result, which takes two to learn from; give at least 4, keep some as "
            "reference, or choose pairs='thinning' (--pairs thinning) if they are Poisson counts"
        )
    if fitted.is_behind_pca:
        warnings.append(
            "held-out counts score the components alone (method='pca') better than this result: "
            f"{fitted.lead_of_pca}"
        )
    return warnings


def _other_level(model: Model, job: methods.Job) -> list[str]:
    """Return a warning where a model learned from spectra of far more or fewer counts."""
    level = _counts_per_pixel(job) / float(model.facts["counts_per_pixel"])
    if 0.25 <= level <= 4:
        return []
    return [
        f"these spectra have {level:.2g} times the counts of those that the model learned from; "
        "train on this data for a better result"
    ]


def _choices(plan: RunPlan, fitted: methods.Fitted, job: methods.Job) -> dict[str, Any]:
    """Return all that was decided for a run."""
    why = plan.why
    if fitted.settings is not plan.settings:
        why = f"held-out counts score it better than {plan.method!r}: {fitted.lead_of_pca}"
    choices = {
        "method": fitted.settings.method,
        "why": why,
        "pairs": job.pairs,
        "preset": plan.request["preset"],
        **fitted.choices,
    }
    if np.isfinite(job.found.fano.factor):
        choices["fano_factor"] = job.found.fano.factor
    return choices


def _score(
    fitted: methods.Fitted,
    counts: Counts,
    job: methods.Job,
    unseen: tuple[SpectrumImage, bool] | None,
) -> Score:
    """Return the score of a run by held-out counts, or by repeats that it never saw."""
    score = fitted.score, fitted.measured_by
    if job.pairs == "thinning" and not job.found.is_poisson:
        score = None, "counts are not Poisson, so that none could be held out"
    if unseen is None:
        return score
    (reference, poisson), image = unseen, job.image
    one = counts if image.combination == "mean" else counts / np.float32(image.n_repeats)
    found = score_by_reference(one, image, reference, poisson=poisson, windows=job.found.windows)
    number = reference.n_repeats
    measured_by = f"{number} {'repeats' if number > 1 else 'repeat'} that the result never saw"
    return replace(found, residuals=score[0].residuals if score[0] else None), measured_by


def _apply(model: Model, job: methods.Job, watch: Watch) -> Applied:
    """Return what a model makes of counts, scored where it can be."""
    unscored = _unscored(model, job)
    if unscored:
        return Applied(predict(model, job, watch), None, unscored)
    return apply_model(model, job, watch)


def _unscored(model: Model, job: methods.Job) -> str:
    """Return why no held-out photons can score a model on these counts, empty where they can."""
    if _fingerprint(job.found) == model.facts["fingerprint"]:
        return "these are the model's own data; see the model's report"
    if isinstance(model.settings, TutorialSettings):
        return "the tutorial's model is scored by unseen repeats only"
    if not job.found.is_poisson or model.settings.folds < 2:
        return "no counts could be held out"
    return ""


def _report(
    job: methods.Job,
    counts: Counts,
    score: Score,
    *,
    warnings: list[str],
    choices: Mapping[str, Any],
    losses: Mapping[str, list[float]] | None = None,
) -> QualityReport:
    raw = job.found.total / (job.image.n_repeats if job.image.combination == "mean" else 1)
    ratio = float(counts.sum(dtype=np.float64)) / raw
    found = score[0]
    if found is not None and found.residuals is not None:
        repeats = job.image.n_repeats if job.image.combination == "mean" else 1
        found = replace(found, residuals=found.residuals.in_result(counts, repeats))
    return make_report(found, ratio, score[1], warnings, losses or {}, choices)


def _uncertainty(result: methods.Fitted | Applied, job: methods.Job) -> Uncertainty | None:
    """Return the uncertainty of the result, in its own counts.

    None where counts were split as photons that they are not.
    """
    if result.uncertainty is None or (job.pairs == "thinning" and not job.found.is_poisson):
        return None
    repeats = job.image.n_repeats if job.image.combination == "mean" else 1
    return replace(result.uncertainty, scale=1 / repeats)


def _denoised(
    given: Input,
    counts: Counts,
    report: QualityReport,
    model: Model,
    uncertainty: Uncertainty | None = None,
) -> Denoised:
    image = given.image
    record = {
        "source": image.name,
        "version": __version__,
        "settings": model.settings.as_dict(),
        "report": report.as_dict(longest=RECORDED_LOSSES),
        "repeats": image.n_repeats,
        "combination": image.combination,
    }
    result = image.with_one_repeat(
        counts[None],
        repeat_kind="scan",
        name=f"{image.name} denoised",
        metadata={**image.metadata, "denoising": record},
        uncertainty=uncertainty,
    )
    return Denoised(given.restore(result.counts[0]), result, report, model)
