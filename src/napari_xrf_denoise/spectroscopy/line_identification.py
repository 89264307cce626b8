"""The element of a line in a spectrum, where it is clear.

Nearly everywhere, several elements have a line within a third of the resolution of a detector. A
line is named only if the spectrum also shows the second line of the element, Kβ beside Kα or Lβ₁
beside Lα, in about the known ratio.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis

from .detector import detector_fwhm
from .xray_lines import lines_named

USUAL = (
    "Na Mg Al Si P S Cl Ar K Ca Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Rb Sr Y Zr Nb Mo Ag Cd Sn "
    "Sb I Ba La Ce Ta W Pt Au Hg Pb Bi Th U"
)
"""Elements that are considered. Others would more often be wrong than right: the L lines of the
rare earths lie at the K lines of Cr to Ni."""
COMMON = "Na Mg Al Si P S Cl Ar K Ca Ti V Cr Mn Fe Co Ni Cu Zn"
"""Elements whose K line is named even if it is too weak to show the second line."""
NEAR = 0.3
"""Largest distance of a line from its tabulated energy, in FWHM."""
LIKE = 0.5
"""Least counts of a second line, relative to those expected."""
VISIBLE = 4.0
"""Expected standard errors of a second line above which its absence is meaningful."""

APART = 1.5
"""Distance in FWHM at which a second line is resolved from the first."""


@dataclass(frozen=True)
class _Candidate:
    """A group of lines of an element, and the second line that must accompany it."""

    element: str
    group: str
    energy: float
    second: str
    second_energy: float
    ratio: float

    @property
    def name(self) -> str:
        return f"{self.element} {self.group}"


def identify_lines(
    energies: Sequence[float],
    axis: EnergyAxis,
    smooth: NDArray[np.float64],
    width: NDArray[np.float64],
) -> list[str]:
    """Name lines (energies in keV) by element and group, ``"Fe Ka"``, or ``""`` where unclear.

    `smooth` are the counts of the spectrum within one FWHM around each channel, `width` the FWHM
    in channels.
    """
    shown = _Spectrum(axis, smooth, width)
    near = [
        [c for c in _candidates() if abs(c.energy - energy) <= shown.tolerance(energy)]
        for energy in energies
    ]
    possible = [c for found in near for c in found if not shown.refutes(c)]
    confirmed = _confirmed(possible, shown)
    return [
        _second_name(energy, confirmed, shown)
        or _first_name([c for c in found if c in possible], shown)
        or _common_name([c for c in found if c in possible], energy, possible, confirmed, shown)
        for energy, found in zip(energies, near, strict=True)
    ]


class _Spectrum:
    """Counts of a spectrum at the energies of lines."""

    def __init__(
        self, axis: EnergyAxis, smooth: NDArray[np.float64], width: NDArray[np.float64]
    ) -> None:
        self._axis, self._smooth, self._width = axis, smooth, width

    def tolerance(self, energy: float) -> float:
        """Return the tolerance for the energy of a line, in keV."""
        return max(NEAR * float(detector_fwhm(energy)), self._axis.gain / 2)

    def net(self, energy: float) -> float:
        """Return the counts of a line above the lowest nearby counts."""
        channel = self._axis.channel(energy)
        reach = max(1, round(float(3 * self._width[channel])))
        near = self._smooth[max(0, channel - reach) : channel + reach + 1]
        return float(self._smooth[channel] - near.min())

    def tests(self, candidate: _Candidate) -> bool:
        """Whether the second line of a candidate would be visible."""
        centers, energy = self._axis.centers, candidate.second_energy
        if not centers[0] < energy < centers[-1]:
            return False
        if abs(energy - candidate.energy) < APART * float(detector_fwhm(energy)):
            return False
        noise = float(np.sqrt(self._smooth[self._axis.channel(energy)]))
        return candidate.ratio * self.net(candidate.energy) > VISIBLE * max(noise, 1.0)

    def confirms(self, candidate: _Candidate) -> bool:
        """Whether the second line is present with the expected strength."""
        return self.tests(candidate) and self._agrees(candidate)

    def refutes(self, candidate: _Candidate) -> bool:
        """Whether the second line should be visible and is not."""
        return self.tests(candidate) and not self._agrees(candidate)

    def _agrees(self, candidate: _Candidate) -> bool:
        expected = candidate.ratio * self.net(candidate.energy)
        return self.net(candidate.second_energy) > LIKE * expected


def _confirmed(candidates: Sequence[_Candidate], shown: _Spectrum) -> list[_Candidate]:
    """Return the candidates whose second lines are present, the strongest first.

    A second line of a stronger candidate, as V Kα is that of Ti, is not one itself.
    """
    found: list[_Candidate] = []
    for candidate in sorted(candidates, key=lambda c: -shown.net(c.energy)):
        if shown.confirms(candidate) and not _second_name(candidate.energy, found, shown):
            found.append(candidate)
    return found


def _second_name(energy: float, confirmed: Sequence[_Candidate], shown: _Spectrum) -> str:
    """Return the name of a line that is the second line of a confirmed element."""
    net = shown.net(energy)
    for candidate in confirmed:
        near = abs(candidate.second_energy - energy) <= shown.tolerance(energy)
        if near and candidate.ratio * shown.net(candidate.energy) > LIKE * net:
            return f"{candidate.element} {candidate.second}"
    return ""


def _first_name(found: Sequence[_Candidate], shown: _Spectrum) -> str:
    """Return the name of the only candidate whose second line is present."""
    sure = [c for c in found if shown.confirms(c)]
    return sure[0].name if len(sure) == 1 else ""


def _common_name(
    found: Sequence[_Candidate],
    energy: float,
    possible: Sequence[_Candidate],
    confirmed: Sequence[_Candidate],
    shown: _Spectrum,
) -> str:
    """Return the name of the only untestable candidate that is common or confirmed."""
    if any(shown.confirms(c) for c in found) or _second_name(energy, possible, shown):
        return ""
    elements = {c.element for c in confirmed}
    likely = [
        c
        for c in found
        if c.element in elements or (c.group == "Ka" and c.element in COMMON.split())
    ]
    return likely[0].name if len(likely) == 1 else ""


@lru_cache(maxsize=1)
def _candidates() -> tuple[_Candidate, ...]:
    """Return the strongest group of each shell of each usual element."""
    from napari_xrf_denoise.core.errors import SettingsError

    found = []
    for element in USUAL.split():
        for group, second in (("Ka", "Kb"), ("La", "Lb1"), ("Ma", "Mb")):
            try:
                first, other = lines_named(element, group), lines_named(element, second)
            except SettingsError:
                continue
            strength, rest = (sum(line.intensity for line in part) for part in (first, other))
            if strength > 0 and rest > 0:
                energy, second_energy = (
                    sum(line.intensity * line.energy for line in part) / total
                    for part, total in ((first, strength), (other, rest))
                )
                ratio = rest / strength
                found.append(_Candidate(element, group, energy, second, second_energy, ratio))
    return tuple(found)
