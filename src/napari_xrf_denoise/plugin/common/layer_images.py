"""Spectral layers: their image, energies and sizes, and which of them belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.core.spectrum_image import AXES, SpectrumImage
from napari_xrf_denoise.layers.convert import METADATA_KEY, image_from_layer, layer_energy


class LayerImage:
    """The image of a spectral layer, as the layer is now."""

    def __init__(self, layer: Any) -> None:
        self._layer = layer
        self._signature = content_of(layer)
        self.image: SpectrumImage | None = None
        self.problem = ""
        try:
            self.image = image_from_layer(layer)
        except DataError as error:
            self.problem = str(error)

    def is_current(self) -> bool:
        """Whether the layer is unchanged since."""
        return self._signature == content_of(self._layer)


class LayerPair(NamedTuple):
    """A raw layer and its denoised one; either may be missing."""

    raw: Any = None
    denoised: Any = None
    by_name: bool = False
    """Whether the denoised layer names this raw one as its source."""


def find_pair(available: Sequence[Any], kept: LayerPair | None = None) -> LayerPair:
    """Return the raw and the denoised layer that belong together.

    The topmost denoised layer whose source is there, by its name, counts. A pair that was found
    so (`kept`) stays one when the source is renamed. Without a source of that name it is the
    topmost raw layer of the same shape.
    """
    kept = kept or LayerPair()
    denoised = [layer for layer in reversed(available) if denoising_record(layer)]
    for after in denoised:
        is_present = after == kept.denoised and kept.raw in available
        if is_present and kept.by_name and layer_sizes(kept.raw) == layer_sizes(after):
            return LayerPair(kept.raw, after, True)
        source = denoising_record(after).get("source")
        for before in _same_shape(available, after):
            if before.name == source:
                return LayerPair(before, after, True)
    for after in denoised:
        raw = [layer for layer in _same_shape(available, after) if not denoising_record(layer)]
        if raw:
            return LayerPair(raw[0], after, False)
    return LayerPair(None, denoised[0] if denoised else None, False)


def _same_shape(layers: Sequence[Any], after: Any) -> list[Any]:
    size = layer_sizes(after)
    return [layer for layer in reversed(layers) if layer != after and layer_sizes(layer) == size]


def layer_sizes(layer: Any) -> tuple[int, int, int]:
    """Return the numbers of a layer's pixels and energies: y, x, energy."""
    shape = dict(zip(layer.axis_labels, layer.data.shape, strict=True))
    height, width, channels = (int(shape.get(label, 1)) for label in AXES[1:])
    return height, width, channels


def denoising_record(layer: Any) -> Mapping[str, Any]:
    """Return the record of a denoised layer, empty for others."""
    record = layer.metadata.get("denoising")
    return record if isinstance(record, Mapping) else {}


def current_energy(layer: Any) -> EnergyAxis | None:
    """Return a layer's energies as they are, or None where no axis is labelled so."""
    if "energy" not in layer.axis_labels:
        return None
    try:
        return layer_energy(layer)
    except DataError:
        return None


def content_of(layer: Any) -> tuple[Any, ...]:
    """Return what changes when a layer gets other data, another place or another calibration."""
    own = layer.metadata.get(METADATA_KEY, {})
    return (
        id(layer.data),
        # By value: napari keeps the dictionary itself when a layer gets other metadata.
        *(repr(own.get(key)) for key in ("repeat_kind", "energy", "repeat_energies")),
        tuple(layer.axis_labels),
        tuple(layer.scale),
        tuple(layer.translate),
        tuple(map(str, layer.units)),
    )
