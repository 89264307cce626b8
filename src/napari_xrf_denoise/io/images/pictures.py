"""Images computed from spectra, such as element maps, in one file.

* OME-TIFF: a page for each image, which is a channel with its name; Fiji, QuPath and napari show
  them as channels with the pixel size.
* NeXus HDF5: an NXdata group for each image, which silx, PyMca and DAWN plot.

Both record how the images were computed, as JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xrf_denoise.core.atomic_write import replacing
from napari_xrf_denoise.core.errors import DataError, FormatError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.core.version import __version__
from napari_xrf_denoise.io.base.metadata import CREATOR, encode
from napari_xrf_denoise.io.hdf5.nexus import new_nexus, nexus_group, write_note

from ._ome_xml import physical_sizes, printable

TIFF_SUFFIXES = (".tif", ".tiff")  # .ome.tif too
HDF5_SUFFIXES = (".h5", ".hdf5", ".nxs")
_OME_TYPES = {"int8", "int16", "int32", "uint8", "uint16", "uint32", "float32", "float64"}


def write_pictures(
    path: str | Path,
    pictures: Mapping[str, ArrayLike],
    image: SpectrumImage,
    *,
    record: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write images computed from a spectrum image, completely or not at all.

    Parameters
    ----------
    path : str or path
        Its suffix chooses the format: ``.tif``, ``.tiff``, also ``.ome.tif`` (OME-TIFF), or
        ``.h5``, ``.hdf5``, ``.nxs`` (NeXus HDF5).
    pictures : mapping of str to array_like, shape (y, x)
        Their names, such as ``"Fe Ka"``, and values.
    image : SpectrumImage
        What they were computed from: its pixel size, name and metadata are written too.
    record : mapping, optional
        How the images were computed, as plain values.
    overwrite : bool
        Whether a file that is there may be replaced.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    FormatError
        If the suffix is not known.
    DataError
        If there is no image, or one differs in shape from the spectrum image, or is not real.
    FileExistsError
        If the file exists and `overwrite` is False.
    OSError
        If the folder is missing or not writable, or the disk is full. An older file is unchanged.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> image = SpectrumImage(np.ones((1, 3, 4, 50)), pixel_size=(0.5, 0.5), pixel_unit="µm")
    >>> with TemporaryDirectory() as folder:
    ...     file = write_pictures(folder + "/maps.ome.tif", {"Fe Ka": np.ones((3, 4))}, image)
    >>> file.name
    'maps.ome.tif'
    """
    file = Path(path)
    for name, values in pictures.items():
        if np.shape(values) != image.shape[1:3]:
            raise DataError(
                f"{file}: expected images of shape {image.shape[1:3]} (y, x), like the spectrum "
                f"image, found {np.shape(values)} for {name!r}; write it with its "
                "own spectrum image"
            )
    about = About(image.name, image.pixel_size, image.pixel_unit)
    record = {"source_metadata": dict(image.metadata), **(record or {})}
    return write_plain_pictures(file, pictures, about, record, overwrite=overwrite)


@dataclass(frozen=True)
class About:
    """What all images of a file share."""

    name: str
    pixel_size: tuple[float, float] = (1.0, 1.0)
    """(y, x) in `pixel_unit`."""
    pixel_unit: str = "pixel"


def write_plain_pictures(
    path: str | Path,
    pictures: Mapping[str, ArrayLike],
    about: About,
    record: Mapping[str, Any] | None = None,
    *,
    overwrite: bool = False,
) -> Path:
    """Write images of one shape without their spectrum image; see `write_pictures`."""
    file = Path(path)
    lower = file.name.lower()
    if not lower.endswith((*TIFF_SUFFIXES, *HDF5_SUFFIXES)):
        raise FormatError(
            f"{file}: expected a name that ends in {', '.join((*TIFF_SUFFIXES, *HDF5_SUFFIXES))}, "
            f"found {file.suffix or 'no suffix'}; choose one of these"
        )
    arrays = _checked(file, pictures)
    try:
        text = encode({"program": f"{CREATOR} {__version__}", **(record or {})})
    except DataError as error:
        raise DataError(f"{file}: {error}") from error
    write = _write_tiff if lower.endswith(TIFF_SUFFIXES) else _write_hdf5
    with replacing(file, overwrite=overwrite) as temporary:
        write(temporary, arrays, about, text)
    return file


def _checked(file: Path, pictures: Mapping[str, ArrayLike]) -> dict[str, NDArray[Any]]:
    """Return the pictures as arrays of one shape, or name the wrong one."""
    if not pictures:
        raise DataError(f"{file}: expected at least one image to write, found none")
    arrays = {str(name): np.asarray(values) for name, values in pictures.items()}
    shape = next(iter(arrays.values())).shape
    for name, values in arrays.items():
        if values.ndim != 2 or 0 in values.shape or values.dtype.kind not in "biuf":
            raise DataError(
                f"{file}: expected images of real numbers with two axes (y, x), found "
                f"{values.dtype} of shape {values.shape} for {name!r}; leave it out"
            )
        if values.shape != shape:
            raise DataError(
                f"{file}: expected images of one shape, found {shape} and {values.shape} for "
                f"{name!r}; write them to separate files"
            )
    return arrays


def _write_tiff(
    path: Path, pictures: Mapping[str, NDArray[Any]], about: About, record: str
) -> None:
    import tifffile

    dtype = np.result_type(*(values.dtype for values in pictures.values()))
    if dtype.name not in _OME_TYPES:
        dtype = np.dtype(np.float32 if dtype.kind == "f" and dtype.itemsize < 4 else np.float64)
    metadata: dict[str, Any] = {
        "axes": "CYX",
        "Name": printable(about.name),
        "Description": record,
        "Channel": {"Name": [printable(title) for title in pictures]},
    }
    if about.pixel_unit != "pixel":
        metadata |= physical_sizes(about.pixel_size, about.pixel_unit)
    pages = (np.ascontiguousarray(values, dtype=dtype) for values in pictures.values())
    first = next(iter(pictures.values()))
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(
            pages,
            shape=(len(pictures), *first.shape),
            dtype=dtype,
            photometric="minisblack",
            metadata=metadata,
            software=CREATOR,
        )


def _write_hdf5(
    path: Path, pictures: Mapping[str, NDArray[Any]], about: About, record: str
) -> None:
    with new_nexus(path, about.name.replace("\0", "")) as (entry, sink):
        for title, values in pictures.items():
            name = _free_name(entry, title)
            entry.attrs.setdefault("default", name)
            group = nexus_group(
                entry,
                name,
                "NXdata",
                signal="values",
                axes=["y", "x"],
                title=title.replace("\0", ""),
            )
            group["values"] = values
            group["values"].attrs.update({"long_name": title, "interpretation": "image"})
            for axis, length, step in zip("yx", values.shape, about.pixel_size, strict=True):
                group[axis] = np.arange(length) * step
                group[axis].attrs["units"] = about.pixel_unit
            sink.check()
        write_note(entry, "provenance", record)


def _free_name(entry: Any, title: str) -> str:
    """Return a name for a group: HDF5 takes a slash for a group inside another."""
    name = re.sub(r"[^\w.+-]+", "_", title).strip("_.") or "picture"
    names = (name if number == 1 else f"{name}_{number}" for number in range(1, 10**6))
    return next(free for free in names if free not in entry and free != "provenance")
