"""What the dock "Spectrum" writes of its curves into a table, without Qt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.io.text.merge_spectra_table import deviation_name

from .layer_spectra import Curve


def table_of(
    curves: Sequence[Curve],
) -> tuple[dict[str, NDArray[np.float64]], dict[str, EnergyAxis]]:
    """Return spectra and, where they are known, their errors by name, and the energies of each.

    Parameters
    ----------
    curves : sequence of Curve
        Curves of one name get numbers: pins may repeat what the mouse shows.

    Returns
    -------
    spectra : dict of str to numpy.ndarray
        Counts per channel, as `napari_xrf_denoise.write_spectra` takes them.
    energies : dict of str to EnergyAxis
    """
    spectra: dict[str, NDArray[np.float64]] = {}
    energies: dict[str, EnergyAxis] = {}
    for curve in curves:
        number, name = 1, curve.label
        while name in spectra:
            number += 1
            name = f"{curve.label} [{number}]"
        spectra[name], energies[name] = curve.counts, curve.axis
        if curve.error is not None:
            error = deviation_name(name, curve.error_kind)
            spectra[error], energies[error] = curve.error, curve.axis
    return spectra, energies
