"""Regions drawn in napari's Shapes and Labels layers, as masks of a layer with spectra.

napari is not imported. Its `Shapes.to_masks` knows only the pixels of its own layer, and polygons
of scikit-image count a pixel centre on the side that two shapes share in both: neither is used.
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
from .spectral_layer import SpectralLayer

__all__ = ["region_masks"]

Mask = NDArray[np.bool_]

ELLIPSE_CORNERS = 128
"""Corners of the polygon that stands for an ellipse."""


def region_masks(drawing: Any, layer: SpectralLayer) -> Mapping[str, Mask]:
    """Return masks of the pixels of a spectral layer that each shape or label covers.

    A pixel belongs to a shape that encloses its centre, to a line that crosses it, and to the
    label at its centre. Scale, translation, rotation and units of both layers are respected; a
    layer in pixels has the units of the other. Regions of a layer with more axes than the picture
    apply to every plane.

    Parameters
    ----------
    drawing : napari.layers.Shapes or napari.layers.Labels
    layer : napari.layers.Image
        With the axes ``y`` and ``x``, such as a map or its denoised result.

    Returns
    -------
    mapping of str to numpy.ndarray of bool, shape (y, x)
        By ``"shape 1"`` or ``"label 7"``. Each mask is made when it is read: a segmentation may
        have thousands.

    Raises
    ------
    DataError
        If `drawing` is not a layer of regions, or the layers have no plane in common.

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
    """Masks by the name of their region, each made when it is read."""

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
    """Regions of a layer, for a thread that turns them into masks.

    Outlines are copies. Labels are not: painted meanwhile, they are read again for the next
    `signature`.
    """

    layer_id: int
    outlines: tuple[tuple[str, NDArray[np.float64]], ...]
    """Kind of each shape, and its corners (n, 2) in pixels (y, x) of the spectral layer."""
    labels: Any
    """Array of a Labels layer, in the layer's own axes; None for shapes."""
    axes: tuple[int, int]
    """Positions of y and x in `labels`, counted from the last."""
    to_labels: NDArray[np.float64]
    """Matrix (3, 3) from pixels of the spectral layer to those of the labels."""
    signature: tuple[Any, ...]
    """Differs whenever the regions differ."""

    def masks(self, shape: tuple[int, int]) -> RegionMasks:
        """Return the masks on a grid of this shape (y, x); slow for labels."""
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
    """Whether a layer holds shapes or labels."""
    return hasattr(layer, "shape_type") or _holds_labels(layer)


def _holds_labels(layer: Any) -> bool:
    return hasattr(layer, "selected_label")


def drawn_regions(
    layer: Any, spectral: SpectralLayer, units: Any = None, revision: int = 0
) -> DrawnRegions | None:
    """Return the regions of a Shapes or Labels layer, or None without a plane in common.

    `units` are those of the axes in which the layers meet: the viewer's, or None when its layers
    disagree (napari then ignores units). `revision` differs whenever labels were painted, which
    changes an array in place.
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
    """Return the pixels (y, x) whose centre a shape encloses, or that a line crosses.

    `kind` is that of napari; `corners` are points (y, x), of an ellipse those of its box.

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
    """Fill a polygon row by row, between every other crossing of its sides with the row.

    A centre on a side belongs to one of the two shapes that share it, never to both.
    """
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
    """Return the label at the centre of each pixel, 0 outside; planes are projected."""
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
