"""The list of all layouts, and which of them a file has."""

from __future__ import annotations

from pathlib import Path

from napari_xrf_denoise.core.errors import FormatError

from .base.layout import Layout
from .base.signatures import check_file, kind_by_name, kind_of_content
from .hdf5 import aps_maps, bliss, generic, hsi_analysis, hyperspy, larch, nexus, nxdata, pyxrf
from .images import npy, ome_zarr, tiff, tiff_folder, zarr
from .instruments import edf, ripple, rosettasciio
from .source import Source
from .text import csv, mca, spectra_columns

LAYOUTS: tuple[Layout, ...] = (
    nexus.LAYOUT,
    pyxrf.LAYOUT,
    larch.LAYOUT,
    aps_maps.LAYOUT,
    hyperspy.LAYOUT,
    ome_zarr.LAYOUT,
    rosettasciio.LAYOUT,
    hsi_analysis.LAYOUT,
    bliss.LAYOUT,
    nxdata.LAYOUT,
    generic.LAYOUT,
    tiff.LAYOUT,
    npy.LAYOUT,
    edf.LAYOUT,
    ripple.LAYOUT,
    mca.LAYOUT,
    zarr.LAYOUT,
    tiff_folder.LAYOUT,
    spectra_columns.LAYOUT,
    csv.LAYOUT,
)
"""They are tried in this order: the more specific first."""


def recognise(path: str | Path) -> Source:
    """Return a file with its layout, by which it can be read without a second look.

    Parameters
    ----------
    path : str or path

    Raises
    ------
    FormatError
        If the file cannot be read at all; the message says what it is.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from napari_xrf_denoise.io.options import ReadOptions
    >>> with TemporaryDirectory() as folder:
    ...     np.save(folder + "/cube.npy", np.ones((5, 7, 64), dtype=np.uint16))
    ...     source = recognise(folder + "/cube.npy")
    ...     image = source.read(ReadOptions(energy_axis=2, energy_gain=0.01))
    >>> source.layout.name, source.is_sure, image.shape
    ('npy', False, (1, 5, 7, 64))
    """
    file = Path(path)
    check_file(file)
    source = _recognised(file)
    if source is not None:
        return source
    for layout in LAYOUTS:
        if layout.can_open(file):
            reason = f"{kind_of_content(file)}; the content does not say more"
            return Source(file, layout, reason, is_sure=False)
    by_name = kind_by_name(file)
    raise FormatError(
        f"{file}: expected a file of spectra{f' ({by_name} by its name)' if by_name else ''}, "
        f"found {kind_of_content(file)}; the formats that can be read are HDF5 and Zarr, TIFF "
        "stacks, NumPy arrays, CSV tables, EDF, Ripple, vendors' EDS maps and spectra in text "
        "(docs/formats.md)"
    )


def sniff(path: str | Path) -> str | None:
    """Return the name of a file's layout if its content surely is spectra, else None.

    Quick, and without an exception for any file, so that it can be asked about every file that is
    dropped into a viewer. Plain images, other tables and arrays whose axes are unknown give None;
    `read` may still read them.

    Parameters
    ----------
    path : str or path

    Examples
    --------
    >>> sniff("there_is_no_such_file.h5") is None
    True
    """
    try:
        check_file(Path(path))
    except FormatError:
        return None
    source = _recognised(Path(path))
    return None if source is None else source.layout.name


def describe(path: str | Path) -> str:
    """Return in words which layout a file is read in, and why.

    Parameters
    ----------
    path : str or path

    Raises
    ------
    FormatError
        If the file cannot be read at all; the message says what it is.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> with TemporaryDirectory() as folder:
    ...     np.save(folder + "/cube.npy", np.ones((5, 7, 64)))
    ...     describe(folder + "/cube.npy")
    'npy: NumPy array .npy; with an energy_axis (a NumPy array; the content does not say more)'
    """
    return str(recognise(path))


def writable_suffixes() -> tuple[str, ...]:
    """Return the endings of the names that `write` takes."""
    return tuple(suffix for layout in LAYOUTS for suffix in layout.suffixes)


def _recognised(path: Path) -> Source | None:
    for number, layout in enumerate(LAYOUTS):
        reason = layout.evidence(path)
        if reason is not None:
            return Source(path, layout, reason, is_sure=True, unasked=LAYOUTS[number + 1 :])
    return None
