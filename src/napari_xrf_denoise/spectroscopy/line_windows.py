"""Line windows: the channels of the lines that a spectrum shows.

A dose gain over all voxels belongs to the strongest lines. What becomes of a minor element is
seen only in the counts of its own line, so the score is also told for each line window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis

from .detector import detector_fwhm
from .line_identification import identify_lines

MOST_WINDOWS = 20
"""The strongest lines; more would be a table that nobody reads."""
CLEAR = 6.0
"""Standard errors by which a line stands out of what is beside it. The highest of a thousand
channels of noise stands out of the lowest by about 5."""
SMOOTHING = 0.6
"""Width of the running sum in which lines are looked for, in line widths (FWHM)."""
HALF_LINE = 0.6
"""Width of half a window one line wide, in line widths: 1.2 together hold 84 % of a line, and its
signal-to-noise ratio on a background is about the best."""
FALLBACK_LINES = 64
"""How many lines fit beside each other where nothing tells how wide one is."""


@dataclass(frozen=True)
class Window:
    """The channels of a line.

    Parameters
    ----------
    name : str
        Its energy and, where that is clear, its line: ``"6.40 keV (Fe Ka)"``; channels where the
        axis is not calibrated: ``"channels 380–396"``.
    channels : slice
    low, high : float
        Centres of the first and the last of these channels, in keV or channel numbers.
    """

    name: str
    channels: slice
    low: float
    high: float


class WindowPartition:
    """Channels cut into cells, of which windows are made: sums over few cells are quick.

    Parameters
    ----------
    axis : EnergyAxis
    windows : sequence of Window
        They may overlap.

    Attributes
    ----------
    half_edges : numpy.ndarray, shape (halves + 1,)
        First channel of each piece half as wide as a line, and the number of channels.
    """

    def __init__(self, axis: EnergyAxis, windows: Sequence[Window] = ()) -> None:
        self.half_edges = half_lines(axis, windows)
        first = np.array([window.channels.start for window in windows], dtype=np.int64)
        last = np.array([window.channels.stop for window in windows], dtype=np.int64)
        edges = np.unique(np.concatenate([self.half_edges, first, last]))
        self._starts = edges[edges < axis.size]
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
    """Cut a spectrum into pieces half as wide as a line: two neighbours are a window for one.

    Parameters
    ----------
    axis : EnergyAxis
    windows : sequence of Window
        They tell how wide a line is where the axis is not calibrated.

    Returns
    -------
    numpy.ndarray of int
        First channel of each piece, and the number of channels.
    """
    if axis.calibrated:
        width = calibrated_width(axis)
    else:
        found = [(w.channels.stop - w.channels.start) / 2 for w in windows]
        width = np.full(axis.size, np.median(found) if found else axis.size / FALLBACK_LINES)
    edges = [0]
    while edges[-1] < axis.size:
        edges.append(edges[-1] + max(1, round(float(HALF_LINE * width[edges[-1]]))))
    return np.array([*edges[:-1], axis.size])


def find_windows(spectrum: NDArray[np.float64], axis: EnergyAxis) -> tuple[Window, ...]:
    """Return the windows of the lines that stand clearly out of a spectrum, by rising energy.

    A line is a maximum of the running sum over `SMOOTHING` line widths that rises above the
    higher of the minima beside it by more than `CLEAR` standard errors of Poisson counts. Its
    window is ± 1 FWHM, as that of an element map.

    Parameters
    ----------
    spectrum : numpy.ndarray, shape (energy,)
        Counts of all pixels together.
    axis : EnergyAxis

    Returns
    -------
    tuple of Window
        At most `MOST_WINDOWS`, those of the strongest lines; none where no line is clear.

    Examples
    --------
    >>> from napari_xrf_denoise import simulate_map
    >>> image, _ = simulate_map(shape=(32, 32), seed=0)
    >>> "3.31 keV (K Ka)" in [w.name for w in find_windows(image.sum_spectrum(), image.energy)]
    True
    """
    width = calibrated_width(axis) if axis.calibrated else _found_width(spectrum)
    peaks = _find_peaks(np.asarray(spectrum, dtype=np.float64), width)
    if not axis.calibrated:
        return tuple(_uncalibrated(place, axis, width) for place, _ in peaks)
    channels = np.arange(axis.size)
    energies = [float(np.interp(place, channels, axis.centers)) for place, _ in peaks]
    names = identify_lines(energies, axis, running_sum(spectrum, width), width)
    return tuple(_calibrated(e, name, axis) for e, name in zip(energies, names, strict=True))


def calibrated_width(axis: EnergyAxis) -> NDArray[np.float64]:
    """Return the FWHM of a line in each channel, in channels, for a good silicon detector."""
    gain = np.gradient(axis.centers) if axis.size > 1 else np.array([axis.gain])
    return np.asarray(detector_fwhm(axis.centers) / gain)


def running_sum(spectrum: NDArray[np.float64], width: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the counts within `width` channels around each channel."""
    size = len(spectrum)
    below = np.concatenate([[0.0], np.cumsum(spectrum, dtype=np.float64)])
    middle = np.arange(size) + 0.5
    upper, lower = (np.interp(middle + s * width / 2, np.arange(size + 1), below) for s in (1, -1))
    return np.asarray(upper - lower)


def _find_peaks(
    spectrum: NDArray[np.float64], width: NDArray[np.float64]
) -> list[tuple[float, float]]:
    """Return place (channel) and height (counts) of the strongest lines, by rising channel."""
    from scipy.signal import find_peaks, peak_prominences

    smooth = running_sum(spectrum, SMOOTHING * width)
    apart = max(1.0, 0.8 * float(width.min()))
    # Where the height stays the same over many channels, as in an empty part, there is no line.
    places, _ = find_peaks(smooth, distance=apart, plateau_size=(1, max(1.0, float(width.max()))))
    heights = peak_prominences(smooth, places, wlen=max(3, int(8 * width.mean())))[0]
    noise = np.sqrt(2 * smooth[places] - heights)
    clear = heights > CLEAR * noise
    places, heights = places[clear], heights[clear]
    strongest = np.sort(np.argsort(heights)[::-1][:MOST_WINDOWS])
    return [
        (_centroid(smooth, int(places[i]), float(heights[i]), width), float(heights[i]))
        for i in strongest
    ]


def _centroid(
    smooth: NDArray[np.float64], place: int, height: float, width: NDArray[np.float64]
) -> float:
    """Return where a line is, from the counts above half its height, near its highest channel."""
    reach = max(1, round(float(0.6 * width[place])))
    near = slice(max(0, place - reach), place + reach + 1)
    above = np.maximum(smooth[near] - (smooth[place] - height / 2), 0)
    return float(above @ np.arange(near.start, near.start + len(above)) / above.sum())


def _found_width(spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the FWHM of the strongest lines, in channels, the same for each channel."""
    from scipy.signal import find_peaks, peak_prominences, peak_widths

    size = len(spectrum)
    smooth = running_sum(spectrum, np.full(size, 3.0))
    places, _ = find_peaks(smooth)
    heights = peak_prominences(smooth, places)[0]
    clear = heights > CLEAR * np.sqrt(2 * smooth[places] - heights)
    strongest = places[clear][np.argsort(heights[clear])[::-1][:5]]
    if len(strongest) == 0:
        return np.full(size, size / FALLBACK_LINES)
    widths = peak_widths(smooth, strongest, rel_height=0.5)[0]
    # The running sum over 3 channels widens a Gaussian as one of this FWHM does.
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
