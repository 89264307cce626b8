"""Counts kept as a product of two factors, and computed where they are accessed.

A denoised map of few components is scores times spectra: 1000 × 1000 pixels of 2048 channels are
8 GB, their 16 scores a pixel 64 MB. The picture at one energy is one column of the product, the
spectrum of a pixel one row of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from operator import index
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .cores import CACHED_BYTES, in_order
from .factors import Factors

__all__ = ["FactoredCounts"]


CHUNK_BYTES = 32 * 2**20
"""Counts that reductions and arithmetic hold at a time; at least one row."""
ENERGY = 2
"""Among the axes (y, x, energy) of the factors' product."""
Layout = tuple[int | None, ...]
"""For each visible axis that of the product, or None for an added one of length 1. Hidden axes of
the product have length 1."""


def _reduction(name: str) -> Any:
    """Return a method that reduces as NumPy's of the same name does, one band at a time."""

    def reduced(
        self: FactoredCounts,
        axis: int | tuple[int, ...] | None = None,
        dtype: DTypeLike | None = None,
        out: None = None,
        keepdims: bool = False,
    ) -> Any:
        if out is not None:
            raise TypeError(f"{name} of FactoredCounts has no out=")
        options: dict[str, Any] = {"axis": axis, "keepdims": keepdims}
        if dtype is not None:
            options["dtype"] = dtype
        # Without threads, each of which would hold a band; the product itself uses all cores.
        return getattr(self.to_dask(), name)(**options).compute(scheduler="synchronous")

    reduced.__doc__ = f"Return the {name} over some axes or all, as NumPy does, band by band."
    return reduced


class FactoredCounts(NDArrayOperatorsMixin):
    """Expected counts of shape (1, y, x, energy), read-only, float32, never expanded as a whole.

    ``counts[0, y, x, e]`` is the sum of ``scores[y, x, r] * spectra[r, e]`` over the components
    r, or 0 where that is negative.

    They are indexed like a NumPy array. Slices are views and cost nothing: ``counts[0]``,
    ``counts[:, 10:20]``. Integers on axes longer than 1, index arrays, and results of at most one
    axis are computed at once: a spectrum, the picture at one energy, a row, or the pixels of a
    mask are NumPy arrays. ``np.asarray`` computes a view. The last digits of a count depend on
    which counts are computed together.

    Transposing, and reshaping that only adds or removes axes of length 1, give views too. Other
    shapes, other types and arithmetic (``counts * mask``) give dask arrays, which compute band by
    band. Other functions of NumPy, such as ``np.median``, expand all counts.

    Parameters
    ----------
    scores : array_like, shape (y, x, rank)
        Held as float32, without a copy if they are contiguous float32 already.
    spectra : array_like, shape (rank, energy)
        Spectra of the components.
    places : array_like of int, shape (n,), optional
        Pixels that no component describes, such as isolated hot ones, as ascending indices into
        the flattened picture.
    rows : array_like, shape (n, energy), optional
        Spectra of these pixels, which replace the product there.

    Raises
    ------
    DataError
        If shapes do not fit together, a value is NaN or infinite, a count in `rows` is negative,
        or `places` are not ascending pixels of the picture.

    Examples
    --------
    >>> counts = FactoredCounts(np.ones((1000, 1000, 2)), np.ones((2, 4096)))
    >>> counts.shape, counts.nbytes
    ((1, 1000, 1000, 4096), 16384000000)
    >>> counts[0, 3, 4, :5]
    array([2., 2., 2., 2., 2.], dtype=float32)
    >>> counts[0, :, :, 20:].transpose(2, 0, 1)
    FactoredCounts(shape=(4076, 1000, 1000), rank=2)
    """

    dtype = np.dtype(np.float32)
    sum = _reduction("sum")
    mean = _reduction("mean")
    max = _reduction("max")
    min = _reduction("min")

    def __init__(
        self,
        scores: ArrayLike,
        spectra: ArrayLike,
        places: ArrayLike | None = None,
        rows: ArrayLike | None = None,
    ) -> None:
        self._factors = Factors.checked(scores, spectra, places, rows)
        self._layout: Layout = (None, 0, 1, ENERGY)

    def __repr__(self) -> str:
        return f"FactoredCounts(shape={self.shape}, rank={len(self._factors.spectra)})"

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        sizes = self._factors.shape
        return tuple(1 if axis is None else sizes[axis] for axis in self._layout)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._layout)

    @property
    def size(self) -> int:
        """Number of counts."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that the counts would take as a NumPy array."""
        return self.size * self.dtype.itemsize

    @property
    def T(self) -> FactoredCounts:  # noqa: N802  (NumPy's name)
        """The view with its axes in reverse."""
        return self.transpose()

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def own_spectra(self) -> NDArray[np.bool_]:
        """Whether each pixel (y, x) has a spectrum of its own."""
        has = np.zeros(self._factors.shape[:2], bool)
        has[tuple(self._factors.places)] = True
        return has

    @property
    def spectra(self) -> NDArray[np.float32]:
        """Spectra of the components, shape (component, energy)."""
        return self._factors.spectra

    def images(self, rows: slice) -> NDArray[np.float32]:
        """Return the scores of some rows (rows, x, component), 0 in pixels with own spectra."""
        part = self._factors.cut(rows, slice(None), slice(None))
        if not part.places.size:
            return part.scores
        scores = part.scores.copy()
        scores[tuple(part.places)] = 0
        return scores

    def held(self, rows: slice) -> FactoredCounts:
        """Return these counts of which only some rows are held: others are an IndexError.

        >>> counts = FactoredCounts(np.arange(4.0).reshape(4, 1, 1), [[1, 2]]).held(slice(2, 4))
        >>> counts.shape, counts[0, 3, 0]
        ((1, 4, 1, 2), array([3., 6.], dtype=float32))
        """
        return _view(self._factors.held(rows), self._layout)

    def own_rows(self, rows: slice) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Return pixels of some rows, flat, that have own spectra, and these (pixel, energy)."""
        part = self._factors.cut(rows, slice(None), slice(None))
        return part.places[0] * part.shape[1] + part.places[1], part.rows

    def total(self) -> float:
        """Return the sum of all counts.

        >>> FactoredCounts(np.ones((100, 100, 1)), np.ones((1, 20))).total()
        200000.0
        """
        own = self._factors
        height, width, size = own.shape
        step = max(1, CACHED_BYTES // (own.spectra.itemsize * width * size))
        rows = (slice(start, start + step) for start in range(0, height, step))
        whole = slice(None)
        return sum(in_order(lambda part: own.cut(part, whole, whole).total(), rows), 0.0)

    def scaled(self, factor: float) -> FactoredCounts:
        """Return these counts times a number of 0 or more, as factors."""
        own, number = self._factors, np.float32(factor)
        scaled = replace(own, spectra=own.spectra * number, rows=own.rows * number)
        return _view(scaled, self._layout)

    def plus(self, scores: ArrayLike, spectra: ArrayLike) -> FactoredCounts:
        """Return these counts with further components (y, x, number), (number, energy).

        What is below 0 then is 0. Pixels with spectra of their own get their share as well.

        >>> counts = FactoredCounts([[[1], [2]]], [[1, 1]])
        >>> np.asarray(counts.plus([[[0], [3]]], [[0, 1]]))[0]
        array([[[1., 1.],
                [2., 5.]]], dtype=float32)
        """
        own = self._factors
        more = Factors.checked(scores, spectra)
        added = more.scores[tuple(own.places)] @ more.spectra
        together = replace(
            own,
            scores=np.concatenate([own.scores, more.scores], axis=2),
            spectra=np.concatenate([own.spectra, more.spectra]),
            rows=np.maximum(own.rows + added, 0),
        )
        return _view(together, self._layout)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("these counts are computed on access, which copy=False forbids")
        counts = self._arranged(self._factors.product())
        return counts if dtype is None else counts.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or "out" in options:
            return NotImplemented
        lazy = (entry.to_dask() if isinstance(entry, FactoredCounts) else entry for entry in inputs)
        return ufunc(*lazy, **options)

    def __getitem__(self, key: Any) -> Any:
        parts = self._parts(key)
        if any(isinstance(part, np.ndarray) for part in parts):
            return self._picked(parts)
        cuts, computes = [slice(None)] * 3, False
        layout: list[int | None] = []
        axes = enumerate(zip(self._layout, self.shape, strict=True))
        for part in parts:
            if part is None:
                layout.append(None)
                continue
            number, (axis, size) = next(axes)
            if isinstance(part, slice):
                layout.append(axis)
            elif -size <= part < size:
                part = slice(part % size, part % size + 1)
                computes = computes or size > 1
            else:
                raise IndexError(f"index {part} is out of bounds for axis {number} of size {size}")
            if axis is not None:
                cuts[axis] = part
            elif not range(1)[part]:  # an empty part of an axis that the factors do not have
                return self._picked(parts)
        view = _view(self._factors.cut(*cuts), tuple(layout))
        return np.asarray(view)[()] if computes or view.ndim < 2 else view

    def transpose(self, *axes: Any) -> FactoredCounts:
        """Return a view with the axes in another order; in reverse if none is given."""
        if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], Sequence)):
            return self.transpose(*(axes[0] or ()))
        order = [index(axis) for axis in axes] or list(range(self.ndim))[::-1]
        order = [axis + self.ndim if axis < 0 else axis for axis in order]
        if sorted(order) != list(range(self.ndim)):
            raise ValueError(f"axes {axes} are not those of an array of shape {self.shape}")
        return _view(self._factors, tuple(self._layout[axis] for axis in order))

    def reshape(self, *shape: Any) -> Any:
        """Return a view with more or fewer axes of length 1; a dask array for other shapes."""
        if len(shape) == 1 and isinstance(shape[0], Sequence):
            return self.reshape(*shape[0])
        known = max(1, -math.prod(shape))  # of all lengths but the one that is -1
        target = tuple(self.size // known if length == -1 else index(length) for length in shape)
        sizes = self._factors.shape
        long = [axis for axis in self._layout if axis is not None and sizes[axis] != 1]
        if [length for length in target if length != 1] != [sizes[axis] for axis in long]:
            return self.to_dask().reshape(target)
        axes = iter(long)
        return _view(self._factors, tuple(None if n == 1 else next(axes) for n in target))

    def astype(self, dtype: DTypeLike, copy: bool = False) -> Any:
        """Return these counts for float32, a dask array for other types."""
        return self if np.dtype(dtype) == self.dtype else self.to_dask().astype(dtype)

    def to_dask(self) -> Any:
        """Return a dask array in bands of rows, each computed when it is needed."""
        import dask.array

        sizes = self._factors.shape
        chunks = dict(enumerate(self.shape))
        for number, axis in enumerate(self._layout):
            if axis in (0, 1) and sizes[axis] > 1 and self.size:
                row = self.nbytes // sizes[axis]
                chunks[number] = min(sizes[axis], max(1, CHUNK_BYTES // row))
                break
        # name=False, since dask would read both factors to make a name.
        meta = np.empty((0,) * self.ndim, self.dtype)
        return dask.array.from_array(_Computing(self), chunks=chunks, name=False, meta=meta)

    def _parts(self, key: Any) -> list[Any]:
        """Return a key with one entry for each axis, besides None and masks of several axes."""
        parts = [_part(part) for part in (key if isinstance(key, tuple) else (key,))]
        gaps = [number for number, part in enumerate(parts) if part is Ellipsis]
        used = sum(_axes_of(part) for part in parts)
        if used > self.ndim or len(gaps) > 1:
            raise IndexError(f"{key} does not index an array of {self.ndim} axes")
        gap = gaps[0] if gaps else len(parts)
        return [*parts[:gap], *[slice(None)] * (self.ndim - used), *parts[gap + 1 :]]

    def _arranged(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values on (y, x, energy), each perhaps of length 1, with the visible axes."""
        seen = [axis for axis in self._layout if axis is not None]
        hidden = [axis for axis in range(3) if axis not in seen]
        shape = [1 if axis is None else values.shape[axis] for axis in self._layout]
        return values.transpose(hidden + seen).reshape(shape)

    def _picked(self, parts: list[Any]) -> NDArray[np.float32]:
        """Return counts at index arrays: NumPy indexes the factors, which are then multiplied."""
        if ENERGY not in self._layout:
            view = _view(self._factors, (*self._layout, ENERGY))
            return view._picked([*parts, slice(None)])[..., 0]
        ends = np.cumsum([_axes_of(part) for part in parts])
        place = int(np.searchsorted(ends, self._layout.index(ENERGY), side="right"))
        energy = parts[place]
        if not isinstance(energy, slice):
            return self._picked_one_by_one(tuple(parts))
        key = (*parts[:place], slice(None), *parts[place + 1 :])
        # The axis at which NumPy puts energies is the one that grows with their number.
        one, two = (
            self._arranged(np.broadcast_to(np.int8(0), (*self._factors.shape[:2], n)))[key].shape
            for n in (1, 2)
        )
        at = next(axis for axis in range(len(one)) if one[axis] != two[axis])
        scores = np.moveaxis(self._arranged(self._factors.scores)[key], at, -1)
        counts = np.maximum(scores @ self._factors.spectra[:, energy], np.float32(0))
        number = np.moveaxis(self._arranged(self._factors.row_numbers())[key], at, -1)[..., 0]
        counts[number >= 0] = self._factors.rows[:, energy][number[number >= 0]]
        return np.moveaxis(counts, -1, at)

    def _picked_one_by_one(self, key: tuple[Any, ...]) -> NDArray[np.float32]:
        """Return counts at index arrays that include energies: not a product of matrices."""
        factors = self._factors

        def pick(values: NDArray[Any]) -> NDArray[Any]:
            picked: NDArray[Any] = np.broadcast_to(self._arranged(values), self.shape)[key]
            return picked

        number, channel = pick(factors.row_numbers()), pick(np.arange(factors.shape[2])[None, None])
        counts = np.zeros(number.shape, self.dtype)
        for score, spectrum in zip(
            np.moveaxis(factors.scores, -1, 0), factors.spectra, strict=True
        ):
            counts += pick(score[..., None]) * pick(spectrum[None, None])
        np.maximum(counts, 0, out=counts)
        given = number >= 0
        counts[given] = factors.rows[number[given], channel[given]]
        return counts


class _Computing:
    """Factored counts for dask, which would take a view for a computed array."""

    def __init__(self, counts: FactoredCounts) -> None:
        self._counts = counts
        self.shape, self.ndim, self.dtype = counts.shape, counts.ndim, counts.dtype

    def __getitem__(self, key: Any) -> NDArray[np.float32]:
        return np.asarray(self._counts[key])


def _view(factors: Factors, layout: Layout) -> FactoredCounts:
    # Not through the constructor, which checks all values.
    view = FactoredCounts.__new__(FactoredCounts)
    view._factors, view._layout = factors, layout
    return view


def _part(part: Any) -> Any:
    """Return an entry of a key as None, ..., a slice, an int, or an array of int or bool."""
    if part is None or part is Ellipsis or isinstance(part, slice):
        return part
    array = np.asarray(part)
    if array.size == 0 and not isinstance(part, np.ndarray):
        array = array.astype(np.intp)
    if array.dtype.kind not in "iub" or (array.dtype.kind == "b" and array.ndim == 0):
        raise IndexError(f"expected whole numbers, slices, ... or arrays as an index, found {part}")
    return int(array) if array.ndim == 0 else array


def _axes_of(part: Any) -> int:
    """Return the number of axes that an entry of a key indexes."""
    if part is None or part is Ellipsis:
        return 0
    return part.ndim if isinstance(part, np.ndarray) and part.dtype == bool else 1
