"""Places where counts are further from a result than chance allows, in a few sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.poisson import deviance_residual, tail_probability

ALPHA = 0.01
"""Chance that a perfect result is suspected anywhere in its pixels and areas; as much for lines."""
LEAST = 5.0
"""Counts by which a pixel or an area must depart to be reported."""
EFFECT = 0.2
"""Share of its counts by which a pixel or an area must depart to be reported."""
LINE_EFFECT = 0.02
"""The same for a line in the sum of all pixels."""
LINE_NOISE = 0.5
"""A line must also depart by this share of the noise of its counts in a single raw pixel, ..."""
LINE_LEFT, LINE_GROWN = 0.7, 4.0
"""... or hold less or more than so many times its counts. Cutting off what is negative in noisy
predictions adds up to twice the counts where there are few: by the noise of a pixel, little."""
MOST = 3
"""Energies that are named for each kind of departure."""
MOST_PLACES = 10**6
"""Most places that are kept: a result that is wrong everywhere needs no complete list."""
PREFILTER = 0.7
"""By how much a departure may differ from the normal number of its exact chance."""
NEAR = 2
"""Windows, in steps of half a line, that may show the same line."""

Floats = NDArray[np.floating]


class Comparison(NamedTuple):
    """Counts and their prediction, arrays of shape (rows, x, window)."""

    counts: Floats
    """In units of `scatter`, as is the prediction."""
    expected: Floats
    rate: Floats
    """Rate to compare with: within the prediction's own noise, the nearest to the counts."""
    far: Floats
    """Departure of the counts from this rate, as `deviance_residual` gives it."""
    scatter: float
    """Variance over mean of the raw counts; 1 for Poisson counts."""

    def lines(self) -> Comparison:
        """Return all windows but the last, which is the total."""
        cut = slice(None, -1)
        counts, expected, rate, far = (part[..., cut] for part in self[:4])
        return Comparison(counts, expected, rate, far, self.scatter)


class _Places(NamedTuple):
    """Squares of `side` pixels from row `y` and column `x`, and a window that departs."""

    y: NDArray[np.int64]
    x: NDArray[np.int64]
    side: NDArray[np.int64]
    window: NDArray[np.int64]
    counts: Floats
    expected: Floats
    far: Floats

    def take(self, which: NDArray[np.bool_]) -> _Places:
        y, x, side, window = (column[which] for column in self[:4])
        return _Places(y, x, side, window, *(column[which] for column in self[4:]))


class SuspectPlaces:
    """Collects places that depart beyond chance, and names the most important ones.

    `energies` (window,) are the middles of the windows, `tests` the number of departures that will
    be looked at: none of them shall be reported by chance. `unit` names the counts.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        energies: Floats,
        axis: EnergyAxis,
        tests: int,
        unit: str = "counts",
    ) -> None:
        self._shape, self._energies, self._axis, self._unit = shape, energies, axis, unit
        self._chance = ALPHA / 2 / max(1, tests)
        self._found: list[_Places] = []

    def add(self, compared: Comparison, first_row: int, step: tuple[int, int], side: int) -> None:
        """Look for departures in a band that begins at this row.

        `step` is that in rows and columns from one entry to the next; `side` is the side of an
        entry in pixels: 1, or that of an area.
        """
        if sum(len(places.y) for places in self._found) > MOST_PLACES:
            return
        y, x, window = np.nonzero(np.abs(compared.far) > _normal(self._chance) - PREFILTER)
        counts, expected, rate, far = (values[y, x, window] for values in compared[:4])
        up, down = (tail_probability(counts, rate, above=above) for above in (True, False))
        less = np.minimum(counts, expected)
        size = np.abs(counts - expected)
        reported = np.where(far > 0, up, down) < self._chance
        reported &= (size >= LEAST / compared.scatter) & (size > EFFECT * less)
        places = _Places(
            first_row + step[0] * y,
            step[1] * x,
            np.full(len(y), side),
            window,
            compared.scatter * counts,
            compared.scatter * expected,
            far,
        )
        self._found.append(places.take(reported))

    def warnings(self) -> Iterator[str]:
        """Yield sentences about the places, the clearest first."""
        if not self._found:
            return
        found = _Places(*(np.concatenate(column) for column in zip(*self._found, strict=True)))
        for sign, change in ((1, "lost"), (-1, "added")):
            left = found.take(np.sign(found.far) == sign)
            for _ in range(MOST):
                if len(left.y) == 0:
                    break
                weight = np.bincount(left.window, np.abs(left.far))
                near = np.abs(left.window - int(np.argmax(weight))) <= NEAR
                yield self._sentence(left.take(near), change)
                # The same squares at other energies are mostly other lines of the same element.
                left = left.take(~near & ~self._touched(left, left.take(near)))
            if len(left.y):
                yield f"signal may have been {change} in further pixels at other energies"

    def _sentence(self, group: _Places, change: str) -> str:
        single = group.side == 1
        places = group.take(single) if single.any() else group
        top = int(np.argmax(np.abs(places.far)))
        size = np.abs(places.counts - places.expected)
        size = size * (np.abs(places.window - places.window[top]) <= 1)
        energy = float(size @ self._energies[places.window] / size.sum())
        number = len(np.unique(np.column_stack([places.y, places.x]), axis=0))
        side, where = places.side[top], ""
        place = f"(y {places.y[top]}, x {places.x[top]})"
        if side > 1:
            place = f"the {side} x {side} pixel area at {place}"
        elif number > 1:
            where = f" in {number} pixels"
        else:
            place = f"pixel {place}"
        return (
            f"signal may have been {change} near {energy_text(energy, self._axis)}{where}: {place} "
            f"has {places.counts[top]:.0f} raw {self._unit}, but {places.expected[top]:.3g} after "
            "denoising"
        )

    def _touched(self, places: _Places, group: _Places) -> NDArray[np.bool_]:
        """Whether each of some squares shares a pixel with any of a group."""
        marked = np.zeros(self._shape, dtype=bool)
        for side in np.unique(group.side):
            own = group.take(group.side == side)
            for dy, dx in np.ndindex(side, side):
                marked[own.y + dy, own.x + dx] = True
        sums = np.pad(np.cumsum(np.cumsum(marked, axis=0), axis=1), ((1, 0), (1, 0)))
        low_y, low_x = places.y, places.x
        y, x = low_y + places.side, low_x + places.side
        inside = sums[y, x] - sums[low_y, x] - sums[y, low_x] + sums[low_y, low_x]
        return np.asarray(inside > 0)


def line_warnings(
    counts: Floats,
    expected: Floats,
    scatter: float,
    pixels: int,
    energies: Floats,
    axis: EnergyAxis,
) -> Iterator[str]:
    """Yield sentences about lines whose sum over all pixels departs beyond chance.

    `counts` and `expected` (window,) are sums over so many pixels.
    """
    far = np.abs(deviance_residual(counts / scatter, expected / scatter))
    size = np.abs(counts - expected)
    reported = far > _normal(ALPHA / 2 / max(1, len(far)))
    reported &= (size >= LEAST) & (size > LINE_EFFECT * np.minimum(counts, expected))
    noise = np.sqrt(scatter * np.maximum(counts, expected) * pixels)
    reported &= (
        (size > LINE_NOISE * noise)
        | (expected < LINE_LEFT * counts)
        | (expected > LINE_GROWN * counts)
    )
    far = np.where(reported, far, 0)
    for _ in range(MOST):
        if not far.any():
            return
        top = int(np.argmax(far))
        energy = energy_text(float(energies[top]), axis)
        if counts[top] > 0:
            ratio = expected[top] / counts[top]
            error = (scatter * max(expected[top], 1.0)) ** 0.5 / counts[top]
            digits = int(np.clip(np.ceil(-np.log10(error)), 2, 4))
            holds = f"{ratio:.{digits}f} ± {error:.{digits}f} of the raw counts"
        else:
            holds = f"{expected[top]:.0f} counts where there are none"
        yield f"near {energy} the result holds {holds}"
        far[max(0, top - NEAR) : top + NEAR + 1] = 0
    if far.any():
        yield "lines at further energies do not hold the raw counts"


def energy_text(energy: float, axis: EnergyAxis) -> str:
    """Return an energy in words."""
    return f"{energy:.2f} keV" if axis.calibrated else f"channel {energy:.0f}"


def _normal(chance: float) -> float:
    """Return how many standard errors have this chance on one side."""
    from scipy.special import ndtri

    return float(-ndtri(chance))
