"""The form "Normalise": counts as they would be in a steady beam and without dead time."""

from functools import partial
from typing import Any

import numpy as np
from magicgui import magic_factory

from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.processing.normalization import normalization_factor

from .form import LAYER, Step, in_bands, preparing

NONE = "none"
POSITIONS = ("x", "y")
NOT_POISSON = (
    "counts were normalised, so they are not Poisson counts any more; denoise the raw counts and "
    "normalise the result"
)


def _plan(image: SpectrumImage, form: Any) -> str:
    names = [name for name in sorted(image.scalers) if name not in POSITIONS]
    if form.monitor.names != [NONE, *names]:
        form.monitor.names = [NONE, *names]
        form.monitor.reset_choices()
    if not names:
        raise DataError(f"“{image.name}” has no scalers, such as I0, to normalise by.")
    if any(entry.get("step") == "normalised" for entry in image.metadata.get("processing", ())):
        raise DataError(f"“{image.name}” is normalised already.")
    if form.monitor.value == NONE and not form.dead_time.value:
        raise DataError("Choose a beam monitor, correct the dead time, or both.")
    _factor(image, form.monitor.value, form.dead_time.value)
    words = "Scales the spectrum of each pixel. Normalised counts are not Poisson counts"
    is_raw = "denoising" not in image.metadata
    return f"{words}: denoise first, then normalise." if is_raw else f"{words}."


def _factor(image: SpectrumImage, monitor: str, dead_time: bool) -> Any:
    chosen = None if monitor == NONE else monitor
    return normalization_factor(image, monitor=chosen, dead_time=dead_time)


def _normalised(image: SpectrumImage, monitor: str, dead_time: bool) -> SpectrumImage:
    factor = _factor(image, monitor, dead_time)
    # Pixels where the scaler says nothing count as not measured.
    known = np.nan_to_num(factor, nan=0.0).astype(np.float32)
    counts = in_bands(image).counts.astype(np.float32) * known[..., None]
    record = {"monitor": monitor, "dead_time": dead_time, "unmeasured": int(np.isnan(factor).sum())}
    warnings = [*image.metadata.get("warnings", ()), NOT_POISSON]
    return image.replace(counts=counts).with_metadata(normalization=record, warnings=warnings)


def _set_up(form: Any) -> None:
    form.monitor.names = [NONE]
    preparing(plan=_plan, suffix="normalised", tip="Multiply each pixel by its factor")(form)


@magic_factory(
    widget_init=_set_up,
    call_button="Normalise",
    layer=LAYER,
    monitor={
        "choices": lambda box: getattr(box, "names", [NONE]),
        "label": "Beam monitor",
        "tooltip": "Choose the scaler that follows the beam, such as I0; its mean keeps its counts",
    },
    dead_time={
        "label": "Correct dead time",
        "tooltip": "Correct for photons lost while the detector was busy",
    },
)
def normalise_form(layer: Any, monitor: str = NONE, dead_time: bool = False) -> Step:
    """Scale counts to a steady beam and to no dead time."""
    return Step(partial(_normalised, monitor=monitor, dead_time=dead_time))
