"""HyperSpy's own files (``.hspy``), written with h5py alone, and read back with all they say.

The layout is HyperSpy's specification of HDF5 files, version 3.3 (its user guide, "HSpy"; what
RosettaSciIO reads)::

    /                         @file_format = "HyperSpy", @file_format_version
    /Experiments/<title>
        data                  (repeat, y, x, energy), without repeat and pixels where there is one
        axis-0 … axis-n       @name, @units, @scale, @offset, @size, @navigate, @is_binned
        metadata
            General           @title
            Signal            @signal_type
            napari_xrf_denoise
                _list_record  one text: JSON of what HyperSpy has no place for
                uncertainty   of a denoised result, see `io.base.uncertainty`
                scalers       (y, x) or (repeat, y, x), named by _list_scaler_names
        original_metadata, learning_results, attributes

HyperSpy keeps its metadata when it saves a file again, so the record survives there too; axes are
read from the file and not from the record, since they may have been cropped. Other ``.hspy`` files
are read by `vendor`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import FormatError
from napari_xrf_denoise.core.spectrum_image import AXES, SpectrumImage
from napari_xrf_denoise.io.base.contents import FileContents, place
from napari_xrf_denoise.io.base.layout import Layout
from napari_xrf_denoise.io.base.mca_calibration import METRES
from napari_xrf_denoise.io.base.metadata import Record, decode_record, encode_record
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

SUFFIXES = (".hspy",)
_FORMAT_VERSION = "3.3"
_OURS = "metadata/napari_xrf_denoise"
_RECORD = f"{_OURS}/_list_record"
_CHUNK_BYTES = 2**20
_LONGEST_ATTRIBUTE = 32 * 2**10  # bytes; HDF5 keeps all attributes of a group below 64 KiB


@in_hdf5
def recognise(file: Any) -> str | None:
    """Return why this is a HyperSpy file that `write` made, or None."""
    signal = _signal(file)
    if signal is None or not _is_ours(_axis_names(signal)):
        return None
    return f"HyperSpy signal {signal.name} with the record of napari-xrf-denoise"


def read(path: Path, options: ReadOptions) -> FileContents:
    """Read a file that `write` made, perhaps saved again by HyperSpy."""
    with open_hdf5(path) as file:
        signal = _signal(file)
        if signal is None:
            raise FormatError(
                f"{path}: expected a HyperSpy file with the record of napari-xrf-denoise, found "
                "none; copy the file again"
            )
        dataset = get_dataset(file, path, f"{signal.name}/data")
        where = dataset.name
        names = _axis_names(signal)
        if len(names) != dataset.ndim or not _is_ours(names):
            raise FormatError(
                f"{place(path, dataset.name)}: expected an axis for each of the "
                f"{dataset.ndim} dimensions, found {names}; the file is damaged, copy it again"
            )
        record = decode_record(text(signal[_RECORD]), place(path, signal[_RECORD].name))
        energy = _read_energy(signal, path, names.index("energy"), dataset.shape)
        title = _attribute(signal, "metadata/General", "title")
        counts = read_counts(dataset, path, names.index("energy"))
        sizes = dict(zip(names, dataset.shape, strict=True))
        counts = counts.transpose([names.index(axis) for axis in AXES if axis in names])
        counts = counts.reshape([sizes.get(axis, 1) for axis in AXES])
        spacing, unit = _read_spacing(signal, names, record)
        scalers = _read_scalers(signal, record)
        uncertainty = read_uncertainty(signal, path, f"{_OURS}/{NAME}")
    return FileContents(
        counts=counts,
        energy_axis=3,
        repeat_axis=0,
        energy=energy,
        repeat_kind=record.repeat_kind,
        spacing=(None, *spacing, None),
        spacing_unit=unit,
        name=record.name if title is None else title,
        metadata=record.metadata,
        scalers=scalers,
        repeat_energies=record.repeat_energies_for(counts.shape),
        uncertainty=uncertainty,
        dataset=where,
    )


def write(path: Path, image: SpectrumImage) -> None:
    """Write a spectrum image as a HyperSpy signal, row by row.

    Repeats become a navigation axis. Metadata of a vendor's file are where HyperSpy expects them,
    with the signal type, so that eXSpy recognises an EDS signal.
    """
    record = encode_record(image)
    title = image.name.replace("\0", "")
    # A slash would be a group inside a group, and "." and ".." are no names.
    place_of_signal = title.replace("/", "-") if title.strip(". ") else "__unnamed__"
    root = {"file_format": "HyperSpy", "file_format_version": _FORMAT_VERSION}
    with new_hdf5(path, **root) as (file, sink):
        signal = file.create_group("Experiments").create_group(place_of_signal)
        names = _axes_to_write(image)
        for number, axis in enumerate(names):
            _write_axis(signal.create_group(f"axis-{number}"), axis, image)
        metadata = signal.create_group("metadata")
        _write_tree(metadata, _metadata(image, title))
        _write_ours(metadata, image, record)
        for group in ("original_metadata", "learning_results"):
            signal.create_group(group)
        signal.create_group("attributes").attrs.update({"_lazy": False, "ragged": False})
        _write_counts(signal, image, names, sink)


def _axes_to_write(image: SpectrumImage) -> list[str]:
    """Return the axes without those that there are only one of: HyperSpy would show sliders."""
    shown = {"repeat": image.n_repeats > 1, "y": image.is_map, "x": image.is_map, "energy": True}
    return [axis for axis in AXES if shown[axis]]


def _write_axis(group: Any, axis: str, image: SpectrumImage) -> None:
    size = dict(zip(AXES, image.shape, strict=True))[axis]
    scale, offset, units = 1.0, 0.0, "_None_"  # as HyperSpy writes None
    if axis in ("y", "x"):
        scale = image.pixel_size["yx".index(axis)]
        units = "_None_" if image.pixel_unit == "pixel" else image.pixel_unit
    kind = "UniformDataAxis"
    if axis == "energy":
        scale, offset = image.energy.gain, image.energy.offset
        units = "keV" if image.energy.calibrated else "_None_"
        kind = "UniformDataAxis" if image.energy.is_linear else "DataAxis"
    group.attrs.update(
        {
            "_type": kind,
            "name": axis,
            "units": units,
            "navigate": axis != "energy",
            "is_binned": axis == "energy",
            "size": size,
        }
    )
    if kind == "DataAxis":
        group["axis"] = image.energy.centers
    else:
        group.attrs.update({"scale": scale, "offset": offset})


def _metadata(image: SpectrumImage, title: str) -> dict[str, Any]:
    """Return HyperSpy's tree of metadata, on top of a vendor's that has the same order."""
    vendor = image.metadata.get("vendor")
    tree = dict(vendor) if isinstance(vendor, Mapping) else {}
    for unfit in ("_HyperSpy", "napari_xrf_denoise", "Markers"):
        tree.pop(unfit, None)  # they speak of an array that this one is not any more
    general, signal = tree.get("General"), tree.get("Signal")
    tree["General"] = {**(general if isinstance(general, Mapping) else {}), "title": title}
    known = signal.get("signal_type") if isinstance(signal, Mapping) else None
    tree["Signal"] = {"signal_type": known if isinstance(known, str) else ""}
    return tree


def _write_tree(group: Any, tree: Mapping[str, Any]) -> None:
    """Write plain values as HyperSpy does: attributes, lists as datasets, mappings as groups."""
    import h5py

    for key, value in tree.items():
        name = str(key).replace("/", "-").replace("\0", "")
        if not name.strip("."):
            continue
        if isinstance(value, Mapping):
            _write_tree(group.require_group(name), value)
        elif isinstance(value, list | tuple):
            listed = np.array(value) if _is_plain_list(value) else None
            if not value:
                group.attrs[f"_list_empty_{name}"] = "_None_"
            elif listed is None:
                # Numbers of one width, since readers sort them as text.
                width = len(str(len(value)))
                entries = {f"{number:0{width}}": entry for number, entry in enumerate(value)}
                _write_tree(group.require_group(f"_list_{len(value)}_{name}"), entries)
            elif listed.dtype.kind == "U":
                group.create_dataset(f"_list_{name}", data=list(value), dtype=h5py.string_dtype())
            else:
                group.create_dataset(f"_list_{name}", data=listed)
        else:
            plain = "_None_" if value is None else value
            if isinstance(plain, str):
                plain = plain.replace("\0", "")[:_LONGEST_ATTRIBUTE]
            elif not isinstance(plain, bool | int | float | np.generic):
                plain = str(plain)[:_LONGEST_ATTRIBUTE]
            group.attrs[name] = plain


def _is_plain_list(value: list[Any] | tuple[Any, ...]) -> bool:
    kinds = {type(entry) for entry in value}
    return kinds in ({str}, {bool}, {int}, {float}, {int, float})


def _write_ours(metadata: Any, image: SpectrumImage, record: str) -> None:
    import h5py

    ours = metadata.create_group("napari_xrf_denoise")
    ours.create_dataset("_list_record", data=[record], dtype=h5py.string_dtype())
    if image.uncertainty is not None:
        write_uncertainty(ours.create_group(NAME), image.uncertainty)
    if not image.scalers:
        return
    scalers = ours.create_group("scalers")
    for number, values in enumerate(image.scalers.values()):
        # In chunks, without which RosettaSciIO cannot read an array lazily.
        scalers.create_dataset(f"scaler{number}", data=values, chunks=values.shape)
    # For users of HyperSpy, which keeps arrays but not their attributes; we read the record.
    ours.create_dataset("_list_scaler_names", data=list(image.scalers), dtype=h5py.string_dtype())


def _write_counts(signal: Any, image: SpectrumImage, names: list[str], sink: SafeSink) -> None:
    sizes = dict(zip(AXES, image.shape, strict=True))
    dtype = image.counts.dtype.newbyteorder("=")
    spectra = max(1, _CHUNK_BYTES // (sizes["energy"] * dtype.itemsize))
    chunk = {"repeat": 1, "y": 1, "x": min(sizes["x"], spectra), "energy": sizes["energy"]}
    data = signal.create_dataset(
        "data",
        shape=tuple(sizes[axis] for axis in names),
        dtype=dtype,
        chunks=tuple(chunk[axis] for axis in names),
        **counts_options(dtype),
    )
    for rows, band in image.blocks():
        shape = [size for axis, size in zip(AXES, band.shape, strict=True) if axis in names]
        data[tuple(rows if axis == "y" else slice(None) for axis in names)] = band.reshape(shape)
        sink.check()


def _signal(file: Any) -> Any:
    """Return the first signal with our record, or None."""
    import h5py

    experiments = file.get("Experiments")
    if not isinstance(experiments, h5py.Group):
        return None
    for name in experiments:
        signal = experiments.get(name)
        if isinstance(signal, h5py.Group) and isinstance(signal.get(_RECORD), h5py.Dataset):
            return signal
    return None


def _axis_names(signal: Any) -> list[str]:
    import h5py

    names: list[str] = []
    while isinstance(group := signal.get(f"axis-{len(names)}"), h5py.Group):
        names.append(text(group.attrs.get("name")))
    return names


def _is_ours(names: list[str]) -> bool:
    return "energy" in names and len(set(names)) == len(names) and set(names) <= set(AXES)


def _read_energy(
    signal: Any, path: Path, position: int, shape: tuple[int, ...]
) -> EnergyAxis | None:
    group = signal[f"axis-{position}"]
    factor = {"keV": 1.0, "eV": 1e-3}.get(text(group.attrs.get("units")))
    if factor is None:
        return None
    irregular = group.get("axis")
    if irregular is not None:
        centers = np.asarray(irregular[()], dtype=np.float64)
        if centers.shape != (shape[position],):
            raise FormatError(
                f"{place(path, group.name)}: expected the energies of {shape[position]} channels, "
                f"found shape {centers.shape}; give energy_offset and energy_gain in keV "
                "(--energy-offset, --energy-gain)"
            )
        return EnergyAxis.from_centers(centers * factor, tolerance=1e-9)
    try:
        offset, scale = float(group.attrs["offset"]), float(group.attrs["scale"])
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"{place(path, group.name)}: expected the attributes scale and offset of the energy "
            f"axis, found them missing or damaged ({error}); copy the file again"
        ) from error
    return EnergyAxis(offset * factor, scale * factor, shape[position])


def _read_spacing(signal: Any, names: list[str], record: Record) -> tuple[list[float | None], str]:
    """Return the distances along y and x in one unit, of the file's axes where it has them."""
    unit = record.pixel_unit
    spacing: list[float | None] = list(record.pixel_size)
    for index, axis in enumerate("yx"):
        if axis not in names:
            continue
        attributes = signal[f"axis-{names.index(axis)}"].attrs
        scale = attributes.get("scale")
        units = text(attributes.get("units")).replace("\u03bc", "µ")
        if scale is not None and units in ("_None_", "", unit):
            spacing[index] = float(scale)
        elif scale is not None and units in METRES and unit in METRES:
            spacing[index] = float(scale) * METRES[units] / METRES[unit]
        else:
            return [None, None], "pixel"
    return spacing, unit


def _read_scalers(signal: Any, record: Record) -> dict[str, NDArray[np.float64]]:
    import h5py

    scalers = {}
    for number, name in enumerate(record.scaler_names):
        values = signal.get(f"{_OURS}/scalers/scaler{number}")
        if isinstance(values, h5py.Dataset) and values.dtype.kind in "iuf":
            scalers[name] = values[()]
    return scalers


def _attribute(signal: Any, group: str, name: str) -> str | None:
    item = signal.get(group)
    value = None if item is None else item.attrs.get(name)
    return None if value is None else text(value)


LAYOUT = Layout(
    name="hyperspy",
    description="HyperSpy .hspy of napari-xrf-denoise: everything, as HyperSpy opens it",
    recognise=recognise,
    read=read,
    write=write,
    suffixes=SUFFIXES,
)
