"""What the periodic table tells of an element: its name and its lines, without Qt."""

from __future__ import annotations

from collections.abc import Iterable

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import SettingsError
from napari_xrf_denoise.spectroscopy.xray_lines import (
    FAMILIES,
    all_lines,
    line_energy,
    line_group,
    lines,
)

GROUPS = ("Ka", "Kb", "La", "Lb", "Lg", "Ma", "Mb")
"""Groups of lines that are told; the others are weak."""


def element_tip(element: str) -> str:
    """Return an element's name, atomic number and lines, one fact a line.

    Parameters
    ----------
    element : str
        Symbol.

    Examples
    --------
    >>> print(element_tip("Al"))
    aluminum, Z = 13
    Ka 1.486 keV
    Kb 1.557 keV
    Lb 0.116 keV
    """
    import xraydb

    number = xraydb.atomic_number(element)
    found = {line_group(line.name) for line in lines(element) if line.intensity > 0}
    reported = [
        f"{group} {line_energy(element, group):.3f} keV" for group in GROUPS if group in found
    ]
    return "\n".join([f"{xraydb.atomic_name(element)}, Z = {number}", *reported])


def possible_elements(
    energy_axis: EnergyAxis, families: Iterable[str] = FAMILIES
) -> dict[str, str]:
    """Return the elements that have a line within an energy axis, each with its tip.

    Parameters
    ----------
    energy_axis : EnergyAxis
        Without a calibration no element is possible.
    families : iterable of {"K", "L", "M"}
        Which lines to think of.

    Returns
    -------
    dict of str to str
        Symbols and what `element_tip` tells. Of an element's lines the strong ones count, those
        with at least a tenth of their family's photons.

    Examples
    --------
    >>> "U" in possible_elements(EnergyAxis(0.0, 0.01, 2048), "K")
    False
    """
    if not energy_axis.calibrated:
        return {}
    wanted = tuple(families)
    low, high = energy_axis.centers[0], energy_axis.centers[-1]
    found = {
        line.element
        for line in all_lines()
        if line.family in wanted and line.intensity >= 0.1 and low < line.energy < high
    }
    return {element: element_tip(element) for element in sorted(found)}


def parse_elements(text: str) -> tuple[str, ...]:
    """Return the symbols in a text such as ``"Fe, Cu, Pb"``, each once.

    Raises
    ------
    SettingsError
        If one of them is no element.

    Examples
    --------
    >>> parse_elements("fe, Cu pb;Fe")
    ('Fe', 'Cu', 'Pb')
    """
    words = text.replace(",", " ").replace(";", " ").split()
    symbols = tuple(dict.fromkeys(word.capitalize() for word in words))
    for symbol in symbols:
        try:
            lines(symbol, ())
        except SettingsError:
            raise SettingsError(
                f"{symbol!r} is no element: expected symbols such as Fe, Cu, Pb"
            ) from None
    return symbols
