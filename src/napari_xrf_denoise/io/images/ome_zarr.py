"""OME-Zarr: a folder of compressed blocks, written and read back with all an image says.

Version 0.5 of the format (the NGFF specification), which is stored as zarr 3: it is what napari,
napari-ome-zarr, ome-zarr-py and Fiji read today, and only zarr 3 packs blocks into few files, its
"shards". A map of 2,000 × 2,000 × 4,096 in version 0.4 would be tens of thousands of files.

::

    map.zarr/
        zarr.json       attributes: "ome", and "napari_xrf_denoise" with the record as JSON text
        0/              (energy, y, x), or (repeat, energy, y, x) where there are several
            uncertainty/  of a denoised result, see `io.base.uncertainty`
            scalers/    0, 1 …: live_time, I0 … (y, x) or (repeat, y, x), named in the record

The specification allows two or three axes of type "space", which come last, one "time" before all
others, and one more. The energy is that one, with a type of its own, "energy", and not "channel":
programs such as napari-ome-zarr make a layer of each channel, which would be thousands. Repeats
are "time". A block has all columns of some rows and some hundred channels, so that neither a
spectrum nor the image at one energy needs the whole file. Scalers are a small store of their own
inside the folder of the array: napari would open a group beside the array instead of the array.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import FormatError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.core.uncertainties.uncertainty import Uncertainty
from napari_xrf_denoise.io.base.contents import FileContents, place
from napari_xrf_denoise.io.base.file_stack import Stamp, in_blocks
from napari_xrf_denoise.io.base.layout import Layout
from napari_xrf_denoise.io.base.memory import is_small
from napari_xrf_denoise.io.base.metadata import Record, decode_record, encode_record
from napari_xrf_denoise.io.base.uncertainty import NAME, from_arrays, to_arrays
from napari_xrf_denoise.io.options import ReadOptions

from ._zarr_store import import_zarr

SUFFIXES = (".zarr",)  # .ome.zarr too
_VERSION = "0.5"
_KEY = "napari_xrf_denoise"
_SCALERS = "0/scalers"
_UNCERTAINTY = f"0/{NAME}"
_AXES = ("repeat", "energy", "y", "x")
"""In the order that the specification wants."""
_BLOCK_VOXELS = 2**18
"""Voxels of a block: 0.5 MiB as uint16."""
_UNITS = {
    "pm": "picometer",
    "nm": "nanometer",
    "µm": "micrometer",
    "um": "micrometer",
    "mm": "millimeter",
    "cm": "centimeter",
    "m": "meter",
    "Å": "angstrom",
}
"""Names of units as the specification writes them."""


def is_own(path: Path) -> bool:
    """Whether a folder is one that `write` made and nothing else is in it: it may be replaced."""
    if recognise(path) is None:
        return False
    return {entry.name for entry in path.iterdir()} <= {"zarr.json", "0"}


def recognise(path: Path) -> str | None:
    """Return why this is an OME-Zarr folder that `write` made, or None; works without zarr."""
    if not (path / "zarr.json").is_file():
        return None
    if _KEY not in _attributes(path):
        return None
    return f"OME-Zarr {_VERSION} with the record of napari-xrf-denoise"


def read(path: Path, options: ReadOptions) -> FileContents:
    """Read a folder that `write` made."""
    attributes = _attributes(path)
    record = decode_record(_text(attributes.get(_KEY)), place(path, "zarr.json"))
    names, scale, offset, units = _axes(path, attributes)
    array = _open(path, "0")
    if array.ndim != len(names) or array.dtype.kind not in "iuf":
        raise FormatError(
            f"{place(path, '0')}: expected counts with the axes {names}, found {array.dtype} of "
            f"shape {array.shape}; copy the folder again"
        )
    _check_complete(path, array)
    sizes = dict(zip(names, array.shape, strict=True))
    counts = _read_counts(path, array, names.index("energy"))
    steps = dict(zip(names, scale, strict=True))
    energy = _energy(record, sizes["energy"], steps["energy"], offset[names.index("energy")])
    shape = (sizes.get("repeat", 1), sizes["y"], sizes["x"], sizes["energy"])
    scalers = _read_scalers(path, record)
    lost = [name for name in record.scaler_names if name not in scalers]
    warnings = []
    if lost:
        warnings.append(
            f"the scalers {', '.join(lost)} were lost when the folder was copied; read the "
            "original to have them"
        )
    return FileContents(
        counts=counts,
        energy_axis=names.index("energy"),
        repeat_axis=names.index("repeat") if "repeat" in names else None,
        energy=energy,
        repeat_kind=record.repeat_kind,
        spacing=[steps[name] for name in names],
        spacing_unit=_unit(record, units["x"]),
        name=record.name,
        metadata=record.metadata,
        scalers=scalers,
        repeat_energies=record.repeat_energies_for(shape),
        uncertainty=_read_uncertainty(path),
        warnings=warnings,
        dataset="0",
    )


def write(path: Path, image: SpectrumImage) -> None:
    """Write a spectrum image as OME-Zarr, band by band; `path` must not exist yet.

    It is complete only at the end, so it is made beside its place and then moved there, see
    `replacing_folder`.
    """
    zarr = import_zarr(path)
    record = encode_record(image)
    names = [name for name in _AXES if name != "repeat" or image.n_repeats > 1]
    path.mkdir()
    group = zarr.create_group(
        store=zarr.storage.LocalStore(path),
        zarr_format=3,
        attributes={"ome": _ome(image, names), _KEY: record},
    )
    counts = None
    for rows, band in image.blocks():
        moved = np.moveaxis(band, 3, 1)
        part = moved if "repeat" in names else moved[0]
        if counts is None:
            counts = _create(group, image, names, rows.stop - rows.start)
        counts[tuple(rows if name == "y" else slice(None) for name in names)] = part
    for number, values in enumerate(image.scalers.values()):
        zarr.create_array(
            store=zarr.storage.LocalStore(path / _SCALERS), name=str(number), data=np.array(values)
        )
    for name, values in to_arrays(image.uncertainty).items() if image.uncertainty else ():
        zarr.create_array(
            store=zarr.storage.LocalStore(path / _UNCERTAINTY), name=name, data=np.array(values)
        )


def _create(group: Any, image: SpectrumImage, names: list[str], n_rows: int) -> Any:
    """Make the array. A shard is what one band of rows fills, so that each is written once."""
    repeats, height, width, size = image.shape
    dtype = image.counts.dtype.newbyteorder("=")
    channels = min(size, max(1, _BLOCK_VOXELS // (n_rows * width)))
    lengths = {"repeat": repeats, "energy": size, "y": height, "x": width}
    block = {"repeat": 1, "energy": channels, "y": n_rows, "x": width}
    shard = {**block, "energy": -(-size // channels) * channels}
    return group.create_array(
        "0",
        shape=tuple(lengths[name] for name in names),
        dtype=dtype,
        chunks=tuple(block[name] for name in names),
        shards=tuple(shard[name] for name in names),
        # Results are not compressed, since their digits are random; see `nexus.write`.
        compressors="auto" if dtype.kind in "iu" else None,
        dimension_names=names,
        # Otherwise blocks of zeros would have no file, like lost ones.
        config={"write_empty_chunks": True},
    )


def _ome(image: SpectrumImage, names: list[str]) -> dict[str, Any]:
    """Return the metadata of the specification."""
    types = {"repeat": "time", "energy": "energy", "y": "space", "x": "space"}
    pixel_unit = _UNITS.get(image.pixel_unit)
    units = {"energy": "keV" if image.energy.calibrated else None, "y": pixel_unit, "x": pixel_unit}
    y, x = image.pixel_size
    scale = {"energy": image.energy.gain, "y": y, "x": x}
    axes = []
    for name in names:
        axis = {"name": name, "type": types[name]}
        unit = units.get(name)
        axes.append(axis if unit is None else {**axis, "unit": unit})
    transformations = [
        {"type": "scale", "scale": [scale.get(name, 1.0) for name in names]},
        {
            "type": "translation",
            "translation": [image.energy.offset if name == "energy" else 0.0 for name in names],
        },
    ]
    dataset = {"path": "0", "coordinateTransformations": transformations}
    multiscale = {"name": image.name, "axes": axes, "datasets": [dataset]}
    return {"version": _VERSION, "multiscales": [multiscale]}


def _axes(
    path: Path, attributes: dict[str, Any]
) -> tuple[list[str], list[float], list[float], dict[str, str | None]]:
    """Return the axes' names, steps, first positions and units, as the specification has them."""
    try:
        multiscale = attributes["ome"]["multiscales"][0]
        names = [str(axis["name"]) for axis in multiscale["axes"]]
        units = {str(axis["name"]): axis.get("unit") for axis in multiscale["axes"]}
        scale, offset = [1.0] * len(names), [0.0] * len(names)
        for step in multiscale["datasets"][0]["coordinateTransformations"]:
            if step["type"] == "scale":
                scale = [float(value) for value in step["scale"]]
            elif step["type"] == "translation":
                offset = [float(value) for value in step["translation"]]
        if names not in (list(_AXES), list(_AXES[1:])):
            raise ValueError(f"axes {names}")
        if not len(names) == len(scale) == len(offset):
            raise ValueError(f"{len(names)} axes, {len(scale)} scales, {len(offset)} translations")
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(
            f"{place(path, 'zarr.json')}: expected the axes energy, y, x of OME-Zarr, found them "
            f"incomplete ({error!r}); copy the folder again"
        ) from error
    return names, scale, offset, units


def _energy(record: Record, size: int, gain: float, offset: float) -> EnergyAxis | None:
    """Return the recorded axis, unless another program changed the calibration or the size."""
    known = record.energy
    if known.size == size and known.gain == gain and known.offset == offset:
        return known
    return EnergyAxis(offset, gain, size, calibrated=known.calibrated)


def _unit(record: Record, unit: str | None) -> str:
    """Return the recorded unit of the pixels, unless another program changed it."""
    if unit is None or unit == _UNITS.get(record.pixel_unit):
        return record.pixel_unit
    return next((short for short, name in _UNITS.items() if name == unit), str(unit))


def _read_counts(path: Path, array: Any, energy_axis: int) -> Any:
    source = _CountsInFolder(path, array)
    if is_small(source.nbytes):
        return source[...]
    return in_blocks(source, {*range(array.ndim)} - {energy_axis}, array.shards or array.chunks)


class _CountsInFolder:
    """An array that is read block by block, with our words for a damaged block."""

    def __init__(self, path: Path, array: Any) -> None:
        self._path = path
        self._array = array
        self._stamp = Stamp.of(path)
        self.shape: tuple[int, ...] = array.shape
        self.ndim: int = array.ndim
        self.dtype: np.dtype[Any] = array.dtype.newbyteorder("=")
        self.nbytes = int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize

    def __getitem__(self, key: Any) -> NDArray[Any]:
        self._stamp.check(place(self._path, "0"))
        try:
            return np.asarray(self._array[key], dtype=self.dtype)
        except MemoryError:
            raise
        except Exception as error:
            # Damaged blocks make the codecs raise nearly anything.
            raise FormatError(
                f"{place(self._path, '0')}: the counts cannot be read ({error}); the folder is "
                "damaged, copy it again"
            ) from error


def _check_complete(path: Path, array: Any) -> None:
    """Refuse a folder where files of blocks are missing, which zarr would read as zeros."""
    expected = int(
        np.prod(
            [-(-n // s) for n, s in zip(array.shape, array.shards or array.chunks, strict=True)],
            dtype=object,
        )
    )
    found = sum(file.is_file() for file in (path / "0" / "c").rglob("*"))
    if found < expected:
        raise FormatError(
            f"{place(path, '0')}: expected {expected} files of blocks for shape {array.shape}, "
            f"found {found}; the folder was copied only partly: copy it again"
        )


def _read_scalers(path: Path, record: Record) -> dict[str, NDArray[np.float64]]:
    """Return the scalers that are there: programs that copy zarr arrays do not know of them."""
    folder = path / _SCALERS
    scalers = {}
    for number, name in enumerate(record.scaler_names):
        if (folder / str(number)).is_dir():
            values = _CountsInFolder(folder, _open(folder, str(number)))
            scalers[name] = values[...].astype(np.float64)
    return scalers


def _read_uncertainty(path: Path) -> Uncertainty | None:
    """Return the uncertainty if it is there, as scalers are."""
    folder = path / _UNCERTAINTY
    if not folder.is_dir():
        return None
    names = [entry.name for entry in folder.iterdir() if entry.is_dir()]
    arrays = {name: _CountsInFolder(folder, _open(folder, name))[...] for name in names}
    return from_arrays(arrays, place(path, _UNCERTAINTY))


def _open(path: Path, name: str) -> Any:
    zarr = import_zarr(path)
    try:
        return zarr.open_array(store=zarr.storage.LocalStore(path, read_only=True), path=name)
    except MemoryError:
        raise
    except Exception as error:
        raise FormatError(
            f"{place(path, name)}: expected a zarr array, but it does not open ({error}); the "
            "folder is damaged, copy it again"
        ) from error


def _attributes(path: Path) -> dict[str, Any]:
    """Return the attributes of the folder's group."""
    file = path / "zarr.json"
    try:
        content = json.loads(file.read_bytes())
        attributes = content["attributes"]
        if not isinstance(attributes, dict):
            raise TypeError(f"attributes are {attributes!r:.40}")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise FormatError(
            f"{file}: expected the metadata of a zarr group as JSON, found text that is missing "
            f"or damaged ({error}); copy the folder again"
        ) from error
    return attributes


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


LAYOUT = Layout(
    name="ome-zarr",
    description="OME-Zarr folder of napari-xrf-denoise: everything, block by block",
    recognise=recognise,
    read=read,
    write=write,
    suffixes=SUFFIXES,
    folder=is_own,
    check_packages=import_zarr,
)
