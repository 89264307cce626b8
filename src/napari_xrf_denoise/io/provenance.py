"""Which files this program wrote: others are never replaced without asking."""

from __future__ import annotations

from pathlib import Path

from .base.metadata import CREATOR
from .base.signatures import first_bytes, has_hdf5_signature
from .hdf5 import hyperspy as hyperspy_file
from .hdf5.file import open_hdf5
from .hdf5.links import text
from .images import ome_zarr

_BEGINNING = 2**16


def is_own(path: Path) -> bool:
    """Whether an existing file or folder was written by this program, by its content."""
    try:
        if path.is_dir():
            return ome_zarr.is_own(path)
        if has_hdf5_signature(path):
            if hyperspy_file.recognise(path):
                return True
            with open_hdf5(path) as file:
                return text(file.attrs.get("creator")) == CREATOR
        beginning = first_bytes(path, _BEGINNING)
        # The software tag of a TIFF; the first cell of a table.
        return CREATOR.encode() in beginning or beginning.startswith((b"energy_keV,", b"channel,"))
    except Exception:
        return False
