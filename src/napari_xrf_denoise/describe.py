"""What a spectrum image holds, in lines of words for a user."""

from __future__ import annotations

import numpy as np

from .denoising.faults import find_faults
from .denoising.survey import survey
from .spectrum_image import SpectrumImage


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
    centers = axis.centers
    found = survey(image)
    assert found.profiles is not None
    totals = found.profiles.pixels.sum(axis=0, dtype=np.float64) / repeats
    lines = [
        f"axes: {repeats} repeat(s) of kind {image.repeat_kind}, {height} x {width} pixels (y, x), "
        f"{size} channels; {image.counts.dtype}",
        f"energy: {centers[0]:.4g} to {centers[-1]:.4g} {axis.unit}, {axis.gain:.6g} {axis.unit} "
        f"a channel{'' if axis.is_linear else ' on average (not linear)'}",
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
    faults = [*image.metadata.get("warnings", ()), *find_faults(found, image)]
    return lines + [f"warning: {entry}" for entry in faults]
