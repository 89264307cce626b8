"""Zarr: plain arrays, OME-Zarr images and HyperSpy's ``.zspy``, in a folder or a ZIP archive.

Read with zarr itself, an optional package, in its versions from 3 on, which napari needs too.
Facts: OME-NGFF 0.4 and 0.5 for ``multiscales`` (axes and coordinateTransformations of the first,
full image); RosettaSciIO's documentation for ``.zspy``, which is laid out like ``.hspy``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError, FormatError
from napari_xrf_denoise.core.spectrum_image import RepeatKind
from napari_xrf_denoise.io.base.contents import FileContents
from napari_xrf_denoise.io.base.file_stack import stack
from napari_xrf_denoise.io.base.layout import Layout
from napari_xrf_denoise.io.base.mca_calibration import KEV, UNUSABLE
from napari_xrf_denoise.io.base.metadata import plain_or_text, times_in
from napari_xrf_denoise.io.options import ReadOptions

from ._zarr_store import get_array, is_store, open_store, read_counts

_KEV = {**KEV, "kiloelectronvolt": 1.0, "electronvolt": 1e-3}
_LENGTHS = {"micrometer": "µm", "nanometer": "nm", "millimeter": "mm", "um": "µm", "\u03bcm": "µm"}
_REPEATS: dict[str, RepeatKind] = {
    "repeat": "scan",
    "scan": "scan",
    "frame": "frame",
    "detector": "detector",
}
_FEWEST_CHANNELS = 16
"""An OME axis of fewer channels than this holds colours, not a spectrum."""


@dataclass(frozen=True)
class _Axis:
    """What a store says about one axis of an array."""

    name: str = ""
    unit: str = ""
    kind: str = ""
    scale: float = 1.0
    offset: float = 0.0
    centers: NDArray[np.float64] | None = None

    @property
    def kev(self) -> float | None:
        """What one of the axis's units is in keV, if it is an energy."""
        return _KEV.get(self.unit.strip().lower())


@dataclass(frozen=True)
class _Candidate:
    """An array that may be the counts, with its axes where they are described."""

    path: str
    axes: Sequence[_Axis] = ()
    title: str = ""
    layout: str = "zarr array"
    metadata: Mapping[str, Any] = field(default_factory=dict)


def recognise(path: Path) -> str | None:
    """Return why this store holds spectra, or None; an axis has to say that it is an energy."""
    if not is_store(path):
        return None
    with open_store(path) as root:
        for candidate in _candidates(root):
            shape = get_array(root, path, candidate.path).shape
            position = _energy_position(candidate.axes, shape)
            if position is not None:
                unit = candidate.axes[position].unit or "no unit"
                where = candidate.path or "the root"
                return f"{candidate.layout} at {where} with an energy axis in {unit}"
    return None


def read(path: Path, options: ReadOptions) -> FileContents:
    """Read the counts in a store; lazily, chunk by chunk, if they are large.

    ``dataset`` names an array by its path, or a HyperSpy signal by its title; several of one shape
    become the repeats.
    """
    with open_store(path) as root:
        chosen, warnings = _choose(root, path, options)
        arrays = [get_array(root, path, candidate.path) for candidate in chosen]
        whole = options.energy_axis
        axes = _matching_axes(chosen[0], arrays[0].shape)
        if whole is None:
            whole = _energy_position(axes, arrays[0].shape)
        parts = [read_counts(array, path, whole, warnings) for array in arrays]
    if len(parts) > 1:
        counts, axes = _stacked(parts, chosen, path), [_Axis("repeat"), *axes]
    else:
        counts = parts[0]
    counts, axes = _without_single_planes(counts, axes)
    position = _energy_position(axes, counts.shape)
    energy, more = _energy(axes, position, counts.shape)
    repeat_axis = next((place for place, axis in enumerate(axes) if axis.name in _REPEATS), None)
    spacing, unit = _spacing(axes)
    return FileContents(
        counts=counts,
        energy_axis=position,
        repeat_axis=repeat_axis,
        repeat_kind="scan" if repeat_axis is None else _REPEATS[axes[repeat_axis].name],
        energy=energy,
        spacing=spacing,
        spacing_unit=unit,
        metadata=chosen[0].metadata,
        warnings=warnings + more,
        dataset=chosen[0].path,
        axis_names=[axis.name for axis in axes],
    )


def _candidates(root: Any) -> list[_Candidate]:
    """Return the arrays that may be the counts, described by what kind of store it is."""
    if hasattr(root, "shape"):
        return [_Candidate("", _named_axes(root))]
    attributes = dict(root.attrs)
    ome = attributes.get("ome", attributes)
    if ome.get("multiscales"):
        return [_ome(ome["multiscales"][0], attributes)]
    if "Experiments" in root and not hasattr(root["Experiments"], "shape"):
        return _hyperspy(root["Experiments"])
    return [
        _Candidate(name, _named_axes(array), metadata={})
        for name, array in sorted(root.members(max_depth=None), key=lambda entry: entry[0])
        if hasattr(array, "shape") and 1 <= array.ndim <= 4
    ]


def _named_axes(array: Any) -> list[_Axis]:
    """Return the names of an array's axes as zarr 3, or xarray in zarr 2, stores them."""
    names = getattr(array.metadata, "dimension_names", None)
    names = names or array.attrs.get("_ARRAY_DIMENSIONS") or []
    return [_Axis(str(name or "").lower()) for name in names]


def _ome(multiscale: Mapping[str, Any], attributes: Mapping[str, Any]) -> _Candidate:
    first = multiscale["datasets"][0]
    n_axes = len(multiscale["axes"])
    scale, offset = np.ones(n_axes), np.zeros(n_axes)
    steps = [
        *first.get("coordinateTransformations", []),
        *multiscale.get("coordinateTransformations", []),
    ]
    for step in steps:
        if step["type"] == "scale":
            factor = np.asarray(step["scale"], dtype=np.float64)
            scale, offset = scale * factor, offset * factor
        elif step["type"] == "translation":
            offset = offset + np.asarray(step["translation"], dtype=np.float64)
    axes = [
        _Axis(
            str(axis["name"]).lower(),
            str(axis.get("unit") or ""),
            str(axis.get("type") or "other"),
            float(scale[position]),
            float(offset[position]),
        )
        for position, axis in enumerate(multiscale["axes"])
    ]
    title = str(multiscale.get("name") or "")
    metadata = {"ome_zarr": plain_or_text(attributes)}
    return _Candidate(str(first["path"]), axes, title, "OME-Zarr", metadata)


def _hyperspy(experiments: Any) -> list[_Candidate]:
    found = []
    # A store lists its members in any order.
    for title, signal in sorted(experiments.groups(), key=lambda entry: entry[0]):
        if "data" not in signal:
            continue
        groups = sorted(
            (name for name in signal.group_keys() if name.startswith("axis-")),
            key=lambda name: int(name.removeprefix("axis-")),
        )
        metadata = _tree(signal["metadata"]) if "metadata" in signal else {}
        facts = {"vendor": plain_or_text(metadata), **times_in(metadata)}
        axes = [_hyperspy_axis(signal[name]) for name in groups]
        path = f"Experiments/{title}/data"
        found.append(_Candidate(path, axes, str(title), "HyperSpy signal", facts))
    return found


def _hyperspy_axis(group: Any) -> _Axis:
    attributes = dict(group.attrs)
    centers = None
    if "axis" in group:  # irregular steps
        centers = np.asarray(group["axis"][...], dtype=np.float64)
    return _Axis(
        str(attributes.get("name", "")),
        str(attributes.get("units") or ""),
        scale=float(attributes.get("scale", 1.0)),
        offset=float(attributes.get("offset", 0.0)),
        centers=centers,
    )


def _tree(group: Any) -> dict[str, Any]:
    return {**dict(group.attrs), **{name: _tree(part) for name, part in group.groups()}}


def _choose(root: Any, path: Path, options: ReadOptions) -> tuple[list[_Candidate], list[str]]:
    candidates = _candidates(root)
    if options.datasets:
        return [_by_name(root, path, candidates, name) for name in options.datasets], []
    if not candidates:
        raise FormatError(f"{path}: expected an array of counts in the store, found none")
    spectra = [one for one in candidates if any(axis.kev is not None for axis in one.axes)]
    if spectra and len(candidates) > 1:
        first = spectra[0]
        others = ", ".join(repr(one.title or one.path) for one in candidates if one is not first)
        return [first], [
            f"the store holds {len(candidates)} arrays and {first.title or first.path!r} was read; "
            f"name another with dataset (--dataset): {others}"
        ]
    if len(candidates) > 1:
        listed = "; ".join(f"{one.path} {root[one.path].shape}" for one in candidates[:12])
        raise FormatError(
            f"{path}: expected one array, found {len(candidates)}; name the counts with dataset "
            f"(--dataset): {listed}"
        )
    return candidates, []


def _by_name(root: Any, path: Path, candidates: Sequence[_Candidate], name: str) -> _Candidate:
    inside = name.strip("/")
    for candidate in candidates:
        if inside == candidate.path or (candidate.title and name == candidate.title):
            return candidate
    array = None if hasattr(root, "shape") else root.get(inside)
    if array is None or not hasattr(array, "shape"):
        names = ", ".join(one.title or one.path or "the root" for one in candidates)
        raise FormatError(
            f"{path}: expected an array named {name!r}, found {names or 'no arrays'}; give one of "
            "these as dataset (--dataset)"
        )
    return _Candidate(inside, _named_axes(array))


def _stacked(parts: Sequence[Any], chosen: Sequence[_Candidate], path: Path) -> Any:
    if any(part.shape != parts[0].shape for part in parts):
        shapes = ", ".join(
            f"{one.path} {part.shape}" for one, part in zip(chosen, parts, strict=True)
        )
        raise DataError(
            f"{path}: repeats must have the same shape, found {shapes}; name arrays of one shape "
            "with dataset (--dataset)"
        )
    return stack(parts)


def _matching_axes(candidate: _Candidate, shape: tuple[int, ...]) -> list[_Axis]:
    """Return the described axes if they are as many as the array has."""
    axes = list(candidate.axes)
    return axes if len(axes) == len(shape) else [_Axis()] * len(shape)


def _without_single_planes(counts: Any, axes: list[_Axis]) -> tuple[Any, list[_Axis]]:
    """Drop OME's axes of length one, such as time and z, that are no pixels and no energy."""
    energy = _energy_position(axes, counts.shape)
    keep = [
        size > 1 or not axis.kind or position == energy or axis.name in ("y", "x", *_REPEATS)
        for position, (axis, size) in enumerate(zip(axes, counts.shape, strict=True))
    ]
    index = tuple(slice(None) if kept else 0 for kept in keep)
    return counts[index], [axis for axis, kept in zip(axes, keep, strict=True) if kept]


def _energy_position(axes: Sequence[_Axis], shape: tuple[int, ...]) -> int | None:
    """Return the axis in keV or eV, else the one named energy, else OME's one of many channels."""
    if len(axes) != len(shape):
        return None
    for position, axis in enumerate(axes):
        if axis.kev is not None:
            return position
    for position, axis in enumerate(axes):
        many_channels = axis.kind == "channel" and shape[position] >= _FEWEST_CHANNELS
        if axis.name == "energy" or many_channels:
            return position
    return None


def _energy(
    axes: Sequence[_Axis], position: int | None, shape: tuple[int, ...]
) -> tuple[EnergyAxis | None, list[str]]:
    if position is None or (kev := axes[position].kev) is None:
        return None, []
    axis = axes[position]
    try:
        if axis.centers is not None and axis.centers.shape == (shape[position],):
            return EnergyAxis.from_centers(axis.centers * kev), []
        return EnergyAxis(axis.offset * kev, axis.scale * kev, shape[position]), []
    except DataError:
        return None, [UNUSABLE.format(found=f"{axis.offset:g}, {axis.scale:g} {axis.unit}")]


def _spacing(axes: Sequence[_Axis]) -> tuple[list[float | None], str]:
    """Return the distances along the axes that have the last pixel axis's unit of length."""
    units = [_LENGTHS.get(axis.unit.strip().lower(), axis.unit.strip()) for axis in axes]
    lengths = [unit for unit in units if unit in ("pm", "nm", "µm", "mm", "cm", "m")]
    if not lengths:
        return [None] * len(axes), "pixel"
    spacing = [
        axis.scale if unit == lengths[-1] else None for axis, unit in zip(axes, units, strict=True)
    ]
    return spacing, lengths[-1]


LAYOUT = Layout(
    name="zarr",
    description="Zarr arrays, OME-Zarr and HyperSpy .zspy, as a folder or .zip",
    recognise=recognise,
    read=read,
    opens=is_store,
    has_datasets=True,
)
