"""Which element a line in a spectrum belongs to, where that is clear.

A line has many possible names: within a third of the detector's resolution there are several
elements' lines nearly everywhere. A name is given only if it is the one that explains the
spectrum: an element shows its second line too, Kβ beside Kα or Lβ₁ beside Lα, in about the known
ratio. Otherwise the energy alone is the name.
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
"""Elements that a name may have. The others are rarer than a mistake: the L lines of the rare
earths lie where the K lines of Cr to Ni do."""
COMMON = "Na Mg Al Si P S Cl Ar K Ca Ti V Cr Mn Fe Co Ni Cu Zn"
"""Elements whose K line is taken for what it seems, though too weak to show the second line."""
NEAR = 0.3
"""Largest distance of a line from its tabulated energy, in FWHM."""
LIKE = 0.5
"""Least share of the expected counts that a second line must show."""
VISIBLE = 4.0
"""Standard errors that a second line must be expected to have before its absence says anything."""

APART = 1.5
"""Distance in FWHM at which a second line is seen beside the first."""


@dataclass(frozen=True)
class _Candidate:
    """A group of lines of an element, and the line that must go with it."""

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
    """Name lines by element and group, ``"Fe Ka"``; those that are not clear get no name.

    Parameters
    ----------
    energies : sequence of float
        Of the lines, in keV.
    axis : EnergyAxis
        Calibrated.
    smooth : numpy.ndarray, shape (energy,)
        Counts of the spectrum within one FWHM around each channel.
    width : numpy.ndarray, shape (energy,)
        FWHM in channels.

    Returns
    -------
    list of str
        Names, empty where none is clear.
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
    """What a spectrum shows at an energy."""

    def __init__(
        self, axis: EnergyAxis, smooth: NDArray[np.float64], width: NDArray[np.float64]
    ) -> None:
        self._axis, self._smooth, self._width = axis, smooth, width

    def tolerance(self, energy: float) -> float:
        """Return how far from its energy a line may be found, in keV."""
        return max(NEAR * float(detector_fwhm(energy)), self._axis.gain / 2)

    def net(self, energy: float) -> float:
        """Return the counts of a line above the lowest counts near it."""
        channel = self._axis.channel(energy)
        reach = max(1, round(float(3 * self._width[channel])))
        near = self._smooth[max(0, channel - reach) : channel + reach + 1]
        return float(self._smooth[channel] - near.min())

    def tests(self, candidate: _Candidate) -> bool:
        """Whether the second line of a candidate would be seen."""
        centers, energy = self._axis.centers, candidate.second_energy
        if not centers[0] < energy < centers[-1]:
            return False
        if abs(energy - candidate.energy) < APART * float(detector_fwhm(energy)):
            return False
        noise = float(np.sqrt(self._smooth[self._axis.channel(energy)]))
        return candidate.ratio * self.net(candidate.energy) > VISIBLE * max(noise, 1.0)

    def confirms(self, candidate: _Candidate) -> bool:
        """Whether the second line is there, as strong as it must be."""
        return self.tests(candidate) and self._agrees(candidate)

    def refutes(self, candidate: _Candidate) -> bool:
        """Whether the second line should be there and is not."""
        return self.tests(candidate) and not self._agrees(candidate)

    def _agrees(self, candidate: _Candidate) -> bool:
        expected = candidate.ratio * self.net(candidate.energy)
        return self.net(candidate.second_energy) > LIKE * expected


def _confirmed(candidates: Sequence[_Candidate], shown: _Spectrum) -> list[_Candidate]:
    """Return the candidates whose second lines are there, the strongest first.

    One that is itself the second line of a stronger one, as V Kα that of Ti, is none.
    """
    found: list[_Candidate] = []
    for candidate in sorted(candidates, key=lambda c: -shown.net(c.energy)):
        if shown.confirms(candidate) and not _second_name(candidate.energy, found, shown):
            found.append(candidate)
    return found


def _second_name(energy: float, confirmed: Sequence[_Candidate], shown: _Spectrum) -> str:
    """Return the name of a second line of an element whose first one is there."""
    net = shown.net(energy)
    for candidate in confirmed:
        near = abs(candidate.second_energy - energy) <= shown.tolerance(energy)
        if near and candidate.ratio * shown.net(candidate.energy) > LIKE * net:
            return f"{candidate.element} {candidate.second}"
    return ""


def _first_name(found: Sequence[_Candidate], shown: _Spectrum) -> str:
    """Return the name of the one candidate whose second line is there."""
    sure = [c for c in found if shown.confirms(c)]
    return sure[0].name if len(sure) == 1 else ""


def _common_name(
    found: Sequence[_Candidate],
    energy: float,
    possible: Sequence[_Candidate],
    confirmed: Sequence[_Candidate],
    shown: _Spectrum,
) -> str:
    """Return the name of what cannot be tested: the only one that is common, or there anyway."""
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
