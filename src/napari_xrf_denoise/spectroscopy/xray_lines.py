"""Emission lines of the elements: energies, relative intensities, and excitation by X-rays.

Line energies, branching ratios, edge jumps and fluorescence yields are those of Elam, Ravel &
Sieber (2002), Radiation Physics and Chemistry 63, 121–128, as tabulated by xraydb, which is
imported when lines are first needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from napari_xrf_denoise.core.errors import SettingsError

__all__ = [
    "FAMILIES",
    "XrayLine",
    "all_lines",
    "fluorescence_lines",
    "line_energy",
    "line_group",
    "lines",
    "lines_named",
]

FAMILIES = ("K", "L", "M")
"""Shells of the holes that outer electrons fill."""
ALIASES = ("Ka", "Kb", "La", "Lb", "Lg", "Ma", "Mb")
"""Groups of lines that a detector hardly resolves."""


@dataclass(frozen=True)
class XrayLine:
    """One emission line.

    Parameters
    ----------
    element : str
        Symbol, such as ``"Fe"``.
    name : str
        Siegbahn's name, such as ``"Ka1"``.
    energy : float
        Energy in keV.
    intensity : float
        Share of the photons of its family, summing to 1 over the family (all 0 for Li K and
        Mg L, whose yields the tables do not have); from
        `fluorescence_lines` a production cross-section in cm²/g instead.
    family : {"K", "L", "M"}
        Shell of the hole that the line fills.
    """

    element: str
    name: str
    energy: float
    intensity: float
    family: str


def lines(element: str, families: Iterable[str] = FAMILIES) -> tuple[XrayLine, ...]:
    """Return an element's emission lines, by rising energy.

    Intensities are relative to the family, for an excitation above all its edges: they follow
    from the edge jumps (how the holes are shared among subshells), Coster–Kronig transitions
    (how they move), fluorescence yields and branching ratios.

    Parameters
    ----------
    element : str
        Symbol of the element.
    families : iterable of {"K", "L", "M"}
        Which families to return.

    Returns
    -------
    tuple of XrayLine
        Empty if the element has no line in these families, as K lines of hydrogen.

    Raises
    ------
    SettingsError
        If the element or a family does not exist.

    Examples
    --------
    >>> strongest = max(lines("Fe", "K"), key=lambda line: line.intensity)
    >>> strongest.name, round(strongest.energy, 2)
    ('Ka1', 6.41)
    """
    wanted = tuple(families)
    unknown = [family for family in wanted if family not in FAMILIES]
    if unknown:
        raise SettingsError(
            f"unknown family of lines {unknown[0]!r}; expected some of {', '.join(FAMILIES)}"
        )
    return tuple(line for line in _relative_lines(element) if line.family in wanted)


def lines_named(element: str, line: str) -> tuple[XrayLine, ...]:
    """Return the lines of a name: one (``"Ka1"``), or the members of a group (``"Ka"``).

    Raises SettingsError, with the existing lines, if the element has no such line.

    >>> [line.name for line in lines_named("Pb", "La")]
    ['La2', 'La1']
    """
    known = lines(element)
    exact = tuple(item for item in known if item.name == line)
    group = tuple(item for item in known if line in ALIASES and item.name.startswith(line))
    if exact or group:
        # M lines have no numbers: Pb "Ma" is one line, and exact and group are the same.
        return group or exact
    names = [item.name for item in known]
    groups = [alias for alias in ALIASES if any(name.startswith(alias) for name in names)]
    possible = ", ".join(dict.fromkeys([*groups, *names])) or "none in the tables"
    raise SettingsError(f"element {element} has no line {line!r}; its lines are: {possible}")


def line_energy(element: str, line: str = "Ka") -> float:
    """Return the energy of a line, or the intensity-weighted mean energy of a group, in keV.

    Parameters
    ----------
    element : str
        Symbol of the element.
    line : str
        Siegbahn's name (``"Ka1"``) or a group: ``"Ka"``, ``"Kb"``, ``"La"``, ``"Lb"``, ``"Ma"``.

    Raises
    ------
    SettingsError
        If the element or the line does not exist.

    Examples
    --------
    >>> round(line_energy("Cu", "Ka"), 2)
    8.04
    """
    members = lines_named(element, line)
    total = sum(item.intensity for item in members)
    if total == 0.0:  # a line that the tables list with an energy but no photons
        return sum(item.energy for item in members) / len(members)
    return sum(item.intensity * item.energy for item in members) / total


@lru_cache(maxsize=512)
def fluorescence_lines(element: str, excitation: float) -> tuple[XrayLine, ...]:
    """Return the lines that X-rays of one energy excite, with absolute strengths.

    The fundamental-parameter expression: photo-absorption cross-section × share of the subshell
    (edge jumps) × fluorescence yield × branching ratio, with Coster–Kronig transitions between
    subshells. Holes that K emission leaves in L, and L emission in M, are neglected: they add a few
    per cent to L lines when the K shell is excited as well.

    Parameters
    ----------
    element : str
        Symbol of the element.
    excitation : float
        Energy of the exciting photons in keV.

    Returns
    -------
    tuple of XrayLine
        Lines by rising energy; `intensity` is in cm² per gram of the element.

    Raises
    ------
    SettingsError
        If the element does not exist or the excitation is not above 0.

    Examples
    --------
    >>> {line.family for line in fluorescence_lines("Pb", 17.0)} == {"L", "M"}
    True
    """
    if not excitation > 0:
        raise SettingsError(f"excitation must be above 0 keV, found {excitation}")
    holes = _hole_shares(element, excitation)
    if not holes:
        return ()
    import xraydb

    photo = float(xraydb.mu_elam(element, 1000 * excitation, kind="photo"))
    return tuple(
        replace(line, intensity=photo * line.intensity) for line in _emitted(element, holes)
    )


@lru_cache(maxsize=128)
def _relative_lines(element: str) -> tuple[XrayLine, ...]:
    """Return lines with intensities that sum to 1 in each family, by rising energy."""
    emitted = _emitted(element, _hole_shares(element, float("inf")))
    totals = {
        family: sum(line.intensity for line in emitted if line.family == family)
        for family in FAMILIES
    }
    return tuple(
        replace(line, intensity=line.intensity / (totals[line.family] or 1.0)) for line in emitted
    )


def _emitted(element: str, holes: dict[str, float]) -> tuple[XrayLine, ...]:
    """Return lines with the photons emitted for `holes` in each subshell."""
    database = _database(element)
    edges = database.xray_edges(element)
    found = [
        XrayLine(
            element,
            name,
            line.energy / 1000,
            holes[level] * edges[level].fyield * line.intensity,
            level[0],
        )
        for name, line in database.xray_lines(element).items()
        # Some lines are listed for two subshells at once ("M4,5"); they start in the first.
        if (level := line.initial_level.partition(",")[0]) in holes
    ]
    return tuple(sorted(found, key=lambda line: line.energy))


def _hole_shares(element: str, excitation: float) -> dict[str, float]:
    """Return the share of photo-absorptions with a hole in each subshell of K, L and M.

    An edge with jump ratio r takes 1 - 1/r of the absorption left by the edges above it; holes
    then move to higher subshells of the same shell with the Coster–Kronig probabilities.
    """
    database = _database(element)
    edges = database.xray_edges(element)
    open_edges = sorted(
        (name for name in edges if name[0] in FAMILIES and edges[name].energy < 1000 * excitation),
        key=lambda name: -edges[name].energy,
    )
    primary, left = {}, 1.0
    for name in open_edges:
        primary[name] = left * (1 - 1 / edges[name].jump_ratio)
        left /= edges[name].jump_ratio
    return {
        name: primary[name]
        + sum(
            primary[other] * _coster_kronig(element, other, name)
            for other in open_edges
            if other[0] == name[0] and other < name
        )
        for name in open_edges
    }


def _coster_kronig(element: str, initial: str, final: str) -> float:
    """Return the total probability that a hole moves between two subshells."""
    return float(_database(element).ck_probability(element, initial, final, total=True) or 0.0)


def _database(element: str) -> Any:
    """Return xraydb, after checking that it has the element."""
    import xraydb

    if element not in _symbols():
        symbol = str(element).strip().capitalize()
        close = f"; did you mean {symbol!r}?" if symbol in _symbols() else ""
        raise SettingsError(
            f"unknown element {element!r}: expected a symbol such as 'Fe' or 'Pb'{close}"
        )
    return xraydb


@lru_cache(maxsize=1)
def _symbols() -> frozenset[str]:
    """Return the symbols of the elements that Elam's tables cover, hydrogen to californium."""
    import xraydb

    return frozenset(xraydb.atomic_symbol(number) for number in range(1, 99))


def line_group(name: str) -> str:
    """Return the group of a line (Siegbahn's name), or its own name if it is in none.

    >>> line_group("Ka1"), line_group("Lb2,15"), line_group("Ll")
    ('Ka', 'Lb', 'Ll')
    """
    return next((alias for alias in ALIASES if name.startswith(alias)), name)


@lru_cache(maxsize=1)
def all_lines() -> tuple[XrayLine, ...]:
    """Return the lines of all elements, hydrogen to californium; about two seconds at first."""
    return tuple(line for element in sorted(_symbols()) for line in _relative_lines(element))
