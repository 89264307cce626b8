"""Ripple: raw counts in a ``.raw`` file, and a ``.rpl`` text file that says how they lie there.

Facts: Lispix (D. Bright, NIST), which defined the nine keys, as tabulated in NeXLSpectrum.jl
(``src/rplraw.jl``): width, height, depth, offset, data-length, data-type, byte-order, record-by.
The keys of the calibration are those that HyperSpy and the vendors added: depth-scale,
depth-origin, depth-units, ev-per-chan, width-scale, height-scale, width-units, height-units,
live-time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import FormatError
from napari_xrf_denoise.io.base.contents import FileContents
from napari_xrf_denoise.io.base.layout import Layout
from napari_xrf_denoise.io.base.mca_calibration import KEV, linear_axis
from napari_xrf_denoise.io.base.memory import is_small
from napari_xrf_denoise.io.base.signatures import looks_like_text
from napari_xrf_denoise.io.options import ReadOptions

# The lines of Oxford's INCA look like "(MLX::WIDTH :512)" instead of "width<tab>512".
_LINE = re.compile(r"\(?(?:MLX::)?([A-Za-z][\w-]*)[\s:,=]+(.*?)\)?")
_LARGEST_HEADER = 2**16
_TYPES = {
    ("signed", 1): "i1",
    ("signed", 2): "i2",
    ("signed", 4): "i4",
    ("signed", 8): "i8",
    ("unsigned", 1): "u1",
    ("unsigned", 2): "u2",
    ("unsigned", 4): "u4",
    ("unsigned", 8): "u8",
    ("float", 2): "f2",
    ("float", 4): "f4",
    ("float", 8): "f8",
}
_BYTE_ORDERS = {"little-endian": "<", "big-endian": ">", "dont-care": "<"}


def opens(path: Path) -> bool:
    """Whether this is one of the two files of a Ripple pair, by the header's content."""
    suffix = path.suffix.lower()
    if suffix not in (".rpl", ".raw"):
        return False
    header = _partner(path, ".rpl")
    return header is not None and looks_like_text(header) and "width" in _entries(header)


def recognise(path: Path) -> str | None:
    """Return why this is a Ripple spectrum image, or None if it may be an image."""
    if not opens(path):
        return None
    header = _partner(path, ".rpl")
    assert header is not None
    entries = _entries(header)
    if _whole(header, entries, "depth") < 2 or entries.get("record-by") not in ("vector", "image"):
        return None
    return f"Ripple header {header.name} with width, height, depth and record-by"


def read(path: Path, options: ReadOptions) -> FileContents:
    """Read the pair that a ``.rpl`` or ``.raw`` file belongs to, memory-mapped if it is large.

    Counts are (y, x, energy) or, recorded by image, (energy, y, x).
    """
    header, raw = _pair(path)
    entries = _entries(header)
    counts, warnings = _counts(header, raw, entries)
    energy_axis = 0 if entries["record-by"] == "image" else 2
    energy, more = _energy(entries, counts.shape[energy_axis])
    spacing, unit = _spacing(entries)
    spacing.insert(energy_axis, None)
    metadata: dict[str, Any] = {"ripple": dict(entries)}
    live_time = _number(entries, "live-time")
    if live_time is not None:
        metadata["live_time"] = live_time
    return FileContents(
        counts=counts,
        energy_axis=energy_axis,
        energy=energy,
        spacing=spacing,
        spacing_unit=unit,
        metadata=metadata,
        warnings=warnings + more,
    )


def _partner(path: Path, suffix: str) -> Path | None:
    """Return the file of the pair with a suffix, in small or capital letters, if it exists."""
    if path.suffix.lower() == suffix:
        return path
    names = (path.with_suffix(suffix), path.with_suffix(suffix.upper()))
    return next((name for name in names if name.is_file()), None)


def _pair(path: Path) -> tuple[Path, Path]:
    header, raw = _partner(path, ".rpl"), _partner(path, ".raw")
    if header is None or raw is None:
        missing = path.with_suffix(".rpl" if header is None else ".raw")
        raise FormatError(
            f"{path}: expected the two files of a Ripple pair, found no {missing.name} beside it; "
            "copy it into the same folder"
        )
    return header, raw


def _entries(header: Path) -> dict[str, str]:
    """Return keys and values in small letters; anything behind a semicolon is a comment."""
    with header.open("rb") as file:
        text = file.read(_LARGEST_HEADER).decode("utf-8-sig", "replace")
    entries = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line.partition(";")[0].strip())
        if match is not None:
            entries[match[1].lower()] = match[2].strip()
    for key in ("data-type", "byte-order", "record-by"):
        if key in entries:
            entries[key] = entries[key].lower().replace("'", "")
    return entries


def _whole(header: Path, entries: Mapping[str, str], key: str, at_least: int = 1) -> int:
    try:
        value = int(entries.get(key, ""))
    except ValueError:
        value = at_least - 1
    if value < at_least:
        raise FormatError(
            f"{header}: expected {key} as a whole number from {at_least} on, found "
            f"{entries.get(key)!r}; correct the header in a text editor"
        )
    return value


def _counts(header: Path, raw: Path, entries: dict[str, str]) -> tuple[Any, list[str]]:
    """Map the counts, after the claimed size was compared with that of the file."""
    width, height, depth = (_whole(header, entries, key) for key in ("width", "height", "depth"))
    offset = _whole(header, entries, "offset", 0) if "offset" in entries else 0
    n_bytes = _whole(header, entries, "data-length")
    kind = _TYPES.get((entries.get("data-type", ""), n_bytes))
    order = _BYTE_ORDERS.get(entries.get("byte-order", "dont-care"))
    if kind is None or order is None:
        raise FormatError(
            f"{header}: expected data-type signed, unsigned or float of data-length 1, 2, 4 or 8 "
            "and byte-order little-endian or big-endian, found "
            f"{entries.get('data-type')!r}, {n_bytes} and {entries.get('byte-order')!r}; correct "
            "the header in a text editor"
        )
    if entries.get("record-by") not in ("vector", "image"):
        if depth > 1 and width * height > 1:
            raise FormatError(
                f"{header}: expected record-by vector (spectrum after spectrum) or image (an "
                f"image of each channel), found {entries.get('record-by')!r}; write one of them "
                "into the header in a text editor"
            )
        entries["record-by"] = "vector"
    by_image = entries["record-by"] == "image"
    shape = (depth, height, width) if by_image else (height, width, depth)
    expected = offset + width * height * depth * n_bytes
    found = raw.stat().st_size
    if found < expected:
        raise FormatError(
            f"{raw}: expected {expected} bytes for width {width}, height {height} and depth "
            f"{depth} of {n_bytes} bytes as {header.name} says, found {found}; the file is cut "
            "off, copy it again"
        )
    warnings = []
    if found > expected:
        warnings.append(
            f"{raw.name} holds {found - expected} bytes more than {header.name} describes; check "
            "width, height, depth and offset there"
        )
    if n_bytes > 1 and entries.get("byte-order", "dont-care") == "dont-care":
        warnings.append(
            f"{header.name} does not say the byte order of values of {n_bytes} bytes, so "
            "little-endian was assumed; write byte-order big-endian there if counts look absurd"
        )
    counts: Any = np.memmap(raw, dtype=np.dtype(order + kind), mode="r", offset=offset, shape=shape)
    return (np.array(counts) if is_small(counts.nbytes) else counts), warnings


def _number(entries: Mapping[str, str], key: str) -> float | None:
    try:
        value = float(entries.get(key, ""))
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _energy(entries: Mapping[str, str], size: int) -> tuple[EnergyAxis | None, list[str]]:
    """Return the calibration: depth-scale in a unit of energy, else ev-per-chan."""
    kev = KEV.get(entries.get("depth-units", "").lower())
    origin, scale = _number(entries, "depth-origin") or 0.0, _number(entries, "depth-scale")
    ev_per_channel = _number(entries, "ev-per-chan")
    if scale is not None and kev is not None:
        offset, gain = origin * kev, scale * kev
    elif ev_per_channel is not None:
        # An origin in channels or in an unknown unit is no energy.
        unit = kev if "depth-units" in entries else 1e-3
        offset, gain = origin * (unit or 0.0), ev_per_channel / 1000
    else:
        return None, []
    return linear_axis(offset, gain, size)


def _spacing(entries: Mapping[str, str]) -> tuple[list[float | None], str]:
    """Return the distances in y and x where both have one unit of length."""
    units = [
        entries.get(f"{axis}-units", "").replace("\u03bc", "µ") for axis in ("height", "width")
    ]
    if units[0] != units[1] or units[0].lower() in ("", "<undefined>"):
        return [None, None], "pixel"
    return [_number(entries, f"{axis}-scale") for axis in ("height", "width")], units[0]


LAYOUT = Layout(
    name="ripple",
    description="Ripple .rpl with .raw",
    recognise=recognise,
    read=read,
    opens=opens,
)
