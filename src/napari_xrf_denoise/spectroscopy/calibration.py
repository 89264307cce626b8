"""Energy calibration of a spectrum by two peaks with known lines.

The channels of a silicon drift detector are linear in energy to within a few eV, so two lines
determine offset and gain; their energies are those of `xray_lines`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError, SettingsError

from .xray_lines import line_energy

__all__ = ["LINE_NAMES", "calibration_from_peaks", "parse_line_energy", "refine_peak"]

_K = (
    "B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb "
    "Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba"
)
_L = (
    "Mo Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W "
    "Re Os Ir Pt Au Hg Tl Pb Bi Th U"
)
_M = "Ta W Re Os Ir Pt Au Hg Tl Pb Bi Th U"

LINE_NAMES: tuple[str, ...] = tuple(
    f"{element} {line}"
    for line, elements in (("Ka", _K), ("La", _L), ("Ma", _M))
    for element in elements.split()
)
"""Lines that are the strongest of their element somewhere between 0.2 and 35 keV."""

_NUMBER = re.compile(r"([0-9]*[.,]?[0-9]+(?:e[+-]?[0-9]+)?)\s*(keV|eV)?", re.IGNORECASE)
_NAME = re.compile(r"([A-Za-z]{1,2})(?:[\s_-]+([A-Za-z]+[0-9,]*))?")


def calibration_from_peaks(
    channels: tuple[float, float], energies_kev: tuple[float, float], *, size: int
) -> EnergyAxis:
    """Return the linear energy axis that gives two peaks the energies of two lines.

    Parameters
    ----------
    channels : tuple of two floats
        Centres of the peaks, channel 0 being the first.
    energies_kev : tuple of two floats
        Energies of their lines in keV, in the same order.
    size : int
        Number of channels.

    Raises
    ------
    SettingsError
        If the peaks are identical or lie outside the spectrum, or the higher channel does not have
        the higher energy.

    Examples
    --------
    >>> axis = calibration_from_peaks((370.0, 640.0), (3.7, 6.4), size=2048)
    >>> round(axis.offset, 9), round(axis.gain, 9)
    (0.0, 0.01)
    """
    first, second = _pair("channels", channels)
    low, high = _pair("energies_kev", energies_kev)
    for channel in (first, second):
        if not 0 <= channel <= size - 1:
            raise SettingsError(
                f"channels: expected peaks between channel 0 and {size - 1}, found {channel:g}; "
                "choose a peak inside the spectrum"
            )
    if min(low, high) <= 0:
        raise SettingsError(
            f"energies_kev: expected energies of lines above 0 keV, found {low:g} and {high:g}"
        )
    if first == second:
        raise SettingsError(
            f"channels: expected two different peaks, found channel {first:g} twice; choose "
            "another peak"
        )
    if low == high:
        raise SettingsError(
            f"energies_kev: expected two different lines, found {low:g} keV twice; choose another "
            "line"
        )
    gain = (high - low) / (second - first)
    if gain < 0:
        raise SettingsError(
            f"energies_kev: expected the higher energy at the higher channel, found {low:g} keV at "
            f"channel {first:g} and {high:g} keV at channel {second:g}; swap the two lines"
        )
    return EnergyAxis(low - gain * first, gain, size)


def refine_peak(spectrum: ArrayLike, channel: float, *, reach: int | None = None) -> float:
    """Return the centre of the peak near a channel: the centroid of its upper half.

    Counts below half the height of the peak above its surroundings are ignored, so a sloping
    background and smaller neighbours hardly shift the result.

    Parameters
    ----------
    spectrum : array_like, shape (channels,)
        Counts.
    channel : float
        Approximate position, such as that of a click.
    reach : int, optional
        Largest distance of the top in channels; by default a 200th of the spectrum, at least 4.

    Returns
    -------
    float
        Channel of the centre.

    Raises
    ------
    DataError
        If there is no peak: all surrounding channels have the same counts.
    SettingsError
        If the channel is outside the spectrum.

    Examples
    --------
    >>> counts = 1000 * np.exp(-0.5 * ((np.arange(200) - 80.25) / 5) ** 2)
    >>> round(refine_peak(counts, 78), 1)
    80.2
    """
    counts = np.asarray(spectrum, dtype=np.float64)
    if counts.ndim != 1 or counts.size < 3 or not np.all(np.isfinite(counts)):
        raise DataError(
            f"spectrum: expected at least 3 channels of finite counts, found shape {counts.shape}"
        )
    if not (np.isfinite(channel) and -0.5 <= channel <= counts.size - 0.5):
        raise SettingsError(
            f"channel: expected 0 to {counts.size - 1}, found {channel:g}; click inside the "
            "spectrum"
        )
    reach = max(4, counts.size // 200) if reach is None else reach
    # A mean of three, so that a single noisy channel is not taken for the top.
    smooth = np.convolve(np.pad(counts, 1, mode="edge"), np.full(3, 1 / 3), mode="valid")
    near = int(np.clip(round(channel), 0, counts.size - 1))
    start = max(0, near - reach)
    top = start + int(np.argmax(smooth[start : near + reach + 1]))
    left_end, right_end = max(0, top - 3 * reach), min(counts.size, top + 3 * reach + 1)
    floor = float(smooth[left_end:right_end].min())
    if not smooth[top] > floor:
        raise DataError(
            f"spectrum: expected a peak near channel {near}, found the same counts all around; "
            "choose a place where a line stands out"
        )
    half = (float(smooth[top]) + floor) / 2
    left, right = top, top
    while left > left_end and smooth[left - 1] > half:
        left -= 1
    while right < right_end - 1 and smooth[right + 1] > half:
        right += 1
    weights = np.clip(smooth[left : right + 1] - half, 0, None)
    return float(np.average(np.arange(left, right + 1), weights=weights))


def parse_line_energy(text: str) -> float:
    """Return the energy in keV of a line given as a name or as an energy.

    Parameters
    ----------
    text : str
        ``"Fe Ka"``, ``"Fe-Ka1"``, ``"Pb La"``; ``"Fe"`` for its Ka; ``"6.4"``, ``"6.4 keV"`` or
        ``"6400 eV"``.

    Raises
    ------
    SettingsError
        If it is neither, or the element has no such line.

    Examples
    --------
    >>> parse_line_energy("6400 eV")
    6.4
    >>> round(parse_line_energy("Cu Ka"), 2)
    8.04
    """
    words = text.strip()
    number = _NUMBER.fullmatch(words)
    if number is not None:
        value = float(number[1].replace(",", "."))
        energy = value / 1000 if (number[2] or "").lower() == "ev" else value
        if not (np.isfinite(energy) and energy > 0):
            raise SettingsError(f"line: expected an energy above 0 keV, found {text!r}")
        return energy
    name = _NAME.fullmatch(words)
    if name is None:
        raise SettingsError(
            f"line: expected a line such as 'Fe Ka' or an energy such as '6.4 keV', found {text!r}"
        )
    return line_energy(name[1], name[2] or "Ka")


def _pair(keyword: str, values: Sequence[float]) -> tuple[float, float]:
    numbers = [float(value) for value in values]
    if len(numbers) != 2 or not all(np.isfinite(number) for number in numbers):
        raise SettingsError(f"{keyword}: expected two finite numbers, found {tuple(values)}")
    return numbers[0], numbers[1]
