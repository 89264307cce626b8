"""A denoiser that a user brings: called with care, and tried before its score is believed.

A score by held-out counts is honest as long as the denoiser knows nothing of the counts that were
held out. What it computes inside cannot be seen, but what it does can: whether its result follows
the counts it is given, whether other calls change it, and whether it knows the map that these
counts came from.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.errors import Cancelled, DataError
from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.denoising.pairs import UNIFORM_STREAM, Counts, Source, row_generator
from napari_xrf_denoise.spectroscopy.line_windows import WindowPartition

Denoiser = Callable[[NDArray[Any]], Any]
Result = NDArray[np.float32] | FactoredCounts

SAME = 1e-3
"""Difference of two results, over the noise of the counts, up to which they are the same: rounding
and sums in another order stay below, and a dose gain changes by at most its millionth part."""
HELD_ERRORS = 5.0
"""Standard errors of chance that the memory of a map must exceed to be reported ..."""
HELD_SHARE = 0.05
"""... and the share of the map's contrast: what a filter does at the border of a uniform map can
resemble an empty border of the sample, by some percent."""


class UserDenoiser:
    """Calls a function of counts, and refuses what is no result."""

    def __init__(self, function: Denoiser) -> None:
        inner = getattr(function, "func", function)  # of a functools.partial
        self.name = str(getattr(inner, "__name__", type(inner).__name__))
        self.changes_input = False
        """Whether it wrote into the counts that it was given."""
        self._function = function

    def __call__(self, counts: NDArray[Any]) -> Result:
        """Return the result for counts (y, x, energy), which are the denoiser's to keep."""
        before, shape = _digest(counts), counts.shape
        try:
            found = self._function(counts)
        except Cancelled:
            raise
        except Exception as error:
            error.add_note(
                f"raised by the denoiser {self.name!r}, which was given counts of shape {shape} "
                f"(y, x, energy) and type {counts.dtype}"
            )
            raise
        self.changes_input = self.changes_input or _digest(counts) != before
        result = self._as_numbers(found, shape)
        self._check_finite(result)
        return result

    def refuse(self, found: str) -> NoReturn:
        """Raise a DataError that names the denoiser."""
        raise DataError(f"denoiser {self.name!r}: {found}")

    def _as_numbers(self, found: Any, shape: tuple[int, ...]) -> Result:
        """Return a result as float32, as a copy: a denoiser may use its memory again."""
        expected = f"expected an array of expected counts (y, x, energy) of shape {shape}, found"
        if isinstance(found, FactoredCounts):
            result: Any = found
        else:
            try:
                result = np.asarray(found)
            except Exception as error:
                raise DataError(
                    f"denoiser {self.name!r}: {expected} {type(found).__name__}, which is no array "
                    f"({error})"
                ) from error
            if result.dtype.kind not in "iuf":
                kind = type(found).__name__
                values = f" of {result.dtype}" if isinstance(found, np.ndarray) else ""
                self.refuse(f"{expected} {kind}{values}; return the array of counts alone")
        if result.shape != shape:
            self.refuse(f"{expected} shape {result.shape}; keep the order and size of the axes")
        if isinstance(result, FactoredCounts):
            return result
        with np.errstate(over="ignore"):  # found as infinite later
            return np.array(result, dtype=np.float32)

    def _check_finite(self, result: Result) -> None:
        bad, first = 0, ""
        for row in range(result.shape[0]):
            values = np.asarray(result[row])
            places = np.argwhere(~np.isfinite(values))
            if len(places) and not bad:
                x, channel = places[0]
                first = f"{values[x, channel]:g} at y {row}, x {x}, energy {channel}"
            bad += len(places)
        if bad:
            self.refuse(
                f"expected counts that are finite, found {first} ({bad} such values); a division "
                "by empty pixels or channels does this"
            )


def _digest(counts: NDArray[Any]) -> bytes:
    return blake2b(np.ascontiguousarray(counts).data, digest_size=16).digest()


def are_equal(first: Result, second: Result) -> bool:
    """Whether two results are the same in every digit."""
    rows = range(first.shape[0])
    return all(np.array_equal(np.asarray(first[y]), np.asarray(second[y])) for y in rows)


def distance(first: Result, second: Result, total: float) -> float:
    """Return the root mean square difference of two results over the noise of the counts.

    `total` is the sum of the counts that both were computed from, and the sum of their variances.
    """
    squares = 0.0
    for y in range(first.shape[0]):
        step = np.asarray(first[y], dtype=np.float64) - np.asarray(second[y])
        squares += float(np.einsum("xe,xe->", step, step))
    return float((squares / max(total, 1.0)) ** 0.5)


def uniform_counts(spectrum: NDArray[np.float64], like: Counts, seed: int) -> Counts:
    """Return Poisson counts of a sample whose pixels are all alike, of the shape of others.

    `spectrum` (energy,) is the expected sum of all pixels.
    """
    height, width, size = like.shape
    mean = spectrum / (height * width)
    counts = np.empty_like(like)
    for y in range(height):
        counts[y] = row_generator(seed, UNIFORM_STREAM, y).poisson(mean, (width, size))
    return counts


def held_contrast(
    result: Result, source: Source, share: float, partition: WindowPartition
) -> tuple[float, float]:
    """Return how much of a map's contrast is in a result for counts of a uniform sample.

    The contrast of the map, the departure of each pixel from the mean, is fitted to that of the
    result, in cells of about half a line that are weighted so that all noise is alike. A denoiser
    that does not know the map leaves chance only, of at most one standard error if it lowers the
    noise, however it is distributed over pixels and cells.

    Returns
    -------
    contrast : float
        1 for the map itself in the exposure `share`, 0 if nothing is held.
    errors : float
        The same in standard errors.
    """
    height, width, _ = source.shape
    product, square, found, total = np.zeros((4, len(partition.half_edges) - 1))
    for rows, band in source.bands():
        own = partition.halves(partition.cells(band)).astype(np.float64)
        guess = partition.halves(partition.cells(np.asarray(result[rows]))).astype(np.float64)
        product += np.einsum("yxc,yxc->c", own, guess)
        square += np.einsum("yxc,yxc->c", own, own)
        total += own.sum(axis=(0, 1))
        found += guess.sum(axis=(0, 1))
    mean = total / (height * width)
    filled = mean > 0
    fitted = float(((product - found * mean)[filled] / mean[filled]).sum())
    contrast = float(((square - total * mean)[filled] / mean[filled]).sum())
    if contrast <= 0:
        return 0.0, 0.0
    return fitted / (share * contrast), fitted / (share * contrast) ** 0.5
