"""Lines of other elements that a detector cannot tell from the one that is mapped."""

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
"""Elements that are often found in minerals, tissue, alloys, paint, air, and around a detector.

Asking all elements for overlaps would name a rare earth for nearly every line.
"""
LEAST_SHARE = 0.1
"""Share of a family's photons below which a group of lines is too weak to be warned of."""


def lines_between(
    low: float, high: float, *, among: Iterable[str] | None = None
) -> tuple[XrayLine, ...]:
    """Return the groups of lines whose mean energy lies in a window.

    Parameters
    ----------
    low, high : float
        Ends of the window in keV.
    among : iterable of str, optional
        Symbols of the elements to look at; `COMMON_ELEMENTS` when left out.

    Returns
    -------
    tuple of XrayLine
        One for each group, such as ``"Ka"``, the groups with the largest share of their family
        first: `energy` is the group's mean in keV, `intensity` its share of the family. Groups
        with less than 10 % are left out.

    Raises
    ------
    SettingsError
        If an element does not exist.

    Examples
    --------
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

    What an element map shows may be these elements instead, wholly or in part: neither a window
    nor a background from its sides can tell lines apart that are closer than the detector
    resolves. Another line of each of them (Pb Lβ for Pb Lα in As Kα) tells whether it is there.

    Parameters
    ----------
    element : str
        Symbol of the element that is mapped.
    line : str
        Line or group of lines, or ``"auto"``, as in `element_map`.
    energy_axis : EnergyAxis
        A calibrated axis.
    among : iterable of str, optional
        Symbols of the elements that may be there; `COMMON_ELEMENTS` when left out.

    Returns
    -------
    tuple of XrayLine
        Groups of lines as `lines_between` gives them.

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
    """Return an element's groups of lines that are strong enough to matter."""
    known = lines(element)
    if not known:
        raise SettingsError(f"the tables have no line of {element}; leave it out")
    found = []
    for alias in ALIASES:
        members = [line for line in known if line.name.startswith(alias)]
        share = sum(line.intensity for line in members)
        if share >= LEAST_SHARE:
            energy = line_energy(element, alias)
            found.append(replace(members[0], name=alias, energy=energy, intensity=share))
    return tuple(found)
