"""The form "Counts to photons": whole photons from counts that are multiples of a unit."""

from functools import partial
from typing import Any

from magicgui import magic_factory

from napari_xrf_denoise.core.errors import DataError, SettingsError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising.diagnostics.statistics import count_statistics
from napari_xrf_denoise.denoising.diagnostics.values import common_step
from napari_xrf_denoise.plugin.common.magic_forms import parse_number
from napari_xrf_denoise.processing.photon_units import to_photon_counts

from .form import LAYER, Step, in_bands, preparing

AUTO = "auto"


def _plan(image: SpectrumImage, form: Any) -> str:
    unit = _unit(form.unit.value)
    divisor = "the unit that all are multiples of" if unit is None else f"{unit:g}"
    return f"Divides the counts by {divisor}, which leaves whole photons."


def _unit(text: str) -> float | None:
    unit = parse_number(text, AUTO)
    if isinstance(unit, str) or (unit is not None and not 0 < unit < float("inf")):
        raise SettingsError(
            f"Counts per photon: expected a number above 0 such as 0.5, or auto, found {unit}"
        )
    return unit


def _in_photons(image: SpectrumImage, unit: float | None) -> SpectrumImage:
    return to_photon_counts(in_bands(image), _found_unit(image) if unit is None else unit)


def _found_unit(image: SpectrumImage) -> float:
    found = count_statistics(image)
    if found.whole:
        unit: float | None = 1 if found.odd is None else found.odd.divisor
        if unit == 1:
            raise DataError(f"“{image.name}” has no common unit above 1: nothing to convert.")
    else:
        unit = common_step(found.fractions)
    if unit is None:
        raise DataError(
            f"“{image.name}”: no unit found that all counts are multiples of; enter it, or open "
            "the raw counts."
        )
    return unit


@magic_factory(
    widget_init=preparing(plan=_plan, suffix="photons", tip="Divide the counts by the unit"),
    call_button="Convert",
    layer=LAYER,
    unit={
        "label": "Counts per photon",
        "tooltip": "Enter how many counts one photon makes; auto: found from the data",
    },
)
def photon_counts_form(layer: Any, unit: str = AUTO) -> Step:
    """Divide counts by their unit so that they are whole photons, which are Poisson counts."""
    return Step(partial(_in_photons, unit=_unit(unit)))
