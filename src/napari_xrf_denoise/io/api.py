"""`read` and `write`: one call for every format."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from napari_xrf_denoise.core.atomic_write import replacing, replacing_folder
from napari_xrf_denoise.core.errors import DataError, FormatError
from napari_xrf_denoise.core.spectrum_image import RepeatKind, SpectrumImage

from .base.layout import Layout
from .options import ReadOptions
from .registry import LAYOUTS, recognise, writable_suffixes


def read(
    path: str | Path,
    *,
    energy_axis: int | None = None,
    repeat_axis: int | None = None,
    energy_offset: float | None = None,
    energy_gain: float | None = None,
    dataset: str | Sequence[str] | None = None,
    repeat_kind: RepeatKind | None = None,
) -> SpectrumImage:
    """Read spectra or a map from a file.

    The layout is recognised by the content. Options state what the file does not, and override what
    it states. Counts up to 256 MiB are read and checked at once; larger ones stay on disk where the
    format allows it and are checked as they are used.

    Parameters
    ----------
    path : str or path
        A file; `sniff` and `describe` say what it is.
    energy_axis : int, optional
        Which axis of the stored array is the energy; negative numbers count from the end. In a
        CSV table 0 means that columns, not rows, are spectra.
    repeat_axis : int, optional
        Which axis holds repeats of the same measurement.
    energy_offset, energy_gain : float, optional
        Energy of channel 0 in keV, and width of a channel in keV. If one is given alone, the other
        is taken from the file.
    dataset : str or sequence of str, optional
        Path of the counts in an HDF5 file; several of one shape become the repeats. In a vendor's
        file with several maps, the title or number of one.
    repeat_kind : {"scan", "frame", "detector"}, optional
        What the repeats are. Scans are averaged in a result, the others summed.

    Returns
    -------
    SpectrumImage
        Counts of shape (repeat, y, x, energy). ``.metadata["source"]`` is the name of the original
        file, ``.metadata["warnings"]`` a list of problems that were found.

    Raises
    ------
    FormatError
        If the file is missing, damaged, of an unknown layout, or does not state which axis is
        energy.
    DataError
        If counts are negative, NaN or infinite, or an axis does not exist.
    SettingsError
        If an option has an impossible value.
    MissingDependencyError
        If a vendor's format needs a package that is not installed.

    Warns
    -----
    CalibrationWarning
        If the file has no energy calibration and none was given: energies are channel numbers.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> with TemporaryDirectory() as folder:
    ...     np.save(folder + "/cube.npy", np.ones((1024, 5, 7), dtype=np.uint16))
    ...     image = read(folder + "/cube.npy", energy_axis=0, energy_gain=0.01)
    >>> image.shape, image.energy.channel(6.4)
    ((1, 5, 7, 1024), 640)
    """
    options = ReadOptions(
        energy_axis=energy_axis,
        repeat_axis=repeat_axis,
        energy_offset=energy_offset,
        energy_gain=energy_gain,
        dataset=dataset,
        repeat_kind=repeat_kind,
    )
    return recognise(path).read(options, stacklevel=3)


def read_quietly(path: Path, **options: Any) -> SpectrumImage:
    """Read a file without showing warnings; they are in its metadata, as reports need them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read(path, **options)


def read_or_none(path: Path) -> SpectrumImage | None:
    """Read a file; return None if it is damaged or something else."""
    try:
        return read_quietly(path)
    except (DataError, ImportError, OSError):
        return None


def write(path: str | Path, image: SpectrumImage, *, overwrite: bool = False) -> Path:
    """Write a spectrum image to a file, completely or not at all.

    Parameters
    ----------
    path : str or path
        Its suffix chooses the format: ``.h5``, ``.hdf5`` or ``.nxs`` (NeXus), ``.hspy``
        (HyperSpy), ``.tif`` or ``.tiff`` (OME-TIFF) and ``.zarr`` (OME-Zarr, a folder) keep
        everything; ``.csv`` keeps counts and energies of a list of spectra.
    image : SpectrumImage
        Counts on disk are written block by block.
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
        If the image does not fit the format.
    FileExistsError
        If the file exists and `overwrite` is False.
    OSError
        If the folder is missing or not writable, or the disk is full. An older file is unchanged.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from napari_xrf_denoise.core.energy_axis import EnergyAxis
    >>> image = SpectrumImage(np.ones((2, 3, 4, 50), dtype=np.uint16), EnergyAxis(0, 0.01, 50))
    >>> with TemporaryDirectory() as folder:
    ...     again = read(write(folder + "/map.h5", image))
    >>> again.shape, again.energy.gain
    ((2, 3, 4, 50), 0.01)
    """
    file = Path(path)
    layout = _writer(file)
    if not isinstance(image, SpectrumImage):
        raise DataError(
            f"{file}: expected a SpectrumImage to write, found {type(image).__name__}; give "
            "result.image of a result, or SpectrumImage.from_array(array) of an array"
        )
    assert layout.write is not None
    with _place(file, layout, overwrite) as temporary:
        try:
            layout.write(temporary, image)
        except DataError as error:
            raise type(error)(f"{file}: {error}") from error
    return file


def check_packages(path: str | Path) -> None:
    """Refuse a format whose package is not installed, before there is anything to write.

    Parameters
    ----------
    path : str or path
        As `write` takes it.

    Raises
    ------
    FormatError
        If the suffix is not known.
    MissingDependencyError
        If `write` would need a package that is not installed.
    """
    file = Path(path)
    layout = _writer(file)
    if layout.check_packages is not None:
        layout.check_packages(file)


def _place(file: Path, layout: Layout, overwrite: bool) -> AbstractContextManager[Path]:
    """Return a temporary path that becomes the file, or the folder of a layout."""
    if layout.folder is None:
        return replacing(file, overwrite=overwrite)
    return replacing_folder(file, overwrite=overwrite, may_replace=layout.folder)


def _writer(path: Path) -> Layout:
    name = path.name.lower()
    for layout in LAYOUTS:
        if name.endswith(layout.suffixes) and layout.write is not None:
            return layout
    raise FormatError(
        f"{path}: expected a name that ends in {', '.join(writable_suffixes())}, found "
        f"{path.suffix or 'no suffix'}; choose one of these"
    )
