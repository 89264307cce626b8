"""Peaks of a spectrum, found by their second difference.

The statistic is the classical one of peak search: the spectrum is convolved with a kernel of zero
area, the negative second derivative of a Gaussian, and the result is compared with its standard
deviation, which for Poisson counts follows from the counts themselves. A constant or linear
background gives exactly zero. See Mariscotti (1967), Nuclear Instruments and Methods 50, 309, and
for kernels of zero area Routti & Prussin (1969), Nuclear Instruments and Methods 72, 125.

A curved background gives a response too, but bends over more channels than a line: the response to
a kernel twice as wide estimates that of such a background, and is subtracted.

SciPy is imported when it is first needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError, SettingsError

from .detector import FWHM_PER_SIGMA, line_width

__all__ = ["Peak", "find_peaks"]

Floats = NDArray[np.float64]

REACH = 4.0
"""How far a kernel reaches, in standard deviations of its Gaussian."""
STEP = 0.03
"""Ratio between the widths of kernels, as a difference of logarithms."""
LEAST_SHARE = 0.01
"""Least height of a peak relative to its background. With enough counts everything is significant,
even the ripple of a result or the shape of a background."""
LEAST_DIP = 0.3
"""How far the response must fall on both sides of a peak below that of its background, as a share
of the peak's rise above it: alone, a line dips by 0.9."""
STEP_DIP = 0.15
"""How far the response to a step, such as a detector's threshold, falls above it, as a share of
how far it falls below it. A line falls as far on both sides."""
STEP_NOISE = 3.0
"""Standard deviations by which the response must fall further: that of a noisy step can fall like
that of a line by chance."""
WIDEST = 3.0
"""Largest width of a peak, in widths of the detector; wider structures are background."""
NARROWEST = 2.0
"""FWHM in channels below which lines are not resolved by the channels."""
WIDTHS = 24
"""Number of widths tried where the width of lines is unknown."""
STRONGEST = 5
"""Number of the strongest peaks that then determine it."""


@dataclass(frozen=True)
class Peak:
    """A place where counts rise like those of a line.

    Parameters
    ----------
    energy : float
        Of the top, in keV; in channels when the axis is not calibrated.
    channel : float
        The same in channels, channel 0 being the first.
    height : float
        Counts in the highest channel, including the background.
    net : float
        Counts above the background, estimated as those of a Gaussian line of the detector's width:
        too low where lines overlap, and by ((t² + 1) / 2)^1.5 for a peak t times as wide (4 for
        t = 2). Using the fitted t instead would amplify the noise even more.
    significance : float
        Response of the search over its standard deviation for Poisson counts.
    width : float
        Estimated full width at half maximum in keV (or channels); not below that of the detector,
        since neighbours make a peak seem narrower.
    name : str
        Suggested line, such as ``"Fe Ka"``; empty where none is clear.
    """

    energy: float
    channel: float
    height: float
    net: float
    significance: float
    width: float
    name: str = ""


def find_peaks(
    counts: ArrayLike,
    energy_axis: EnergyAxis,
    *,
    least_significance: float = 4.0,
    repeats: float = 1,
) -> tuple[Peak, ...]:
    """Return the peaks of a spectrum, by rising energy.

    A peak is a maximum of the second-difference response (see the module's introduction) that is
    `least_significance` standard deviations high, dips on both sides, unlike a step, is at most
    three times as wide as a line (alone on a straight background), and rises above its background
    by 1 % of it. Where a line overlaps a stronger one it is found if it makes a shoulder of its
    own, about 1.2 FWHM away.

    Expected counts, as from denoising, are treated like measured ones: the peaks returned would be
    clear in Poisson counts of that height. A smooth background has no peaks.

    Parameters
    ----------
    counts : array_like, shape (channels,)
        Poisson counts, or expected counts.
    energy_axis : EnergyAxis
        Energies of the channels. When it is not calibrated, the width of the lines is that of
        the strongest peaks instead of that of a silicon drift detector.
    least_significance : float
        In standard deviations. A spectrum of a few hundred line widths that has no peak shows
        one above 4 about once in a hundred times.
    repeats : float
        Of how many spectra `counts` is the mean; counts times repeats are then Poisson.

    Returns
    -------
    tuple of Peak

    Raises
    ------
    DataError
        If the counts are not one spectrum of the axis' length, or negative or not finite.
    SettingsError
        If `least_significance` or `repeats` is not above 0.

    Examples
    --------
    >>> axis = EnergyAxis(0.0, 0.01, 1024)
    >>> line = 200 * np.exp(-0.5 * ((axis.centers - 6.4) / 0.06) ** 2)
    >>> [round(peak.energy, 2) for peak in find_peaks(50 + line, axis)]
    [6.4]
    """
    spectrum = _checked(counts, energy_axis)
    for name, value in (("least_significance", least_significance), ("repeats", repeats)):
        if not (np.isfinite(value) and value > 0):
            raise SettingsError(f"{name}: expected a number above 0, found {value}")
    from scipy.signal import find_peaks as maxima

    width = peak_widths(spectrum, energy_axis)
    fine, deviation = _response(spectrum, width / FWHM_PER_SIGMA)
    coarse, _ = _response(spectrum, 2 * width / FWHM_PER_SIGMA)
    # Between lines the wide response is negative: that is no background to correct for.
    rise = fine - np.maximum(coarse, 0.0)
    significance = rise / np.maximum(deviation / np.sqrt(repeats), _of_one_count(width) / repeats)
    places = maxima(fine)[0]
    is_peak = (significance >= least_significance) & (rise > _rise_of(WIDEST) * fine)
    places = places[is_peak[places]]
    found = []
    for place in places.tolist():
        own = float(width[place])
        peak = _peak(spectrum, (fine, coarse), energy_axis, place, own, float(significance[place]))
        background = spectrum[place] - peak.net / _area(own)
        stands_out = peak.net / _area(own) > LEAST_SHARE * background
        dips = _dips(spectrum, (fine[place] - fine) / rise[place] - 1, place, own)
        if stands_out and _is_no_step(dips, peak.significance):
            found.append(peak)
    return tuple(found)


def peak_widths(spectrum: Floats, axis: EnergyAxis) -> Floats:
    """Return the FWHM of a line in each channel, in channels, shape (channels,).

    Without calibration, the strongest peaks of the spectrum give one width for all channels.
    """
    if axis.calibrated:
        return np.maximum(line_width(axis), NARROWEST)
    return np.full(axis.size, max(_usual_width(spectrum), NARROWEST))


def _checked(counts: ArrayLike, axis: EnergyAxis) -> Floats:
    spectrum = np.asarray(counts, dtype=np.float64)
    if spectrum.shape != (axis.size,):
        raise DataError(
            f"counts: expected one spectrum of {axis.size} channels, as the energy axis has, found "
            f"shape {spectrum.shape}; give the sum over pixels and repeats, or one pixel"
        )
    if not np.all(np.isfinite(spectrum)) or spectrum.min() < 0:
        raise DataError("counts: expected finite counts of at least 0, found NaN or below 0")
    return spectrum


def _response(spectrum: Floats, sigma: Floats) -> tuple[Floats, Floats]:
    """Return the curvature of the spectrum at the scale `sigma`, and its standard deviation.

    The kernel is the negative second derivative of a Gaussian of area 1 and width `sigma`
    (channels), which follows the resolution from channel to channel: the response is interpolated
    between those of kernels whose widths differ by `STEP`.
    """
    place = np.log(sigma / sigma.min()) / STEP
    response, variance = np.zeros(sigma.size), np.zeros(sigma.size)
    for node in range(int(np.ceil(place.max())) + 1):
        weight = np.maximum(1 - np.abs(place - node), 0.0)
        used = np.flatnonzero(weight)
        if not used.size:
            continue
        part = slice(int(used[0]), int(used[-1]) + 1)
        kernel = _kernel(float(sigma.min()) * float(np.exp(STEP * node)))
        reach = len(kernel) // 2
        near = np.pad(spectrum, reach, mode="edge")[part.start : part.stop + 2 * reach]
        response[part] += weight[part] * np.correlate(near, kernel, mode="valid")
        variance[part] += weight[part] * np.correlate(near, kernel**2, mode="valid")
    return response, np.sqrt(variance)


def _kernel(sigma: float) -> Floats:
    """Return the negative second derivative of a Gaussian, with an area of exactly zero."""
    reach = int(np.ceil(REACH * sigma))
    z = (np.arange(-reach, reach + 1) / sigma) ** 2
    kernel = (1 - z) * np.exp(-z / 2) / (np.sqrt(2 * np.pi) * sigma**3)
    # Truncation and sampling leave an area that is not quite zero.
    return np.asarray(kernel - kernel.mean())


def _rise_of(times: float) -> float:
    """Return the relative decrease of the response from one scale to twice that scale.

    For a Gaussian `times` as wide as the detector, whose width is the first scale.
    """
    return float(1 - ((times**2 + 1) / (times**2 + 4)) ** 1.5)


def _peak(
    spectrum: Floats,
    responses: tuple[Floats, Floats],
    axis: EnergyAxis,
    place: int,
    own: float,
    significance: float,
) -> Peak:
    """Describe a maximum of the (fine, coarse) responses where a line is `own` channels wide.

    A Gaussian of area A and width σ gives A / (√2π (σ² + s²)^1.5) at the scale s, so that the
    responses at two scales determine σ and A.
    """
    fine, coarse = responses
    left, top, right = fine[place - 1 : place + 2]
    channel = place + float(np.clip((left - right) / (2 * (left - 2 * top + right)), -0.5, 0.5))
    scale = own / FWHM_PER_SIGMA
    ratio = (top / coarse[place]) ** (2 / 3) if coarse[place] > 0 else np.inf
    times = np.sqrt((4 - ratio) / (ratio - 1)) if 1 < ratio < 4 else 1.0
    net = float(top) * np.sqrt(2 * np.pi) * (2 * scale**2) ** 1.5
    reach = max(1, round(own / 2))
    energy = float(np.interp(channel, np.arange(axis.size), axis.centers))
    step = axis.gain if axis.is_linear else float(np.gradient(axis.centers)[place])
    return Peak(
        energy=energy,
        channel=channel,
        height=float(spectrum[max(0, place - reach) : place + reach + 1].max()),
        net=float(net),
        significance=significance,
        width=float(np.clip(times, 1.0, WIDEST)) * own * step,
    )


def _area(fwhm: float) -> float:
    """Counts of a Gaussian line over those of its highest channel."""
    return float(max(1.0, np.sqrt(2 * np.pi) * fwhm / FWHM_PER_SIGMA))


def _dips(spectrum: Floats, dip: Floats, place: int, width: float) -> tuple[float, float]:
    """Return the largest dips within two line widths on both sides, that with fewer counts first.

    `dip` is how far the response is below that of the background, relative to the rise of the
    peak; `width` is the FWHM of a line in channels.
    """
    reach = max(2, round(2 * width))
    sides = slice(max(0, place - reach), place), slice(place + 1, place + 1 + reach)
    if not all(dip[side].size for side in sides):
        return 0.0, 0.0
    low, high = sorted(sides, key=lambda side: float(spectrum[side].mean()))
    return float(dip[low].max()), float(dip[high].max())


def _is_no_step(dips: tuple[float, float], significance: float) -> bool:
    """Whether the response falls on both sides like that to a peak, not to a step."""
    low, high = dips
    return min(dips) > LEAST_DIP and high > STEP_DIP * low + STEP_NOISE / significance


def _of_one_count(width: Floats) -> Floats:
    """Return the central response to a single count: the least uncertainty of a response."""
    return np.asarray(1 / (np.sqrt(2 * np.pi) * (width / FWHM_PER_SIGMA) ** 3))


def _usual_width(spectrum: Floats) -> float:
    """Return the FWHM of the strongest peaks, in channels.

    The response times σ^1.5 to a Gaussian is largest at the scale of its own width
    (Lindeberg 1998, International Journal of Computer Vision 30, 79).
    """
    from scipy.signal import find_peaks as maxima

    size = len(spectrum)
    widths = np.geomspace(NARROWEST, max(2 * NARROWEST, size / 16), WIDTHS)
    strength = np.empty((WIDTHS, size))
    for row, sigma in zip(strength, widths / FWHM_PER_SIGMA, strict=True):
        row[:] = sigma**1.5 * _response(spectrum, np.full(size, sigma))[0]
    tallest = strength.max(axis=0)
    tops = maxima(tallest)[0]
    tops = tops[np.argsort(tallest[tops])[::-1][:STRONGEST]]
    if not tops.size:
        return float(widths[WIDTHS // 2])
    return float(np.median(widths[strength[:, tops].argmax(axis=0)]))
