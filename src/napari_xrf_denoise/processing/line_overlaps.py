"""Lines of other elements that a detector cannot separate from the mapped one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import SettingsError
from napari_xrf_denoise.spectroscopy.xray_lines import ALIASES, XrayLine, line_energy, lines

from .element_maps import line_window

__all__ = ["COMMON_ELEMENTS", "lines_between", "overlapping_lines"]

_SYMBOLS = (
    "Na Mg Al Si P S Cl Ar K Ca Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Rb Sr Y Zr Nb Mo Ag Cd "
    "Sn Sb I Ba La Ce Nd W Pt Au Hg Pb Bi Th U"
)
COMMON_ELEMENTS: tuple[str, ...] = tuple(_SYMBOLS.split())
"""Elements often found in minerals, tissue, alloys, paint, air, and around a detector.

Among all elements, nearly every line would overlap one of a rare earth.
"""
LEAST_SHARE = 0.1
"""Share of a family's photons below which a group of lines is too weak for a warning."""


def lines_between(
    low: float, high: float, *, among: Iterable[str] | None = None
) -> tuple[XrayLine, ...]:
    """Return the groups of lines whose mean energy lies in a window (keV).

    `among` are the symbols to consider, `COMMON_ELEMENTS` by default. Of each group, such as Ka,
    one line is returned: `energy` is the group's mean in keV, `intensity` its share of the family,
    at least 10 %. The largest shares come first.

    >>> [(line.element, line.name) for line in lines_between(10.4, 10.7)]
    [('As', 'Ka'), ('Pb', 'La')]
    """
    symbols = COMMON_ELEMENTS if among is None else dict.fromkeys(among)
    found = [
        group for symbol in symbols for group in _groups(symbol) if low <= group.energy <= high
    ]
    return tuple(sorted(found, key=lambda group: -group.intensity))


def overlapping_lines(
    element: str,
    line: str,
    energy_axis: EnergyAxis,
    *,
    among: Iterable[str] | None = None,
) -> tuple[XrayLine, ...]:
    """Return the lines of other elements that lie in the window of a line.

    An element map may show these elements instead, wholly or in part: neither a window nor the
    background beside it can separate lines closer than the detector resolves. Another line of
    each element (Pb Lβ for Pb Lα in As Kα) shows whether it is present.

    Parameters
    ----------
    element : str
        Symbol of the mapped element.
    line : str
        Line or group of lines, or ``"auto"``, as in `element_map`.
    energy_axis : EnergyAxis
        Calibrated.
    among : iterable of str, optional
        Symbols of elements that may be present; `COMMON_ELEMENTS` by default.

    Returns
    -------
    tuple of XrayLine
        One for each group, such as ``"Ka"``, those with the largest share of their family first:
        `energy` is the group's mean in keV, `intensity` its share, at least 10 %.

    Raises
    ------
    DataError
        If the energy axis is not calibrated.
    SettingsError
        If an element or the line does not exist, or the line lies outside the axis.

    Examples
    --------
    >>> axis = EnergyAxis(0.0, 0.01, 2048)
    >>> [(line.element, line.name) for line in overlapping_lines("Ti", "Ka", axis)]
    [('Ba', 'La')]
    >>> overlapping_lines("Ti", "Ka", axis, among=["Fe", "Cu"])
    ()
    """
    window = line_window(element, line, energy_axis)
    low, high = energy_axis.centers[window][[0, -1]]
    half = energy_axis.gain / 2
    found = lines_between(low - half, high + half, among=among)
    return tuple(group for group in found if group.element != element)


@lru_cache(maxsize=128)
def _groups(element: str) -> tuple[XrayLine, ...]:
    """Return the groups of lines of an element that are strong enough to matter."""
    known = lines(element)
    if not known:
        raise SettingsError(f"no line of {element} is tabulated; leave it out")
    found = []
    for alias in ALIASES:
        members = [line for line in known if line.name.startswith(alias)]
        share = sum(line.intensity for line in members)
        if share >= LEAST_SHARE:
            energy = line_energy(element, alias)
            found.append(replace(members[0], name=alias, energy=energy, intensity=share))
    return tuple(found)
