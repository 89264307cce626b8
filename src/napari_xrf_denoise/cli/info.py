"""What a spectrum image holds, in lines of words for a user."""

from __future__ import annotations

import numpy as np

from napari_xrf_denoise.core.energy_axis import NO_CALIBRATION, EnergyAxis
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising import plan_run
from napari_xrf_denoise.denoising.diagnostics import find_faults
from napari_xrf_denoise.denoising.diagnostics.statistics import count_statistics

_NO_ENERGY = 1e-6
"""In channels."""


def describe_image(image: SpectrumImage) -> list[str]:
    """Return lines that say what the counts are.

    Parameters
    ----------
    image : SpectrumImage

    Returns
    -------
    list of str
        Axes, calibration, pixel size, repeats, counts, whether they are Poisson, and what is
        wrong with them.
    """
    repeats, height, width, size = image.shape
    axis = image.energy
    found = count_statistics(image)
    assert found.marginal_sums is not None
    totals = found.marginal_sums.pixels.sum(axis=0, dtype=np.float64) / repeats
    lines = [
        f"axes: {repeats} repeat(s) of kind {image.repeat_kind}, {height} x {width} pixels (y, x), "
        f"{size} channels; {image.counts.dtype}",
        _energies(axis),
        f"pixel size: {image.pixel_size[0]:g} x {image.pixel_size[1]:g} {image.pixel_unit} (y, x)",
        f"counts a pixel and repeat: {totals.mean():.4g} on average, {totals.min():.4g} to "
        f"{totals.max():.4g}",
    ]
    if image.scalers:
        lines.append(f"beside the counts: {', '.join(image.scalers)}")
    if image.repeat_energies is not None:
        own = "; ".join(
            f"{one.offset:.4g} + {one.gain:.6g} x channel" for one in image.repeat_energies
        )
        lines.append(
            f"energies of single repeats in {axis.unit}: {own}; --align brings them onto one axis"
        )
    fano = found.fano
    if not found.whole:
        lines.append("counts: not whole numbers")
    elif np.isfinite(fano.factor):
        verdict = "Poisson" if fano.is_poisson else "not Poisson"
        lines.append(
            f"variance over mean of the repeats: {fano.factor:.3f} ± {fano.error:.3f} ({verdict})"
        )
    else:
        lines.append("counts: whole numbers; with one repeat the variance cannot be checked")
    lines.append(f"default run: {' '.join(plan_run(image).lines())}")
    reported = [text for text in image.metadata.get("warnings", ()) if text != NO_CALIBRATION]
    faults = [*reported, *find_faults(found, image)]
    return lines + [f"warning: {entry}" for entry in faults]


def _energies(axis: EnergyAxis) -> str:
    first, last = axis.centers[0], axis.centers[-1]
    if not axis.calibrated:
        return (
            f"energy: channels {first:g} to {last:g}, not calibrated; give energy_offset and "
            "energy_gain in keV (--energy-offset, --energy-gain)"
        )
    # What a fit leaves of zero is no energy.
    first = 0.0 if abs(first) < _NO_ENERGY * axis.gain else first
    return (
        f"energy: {first:.4g} to {last:.4g} keV, {axis.gain:.6g} keV a channel"
        f"{'' if axis.is_linear else ' on average (not linear)'}"
    )
