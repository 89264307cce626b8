"""The form "Sum repeats": one repeat that holds the counts of all."""

from typing import Any

from magicgui import magic_factory

from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage

from .form import LAYER, Step, preparing


def _plan(image: SpectrumImage, form: Any) -> str:
    if image.n_repeats < 2:
        raise DataError(f"“{image.name}” has one repeat: there is nothing to sum.")
    words = f"Adds up {image.n_repeats} repeats. Sums of Poisson counts are Poisson counts."
    axes = image.repeat_energies or ()
    if all(axis.is_close(image.energy) for axis in axes):
        return words
    return f"{words} Their energy scales differ: run Align repeats first, or lines become wider."


def _summed(image: SpectrumImage) -> SpectrumImage:
    # Of scans the library takes the mean, which is not Poisson; here they add up as frames do.
    kind = "frame" if image.repeat_kind == "scan" else image.repeat_kind
    return image.replace(repeat_kind=kind).combine_repeats().replace(repeat_kind=image.repeat_kind)


@magic_factory(
    widget_init=preparing(plan=_plan, suffix="summed", tip="Add up the counts of all repeats"),
    call_button="Sum",
    layer=LAYER,
)
def sum_repeats_form(layer: Any) -> Step:
    """Add up the repeats of a layer."""
    return Step(_summed)
