"""The program's own files: NeXus in HDF5, which keep everything a spectrum image holds.

::

    /entry                    NXentry   @default = "data"
        title                 the image's name
        data                  NXdata    @signal = "counts", @axes = [repeat, y, x, energy]
            counts            (repeat, y, x, energy)    @repeat_kind
            repeat, y, x      pixel positions           @units
            energy            keV of each channel       @units, @calibrated, @offset, @gain
        repeat_0, repeat_1 …  NXdata    of maps: each repeat by itself, for programs such as PyMca
            counts            (y, x, energy)            a view of the counts above
            calibration       [a, b, c], keV of channel n = a + b·n + c·n²
            channels, energy, y, x, live_time, dim0, dim1, dim2
        scalers               NXcollection: live_time, I0 … (y, x) or (repeat, y, x)   @name
        repeat_energies       NXnote    the calibration of each repeat, where they differ
        uncertainty           NXcollection: of a denoised result, see `io.base.uncertainty`
        provenance            NXnote    @type = "application/json", with the metadata

Programs that know NeXus plot the file from ``@signal`` and ``@axes``. What is larger than a line
is a dataset, since an HDF5 attribute holds 64 KiB at most.

PyMca takes a dataset whose ``@interpretation`` is "spectrum" for a stack of spectra, keeps the
shape of one with three axes only, and looks beside it for ``calibration``, ``channels``,
``live_time``, and the positions ``dim0`` to ``dim2`` (its modules ``NexusTools`` and
``HDF5Stack1D``). That is what the groups ``repeat_…`` are for; they store nothing twice, being an
HDF5 virtual dataset and links. There is no ``calibration`` beside the four axes, since PyMca would
apply it to ``energy``, which it takes for the channels there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import FormatError
from napari_xrf_denoise.core.spectrum_image import AXES, SpectrumImage
from napari_xrf_denoise.io.base.contents import FileContents, place
from napari_xrf_denoise.io.base.layout import Layout
from napari_xrf_denoise.io.base.metadata import decode, encode
from napari_xrf_denoise.io.base.uncertainty import NAME
from napari_xrf_denoise.io.options import ReadOptions

from .file import (
    SafeSink,
    counts_options,
    get_dataset,
    in_hdf5,
    new_hdf5,
    open_hdf5,
    read_counts,
    read_uncertainty,
    write_uncertainty,
)
from .links import text

SUFFIXES = (".h5", ".hdf5", ".nxs")
FORMAT_VERSION = 1
_GROUP = "/entry/data"
_COUNTS = f"{_GROUP}/counts"
_CHUNK_BYTES = 2**20
_POLYNOMIAL_TOLERANCE = 0.25
"""Largest distance, in channels, of a calibration of three numbers from the true energies."""


@in_hdf5
def recognise(file: Any) -> str | None:
    """Return why this is one of our files, or None."""
    if not _is_ours(file):
        return None
    return f"NXdata group {_GROUP} with signal 'counts' and axes {', '.join(AXES)}"


def read(path: Path, options: ReadOptions) -> FileContents:
    """Read a file that `write` made."""
    with open_hdf5(path) as file:
        _check_version(file, path)
        dataset = get_dataset(file, path, _COUNTS)
        if dataset.ndim != len(AXES):
            raise FormatError(
                f"{place(path, _COUNTS)}: expected the axes {AXES}, found shape {dataset.shape}"
            )
        group = file[_GROUP]
        unit, spacing = _read_spacing(group)
        return FileContents(
            counts=read_counts(dataset, path),
            energy_axis=3,
            repeat_axis=0,
            energy=_read_energy(group, path, dataset.shape[3]),
            repeat_kind=_read_repeat_kind(dataset, path),
            spacing=(None, *spacing, None),
            spacing_unit=unit,
            name=text(file.get("/entry/title")),
            metadata=_read_note(file, path, "provenance"),
            scalers=_read_scalers(file),
            repeat_energies=_read_repeat_energies(file, path),
            uncertainty=read_uncertainty(file, path, f"/entry/{NAME}"),
            dataset=_COUNTS,
        )


def write(path: Path, image: SpectrumImage) -> None:
    """Write a spectrum image row by row, so that it may be larger than memory."""
    provenance = encode(image.metadata)
    with new_nexus(path, image.name, format_version=FORMAT_VERSION) as (entry, sink):
        entry.attrs["default"] = "data"
        write_note(entry, "provenance", provenance)
        _write_scalers(entry, image)
        if image.uncertainty is not None:
            group = nexus_group(entry, NAME, "NXcollection")
            write_uncertainty(group, image.uncertainty)
        if image.repeat_energies is not None:
            axes = [axis.as_dict() for axis in image.repeat_energies]
            write_note(entry, "repeat_energies", encode({"axes": axes}))
        _write_data(entry, image, sink)
        if image.is_map:
            for repeat in range(image.n_repeats):
                _write_view(entry, image, repeat)


@contextmanager
def new_nexus(path: Path, title: str, **attributes: Any) -> Iterator[tuple[Any, SafeSink]]:
    """Make a NeXus file with one titled entry."""
    root = {"NX_class": "NXroot", "default": "entry", **attributes}
    with new_hdf5(path, **root) as (file, sink):
        entry = nexus_group(file, "entry", "NXentry")
        entry["title"] = title
        yield entry, sink


def write_note(entry: Any, name: str, json: str) -> None:
    """Write JSON as NeXus keeps notes."""
    note = nexus_group(entry, name, "NXnote")
    note["type"] = "application/json"
    note["data"] = json


def _write_scalers(entry: Any, image: SpectrumImage) -> None:
    if not image.scalers:
        return
    scalers = nexus_group(entry, "scalers", "NXcollection")
    for number, (name, values) in enumerate(image.scalers.items()):
        # Files name scalers as they like, HDF5 takes a slash for a group.
        scalers[f"scaler{number}"] = values
        scalers[f"scaler{number}"].attrs["name"] = name


def _write_data(entry: Any, image: SpectrumImage, sink: SafeSink) -> None:
    data = nexus_group(entry, "data", "NXdata", signal="counts", axes=list(AXES), title=image.name)
    for position, axis in enumerate(AXES):
        data.attrs[f"{axis}_indices"] = position
    _, height, width, size = image.shape
    data["repeat"] = np.arange(image.n_repeats)
    for axis, length, step in zip("yx", (height, width), image.pixel_size, strict=True):
        data[axis] = np.arange(length) * step
        data[axis].attrs.update({"units": image.pixel_unit, "spacing": step})
    _write_energy(data, image.energy)
    dtype = image.counts.dtype.newbyteorder("=")
    spectra_in_chunk = max(1, _CHUNK_BYTES // (size * dtype.itemsize))
    counts = data.create_dataset(
        "counts",
        shape=image.shape,
        dtype=dtype,
        # Whole spectra, since they are what is read; never two rows, so that rows are written once.
        chunks=(1, 1, min(width, spectra_in_chunk), size),
        **counts_options(dtype),
    )
    counts.attrs.update(
        {"repeat_kind": image.repeat_kind, "long_name": "counts", "interpretation": "spectrum"}
    )
    for rows, band in image.blocks():
        counts[:, rows] = band
        sink.check()


def _write_energy(group: Any, energy: EnergyAxis) -> None:
    group["energy"] = energy.centers
    group["energy"].attrs.update(
        {
            "units": energy.unit,
            "calibrated": energy.calibrated,
            "linear": energy.is_linear,
            "offset": energy.offset,
            "gain": energy.gain,
        }
    )


def _write_view(entry: Any, image: SpectrumImage, repeat: int) -> None:
    """Write one repeat as a map of spectra (y, x, energy), without its counts."""
    import h5py

    data = entry["data"]
    energy = image.energy if image.repeat_energies is None else image.repeat_energies[repeat]
    title = image.name if image.n_repeats == 1 else f"{image.name}, {image.repeat_kind} {repeat}"
    view = nexus_group(
        entry,
        f"repeat_{repeat}",
        "NXdata",
        signal="counts",
        axes=["y", "x", "energy"],
        title=title,
    )
    counts = data["counts"]
    layout = h5py.VirtualLayout(counts.shape[1:], counts.dtype)
    # "." is this file, whatever it will be called.
    layout[...] = h5py.VirtualSource(".", counts.name, counts.shape, counts.dtype)[repeat]
    view.create_virtual_dataset("counts", layout)
    view["counts"].attrs.update({"long_name": "counts", "interpretation": "spectrum"})
    if image.repeat_energies is None:
        view["energy"] = data["energy"]
    else:
        _write_energy(view, energy)
    for position, axis in enumerate(("y", "x", "energy")):
        view.attrs[f"{axis}_indices"] = position
        if axis not in view:
            view[axis] = data[axis]
        view[f"dim{position}"] = view[axis]
    view["channels"] = np.arange(energy.size)
    calibration = _polynomial(energy)
    if calibration is not None:
        view["calibration"] = calibration
        view["calibration"].attrs["units"] = "keV"
    live_time = image.scalers.get("live_time")
    if live_time is not None:
        view["live_time"] = live_time if live_time.ndim == 2 else live_time[repeat]
        view["live_time"].attrs["units"] = "s"


def _polynomial(energy: EnergyAxis) -> list[float] | None:
    """Return [a, b, c] of a + b·n + c·n² in keV, or None where that does not describe the axis."""
    if not energy.calibrated:
        return None
    if energy.is_linear:
        return [energy.offset, energy.gain, 0.0]
    channels = np.arange(energy.size)
    fit = np.polynomial.Polynomial.fit(channels, energy.centers, 2)
    if np.max(np.abs(fit(channels) - energy.centers)) > _POLYNOMIAL_TOLERANCE * energy.gain:
        return None
    return [float(number) for number in fit.convert().coef]


def nexus_group(parent: Any, name: str, nexus_class: str, **attributes: Any) -> Any:
    """Make a group of a NeXus class."""
    group = parent.create_group(name)
    group.attrs.update({"NX_class": nexus_class, **attributes})
    return group


def _is_ours(file: Any) -> bool:
    import h5py

    group = file.get(_GROUP)
    if not isinstance(group, h5py.Group) or "counts" not in group:
        return False
    if text(group.attrs.get("NX_class")) != "NXdata":
        return False
    axes = group.attrs.get("axes")
    return (
        text(group.attrs.get("signal")) == "counts"
        and isinstance(axes, np.ndarray)
        and tuple(text(axis) for axis in axes) == AXES
    )


def _check_version(file: Any, path: Path) -> None:
    version = file.attrs.get("format_version", FORMAT_VERSION)
    if version > FORMAT_VERSION:
        raise FormatError(
            f"{path}: expected format version {FORMAT_VERSION} or older, found {version}; a later "
            "napari-xrf-denoise wrote it: pip install --upgrade napari-xrf-denoise"
        )


def _read_energy(group: Any, path: Path, size: int) -> EnergyAxis | None:
    dataset = group.get("energy")
    if dataset is None:
        return None
    where = place(path, f"{_GROUP}/energy")
    if dataset.shape != (size,):
        raise FormatError(
            f"{where}: expected the energies of {size} channels, found shape {dataset.shape}; "
            "give energy_offset and energy_gain in keV (--energy-offset, --energy-gain)"
        )
    attributes = dataset.attrs
    calibrated = bool(attributes.get("calibrated", True))
    if attributes.get("linear", False) and "offset" in attributes and "gain" in attributes:
        # The two numbers as they were, not as a fit would give them back.
        return EnergyAxis(attributes["offset"], attributes["gain"], size, calibrated=calibrated)
    centers = dataset[()].astype(np.float64)
    if text(attributes.get("units")) == "eV":
        centers = centers / 1000
    return EnergyAxis.from_centers(centers, calibrated=calibrated, tolerance=1e-9)


def _read_repeat_kind(dataset: Any, path: Path) -> Any:
    kind = text(dataset.attrs.get("repeat_kind")) or "scan"
    if kind not in ("scan", "frame", "detector"):
        raise FormatError(
            f"{place(path, _COUNTS)}: expected repeat_kind scan, frame or detector, found {kind!r};"
            " give repeat_kind=... (--repeat-kind)"
        )
    return kind


def _read_spacing(group: Any) -> tuple[str, list[float | None]]:
    """Return the unit, and the distance between rows and between columns."""
    unit = "pixel"
    spacing: list[float | None] = []
    for axis in "yx":
        dataset = group.get(axis)
        if dataset is None:
            spacing.append(None)
            continue
        unit = text(dataset.attrs.get("units")) or unit
        step = dataset.attrs.get("spacing")
        if step is None and dataset.shape and dataset.shape[0] > 1:
            step = abs(float(dataset[1]) - float(dataset[0]))
        spacing.append(None if step is None else float(step))
    return unit, spacing


def _read_note(file: Any, path: Path, name: str) -> dict[str, Any]:
    dataset = file.get(f"/entry/{name}/data")
    if dataset is None:
        return {}
    return decode(dataset[()], place(path, dataset.name))


def _read_scalers(file: Any) -> dict[str, Any]:
    group = file.get("/entry/scalers")
    if group is None:
        return {}
    return {text(group[key].attrs.get("name")) or key: group[key][()] for key in group}


def _read_repeat_energies(file: Any, path: Path) -> list[EnergyAxis] | None:
    axes = _read_note(file, path, "repeat_energies").get("axes")
    return None if axes is None else [EnergyAxis.from_dict(axis) for axis in axes]


LAYOUT = Layout(
    name="nexus",
    description="NeXus HDF5 of napari-xrf-denoise: counts, calibration, pixel size and provenance",
    recognise=recognise,
    read=read,
    shares_files=True,
    names_all=True,
    write=write,
    suffixes=SUFFIXES,
)
