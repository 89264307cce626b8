"""The sum spectrum of a layer, added up beside the window, without Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.errors import Cancelled, DataError
from napari_xrf_denoise.core.lazy_arrays import is_on_disk

from .jobs import Latest

ON_DISK_VALUES = 16 * 2**20
IN_MEMORY_VALUES = 64 * 2**20
"""Most values that are read; of arrays in memory, which cost less, more."""
WHOLE = "the whole array"
LARGEST_BLOCK = 64 * 2**20
"""Values of a block on disk above which there is no preview: one alone would take too long."""


@dataclass(frozen=True, eq=False)
class Preview:
    """Sums over a part of an array, with its axes as the user says."""

    picture: NDArray[np.float64]
    """Shape (y, x): sums over the channels (and repeats) that were read."""
    channels: NDArray[np.int64]
    """Those that were read."""
    spectrum: NDArray[np.float64]
    """Sums over the pixels (and repeats) that were read, one for each of `channels`."""
    words: str
    """The part that was read."""


def preview_of(
    array: Any,
    energy_axis: int,
    repeat_axis: int | None = None,
    *,
    blocks: Sequence[int] | None = None,
    most_values: int | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Preview:
    """Read a bounded part of an array, and sum it up.

    `array` has 1 to 4 axes, of NumPy, dask, or a dataset on disk, whose `blocks` are read as a
    whole; all axes but energy and repeats, at most two, are pixels. DataError says which axis is
    wrong, or that the blocks are too large.
    """
    shape = tuple(int(length) for length in array.shape)
    pixels = _pixel_axes(shape, energy_axis, repeat_axis)
    in_memory = isinstance(array, np.ndarray) and not is_on_disk(array)
    if most_values is None:
        most_values = IN_MEMORY_VALUES if in_memory else ON_DISK_VALUES
    parts = sampled_parts(shape, energy_axis, blocks or _blocks(array), most_values)
    channels = np.concatenate([np.arange(*part) for part in parts[energy_axis]])
    order = [axis for axis in (repeat_axis, *pixels, energy_axis) if axis is not None]
    heights = [parts[axis][0][1] - parts[axis][0][0] for axis in pixels] + [1, 1]
    picture = np.zeros(heights[:2])
    spectrum = []
    for corner in product(*parts):
        if should_stop():
            raise Cancelled("the preview is not wanted any more")
        block = np.asarray(array[tuple(slice(*part) for part in corner)]).transpose(order)
        block = block.reshape(-1, *picture.shape, block.shape[-1])
        picture += block.sum(axis=(0, 3), dtype=np.float64)
        spectrum.append(block.sum(axis=(0, 1, 2), dtype=np.float64))
    return Preview(
        np.nan_to_num(picture),
        channels,
        np.nan_to_num(np.concatenate(spectrum)),
        _words(shape, parts, pixels, energy_axis, channels.size),
    )


def sampled_parts(
    shape: Sequence[int], energy_axis: int, blocks: Sequence[int], most_values: int
) -> list[list[tuple[int, int]]]:
    """Return (start, stop) of what to read along each axis; several ones along the energy only."""
    blocks = [min(max(1, block), length) for block, length in zip(blocks, shape, strict=True)]
    if np.prod(blocks, dtype=object) > LARGEST_BLOCK:
        raise DataError(
            f"no preview: the array is stored in blocks of {tuple(blocks)}, too large to read one "
            "for a look; the file can be opened nonetheless"
        )
    n_blocks = [-(-length // block) for length, block in zip(shape, blocks, strict=True)]
    keep = list(n_blocks)

    def values() -> int:
        return int(
            np.prod([k * block for k, block in zip(keep, blocks, strict=True)], dtype=object)
        )

    others = [axis for axis in range(len(shape)) if axis != energy_axis]
    while values() > most_values and any(keep[axis] > 1 for axis in others):
        longest = max(
            (axis for axis in others if keep[axis] > 1), key=lambda axis: keep[axis] * blocks[axis]
        )
        keep[longest] = (keep[longest] + 1) // 2
    while values() > most_values and keep[energy_axis] > 1:
        keep[energy_axis] = (keep[energy_axis] + 1) // 2
    parts = []
    for axis, (length, block) in enumerate(zip(shape, blocks, strict=True)):
        if axis == energy_axis and keep[axis] < n_blocks[axis]:
            chosen = np.unique(np.linspace(0, n_blocks[axis] - 1, keep[axis]).astype(int))
            parts.append([(int(n) * block, min((int(n) + 1) * block, length)) for n in chosen])
        else:
            first = (n_blocks[axis] - keep[axis]) // 2
            parts.append([(first * block, min((first + keep[axis]) * block, length))])
    return parts


def _pixel_axes(shape: tuple[int, ...], energy_axis: int, repeat_axis: int | None) -> list[int]:
    known = [axis for axis in (energy_axis, repeat_axis) if axis is not None]
    if not all(0 <= axis < len(shape) for axis in known):
        raise DataError(
            f"an array of shape {shape} has the axes 0 to {len(shape) - 1}, found energy axis "
            f"{energy_axis} and repeat axis {repeat_axis}; choose among them"
        )
    if energy_axis == repeat_axis:
        raise DataError(
            f"axis {energy_axis} cannot be both energy and repeats; choose another one for either"
        )
    pixels = [axis for axis in range(len(shape)) if axis not in known]
    if len(pixels) > 2:
        raise DataError(
            f"an array of shape {shape} leaves {len(pixels)} axes for y and x, expected at most "
            "2; say which axis holds repeats"
        )
    return pixels


def _blocks(array: Any) -> tuple[int, ...]:
    chunks = getattr(array, "chunks", None)
    if chunks:
        return tuple(max(chunk) if isinstance(chunk, tuple) else int(chunk) for chunk in chunks)
    return (1,) * len(array.shape)


def _words(
    shape: Sequence[int],
    parts: list[list[tuple[int, int]]],
    pixels: list[int],
    energy_axis: int,
    n_channels: int,
) -> str:
    shown = [parts[axis][0][1] - parts[axis][0][0] for axis in pixels]
    whole = [shape[axis] for axis in pixels]
    stated = []
    if shown != whole:
        stated.append(f"the middle {_times(shown)} of {_times(whole)} pixels")
    if n_channels != shape[energy_axis]:
        stated.append(f"{n_channels} of {shape[energy_axis]} channels")
    return f"Preview of {', '.join(stated) or WHOLE}"


def _times(lengths: Sequence[int]) -> str:
    return " × ".join(str(length) for length in lengths)


class SumSpectrum:
    """The sum spectrum of a bounded part of a layer, added up in a thread."""

    def __init__(self) -> None:
        self._latest = Latest("xrf-sum-spectrum")

    @property
    def preview(self) -> Preview | None:
        """The spectrum, as far as it is known."""
        preview: Preview | None = self._latest.result
        return preview

    @property
    def words(self) -> str:
        """The part of the layer that was summed, or why there is none."""
        if self._latest.error is not None:
            return str(self._latest.error)
        if self.preview is not None:
            part = self.preview.words.removeprefix("Preview of ")
            return f"Sum spectrum ({'all pixels' if part == WHOLE else part})"
        return "Adding up the spectra…" if self.is_waiting else ""

    @property
    def is_waiting(self) -> bool:
        """Whether it is being added up."""
        return self._latest.is_waiting

    def want(self, layer: Any, energy_axis: int | None, repeat_axis: int | None) -> None:
        """Begin to add up, unless this is what was wanted before."""
        wanted = None if layer is None else (id(layer.data), energy_axis, repeat_axis)
        if wanted == self._latest.wanted:
            return
        # Another layer's spectrum must not stand under this one's name.
        self._latest.forget()
        if layer is not None and energy_axis is not None:
            data = layer.data
            self._latest.want(
                wanted,
                lambda _, stop: preview_of(data, energy_axis, repeat_axis, should_stop=stop),
            )

    def poll(self) -> bool:
        """Take over what is done; return whether nothing is waited for."""
        return self._latest.poll()

    def stop(self) -> None:
        """Forget the spectrum, and one that is being added up."""
        self._latest.forget()
