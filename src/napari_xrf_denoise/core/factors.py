"""Two factors whose product are the counts of a map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import DataError

__all__ = ["Factors"]


@dataclass(frozen=True, eq=False)
class Factors:
    """Factors of the counts of a map; make them with `checked`."""

    scores: NDArray[np.float32]
    """Shape (y, x, rank)."""
    spectra: NDArray[np.float32]
    """Shape (rank, energy)."""
    places: NDArray[np.intp]
    """y and x of the pixels with spectra of their own, shape (2, n)."""
    rows: NDArray[np.float32]
    """Spectra of these pixels, shape (n, energy)."""

    @classmethod
    def checked(
        cls,
        scores: ArrayLike,
        spectra: ArrayLike,
        places: ArrayLike | None = None,
        rows: ArrayLike | None = None,
    ) -> Factors:
        """Return factors that fit together; parameters and errors are those of `FactoredCounts`.

        >>> factors = Factors.checked([[[1, 2], [3, -4]]], [[1, 0, 1], [0, 1, 1]])
        >>> factors.product()
        array([[[1., 2., 3.],
                [3., 0., 0.]]], dtype=float32)
        """
        scores = np.ascontiguousarray(scores, np.float32)
        spectra = np.ascontiguousarray(spectra, np.float32)
        if scores.ndim != 3 or spectra.ndim != 2 or scores.shape[2] != len(spectra):
            raise DataError(
                "factors: expected scores of shape (y, x, rank) and spectra of shape (rank, "
                f"energy), found {scores.shape} and {spectra.shape}"
            )
        (height, width, _), channels = scores.shape, spectra.shape[1]
        flat = np.asarray(() if places is None else places)
        rows = np.asarray(np.empty((0, channels)) if rows is None else rows, np.float32)
        if flat.ndim != 1 or rows.shape != (flat.size, channels):
            raise DataError(
                "factors: expected as many rows as places, with a count for each of "
                f"{channels} channels, found shape {rows.shape} for {flat.shape} places"
            )
        whole = flat.dtype.kind in "iu" or flat.size == 0
        if not whole or np.any(np.diff(flat, prepend=-1, append=height * width) < 1):
            raise DataError(
                "factors: expected places to be ascending whole numbers from 0 to "
                f"{height * width - 1}, found {flat}"
            )
        for name, values in (("scores", scores), ("spectra", spectra), ("rows", rows)):
            if not np.isfinite(values).all():
                raise DataError(f"factors: {name} hold values that are NaN or infinite")
        if rows.min(initial=0) < 0:
            raise DataError(f"factors: expected rows without negative counts, found {rows.min()}")
        return cls(scores, spectra, np.stack(np.divmod(flat.astype(np.intp), width)), rows)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(y, x, energy)."""
        height, width, _ = self.scores.shape
        return height, width, self.spectra.shape[1]

    def held(self, rows: slice) -> Factors:
        """Return the factors of the map of which only these rows are held, as views."""
        part, height = self.cut(rows, slice(None), slice(None)), self.shape[0]
        first = range(height)[rows].start
        places = part.places + np.array([[first], [0]])
        return _SomeRows(part.scores, part.spectra, places, part.rows, first, height)

    def cut(self, y: slice, x: slice, energy: slice) -> Factors:
        """Return a part of the map, as views."""
        places, rows = self.places, self.rows[:, energy]
        if places.size:
            height, width, _ = self.shape
            at_y, in_y = _within(places[0], range(height)[y])
            at_x, in_x = _within(places[1], range(width)[x])
            kept = in_y & in_x
            places = np.stack([at_y, at_x])
            if not kept.all():
                places, rows = places[:, kept], rows[kept]
        return Factors(self.scores[y, x], self.spectra[:, energy], places, rows)

    def product(self) -> NDArray[np.float32]:
        """Return the counts, shape (y, x, energy)."""
        height, width, rank = self.scores.shape
        # One product of contiguous matrices: NumPy is slow for others.
        pixels = np.ascontiguousarray(self.scores).reshape(height * width, rank)
        product = pixels @ np.ascontiguousarray(self.spectra)
        counts = np.maximum(product, 0, out=product).reshape(self.shape)
        counts[tuple(self.places)] = self.rows
        return counts

    def total(self) -> float:
        """Return the sum of all counts."""
        return float(self.product().sum(axis=(0, 1), dtype=np.float64).sum())

    def row_numbers(self) -> NDArray[np.intp]:
        """Return the index of each pixel in `rows`, or -1, shape (y, x, 1)."""
        numbers = np.full((*self.shape[:2], 1), -1)
        numbers[*self.places, 0] = np.arange(len(self.rows))
        return numbers


def _within(at: NDArray[np.intp], kept: range) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the positions of indices in a part of the axis, and whether they are in it."""
    position, between = np.divmod(at - kept.start, kept.step)
    return position, (between == 0) & (position >= 0) & (position < len(kept))


@dataclass(frozen=True, eq=False)
class _SomeRows(Factors):
    """Factors of a map of which a stretch of rows is held."""

    first: int = 0
    """The first row that is held."""
    height: int = 0
    """Rows of the map."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(y, x, energy) of the map."""
        return self.height, self.scores.shape[1], self.spectra.shape[1]

    def cut(self, y: slice, x: slice, energy: slice) -> Factors:
        """Return a part of the map, as views."""
        wanted, last = range(self.height)[y], self.first + len(self.scores)
        if wanted and not (self.first <= min(wanted) and max(wanted) < last):
            raise IndexError(f"rows {self.first} to {last - 1} are held, asked for {wanted}")
        places = self.places - np.array([[self.first], [0]])
        here = Factors(self.scores, self.spectra, places, self.rows)
        if not wanted:
            return here.cut(slice(0), x, energy)
        start, stop = wanted.start - self.first, wanted.stop - self.first
        return here.cut(slice(start, stop if stop >= 0 else None, wanted.step), x, energy)
