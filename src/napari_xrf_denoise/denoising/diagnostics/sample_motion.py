"""Motion of the sample or the beam between repeats: shifts of the maps of total counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_MOVE = 0.5
"""Pixels; smaller moves blur less than the beam itself."""
LEAST_ERRORS = 6.0
"""Standard errors that a move must be. For two directions: chance 2e-8."""
MOST_PIXELS = 128
"""Longest side of the maps that are compared; larger ones are summed first."""
FEWEST_PIXELS = 8
"""Fewest pixels of an axis that show moves along it."""
FEWEST_COUNTS = 300
"""Counts that each repeat must hold to show a pattern."""
SMOOTHINGS = (8.0, 4.0, 2.0, 1.5, 1.5, 1.5)
"""Standard deviations in pixels, wide first, so that large moves are found too."""
MORE_ALIKE = 0.1
"""Correlation by which maps must be more alike elsewhere for the search to begin there."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SampleMotion:
    """Shift of a repeat, in pixels, compared with the first."""

    repeat: int
    y: float
    x: float
    errors: float
    """Length of the shift in standard errors."""


def find_sample_motion(pixels: NDArray[np.floating]) -> list[SampleMotion]:
    """Return the repeats whose map (repeat, y, x) of total counts is shifted against the first."""
    repeats, *shape = pixels.shape
    used = [axis for axis, size in enumerate(shape) if size >= FEWEST_PIXELS]
    if repeats < 2 or not used or pixels.sum(axis=(1, 2)).min() < FEWEST_COUNTS:
        return []
    bins = [-(-size // MOST_PIXELS) for size in shape]
    maps = _sum_bins(pixels, *bins)
    shifts, covariances = _fit_shifts(maps, used)
    moves = []
    for repeat in range(1, repeats):
        shift = shifts[repeat] - shifts[0]
        covariance = covariances[repeat] + covariances[0]
        errors = float(np.sqrt(shift[used] @ np.linalg.solve(covariance, shift[used])))
        y, x = (float(s * b) for s, b in zip(shift, bins, strict=True))
        far = np.hypot(y, x) > LEAST_MOVE and errors > LEAST_ERRORS
        if far and _fits_better(maps, shifts, repeat):
            moves.append(SampleMotion(repeat, y, x, errors))
    return moves


def _fits_better(maps: Array, shifts: Array, repeat: int) -> bool:
    """Whether the other maps explain this one better where it was found than in the first's place.

    The fit is of a straightened problem, which may run away where there are hardly any counts.
    """
    from scipy.ndimage import gaussian_filter
    from scipy.ndimage import shift as moved

    others = np.sum(
        [
            moved(other, shifts[repeat] - by, order=1, mode="nearest")
            for i, (other, by) in enumerate(zip(maps, shifts, strict=True))
            if i != repeat
        ],
        axis=0,
    )
    there = gaussian_filter(others, SMOOTHINGS[-1], mode="nearest")
    here = moved(there, shifts[0] - shifts[repeat], order=1, mode="nearest")
    # Poisson log likelihoods, both expecting the counts that there are. A tenth of them anywhere:
    # one photon where the others have none by chance must not decide.
    there, here = (0.9 * one / one.sum() + 0.1 / one.size for one in (there, here))
    logs = np.log(there) - np.log(here)
    return 2 * float((maps[repeat] * logs).sum()) > LEAST_ERRORS**2


def _sum_bins(pixels: NDArray[np.floating], y: int, x: int) -> Array:
    repeats, height, width = pixels.shape
    cut = pixels[:, : height // y * y, : width // x * x]
    parts = cut.reshape(repeats, height // y, y, width // x, x)
    return np.asarray(parts.sum(axis=(2, 4), dtype=np.float64))


def _fit_shifts(maps: Array, used: list[int]) -> tuple[Array, Array]:
    """Return shifts of the maps about their mean, shape (repeat, 2), and their covariances."""
    from scipy.ndimage import shift as moved

    shifts = _first_guess(maps, used)
    covariances = np.zeros((len(maps), len(used), len(used)))
    widest = max(SMOOTHINGS[-1], min(maps.shape[axis + 1] for axis in used) / 8)
    for smoothing in np.minimum(SMOOTHINGS, widest):
        aligned = [
            moved(one, -by, order=1, mode="nearest") for one, by in zip(maps, shifts, strict=True)
        ]
        pattern = _Pattern(np.sum(aligned, axis=0), smoothing, used)
        for repeat, one in enumerate(aligned):
            change, covariances[repeat] = pattern.fit(one)
            shifts[repeat, used] += np.clip(change, -2 * smoothing, 2 * smoothing)
        shifts -= shifts.mean(axis=0)
    return shifts, covariances


def _first_guess(maps: Array, used: list[int]) -> Array:
    """Return shifts by whole pixels where maps are clearly most alike; 0 elsewhere."""
    height, width = maps.shape[1:]
    far = [2 * height, 2 * width]
    first = _without_trend(maps[0])
    spectrum = np.fft.rfft2(first, far).conj()
    # No farther than half of the map, and not along an axis that is too short.
    reach = [size // 2 if axis in used else 0 for axis, size in enumerate((height, width))]
    rows, columns = (np.arange(-by, by + 1) for by in reach)
    guesses: Array = np.zeros((len(maps), 2))
    for repeat in range(1, len(maps)):
        one = _without_trend(maps[repeat])
        alike = np.fft.irfft2(np.fft.rfft2(one, far) * spectrum, far)
        size = float(np.linalg.norm(one) * np.linalg.norm(first))
        alike = alike[rows[:, None], columns] / max(size, 1.0)
        y, x = np.unravel_index(int(np.argmax(alike)), alike.shape)
        if alike[y, x] > alike[reach[0], reach[1]] + MORE_ALIKE:
            guesses[repeat] = rows[y], columns[x]
    return np.asarray(guesses - guesses.mean(axis=0))


def _without_trend(one: Array) -> Array:
    """Return a map without noise, and without slow changes, which maps share wherever they lie."""
    from scipy.ndimage import gaussian_filter

    narrow, wide = SMOOTHINGS[-1], 4 * SMOOTHINGS[-1]
    smooth = gaussian_filter(one, narrow, mode="nearest")
    return np.asarray(smooth - gaussian_filter(one, wide, mode="nearest"))


class _Pattern:
    """The sum of all maps, to which one of them is fitted: a · (M(p) - s · ∇M(p)), weighted by 1/M.

    Both are smoothed alike, or pixel-sharp structure would count more in one than in the other.
    """

    def __init__(self, total: Array, smoothing: float, used: list[int]) -> None:
        self.total = total
        self.smoothing = smoothing
        self.smooth = self._smoothed(total)
        weight = 1 / np.maximum(self.smooth, 1.0)
        slopes = np.array([np.gradient(self.smooth, axis=axis) for axis in used])
        structure = np.einsum("iyx,jyx,yx->ij", slopes, slopes, weight)
        # Noise has slopes too: variance M / (8 π smoothing⁴) of a smoothed flat map in two
        # dimensions, M / (4 √π smoothing³) in one.
        flat = 4 * np.sqrt(np.pi) * smoothing**3 if 1 in total.shape else 8 * np.pi * smoothing**4
        noise = float((self.smooth * weight).sum()) / flat
        self.templates = np.array([self._smoothed(slope * weight) for slope in slopes])
        # Where noise explains all structure, nothing is known: the error becomes large.
        self.information = structure - noise * np.eye(len(used))
        low = 0.2 * np.diag(structure) + 1e-12
        if np.linalg.eigvalsh(self.information).min() < low.min():
            self.information = np.diag(np.full(len(used), np.inf))
        self.variance = np.einsum("iyx,jyx,yx->ij", self.templates, self.templates, total)

    def _shares(self, one: Array) -> Array:
        """Return the share that a map has in each row: the beam may change from row to row."""
        if one.shape[1] < FEWEST_PIXELS:
            return np.asarray(one.sum() / self.total.sum())
        rows = one.sum(axis=1, keepdims=True)
        return np.asarray(rows / np.maximum(self.total.sum(axis=1, keepdims=True), 1e-9))

    def _smoothed(self, picture: Array) -> Array:
        from scipy.ndimage import gaussian_filter

        sigma = [self.smoothing if size > 1 else 0 for size in picture.shape]
        return np.asarray(gaussian_filter(picture, sigma, mode="nearest"))

    def fit(self, one: Array) -> tuple[Array, Array]:
        """Return the shift of a map and its covariance."""
        expected = self.total * self._shares(one)
        rest = np.einsum("iyx,yx->i", self.templates, one - expected)
        whole = float(one.sum() / self.total.sum())
        if not np.isfinite(self.information).all():
            return np.zeros(len(rest)), np.diag(np.full(len(rest), 1e12))
        inverse = np.linalg.inv(self.information)
        misfit = float(((one - expected) ** 2 / np.maximum(expected, 1)).mean())
        covariance = inverse @ self.variance @ inverse / whole * max(1.0, misfit)
        return -inverse @ rest / whole, covariance
