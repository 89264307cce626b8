"""The first row of a table of spectra: energies, channel numbers, or counts already."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis

CHANNEL, ENERGY, COUNTS = "channel", "energy (keV)", " (counts per channel)"
"""First names of columns, and how that of a spectrum ends."""
DELIMITERS = (";", "\t", ",")
"""What separates cells, the surest first: a semicolon leaves commas to decimals."""
OWN_LABELS = ("energy_keV", "channel")
"""First cells of the tables that this program writes."""
FEWEST_CHANNELS = 16
_EV = re.compile(r"(?<![a-z])ev(?![a-z])")
_EV_ABOVE = 1000.0
_LARGEST_STEP = 2.5
"""In usual steps; no energy scale bends so much from one channel to the next."""
_DAMAGED_SHARE = 0.1
"""Of the steps of energies; of those of counts, half go down."""


@dataclass(frozen=True)
class Header:
    """What the first row of a table is."""

    energies: NDArray[np.float64] | None
    """Energies or numbers of the channels."""
    n_labels: int
    """Columns before the first channel, 0 or 1."""
    is_row: bool
    """False if the first row already holds counts."""
    unit: str = ""
    """Either "keV", "eV" or "channel" where the header says so."""
    is_own: bool = False
    """Written by this program."""


def number(cell: str) -> float | None:
    """Return the number in a cell, None if there is none."""
    try:
        return float(cell)
    except ValueError:
        return None


def read_header(cells: list[str]) -> Header:
    """Tell energies from a first row of counts: energies rise along the row, counts do not."""
    numbers = [number(cell) for cell in cells]
    label = cells[0].lower()
    unit = "channel" if "channel" in label else _unit_of_energy(label)
    rest = [value for value in numbers[1:] if value is not None]
    if not rest:
        return Header(None, int(numbers[0] is None and not cells[0]), is_row=True)
    if len(rest) < len(numbers) - 1:
        return Header(None, 0, is_row=False)  # the cell that is no number is found with the counts
    values = np.array(rest)
    if numbers[0] is None:
        energies = values if rises(values) else None
        own = cells[0] in OWN_LABELS
        return Header(energies, 1, is_row=energies is not None, unit=unit, is_own=own)
    if len(values) >= FEWEST_CHANNELS // 2 and rises(values):
        everything = np.array([numbers[0], *rest])
        n_labels = 0 if rises(everything) and everything[0] < everything[1] else 1
        return Header(everything[n_labels:], n_labels, is_row=True)
    return Header(None, 0, is_row=False)


def _unit_of_energy(label: str) -> str:
    if "kev" in label:
        return "keV"
    return "eV" if _EV.search(label) else ""


def out_of_order(cells: list[str]) -> int | None:
    """Return the first cell that breaks a row of energies, None where the row is none.

    Nearly all steps of energies go up, by about as much each.
    """
    numbers = [number(cell) for cell in cells[1:]]
    if len(numbers) < FEWEST_CHANNELS - 1:
        return None
    values = np.array([np.nan if value is None else value for value in numbers])
    with np.errstate(invalid="ignore"):  # steps between cells that are infinite
        steps = np.diff(values)
    known = steps[np.isfinite(steps)]
    usual = np.median(known) if known.size else 0.0
    is_wrong = ~((steps >= 0) & (steps <= _LARGEST_STEP * usual))
    wrong = np.flatnonzero(is_wrong)
    if usual <= 0 or not 0 < wrong.size <= max(2, _DAMAGED_SHARE * steps.size):
        return None
    # Of the first two numbers that differ too much, the second is wrong unless it fits the third.
    first_is_wrong = wrong[0] == 0 and not is_wrong[1]
    return 1 if first_is_wrong else int(wrong[0]) + 2


def rises(values: NDArray[np.float64]) -> bool:
    """Whether values rise, some perhaps rounded to equal neighbours."""
    steps = np.diff(values)
    return bool(np.all(np.isfinite(values)) and np.all(steps >= 0) and np.mean(steps > 0) > 0.5)


def in_kev(header: Header) -> tuple[NDArray[np.float64], bool]:
    """Return the energies in keV and True, or channel numbers and False."""
    energies = header.energies
    assert energies is not None
    # Whole numbers one apart are channels, also of a part of a spectrum; 1 eV per channel is no
    # step of a detector.
    numbered = energies[0] == np.rint(energies[0]) and bool(np.all(np.diff(energies) == 1))
    if header.unit == "channel" or (numbered and not header.unit):
        return energies, False
    if header.unit == "eV" or (not header.unit and np.max(np.abs(energies)) > _EV_ABOVE):
        return energies / 1000, True
    return energies, True


def energy_axis(header: Header) -> EnergyAxis | None:
    """Return the calibration that a header gives, None where it gives none."""
    if header.energies is None:
        return None
    energies, calibrated = in_kev(header)
    if not calibrated:
        return None
    if np.all(np.diff(energies) > 0):
        return EnergyAxis.from_centers(energies)
    gain, offset = np.polyfit(np.arange(energies.size), energies, 1)
    return EnergyAxis(float(offset), float(gain), energies.size)


def whole(counts: NDArray[np.float64]) -> NDArray[Any]:
    """Return whole counts as unsigned integers, wide enough; others as they are."""
    if not np.all(counts == np.rint(counts)) or counts.min() < 0 or counts.max() >= 2**53:
        return counts
    for dtype in (np.uint16, np.uint32):
        if counts.max() <= np.iinfo(dtype).max:
            return counts.astype(dtype)
    return counts.astype(np.uint64)
