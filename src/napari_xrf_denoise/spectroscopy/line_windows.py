"""Line windows: the channels of the lines in a spectrum.

The strongest lines dominate a dose gain over all voxels. A minor element shows only in the counts
of its own line, so the score is also reported for each line window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis

from .detector import detector_fwhm, line_width
from .line_identification import identify_lines

MOST_WINDOWS = 20
"""The strongest lines; nobody reads a longer table."""
CLEAR = 6.0
"""Standard errors by which a line must rise above its surroundings. The highest of a thousand
channels of noise rises above the lowest by about 5."""
SMOOTHING = 0.6
"""Width of the running sum in which lines are searched, in line widths (FWHM)."""
HALF_LINE = 0.6
"""Half the width of a window for one line, in line widths: a window of 1.2 holds 84 % of a line, at
about the best signal-to-noise ratio on a background."""
FALLBACK_LINES = 64
"""How many lines fit side by side where their width is unknown."""


@dataclass(frozen=True)
class Window:
    """The channels of a line."""

    name: str
    """``"6.40 keV (Fe Ka)"``, the line where it is clear; without calibration ``"channels
    380–396"``."""
    channels: slice
    low: float
    """Centre of the first channel, in keV or channel numbers."""
    high: float
    """Centre of the last channel."""


class WindowPartition:
    """Channels cut into cells that make up the windows: sums over few cells are fast.

    `half_edges`, shape (halves + 1,), are those of `half_lines`; the windows `lines` may overlap.
    `cell_of` (energy,) is the cell of each channel.
    """

    def __init__(self, axis: EnergyAxis, windows: Sequence[Window] = ()) -> None:
        self.lines = tuple(windows)
        self.half_edges = half_lines(axis, windows)
        first = np.array([window.channels.start for window in windows], dtype=np.int64)
        last = np.array([window.channels.stop for window in windows], dtype=np.int64)
        edges = np.unique(np.concatenate([self.half_edges, first, last]))
        self._starts = edges[edges < axis.size]
        self.cell_of = np.searchsorted(self._starts, np.arange(axis.size), side="right") - 1
        self._halves = np.searchsorted(self._starts, self.half_edges[:-1])
        inside = (self._starts[:, None] >= first) & (self._starts[:, None] < last)
        self._inside = inside.astype(np.float64)

    def cells(self, counts: NDArray[Any]) -> NDArray[Any]:
        """Return the sums over the channels of each cell, (..., energy) to (..., cell)."""
        return np.asarray(np.add.reduceat(counts, self._starts, axis=-1))

    def windows(self, cells: NDArray[Any]) -> NDArray[np.float64]:
        """Return the sums over the channels of each window, (..., cell) to (..., window)."""
        return np.asarray(cells @ self._inside)

    def halves(self, cells: NDArray[Any]) -> NDArray[np.float32]:
        """Return the sums over half lines, (..., cell) to (..., half)."""
        return np.add.reduceat(cells, self._halves, axis=-1).astype(np.float32)


def half_lines(axis: EnergyAxis, windows: Sequence[Window] = ()) -> NDArray[np.int64]:
    """Return the first channel of each piece half as wide as a line, and the number of channels.

    Two neighbouring pieces are a window for one line. Without calibration, the windows give the
    width of a line.
    """
    if axis.calibrated:
        width = line_width(axis)
    else:
        found = [(w.channels.stop - w.channels.start) / 2 for w in windows]
        width = np.full(axis.size, np.median(found) if found else axis.size / FALLBACK_LINES)
    edges = [0]
    while edges[-1] < axis.size:
        edges.append(edges[-1] + max(1, round(float(HALF_LINE * width[edges[-1]]))))
    return np.array([*edges[:-1], axis.size])


def find_windows(spectrum: NDArray[np.float64], axis: EnergyAxis) -> tuple[Window, ...]:
    """Return the windows of the clear lines in a spectrum (energy,), by rising energy.

    A line is a maximum of the running sum over `SMOOTHING` line widths that rises above the
    higher of the minima beside it by more than `CLEAR` standard errors of Poisson counts. Its
    window is ± 1 FWHM, as that of an element map. At most `MOST_WINDOWS` are returned, those of
    the strongest lines.

    Examples
    --------
    >>> from napari_xrf_denoise import simulate_map
    >>> image, _ = simulate_map(shape=(32, 32), seed=0)
    >>> "3.31 keV (K Ka)" in [w.name for w in find_windows(image.sum_spectrum(), image.energy)]
    True
    """
    width = line_width(axis) if axis.calibrated else _found_width(spectrum)
    peaks = _find_peaks(np.asarray(spectrum, dtype=np.float64), width)
    if not axis.calibrated:
        return tuple(_uncalibrated(place, axis, width) for place in peaks)
    energies = np.interp(peaks, np.arange(axis.size), axis.centers).tolist()
    names = identify_lines(energies, axis, running_sum(spectrum, width), width)
    return tuple(_calibrated(e, name, axis) for e, name in zip(energies, names, strict=True))


def running_sum(spectrum: NDArray[np.float64], width: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the counts within `width` channels around each channel."""
    size = len(spectrum)
    below = np.concatenate([[0.0], np.cumsum(spectrum, dtype=np.float64)])
    middle = np.arange(size) + 0.5
    upper, lower = (np.interp(middle + s * width / 2, np.arange(size + 1), below) for s in (1, -1))
    return np.asarray(upper - lower)


def _find_peaks(spectrum: NDArray[np.float64], width: NDArray[np.float64]) -> list[float]:
    """Return the channels of the strongest lines, by rising channel."""
    smooth = running_sum(spectrum, SMOOTHING * width)
    places, heights = _clear_maxima(
        smooth,
        MOST_WINDOWS,
        reach=max(3, int(8 * width.mean())),
        distance=max(1.0, 0.8 * float(width.min())),
        # Equal heights over many channels, as in an empty part, are not a line.
        plateau_size=(1, max(1.0, float(width.max()))),
    )
    return [
        _centroid(smooth, int(place), float(height), width)
        for place, height in zip(places, heights, strict=True)
    ]


def _clear_maxima(
    smooth: NDArray[np.float64], most: int, *, reach: int | None = None, **conditions: Any
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return channels and prominences of the strongest clear maxima of a running sum.

    `reach` limits how far minima are searched (channels); `conditions` are those of
    `scipy.signal.find_peaks`.
    """
    from scipy.signal import find_peaks, peak_prominences

    places, _ = find_peaks(smooth, **conditions)
    heights = peak_prominences(smooth, places, wlen=reach)[0]
    clear = heights > CLEAR * np.sqrt(2 * smooth[places] - heights)
    places, heights = places[clear], heights[clear]
    strongest = np.sort(np.argsort(heights)[::-1][:most])
    return places[strongest], heights[strongest]


def _centroid(
    smooth: NDArray[np.float64], place: int, height: float, width: NDArray[np.float64]
) -> float:
    """Return the centre of a line: the centroid of the counts above half its height."""
    reach = max(1, round(float(0.6 * width[place])))
    near = slice(max(0, place - reach), place + reach + 1)
    above = np.maximum(smooth[near] - (smooth[place] - height / 2), 0)
    return float(above @ np.arange(near.start, near.start + len(above)) / above.sum())


def _found_width(spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the FWHM of the strongest lines, in channels, the same for each channel."""
    from scipy.signal import peak_widths

    size = len(spectrum)
    smooth = running_sum(spectrum, np.full(size, 3.0))
    strongest, _ = _clear_maxima(smooth, 5)
    if len(strongest) == 0:
        return np.full(size, size / FALLBACK_LINES)
    widths = peak_widths(smooth, strongest, rel_height=0.5)[0]
    # A running sum over 3 channels adds a variance of 9 / 12 to that of a line.
    own = np.sqrt(np.maximum(np.median(widths) ** 2 - (2.355**2) * 9 / 12, 1.0))
    return np.full(size, float(own))


def _calibrated(energy: float, name: str, axis: EnergyAxis) -> Window:
    width = float(detector_fwhm(energy))
    start, stop = np.searchsorted(axis.centers, [energy - width, energy + width])
    start = min(int(start), axis.size - 1)
    channels = slice(start, max(int(stop), start + 1))
    named = f"{energy:.2f} keV" + (f" ({name})" if name else "")
    return Window(named, channels, *_ends(channels, axis))


def _uncalibrated(place: float, axis: EnergyAxis, width: NDArray[np.float64]) -> Window:
    reach = float(width[round(place)])
    start = max(0, round(place - reach))
    channels = slice(start, min(axis.size, max(start + 1, round(place + reach) + 1)))
    return Window(
        f"channels {channels.start}–{channels.stop - 1}", channels, *_ends(channels, axis)
    )


def _ends(channels: slice, axis: EnergyAxis) -> tuple[float, float]:
    return float(axis.centers[channels.start]), float(axis.centers[channels.stop - 1])
