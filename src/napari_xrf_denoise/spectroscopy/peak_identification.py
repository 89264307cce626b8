"""Suggestions for peaks of a spectrum: lines of elements, pile-up and escape.

The energy of a line alone rarely identifies its element: nearly everywhere, several elements have a
line within the resolution of a detector. The other lines that the element must show identify it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError, SettingsError

from .detector import detector_fwhm
from .line_identification import identify_lines
from .line_windows import running_sum
from .peaks import Peak, peak_widths
from .xray_lines import FAMILIES, XrayLine, all_lines, line_energy

__all__ = ["Artifact", "candidate_elements", "escape_peaks", "identify_peaks", "sum_peaks"]

UNLIKELY = "H He Ne Kr Xe Rn Tc Pm Po At Fr Ra Ac Pa Np Pu Am Cm Bk Cf"
"""Elements that samples rarely contain. Argon is not among them: it is in air."""
LEAST_SHARE = 0.01
"""Least share of its family's photons for a line to be considered."""
SILICON_EDGE = 1.839
"""keV; photons of less energy cannot excite the silicon of the detector."""
STRONG = 4
"""Number of the strongest peaks whose pile-up and escape are considered."""
LOWEST = 0.2
"""keV below which a peak is electronic noise, around zero."""
MOST_SHARE = 0.02
"""Largest sum or escape peak relative to its source; a larger one is a line."""
SCATTER_WIDTH = 1.6
"""Width, in widths of the detector, above which a peak is not a single line: Compton scatter."""
CLEAR_WIDTH = 10.0
"""Significance above which the width of a peak is known well enough."""


@dataclass(frozen=True)
class Artifact:
    """A peak made by the detector, which is not a line of the sample."""

    energy: float
    """In keV."""
    name: str
    """Such as ``"2 × Fe Ka"``, ``"Fe Ka + Ca Ka"`` or ``"Fe Ka − Si"``."""
    kind: Literal["sum", "escape"]
    share: float
    """Estimated strength among its kind, 1 for the strongest."""
    source: float
    """Net counts of the peak that causes it, of a sum those of the weaker one."""


def candidate_elements(energy: float, *, tolerance: float | None = None) -> tuple[XrayLine, ...]:
    """Return the elements with a line at an energy, the most plausible first.

    Close lines with a large share of the photons of their family come first, K before L before M.
    Elements that samples rarely contain come last: noble gases except argon, which is in air, and
    elements without a long-lived isotope.

    Parameters
    ----------
    energy : float
        keV.
    tolerance : float, optional
        Largest distance in keV; by default half the FWHM of a good silicon drift detector.

    Returns
    -------
    tuple of XrayLine
        For each element and family the strongest nearby line, if these have 1 % of the photons of
        the family.

    Raises
    ------
    SettingsError
        If energy or tolerance is not above 0.

    Examples
    --------
    >>> [line.element for line in candidate_elements(10.55)][:2]
    ['As', 'Pb']
    """
    if tolerance is None:
        tolerance = float(detector_fwhm(energy)) / 2
    for name, value in (("energy", energy), ("tolerance", tolerance)):
        if not 0 < value < math.inf:
            raise SettingsError(f"{name}: expected keV above 0, found {value}")
    near: dict[tuple[str, str], list[XrayLine]] = {}
    for line in all_lines():
        if abs(line.energy - energy) <= tolerance:
            near.setdefault((line.element, line.family), []).append(line)
    unlikely = UNLIKELY.split()
    ranked = []
    for members in near.values():
        strongest = max(members, key=lambda line: line.intensity)
        share = sum(line.intensity for line in members)
        if share >= LEAST_SHARE:
            distance = (strongest.energy - energy) / tolerance
            score = share * math.exp(-(distance**2)) / (1 + FAMILIES.index(strongest.family))
            ranked.append((strongest.element in unlikely, -score, strongest))
    ranked.sort(key=lambda entry: entry[:2])
    return tuple(line for _, _, line in ranked)


def identify_peaks(
    peaks: Iterable[Peak], counts: ArrayLike, energy_axis: EnergyAxis, *, repeats: float = 1
) -> tuple[Peak, ...]:
    """Suggest the lines of peaks.

    A peak is named when the spectrum shows the second line of its element in about the known
    ratio (Kb beside Ka, Lb beside La, Mb beside Ma), or when counts are too few for a second line
    and a single common element fits. The rest may be pile-up or escape of the strongest peaks.
    Otherwise the name stays empty: `candidate_elements` lists the possibilities. Peaks clearly
    wider than the lines of the detector, such as Compton scatter, are not named.

    Parameters
    ----------
    peaks : iterable of Peak
        As returned by `find_peaks`.
    counts : array_like, shape (channels,)
        The spectrum in which they were found.
    energy_axis : EnergyAxis
        Calibrated.
    repeats : float
        As for `find_peaks`.

    Returns
    -------
    tuple of Peak
        The same peaks with `name` set, empty where none is clear.

    Raises
    ------
    DataError
        If the energy axis is not calibrated.

    Examples
    --------
    >>> from napari_xrf_denoise import simulate_map
    >>> from napari_xrf_denoise.spectroscopy.peaks import find_peaks
    >>> image, _ = simulate_map(shape=(32, 32), seed=0)
    >>> counts = image.counts.sum(axis=(0, 1, 2))
    >>> peaks = identify_peaks(find_peaks(counts, image.energy), counts, image.energy)
    >>> {"Ca Ka", "Ca Kb", "Fe Ka", "Fe Kb"} <= {peak.name for peak in peaks}
    True
    """
    _check_calibrated(energy_axis)
    found = tuple(peaks)
    total = repeats * np.asarray(counts, dtype=np.float64)
    width = peak_widths(total, energy_axis)
    lines = [peak for peak in found if peak.energy > LOWEST and not _is_wide(peak)]
    names = identify_lines(
        [peak.energy for peak in lines], energy_axis, running_sum(total, width), width
    )
    named = dict(zip((peak.energy for peak in lines), names, strict=True))
    found = tuple(replace(peak, name=named.get(peak.energy, "")) for peak in found)
    artifacts = (*sum_peaks(found, energy_axis), *escape_peaks(found, energy_axis))
    return tuple(
        peak if peak.name or _is_wide(peak) else replace(peak, name=_artifact_name(peak, artifacts))
        for peak in found
    )


def sum_peaks(peaks: Iterable[Peak], energy_axis: EnergyAxis) -> tuple[Artifact, ...]:
    """Return the sum peaks of the strongest peaks: two photons counted as one.

    Parameters
    ----------
    peaks : iterable of Peak
        Names of peaks appear in the names of sums.
    energy_axis : EnergyAxis
        Calibrated; only sums within it are returned.

    Raises
    ------
    DataError
        If the energy axis is not calibrated.

    Examples
    --------
    >>> iron = Peak(6.4, 640.0, 900.0, 12000.0, 90.0, 0.14, "Fe Ka")
    >>> [(sum_.name, sum_.energy) for sum_ in sum_peaks([iron], EnergyAxis(0.0, 0.01, 2048))]
    [('2 × Fe Ka', 12.8)]
    """
    found = []
    for first, second in combinations_with_replacement(_strongest(peaks, energy_axis), 2):
        same = first == second
        name = f"2 × {_label(first)}" if same else f"{_label(first)} + {_label(second)}"
        pairs = first.net * second.net * (1 if same else 2)
        energy, source = first.energy + second.energy, min(first.net, second.net)
        found.append(Artifact(energy, name, "sum", pairs, source))
    return _inside(found, energy_axis)


def escape_peaks(peaks: Iterable[Peak], energy_axis: EnergyAxis) -> tuple[Artifact, ...]:
    """Return the escape peaks of the strongest peaks, due to photons of silicon that escaped.

    A photon above the K edge of silicon (1.839 keV) can excite the silicon of the detector, whose
    photon (1.740 keV) may escape: the energy minus 1.740 keV is counted.

    Parameters
    ----------
    peaks : iterable of Peak
    energy_axis : EnergyAxis
        Calibrated; only peaks within it are returned.

    Raises
    ------
    DataError
        If the energy axis is not calibrated.

    Examples
    --------
    >>> iron = Peak(6.4, 640.0, 900.0, 12000.0, 90.0, 0.14, "Fe Ka")
    >>> [escape.name for escape in escape_peaks([iron], EnergyAxis(0.0, 0.01, 2048))]
    ['Fe Ka − Si']
    """
    silicon = line_energy("Si", "Ka")
    found = [
        Artifact(peak.energy - silicon, f"{_label(peak)} − Si", "escape", peak.net, peak.net)
        for peak in _strongest(peaks, energy_axis)
        if peak.energy > SILICON_EDGE
    ]
    return _inside(found, energy_axis)


def _check_calibrated(axis: EnergyAxis) -> None:
    if not axis.calibrated:
        raise DataError(
            "energy axis: expected energies in keV to name peaks, found channel numbers; give "
            "energy_offset and energy_gain when reading, or calibrate with two known peaks "
            "(calibration_from_peaks)"
        )


def _is_wide(peak: Peak) -> bool:
    detector = float(detector_fwhm(peak.energy))
    return peak.significance > CLEAR_WIDTH and peak.width > SCATTER_WIDTH * detector


def _strongest(peaks: Iterable[Peak], axis: EnergyAxis) -> list[Peak]:
    """Return the peaks whose pile-up and escape matter, of a calibrated spectrum."""
    _check_calibrated(axis)
    photons = [peak for peak in peaks if peak.energy > LOWEST and not _is_wide(peak)]
    return sorted(photons, key=lambda peak: -peak.net)[:STRONG]


def _label(peak: Peak) -> str:
    return peak.name or f"{peak.energy:.2f} keV"


def _inside(artifacts: Sequence[Artifact], axis: EnergyAxis) -> tuple[Artifact, ...]:
    """Return those within the axis, by rising energy, relative to the strongest."""
    low, high = axis.centers[0], axis.centers[-1]
    artifacts = [artifact for artifact in artifacts if low < artifact.energy < high]
    strongest = max((artifact.share for artifact in artifacts), default=1.0)
    return tuple(
        replace(artifact, share=artifact.share / strongest)
        for artifact in sorted(artifacts, key=lambda artifact: artifact.energy)
    )


def _artifact_name(peak: Peak, artifacts: Sequence[Artifact]) -> str:
    """Return the name of the strongest artifact that fits a peak, or an empty one."""
    tolerance = float(detector_fwhm(peak.energy)) / 3
    possible = [
        artifact
        for artifact in artifacts
        if abs(artifact.energy - peak.energy) < tolerance
        and peak.net < MOST_SHARE * artifact.source
    ]
    return max(possible, key=lambda artifact: artifact.share).name if possible else ""
