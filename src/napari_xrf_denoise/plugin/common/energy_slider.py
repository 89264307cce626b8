"""The energy at which napari cuts the maps, read from and written to its slider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.layers.geometry import unit_factors


def sliced_layer(layers: Sequence[Any], dims: Any) -> Any | None:
    """Return the topmost visible layer whose energies have a slider, or None."""
    for layer in reversed(layers):
        axis = _axis(layer, dims)
        if layer.visible and axis is not None and axis not in dims.displayed:
            return layer
    return None


def energy_of_slice(layer: Any, axis: EnergyAxis, dims: Any) -> float:
    """Return the energy of the channel that is shown."""
    position = _axis(layer, dims)
    assert position is not None
    index = tuple(layer.axis_labels).index("energy")
    point = dims.point[position] * unit_factors(layer, dims.units)[index]
    channel = (point - layer.translate[index]) / layer.scale[index]
    return float(axis.centers[int(np.clip(round(channel), 0, axis.size - 1))])


def move_slice(layer: Any, axis: EnergyAxis, dims: Any, energy: float) -> None:
    """Show the channel nearest to an energy."""
    position = _axis(layer, dims)
    assert position is not None
    index = tuple(layer.axis_labels).index("energy")
    point = layer.translate[index] + layer.scale[index] * axis.channel(energy)
    dims.set_point(position, float(point / unit_factors(layer, dims.units)[index]))


def _axis(layer: Any, dims: Any) -> int | None:
    labels = tuple(layer.axis_labels)
    if "energy" not in labels or dims.ndim < len(labels):
        return None
    return int(dims.ndim - len(labels) + labels.index("energy"))
