"""What is drawn in napari's Shapes and Labels layers, as pixels of a layer with spectra.

Layers are taken as they are, without importing napari.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.errors import DataError

from .geometry import plane

__all__ = ["region_masks"]

Mask = NDArray[np.bool_]

ELLIPSE_CORNERS = 128
"""Corners of the polygon that an ellipse is drawn as."""


def region_masks(drawing: Any, layer: Any) -> Mapping[str, Mask]:
    """Return the pixels of a layer with spectra that each shape or label of another layer covers.

    A pixel belongs to a shape that encloses its centre, or to a line that runs over it, and to the
    label at its centre. Scale, translation, rotation and units of both layers count; one in
    pixels of its own counts in the units of the other. What is drawn in a layer with more axes
    than the picture counts on every plane of it.

    Parameters
    ----------
    drawing : napari.layers.Shapes or napari.layers.Labels
    layer : napari.layers.Image
        With the axes ``y`` and ``x``, such as a map or its denoised result.

    Returns
    -------
    mapping of str to numpy.ndarray of bool, shape (y, x)
        By ``"shape 1"`` or ``"label 7"``. Each mask is made when it is asked for: a segmentation
        may have thousands.

    Raises
    ------
    DataError
        If nothing can be drawn in `drawing`, or the layers have no plane in common.

    Examples
    --------
    The spectrum of each region, in a viewer with a layer "map"::

        layer = viewer.layers["map"]
        image = xrf.layers.image_from_layer(layer)
        masks = xrf.layers.region_masks(viewer.layers["Shapes"], layer)
        for name, mask in masks.items():
            print(name, xrf.processing.spectrum(image, "mean", mask=mask))
    """
    if not is_region_layer(drawing):
        raise DataError(
            f"{_named(drawing)}: expected a Shapes or Labels layer of napari, found "
            f"{type(drawing).__name__}"
        )
    drawn = drawn_regions(drawing, layer, layer.units)
    if drawn is None:
        raise DataError(
            f"{_named(drawing)} and {_named(layer)} have no plane (y, x) in common: expected axes "
            f"'y' and 'x' with a scale above 0, found {tuple(layer.axis_labels)}; set "
            "layer.axis_labels"
        )
    sizes = dict(zip(layer.axis_labels, layer.data.shape, strict=True))
    return drawn.masks((sizes["y"], sizes["x"]))


class RegionMasks(Mapping[str, Mask]):
    """Masks by the name of their region, each made when it is asked for.

    Parameters
    ----------
    makers : dict of str to callable
        Each returns a mask.
    """

    def __init__(self, makers: dict[str, Callable[[], Mask]]) -> None:
        self._makers = makers

    def __getitem__(self, name: str) -> Mask:
        return self._makers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __repr__(self) -> str:
        return f"masks of {', '.join(self) or 'no region'}"


@dataclass(frozen=True, eq=False)
class DrawnRegions:
    """What is drawn in a layer, for a thread that turns it into pixels.

    Outlines are copies. Labels are not: painted meanwhile, they are read again for the next
    `signature`.

    Parameters
    ----------
    layer_id : int
    outlines : tuple of (str, numpy.ndarray)
        Kind of each shape, and its corners (n, 2) in pixels (y, x) of the spectral layer.
    labels : array, optional
        Of a Labels layer, in the layer's own axes.
    axes : tuple of int
        Which axes of `labels` are y and x, counted from the last.
    to_labels : numpy.ndarray, shape (3, 3)
        From pixels of the spectral layer to those of the labels.
    signature : tuple
        Differs when what is drawn differs.
    """

    layer_id: int
    outlines: tuple[tuple[str, NDArray[np.float64]], ...]
    labels: Any
    axes: tuple[int, int]
    to_labels: NDArray[np.float64]
    signature: tuple[Any, ...]

    def masks(self, shape: tuple[int, int]) -> RegionMasks:
        """Return the pixels of each region on a grid of this shape (y, x); slow for labels."""
        makers: dict[str, Callable[[], Mask]]
        if self.labels is None:
            makers = {
                f"shape {number}": partial(shape_mask, kind, corners, shape)
                for number, (kind, corners) in enumerate(self.outlines, 1)
            }
        else:
            picture = _labels_on_grid(self.labels, self.axes, self.to_labels, shape)
            numbers = [int(number) for number in np.unique(picture) if number > 0]
            makers = {f"label {number}": partial(np.equal, picture, number) for number in numbers}
        return RegionMasks(makers)


def is_region_layer(layer: Any) -> bool:
    """Whether regions can be drawn in a layer: whether it holds shapes or labels."""
    return hasattr(layer, "shape_type") or _holds_labels(layer)


def _holds_labels(layer: Any) -> bool:
    return hasattr(layer, "selected_label")


def drawn_regions(
    layer: Any, spectral: Any, units: Any = None, revision: int = 0
) -> DrawnRegions | None:
    """Return what is drawn in a Shapes or Labels layer, seen from a spectral layer.

    Scale, translation and rotation of both layers count. Shapes and labels of layers with more
    axes than the picture count on every plane of them.

    Parameters
    ----------
    layer : napari.layers.Shapes or napari.layers.Labels
    spectral : napari.layers.Image
        With the axes y and x.
    units : sequence of units, optional
        Of the axes in which they meet: the viewer's, None when its layers do not agree about
        them, since napari then draws them without, or those of a layer.
    revision : int
        Another number whenever labels were painted, which changes an array in its place.

    Returns
    -------
    DrawnRegions or None
        None where the layers have no plane in common.
    """
    names = tuple(spectral.axis_labels)
    if "y" not in names or "x" not in names:
        return None
    axes = (names.index("y") - spectral.ndim, names.index("x") - spectral.ndim)
    if min(axes) < -layer.ndim:
        return None
    own, other = plane(layer, axes, units), plane(spectral, axes, units)
    if abs(np.linalg.det(own)) == 0 or abs(np.linalg.det(other)) == 0:
        return None
    to_pixels = np.linalg.inv(other) @ own
    to_labels = np.asarray(np.linalg.inv(to_pixels), np.float64)
    if _holds_labels(layer):
        # The matrix is that of the finest resolution; an array of all is the coarsest.
        labels = layer.data[0] if layer.multiscale else layer.data
        content = (id(labels), revision, to_pixels.tobytes())
        return DrawnRegions(id(layer), (), labels, axes, to_labels, (id(layer), *content))
    outlines = tuple(
        (kind, _moved(to_pixels, np.asarray(corners, np.float64)[:, list(axes)]))
        for kind, corners in zip(layer.shape_type, layer.data, strict=True)
    )
    signature = (id(layer), *((kind, corners.tobytes()) for kind, corners in outlines))
    return DrawnRegions(id(layer), outlines, None, axes, to_labels, signature)


def shape_mask(kind: str, corners: NDArray[np.float64], shape: tuple[int, int]) -> Mask:
    """Return the pixels of a shape: those whose centre it encloses, or that a line runs over.

    Parameters
    ----------
    kind : str
        napari's: ``"rectangle"``, ``"ellipse"``, ``"polygon"``, ``"path"`` or ``"line"``.
    corners : numpy.ndarray, shape (n, 2)
        Points (y, x); of an ellipse the four corners of the box around it.
    shape : tuple of int
        Of the grid (y, x).

    Examples
    --------
    >>> box = np.array([[-0.5, 0.5], [-0.5, 2.5], [1.5, 2.5], [1.5, 0.5]])
    >>> shape_mask("rectangle", box, (3, 4)).astype(int)
    array([[0, 1, 1, 0],
           [0, 1, 1, 0],
           [0, 0, 0, 0]])
    """
    if kind in ("line", "path"):
        return _under_line(corners, shape)
    return _enclosed(_ellipse(corners) if kind == "ellipse" else corners, shape)


def _enclosed(corners: NDArray[np.float64], shape: tuple[int, int]) -> Mask:
    """Fill a polygon row by row, between every other crossing of its sides with the row."""
    mask = np.zeros(shape, bool)
    y, x = corners.T
    next_y, next_x = np.roll(y, -1), np.roll(x, -1)
    first, last = max(0, int(np.ceil(y.min()))), min(shape[0] - 1, int(np.floor(y.max())))
    for row in range(first, last + 1):
        sides = (y <= row) != (next_y <= row)
        slope = (next_x[sides] - x[sides]) / (next_y[sides] - y[sides])
        crossings = np.sort(x[sides] + (row - y[sides]) * slope)
        ends = np.clip(np.ceil(crossings), 0, shape[1]).astype(int)
        for start, stop in zip(ends[::2], ends[1::2], strict=True):
            mask[row, start:stop] = True
    return mask


def _ellipse(box: NDArray[np.float64]) -> NDArray[np.float64]:
    center = box.mean(axis=0)
    half_a, half_b = (box[1] - box[0]) / 2, (box[3] - box[0]) / 2
    angle = np.linspace(0, 2 * np.pi, ELLIPSE_CORNERS, endpoint=False)[:, None]
    return np.asarray(center + np.cos(angle) * half_a + np.sin(angle) * half_b)


def _under_line(points: NDArray[np.float64], shape: tuple[int, int]) -> Mask:
    mask = np.zeros(shape, bool)
    for start, stop in pairwise(points):
        # Four steps a pixel miss no more than the corner of one; the grid bounds their number.
        number = int(np.clip(4 * np.abs(stop - start).max(), 1, 64 * max(shape)))
        steps = np.linspace(start, stop, number + 1)
        y, x = np.floor(steps + 0.5).astype(int).T
        inside = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
        mask[y[inside], x[inside]] = True
    return mask


def _labels_on_grid(
    labels: Any, axes: tuple[int, int], to_labels: NDArray[np.float64], shape: tuple[int, int]
) -> NDArray[np.integer]:
    """Return the label at the centre of each pixel, 0 outside; planes lie over each other."""
    others = tuple(axis for axis in range(-labels.ndim, 0) if axis not in axes)
    flat = np.asarray(labels.max(axis=others) if others else labels)
    if axes[0] > axes[1]:
        flat = flat.T
    rows, columns = np.arange(shape[0])[:, None], np.arange(shape[1])[None, :]
    y, x = (
        np.floor(line[0] * rows + line[1] * columns + line[2] + 0.5).astype(int)
        for line in to_labels[:2]
    )
    inside = (y >= 0) & (y < flat.shape[0]) & (x >= 0) & (x < flat.shape[1])
    picture = np.zeros(shape, flat.dtype)
    picture[inside] = flat[y[inside], x[inside]]
    return picture


def _moved(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points @ matrix[:2, :2].T + matrix[:2, 2]


def _named(layer: Any) -> str:
    return f"layer {getattr(layer, 'name', layer)!r}"
