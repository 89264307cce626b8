"""What the Spectrum dock says below its plot, without Qt."""

from __future__ import annotations

from collections.abc import Sequence

from .layer_spectra import Curve


def pointed_at(energy: float, curves: Sequence[Curve]) -> str:
    """Return energy, channel and the counts there of each curve, in words.

    Parameters
    ----------
    energy : float
        In keV, or a channel where a curve is not calibrated.
    curves : sequence of Curve
        One at least. Counts come with one standard deviation where it is known.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_xrf_denoise.core.energy_axis import EnergyAxis
    >>> axis = EnergyAxis(0.0, 0.01, 3)
    >>> curve = Curve("map", (0, ""), axis, np.array([0.0, 4.0, 1.0]), 0.5, np.array([0.0, 2, 1]))
    >>> print(pointed_at(0.012, [curve]))
    0.010 keV, channel 1
    map: 4 ± 2
    """
    first = curves[0].axis
    by_channel = any(not curve.axis.calibrated for curve in curves)
    channels = [
        min(max(round(energy), 0), curve.axis.size - 1)
        if by_channel
        else curve.axis.channel(energy)
        for curve in curves
    ]
    where = f"channel {channels[0]}"
    if first.calibrated:
        where = f"{first.centers[channels[0]]:.3f} keV, {where}"
    counts = [
        f"{curve.label}: {_counts(curve, channel)}"
        for curve, channel in zip(curves, channels, strict=True)
    ]
    return "\n".join([where, *counts])


def in_figures(counts: float) -> str:
    """Return counts with no more digits than help."""
    return f"{counts:,.0f}" if abs(counts) >= 1000 else f"{counts:.4g}"


def _counts(curve: Curve, channel: int) -> str:
    counts = in_figures(float(curve.counts[channel]))
    if curve.error is None:
        return counts
    return f"{counts} ± {float(curve.error[channel]):.2g}"
