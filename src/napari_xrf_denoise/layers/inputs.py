"""Whatever a user hands over as counts, looked at once: the image, and the way back to its axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.repeats import stack_repeats
from napari_xrf_denoise.core.spectrum_image import SpectrumImage

from .convert import image_from_layer, is_layer

Counts = NDArray[np.float32] | FactoredCounts

FEW_CHANNELS = 64
"""No spectrometer has fewer; where another axis is longer, that one may be meant."""


def _unchanged(counts: Counts) -> Counts:
    return counts


@dataclass(frozen=True, eq=False)
class Input:
    """Counts that were handed over, whatever they came in."""

    image: SpectrumImage
    restore: Callable[[Counts], Counts] = _unchanged
    """Gives counts (y, x, energy) the axes of the input, without the repeat axis."""
    is_array: bool = False
    """Whether it was an array, which has no energy axis of its own."""
    warnings: tuple[str, ...] = ()

    def on(self, energy: EnergyAxis) -> Input:
        """Return an array of as many channels on this energy axis, all else as it is."""
        if not self.is_array or self.image.shape[-1] != energy.size:
            return self
        return replace(self, image=self.image.replace(energy=energy))


def as_input(data: Any, energy_axis: int = -1, repeat_axis: int | None = None) -> Input:
    """Return any kind of input as a spectrum image, without a copy.

    Parameters
    ----------
    data : SpectrumImage, Denoised, napari layer, list of these, or array_like
    energy_axis, repeat_axis : int
        Axes of an array, or of the arrays of a list.

    Raises
    ------
    DataError
        If the data has no such axes, or entries of a list do not go together.
    """
    if isinstance(data, SpectrumImage):
        return Input(data)
    if isinstance(getattr(data, "image", None), SpectrumImage):
        return Input(data.image)  # of a `Denoised`, which is above this room
    if is_layer(data):
        return _layer_input(data)
    if _is_image_list(data):
        entries = [as_input(entry, energy_axis) for entry in data]
        return replace(entries[0], image=stack_repeats([entry.image for entry in entries]))
    if isinstance(data, str | Path):
        raise DataError(f"{data}: expected counts, found a path; read the file first with read()")
    return _array_input(data, energy_axis, repeat_axis)


def as_image(data: Any) -> SpectrumImage:
    """Return any kind of input as a spectrum image; arrays have their energies last."""
    return as_input(data).image


def _is_image_list(data: Any) -> bool:
    """Whether this is a list of repeats, and not an array written as nested lists."""
    return (
        isinstance(data, list | tuple)
        and len(data) > 0
        and not isinstance(data[0], int | float | list | tuple | str)
    )


def _layer_input(layer: Any) -> Input:
    image = image_from_layer(layer)
    sizes = dict(zip(layer.axis_labels, layer.data.shape, strict=True))
    kept = [name for name in sizes if name != "repeat"]
    pixels = [sizes[name] for name in kept if name != "energy"]
    return Input(image, partial(_reshaped, shape=pixels, energy=kept.index("energy")))


def _array_input(data: Any, energy_axis: int, repeat_axis: int | None) -> Input:
    image = SpectrumImage.from_array(data, energy_axis=energy_axis, repeat_axis=repeat_axis)
    shape = list(np.shape(data))
    energy, repeat = energy_axis % len(shape), len(shape)
    if repeat_axis is not None:
        repeat = repeat_axis % len(shape)
    pixels = [size for axis, size in enumerate(shape) if axis not in (energy, repeat)]
    restore = partial(_reshaped, shape=pixels, energy=energy - (energy > repeat))
    longest = max((axis for axis in range(len(shape)) if axis != repeat), key=shape.__getitem__)
    warnings: tuple[str, ...] = ()
    if shape[energy] < FEW_CHANNELS <= shape[longest]:
        warnings = (
            f"axis {energy_axis} ({shape[energy]} long) was taken for the energy although axis "
            f"{longest} is longer ({shape[longest]}); if that is the energy, give "
            f"energy_axis={longest}",
        )
    return Input(image, restore, True, warnings)


def _reshaped(counts: Counts, shape: Sequence[int], energy: int) -> Counts:
    """Return counts (y, x, energy) with these sizes of the other axes, energies at this place."""
    return np.moveaxis(counts.reshape(*shape, counts.shape[-1]), -1, energy)
