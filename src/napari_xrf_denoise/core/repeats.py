"""Images of one sample as the repeats of one image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .errors import DataError
from .lazy_arrays import as_lazy, is_lazy, is_on_disk
from .spectrum_image import SpectrumImage

__all__ = ["stack_repeats"]


def stack_repeats(images: Sequence[SpectrumImage]) -> SpectrumImage:
    """Join images of the same sample into one image whose repeats they are.

    Parameters
    ----------
    images : sequence of SpectrumImage
        With the same pixels and energies. Where some have several repeats, these must be of one
        kind.

    Returns
    -------
    SpectrumImage
        With name and metadata of the first image, and the scalers that all images have. Lazy if
        one of the images is lazy or on disk.

    Raises
    ------
    DataError
        If shapes, energy axes or kinds of repeats differ.

    Examples
    --------
    >>> image = SpectrumImage(np.ones((1, 4, 5, 100)))
    >>> stack_repeats([image, image]).shape
    (2, 4, 5, 100)
    """
    first = images[0]
    for other in images[1:]:
        _check_alike(first, other)
    if len(images) == 1:
        return first
    arrays = [image.counts for image in images]
    if any(is_lazy(array) or is_on_disk(array) for array in arrays):
        import dask.array

        counts = dask.array.concatenate([as_lazy(array) for array in arrays], axis=0)
    else:
        counts = np.concatenate(arrays, axis=0)
    scalers = {
        name: np.concatenate(
            [np.broadcast_to(image.scalers[name], image.shape[:3]) for image in images]
        )
        for name in first.scalers
        if all(name in image.scalers for image in images)
    }
    energies = None
    if any(image.repeat_energies is not None for image in images):
        energies = tuple(
            axis
            for image in images
            for axis in image.repeat_energies or (image.energy,) * image.n_repeats
        )
    return first.replace(counts=counts, scalers=scalers, repeat_energies=energies)


def _check_alike(first: SpectrumImage, other: SpectrumImage) -> None:
    """Refuse images that cannot be repeats of one measurement."""
    if other.shape[1:] != first.shape[1:]:
        raise DataError(
            f"repeats must have the same shape: {first.name} is {first.shape[1:]} "
            f"(y, x, energy), {other.name} is {other.shape[1:]}; crop or rebin them first"
        )
    if other.repeat_kind != first.repeat_kind and 1 not in (other.n_repeats, first.n_repeats):
        raise DataError(
            f"repeats must be of one kind: {first.name} has {first.repeat_kind}s, {other.name} "
            f"{other.repeat_kind}s; combine those of one of them first (combine_repeats)"
        )
    if not other.energy.is_close(first.energy):
        raise DataError(
            f"repeats must have the same energy axis: {first.name} begins at "
            f"{first.energy.offset:g} with {first.energy.gain:g} {first.energy.unit} a channel,"
            f" {other.name} at {other.energy.offset:g} with {other.energy.gain:g} "
            f"{other.energy.unit}"
        )
