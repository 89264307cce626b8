"""The form "Align repeats": one energy scale for all repeats of a layer."""

from functools import partial
from typing import Any

from magicgui import magic_factory

from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.processing.alignment import align_repeats

from .form import LAYER, Step, preparing


def _plan(image: SpectrumImage, form: Any) -> str:
    if image.n_repeats < 2:
        raise DataError(f"“{image.name}” has one repeat: there is nothing to align.")
    scales = "the calibration of each" if image.repeat_energies else "scales fitted to the spectra"
    return f"Aligns {image.n_repeats} repeats, using {scales}. Counts remain Poisson counts."


@magic_factory(
    widget_init=preparing(
        plan=_plan, suffix="aligned", tip="Move whole photons to a common energy scale"
    ),
    call_button="Align",
    layer=LAYER,
    seed={
        "label": "Seed",
        "min": 0,
        "max": 2**63 - 1,
        "step": 1,
        "tooltip": "Set the seed of the random numbers; the same seed gives the same result",
    },
)
def align_repeats_form(layer: Any, seed: int = 0) -> Step:
    """Bring the repeats of a layer onto one energy scale."""
    return Step(partial(align_repeats, seed=seed))
