"""The record of file and settings in a result, by which a batch recognises it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_xrf_denoise.core.errors import FormatError
from napari_xrf_denoise.denoising import Model

if TYPE_CHECKING:
    from napari_xrf_denoise.core.spectrum_image import SpectrumImage

    from .sources import Sources

RECORD = "batch"
"""Entry of ``metadata["denoising"]`` with the file and settings of a result."""
DEFAULTS = {"method": "auto", "preset": "balanced", "pairs": "auto", "seed": 0}
"""Defaults of `denoise`, so that a job is the same with and without them."""


def asked_for(how: Mapping[str, Any] | Model) -> dict[str, Any]:
    """Return what distinguishes two jobs, without the device, as plain values."""
    if not isinstance(how, Model):
        named = {name: value for name, value in how.items() if name != "device"}
        plain: dict[str, Any] = json.loads(json.dumps({**DEFAULTS, **named}, default=str))
        return {"settings": plain}
    digest = hashlib.sha256(json.dumps(how.settings.as_dict(), sort_keys=True).encode())
    digest.update(json.dumps(how.energy.as_dict(), sort_keys=True).encode())
    for member in how.members:
        for name in sorted(member):
            digest.update(name.encode())
            digest.update(member[name].tobytes())
    return {"model": digest.hexdigest()[:16]}


def source_record(source: Path) -> dict[str, Any]:
    """Return what identifies the file of a result: name, size and time, as build tools do.

    Not the folder, since results and files may be moved together; no checksum, which takes as
    long as reading the file.
    """
    try:
        size, modified = measure(source)
    except OSError as error:
        raise FormatError(
            f"{source}: cannot be read ({error.strerror or error}); check that it is still there"
        ) from error
    return {"file": source.name, "bytes": size, "modified": modified}


def measure(source: Path) -> tuple[int, int]:
    """Return size (bytes) and modification time (ns) of a file, or of all files in a folder."""
    own = source.stat()
    if not source.is_dir():
        return own.st_size, own.st_mtime_ns
    inside = [path.stat() for path in source.rglob("*") if path.is_file()]
    return sum(entry.st_size for entry in inside), max(
        (entry.st_mtime_ns for entry in inside), default=own.st_mtime_ns
    )


def difference_to(
    image: SpectrumImage | None, record: Mapping[str, Any], source: Path, sources: Sources
) -> str:
    """Return in words why an existing file (None if unreadable) is not the result of `record`."""
    past = None if image is None else (image.metadata.get("denoising") or {}).get(RECORD)
    if not isinstance(past, Mapping):
        return "is not a result of a batch"
    if any(past.get(key) != record[key] for key in ("file", "bytes", "modified")):
        return "was made from another file, or before this one was changed"
    if any(past.get(key) != record.get(key) for key in ("settings", "model")):
        return "was made with other settings or another model"
    if past.get("version") != record["version"]:
        return f"was made by version {past.get('version')} of this program"
    # Last, since it may have to read the file.
    if not sources.is_unchanged(source, past.get("input") or {}):
        return "was made from another part of the file, or with other read options"
    return ""
