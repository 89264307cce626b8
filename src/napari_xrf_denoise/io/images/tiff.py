"""TIFF: our own OME-TIFF, axes that OME or ImageJ metadata name, and plain stacks."""

from __future__ import annotations

import logging
import struct
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.errors import DataError, FormatError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.io.base.contents import FileContents
from napari_xrf_denoise.io.base.layout import Layout
from napari_xrf_denoise.io.base.memory import check_memory, is_small
from napari_xrf_denoise.io.base.metadata import CREATOR, decode_record, encode_record
from napari_xrf_denoise.io.base.signatures import TIFF, first_bytes
from napari_xrf_denoise.io.base.uncertainty import from_bytes, to_bytes
from napari_xrf_denoise.io.options import ReadOptions

from ._ome_xml import ome_xml, pixel_size_in, provenance_in

SUFFIXES = (".tif", ".tiff")  # .ome.tif too
_FEWEST_CHANNELS = 16
"""Fewer colours or samples than this are an image, not a spectrum."""
_STORED_AS = {"float16": "float32", "int64": "uint32", "uint64": "uint32"}
"""OME has no type for the one on the left."""
_UNCERTAINTY = 65123
"""Private tag of the first plane, which holds the uncertainty of a denoised result."""
_BYTES_A_PLANE = 300  # of directory; a classic TIFF ends at 4 GiB
_CLASSIC_BYTES = 2**32 - 2**25


def opens(path: Path) -> bool:
    """Whether this is a TIFF file."""
    return first_bytes(path, 4) in TIFF


def recognise(path: Path) -> str | None:
    """Return why this is one of our OME-TIFF files, or None; other TIFFs are images."""
    import tifffile

    if not opens(path):
        return None
    with _complaints(), tifffile.TiffFile(path) as tif:
        description = tif.pages.first.description
    if provenance_in(description) is None:
        return None
    return "OME-TIFF with the spectrum annotation of napari-xrf-denoise"


def read(path: Path, options: ReadOptions) -> FileContents:
    """Read the first image of a TIFF, memory-mapped if it is large and not compressed."""
    with _open(path) as tif:
        description = tif.pages.first.description
        own = provenance_in(description)
        if own is not None:
            return _read_own(tif, path, own)
        series = tif.series[0]
        axes = series.axes
        spacing, unit = _spacing(tif, description)
        n_series = len(tif.series)
        counts = _counts(tif, series, path)
    warnings: tuple[str, ...] = ()
    if n_series > 1:
        warnings = (
            f"the file holds {n_series} images and the first one was read; save the others as "
            "separate files",
        )
    return FileContents(
        counts=counts,
        energy_axis=_energy_axis(axes, counts.shape),
        spacing=[spacing.get(axis) for axis in axes],
        spacing_unit=unit,
        metadata={"tiff_axes": axes},
        warnings=warnings,
    )


def write(path: Path, image: SpectrumImage) -> None:
    """Write an OME-TIFF, a plane for each channel of each repeat, reading each block once.

    Not compressed, so that it can be memory-mapped. The planes are filled by plain writes: a full
    disk is then an error, and not the crash that it would be in a mapped file.
    """
    import tifffile

    source = image.counts.dtype.newbyteorder("=")
    dtype = np.dtype(_STORED_AS.get(source.name, source.name)).newbyteorder("<")
    repeats, height, width, size = image.shape
    planes = repeats * size
    n_bytes = planes * (height * width * dtype.itemsize + _BYTES_A_PLANE)
    own = None if image.uncertainty is None else to_bytes(image.uncertainty)
    n_bytes += 0 if own is None else len(own)
    with tifffile.TiffWriter(
        path, bigtiff=n_bytes > _CLASSIC_BYTES, byteorder="<", ome=False
    ) as writer:
        offset, _ = writer.write(
            shape=(planes, height, width),
            dtype=dtype,
            description=ome_xml(image, dtype.name, _provenance(image)),
            metadata=None,
            photometric="minisblack",
            software=CREATOR,
            returnoffset=True,
            extratags=[] if own is None else [(_UNCERTAINTY, 7, len(own), own, True)],
        )
    with path.open("r+b") as file:
        for rows, band in image.blocks():
            stored = _storable(band, dtype)
            for plane, block in enumerate(np.moveaxis(stored, 3, 1).reshape(planes, -1, width)):
                file.seek(offset + (plane * height + rows.start) * width * dtype.itemsize)
                file.write(np.ascontiguousarray(block).data)


def _storable(band: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    if band.dtype.kind in "iu" and band.max() > np.iinfo(dtype).max:
        raise DataError(
            f"a TIFF holds whole counts up to {np.iinfo(dtype).max}, found {band.max()}; write "
            "the file as .h5"
        )
    return band.astype(dtype)


def _provenance(image: SpectrumImage) -> str:
    scalers = {name: _packed(values) for name, values in image.scalers.items()}
    return encode_record(image, shape=image.shape, scalers=scalers)


def _packed(values: NDArray[np.float64]) -> str:
    """Return the values of a scaler as text: in decimals those of a large map would be huge."""
    return b64encode(zlib.compress(values.astype("<f8").tobytes())).decode("ascii")


def _unpacked(text: str) -> NDArray[np.float64]:
    return np.frombuffer(zlib.decompress(b64decode(text)), dtype="<f8")


def _read_own(tif: Any, path: Path, provenance: str) -> FileContents:
    record = decode_record(provenance, str(path))
    try:
        repeats, height, width, size = record.content["shape"]
        scalers = {key: _unpacked(text) for key, text in record.content["scalers"].items()}
    except (KeyError, TypeError, ValueError, AttributeError, zlib.error) as error:
        raise FormatError(
            f"{path}: expected the provenance of an OME-TIFF of napari-xrf-denoise, found it "
            f"incomplete ({error!r}); copy the file again"
        ) from error
    stored = _counts(tif, tif.series[0], path)
    if stored.size != repeats * size * height * width:
        raise FormatError(
            f"{path}: expected {repeats * size} planes of {height} × {width} pixels, found shape "
            f"{stored.shape}; the file is cut off or another program cropped it: copy it again"
        )
    own = tif.pages.first.tags.get(_UNCERTAINTY)
    return FileContents(
        counts=stored.reshape(repeats, size, height, width),
        energy_axis=1,
        repeat_axis=0,
        energy=record.energy,
        repeat_kind=record.repeat_kind,
        spacing=(None, None, *record.pixel_size),
        spacing_unit=record.pixel_unit,
        name=record.name,
        metadata=record.metadata,
        scalers=scalers,
        repeat_energies=record.repeat_energies or None,
        uncertainty=None if own is None else from_bytes(bytes(own.value), str(path)),
    )


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    """Open a TIFF; what tifffile raises or only logs becomes an error.

    From a truncated file tifffile returns the remaining planes, or zeros, and logs an error.
    """
    import tifffile

    problem: Exception | None = None
    with _complaints() as complaints:
        try:
            with tifffile.TiffFile(path) as tif:
                tif.series  # noqa: B018  (parsed here, so that complaints come before counts)
                complaints.check()
                yield tif
                complaints.check()
        except (FormatError, DataError, MemoryError):
            raise
        except Exception as error:
            # Damaged files make tifffile raise nearly anything: IndexError, struct.error.
            problem = error
    if problem is not None:
        raise FormatError(
            f"{path}: expected a complete TIFF file, but tifffile cannot read it "
            f"({complaints.words_for(problem)}); it may be cut off or compressed in a way that "
            "needs the package imagecodecs: copy it again, or save it without compression"
        ) from problem


@contextmanager
def _complaints() -> Iterator[_Complaints]:
    """Keep what tifffile logs, which would otherwise be printed."""
    complaints = _Complaints()
    logger = logging.getLogger("tifffile")
    logger.addHandler(complaints)
    try:
        yield complaints
    finally:
        logger.removeHandler(complaints)


class _Complaints(logging.Handler):
    """What tifffile logs as an error in this thread."""

    def __init__(self) -> None:
        super().__init__(level=logging.ERROR)
        self._thread = get_ident()
        self._messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self._messages.append(record.getMessage())

    def check(self) -> None:
        if self._messages:
            raise ValueError(self._messages[0])

    def words_for(self, error: Exception) -> str:
        """Return what is wrong with a file; the log says more than the exception."""
        if self._messages:
            return self._messages[0].partition(" raised error(")[0]  # how struct.error is called
        if isinstance(error, struct.error):
            return "it ends within a directory"
        # An error of a type or key is about tifffile, not about the file.
        is_told = isinstance(error, ValueError | OSError | zlib.error)
        return str(error) if is_told else f"a tag is damaged, {type(error).__name__}"


def _counts(tif: Any, series: Any, path: Path) -> Any:
    """Return the image of a series, memory-mapped if possible and worthwhile."""
    missing = sum(page is None for page in series.pages)
    if missing or getattr(series, "is_multifile", False):
        raise FormatError(
            f"{path}: expected all {len(series.pages)} planes in one file, found {missing} missing "
            "or in other files; save the image as one file"
        )
    n_bytes = int(series.size) * series.dtype.itemsize
    keyframe = series.keyframe
    contiguous = series.dataoffset is not None and keyframe.is_memmappable
    if contiguous and series.dataoffset + n_bytes > path.stat().st_size:
        raise FormatError(
            f"{path}: expected {n_bytes} bytes of counts for shape {series.shape}, found a file "
            f"of {path.stat().st_size} bytes; it is cut off, copy it again"
        )
    if contiguous and not is_small(n_bytes):
        return np.memmap(
            path,
            dtype=series.dtype.newbyteorder(tif.byteorder),
            mode="r",
            offset=series.dataoffset,
            shape=series.shape,
        )
    check_memory(n_bytes, f"{path}: shape {series.shape}")
    return series.asarray()


def _energy_axis(axes: str, shape: tuple[int, ...]) -> int | None:
    """Return the axis that holds spectra by its name, or None where that must be asked.

    E is the spectrum ("lambda") of OME's modulo annotation; C (channels) and S (samples of a
    pixel) are spectra when there are more of them than colours.
    """
    for name in "ECS":
        if name in axes and (name == "E" or shape[axes.index(name)] >= _FEWEST_CHANNELS):
            return axes.index(name)
    return None


def _spacing(tif: Any, description: str) -> tuple[dict[str, float], str]:
    """Return the pixel size by axis. A plain TIFF's resolution is one for printers."""
    if tif.is_ome:
        return pixel_size_in(description)
    if not tif.is_imagej:
        return {}, "pixel"
    unit = str((tif.imagej_metadata or {}).get("unit") or "pixel")
    unit = {"um": "µm", "micron": "µm", "\\u00B5m": "µm"}.get(unit, unit)
    spacing = {}
    for axis, tag in (("Y", "YResolution"), ("X", "XResolution")):
        value = tif.pages.first.tags.get(tag)
        if value is not None and value.value[0]:
            spacing[axis] = value.value[1] / value.value[0]
    return spacing, unit


LAYOUT = Layout(
    name="tiff",
    description="TIFF: our OME-TIFF with calibration and provenance, other stacks with an "
    "energy_axis",
    recognise=recognise,
    read=read,
    opens=opens,
    write=write,
    suffixes=SUFFIXES,
)
