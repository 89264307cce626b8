"""What a result lacks or adds somewhere: as data, and in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_xrf_denoise.core.energy_axis import EnergyAxis

MOST = 3
"""Energies that get a sentence, for each kind of departure."""
MOST_NAMED = 6
"""Further energies that the last sentence names."""
PART = (0.4, 0.6)
"""Share of a side of the map that is called a half of it."""
WHOLE = 0.9
"""Share of a side that is called all of it."""


@dataclass(frozen=True)
class Departure:
    """Counts of a line that a result lacks or adds in some pixels, beyond chance.

    Examples
    --------
    >>> lost = Departure(
    ...     5.41, "5.41 keV (Cr Ka)", "Cr", 746, 280, slice(0, 24), slice(0, 24), 576, "part", 1e-18
    ... )
    >>> lost.in_words((48, 48))
    'about 280 of 746 raw counts are missing in the upper left quarter (y 0–23, x 0–23)'
    """

    energy: float
    """Of the line, in keV or as a channel number."""
    name: str
    """``"5.41 keV (Cr Ka)"``, the line where it is clear; without calibration ``"channel 135"``."""
    element: str | None
    """Symbol, None where it is not clear."""
    counts: float
    """Raw counts within about ± 1 FWHM of the line in these pixels, of all repeats together."""
    missing: float
    """How many of them the result lacks; negative where it has more."""
    y: slice
    """Rows from the first to behind the last one."""
    x: slice
    """Columns likewise."""
    pixels: int
    """Number of pixels, which may be fewer than those of all these rows and columns."""
    kind: str
    """``"pixel"``, ``"square"``, ``"part"`` (a quarter or half of the map), ``"line"``,
    ``"diagonal"``, ``"rim"`` (of a bright region), or ``"area"``, made of several of these."""
    chance: float
    """Probability that a perfect result shows as much in any of the places that were searched
    (Bonferroni)."""

    @property
    def is_lost(self) -> bool:
        """Whether counts are missing; otherwise there are more than were counted."""
        return self.missing > 0

    @property
    def importance(self) -> float:
        """How sure times how much: its standard errors times its share of the counts."""
        from scipy.special import ndtri

        most = max(self.counts, self.counts - self.missing, 1.0)
        return float(-ndtri(max(self.chance, 1e-300) / 2)) * abs(self.missing) / most

    def as_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return {
            "energy": float(self.energy),
            "name": self.name,
            "element": self.element,
            "counts": float(self.counts),
            "missing": float(self.missing),
            "y": [int(self.y.start), int(self.y.stop)],
            "x": [int(self.x.start), int(self.x.stop)],
            "pixels": int(self.pixels),
            "kind": self.kind,
            "chance": float(self.chance),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Departure:
        """Return the departure that `as_dict` described."""
        return cls(**{**content, "y": slice(*content["y"]), "x": slice(*content["x"])})

    def in_words(self, shape: tuple[int, int], unit: str = "counts") -> str:
        """Return how much is missing or added, and where in a map of this shape (y, x)."""
        size, place = _number(abs(self.missing)), self.place(shape)
        if self.is_lost:
            return f"about {size} of {_number(self.counts)} raw {unit} are missing in {place}"
        return f"about {size} are added to {_number(self.counts)} raw {unit} in {place}"

    def place(self, shape: tuple[int, int]) -> str:
        """Return where it is in a map of this shape (y, x), in words and numbers."""
        where = f"(y {_range(self.y)}, x {_range(self.x)})"
        height, width = self.y.stop - self.y.start, self.x.stop - self.x.start
        if self.pixels == 1:
            return f"pixel {where}"
        if self.kind == "rim":
            return f"{self.pixels} pixels along the border of a bright region {where}"
        part = _part(self.y, self.x, shape) if self.pixels > WHOLE * height * width else ""
        if part:
            return f"the {part} {where}"
        if self.pixels == height * width:
            return f"the {height} x {width} pixel area {where}"
        if self.kind == "diagonal":
            return f"{self.pixels} pixels along a diagonal {where}"
        return f"{self.pixels} pixels within {where}"


def sentences(departures: Sequence[Departure], shape: tuple[int, int], unit: str) -> Iterator[str]:
    """Yield few sentences about many departures: one for each of the most important energies.

    `departures` come with the most important first.
    """
    for lost, change in ((True, "lost"), (False, "added")):
        named: dict[str, list[Departure]] = {}
        for departure in departures:
            if departure.is_lost is lost:
                named.setdefault(departure.name, []).append(departure)
        groups = list(named.values())
        for group in groups[:MOST]:
            more = f" and as clearly in {_places(len(group) - 1)}" if len(group) > 1 else ""
            yield (
                f"signal may have been {change} near {group[0].name}: "
                f"{group[0].in_words(shape, unit)}{more} (chance {group[0].chance:.0e})"
            )
        if len(groups) > MOST:
            rest = [group[0].name for group in groups[MOST:]]
            names = ", ".join(rest[:MOST_NAMED]) + (" and more" if len(rest) > MOST_NAMED else "")
            yield f"signal may have been {change} at further energies: {names}"


def energy_text(energy: float, axis: EnergyAxis) -> str:
    """Return an energy in words."""
    return f"{energy:.2f} keV" if axis.calibrated else f"channel {energy:.0f}"


def _places(number: int) -> str:
    return f"{number} more {'place' if number == 1 else 'places'}"


def _number(value: float) -> str:
    """Return counts with about two digits, as "about" says."""
    if value < 10:
        return f"{value:.0f}" if value >= 1 or value == 0 else f"{value:.1f}"
    step = 10 ** max(0, int(np.floor(np.log10(value))) - 2)
    return f"{round(value / step) * step:.0f}"


def _range(part: slice) -> str:
    last = part.stop - 1
    return f"{part.start}" if last == part.start else f"{part.start}–{last}"


def _part(y: slice, x: slice, shape: tuple[int, int]) -> str:
    """Return the name of a half or quarter of the map, or an empty one."""
    sides = [(part.stop - part.start) / size for part, size in zip((y, x), shape, strict=True)]
    half = [PART[0] <= side <= PART[1] for side in sides]
    whole = [side >= WHOLE for side in sides]
    words = []
    for own, part, size, names in zip(
        half, (y, x), shape, (("upper", "lower"), ("left", "right")), strict=True
    ):
        middle = (part.start + part.stop) / 2 / size
        if own and not PART[0] <= middle <= PART[1]:
            words.append(names[middle > PART[1]])
    direction = " ".join(words) or "middle"
    if all(half):
        return f"{direction} quarter"
    if any(half) and any(whole):
        return f"{direction} half"
    return "whole map" if all(whole) else ""
