"""Which vendor's file this is, and whether it is complete, without RosettaSciIO."""

from __future__ import annotations

import bz2
import struct
from pathlib import Path
from typing import Any

import numpy as np

from napari_xrf_denoise.core.errors import FormatError
from napari_xrf_denoise.io.base.signatures import SFS, first_bytes, has_hdf5_signature
from napari_xrf_denoise.io.hdf5.file import open_hdf5
from napari_xrf_denoise.io.hdf5.links import text

_BZIP2, _BZIP2_BLOCK = b"BZh", b"1AY&SY"
# Suffix -> RosettaSciIO's module, and the first bytes of such a file (None: HDF5).
_PLUGINS: dict[str, tuple[str, tuple[bytes, ...] | None]] = {
    ".bcf": ("bruker", (SFS,)),
    ".hspy": ("hspy", None),
    ".emd": ("emd", None),
    ".pts": ("jeol", (struct.pack("<I", 304),)),
    ".spd": ("edax", (b"MAPSPECTRA_DATA",)),
    ".elid": ("phenom", (b"\x1f\x8b", _BZIP2)),
    ".dm3": ("digitalmicrograph", (struct.pack(">I", 3),)),
    ".dm4": ("digitalmicrograph", (struct.pack(">I", 4),)),
}
_PICTURES_MOSTLY = {".dm3", ".dm4"}


def opens(path: Path) -> bool:
    """Whether suffix and first bytes are those of a vendor's file."""
    entry = _PLUGINS.get(path.suffix.lower())
    if entry is None:
        return False
    _, magics = entry
    if magics is None:
        return has_hdf5_signature(path)
    return first_bytes(path).startswith(magics)


def plugin_for(path: Path) -> str:
    """Return the name of RosettaSciIO's module for a file."""
    return _PLUGINS[path.suffix.lower()][0]


def recognise(path: Path) -> str | None:
    """Return why this file holds spectra, or None if it may hold images."""
    if not opens(path):
        return None
    suffix = path.suffix.lower()
    if suffix == ".hspy":
        return _hyperspy_energy(path)
    if suffix == ".emd":
        return _velox_stream(path)
    if suffix in _PICTURES_MOSTLY:
        return None
    return f"the suffix {suffix} and the first bytes of a {plugin_for(path)} file"


def check_complete(path: Path, plugin: str) -> None:
    """Refuse a truncated file where RosettaSciIO would not notice."""
    if plugin == "bruker":
        _check_blocks(path)
    elif plugin == "phenom" and first_bytes(path)[4:10] == _BZIP2_BLOCK:
        _check_compressed(path)


def _check_blocks(path: Path) -> None:
    """Check the length of a Bruker file: the compiled parser would crash on one cut off.

    The container counts its blocks (SFS, described in RosettaSciIO's ``bruker`` module): the size
    of a block at 0x128, their number at 0x148, the first after a header of 0x118 bytes.
    """
    head = first_bytes(path, 0x14C)
    if len(head) < 0x14C:
        expected = 0x14C
    else:
        (block,) = struct.unpack_from("<I", head, 0x128)
        (n_blocks,) = struct.unpack_from("<I", head, 0x148)
        expected = 0x118 + block * n_blocks
    size = path.stat().st_size
    if size < expected:
        raise FormatError(
            f"{path}: expected a .bcf file of {expected} bytes, as its header says, found {size} "
            "bytes; it was cut off, copy it again"
        )


def _check_compressed(path: Path) -> None:
    """Check that a Phenom file has its end: the reader would wait for it forever."""
    unpack = bz2.BZ2Decompressor()
    with path.open("rb") as file:
        while not unpack.eof:
            packed = file.read(2**20) if unpack.needs_input else b""
            if unpack.needs_input and not packed:
                raise FormatError(
                    f"{path}: expected a compressed .elid file with an end, found none after "
                    f"{path.stat().st_size} bytes; it was cut off, copy it again"
                )
            try:
                unpack.decompress(packed, 2**24)
            except OSError as error:
                raise FormatError(
                    f"{path}: cannot be unpacked ({error}); it is damaged, copy it again"
                ) from error


def largest_dataset(path: Path) -> tuple[int, bool]:
    """Return the size of the largest dataset in an HDF5 file, unpacked, and whether it has chunks.

    RosettaSciIO reads only datasets with chunks lazily.
    """
    import h5py

    largest, chunked = 0, False

    def visit(_: str, item: Any) -> None:
        nonlocal largest, chunked
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            n_bytes = int(np.prod(item.shape, dtype=object)) * item.dtype.itemsize
            if n_bytes > largest:
                largest, chunked = n_bytes, item.chunks is not None

    with open_hdf5(path) as file:
        file.visititems(visit)
    return largest, chunked


def _hyperspy_energy(path: Path) -> str | None:
    """Return a reason if a HyperSpy signal has an axis in keV or eV and is no EELS."""
    import h5py

    with open_hdf5(path) as file:
        experiments = file.get("Experiments")
        if not isinstance(experiments, h5py.Group):
            return None
        for title, signal in experiments.items():
            for name, axis in signal.items():
                unit = text(axis.attrs.get("units")) if name.startswith("axis-") else ""
                kind = signal.get("metadata/Signal")
                signal_type = "" if kind is None else text(kind.attrs.get("signal_type"))
                if unit.lower() in ("kev", "ev") and "EELS" not in signal_type:
                    return f"HyperSpy signal {title!r} with an axis in {unit}"
    return None


def _velox_stream(path: Path) -> str | None:
    with open_hdf5(path) as file:
        streams = file.get("Data/SpectrumStream")
        return "Velox file with /Data/SpectrumStream" if streams else None
