"""The two functions that a user calls: `denoise` learns, `apply` uses what was learned."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.progress import OnProgress, ShouldStop, Watch
from napari_xrf_denoise.core.repeats import stack_repeats
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.core.version import __version__
from napari_xrf_denoise.layers.convert import (
    as_image,
    is_image_list,
    is_layer,
    is_plain_array,
)
from napari_xrf_denoise.spectroscopy.line_windows import find_windows

from .device import find_device
from .diagnostics import find_faults
from .diagnostics.statistics import CountStatistics, count_statistics
from .methods import dispatch as methods
from .model import Model
from .pairs import check_pairs, choose_pairs
from .quality.dose_gain import DoseGainEstimate, score_by_reference
from .quality.report import QualityReport, make_report
from .result import Denoised
from .settings import (
    METHODS,
    Method,
    Pairs,
    Preset,
    TutorialSettings,
    check_setting,
    resolve_settings,
)

if TYPE_CHECKING:
    import torch

Counts = NDArray[np.float32] | FactoredCounts
"""Of a result, shape (y, x, energy)."""
FEW_CHANNELS = 64
"""No spectrometer has fewer; where another axis is longer, that one may be meant."""
FEW_PIXELS = 64
"""Fewer pixels than this have too little in common for a component analysis."""
WORSE = "worse_than_pca"
"""Choice that tells whether held-out counts prefer the components alone to a network."""
RECORDED_LOSSES = 1000
"""Most values of each loss that a result's record keeps; the report itself has them all."""


def denoise(
    data: Any,
    *,
    energy_axis: int = -1,
    repeat_axis: int | None = None,
    method: Method = "auto",
    preset: Preset = "balanced",
    pairs: Pairs = "auto",
    seed: int = 0,
    device: str = "auto",
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
    reference: Any = None,
    **settings: Any,
) -> Denoised:
    """Learn from noisy counts what they would look like in a longer measurement.

    Parameters
    ----------
    data : SpectrumImage, array_like, napari layer, or list of SpectrumImage or layers
        Counts. The entries of a list are repeats of the same thing.
    energy_axis, repeat_axis : int, optional
        Axes of a plain array: energies, and repeats where there are some.
    method : {"auto", "spectrum", "stack", "pca"}
        ``"spectrum"`` denoises each spectrum by itself; ``"stack"`` finds the components that the
        spectra of a map share, and denoises their pictures; ``"pca"`` finds the components only.
        ``"auto"`` takes ``"stack"`` for maps, and ``"pca"`` where that is nearer to held-out
        counts.
    preset : {"fast", "balanced", "best", "tutorial"}
        How much time to spend; ``"tutorial"`` is the published job for spectra.
    pairs : {"auto", "repeats", "thinning"}
        Where independent noisy versions come from.
    seed : int
        Of every random draw.
    device : str
        ``"auto"``, or a torch device: ``"cpu"``, ``"cuda"``, ``"mps"``.
    on_progress : callable, optional
        Called with a `Progress`.
    should_stop : callable, optional
        Returns True when the run shall end.
    reference : SpectrumImage, array_like or napari layer, optional
        Further repeats that are kept from the run and only score it.
    **settings
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
    image = as_image(data, energy_axis, repeat_axis)
    check_setting(method in METHODS, "method", f"one of {', '.join(METHODS)}", method)
    chosen, why = choose_method(image, method, preset)
    run = resolve_settings(chosen, preset, {"seed": seed, "pairs": pairs, **settings})
    where = find_device(device)
    check_pairs(image, run.pairs)
    found = _count_statistics(image, watch.part(0, 0.05))
    if reference is not None:
        reference, poisson = _check_reference(reference, image, found)
    kind = choose_pairs(image, run.pairs, found)
    fitted = methods.fit(image, kind, run, found, where, watch.part(0.05, 0.9))
    if method == "auto" and fitted.choices.get(WORSE):
        why = f"by held-out counts it is nearer to the truth than {chosen!r}"
        chosen = "pca"
        run = resolve_settings(chosen, preset, {"seed": seed, "pairs": pairs, "folds": run.folds})
        fitted = methods.fit(image, kind, run, found, where, watch.part(0.9, 0.95))
    facts = {
        **fitted.facts,
        "counts_per_pixel": found.total / (image.shape[1] * image.shape[2]),
        "fingerprint": _fingerprint(found),
        "repeats": image.n_repeats,
    }
    model = Model(run, image.energy, fitted.members, facts)
    if fitted.counts is None:
        counts = methods.predict(model, image, found, where, watch.part(0.95, 1))
    else:
        counts = methods.in_repeats(fitted.counts, image)
    score, measured_by = fitted.score, fitted.measured_by
    if kind == "thinning" and not found.is_poisson:
        score, measured_by = None, "counts are not Poisson, so that none could be held out"
    if reference is not None:
        one = counts if image.combination == "mean" else counts / np.float32(image.n_repeats)
        windows = find_windows(found.spectrum, image.energy)
        residuals = None if score is None else score.residuals
        score = score_by_reference(one, image, reference, poisson=poisson, windows=windows)
        score = replace(score, residuals=residuals)
        number = reference.n_repeats
        measured_by = f"{number} {'repeats' if number > 1 else 'repeat'} that the result never saw"
    choices = {"method": chosen, "why": why, "pairs": kind, "preset": preset, **fitted.choices}
    if np.isfinite(found.fano.factor):
        choices["fano_factor"] = found.fano.factor
    warnings = [*_doubtful_axis(data, image, energy_axis, repeat_axis), *_warnings(image, found)]
    if choices.pop(WORSE, False):
        warnings.append(
            "by held-out counts the components alone (method='pca') are nearer to the truth than "
            "this result"
        )
    report = _report(image, counts, found, score, measured_by, warnings, fitted.losses, choices)
    watch.step("done", 1)
    return _denoised(data, image, counts, report, model, energy_axis, repeat_axis)


def apply(
    model: Model,
    data: Any,
    *,
    energy_axis: int = -1,
    repeat_axis: int | None = None,
    device: str = "auto",
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> Denoised:
    """Denoise other data with a model that was trained before.

    Parameters
    ----------
    model : Model
    data : SpectrumImage, array_like or napari layer
        Counts on the model's energy axis; a plain array is taken to be on it.
    energy_axis, repeat_axis, device, on_progress, should_stop
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
    """
    watch = Watch(on_progress, should_stop)
    image = as_image(data, energy_axis, repeat_axis)
    if is_plain_array(data) and image.shape[-1] == model.energy.size:
        image = image.replace(energy=model.energy)
    model.check_energy(image.energy, image.name)
    where = find_device(device)
    found = _count_statistics(image, watch.part(0, 0.1))
    warnings = _warnings(image, found)
    level = found.total / (image.shape[1] * image.shape[2]) / float(model.facts["counts_per_pixel"])
    if not 0.25 <= level <= 4:
        warnings.append(
            f"these spectra have {level:.2g} times the counts of those that the model learned "
            "from; train on this data for a better result"
        )
    counts = methods.predict(model, image, found, where, watch.part(0.1, 0.7))
    score, measured_by = _score_model(model, image, found, where, watch.part(0.7, 1))
    choices = {"method": model.settings.method, "why": "a model that was trained before"}
    report = _report(image, counts, found, score, measured_by, warnings, {}, choices)
    watch.step("done", 1)
    return _denoised(data, image, counts, report, model, energy_axis, repeat_axis)


def choose_method(image: SpectrumImage, method: str, preset: str) -> tuple[str, str]:
    """Return the method of a run, and why it is that one.

    Parameters
    ----------
    image : SpectrumImage
    method, preset : str
        As given to `denoise`.
    """
    if method != "auto":
        return method, "asked for"
    pixels = image.shape[1] * image.shape[2]
    if preset == "tutorial":
        return "spectrum", "the tutorial's job is one for spectra"
    if pixels == 1:
        return "spectrum", "there is one pixel"
    if pixels < FEW_PIXELS:
        return "spectrum", f"{pixels} pixels are too few to share components"
    return "stack", f"{pixels} pixels share their components and have neighbours"


def _count_statistics(image: SpectrumImage, watch: Watch) -> CountStatistics:
    found = count_statistics(image, watch)
    if found.total == 0:
        raise DataError(f"{image.name}: all counts are zero; nothing can be learned from it")
    return found


def _check_reference(
    reference: Any, image: SpectrumImage, found: CountStatistics
) -> tuple[SpectrumImage, bool]:
    """Return the reference, and whether it and the image are Poisson counts."""
    other = as_image(reference)
    if is_plain_array(reference) and other.shape[-1] == image.shape[-1]:
        other = other.replace(energy=image.energy)
    # Joined with the image it must be one measurement, and hold no copy of its repeats.
    joined = count_statistics(stack_repeats([image, other]))
    poisson = found.is_poisson and joined.is_poisson
    if not poisson and min(image.n_repeats, other.n_repeats) < 2:
        raise DataError(
            f"reference {other.name}: counts that are not Poisson need at least 2 repeats in the "
            f"image and in the reference, found {image.n_repeats} and {other.n_repeats}"
        )
    return other, poisson


def _warnings(image: SpectrumImage, found: CountStatistics) -> list[str]:
    """Return in words what is wrong with the counts."""
    return [*map(str, image.metadata.get("warnings", ())), *find_faults(found, image)]


def _doubtful_axis(
    data: Any, image: SpectrumImage, energy_axis: int, repeat_axis: int | None
) -> list[str]:
    """Return a warning where a plain array's energies seem to lie along another axis."""
    if not is_plain_array(data) or image.shape[-1] >= FEW_CHANNELS:
        return []
    shape = list(np.shape(data[0] if is_image_list(data) else data))
    if repeat_axis is not None:
        shape[repeat_axis] = 0
    longest = int(np.argmax(shape))
    if shape[longest] < FEW_CHANNELS:
        return []
    return [
        f"axis {energy_axis} ({image.shape[-1]} long) was taken for the energy although axis "
        f"{longest} is longer ({shape[longest]}); if that is the energy, give "
        f"energy_axis={longest}"
    ]


def _score_model(
    model: Model, image: SpectrumImage, found: CountStatistics, device: torch.device, watch: Watch
) -> tuple[DoseGainEstimate | None, str]:
    """Score a trained model by held-out photons of data that it was not made from."""
    folds = model.settings.folds
    if _fingerprint(found) == model.facts["fingerprint"]:
        return None, "these are the model's own data; see the model's report"
    if isinstance(model.settings, TutorialSettings):
        return None, "the tutorial's model is scored by unseen repeats only"
    if not found.is_poisson or folds < 2:
        return None, "no counts could be held out"
    return methods.score_model(model, image, found, device, watch)


def _report(
    image: SpectrumImage,
    counts: Counts,
    found: CountStatistics,
    score: DoseGainEstimate | None,
    measured_by: str,
    warnings: list[str],
    losses: Any,
    choices: dict[str, Any],
) -> QualityReport:
    raw = found.total / (image.n_repeats if image.combination == "mean" else 1)
    ratio = float(counts.sum(dtype=np.float64)) / raw
    return make_report(score, ratio, measured_by, warnings, losses, choices)


def _denoised(
    data: Any,
    image: SpectrumImage,
    counts: Counts,
    report: QualityReport,
    model: Model,
    energy_axis: int,
    repeat_axis: int | None,
) -> Denoised:
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
    )
    return Denoised(_as_given(result, data, energy_axis, repeat_axis), result, report, model)


def _as_given(
    result: SpectrumImage, data: Any, energy_axis: int, repeat_axis: int | None
) -> Counts:
    """Return the result with the input's axes without the repeat axis."""
    if is_image_list(data):
        data, repeat_axis = data[0], None
    counts: Counts = result.counts[0]
    if is_layer(data):
        shape = [size for name, size in zip(data.axis_labels, data.data.shape, strict=True)
                 if name not in ("repeat", "energy")]  # fmt: skip
        energy = [name for name in data.axis_labels if name != "repeat"].index("energy")
    elif is_plain_array(data):
        shape = list(np.shape(data))
        energy = energy_axis % len(shape)
        if repeat_axis is not None:
            repeat = repeat_axis % len(shape)
            del shape[repeat]
            energy -= energy > repeat
        del shape[energy]
    else:
        return counts
    return np.moveaxis(counts.reshape(*shape, counts.shape[-1]), -1, energy)


def _fingerprint(found: CountStatistics) -> str:
    """Return what tells whether two data sets are the same counts."""
    return hashlib.sha256(found.spectrum.tobytes()).hexdigest()[:16]
