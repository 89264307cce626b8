"""Residuals of a result: counts that it lacks or adds, and where they are beyond chance.

A dose gain is a mean over the map and can be high although a rare feature was erased. Here each
pixel's counts in windows one line wide are compared with their prediction, each part of the counts
with the prediction that was made without it. Under a perfect prediction they are
Poisson counts about it: the chance of each departure is known, and so is that of the largest of
many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.poisson import deviance_residual, largest_of_many
from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.spectroscopy.line_windows import WindowPartition

from .line_sums import line_warnings
from .losses.departures import Departure, sentences
from .losses.places import Found
from .losses.suspect_places import Comparison, SuspectPlaces

Image = NDArray[np.float32]

NOISE = 1.0
"""Standard errors of a prediction's own noise that counts must be beyond to depart from it."""


@dataclass(frozen=True, eq=False)
class Residuals:
    """Counts that a result lacks (positive) or adds (negative)."""

    map: Image
    """The largest departure in each pixel, among all windows one line wide and the total, as the
    standard normal number of the same chance. NaN where not scored."""
    spectrum: Image
    """Departure of each channel, summed over pixels, in standard errors."""
    warnings: tuple[str, ...] = ()
    """Where departures are beyond chance and large enough to matter."""
    found: Found = field(default=Found((0, 0)))
    """The places of these, the most important first."""
    of_lines: tuple[str, ...] = ()
    """The warnings about lines in the sum of all pixels."""
    unit: str = "counts"

    @property
    def departures(self) -> tuple[Departure, ...]:
        """What the result lacks or adds in each place."""
        return self.found.departures

    def in_result(self, result: Any, repeats: float = 1) -> Residuals:
        """Return what a result (y, x, energy), of one of so many repeats, shows as well.

        Residuals come from predictions from a part of the counts; the result uses all of them.
        """
        return self.told(self.found.in_result(result, repeats))

    def told(self, found: Found) -> Residuals:
        """Return the residuals with these places, and the warnings about them."""
        places = sentences(found.departures, found.shape, self.unit)
        return replace(self, found=found, warnings=(*self.of_lines, *places))


class BandSums(NamedTuple):
    """A band summed over its pixels, each of shape (energy,)."""

    counts: NDArray[np.float64]
    variance: NDArray[np.float64]
    """Of the counts."""
    expected: NDArray[np.float64]
    """Predictions of the counts."""


class ResidualTally:
    """Collects residuals band by band; of every so many rows one is seen."""

    def __init__(self, image: SpectrumImage, partition: WindowPartition, every: int) -> None:
        repeats, height, width, size = image.shape
        self._axis, self._partition = image.energy, partition
        self._map = np.full((height, width), np.nan, dtype=np.float32)
        self._counts, self._expected, self._variance = np.zeros((3, size))
        edges = partition.half_edges
        middle = (edges[2:] + edges[:-2] - 1) / 2
        self._energies = np.interp(middle, np.arange(size), self._axis.centers)
        self._places = SuspectPlaces((height, width), partition, self._axis, every=every)
        self._unit = "counts" if repeats == 1 else "counts of all repeats"

    def add(
        self,
        rows: slice,
        sums: BandSums,
        cells: Sequence[NDArray[np.float64]],
        guessed: Sequence[NDArray[np.float32]],
        shares: Sequence[float],
    ) -> None:
        """Add a band, whose rows have a step where not each is scored.

        `cells` are the counts (rows, x, cell) of each part, `guessed` the predictions for all
        counts that were made without it, `shares` the share of the counts of each part.
        """
        counts, raw, expected = sums
        # Counts that are not Poisson are as many independent events as their scatter shows.
        scatter = float(raw.sum() / counts.sum()) if counts.sum() > 0 and raw.sum() > 0 else 1.0
        self._counts += counts
        self._expected += expected
        self._variance += scatter * np.maximum(expected, 1)
        halves = [self._partition.halves(part) for part in (np.sum(cells, axis=0), *guessed)]
        compared = compare(halves[0], halves[1:], shares, scatter)
        self._map[rows] = _largest(compared)
        self._places.add(rows, halves, shares, compared.lines())

    def finish(self, watch: Watch) -> Residuals:
        """Return what was collected, and the places that it shows."""
        far = (self._counts - self._expected) / np.sqrt(np.maximum(self._variance, 1))
        edges = self._partition.half_edges
        counts, expected = (
            np.add.reduceat(part, edges[:-1]) for part in (self._counts, self._expected)
        )
        scatter = float(self._variance.sum() / np.maximum(self._expected, 1).sum())
        of_lines = line_warnings(
            counts[:-1] + counts[1:],
            expected[:-1] + expected[1:],
            scatter,
            int(np.isfinite(self._map).sum()),
            self._energies,
            self._axis,
        )
        left = Residuals(
            self._map, far.astype(np.float32), of_lines=tuple(of_lines), unit=self._unit
        )
        return left.told(self._places.find(watch, scatter))


def compare(
    counts: Image, guesses: Sequence[Image], shares: Sequence[float], scatter: float = 1.0
) -> Comparison:
    """Compare counts with predictions in windows one line wide.

    Predictions made without different parts of the counts differ by their noise: (K - 1) times
    their scatter is the variance of one made of all counts (the jackknife; B. Efron and C. Stein,
    Ann. Statist. 9 (1981) 586). It is pooled over pixels as a share of the prediction.

    `counts` (rows, x, half) are in half lines, `guesses` the predictions without each part, for all
    counts; `scatter` is the variance over mean of the raw counts. The last window of the comparison
    is the total.
    """
    scale = np.float32(1 / scatter)
    measured = scale * _windows(counts)
    predicted = [scale * _windows(guess) for guess in guesses]
    expected = np.zeros_like(measured)
    for share, guess in zip(shares, predicted, strict=True):
        expected += np.float32(share) * guess
    mean = expected.mean(axis=(0, 1), dtype=np.float64)
    spread = [((p - expected) ** 2).mean(axis=(0, 1), dtype=np.float64) for p in predicted]
    noise = (len(guesses) - 1) * np.mean(spread, axis=0)
    relative = np.divide(noise, 2 * mean, out=np.zeros_like(mean), where=mean > 0)
    # Half of it belongs to the pixel's own counts, half to those that the prediction learned from.
    reach = np.maximum(expected, 0)
    reach += mean.astype(np.float32)
    reach *= relative.astype(np.float32)
    np.sqrt(reach, out=reach)
    reach *= np.float32(NOISE)
    # What is below zero is an error of at least that size, which may as well be above.
    rate = np.clip(measured, expected - reach, np.maximum(expected + reach, -expected))
    np.maximum(rate, 0, out=rate)
    return Comparison(measured, expected, rate, deviance_residual(measured, rate), scatter)


def _windows(halves: Image) -> Image:
    """Return windows one line wide, each half of the next, and the total."""
    windows = halves[..., :-1] + halves[..., 1:]
    return np.concatenate([windows, halves.sum(axis=-1, keepdims=True)], axis=-1)


def _largest(compared: Comparison) -> NDArray[np.float64]:
    rows, width, number = compared.counts.shape
    flat = [part.reshape(rows * width, number) for part in compared[:4]]
    return largest_of_many(*flat).reshape(rows, width)
