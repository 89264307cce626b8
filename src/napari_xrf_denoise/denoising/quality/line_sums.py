"""Lines whose counts, summed over the whole map, a result does not hold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.poisson import deviance_residual

from .losses.departures import MOST, energy_text
from .losses.place_search import LEAST, NEAR, chance_beyond

ALPHA = 0.005
"""Chance that a perfect result is suspected in any line, all windows together (Bonferroni)."""
EFFECT = 0.02
"""Share of its counts by which a line must depart in the sum of all pixels to be reported."""
NOISE = 0.5
"""It must also depart by this share of the noise of its counts in a single raw pixel, ..."""
LEFT, GROWN = 0.7, 4.0
"""... or hold less or more than so many times its counts. Cutting off what is negative in noisy
predictions adds up to twice the counts where there are few: by the noise of a pixel, little."""

Floats = NDArray[np.floating]


def line_warnings(
    counts: Floats,
    expected: Floats,
    scatter: float,
    pixels: int,
    energies: Floats,
    axis: EnergyAxis,
) -> Iterator[str]:
    """Yield sentences about lines whose sum over all pixels departs beyond chance.

    `counts` and `expected` (window,) are sums over so many pixels.
    """
    events, rate = counts / scatter, expected / scatter
    far = np.abs(deviance_residual(events, rate))
    size = np.abs(counts - expected)
    reported = chance_beyond(events, rate, counts > expected) < ALPHA / 2 / max(1, len(far))
    reported &= (size >= LEAST) & (size > EFFECT * np.minimum(counts, expected))
    noise = np.sqrt(scatter * np.maximum(counts, expected) * pixels)
    reported &= (size > NOISE * noise) | (expected < LEFT * counts) | (expected > GROWN * counts)
    far = np.where(reported, far, 0)
    for _ in range(MOST):
        if not far.any():
            return
        top = int(np.argmax(far))
        energy = energy_text(float(energies[top]), axis)
        if counts[top] > 0:
            ratio = expected[top] / counts[top]
            error = (scatter * max(expected[top], 1.0)) ** 0.5 / counts[top]
            digits = int(np.clip(np.ceil(-np.log10(error)), 2, 4))
            holds = f"{ratio:.{digits}f} ± {error:.{digits}f} of the raw counts"
        else:
            holds = f"{expected[top]:.0f} counts where there are none"
        yield f"near {energy} the result holds {holds}"
        far[max(0, top - NEAR) : top + NEAR + 1] = 0
    if far.any():
        yield "lines at further energies do not hold the raw counts"
