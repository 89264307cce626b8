"""The kind of a file by its first bytes, and what is wrong with one that holds no data."""

from __future__ import annotations

import stat
from itertools import islice
from pathlib import Path

from napari_xrf_denoise.core.errors import FormatError

HDF5 = b"\x89HDF\r\n\x1a\n"
NPY = b"\x93NUMPY"
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MOST_LISTED = 1_000
SFS = b"AAMVHFSS"  # the container of Bruker's .bcf

_OTHERS = (
    (HDF5, "an HDF5 file"),
    (NPY, "a NumPy array"),
    (SFS, "a Bruker container"),
    *((magic, "a TIFF image") for magic in TIFF),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x89PNG", "a PNG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive (also .npz, .docx, .xlsx)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<?xml", "an XML document"),
    (b"{", "perhaps a JSON document"),
    (b"\xff\xfe", "text in UTF-16, which must be saved as UTF-8"),
)

_BY_NAME = {
    **dict.fromkeys((".h5", ".hdf5", ".nxs", ".hspy", ".emd"), "HDF5"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    ".npy": "a NumPy array",
    ".bcf": "a Bruker map",
    ".zarr": "a Zarr store",
}


def check_file(path: Path) -> None:
    """Refuse what is neither a folder nor a readable file with content."""
    try:
        status = path.stat()
    except OSError as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise FormatError(f"{path}: cannot be read, {reason}; check the path") from error
    if stat.S_ISDIR(status.st_mode):
        return  # a Zarr store, or one image per channel
    if not stat.S_ISREG(status.st_mode):
        raise FormatError(f"{path}: expected a file, found a device or a pipe")
    if status.st_size == 0:
        raise FormatError(
            f"{path}: the file is empty (0 bytes); copy it again, or check the disk it came from"
        )
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise FormatError(
            f"{path}: cannot be read, {error.strerror}; check the permissions"
        ) from error


def first_bytes(path: Path, size: int = 16) -> bytes:
    """Return the first bytes of a file; of a folder there are none."""
    if path.is_dir():
        return b""
    with path.open("rb") as file:
        return file.read(size)


def has_hdf5_signature(path: Path) -> bool:
    """Whether this is an HDF5 file, without importing h5py.

    The signature may follow a user block of 512 bytes, doubled any number of times (HDF5 file
    format specification, section II.A); the first few are tried.
    """
    if path.is_dir():
        return False
    with path.open("rb") as file:
        for offset in (0, 512, 1024, 2048):
            file.seek(offset)
            if file.read(len(HDF5)) == HDF5:
                return True
    return False


def kind_of_content(path: Path) -> str:
    """Return what a file is by its first bytes, in words."""
    if path.is_dir():
        return _kind_of_folder(path)
    start = first_bytes(path, 512)
    words = _known(start)
    if words is not None:
        return words
    return "text" if _is_text(start) else f"bytes that begin with {start[:8].hex(' ')}"


def kind_by_name(path: Path) -> str | None:
    """Return what a file is by its suffix, in words, None if that says little."""
    return _BY_NAME.get(path.suffix.lower())


def _kind_of_folder(path: Path) -> str:
    names = sorted(entry.name for entry in islice(path.iterdir(), _MOST_LISTED))
    if not names:
        return "a folder that is empty"
    few = f"{', '.join(names[:3])}{' …' if len(names) > 3 else ''}"
    return f"a folder with {few}, neither a Zarr store nor TIFF images, one per channel"


def looks_like_text(path: Path) -> bool:
    """Whether a file begins as plain text, and not as a web page or a document."""
    start = first_bytes(path, 512)
    return bool(start) and _known(start) is None and _is_text(start)


def _known(start: bytes) -> str | None:
    head = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for magic, words in _OTHERS:
        if start.startswith(magic) or head.startswith(magic):
            return words
    return None


def _is_text(start: bytes) -> bool:
    return all(byte >= 32 or byte in b"\t\r\n\f" for byte in start)
