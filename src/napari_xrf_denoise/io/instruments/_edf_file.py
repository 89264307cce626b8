"""One EDF file: its header, checked against its size, and its counts.

Facts: the header as fabio's ``edfimage`` module reads it. Written here, since fabio fills up a file
that was cut off with zeros, which would pass as counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.errors import FormatError
from napari_xrf_denoise.io.base.memory import is_small
from napari_xrf_denoise.io.base.signatures import first_bytes

_LARGEST_HEADER = 2**20
_TYPES = {
    "signedbyte": "i1",
    "unsignedbyte": "u1",
    "signedshort": "i2",
    "unsignedshort": "u2",
    "signedinteger": "i4",
    "unsignedinteger": "u4",
    "signedlong": "i4",
    "unsignedlong": "u4",
    "signed64": "i8",
    "unsigned64": "u8",
    "floatvalue": "f4",
    "float": "f4",
    "doublevalue": "f8",
    "double": "f8",
}
_BYTE_ORDERS = {"lowbytefirst": "<", "highbytefirst": ">"}


@dataclass(frozen=True)
class Edf:
    """What the header of an EDF file says."""

    shape: tuple[int, int]
    """(points, channels) of the one image."""
    dtype: np.dtype[Any]
    start: int
    """Where the counts begin, in bytes."""
    header: Mapping[str, str]
    """Keys as they are written."""

    def get(self, key: str) -> str | None:
        """Return a value by its key in any case."""
        return next((v for k, v in self.header.items() if k.lower() == key.lower()), None)


def is_edf(path: Path) -> bool:
    """Whether a file begins as an EDF file does."""
    start = first_bytes(path, 2048)
    return start[:1] == b"{" and b"datatype" in start.lower()


def parse(path: Path) -> Edf:
    """Return the header of a complete, uncompressed image, checked against the file size."""
    with path.open("rb") as file:
        text = file.read(4096)
        while (end := _end_of_header(text)) is None and len(text) < _LARGEST_HEADER:
            more = file.read(65536)
            if not more:
                break
            text += more
    if text[:1] != b"{" or end is None:
        raise FormatError(
            f"{path}: expected the header of an EDF file between braces, found no end of it; the "
            "file is damaged, copy it again"
        )
    header = _entries(text[1 : text.rindex(b"}", 0, end)].decode("latin-1"))
    edf = _described(path, header, end)
    _check_size(path, edf)
    return edf


def load(path: Path) -> NDArray[Any]:
    """Return the counts (points, channels) of one file, memory-mapped where they are large."""
    edf = parse(path)
    counts = np.memmap(path, dtype=edf.dtype, mode="r", offset=edf.start, shape=edf.shape)
    return np.array(counts) if is_small(counts.nbytes) else counts


def _end_of_header(text: bytes) -> int | None:
    """Return the place of the first byte of counts: behind a brace that ends a line."""
    ends = [text.find(mark) + len(mark) for mark in (b"}\n", b"}\r\n") if mark in text]
    return min(ends) if ends else None


def _entries(text: str) -> dict[str, str]:
    entries = {}
    for part in text.split(";"):
        key, equals, value = part.partition("=")
        if equals and key.strip():
            entries[key.strip()] = value.strip()
    return entries


def _described(path: Path, header: Mapping[str, str], start: int) -> Edf:
    lower = {key.lower(): value for key, value in header.items()}
    compression = lower.get("compression", "none").lower()
    if compression not in ("none", "nocompression", ""):
        raise FormatError(
            f"{path}: is compressed ({compression}), which is not read; save it without compression"
        )
    kind = _TYPES.get(lower.get("datatype", "").lower())
    order = _BYTE_ORDERS.get(lower.get("byteorder", "lowbytefirst").lower())
    if kind is None or order is None:
        raise FormatError(
            f"{path}: expected DataType and ByteOrder that are known, found DataType "
            f"{lower.get('datatype')!r} and ByteOrder {lower.get('byteorder')!r}; save the file as "
            "UnsignedInteger, LowByteFirst"
        )
    try:
        channels, points = int(lower["dim_1"]), int(lower.get("dim_2", "1"))
    except (KeyError, ValueError):
        channels = points = 0
    if channels < 1 or points < 1 or "dim_3" in lower:
        sizes = {key: lower.get(key) for key in ("dim_1", "dim_2", "dim_3")}
        raise FormatError(
            f"{path}: expected two axes, Dim_1 channels and Dim_2 points, found {sizes}; copy the "
            "file again"
        )
    return Edf((points, channels), np.dtype(order + kind), start, header)


def _check_size(path: Path, edf: Edf) -> None:
    expected = edf.start + edf.shape[0] * edf.shape[1] * edf.dtype.itemsize
    size = path.stat().st_size
    if size < expected:
        raise FormatError(
            f"{path}: expected {expected} bytes for counts of shape {edf.shape} and type "
            f"{edf.dtype.name}, found {size}; the file is cut off or still being written: copy it "
            "again when the measurement is over"
        )
    with path.open("rb") as file:
        file.seek(expected)
        if file.read(4096).lstrip()[:1] == b"{":
            raise FormatError(
                f"{path}: expected one image per file, found further ones after the first; save "
                "each as a separate file"
            )
