"""The uncertainty of a result as named arrays, which every format that keeps everything holds.

=================  ===========================================================================
images             (y, x, components), float16: differences between predictions
spectra            (components, energy)
groups             (components,): the difference that each component belongs to
image_products     (components, components): mean products of the images over the map
spots              (y, x): pixels whose lines are as they were counted
edges              (pieces + 1,): first channels of pieces of the spectrum
pixels, numbers    (blocks,): pixels of a block, and independent blocks
squares            (blocks, pieces, pieces): mean products of errors
products           (blocks, pieces, pieces): mean products of expected counts
scatter            (blocks, pieces, pieces): mean products of the scatter
mean               (energy,): expected counts of a pixel
noise              (2, energy): the variance of raw counts is the first, plus the second times
                   what is expected; in files without it, counts are photons
facts              counts of the result over those of all repeats, and the channel of the map
                   at which the image begins
=================  ===========================================================================

The meaning of all is that of `core.uncertainties`.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.errors import FormatError
from napari_xrf_denoise.core.uncertainties.mean_errors import CountNoise, MeanErrors
from napari_xrf_denoise.core.uncertainties.uncertainty import Scatter, Uncertainty

NAME = "uncertainty"
"""Of the group that holds the arrays."""
_TYPES = {
    "images": np.float16,
    "spectra": np.float32,
    "groups": np.intp,
    "image_products": np.float32,
    "spots": np.bool_,
    "edges": np.int64,
    "pixels": np.int64,
    "numbers": np.float64,
    "squares": np.float32,
    "products": np.float32,
    "scatter": np.float32,
    "mean": np.float64,
    "noise": np.float64,
    "facts": np.float64,
}


def to_arrays(own: Uncertainty) -> dict[str, NDArray[Any]]:
    """Return an uncertainty as arrays of numbers by name."""
    mean, scatter = own.mean, own.scatter
    return {
        "images": scatter.images,
        "spectra": scatter.spectra,
        "groups": scatter.groups.astype(np.int32),
        "image_products": scatter.products,
        "spots": own.spots.astype(np.uint8),
        "edges": mean.edges,
        "pixels": np.array(mean.pixels),
        "numbers": np.array(mean.numbers),
        "squares": mean.squares,
        "products": mean.products,
        "scatter": mean.scatter,
        "mean": mean.mean,
        "noise": np.stack([mean.noise.constant, mean.noise.growth]),
        "facts": np.array([own.scale, own.first], np.float64),
    }


def from_arrays(arrays: Mapping[str, Any], where: str) -> Uncertainty:
    """Return the uncertainty that `to_arrays` described; a FormatError if it is damaged."""
    try:
        # Files of the first versions hold the errors of photons only.
        photons = CountNoise.of_photons(np.asarray(arrays["mean"]).size)
        known = {"noise": [photons.constant, photons.growth], **arrays}
        found: dict[str, NDArray[Any]] = {
            name: np.asarray(known[name]).astype(kind) for name, kind in _TYPES.items()
        }
        _check(found)
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"{where}: expected the uncertainty of a denoised result, found it damaged ({error}); "
            "copy the file again"
        ) from error
    scale, first = found["facts"].tolist()
    mean = MeanErrors(
        found["edges"],
        tuple(found["pixels"].tolist()),
        found["squares"],
        found["products"],
        tuple(found["numbers"].tolist()),
        found["mean"],
        found["scatter"],
        CountNoise(*found["noise"]),
    )
    scatter = Scatter(found["images"], found["spectra"], found["groups"], found["image_products"])
    return Uncertainty(mean, scatter, found["spots"], scale, int(first))


def _check(found: Mapping[str, NDArray[Any]]) -> None:
    """Raise a ValueError where shapes do not fit together, or numbers cannot be."""
    height, width = found["spots"].shape
    (rank,), (ends,), (blocks,) = (found[name].shape for name in ("groups", "edges", "pixels"))
    pieces, channels = ends - 1, int(found["edges"][-1])
    shapes = {
        "images": (height, width, rank),
        "spectra": (rank, channels),
        "image_products": (rank, rank),
        "numbers": (blocks,),
        "squares": (blocks, pieces, pieces),
        "products": (blocks, pieces, pieces),
        "scatter": (blocks, pieces, pieces),
        "mean": (channels,),
        "noise": (2, channels),
        "facts": (2,),
    }
    for name, shape in shapes.items():
        if found[name].shape != shape:
            raise ValueError(f"{name}: expected shape {shape}, found {found[name].shape}")
        if not np.isfinite(found[name]).all():
            raise ValueError(f"{name}: values are NaN or infinite")
    if not rank or not blocks or np.diff(found["edges"], prepend=-1).min() < 1:
        raise ValueError(f"edges: expected rising channels from 0, found {found['edges']}")
    if found["noise"][1].min() < 0:
        raise ValueError("noise: expected variances that do not fall with the counts")
    if found["numbers"].min() <= 0 or found["facts"][0] <= 0 or found["facts"][1] < 0:
        raise ValueError("numbers and facts: expected numbers above 0")


def to_bytes(own: Uncertainty) -> bytes:
    """Return an uncertainty as the bytes of an ``.npz`` archive."""
    buffer = io.BytesIO()
    # mypy takes names for the option allow_pickle.
    np.savez_compressed(buffer, **to_arrays(own))  # type: ignore[arg-type]
    return buffer.getvalue()


def from_bytes(content: bytes, where: str) -> Uncertainty:
    """Return the uncertainty that `to_bytes` wrote; a FormatError if it is damaged."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            found = dict(arrays)
    except Exception as error:
        # A damaged archive raises nearly anything.
        raise FormatError(
            f"{where}: expected the uncertainty of a denoised result, found it damaged "
            f"({error!r}); copy the file again"
        ) from error
    return from_arrays(found, where)
