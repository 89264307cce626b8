"""Single pixels with lines that their neighbours do not have, kept as they were counted.

A network that learns from neighbours takes a single bright pixel for noise, and a subspace of few
components has no place for an element in three pixels only. But photons that cannot be there by
chance are no noise. Where a window one line wide holds far more counts than the result of any of
the eight neighbours, beyond what the Poisson distribution allows, there is a line; nothing is known
of it but its own counts. Where the result does not account for them, they replace it there, in the
shape of a line.

Of the pixels found, a set share at most is false: Y. Benjamini and Y. Hochberg, J. R. Stat. Soc. B
57 (1995) 289.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.poisson import tail_probability
from napari_xrf_denoise.denoising.multifold_thinning import PartitionedBand
from napari_xrf_denoise.denoising.subspace import Matrix

Spectra = NDArray[np.float32]

HALF_WIDTH = 2.0
"""Half of a window, in line widths (standard deviations): 95 % of a line's counts."""
FALSE_SHARE = 0.02
"""Largest share of false pixels among those found."""
CANDIDATE = 1e-3
"""Chance above which a pixel is not looked at again."""
FURTHER_LINE = 1e-5
"""Chance below which a further line of a pixel that was found is kept as well."""
EXPLAINED = 0.05
"""Chance above which counts may as well be those of the result: it is nearer to the truth then."""
FAR_MORE = 1.5
"""Least counts over those of the neighbours: at many counts, every hill is certain."""
LEAST_COUNTS = 3
"""Fewer counts are no line, however unlikely they are."""
LEAST_RATE = 1e-2
"""Smallest expected count of a window: what the result says there is not known better."""
MOST_CANDIDATES = 20_000


@dataclass(frozen=True, eq=False)
class LineWindows:
    """Windows two line widths to either side, every line width along the spectrum."""

    centers: NDArray[np.intp]
    """Middle channel of each window."""
    low: NDArray[np.intp]
    """First channel."""
    high: NDArray[np.intp]
    """Channel after the last."""
    width: Matrix
    """Standard deviation of a line there, in channels."""
    size: int
    """Number of channels."""
    cell_of: NDArray[np.intp]
    """Cell of each channel: windows are made of whole cells."""

    @classmethod
    def of(cls, width: Matrix) -> LineWindows:
        """Make the windows for lines of these standard deviations, in channels."""
        size = len(width)
        places = [0.0]
        while places[-1] < size - 1:
            places.append(places[-1] + max(1.0, width[int(places[-1])]))
        centers = np.unique(np.clip(np.round(places), 0, size - 1).astype(np.intp))
        reach = HALF_WIDTH * width[centers]
        low = np.clip(np.round(centers - reach), 0, size - 1).astype(np.intp)
        high = np.clip(np.round(centers + reach) + 1, 1, size).astype(np.intp)
        edges = np.unique(np.concatenate([low, high, [0]]))
        cell_of = np.searchsorted(edges, np.arange(size), side="right") - 1
        return cls(centers, low, high, width[centers], size, cell_of)

    def sums(self, spectra: NDArray[np.floating]) -> Matrix:
        """Return the counts in each window of spectra (..., energy): (..., windows)."""
        return _between(spectra, self.low, self.high)

    def of_cells(self, cells: Matrix) -> Matrix:
        """Return the counts in each window, given those in each cell."""
        ends = np.append(self.cell_of, self.cell_of[-1] + 1)
        return _between(cells, ends[self.low], ends[self.high])

    def line(self, window: int, excess: Matrix) -> Matrix:
        """Return a line of one count where a window has its excess counts, shape (energy,)."""
        width = float(self.width[window])
        distance = np.arange(self.size) - float(self.centers[window])
        part = slice(int(self.low[window]), int(self.high[window]))
        # Their centre of mass, which the next window would be nearer to if it were further away.
        shift = float(excess[part] @ distance[part]) / max(float(excess[part].sum()), 1.0)
        distance -= np.clip(shift, -width / 2, width / 2)
        shape = np.exp(-0.5 * (distance / max(width, 0.3)) ** 2)
        return np.asarray(shape / shape.sum())


@dataclass(frozen=True, eq=False)
class HotSpots:
    """Pixels whose lines were kept, and their spectra."""

    places: NDArray[np.intp]
    """Positions in the flattened map, rising."""
    rows: Spectra
    """(spots, energy)."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """Pixels of a band that may be hot spots."""

    places: NDArray[np.intp]
    """Positions in the flattened map, rising."""
    chance: Matrix
    """That none of a pixel's windows holds as much."""
    spectra: list[tuple[NDArray[np.bool_], Spectra, Spectra]]
    """Of each, the windows that hold a line for certain, what was counted, and the result."""


class SpotFinder:
    """Collects candidates band by band; which of them are real is known at the end.

    Scores (y, x, components) of the whole map, times the spectra (components, energy), are the
    counts of the result; `width` is the standard deviation of a line in each channel, in channels.
    `exposure` is the share of all counts that is looked at: kept spectra are scaled to all.
    """

    def __init__(
        self, scores: Spectra, spectra: Spectra, width: Matrix, exposure: float = 1.0
    ) -> None:
        self._counts, self._exposure = FactoredCounts(scores, spectra), exposure
        self._shape = self._counts.shape[1:]
        self._windows = LineWindows.of(width)
        self._expected = self._windows.sums(spectra).astype(np.float32)
        self._chance: list[Matrix] = []
        self._places: list[NDArray[np.intp]] = []
        self._found: list[tuple[NDArray[np.bool_], Spectra, Spectra]] = []

    def look(self, rows: slice, band: PartitionedBand) -> Candidates | None:
        """Return the candidates of a band, whose counts are those of all its parts together."""
        from scipy.special import pdtrc

        height, across, _ = self._shape
        if height * across < 9:
            return None  # no neighbours to compare with
        first, last = max(0, rows.start - 1), min(height, rows.stop + 1)
        known = self._counts.images(slice(first, last)) @ self._expected
        expected = _largest_neighbour(known)[rows.start - first : rows.stop - first]
        expected = np.maximum(self._exposure * expected, LEAST_RATE)
        values = band.counts.sum(axis=1)
        counted = self._windows.of_cells(band.summed_in(self._windows.cell_of, values))
        likely = np.nonzero((counted >= LEAST_COUNTS) & (counted > FAR_MORE * expected))
        chance: Matrix = np.ones(counted.shape)
        chance[likely] = pdtrc(counted[likely] - 1, expected[likely])
        chance = chance.reshape(-1, chance.shape[-1])
        least = np.minimum(chance.min(axis=1) * chance.shape[1], 1.0)
        places = np.flatnonzero(least < CANDIDATE)
        images = self._counts.images(rows)
        known = images.reshape(-1, images.shape[2])[places]
        result = np.maximum(known @ self._counts.spectra, 0)
        here = counted.reshape(-1, counted.shape[-1])[places]
        own_sums = self._windows.sums(result)
        explained = _explained(here, np.maximum(self._exposure * own_sums, LEAST_RATE))
        spectra = band.sparse(values)[places].toarray() / np.float32(self._exposure)
        certain = (chance[places] < FURTHER_LINE) & ~explained
        found = list(zip(certain, spectra, result, strict=True))
        return Candidates(places + rows.start * across, least[places], found)

    def add(self, band: Candidates | None) -> None:
        """Add the candidates of a band."""
        if band is None:
            return
        self._places.append(band.places)
        self._chance.append(band.chance)
        self._found += band.spectra
        self._drop_unlikely()

    def finish(self) -> HotSpots:
        """Return the pixels that are not chance, with the lines that were counted there."""
        size = self._shape[2]
        if not self._found:
            return HotSpots(np.empty(0, dtype=np.intp), np.empty((0, size), dtype=np.float32))
        places, chance = np.concatenate(self._places), np.concatenate(self._chance)
        order = np.argsort(chance)
        limit = FALSE_SHARE * np.arange(1, len(order) + 1) / (self._shape[0] * self._shape[1])
        passed = np.flatnonzero(chance[order] <= limit)
        real = np.sort(order[: passed[-1] + 1]) if len(passed) else order[:0]
        real = np.array([index for index in real if self._found[index][0].any()], dtype=np.intp)
        rows = [self._restore(*self._found[index]) for index in real]
        return HotSpots(places[real], np.array(rows, dtype=np.float32).reshape(-1, size))

    def _restore(self, certain: NDArray[np.bool_], counts: Spectra, result: Spectra) -> Matrix:
        """Return a pixel's spectrum with its certain lines as they were counted."""
        windows = self._windows
        spectrum = result.astype(np.float64)
        while certain.any():
            # Of all windows that a strong line is in, the one in its middle holds most of it; by
            # chance they are alike, far below what a number can hold.
            excess = counts - spectrum
            best = int(np.where(certain, windows.sums(excess), -np.inf).argmax())
            part = slice(int(windows.low[best]), int(windows.high[best]))
            line = windows.line(best, excess)
            spectrum = np.maximum(spectrum + excess[part].sum() / line[part].sum() * line, 0)
            near = np.abs(windows.centers - windows.centers[best])
            certain = certain & (near >= 2 * HALF_WIDTH * windows.width[best])
        return spectrum

    def _drop_unlikely(self) -> None:
        """Keep memory bounded on a map where everything stands out."""
        if len(self._found) <= 2 * MOST_CANDIDATES:
            return
        places, chance = np.concatenate(self._places), np.concatenate(self._chance)
        kept = np.sort(np.argsort(chance)[:MOST_CANDIDATES])
        self._places, self._chance = [places[kept]], [chance[kept]]
        self._found = [self._found[index] for index in kept]


def _between(values: NDArray[np.floating], low: NDArray[np.intp], high: NDArray[np.intp]) -> Matrix:
    """Return the sums of values (..., n) from each place up to another."""
    total = np.zeros((*values.shape[:-1], values.shape[-1] + 1))
    np.cumsum(values, axis=-1, out=total[..., 1:])
    sums: Matrix = np.take(total, high, axis=-1) - np.take(total, low, axis=-1)
    return sums


def _explained(counted: NDArray[Any], result: Matrix) -> NDArray[np.bool_]:
    """Return where the result itself accounts for what was counted, in each direction."""
    above, below = (tail_probability(counted, result, above=side) for side in (True, False))
    return np.asarray(np.minimum(above, below) > EXPLAINED / 2)


def _largest_neighbour(picture: Spectra) -> Spectra:
    """Return for each pixel the largest value of its eight neighbours, (y, x, windows)."""
    beside = np.zeros_like(picture)
    beside[:, 1:] = picture[:, :-1]
    np.maximum(beside[:, :-1], picture[:, 1:], out=beside[:, :-1])
    three = np.maximum(beside, picture)
    np.maximum(beside[1:], three[:-1], out=beside[1:])
    np.maximum(beside[:-1], three[1:], out=beside[:-1])
    return beside
