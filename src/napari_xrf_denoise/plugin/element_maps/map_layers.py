"""Element maps as layers, and which spectral layer each of them comes from, without Qt."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.core.version import __version__
from napari_xrf_denoise.layers.convert import is_layer, picture_data
from napari_xrf_denoise.layers.geometry import layer_transform
from napari_xrf_denoise.plugin.common.spectral_layers import layer_sizes

from .recipe import MapRecipe

KEY = "element_map"
"""Entry of a layer's metadata with the recipe of its map."""


def is_map(layer: Any) -> bool:
    """Whether a layer is an element map, or a map of a window of energies."""
    return is_layer(layer) and isinstance(layer.metadata.get(KEY), Mapping) and layer.ndim == 2


def is_error(layer: Any) -> bool:
    """Whether a map is that of standard deviations."""
    return bool(layer.metadata[KEY].get("error"))


def map_layer_data(
    image: SpectrumImage, values: Any, recipe: MapRecipe, source: Any
) -> tuple[Any, dict[str, Any]]:
    """Return data and attributes of the layer of a map, which lies where its source lies.

    `image` holds the counts at the time of computing, `recipe` has its line resolved.
    """
    record = {
        "source": image.name,
        "source_id": str(source.unique_id),
        **recipe.record(image.energy),
        "version": __version__,
    }
    name = f"{recipe.name(image.energy.unit)} of {image.name}"
    data, attributes, _ = picture_data(image, values, name, {KEY: record})
    return data, attributes | layer_transform(source)


def source_of(layer: Any, available: Sequence[Any]) -> Any | None:
    """Return the layer of which this is a map, or None where it is gone.

    It is known by napari's own identity of layers, so that it may be renamed; for maps from
    another session by its name.
    """
    record = layer.metadata[KEY]
    for other in available:
        if str(other.unique_id) == record.get("source_id"):
            return other
    named = [other for other in available if other.name == record.get("source")]
    return named[-1] if named else None


def source_key(layer: Any) -> str:
    """Return the identity, or else the name, of the layer of which this is a map."""
    record = layer.metadata[KEY]
    return str(record.get("source_id") or record.get("source"))


def partner_of(layer: Any, available: Sequence[Any]) -> Any | None:
    """Return the denoised layer of a raw one, or the raw layer of a denoised one, or None.

    It has as many pixels and channels, and the record of the denoising names it; where it names a
    layer that is gone or renamed, it is the only candidate. The topmost, which is last, is
    preferred.
    """
    others = [
        other
        for other in reversed(available)
        if other != layer and layer_sizes(other) == layer_sizes(layer)
    ]
    source = _denoised_from(layer)
    for other in others:
        if other.name == source or _denoised_from(other) == layer.name:
            return other
    names = {other.name for other in available}
    alike = [layer, *others]
    raw = [one for one in alike if _denoised_from(one) is None]
    results = [one for one in alike if _denoised_from(one) not in (None, *names)]
    if len(raw) == len(results) == 1 and layer in (raw[0], results[0]):
        return results[0] if layer == raw[0] else raw[0]
    return None


def share_contrast(attributes: Sequence[dict[str, Any]]) -> None:
    """Give maps to compare the same contrast limits, which enclose those of all."""
    limits = [entry["contrast_limits"] for entry in attributes]
    common = (min(low for low, _ in limits), max(high for _, high in limits))
    for entry in attributes:
        entry["contrast_limits"] = common


def renew(layer: Any, data: Any, attributes: Mapping[str, Any]) -> None:
    """Show an updated map in its layer, whose colours stay, and its name if the user changed it."""
    old = layer.metadata[KEY]
    made = MapRecipe.from_record(old).name(old.get("window_unit", "keV"))
    given = re.escape(f"{made} of {old.get('source')}")
    layer.data = data
    for field in ("axis_labels", "units", "scale", "translate", "affine", "contrast_limits"):
        setattr(layer, field, attributes[field])
    if re.fullmatch(rf"{given}( \[\d+\])?", layer.name):  # napari numbers layers of one name
        layer.name = attributes["name"]
    layer.metadata = {**layer.metadata, **attributes["metadata"]}


def brightest(values: Any, share: float = 0.995) -> float:
    """Return the value that this share of the pixels does not exceed, above 0."""
    finite = np.asarray(values)[np.isfinite(values)]
    high = float(np.quantile(finite, share)) if finite.size else 1.0
    return max(high, 1e-6)


def _denoised_from(layer: Any) -> str | None:
    record = layer.metadata.get("denoising")
    return record.get("source") if isinstance(record, Mapping) else None
