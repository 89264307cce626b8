"""The calibration that ESRF files give a multichannel analyser: keV = a + b·channel + c·channel².

PyMca and the files around it (EDF headers, SPEC files) share it, and write 0, 1, 0 where nothing
was calibrated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_xrf_denoise.energy_axis import EnergyAxis
from napari_xrf_denoise.errors import DataError

UNUSABLE = (
    "the calibration {found} is not one of rising energies and was left out; give energy_offset "
    "and energy_gain in keV (--energy-offset, --energy-gain)"
)


def polynomial_axis(
    coefficients: Sequence[float], size: int, first: int = 0, step: int = 1
) -> tuple[EnergyAxis | None, list[str]]:
    """Return the energies of every ``step``-th channel from ``first`` on.

    Parameters
    ----------
    coefficients : sequence of float
        a, b and perhaps c, in keV.
    size : int
        Number of channels.
    first : int
        Number of the first channel that was stored.
    step : int
        Channels from one that was stored to the next.

    Returns
    -------
    energy : EnergyAxis or None
        None where the coefficients are those of no calibration, or cannot be one.
    warnings : list of str
    """
    a, b, c = (*coefficients, 0.0, 0.0, 0.0)[:3]
    if (a, b, c) in ((0.0, 1.0, 0.0), (0.0, 0.0, 0.0)):
        return None, []
    try:
        if c == 0:
            return EnergyAxis(a + b * first, b * step, size), []
        channels = first + step * np.arange(size, dtype=np.float64)
        return EnergyAxis.from_centers(a + b * channels + c * channels**2, tolerance=1e-9), []
    except DataError:
        return None, [UNUSABLE.format(found=f"{a:g}, {b:g}, {c:g}")]
