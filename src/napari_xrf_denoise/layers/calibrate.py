"""Energy calibration of a napari layer, without importing napari."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_xrf_denoise.core.energy_axis import NO_CALIBRATION, EnergyAxis
from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.core.spectrum_image import AXES
from napari_xrf_denoise.core.version import __version__

from .convert import METADATA_KEY, is_layer
from .spectral_layer import SpectralLayer

__all__ = ["calibrate_layer", "calibrated_labels", "is_countable"]


def calibrate_layer(
    layer: SpectralLayer,
    axis: EnergyAxis,
    *,
    energy_axis: int | None = None,
    repeat_axis: int | None = None,
    record: Mapping[str, Any] | None = None,
) -> None:
    """Calibrate the energy axis of a napari layer.

    Changes axis labels, scale, translate, units and metadata of the layer, not its counts. Call
    again to correct a calibration.

    Parameters
    ----------
    layer : napari.layers.Image
        With counts.
    axis : EnergyAxis
        Energies in keV, as many as the layer has channels; see `calibration_from_peaks`.
    energy_axis : int, optional
        Index of the energy axis of the layer's data. By default the one labelled "energy", and
        that of the repeats "repeat"; without labels the only one as long as `axis`.
    repeat_axis : int, optional
        Index of the axis that holds repeats of the same measurement.
    record : mapping, optional
        How the calibration was made, in plain values, for ``metadata["energy_calibration"]``.

    Raises
    ------
    DataError
        If this is not an image of counts (but RGB or multiscale, for example), it lacks such axes,
        more than two axes remain for pixels, or the energy axis and `axis` differ in length. The
        layer is then unchanged.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_xrf_denoise as xrf
    >>> from napari.layers import Image
    >>> layer = Image(np.ones((100, 4, 5)), name="array")
    >>> calibrate_layer(layer, xrf.EnergyAxis(0.0, 0.1, 100))
    >>> layer.axis_labels, xrf.layers.image_from_layer(layer).energy.unit
    (('energy', 'y', 'x'), 'keV')
    """
    if not is_countable(layer):
        raise DataError(
            f"layer {getattr(layer, 'name', '')!r}: expected an image of real or whole numbers "
            "with two to four axes, not RGB or multiscale, found "
            f"{_kind(layer)}; choose a layer of counts"
        )
    if energy_axis is None:
        energy_axis, known = _own_axes(layer, axis)
        repeat_axis = known if repeat_axis is None else repeat_axis
    labels = calibrated_labels(layer, energy_axis, repeat_axis)
    found = int(layer.data.shape[labels.index("energy")])
    if found != axis.size:
        raise DataError(
            f"layer {layer.name!r}: expected {axis.size} channels, as many as the energies, found "
            f"{found} along axis {labels.index('energy')}; choose another axis, or energies of "
            "that size"
        )
    scale, translate, units = [], [], []
    for label, before, step, start, unit in zip(
        labels, layer.axis_labels, layer.scale, layer.translate, layer.units, strict=True
    ):
        if label == "energy":
            step, start, unit = axis.gain, axis.offset, "keV" if axis.calibrated else "pixel"
        elif label == "repeat" or before in ("energy", "repeat"):
            step, start, unit = 1.0, 0.0, "pixel"  # not a distance
        scale.append(float(step))
        translate.append(float(start))
        units.append(str(unit))
    metadata = dict(layer.metadata)
    # Calibrations of single repeats belong to the earlier axis.
    own = {**metadata.get(METADATA_KEY, {}), "energy": axis.as_dict(), "repeat_energies": None}
    made = {**(record or {}), "version": __version__, **axis.as_dict()}
    metadata |= {METADATA_KEY: own, "energy_calibration": made}
    if "warnings" in metadata:
        metadata["warnings"] = [text for text in metadata["warnings"] if text != NO_CALIBRATION]
    layer.axis_labels = labels
    layer.units = units
    layer.scale = scale
    layer.translate = translate
    layer.metadata = metadata


def is_countable(layer: Any) -> bool:
    """Whether a layer is an image of two to four axes whose values may be counts."""
    return (
        _is_image(layer)
        and not layer.rgb
        and not layer.multiscale
        and layer.data.dtype.kind in "iuf"
        and 2 <= len(layer.data.shape) <= 4
        and 0 not in layer.data.shape
    )


def _is_image(layer: Any) -> bool:
    """Whether this is a napari image layer: no other kind has `rgb`."""
    return is_layer(layer) and hasattr(layer, "rgb")


def _kind(layer: Any) -> str:
    """Describe a layer that cannot hold counts."""
    if not _is_image(layer):
        return type(layer).__name__
    if layer.rgb:
        return "an RGB picture"
    if layer.multiscale:
        return "a multiscale image"
    return f"{layer.data.dtype} of shape {tuple(layer.data.shape)}"


def calibrated_labels(
    layer: SpectralLayer, energy_axis: int | None, repeat_axis: int | None
) -> tuple[str, ...]:
    """Return the axis labels of a layer with this energy axis and these repeats."""
    old = tuple(layer.axis_labels)
    ndim = len(layer.data.shape)
    if energy_axis is None:
        raise DataError(f"layer {layer.name!r}: choose which axis is the energy")
    energy_axis = _position(layer, energy_axis)
    repeat_axis = None if repeat_axis is None else _position(layer, repeat_axis)
    if energy_axis == repeat_axis:
        raise DataError(
            f"layer {layer.name!r}: axis {energy_axis} cannot be both energy and repeats; choose "
            "another one for either"
        )
    known = {energy_axis: "energy"} | ({} if repeat_axis is None else {repeat_axis: "repeat"})
    if (
        set(old) <= set(AXES)
        and {axis: label for axis, label in enumerate(old) if label in ("energy", "repeat")}
        == known
    ):
        return old  # also where x is before y
    pixels = [axis for axis in range(ndim) if axis not in known]
    if len(pixels) > 2:
        raise DataError(
            f"layer {layer.name!r}: its shape {tuple(layer.data.shape)} leaves {len(pixels)} axes "
            "for y and x, expected at most 2; choose which axis holds repeats"
        )
    names = known | dict(zip(pixels, ("y", "x"), strict=False))
    return tuple(names[axis] for axis in range(ndim))


def _own_axes(layer: SpectralLayer, axis: EnergyAxis) -> tuple[int, int | None]:
    """Return the positions of energy and repeats according to the layer's labels or shape."""
    labels, shape = tuple(layer.axis_labels), tuple(layer.data.shape)
    if "energy" in labels:
        return labels.index("energy"), labels.index("repeat") if "repeat" in labels else None
    as_long = [position for position, length in enumerate(shape) if length == axis.size]
    if len(as_long) != 1:
        raise DataError(
            f"layer {layer.name!r}: expected one axis labelled 'energy', or one of {axis.size} "
            f"values, found labels {labels} and shape {shape}; choose which axis is the energy "
            "with energy_axis"
        )
    return as_long[0], None


def _position(layer: SpectralLayer, axis: int) -> int:
    ndim = len(layer.data.shape)
    if not -ndim <= axis < ndim:
        raise DataError(
            f"layer {layer.name!r}: axis {axis} does not exist in its shape "
            f"{tuple(layer.data.shape)}; choose one from 0 to {ndim - 1}"
        )
    return axis % ndim
