"""What denoising took away, in standard deviations of photon counts, computed band by band."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.arrays import is_whole
from napari_xrf_denoise.denoising.progress import Watch
from napari_xrf_denoise.energy_axis import EnergyAxis
from napari_xrf_denoise.errors import DataError
from napari_xrf_denoise.spectrum_image import SpectrumImage

LEAST_RATE = 1e-6
"""Counts that an expected 0 is taken for: a photon where none was expected is a large residual,
not an infinite one."""
CHANCE = 3.0
"""Standard deviations that chance hardly exceeds where counts are many: 3 times in 1,000."""
OTHER_TOTAL = 0.02
"""Share of the counts by which two layers may differ before it is worth a word."""


@dataclass(frozen=True, eq=False)
class ResidualSpectrum:
    """The residual of each channel, summed over all pixels.

    Parameters
    ----------
    axis : EnergyAxis
    values : numpy.ndarray, shape (energy,)
        In standard deviations.
    count_ratio : float
        Total counts of the denoised layer over those of the raw one.
    is_photons : bool
        Whether all raw counts are whole numbers, as photons are.
    chance : float
        Share of the map's pixels, 0 to 1, that photons alone put beyond ± `CHANCE` standard
        deviations, where the denoised counts are the true ones.
    """

    axis: EnergyAxis
    values: NDArray[np.float64]
    count_ratio: float
    is_photons: bool
    chance: float


@dataclass(frozen=True, eq=False)
class _Sums:
    """Counts of an image, repeats combined: of each pixel in a window, and of each channel."""

    picture: NDArray[np.float64]
    spectrum: NDArray[np.float64]
    is_whole: bool


def residuals(
    before: SpectrumImage,
    after: SpectrumImage,
    window: slice,
    watch: Watch,
) -> tuple[NDArray[np.float32], ResidualSpectrum]:
    """Return the residual map of a window of energies, and the residual spectrum.

    A residual is (raw counts - denoised counts) / sqrt(variance). Raw counts are combined as
    ``before.combination`` says. The sum of frames or detector elements has the variance of the
    expected counts, the mean of n scans an nth of that; expected are the denoised counts.

    Parameters
    ----------
    before, after : SpectrumImage
        Raw and denoised, with the same pixels and energies.
    window : slice
        Channels of the map.
    watch : Watch

    Returns
    -------
    numpy.ndarray, shape (y, x), float32
    ResidualSpectrum

    Raises
    ------
    DataError
        If the shapes differ, or counts cannot be used.
    Cancelled
        If the watch says so.
    """
    if before.shape[1:] != after.shape[1:]:
        raise DataError(
            f"{before.name} is {before.shape[1:]} (y, x, energy), {after.name} is "
            f"{after.shape[1:]}; compare layers with the same pixels and energies"
        )
    # The raw counts are more to read: all repeats of them.
    share = before.n_repeats / (before.n_repeats + after.n_repeats)
    raw = _sums(before, window, watch.part(0.0, share))
    denoised = _sums(after, window, watch.part(share, 1.0))
    n = before.n_repeats if before.combination == "mean" else 1
    total = float(raw.spectrum.sum())
    spectrum = ResidualSpectrum(
        axis=before.energy,
        values=standardized(raw.spectrum, denoised.spectrum, n),
        count_ratio=float(denoised.spectrum.sum()) / total if total > 0 else float("nan"),
        is_photons=raw.is_whole,
        chance=float(np.mean(chance_beyond(denoised.picture, n))),
    )
    return standardized(raw.picture, denoised.picture, n).astype(np.float32), spectrum


def standardized(
    raw: NDArray[np.float64], expected: NDArray[np.float64], n_scans: int
) -> NDArray[np.float64]:
    """Return the residuals of the mean of `n_scans` Poisson counts, in standard deviations."""
    return np.asarray((raw - expected) / np.sqrt(np.maximum(expected, LEAST_RATE) / n_scans))


def chance_beyond(expected: NDArray[np.float64], n_scans: int) -> NDArray[np.float64]:
    """Return how likely the mean of `n_scans` Poisson counts is beyond ± `CHANCE` deviations.

    Where counts are many it is 0.3 %; where they are few a single photon may be beyond.

    Parameters
    ----------
    expected : numpy.ndarray
        Expected counts.
    n_scans : int

    Examples
    --------
    >>> chance_beyond(np.array([0.05, 1e6]), 1).round(3)
    array([0.049, 0.003])
    """
    from scipy.stats import poisson

    photons = np.maximum(expected, LEAST_RATE) * n_scans
    reach = CHANCE * np.sqrt(photons)
    below = poisson.cdf(np.ceil(photons - reach) - 1, photons)
    return np.asarray(below + poisson.sf(photons + reach, photons))


def window_channels(axis: EnergyAxis, window: tuple[float, float] | None) -> slice:
    """Return the channels from the first to the last energy of a window, both included.

    Parameters
    ----------
    axis : EnergyAxis
    window : tuple of float, optional
        In keV, or in channels where the axis is not calibrated; all channels if left out.

    Raises
    ------
    DataError
        If no channel lies in the window.
    """
    if window is None:
        return slice(0, axis.size)
    low, high = window
    unit = "keV" if axis.calibrated else ""
    if low > high:
        raise DataError(f"The window ends before it begins: {low:g} to {high:g} {unit}".rstrip())
    # Ends of a window are often centres of channels, rounded somewhere on the way here.
    slack = 1e-3 * axis.gain
    start = int(np.searchsorted(axis.centers, low - slack, side="left"))
    stop = int(np.searchsorted(axis.centers, high + slack, side="right"))
    if stop <= start:
        raise DataError(
            f"No channel lies between {low:g} and {high:g} {axis.unit}; the spectra run from "
            f"{axis.centers[0]:g} to {axis.centers[-1]:g} {axis.unit}. Choose a wider window."
        )
    return slice(start, stop)


def window_words(axis: EnergyAxis, window: tuple[float, float] | None) -> str:
    """Return a window for the name of a layer."""
    if window is None:
        return "all energies"
    low, high = window
    return f"{low:.2f}–{high:.2f} keV" if axis.calibrated else f"channels {low:.0f}–{high:.0f}"


def _sums(image: SpectrumImage, window: slice, watch: Watch) -> _Sums:
    height, width, size = image.shape[1:]
    picture, spectrum = np.zeros((height, width)), np.zeros(size)
    whole = True
    stage = f"adding up {image.name}"
    watch.step(stage, 0.0)
    for rows, band in image.blocks():
        # Sums in float64 of the counts as they are stored: no copy of the band is made.
        picture[rows] = band[..., window].sum(axis=(0, 3), dtype=np.float64)
        spectrum += band.sum(axis=(0, 1, 2), dtype=np.float64)
        whole = whole and is_whole(band)
        watch.step(stage, rows.stop / height)
    if image.combination == "mean":
        picture /= image.n_repeats
        spectrum /= image.n_repeats
    return _Sums(picture, spectrum, whole)
