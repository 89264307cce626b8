"""Where the pixels of a napari layer lie in the viewer's world, without importing napari."""

from __future__ import annotations

from collections.abc import Sequence
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


def layer_transform(layer: Any, *, axes: Sequence[str] = ("y", "x")) -> dict[str, Any]:
    """Return what a new layer must be given to lie where another one lies.

    Parameters
    ----------
    layer : napari.layers.Layer
        With names of axes.
    axes : sequence of str
        Axes of the new layer, in their order. One that the layer lacks has steps of 1 from 0, in
        the unit of the others.

    Returns
    -------
    dict
        ``axis_labels``, ``units``, ``scale``, ``translate`` and ``affine``, for napari's
        ``add_image`` and ``add_labels``. Scale and translate are the layer's own, so that pixels
        keep their size and energies their calibration; whatever else moves, turns or shears the
        layer is in ``affine``. A turn that mixes these axes with others is left out.

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
    # Where the origin and one step along each axis are: all that napari does to the layer.
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
