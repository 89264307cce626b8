"""The calibration that ESRF files give a multichannel analyser: keV = a + b·channel + c·channel².

PyMca and the files around it (EDF headers, SPEC files) share it, and write 0, 1, 0 where nothing
was calibrated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError

UNUSABLE = (
    "the calibration {found} does not give increasing energies and was ignored; give energy_offset "
    "and energy_gain in keV (--energy-offset, --energy-gain)"
)


def rising_axis(coefficients: Sequence[float], channels: NDArray[np.float64]) -> EnergyAxis:
    """Return the energies of stored channels, given by number, from a, b and perhaps c in keV.

    A DataError if they do not rise, or are no numbers.
    """
    a, b, c = (*(float(value) for value in coefficients), 0.0, 0.0, 0.0)[:3]
    steps = np.unique(np.diff(channels))
    if c == 0 and len(steps) < 2:
        step = float(steps[0]) if len(steps) else 1.0
        return EnergyAxis(a + b * float(channels[0]), b * step, len(channels))
    return EnergyAxis.from_centers(a + b * channels + c * channels**2, tolerance=1e-9)


def linear_axis(offset: float, gain: float, size: int) -> tuple[EnergyAxis | None, list[str]]:
    """Return the energies of channels from 0 on, or None and a warning if they do not rise."""
    try:
        return EnergyAxis(offset, gain, size), []
    except DataError:
        return None, [UNUSABLE.format(found=f"{offset:g} keV, {gain:g} keV per channel")]


def polynomial_axis(
    coefficients: Sequence[float], size: int, first: int = 0, step: int = 1
) -> tuple[EnergyAxis | None, list[str]]:
    """Return the energies (a, b and perhaps c in keV) of every ``step``-th channel, and warnings.

    None where the coefficients mean no calibration, or cannot be one.
    """
    a, b, c = (*coefficients, 0.0, 0.0, 0.0)[:3]
    if (a, b, c) in ((0.0, 1.0, 0.0), (0.0, 0.0, 0.0)):
        return None, []
    try:
        return rising_axis(coefficients, first + step * np.arange(size, dtype=np.float64)), []
    except DataError:
        return None, [UNUSABLE.format(found=f"{a:g}, {b:g}, {c:g}")]


KEV = {"kev": 1.0, "ev": 1e-3}
"""keV in a unit of energy, by its name in small letters."""
METRES = {"pm": 1e-12, "nm": 1e-9, "µm": 1e-6, "um": 1e-6, "mm": 1e-3, "cm": 1e-2, "m": 1.0}
"""Metres in a unit of length."""
