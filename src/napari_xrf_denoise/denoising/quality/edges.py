"""How wide edges are in the map of a line: in a result, and in the counts that it never saw.

A filter that mixes neighbours makes an edge of the sample wide, which hardly shows in the squared
error. For each prediction f and the counts h that were held out of it:

* Places where a row or column of f steps from one level to another are found in f alone, and so is
  the point between two pixels where it passes half of the step. Noise of h has no part in it.
* f and h of the same pixels are averaged by their distance from that point along the gradient, as
  the method of slanted edges does (ISO 12233), with weights that are known from f.
* The smooth step L + (H − L) Φ((d − c)/σ) is fitted to both means. Its width from 10 to 90 % of
  the step is 2.56 σ.

Where f is the true rate, both means are the same but for the noise of h. Noise of f moves the
places that are found: its own edges look sharper by that, those of h wider, so that a noisy result
is accused too rarely, never too often.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from napari_xrf_denoise.core.quantities import first_of
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising.pairs import Counts

from .contrast import NAMED, SETS, jackknife_error

REACH = 6
"""Pixels of a row or column to each side of an edge, ..."""
LEVEL = 3
"""... of which the outer ones tell the level there."""
FLAT = 0.25
"""Most standard deviation of these, over the step."""
LARGE = 0.5
"""Least step, over the largest ones of the map (95th percentile)."""
SLANT = 0.7
"""Least cosine between the gradient and the row or column: up to 45°."""
BINS = 4
"""Bins of distance for each pixel."""
FEWEST = 32
"""Places that are needed."""
FEWEST_SETS = 8
"""Rows and columns, in sets, that are needed for an error."""
WIDTH = 2.563
"""From 10 to 90 % of a smooth step, in its standard deviations."""
PIXEL = 0.8
"""The same of a sharp edge that is averaged over a pixel: no map shows less."""
WIDER = 1.25
"""Ratio of widths from which a result is told to be unsharp ..."""
CLEAR = 4.0
"""... and the standard errors by which they must differ."""
HELD = 0.5
"""Least step in the counts, over that in the result: otherwise these are no edges."""
SAME_SIZE = 0.01
"""Difference of the sizes of a pixel along y and x that needs no word."""
WIDEST = 8.0
"""Widest edges of a result: a slope that goes on beyond the reach (half a period of a sine) fits as
8.3 pixels."""
MOST_BYTES = 2**27
"""Most memory of the maps that are kept: of larger ones, the middle rows; more would add little."""

Floats = NDArray[np.float64]
Maps = NDArray[np.float32]


@dataclass(frozen=True)
class EdgeWidths:
    """Width of the edges of a line from 10 to 90 % of the step, in pixels.

    All are NaN where the map has no clear edges, or the counts do not tell how wide these are.

    Examples
    --------
    >>> blurred = EdgeWidths(3.9, 1.1, 0.07, 0.13, 0.3)
    >>> blurred.is_unsharp
    True
    >>> blurred.in_words
    '3.90 ± 0.07 instead of 1.10 ± 0.13'
    """

    result: float = float("nan")
    raw: float = float("nan")
    """In the counts; at least 0.8, that of a sharp edge."""
    result_error: float = float("nan")
    """Standard error of `result`."""
    raw_error: float = float("nan")
    """Standard error of `raw`."""
    difference_error: float = float("nan")
    """Standard error of the difference of both if there is none: often larger than that of `raw`,
    since wide edges are less certain."""

    @property
    def is_unsharp(self) -> bool:
        """Whether edges of the result are wider by a quarter, beyond chance."""
        beyond_chance = self.result - self.raw > CLEAR * self.difference_error
        return self.result > WIDER * self.raw and beyond_chance

    @property
    def in_words(self) -> str:
        """Both widths with their errors, empty where they are not known."""
        if np.isnan(self.raw):
            return ""
        return (
            f"{self.result:.2f} ± {self.result_error:.2f} instead of "
            f"{self.raw:.2f} ± {self.raw_error:.2f}"
        )


NO_EDGES = EdgeWidths()


@dataclass(frozen=True)
class Edges:
    """Widths of the edges of each line."""

    lines: tuple[EdgeWidths, ...]
    pixel: float = 1.0
    """Size of a pixel."""
    unit: str = "pixel"
    """Of this size; ``"pixel"`` where it is not known, or not the same along y and x."""

    def warnings(self, names: Sequence[str]) -> Iterator[str]:
        """Yield a sentence about the lines whose edges became wider, given all names."""
        wider = [pair for pair in zip(names, self.lines, strict=True) if pair[1].is_unsharp]
        if wider:
            wider.sort(key=lambda pair: pair[1].raw / pair[1].result)
            told = [f"{name} {own.in_words}{self._size(own)}" for name, own in wider]
            yield (
                "edges are wider in the maps of these lines than in the counts, by their widths "
                f"from 10 to 90 % in pixels: {first_of(told, NAMED)}"
            )

    def _size(self, own: EdgeWidths) -> str:
        if self.unit == "pixel":
            return ""
        result, raw = (width * self.pixel for width in (own.result, own.raw))
        return f" ({result:.2g} instead of {raw:.2g} {self.unit})"


class EdgeTally:
    """Keeps held-out counts and predictions of the lines of an image, and measures their edges.

    `shares` are those of the held-out parts.
    """

    def __init__(self, image: SpectrumImage, windows: int, shares: Sequence[float]) -> None:
        height, across = image.shape[1:3]
        most = MOST_BYTES // (8 * across * max(1, windows) * len(shares))
        first = max(0, height - most) // 2
        self._rows = slice(first, first + max(1, most))
        self._shares = np.array(shares, dtype=np.float32)[:, None, None, None]
        self._windows = windows
        self._held: list[Maps] = []
        self._guessed: list[Maps] = []
        along_y, along_x = image.pixel_size
        alike = abs(along_y / along_x - 1) < SAME_SIZE
        self._pixel = along_x, image.pixel_unit if alike else "pixel"

    def add(self, rows: slice, held: Sequence[Counts], guesses: Sequence[Counts]) -> None:
        """Add rows: counts (rows, x, window) of each part, and predictions of all without it."""
        first, last = (max(0, row - rows.start) for row in (self._rows.start, self._rows.stop))
        counts = np.stack([part[first:last] for part in held]).astype(np.float32)
        self._held.append(counts / self._shares)
        kept = [guess[first:last] for guess in guesses]
        self._guessed.append(np.stack(kept).astype(np.float32))

    def finish(self) -> Edges:
        """Return the widths of all lines."""
        held, guessed = (np.concatenate(part, axis=1) for part in (self._held, self._guessed))
        lines = (edge_widths(held[..., n], guessed[..., n]) for n in range(self._windows))
        return Edges(tuple(lines), *self._pixel)


def edge_widths(held: Maps, guessed: Maps) -> EdgeWidths:
    """Return widths from counts (part, y, x), scaled to all, and predictions without each part."""
    found = [
        places
        for counts, guess in zip(held, guessed, strict=True)
        for places in _steps_along_both(guess, counts)
    ]
    steps = np.concatenate([np.zeros(1), *(places.step for places in found)])
    least = LARGE * float(np.quantile(steps, 0.95))
    if np.count_nonzero(steps >= least) < FEWEST * len(held):
        return NO_EDGES
    return _widths(np.sum([_profiles(places, least) for places in found], axis=0))


class _Places(NamedTuple):
    """Where a prediction steps along rows, and what is around."""

    step: Floats
    """Its height (place,)."""
    weight: Floats
    row: NDArray[np.intp]
    distance: Floats
    """Of the pixels around from the edge, (place, pixel)."""
    guess: Floats
    """Of each pixel, 0 and 1 on both sides."""
    counts: Floats
    """The same of the held-out counts."""


def _steps_along_both(guess: Maps, counts: Maps) -> Iterator[_Places]:
    """Yield the places where rows and columns of a prediction (y, x) step."""
    from scipy.ndimage import gaussian_filter

    # Over about two pixels, for the direction to be less noisy than differences of neighbours.
    along_x, along_y = (gaussian_filter(guess, 1.0, order=order) for order in ((0, 1), (1, 0)))
    steep = np.maximum(np.hypot(along_x, along_y), np.finfo(np.float32).tiny)
    if guess.shape[1] >= 2 * REACH:
        yield _steps(guess, counts, np.abs(along_x) / steep)
    if guess.shape[0] >= 2 * REACH:
        yield _steps(guess.T, counts.T, (np.abs(along_y) / steep).T)


def _steps(guess: Maps, counts: Maps, cosine: Maps) -> _Places:
    """Return the places where rows step, given the cosine of the gradient with the row."""
    size = 2 * REACH
    number = guess.shape[1] - size + 1
    levels = sliding_window_view(guess, LEVEL, axis=1).mean(axis=-1)
    low, high = levels[:, :number], levels[:, -number:]
    middle, rises = (low + high) / 2, high > low
    before, after = (guess[:, REACH - 1 + n : REACH - 1 + n + number] for n in (0, 1))
    y, x = np.nonzero(((before < middle) == rises) & ((after >= middle) == rises) & (low != high))
    near, around = (
        sliding_window_view(part, size, axis=1)[y, x].astype(np.float64) for part in (guess, counts)
    )
    left, right = near[:, :LEVEL], near[:, -LEVEL:]
    base, step = left.mean(axis=1), right.mean(axis=1) - left.mean(axis=1)
    slant = cosine[y, x + REACH - 1].astype(np.float64)
    rough = np.maximum(left.std(axis=1), right.std(axis=1))
    clear = (rough < FLAT * np.abs(step)) & (slant > SLANT)
    y, near, around, base, step, slant = (
        part[clear] for part in (y, near, around, base, step, slant)
    )
    scaled, unseen = ((part - base[:, None]) / step[:, None] for part in (near, around))
    first, second = scaled[:, REACH - 1], scaled[:, REACH]
    passed = REACH - 1 + (0.5 - first) / (second - first)
    distance = (np.arange(size) - passed[:, None]) * slant[:, None]
    # Counts have about this variance, and a step of them its square as its signal.
    noise = 1 + np.maximum(base, 0) + np.maximum(base + step, 0)
    return _Places(np.abs(step), step**2 / noise, y, distance, scaled, unseen)


def _profiles(places: _Places, least: float) -> Floats:
    """Return sums over places with a large enough step, (set of rows, 4, bin of distance).

    Of weights, and of distances, predictions and counts times their weights.
    """
    large = places.step >= least
    _, weight, row, distance, guess, counts = (part[large] for part in places)
    number = 2 * REACH * BINS
    bins = np.clip(np.floor((distance + REACH) * BINS).astype(np.intp), 0, number - 1)
    cells = (row[:, None] % SETS * number + bins).ravel()
    sums = np.empty((SETS, 4, number))
    for kind, values in enumerate((np.ones_like(distance), distance, guess, counts)):
        found = np.bincount(cells, (weight[:, None] * values).ravel(), SETS * number)
        sums[:, kind] = found.reshape(SETS, number)
    return sums


def _widths(sums: Floats) -> EdgeWidths:
    """Return widths from the sums of `_profiles`."""
    sums = sums[sums[:, 0].any(axis=-1)]
    if len(sums) < FEWEST_SETS:
        return NO_EDGES
    guess, counts = (sums[:, [0, 1, kind]] for kind in (2, 3))
    result, raw = (_fit(kind.sum(axis=0)) for kind in (guess, counts))
    of_result = _without(guess, result)
    # Where noise makes the edges of the counts narrow, they seem to be better known than they are.
    # Whether they are as wide as those of the result is judged by the error they have if so.
    of_difference = of_result - _without(counts, result)
    errors = (
        WIDTH * float(jackknife_error(part))
        for part in (of_result, _without(counts, raw), of_difference)
    )
    found = EdgeWidths(WIDTH * float(result[-1]), WIDTH * float(raw[-1]), *errors)
    is_clear = found.result < WIDEST and raw[1] > HELD * result[1]
    error = max(found.result_error, found.difference_error)
    return found if is_clear and found.result > CLEAR * error else NO_EDGES


def _fit(sums: Floats) -> Floats:
    """Fit a smooth step to sums of weights, distances and values (3, bin).

    Returns its low level, height, place and σ.
    """
    from scipy.optimize import least_squares

    weight, distance, values = sums[:, sums[0] > 0]
    root, distance, values = np.sqrt(weight), distance / weight, values / weight

    def miss(step: Floats) -> Any:
        return root * (_smooth_step(step, distance)[0] - values)

    def slopes(step: Floats) -> Any:
        return root[:, None] * _smooth_step(step, distance)[1]

    least = -np.inf, -np.inf, -REACH / 2, PIXEL / WIDTH
    most = np.inf, np.inf, REACH / 2, REACH
    found = least_squares(miss, (0.0, 1.0, 0.0, 1.0), slopes, (least, most), xtol=1e-4)
    return np.asarray(found.x)


def _without(sums: Floats, step: Floats) -> Floats:
    """Return σ without each set of sums (set, 3, bin), by one step of the fit from a smooth step.

    This is exact as far as the fit is linear.
    """
    total = sums.sum(axis=0)
    filled = total[0] > 0
    expected, slopes = _smooth_step(step, total[1, filled] / total[0, filled])
    weight, _, values = (total - sums)[:, :, filled].swapaxes(0, 1)
    curvature = np.einsum("sb,bi,bj->sij", weight, slopes, slopes)
    gradient = (values - weight * expected) @ slopes
    change = np.linalg.pinv(curvature, hermitian=True) @ gradient[..., None]
    return np.asarray(step[-1] + change[:, -1, 0])


def _smooth_step(step: Floats, distance: Floats) -> tuple[Floats, Floats]:
    """Return a smooth step, and its derivatives (distance, 4)."""
    from scipy.special import ndtr

    low, height, place, width = step
    far = (distance - place) / width
    density = height * np.exp(-0.5 * far**2) / (2 * np.pi) ** 0.5 / width
    rising = ndtr(far)
    slopes = np.stack([np.ones_like(far), rising, -density, -density * far], axis=1)
    return low + height * rising, slopes
