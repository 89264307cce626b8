"""Energy scales of repeats: by how many channels each one's spectrum lies beside the others'.

Detector elements have amplifiers of their own, and a detector drifts from scan to scan, so that one
line is found in channels that differ. The scale of each repeat is fitted, as offset and stretch,
by maximum likelihood to the sum of all repeats moved onto each other. The fit has an amplitude of
its own in every short window of channels: elements of a detector may see different spectra (another
angle, another filter), and only where a line lies shall count, not how high it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis

SMOOTHINGS = (16.0, 8.0, 4.0, 2.0, 2.0, 2.0, 2.0, 2.0)
"""Standard deviations, in channels, of the smoothing of the sum at each step of the fit: wide ones
find scales that are far off, narrow ones are exact."""
LARGEST_STEP = 12.0
"""Channels that one step of the fit may move a spectrum by."""
FEWEST_COUNTS = 100.0
"""Counts of a repeat below which a window says nothing about its scale."""
CLEAR_LINE = 4.0
"""How many times what noise alone would give the structure of a window must be to take part."""
UNKNOWN = np.diag([1e12, 1e12])
"""Covariance of a scale of which nothing is known."""

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EnergyScales:
    """How far the channels of each repeat lie beside the common axis.

    A photon that repeat i has in channel c belongs to channel ``c - shifts(c)[i]`` of the common
    axis, with ``shifts(c) = shift + stretch * (c - center)``.

    Parameters
    ----------
    center : float
        Channel at the middle of the counts.
    shift : numpy.ndarray, shape (repeat,)
        Channels, at `center`.
    stretch : numpy.ndarray, shape (repeat,)
        Channels a channel.
    covariance : numpy.ndarray, shape (repeat, 2, 2)
        Of shift and stretch, of photon noise and of what a straight line leaves over.
    """

    center: float
    shift: Array
    stretch: Array
    covariance: Array

    def shifts(self, channel: ArrayLike) -> Array:
        """Return shifts at a channel, or at channels: shape (repeat, ...)."""
        away = np.asarray(channel, dtype=np.float64) - self.center
        return np.asarray(
            np.add.outer(self.shift, 0 * away) + np.multiply.outer(self.stretch, away)
        )

    def errors(self, channel: ArrayLike) -> Array:
        """Return standard errors of `shifts`."""
        away = np.asarray(channel, dtype=np.float64) - self.center
        one, cross, two = (self.covariance[:, i, j] for i, j in ((0, 0), (0, 1), (1, 1)))
        variance = np.add.outer(one, 0 * away) + np.multiply.outer(2 * cross, away)
        return np.asarray(np.sqrt(np.maximum(variance + np.multiply.outer(two, away**2), 0)))

    def edges(self, size: int) -> Array:
        """Return where the borders of the channels lie on the common axis.

        Parameters
        ----------
        size : int
            Number of channels.

        Returns
        -------
        numpy.ndarray, shape (repeat, size + 1)
            In channels; channel c reaches from c - 1/2 to c + 1/2.
        """
        borders = np.arange(size + 1) - 0.5
        return borders - self.shifts(borders)


def fit_scales(spectra: ArrayLike) -> EnergyScales:
    """Return the energy scales of repeats relative to their common one.

    The common scale is the mean, weighted by counts: nothing tells which repeat is right.

    Parameters
    ----------
    spectra : array_like, shape (repeat, energy)
        Counts of each repeat, all pixels added up.

    Returns
    -------
    EnergyScales
        With shifts 0 and huge errors where the spectra tell nothing.

    Examples
    --------
    >>> line = 1e5 * np.exp(-0.5 * ((np.arange(200) - np.array([[99], [101]])) / 6) ** 2)
    >>> fit_scales(line).shifts(100).round(1).tolist()
    [-1.0, 1.0]
    """
    counts = np.asarray(spectra, dtype=np.float64)
    repeats, size = counts.shape
    channels = np.arange(size)
    total = counts.sum()
    center = float(channels @ counts.sum(axis=0) / total) if total > 0 else size / 2
    scales = EnergyScales(
        center,
        np.zeros(repeats),
        np.zeros(repeats),
        np.tile(UNKNOWN, (repeats, 1, 1)),
    )
    if total == 0 or size < 16:
        return scales
    weights = counts.sum(axis=1) / total
    for smoothing in SMOOTHINGS:
        aligned = np.stack(
            [_expected(row, edges) for row, edges in zip(counts, scales.edges(size), strict=True)]
        )
        windows = _Windows(aligned.sum(axis=0), smoothing, center)
        fits = [windows.fit(row) for row in aligned]
        change = np.array([fit[0] for fit in fits])
        shift, stretch = scales.shift + change[:, 0], scales.stretch + change[:, 1]
        scales = EnergyScales(
            center,
            shift - weights @ shift,
            stretch - weights @ stretch,
            np.array([fit[1] for fit in fits]),
        )
    return scales


def counted_channels(spectra: ArrayLike) -> NDArray[np.int64]:
    """Return five channels between which nearly all counts lie: there a scale matters.

    Parameters
    ----------
    spectra : array_like, shape (repeat, energy)
        Counts of each repeat.
    """
    total = np.asarray(spectra, dtype=np.float64).sum(axis=0)
    share = np.cumsum(total) / max(float(total.sum()), 1e-12)
    places = np.searchsorted(share, [0.02, 0.25, 0.5, 0.75, 0.98])
    return np.asarray(np.minimum(places, total.size - 1))


def known_edges(axes: Sequence[EnergyAxis], common: EnergyAxis) -> Array:
    """Return where the borders of channels with known energies lie on a common axis.

    Parameters
    ----------
    axes : sequence of EnergyAxis
        One for each repeat.
    common : EnergyAxis

    Returns
    -------
    numpy.ndarray, shape (repeat, size + 1)
        In channels of `common`.
    """
    return np.stack([_position(_borders(axis), common) for axis in axes])


def _borders(axis: EnergyAxis) -> Array:
    """Return the energies of the borders of channels, half-way between their centres."""
    if axis.size < 2:
        return np.asarray(axis.centers[0] + axis.gain * np.array([-0.5, 0.5]))
    centers = axis.centers
    middles = (centers[1:] + centers[:-1]) / 2
    return np.concatenate([[2 * centers[0] - middles[0]], middles, [2 * centers[-1] - middles[-1]]])


def _position(energies: Array, common: EnergyAxis) -> Array:
    """Return energies in channels of an axis, beyond its ends too."""
    borders = _borders(common)
    position: Array = np.interp(energies, borders, np.arange(borders.size) - 0.5)
    low, high = energies < borders[0], energies > borders[-1]
    position[low] = -0.5 + (energies[low] - borders[0]) / (borders[1] - borders[0])
    position[high] = (
        common.size - 0.5 + (energies[high] - borders[-1]) / (borders[-1] - borders[-2])
    )
    return position


def _expected(spectrum: Array, edges: Array) -> Array:
    """Return what is expected of a spectrum whose photons are moved to where they belong."""
    below = np.concatenate([[0.0], np.cumsum(spectrum)])
    return np.diff(np.interp(np.arange(spectrum.size + 1) - 0.5, edges, below))


class _Windows:
    """The sum of repeats cut into windows, to which one repeat is fitted.

    In each window a repeat is a · (M(c) - s · M'(c)), with M the sum. Weighted by 1/M, as Poisson
    counts ask for, a and s do not depend on each other as long as M is the same at both ends.
    """

    def __init__(self, total: Array, smoothing: float, center: float) -> None:
        from scipy.ndimage import gaussian_filter1d

        self.sum = gaussian_filter1d(total, smoothing, mode="nearest")
        slope = np.gradient(self.sum)
        weight = 1 / np.maximum(self.sum, 1.0)
        self.starts = _valleys(total, max(smoothing, 2.0))
        self.lengths = np.diff(np.append(self.starts, total.size))
        self.template = slope * weight
        self.counts = self._add(self.sum)
        structure = self._add(slope**2 * weight)
        # A smoothed flat spectrum has slopes too: noise of variance M / (4 √π smoothing³).
        of_noise = self._add(self.sum * weight) / (4 * np.sqrt(np.pi) * smoothing**3)
        tilt = self._add(slope) ** 2 / np.maximum(self.counts, 1e-9)
        self.variance = np.maximum(structure, 1e-9)
        self.information = np.maximum(structure - of_noise - tilt, 1e-9)
        self.usable = structure > CLEAR_LINE * of_noise
        away = np.arange(total.size) - center
        self.away = self._add(slope**2 * weight * away) / self.variance

    def _add(self, values: Array) -> Array:
        return np.asarray(np.add.reduceat(values, self.starts))

    def fit(self, spectrum: Array) -> tuple[Array, Array]:
        """Return (shift, stretch) of a repeat relative to the sum, and their covariance."""
        share = self._add(spectrum) / np.maximum(self.counts, 1e-9)
        rest = spectrum - np.repeat(share, self.lengths) * self.sum
        shifts = -self._add(rest * self.template) / np.maximum(share * self.information, 1e-9)
        use = self.usable & (share * self.counts > FEWEST_COUNTS)
        if use.sum() < 1:
            return np.zeros(2), UNKNOWN
        precision = (share * self.information**2 / self.variance)[use]
        shifts = np.clip(shifts[use], -LARGEST_STEP, LARGEST_STEP)
        # A stretch of 5 % is as far as amplifiers go: what one window alone cannot tell stays 0.
        design = np.stack([np.ones(precision.size), self.away[use]], axis=1)
        normal = (design * precision[:, None]).T @ design + np.diag([0.0, 1 / 0.05**2])
        found = np.linalg.solve(normal, (design * precision[:, None]).T @ shifts)
        misfit = float(precision @ (shifts - design @ found) ** 2) / max(1, precision.size - 2)
        return found, np.linalg.inv(normal) * max(1.0, misfit)


def _valleys(spectrum: Array, smoothing: float) -> NDArray[np.int64]:
    """Return where windows begin: in the deepest valley of each stretch of the spectrum."""
    from scipy.ndimage import gaussian_filter1d

    size = spectrum.size
    width = int(max(np.clip(size / 40, 24, 200), 6 * smoothing))
    smooth = gaussian_filter1d(spectrum, smoothing + width / 8, mode="nearest")
    starts = [0]
    while starts[-1] + 3 * width // 2 < size:
        first = starts[-1] + width // 2
        starts.append(first + int(np.argmin(smooth[first : first + width])))
    return np.array(starts)
