"""Which files this program wrote: only such are replaced when nobody was asked about the rest."""

from __future__ import annotations

from pathlib import Path

from .base.signatures import first_bytes, has_hdf5_signature
from .hdf5 import hyperspy as hyperspy_file
from .hdf5.file import open_hdf5
from .images import ome_zarr

CREATOR = "napari-xrf-denoise"
_BEGINNING = 2**16


def is_own(path: Path) -> bool:
    """Whether a file or folder was written by this program, by what stands in it.

    Parameters
    ----------
    path : pathlib.Path
        Something that is there. What cannot be read is not ours.
    """
    try:
        if path.is_dir():
            return ome_zarr.is_own(path)
        if has_hdf5_signature(path):
            if hyperspy_file.recognise(path):
                return True
            with open_hdf5(path) as file:
                creator = file.attrs.get("creator", "")
                return str(getattr(creator, "decode", lambda: creator)()) == CREATOR
        beginning = first_bytes(path, _BEGINNING)
        # The software tag of a TIFF; the first cell of a table.
        return CREATOR.encode() in beginning or beginning.startswith((b"energy_keV,", b"channel,"))
    except Exception:
        return False
