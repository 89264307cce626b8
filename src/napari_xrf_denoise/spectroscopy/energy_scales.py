"""Energy scales of repeats: by how many channels the spectra are shifted against each other.

Detector elements have separate amplifiers, and a detector drifts from scan to scan, so one line
lies in different channels. The scale of each repeat is fitted, as offset and stretch, by maximum
likelihood to the sum of all aligned repeats. The fit has a separate amplitude in every short window
of channels: detector elements may see different spectra (another angle, another filter), and only
the position of a line matters, not its height.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis

SMOOTHINGS = (16.0, 8.0, 4.0, 2.0, 2.0, 2.0, 2.0, 2.0)
"""Standard deviations, in channels, of the smoothing of the sum at each step of the fit: wide ones
find large shifts, narrow ones are exact."""
LARGEST_STEP = 12.0
"""Largest shift of a spectrum in one step of the fit, in channels."""
FEWEST_COUNTS = 100.0
"""Counts of a repeat below which a window carries no information about its scale."""
CLEAR_LINE = 4.0
"""Least structure of a window that is used, over that of noise alone."""
UNKNOWN = np.diag([1e12, 1e12])
"""Covariance of an unknown scale."""

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EnergyScales:
    """Shifts of the channels of each repeat against the common axis.

    A photon that repeat i has in channel c belongs to channel ``c - shifts(c)[i]`` of the common
    axis, with ``shifts(c) = shift + stretch * (c - center)``.
    """

    center: float
    """Channel at the middle of the counts."""
    shift: Array
    """In channels at `center`, shape (repeat,)."""
    stretch: Array
    """In channels per channel, shape (repeat,)."""
    covariance: Array
    """Of shift and stretch, from photon noise and misfit, shape (repeat, 2, 2)."""

    def shifts(self, channel: ArrayLike) -> Array:
        """Return the shifts at one or more channels, shape (repeat, ...)."""
        away = np.asarray(channel, dtype=np.float64) - self.center
        return np.asarray(
            np.add.outer(self.shift, 0 * away) + np.multiply.outer(self.stretch, away)
        )

    def errors(self, channel: ArrayLike) -> Array:
        """Return the standard errors of `shifts`."""
        away = np.asarray(channel, dtype=np.float64) - self.center
        one, cross, two = (self.covariance[:, i, j] for i, j in ((0, 0), (0, 1), (1, 1)))
        variance = np.add.outer(one, 0 * away) + np.multiply.outer(2 * cross, away)
        return np.asarray(np.sqrt(np.maximum(variance + np.multiply.outer(two, away**2), 0)))

    def edges(self, size: int) -> Array:
        """Return the borders of channels on the common axis, in channels, (repeat, size + 1).

        Channel c reaches from c - 1/2 to c + 1/2.
        """
        borders = np.arange(size + 1) - 0.5
        return borders - self.shifts(borders)


def fit_scales(spectra: ArrayLike) -> EnergyScales:
    """Return the energy scales of spectra (repeat, energy) relative to their common one.

    The common scale is the mean weighted by counts, since nothing shows which repeat is right.
    Where spectra carry no information, shifts are 0 and errors huge.

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
    """Return five channels that span nearly all counts of spectra (repeat, energy)."""
    total = np.asarray(spectra, dtype=np.float64).sum(axis=0)
    share = np.cumsum(total) / max(float(total.sum()), 1e-12)
    places = np.searchsorted(share, [0.02, 0.25, 0.5, 0.75, 0.98])
    return np.asarray(np.minimum(places, total.size - 1))


def known_edges(axes: Sequence[EnergyAxis], common: EnergyAxis) -> Array:
    """Return the borders of channels on a common axis, in its channels, (repeat, size + 1)."""
    return np.stack([_position(axis.borders, common) for axis in axes])


def _position(energies: Array, common: EnergyAxis) -> Array:
    """Return energies in channels of an axis, extrapolated beyond its ends."""
    borders = common.borders
    position: Array = np.interp(energies, borders, np.arange(borders.size) - 0.5)
    low, high = energies < borders[0], energies > borders[-1]
    position[low] = -0.5 + (energies[low] - borders[0]) / (borders[1] - borders[0])
    position[high] = (
        common.size - 0.5 + (energies[high] - borders[-1]) / (borders[-1] - borders[-2])
    )
    return position


def _expected(spectrum: Array, edges: Array) -> Array:
    """Return the expected spectrum after its photons are moved to the common axis."""
    below = np.concatenate([[0.0], np.cumsum(spectrum)])
    return np.diff(np.interp(np.arange(spectrum.size + 1) - 0.5, edges, below))


class _Windows:
    """The sum of repeats in windows, to which each repeat is fitted.

    In each window a repeat is a · (M(c) - s · M'(c)), with M the sum. With the weights 1/M of
    Poisson counts, a and s are independent if M is the same at both ends.
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
        # Amplifiers stretch by at most 5 %; a single window does not determine the stretch.
        design = np.stack([np.ones(precision.size), self.away[use]], axis=1)
        normal = (design * precision[:, None]).T @ design + np.diag([0.0, 1 / 0.05**2])
        found = np.linalg.solve(normal, (design * precision[:, None]).T @ shifts)
        misfit = float(precision @ (shifts - design @ found) ** 2) / max(1, precision.size - 2)
        return found, np.linalg.inv(normal) * max(1.0, misfit)


def _valleys(spectrum: Array, smoothing: float) -> NDArray[np.int64]:
    """Return the starts of windows: the deepest valley in each part of the spectrum."""
    from scipy.ndimage import gaussian_filter1d

    size = spectrum.size
    width = int(max(np.clip(size / 40, 24, 200), 6 * smoothing))
    smooth = gaussian_filter1d(spectrum, smoothing + width / 8, mode="nearest")
    starts = [0]
    while starts[-1] + 3 * width // 2 < size:
        first = starts[-1] + width // 2
        starts.append(first + int(np.argmin(smooth[first : first + width])))
    return np.array(starts)
