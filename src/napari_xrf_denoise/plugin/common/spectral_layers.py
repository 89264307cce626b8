"""Spectral layers: their image, energies, pairs and slider, and when any of this changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.core.spectrum_image import AXES, SpectrumImage
from napari_xrf_denoise.layers.convert import (
    METADATA_KEY,
    image_from_layer,
    is_spectral,
    layer_energy,
)
from napari_xrf_denoise.layers.geometry import unit_factors


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


def sliced_layer(layers: Sequence[Any], dims: Any) -> Any | None:
    """Return the topmost visible layer whose energies have a slider, or None."""
    for layer in reversed(layers):
        axis = _slider_axis(layer, dims)
        if layer.visible and axis is not None and axis not in dims.displayed:
            return layer
    return None


def energy_of_slice(layer: Any, axis: EnergyAxis, dims: Any) -> float:
    """Return the energy of the channel that is shown."""
    position = _slider_axis(layer, dims)
    assert position is not None
    index = tuple(layer.axis_labels).index("energy")
    point = dims.point[position] * unit_factors(layer, dims.units)[index]
    channel = (point - layer.translate[index]) / layer.scale[index]
    return float(axis.centers[int(np.clip(round(channel), 0, axis.size - 1))])


def move_slice(layer: Any, axis: EnergyAxis, dims: Any, energy: float) -> None:
    """Show the channel nearest to an energy."""
    position = _slider_axis(layer, dims)
    assert position is not None
    index = tuple(layer.axis_labels).index("energy")
    point = layer.translate[index] + layer.scale[index] * axis.channel(energy)
    dims.set_point(position, float(point / unit_factors(layer, dims.units)[index]))


def _slider_axis(layer: Any, dims: Any) -> int | None:
    labels = tuple(layer.axis_labels)
    if "energy" not in labels or dims.ndim < len(labels):
        return None
    return int(dims.ndim - len(labels) + labels.index("energy"))


EVENTS = (
    "name",
    "visible",
    "axis_labels",
    "data",
    "scale",
    "translate",
    "rotate",
    "shear",
    "affine",
    "units",
    "metadata",
)
"""Changes of a layer that change what is shown of it or computed from it."""


class LayerWatcher:
    """Calls back, on the main thread, when spectral layers come, go, move or change."""

    def __init__(self, layers: Any, on_change: Callable[[], object]) -> None:
        self._layers = layers
        self._on_change = on_change
        self._is_on = False
        self.watched: list[Any] = []

    def start(self) -> None:
        """Follow the layers from now on."""
        if self._is_on:
            return
        self._is_on = True
        for name in ("inserted", "removed", "reordered"):
            getattr(self._layers.events, name).connect(self._follow)
        self._follow()

    def stop(self) -> None:
        """Leave the layers alone."""
        if not self._is_on:
            return
        self._is_on = False
        for name in ("inserted", "removed", "reordered"):
            getattr(self._layers.events, name).disconnect(self._follow)
        self._watch(())

    def spectral(self) -> tuple[Any, ...]:
        """Return the layers that have an energy axis, the topmost last."""
        return tuple(layer for layer in self._layers if is_spectral(layer))

    def _follow(self, event: Any = None) -> None:
        self._watch(tuple(self._layers))
        self._on_change()

    def _watch(self, layers: tuple[Any, ...]) -> None:
        for layer in self.watched:
            if layer not in layers:
                for name in EVENTS:
                    getattr(layer.events, name).disconnect(self._changed)
        for layer in layers:
            if layer not in self.watched:
                for name in EVENTS:
                    getattr(layer.events, name).connect(self._changed)
        self.watched = list(layers)

    def _changed(self, event: Any = None) -> None:
        self._on_change()
