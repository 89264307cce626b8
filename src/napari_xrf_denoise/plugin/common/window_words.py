"""Warnings for the window: menus in place of options of the command line and calls in Python."""

from __future__ import annotations

import re

from napari_xrf_denoise.plugin.common import CALIBRATE

CROP = "Layers > Transform > Crop"
PLACES = {
    "align": "Layers > Register > Align repeats",
    "unit": "Layers > Data > Counts to photons",
    "repeats": CROP,
    "y": CROP,
    "x": CROP,
    "energy": CROP,
    "energy-axis": CALIBRATE,
}
"""Where the window does what an option does."""
FIELDS = {"unit": "counts per photon", "y": "rows", "x": "columns", "energy": "energies"}

_CALL = r"[\w.]+(?:\((?:[^()]|\([^()]*\))*\))?"
_ADVICE = re.compile(rf"--(?P<option>[a-z-]+)(?: (?P<value>[\w.:-]+))? or {_CALL}")
_CALIBRATION = re.compile(r"give energy_offset and energy_gain in keV \(--[^)]*\)")


def in_window(text: str) -> str:
    """Return a warning that names the menu instead of an option and its Python call.

    Examples
    --------
    >>> in_window("align them with --align or align_repeats(image), which moves whole photons")
    'align them with Layers > Register > Align repeats, which moves whole photons'
    >>> in_window("with --y 21:75 or image.select(y=slice(21, 75))")
    'with Layers > Transform > Crop (rows 21 to 74)'
    """
    return _CALIBRATION.sub(f"choose {CALIBRATE}", _ADVICE.sub(_place, text))


def _place(advice: re.Match[str]) -> str:
    option, value = advice["option"], advice["value"]
    if option not in PLACES:
        return advice[0]
    if value is None or option not in FIELDS:
        return PLACES[option]
    first, colon, last = value.partition(":")
    if colon and option in ("y", "x"):
        last = str(int(last) - 1)  # the command line gives the first row that is left out
    ends = f"{first} to {last}" if colon else value
    return f"{PLACES[option]} ({FIELDS[option]} {ends})"
