"""Channels that are no part of the spectrum: an overflow left in, or a hot channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.spectroscopy.detector import detector_fwhm

RARE = 1e-7
"""Chance, all places of one kind of fault together, at which clean data may raise an alarm."""


def lowest_rate(counts: ArrayLike, chance: float) -> NDArray[np.float64]:
    """Return the rate below which Poisson counts as large as these have less than this chance.

    Examples
    --------
    >>> lowest_rate([0, 100], 1e-9).round(1).tolist()
    [0.0, 51.1]
    """
    from scipy.special import gammaincinv

    values = np.asarray(counts, dtype=np.float64)
    return np.where(values > 0, gammaincinv(np.maximum(values, 1), chance), 0.0)


def highest_rate(counts: ArrayLike, chance: float) -> NDArray[np.float64]:
    """Return the rate above which Poisson counts as small as these have less than this chance.

    Examples
    --------
    >>> highest_rate([0, 100], 1e-9).round(1).tolist()
    [20.7, 173.4]
    """
    from scipy.special import gammainccinv

    return np.asarray(gammainccinv(np.asarray(counts, dtype=np.float64) + 1, chance))


def typical(values: ArrayLike) -> tuple[float, float]:
    """Return median and scatter (as a standard deviation), neither moved by a few outliers."""
    array = np.asarray(values, dtype=np.float64)
    middle = float(np.median(array))
    return middle, 1.4826 * float(np.median(np.abs(array - middle)))


NARROWEST_NOISE = 0.03
"""keV (FWHM): electronic noise of the best silicon detectors; no line is narrower than theirs."""
FEWEST_TIMES = 3.0
"""Least counts of a channel over those of its neighbours."""
UNCALIBRATED_TIMES = 10.0
"""The same if the width of lines is unknown."""
NEIGHBOURS = 5
LOWEST_ENERGY = 0.2
"""keV: below, detectors have their zero peak and noise, which is no fault."""
LOWEST_SHARE = 0.03
"""The same for an axis without a calibration, as a share of the channels."""
MOST_HOT = 3
"""More channels than this are lines of a detector that is narrower than silicon."""

Spectrum = NDArray[np.float64]


def find_overflow(spectrum: Spectrum) -> int | None:
    """Return the last channel of a spectrum (energy,) that holds far more than those before it."""
    filled = np.flatnonzero(spectrum)
    if spectrum.size <= NEIGHBOURS + 1 or not filled.size:
        return None
    last = int(filled[-1])
    # Some detectors have a few unused channels after the one of the overflow.
    if last < spectrum.size - 1 - NEIGHBOURS or last < NEIGHBOURS:
        return None
    before = highest_rate(spectrum[last - NEIGHBOURS : last].max(), RARE)
    return last if lowest_rate(spectrum[last], RARE) > FEWEST_TIMES * before else None


def find_hot_channels(spectrum: Spectrum, energy: EnergyAxis) -> list[int]:
    """Return channels of a spectrum (energy,) that hold more, given both neighbours, than any line.

    Empty where there are more than `MOST_HOT`.
    """
    if spectrum.size < 8:
        return []
    chance = RARE / (3 * spectrum.size)
    beside = highest_rate(np.maximum(spectrum[:-2], spectrum[2:]), chance)
    least = lowest_rate(spectrum[1:-1], chance)
    hot = 1 + np.flatnonzero(least > _most_times(energy)[1:-1] * beside)
    return [int(channel) for channel in hot] if hot.size <= MOST_HOT else []


def _most_times(energy: EnergyAxis) -> NDArray[np.float64]:
    """Return how many times the neighbours of its peak a line may hold; infinite at low energies.

    A line of standard deviation s channels, centred on one, holds exp(1 / 2 s²) times what the next
    channel holds.
    """
    channels = np.arange(energy.size)
    if not energy.calibrated:
        times = np.full(energy.size, UNCALIBRATED_TIMES)
        return np.where(channels < LOWEST_SHARE * energy.size, np.inf, times)
    centers = energy.centers
    width = detector_fwhm(centers, noise=NARROWEST_NOISE) / 2.355
    line = np.exp(np.minimum((np.gradient(centers) / width) ** 2 / 2, 50))
    return np.where(centers < LOWEST_ENERGY, np.inf, FEWEST_TIMES * line)


DARK = 20
"""Empty pixels that are natural for each pixel with one count: rates down to 1 / DARK."""


def count_empty_pixels(pixels: NDArray[np.floating]) -> int:
    """Return the number of empty pixels among counts (y, x), or 0 if photon noise explains them.

    A pixel of rate λ is empty with the chance exp(-λ). As many are expected as the other pixels
    give with their own counts as rates; twice that counts as natural. In dark regions, of rate λ,
    there are 1 / λ empty pixels for each that holds one count: up to `DARK` of them are natural.
    """
    from scipy.stats import poisson

    filled = pixels[pixels > 0].astype(np.float64)
    empty = int(pixels.size - filled.size)
    if not empty or not filled.size:
        return 0
    natural = 2 * float(np.exp(-filled).sum()) + DARK * int((filled == 1).sum())
    return empty if poisson.sf(empty - 1, natural) < RARE else 0
