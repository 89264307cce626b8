"""Where the pixels of a napari layer lie in the viewer's world, without importing napari."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def unit_factors(layer: Any, units: Any) -> NDArray[np.float64]:
    """Return what turns the world's coordinates into a layer's, axis by axis.

    Parameters
    ----------
    layer : napari.layers.Layer
    units : sequence of units or None
        Of the world's last axes: the viewer's, None when its layers do not agree about them, or
        those of another layer. Where the layer has more axes, its own units stay; where units have
        nothing in common, as pixels and µm, numbers stay.
    """
    factors = np.ones(layer.ndim)
    for axis in range(-min(layer.ndim, len(units or ())), 0):
        factors[axis] = _factor(units[axis], layer.units[axis])
    return factors


def plane(layer: Any, axes: tuple[int, int], units: Any = None) -> NDArray[np.float64]:
    """Return the matrix from a layer's pixels (y, x, 1) to the world's (y, x, 1).

    Parameters
    ----------
    layer : napari.layers.Layer
    axes : tuple of int
        Which axes are y and x, counted from the last.
    units : sequence of units, optional
        Of the world's axes, as `unit_factors` takes them.
    """
    factors = unit_factors(layer, units)

    def world(y: float, x: float) -> NDArray[np.float64]:
        point = np.zeros(layer.ndim)
        point[list(axes)] = y, x
        return (np.asarray(layer.data_to_world(point)) / factors)[list(axes)]

    origin = world(0, 0)
    matrix = np.eye(3)
    matrix[:2] = np.column_stack([world(1, 0) - origin, world(0, 1) - origin, origin])
    return matrix


def _factor(one: Any, own: Any) -> float:
    """Return what turns the world's unit into the layer's."""
    if one == own or not one.is_compatible_with(own):
        return 1.0
    return float((1 * one).to(own).magnitude)
