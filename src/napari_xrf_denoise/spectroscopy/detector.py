"""Response of an energy-dispersive silicon detector: resolution, line shape, efficiency.

SciPy and xraydb are imported when they are first needed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import SettingsError

from .xray_lines import line_energy

__all__ = ["Detector", "detector_fwhm"]

PAIR_ENERGY = 3.66e-3
"""keV needed for one electron–hole pair in silicon at the usual temperatures of a detector."""
FANO_SILICON = 0.115
"""Fano factor of silicon: variance of the number of pairs over that of a Poisson process."""
FWHM_PER_SIGMA = 2 * np.sqrt(2 * np.log(2))
DENSITY = {"Be": 1.848, "Si": 2.33, "air": 1.20e-3}
"""g/cm³, for the absorption on the way to and in the detector."""
AIR = {"N": 0.755, "O": 0.232, "Ar": 0.013}
"""Composition of dry air by mass."""


def detector_fwhm(
    energy: ArrayLike, *, noise: float = 0.06, fano: float = FANO_SILICON
) -> NDArray[np.float64]:
    """Return the full width at half maximum of a line in a silicon detector.

    ``FWHM² = noise² + 8 ln 2 · fano · pair energy · energy``: electronic noise and, independent of
    it, the statistics of the charge. See Knoll, Radiation Detection and
    Measurement, 4th ed., section 13.III.

    Parameters
    ----------
    energy : array_like
        Energy in keV; negative energies are treated as 0.
    noise : float
        Width due to electronic noise alone, in keV. 0.06 is a good silicon drift detector.
    fano : float
        Fano factor.

    Returns
    -------
    numpy.ndarray
        Widths in keV, of the shape of `energy`.

    Examples
    --------
    >>> bool(0.12 < detector_fwhm(5.9) < 0.16)
    True
    """
    energies = np.maximum(np.asarray(energy, dtype=np.float64), 0.0)
    width: NDArray[np.float64] = np.sqrt(
        noise**2 + FWHM_PER_SIGMA**2 * fano * PAIR_ENERGY * energies
    )
    return width


def line_width(axis: EnergyAxis) -> NDArray[np.float64]:
    """Return the FWHM of a line in each channel of a calibrated axis, in channels, (channels,)."""
    steps = np.gradient(axis.centers) if axis.size > 1 else axis.gain
    return np.asarray(detector_fwhm(axis.centers) / steps)


@dataclass(frozen=True)
class Detector:
    """A silicon drift detector: how it spreads the photons of a line over channels.

    Raises
    ------
    SettingsError
        If a length, width or share is negative, or the shares exceed 1.
    """

    noise: float = 0.06
    """Width (FWHM, keV) of the electronic noise."""
    fano: float = FANO_SILICON
    tail: float = 0.01
    """Share of photons that lose some charge near the entrance window: an exponential tail."""
    tail_slope: float = 0.25
    """Mean energy that these lose, in keV."""
    shelf: float = 0.01
    """Share that loses any part of its charge: a flat shelf from the line down to zero."""
    threshold: float = 0.6
    """Energy in keV below which pulses are not counted."""
    window: float = 25e-4
    """Thickness of the beryllium window in cm."""
    air_path: float = 1.0
    """Air between sample and detector in cm."""
    thickness: float = 0.045
    """Thickness of the silicon in cm."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not (np.isfinite(value) and value >= 0):
                raise SettingsError(f"detector: {name} must not be negative, found {value}")
        if self.tail + self.shelf > 1 or self.tail_slope == 0 or self.noise == 0:
            raise SettingsError(
                "detector: noise and tail_slope must be above 0, tail and shelf together at most 1"
            )

    def fwhm(self, energy: ArrayLike) -> NDArray[np.float64]:
        """Return the width (FWHM, keV) of a line at an energy in keV."""
        return detector_fwhm(energy, noise=self.noise, fano=self.fano)

    def efficiency(self, energy: ArrayLike) -> NDArray[np.float64]:
        """Return the share of photons (energies in keV) that reach and stop in the silicon."""
        import xraydb

        # Elam's tables begin at 0.1 keV; nothing passes the window there.
        electronvolts = 1000 * np.maximum(np.asarray(energy, dtype=np.float64), 0.1)
        absorbed = {
            element: np.asarray(xraydb.mu_elam(element, electronvolts))
            for element in ("Be", "Si", *AIR)
        }
        air = sum(share * absorbed[element] for element, share in AIR.items())
        path = absorbed["Be"] * DENSITY["Be"] * self.window + air * DENSITY["air"] * self.air_path
        stopped = -np.expm1(-absorbed["Si"] * DENSITY["Si"] * self.thickness)
        return np.asarray(np.exp(-path) * stopped, dtype=np.float64)

    def respond(
        self, energies: ArrayLike, photons: ArrayLike, axis: EnergyAxis, *, broadening: float = 0.0
    ) -> NDArray[np.float64]:
        """Return the spectrum of monochromatic photons that reach the silicon.

        Each line becomes a Gaussian with an exponential tail and a shelf towards low energy
        (Campbell & Maxwell 1997, Nuclear Instruments and Methods B 129, 297) and its silicon
        escape peak, integrated over each channel. Photons outside the axis are lost.

        Parameters
        ----------
        energies, photons : array_like, shape (lines,)
            Energy in keV and number of photons of each line.
        axis : EnergyAxis
            Channels, in keV.
        broadening : float
            Additional width (FWHM, keV) of every line, such as the Doppler broadening of Compton
            scatter.

        Returns
        -------
        numpy.ndarray, shape (channels,)
            Expected counts in each channel.
        """
        lines = np.atleast_1d(np.asarray(energies, dtype=np.float64))
        weights = np.atleast_1d(np.asarray(photons, dtype=np.float64))
        escape = _escape_ratio(lines)
        lines = np.concatenate([lines, lines - line_energy("Si", "Ka")])
        weights = np.concatenate([weights * (1 - escape), weights * escape])
        edges = axis.borders
        spectrum = np.zeros(axis.size)
        for energy, weight in zip(lines, weights, strict=True):
            if weight > 0 and energy > 0:
                width = np.hypot(self.fwhm(energy), broadening) / FWHM_PER_SIGMA
                spectrum += weight * np.diff(self._below(edges, energy, float(width)))
        # Rounding leaves about -1e-18 where a line has no counts.
        return np.maximum(spectrum, 0.0) * self._accepted(axis)

    def _below(
        self, edges: NDArray[np.float64], energy: float, sigma: float
    ) -> NDArray[np.float64]:
        """Return the share of a line's counts below each edge: the cumulative line shape."""
        from scipy.special import log_ndtr, ndtr

        z = (edges - energy) / sigma
        peak = ndtr(z)
        # A Gaussian convolved with an exponential towards low energy.
        ratio = sigma / self.tail_slope
        tail = peak + np.exp(ratio**2 / 2 + z * ratio + log_ndtr(-z - ratio))
        # A box from 0 to the line convolved with a Gaussian.
        z0 = edges / sigma
        box = ((z0 * ndtr(z0) + _density(z0)) - (z * peak + _density(z))) * sigma / energy
        full = 1 - self.tail - self.shelf
        return np.asarray(full * peak + self.tail * tail + self.shelf * box)

    def _accepted(self, axis: EnergyAxis) -> NDArray[np.float64]:
        """Return the share of pulses in each channel above the threshold, smeared by noise."""
        from scipy.special import ndtr

        if self.threshold == 0:
            return np.ones(axis.size)
        return np.asarray(ndtr((axis.centers - self.threshold) * FWHM_PER_SIGMA / self.noise))

    def as_dict(self) -> dict[str, Any]:
        """Return the parameters as plain values, for metadata."""
        return asdict(self)


def _density(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard normal density."""
    return np.asarray(np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi))


def _escape_ratio(energies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of photons whose silicon K photon escapes through the front.

    Reed & Ware (1972), Journal of Physics E 5, 582, for photons that arrive at a right angle.
    """
    edge, yield_k, jump = _silicon_edge()
    ratio: NDArray[np.float64] = np.zeros_like(energies)
    above = energies > edge
    if np.any(above):
        import xraydb

        incoming = np.asarray(xraydb.mu_elam("Si", 1000 * energies[above]))
        own = float(xraydb.mu_elam("Si", 1000 * line_energy("Si", "Ka")))
        leaving = 1 - own / incoming * np.log1p(incoming / own)
        ratio[above] = 0.5 * yield_k * (1 - 1 / jump) * leaving
    return ratio


@lru_cache(maxsize=1)
def _silicon_edge() -> tuple[float, float, float]:
    """Return energy in keV, fluorescence yield and jump ratio of the K edge of silicon."""
    import xraydb

    edge = xraydb.xray_edge("Si", "K")
    return edge.energy / 1000, edge.fyield, edge.jump_ratio
