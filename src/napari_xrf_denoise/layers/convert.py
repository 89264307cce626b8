"""Spectrum images as napari layers and back, without importing napari.

A map is a layer (energy, y, x), preceded by repeats if there are several, so that napari shows a
picture with an energy slider. A list of spectra is a picture (repeat, energy). Layers hold views of
the counts, never copies. Facts that axis labels, units, scale and translate cannot express are in
``layer.metadata["xrf"]``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError, MissingDependencyError
from napari_xrf_denoise.core.spectrum_image import AXES, SpectrumImage
from napari_xrf_denoise.core.uncertainties.uncertainty import Uncertainty

from .geometry import layer_transform
from .spectral_layer import SpectralLayer

if TYPE_CHECKING:
    from napari.layers import Image

LayerData = tuple[Any, dict[str, Any], str]

METADATA_KEY = "xrf"
"""Key of the measurement in a layer's metadata."""


def layer_data(image: SpectrumImage) -> LayerData:
    """Return an image as napari layer data: the data, attributes, and layer type.

    Parameters
    ----------
    image : SpectrumImage

    Returns
    -------
    data : array, view of the counts
        (energy, y, x) or (repeat, energy, y, x) for maps, (repeat, energy) for spectra.
    attributes : dict
        Name, axis labels, units, scale, translate, contrast limits and metadata.
    layer_type : str
        ``"image"``.

    Examples
    --------
    >>> image = SpectrumImage(np.ones((1, 4, 5, 100)), EnergyAxis(0.0, 0.01, 100))
    >>> data, attributes, _ = layer_data(image)
    >>> data.shape, attributes["axis_labels"]
    ((100, 4, 5), ('energy', 'y', 'x'))
    """
    axis = image.energy
    step = {"repeat": 1.0, "energy": axis.gain, "y": image.pixel_size[0], "x": image.pixel_size[1]}
    pixel_unit = image.pixel_unit if _is_unit(image.pixel_unit) else "pixel"
    unit = {"repeat": "", "energy": "keV" if axis.calibrated else "pixel"}
    labels: tuple[str, ...]
    if image.is_map:
        labels = ("energy", "y", "x") if image.n_repeats == 1 else ("repeat", "energy", "y", "x")
        data = image.counts.transpose(0, 3, 1, 2)
        data = data[0] if image.n_repeats == 1 else data
    else:
        labels = ("repeat", "energy")
        data = image.counts.reshape(image.n_repeats, axis.size)
    limits, strongest = _first_look(image)
    attributes = {
        "name": image.name,
        "axis_labels": labels,
        "scale": [step[label] for label in labels],
        "translate": [axis.offset if label == "energy" else 0.0 for label in labels],
        "units": [unit.get(label, pixel_unit) or "pixel" for label in labels],
        "contrast_limits": limits,
        "metadata": {
            **image.metadata,
            METADATA_KEY: {
                "energy": axis.as_dict(),
                "strongest_channel": strongest,
                "repeat_kind": image.repeat_kind,
                "pixel_unit": image.pixel_unit,
                "scalers": dict(image.scalers),
                "repeat_energies": image.repeat_energies
                and [axis.as_dict() for axis in image.repeat_energies],
                "uncertainty": image.uncertainty,
            },
        },
    }
    return data, attributes, "image"


def picture_data(
    image: SpectrumImage, values: Any, name: str, record: Mapping[str, Any]
) -> LayerData:
    """Return a picture (y, x) computed from a spectrum image as layer data.

    `record` says how the picture was made, for the layer's metadata.
    """
    unit = image.pixel_unit if _is_unit(image.pixel_unit) else "pixel"
    high = float(np.quantile(values, 0.999)) if np.size(values) else 1.0
    attributes = {
        "name": name,
        "axis_labels": ("y", "x"),
        "scale": list(image.pixel_size),
        "units": [unit, unit],
        "contrast_limits": (0.0, max(high, 1e-6)),
        "metadata": {"source_metadata": dict(image.metadata), **record},
    }
    return values, attributes, "image"


def to_layer(image: SpectrumImage, like: SpectralLayer | None = None) -> Image:
    """Return a napari image layer of a spectrum image.

    Parameters
    ----------
    image : SpectrumImage
    like : napari layer, optional
        A layer whose position a map shall have, such as the one that was denoised.

    Raises
    ------
    MissingDependencyError
        If napari is not installed.
    """
    data, attributes, _ = layer_data(image)
    if like is not None and image.is_map:
        attributes |= moved_like(like, attributes["axis_labels"])
    return new_layer(data, attributes)


def moved_like(layer: SpectralLayer, axes: Sequence[str]) -> dict[str, Any]:
    """Return units, scale, translate and affine that place a layer with these axes like another.

    The units belong to the scale: energies of the other layer may be in eV.
    """
    place = layer_transform(layer, axes=axes)
    return {name: place[name] for name in ("units", "scale", "translate", "affine")}


def new_layer(data: Any, attributes: Mapping[str, Any]) -> Image:
    """Return the napari image layer that `layer_data` or `picture_data` describes.

    Raises
    ------
    MissingDependencyError
        If napari is not installed.
    """
    try:
        from napari.layers import Image
    except ImportError as error:
        raise MissingDependencyError(
            'a layer needs napari; install it with: pip install "napari-xrf-denoise[all]"'
        ) from error
    return Image(data, **attributes)


def is_layer(data: Any) -> TypeGuard[SpectralLayer]:
    """Whether this is a napari layer."""
    return all(hasattr(data, name) for name in ("data", "axis_labels", "metadata", "translate"))


def is_spectral(layer: Any) -> bool:
    """Whether a layer has an energy axis and holds counts."""
    return is_layer(layer) and _is_spectral(layer.data, layer_attributes(layer))


def image_from_layer(layer: SpectralLayer) -> SpectrumImage:
    """Return the counts of a napari layer as a spectrum image, as a view.

    Parameters
    ----------
    layer : napari.layers.Image
        With an axis labelled ``energy``, and of the others only ``repeat``, ``y`` and ``x``.

    Returns
    -------
    SpectrumImage
        Calibrated by the layer's scale and translate, so that changes of the layer apply.

    Raises
    ------
    DataError
        If no axis of the layer is labelled ``energy``, or its counts cannot be used.
    """
    return image_from_layer_data(layer.data, layer_attributes(layer))


def layer_energy(layer: SpectralLayer) -> EnergyAxis:
    """Return the energy axis of a spectral layer, without reading its counts."""
    labels = tuple(layer.axis_labels)
    starts, steps = (
        dict(zip(labels, map(float, values), strict=True))
        for values in (layer.translate, layer.scale)
    )
    units = dict(zip(labels, map(_unit_name, layer.units), strict=True))
    own = layer.metadata.get(METADATA_KEY, {}).get("energy")
    return _energy(own, layer.data.shape[labels.index("energy")], starts, steps, units)


def image_from_layer_data(data: Any, attributes: Mapping[str, Any]) -> SpectrumImage:
    """Return the spectrum image of a layer's data and attributes, the inverse of `layer_data`.

    `attributes` are name, axis labels, scale, translate, units and metadata, as napari hands them
    to writers.
    """
    labels = tuple(attributes["axis_labels"])
    name = attributes["name"]
    if not _is_spectral(data, attributes):
        raise DataError(
            f"layer {name!r}: expected real or whole counts with one axis labelled 'energy' and "
            f"others labelled 'repeat', 'y' or 'x', found {labels}; set layer.axis_labels, or "
            "read the file with napari_xrf_denoise.read"
        )
    metadata = dict(attributes.get("metadata") or {})
    own = dict(metadata.pop(METADATA_KEY, {}))
    order = [labels.index(label) for label in AXES if label in labels]
    moved = data.transpose(order)
    sizes = dict(zip((label for label in AXES if label in labels), moved.shape, strict=True))
    steps = dict(zip(labels, (float(step) for step in attributes["scale"]), strict=True))
    starts = dict(zip(labels, (float(start) for start in attributes["translate"]), strict=True))
    units = dict(zip(labels, (_unit_name(unit) for unit in attributes["units"]), strict=True))
    counts = moved.reshape([sizes.get(label, 1) for label in AXES])
    energies = tuple(EnergyAxis.from_dict(axis) for axis in own.get("repeat_energies") or ())
    fits = [axis.size for axis in energies] == [sizes["energy"]] * len(counts)
    return SpectrumImage(
        counts,
        _energy(own.get("energy"), sizes["energy"], starts, steps, units),
        repeat_kind=own.get("repeat_kind", "scan"),
        pixel_size=(abs(steps.get("y", 1.0)), abs(steps.get("x", 1.0))),
        pixel_unit=_pixel_unit(own.get("pixel_unit"), units.get("x", units.get("y"))),
        name=name,
        metadata=metadata,
        # A cropped layer has other pixels.
        scalers={
            name: values
            for name, values in own.get("scalers", {}).items()
            if np.shape(values) in (counts.shape[1:3], counts.shape[:3])
        },
        repeat_energies=energies if fits else None,
        uncertainty=_uncertainty(own, counts.shape),
    )


def _uncertainty(own: Mapping[str, Any], shape: tuple[int, ...]) -> Uncertainty | None:
    """Return the uncertainty of a layer's counts, unless the layer was cropped."""
    known: Uncertainty | None = own.get("uncertainty")
    size = (own.get("energy") or {}).get("size")
    return known if known is not None and shape == (1, *known.shape, size) else None


def layer_attributes(layer: SpectralLayer) -> dict[str, Any]:
    """Return the present attributes of a layer that `image_from_layer_data` takes."""
    names = ("name", "axis_labels", "scale", "translate", "units", "metadata")
    attributes = {name: getattr(layer, name) for name in names}
    # A copy: napari changes the dictionary itself when a layer gets other metadata.
    attributes["metadata"] = dict(layer.metadata)
    flags = {name: getattr(layer, name, False) for name in ("rgb", "multiscale")}
    return {**attributes, **flags}


def _is_spectral(data: Any, attributes: Mapping[str, Any]) -> bool:
    labels = tuple(attributes["axis_labels"])
    return (
        "energy" in labels
        and len(set(labels)) == len(labels)
        and set(labels) <= set(AXES)
        and not attributes.get("rgb", False)
        and not attributes.get("multiscale", False)
        and hasattr(data, "dtype")
        and data.dtype.kind in "iuf"
        and 0 not in data.shape
    )


def _energy(
    own: dict[str, Any] | None,
    size: int,
    starts: Mapping[str, float],
    steps: Mapping[str, float],
    units: Mapping[str, str],
) -> EnergyAxis:
    offset, gain = starts["energy"], steps["energy"]
    if own is not None and own["size"] == size:
        axis = EnergyAxis.from_dict(own)
        same = np.isclose(axis.offset, offset, atol=1e-9) and np.isclose(axis.gain, gain)
        if same and axis.calibrated == (units["energy"] in ("keV", "kiloelectron_volt")):
            return axis
    factors = {"keV": 1.0, "kiloelectron_volt": 1.0, "eV": 1e-3, "electron_volt": 1e-3}
    factor = factors.get(units["energy"])
    if factor is None:
        return EnergyAxis(offset, gain, size, calibrated=False)
    return EnergyAxis(offset * factor, gain * factor, size)


def _unit_name(unit: Any) -> str:
    """Return the short name of a unit, which napari gives as text or as a unit of pint."""
    return unit if isinstance(unit, str) else f"{unit:~}"


def _pixel_unit(own: str | None, unit: str | None) -> str:
    """Return the unit of pixels: the layer's, or the file's if napari does not know it."""
    if unit is None or (unit in ("pixel", "px") and own is not None and not _is_unit(own)):
        return own or "pixel"
    return {"px": "pixel"}.get(unit, unit)


def _first_look(image: SpectrumImage) -> tuple[tuple[float, float], int]:
    """Return contrast limits for the strongest line, and its channel, from a few rows."""
    rows = np.unique(np.linspace(0, image.shape[1] - 1, 8).astype(int))
    sample = np.asarray(image.counts[:, rows])
    high = float(np.quantile(sample.max(axis=-1), 0.995)) if sample.size else 1.0
    strongest = int(np.argmax(sample.sum(axis=(0, 1, 2), dtype=np.float64)))
    return (0.0, max(high, 1e-6)), strongest


def _is_unit(unit: str) -> bool:
    # napari checks units with pint; unit names that it would refuse are kept in the metadata.
    return unit in {"pixel", "nm", "µm", "um", "mm", "cm", "m", "Å", "angstrom", "pm"}
