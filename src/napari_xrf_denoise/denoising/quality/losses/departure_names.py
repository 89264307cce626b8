"""Energies and elements of the counts that a result lacks or adds."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.spectroscopy.detector import detector_fwhm, line_width
from napari_xrf_denoise.spectroscopy.line_identification import identify_lines
from napari_xrf_denoise.spectroscopy.line_windows import WindowPartition, running_sum
from napari_xrf_denoise.spectroscopy.xray_lines import line_energy, lines

from .departures import energy_text

AT_LINE = 0.3
"""Distance in FWHM within which departing counts are at a line of the sum spectrum."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Name:
    """Energy and name of a line."""

    energy: float
    text: str
    element: str | None


class LineNames:
    """Names the line of departing counts, from the spectrum that they make."""

    def __init__(self, partition: WindowPartition, axis: EnergyAxis) -> None:
        self._axis, self._lines = axis, partition.lines
        self._edges = partition.half_edges
        size = axis.size
        middles = (self._edges[1:] + self._edges[:-1] - 1) / 2
        self._middles = np.interp(middles, np.arange(size), axis.centers)
        borders = (self._edges[2:] + self._edges[:-2] - 1) / 2
        self.energies = np.interp(borders, np.arange(size), axis.centers)
        """Middles of the windows."""

    def line_windows(self) -> list[int]:
        """Return the index of the window of each line of the sum spectrum."""
        middles = [(line.low + line.high) / 2 for line in self._lines]
        return sorted({int(np.abs(self.energies - middle).argmin()) for middle in middles})

    def name(self, window: int, lacking: Floats) -> Name:
        """Name the line near a window, given what is lacking or added in each half line (half,)."""
        near = slice(max(0, window - 1), window + 3)
        weight = np.maximum(lacking[near], 0)
        energy = float(self.energies[window])
        if weight.sum() > 0:
            energy = float(weight @ self._middles[near] / weight.sum())
        if not self._axis.calibrated:
            return Name(energy, energy_text(energy, self._axis), None)
        line = self._identify(energy, lacking) or self._line_there(energy)
        if not line:
            return Name(energy, energy_text(energy, self._axis), None)
        element, group = line.split(" ", 1)
        tabulated = line_energy(element, group)
        return Name(tabulated, f"{energy_text(tabulated, self._axis)} ({line})", element)

    def _identify(self, energy: float, lacking: Floats) -> str:
        """Return the line of an element whose other lines are lacking as well, as ``"Cr Ka"``."""
        widths = np.diff(self._edges)
        width = line_width(self._axis)
        spectrum = np.repeat(np.maximum(lacking, 0) / widths, widths)
        return identify_lines([energy], self._axis, running_sum(spectrum, width), width)[0]

    def _line_there(self, energy: float) -> str:
        """Return the line of the sum spectrum at an energy."""
        for line in self._lines:
            named = re.search(r"\((.+)\)", line.name)
            middle = (line.low + line.high) / 2
            if named and abs(middle - energy) < AT_LINE * float(detector_fwhm(energy)):
                return named[1]
        return ""


def relative_strength(element: str | None, energy: float, other: float) -> float:
    """Return how strong the lines of an element are at another energy in keV, relative to one.

    Of the same shell; 0 where there are none that a detector cannot tell from that energy.
    """
    if element is None:
        return 0.0
    here, there = (
        [line for line in lines(element) if abs(line.energy - at) < float(detector_fwhm(at)) / 2]
        for at in (energy, other)
    )
    shells = {line.family for line in here}
    own = sum(line.intensity for line in here)
    return sum(line.intensity for line in there if line.family in shells) / own if own else 0.0
