"""Where the pixels of a napari layer lie in the viewer's world, without importing napari."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def unit_factors(layer: Any, units: Any) -> NDArray[np.float64]:
    """Return what turns the viewer's world coordinates into a layer's, axis by axis.

    Parameters
    ----------
    layer : napari.layers.Layer
    units : sequence of units or None
        Of the viewer's axes; None when its layers do not agree about them.
    """
    if units is None or len(units) < layer.ndim:
        return np.ones(layer.ndim)
    shared = tuple(units)[len(units) - layer.ndim :]
    return np.array([_factor(one, own) for one, own in zip(shared, layer.units, strict=True)])


def plane(layer: Any, axes: tuple[int, int], units: Any = None) -> NDArray[np.float64]:
    """Return the matrix from a layer's pixels (y, x, 1) to the world's (y, x, 1).

    Parameters
    ----------
    layer : napari.layers.Layer
    axes : tuple of int
        Which axes are y and x, counted from the last.
    units : sequence of units, optional
        Of the viewer's axes.
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
    """Return what turns the viewer's unit into the layer's."""
    if one == own:
        return 1.0
    return float((1 * one).to(own).magnitude)
