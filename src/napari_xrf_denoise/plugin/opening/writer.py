"""Saves spectral layers with their energies and record, and images such as element maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_xrf_denoise.core.errors import DataError, MissingDependencyError
from napari_xrf_denoise.layers.convert import METADATA_KEY, image_from_layer_data

LayerData = tuple[Any, Mapping[str, Any], str]

PLACE = ("scale", "translate", "rotate", "shear", "affine")
"""Attributes that place a layer."""


def write_layer(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write one image layer, in the format that the suffix names; return the files written.

    An existing file of this program is replaced; any other is left alone, with a RuntimeError: it
    may be the measurement itself, whose name the layer has.
    """
    from napari_xrf_denoise.io import write

    if "element_map" in (attributes.get("metadata") or {}):
        return write_pictures(path, [(data, attributes, "image")])
    target = _target(path)
    try:
        image = image_from_layer_data(data, attributes)
        return [str(write(target, image, overwrite=True))]
    except (DataError, MissingDependencyError) as error:
        # napari takes a ValueError for "no plugin was found", and the reason would be lost.
        raise RuntimeError(f"{path} was not written: {error}") from error


def write_pictures(path: str, layers: Sequence[LayerData]) -> list[str]:
    """Write image layers of one shape (y, x), such as element maps, into one file.

    An existing file of this program is replaced; any other is left alone, with a RuntimeError.
    """
    from napari_xrf_denoise.io.base.metadata import plain_or_text
    from napari_xrf_denoise.io.images.pictures import About, write_plain_pictures

    target = _target(path)
    try:
        size, unit = _common_pixels(layers)
        pictures: dict[str, Any] = {}
        records: dict[str, Any] = {}
        for data, attributes, _ in layers:
            name = _free_name(str(attributes["name"]), pictures)
            pictures[name] = data
            own = {
                key: value
                for key, value in (attributes.get("metadata") or {}).items()
                if key != METADATA_KEY
            }
            # Pixels in the file have a size but no rotation: the record keeps the layer's place.
            place = {key: _listed(attributes[key]) for key in PLACE if key in attributes}
            records[name] = plain_or_text({**own, **place})
        written = write_plain_pictures(
            target,
            pictures,
            About(target.name.partition(".")[0], size, unit),
            {"pictures": records},
            overwrite=True,
        )
    except DataError as error:
        raise RuntimeError(f"{path} was not written: {error}") from error
    return [str(written)]


def _target(path: str) -> Path:
    """Return where to write; a name without a suffix, as proposed by the dialog, gets ``.h5``."""
    from napari_xrf_denoise.io import is_own, writable_suffixes

    target = Path(path)
    if not target.name.lower().endswith(writable_suffixes()):
        target = target.with_name(target.name + ".h5")
    if target.exists() and not is_own(target):
        raise RuntimeError(
            f"{target} was not written: a file of another program is there; choose another name"
        )
    return target


def _listed(values: Any) -> Any:
    return np.asarray(getattr(values, "affine_matrix", values)).tolist()


def _common_pixels(layers: Sequence[LayerData]) -> tuple[tuple[float, float], str]:
    """Return the pixel size (y, x) that all images share, and its unit."""
    found = []
    for data, attributes, _ in layers:
        shape = tuple(getattr(data, "shape", ()))
        if len(shape) != 2 or attributes.get("rgb") or attributes.get("multiscale"):
            raise DataError(
                f"layer {attributes['name']!r}: expected an image with the axes y and x, found "
                f"shape {shape}; save spectra and other layers separately"
            )
        y, x = (abs(float(step)) for step in attributes["scale"])
        unit = attributes["units"][-1]
        short = unit if isinstance(unit, str) else f"{unit:~}"
        found.append(((y, x), "pixel" if short == "px" else short))
    if len(set(found)) != 1:
        raise DataError(
            f"expected images of one pixel size, found {sorted(set(found))}; save those that "
            "belong together"
        )
    return found[0]


def _free_name(name: str, taken: Mapping[str, Any]) -> str:
    names = (name if number == 1 else f"{name} [{number}]" for number in range(1, len(taken) + 2))
    return next(free for free in names if free not in taken)
