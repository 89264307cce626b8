"""The data model: counts with the axes (repeat, y, x, energy), and their meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from operator import index
from types import MappingProxyType
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .bands import bands
from .counts import AXES, check_counts, check_shape, readonly, sum_dtype
from .energy_axis import EnergyAxis
from .errors import DataError
from .factored_counts import FactoredCounts
from .lazy_arrays import as_lazy, is_lazy, is_on_disk
from .uncertainties.uncertainty import Uncertainty

__all__ = ["AXES", "EnergyAxis", "RepeatKind", "SpectrumImage"]

RepeatKind = Literal["scan", "frame", "detector"]
_NO_AMOUNT = re.compile(r"^[xy]$|rate|factor|fraction|posit|dtf", re.IGNORECASE)
"""Names of scalers that are not amounts: merged pixels have their mean."""
BLOCK_BYTES = 64 * 2**20
"""Largest block, as float64, that one step over a cube keeps in memory."""


@dataclass(frozen=True, eq=False)
class SpectrumImage:
    """Immutable counts with exactly four axes (repeat, y, x, energy).

    Parameters
    ----------
    counts : numpy.ndarray, dask.array.Array or FactoredCounts, shape (repeat, y, x, energy)
        Photon counts, kept without a copy; a NumPy array becomes a read-only view.
    energy : EnergyAxis
        Energies of the channels; channel numbers by default.
    repeat_kind : {"scan", "frame", "detector"}
        Kind of the repeats. Scans repeat the same measurement, and their mean is the result;
        frames and detector elements are parts of one measurement, and their sum is the result.
    pixel_size : tuple of float
        (y, x) distance between pixels in `pixel_unit`.
    pixel_unit : str
        Unit of `pixel_size`; ``"pixel"`` when it is not known.
    name : str
        Name in a layer list; that of the file, if there is one.
    metadata : mapping
        Further plain Python values: source, warnings, settings of the measurement.
    scalers : mapping of str to array_like, shape (y, x) or (repeat, y, x)
        Quantities measured along with the spectra. Known names are ``live_time`` and ``real_time``
        in seconds, ``input_counts`` and ``output_counts`` of the pulse processor, and the
        positions ``x`` and ``y``; others, such as ion chambers, are named as in the file.
    repeat_energies : tuple of EnergyAxis, optional
        Energy axis of each repeat, such as of detector elements calibrated separately; `energy` is
        then that of the first, and `align_repeats` moves all to one axis.
    uncertainty : Uncertainty, optional
        Of a denoised map: how wrong its counts may be.

    Raises
    ------
    DataError
        If there are not four axes, an axis is empty, the energy axis or a scaler does not fit, or
        counts in memory are negative, NaN or infinite. Counts on disk are checked when read.

    Examples
    --------
    >>> image = SpectrumImage(np.ones((32, 1, 1, 4095), dtype=np.uint16))
    >>> image.n_repeats, image.energy.unit
    (32, 'channel')
    """

    counts: Any
    energy: EnergyAxis = None  # type: ignore[assignment]  # channel numbers, set below
    repeat_kind: RepeatKind = "scan"
    pixel_size: tuple[float, float] = (1.0, 1.0)
    pixel_unit: str = "pixel"
    name: str = "spectra"
    metadata: Mapping[str, Any] = field(default_factory=dict)
    scalers: Mapping[str, Any] = field(default_factory=dict)
    repeat_energies: tuple[EnergyAxis, ...] | None = None
    uncertainty: Uncertainty | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        counts = self.counts if is_lazy(self.counts) else readonly(self.counts, self.name)
        object.__setattr__(self, "counts", counts)
        check_shape(counts, self.name)
        if cast("EnergyAxis | None", self.energy) is None:
            object.__setattr__(self, "energy", EnergyAxis.uncalibrated(counts.shape[-1]))
        if self.energy.size != counts.shape[-1]:
            raise DataError(
                f"{self.name}: axis 'energy' has {counts.shape[-1]} channels but the energy axis "
                f"describes {self.energy.size}; give an energy axis of the same length"
            )
        if self.repeat_kind not in get_args(RepeatKind):
            raise DataError(
                f"{self.name}: repeat_kind must be one of {', '.join(get_args(RepeatKind))}; "
                f"found {self.repeat_kind!r}"
            )
        size = tuple(float(step) for step in self.pixel_size)
        if len(size) != 2 or not all(np.isfinite(step) and step > 0 for step in size):
            raise DataError(
                f"{self.name}: pixel_size must be two lengths (y, x) above 0, "
                f"found {self.pixel_size}"
            )
        object.__setattr__(self, "pixel_size", size)
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))
        scalers = {name: _scaler(self, name, values) for name, values in self.scalers.items()}
        object.__setattr__(self, "scalers", MappingProxyType(scalers))
        self._check_repeat_energies()
        self._check_uncertainty()
        if isinstance(counts, np.ndarray) and not is_on_disk(counts):
            check_counts(counts, self.name)

    @classmethod
    def from_array(
        cls,
        array: Any,
        *,
        energy_axis: int = -1,
        repeat_axis: int | None = None,
        energy: EnergyAxis | None = None,
        energy_offset: float | None = None,
        energy_gain: float | None = None,
        **fields: Any,
    ) -> SpectrumImage:
        """Return a spectrum image of an array with any axis order, as a view.

        Parameters
        ----------
        array : array_like
            Energy, at most two axes of pixels, and perhaps repeats, in any order.
        energy_axis : int
            Index of the energy axis.
        repeat_axis : int, optional
            Index of the axis of repeats.
        energy : EnergyAxis, optional
            Energies of the channels.
        energy_offset, energy_gain : float, optional
            Instead of `energy`: offset in keV and gain in keV per channel.
        **fields
            Further fields of `SpectrumImage`.

        Raises
        ------
        DataError
            If an axis does not exist or is given twice, or more than two axes remain for pixels.
        """
        name = fields.get("name", "array")
        if not is_lazy(array):
            array = np.asanyarray(array)
        position = _axis_index(array, energy_axis, "energy_axis", name)
        order = [position]
        if repeat_axis is not None:
            order.insert(0, _axis_index(array, repeat_axis, "repeat_axis", name))
        pixels = [axis for axis in range(array.ndim) if axis not in order]
        if len(set(order)) != len(order) or len(pixels) > 2:
            raise DataError(
                f"{name}: an array of shape {array.shape} with energy_axis={energy_axis} and "
                f"repeat_axis={repeat_axis} leaves {len(pixels)} axes for y and x, expected at "
                "most 2; name the axis of the repeats, or select one picture"
            )
        order[-1:-1] = pixels
        n_repeats = array.shape[repeat_axis] if repeat_axis is not None else 1
        # One axis of pixels becomes y: maps are read in bands of rows, so that a long list of
        # spectra is never in memory as a whole.
        plane = tuple(array.shape[axis] for axis in pixels) + (1,) * (2 - len(pixels))
        counts = array.transpose(order).reshape(n_repeats, *plane, array.shape[position])
        if energy_offset is not None or energy_gain is not None:
            if energy is not None or energy_gain is None:
                raise DataError(
                    f"{name}: give either energy=EnergyAxis(...), or energy_gain and with it "
                    "energy_offset, in keV"
                )
            energy = EnergyAxis(energy_offset or 0.0, energy_gain, counts.shape[-1])
        return cls(counts, **{"energy": energy, "name": name, **fields})

    def _check_repeat_energies(self) -> None:
        if self.repeat_energies is None:
            return
        axes = tuple(self.repeat_energies)
        sizes = [axis.size for axis in axes]
        if sizes != [self.shape[3]] * self.n_repeats:
            raise DataError(
                f"{self.name}: expected an energy axis of {self.shape[3]} channels for each of "
                f"{self.n_repeats} repeats, found {len(axes)} of {sizes}"
            )
        object.__setattr__(self, "repeat_energies", axes)

    def _check_uncertainty(self) -> None:
        own = self.uncertainty
        if own is None:
            return
        if own.shape != self.shape[1:3] or not own.holds(self.shape[3]) or self.n_repeats > 1:
            raise DataError(
                f"{self.name}: expected an uncertainty of shape {self.shape[1:]} and one repeat, "
                f"found {own.shape} pixels of {own.channels} channels"
            )

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(repeat, y, x, energy)."""
        repeats, height, width, size = self.counts.shape
        return repeats, height, width, size

    @property
    def n_repeats(self) -> int:
        """Number of repeats."""
        return self.shape[0]

    @property
    def is_map(self) -> bool:
        """Whether there is more than one pixel."""
        return self.shape[1] * self.shape[2] > 1

    @property
    def combination(self) -> Literal["mean", "sum"]:
        """How repeats are combined: the mean of scans, the sum of frames or detector elements."""
        return "mean" if self.repeat_kind == "scan" else "sum"

    def replace(self, **fields: Any) -> SpectrumImage:
        """Return a validated copy with other fields; counts are shared.

        Scalers that do not fit new counts are dropped, and so are the uncertainty of other counts
        and `repeat_energies` with a new energy axis.
        """
        counts = fields.get("counts", self.counts)
        shapes = (counts.shape[1:3], counts.shape[:3])
        kept = {name: own for name, own in self.scalers.items() if own.shape in shapes}
        fields.setdefault("scalers", kept)
        if "counts" in fields:
            fields.setdefault("uncertainty", None)
        if "energy" in fields or len(counts) != self.n_repeats:
            fields.setdefault("repeat_energies", None)
        return replace(self, **fields)

    def with_metadata(self, **entries: Any) -> SpectrumImage:
        """Return a copy with entries added to the metadata."""
        return replace(self, metadata={**self.metadata, **entries})

    def blocks(
        self, max_bytes: int = BLOCK_BYTES, within: slice | None = None
    ) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Iterate over the map in bands of rows, reading one band at a time.

        Parameters
        ----------
        max_bytes : int
            Largest size of a band as float64; at least one row is read.
        within : slice, optional
            Only these rows; their bands are those of the whole map, cut.

        Yields
        ------
        rows : slice
            Rows of the band.
        counts : numpy.ndarray, shape (repeat, rows, x, energy)
            Counts of the band, in their stored type.

        Raises
        ------
        DataError
            If a band that comes from disk holds negative, NaN or infinite counts.
        """
        # Arrays in memory were checked when the image was made, and factors give no others.
        is_checked = isinstance(self.counts, np.ndarray | FactoredCounts)
        is_checked = is_checked and not is_on_disk(self.counts)
        for rows, band in bands(self.counts, max_bytes, within):
            if not is_checked:
                check_counts(band, self.name, first_row=rows.start)
            yield rows, band

    def sum_spectrum(self) -> NDArray[np.float64]:
        """Return the counts of each channel, summed over repeats and pixels, shape (energy,)."""
        total = np.zeros(self.shape[3])
        for _, band in self.blocks():
            total += band.sum(axis=(0, 1, 2), dtype=np.float64)
        return total

    def counts_map(self) -> NDArray[np.float64]:
        """Return the counts of each pixel, summed over repeats and channels, shape (y, x)."""
        total = np.zeros(self.shape[1:3])
        for rows, band in self.blocks():
            total[rows] = band.sum(axis=(0, 3), dtype=np.float64)
        return total

    def combine_repeats(self) -> SpectrumImage:
        """Return the image with one repeat: the mean of scans, the sum of frames or detectors.

        Sums stay whole counts; the mean is float32. Scalers of repeats become their mean, times
        and counts of frames their sum.
        """
        if self.n_repeats == 1:
            return self
        if self.combination == "sum":
            dtype = sum_dtype(self.counts.dtype, self.n_repeats)
            counts = self.counts.sum(axis=0, keepdims=True, dtype=dtype)
        else:
            counts = self.counts.mean(axis=0, keepdims=True, dtype=np.float32)
        return self.with_one_repeat(counts)

    def with_one_repeat(self, counts: Any, **fields: Any) -> SpectrumImage:
        """Return a copy with counts (1, y, x, energy) computed from all repeats."""
        scalers = {}
        for name, values in self.scalers.items():
            # Frames follow one another, so that their times add up; detectors count side by side.
            adds_up = self.repeat_kind == "frame" and not _NO_AMOUNT.search(name)
            combined = values.sum(axis=0) if adds_up else values.mean(axis=0)
            scalers[name] = combined if values.ndim == 3 else values
        fields.setdefault("uncertainty", None)
        return replace(self, counts=counts, scalers=scalers, repeat_energies=None, **fields)

    def select(
        self,
        *,
        repeats: slice | int | None = None,
        y: slice | int | None = None,
        x: slice | int | None = None,
        energy: tuple[float, float] | None = None,
        mask: ArrayLike | None = None,
    ) -> SpectrumImage:
        """Return a part of the image, as a view where possible.

        Parameters
        ----------
        repeats, y, x : slice or int, optional
            Part to keep of each axis; all four axes remain.
        energy : tuple of float, optional
            (low, high): the channels with centres in ``low <= energy < high`` (see
            `EnergyAxis.channels`), in keV; in channels if the axis is not calibrated.
        mask : array_like of bool, shape (y, x), optional
            Pixels to keep, of the image before `y` and `x` are applied; the others get zero
            counts, so that the shape is kept.

        Raises
        ------
        DataError
            If nothing is left, or the mask has another shape.
        """
        image = self
        if mask is not None:
            counts = image.counts
            if is_on_disk(counts):
                counts = as_lazy(counts)
            image = replace(image, counts=counts * image._keep(mask), uncertainty=None)
        window = slice(None) if energy is None else image.energy.channels(*energy)
        parts = []
        for axis, part, size in zip(AXES, (repeats, y, x), image.shape, strict=False):
            if part is None:
                part = slice(None)
            elif not isinstance(part, slice):
                place = index(part)
                part = slice(place, place + 1 or None)
            if part.step not in (None, 1):
                raise DataError(
                    f"{self.name}: {_typed(part)} skips parts of axis {axis!r}; select "
                    "neighbours, or use rebin"
                )
            if not range(*part.indices(size)):
                raise DataError(
                    f"{self.name}: {_typed(part)} leaves nothing of axis {axis!r}, which has 0 to "
                    f"{size - 1}"
                )
            parts.append(part)
        energies = image.repeat_energies
        if energies is not None:
            energies = tuple(axis[window] for axis in energies[parts[0]])
        return replace(
            image,
            counts=image.counts[(*parts, window)],
            energy=image.energy[window],
            scalers={
                name: values[tuple(parts[-values.ndim :])] for name, values in image.scalers.items()
            },
            repeat_energies=energies,
            uncertainty=image.uncertainty and image.uncertainty.cut(parts[1], parts[2], window),
        )

    def _keep(self, mask: ArrayLike) -> NDArray[Any]:
        keep = np.asarray(mask)
        if keep.dtype != bool or keep.shape != self.shape[1:3]:
            raise DataError(
                f"{self.name}: expected a mask of bool and shape {self.shape[1:3]} (y, x), "
                f"found {keep.dtype} of shape {keep.shape}"
            )
        return keep[None, :, :, None].astype(self.counts.dtype)

    def rebin(self, *, y: int = 1, x: int = 1, energy: int = 1) -> SpectrumImage:
        """Return the image with neighbouring pixels or channels summed, as whole counts.

        Rows, columns and channels at the far end that do not fill a bin are dropped. Scalers are
        summed as well; positions and rates are averaged.

        Parameters
        ----------
        y, x, energy : int
            Number of neighbours that become one.

        Raises
        ------
        DataError
            If a factor is below 1 or larger than its axis.
        """
        repeats, *sizes = self.shape
        factors = y, x, energy = index(y), index(x), index(energy)
        for axis, factor, size in zip(AXES[1:], factors, sizes, strict=True):
            if not 1 <= factor <= size:
                raise DataError(
                    f"{self.name}: rebin expects a whole number from 1 to {size} for axis "
                    f"{axis!r}, found {factor}"
                )
        (n_y, n_x, n_e) = (size // factor for size, factor in zip(sizes, factors, strict=True))
        cut = self.counts[:, : n_y * y, : n_x * x, : n_e * energy]
        split = cut.reshape(repeats, n_y, y, n_x, x, n_e, energy)
        counts = split.sum(axis=(2, 4, 6), dtype=sum_dtype(self.counts.dtype, y * x * energy))
        scalers = {}
        for name, values in self.scalers.items():
            cells = values[..., : n_y * y, : n_x * x].reshape(*values.shape[:-2], n_y, y, n_x, x)
            sums = cells.sum(axis=(-3, -1))
            scalers[name] = sums / (y * x) if _NO_AMOUNT.search(name) else sums
        energies = self.repeat_energies
        return replace(
            self,
            counts=counts,
            scalers=scalers,
            repeat_energies=energies and tuple(axis.rebin(energy) for axis in energies),
            uncertainty=None,
            energy=self.energy.rebin(energy),
            pixel_size=(self.pixel_size[0] * y, self.pixel_size[1] * x),
        )


def _typed(part: slice) -> str:
    """Return a slice as it is typed, 0:4."""
    ends = (part.start, part.stop) if part.step is None else (part.start, part.stop, part.step)
    return ":".join("" if end is None else str(end) for end in ends)


def _scaler(image: SpectrumImage, name: str, values: Any) -> NDArray[np.float64]:
    array = np.array(values, dtype=np.float64)
    if array.shape not in (image.shape[1:3], image.shape[:3]):
        raise DataError(
            f"{image.name}: scaler {name!r}: expected shape {image.shape[1:3]} (y, x) or "
            f"{image.shape[:3]} (repeat, y, x), found {array.shape}"
        )
    array.flags.writeable = False
    return array


def _axis_index(array: Any, axis: int, keyword: str, name: str) -> int:
    if not -array.ndim <= axis < array.ndim:
        raise DataError(
            f"{name}: {keyword}={axis} does not exist in an array of shape {array.shape}; "
            f"expected {-array.ndim} to {array.ndim - 1}"
        )
    return axis % int(array.ndim)
