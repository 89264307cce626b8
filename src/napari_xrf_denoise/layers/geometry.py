"""Positions of a layer's pixels in the viewer's world, without importing napari."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .spectral_layer import SpectralLayer


def unit_factors(layer: SpectralLayer, units: Any) -> NDArray[np.float64]:
    """Return the factors from the world's coordinates to a layer's, shape (ndim,).

    `units` are those of the world's last axes: the viewer's, None when its layers disagree, or
    those of another layer. Further axes of the layer keep their own units; incompatible units,
    such as pixels and µm, have the factor 1.
    """
    factors = np.ones(layer.ndim)
    for axis in range(-min(layer.ndim, len(units or ())), 0):
        factors[axis] = _factor(units[axis], layer.units[axis])
    return factors


def plane(layer: SpectralLayer, axes: tuple[int, int], units: Any = None) -> NDArray[np.float64]:
    """Return the matrix (3, 3) from a layer's pixels (y, x, 1) to the world's.

    `axes` are the positions of y and x, counted from the last; `units` as for `unit_factors`.
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
    """Return the factor from the world's unit to the layer's own."""
    if one == own or not one.is_compatible_with(own):
        return 1.0
    return float((1 * one).to(own).magnitude)


def layer_transform(layer: SpectralLayer, *, axes: Sequence[str] = ("y", "x")) -> dict[str, Any]:
    """Return the attributes that place a new layer where another one is.

    Parameters
    ----------
    layer : napari.layers.Layer
        With names of axes.
    axes : sequence of str
        Axes of the new layer, in order. One that the layer lacks has steps of 1 from 0, in the
        unit of the others.

    Returns
    -------
    dict
        ``axis_labels``, ``units``, ``scale``, ``translate`` and ``affine``, for napari's
        ``add_image`` and ``add_labels``. Scale and translate are the layer's own, so that pixels
        keep their size and energies their calibration; any further translation, rotation or shear
        is in ``affine``. Rotations that mix these axes with others are left out.

    Examples
    --------
    >>> import numpy as np
    >>> from napari.layers import Image
    >>> layer = Image(
    ...     np.zeros((9, 4, 5)), axis_labels=("energy", "y", "x"), scale=(1, -2, 3), shear=(0, 0, 1)
    ... )
    >>> picture = Image(np.zeros((4, 5)), **layer_transform(layer))
    >>> np.allclose(picture.data_to_world((1, 2)), layer.data_to_world((0, 1, 2))[1:])
    True
    """
    labels = tuple(layer.axis_labels)
    known = [number for number, label in enumerate(axes) if label in labels]
    places = [labels.index(axes[number]) for number in known]
    units = dict(zip(labels, layer.units, strict=True))
    scale, translate = np.ones(len(axes)), np.zeros(len(axes))
    scale[known] = np.asarray(layer.scale)[places]
    translate[known] = np.asarray(layer.translate)[places]
    # The origin and one step along each axis contain every transform of the layer.
    corner = np.zeros(len(labels))
    start = np.asarray(layer.data_to_world(corner))
    steps = [np.asarray(layer.data_to_world(corner + unit)) - start for unit in np.eye(len(labels))]
    affine = np.eye(len(axes) + 1)
    affine[np.ix_(known, known)] = np.stack(steps, axis=1)[np.ix_(places, places)] / scale[known]
    affine[known, -1] = start[places] - affine[np.ix_(known, known)] @ translate[known]
    return {
        "axis_labels": tuple(axes),
        "units": [units.get(label, units[labels[places[-1]]]) for label in axes],
        "scale": scale.tolist(),
        "translate": translate.tolist(),
        "affine": affine,
    }
