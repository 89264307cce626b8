"""The one table of file layouts: how each is recognised, read and written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from napari_xrf_denoise.core.errors import FormatError, SettingsError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage

from .base.contents import FileContents
from .base.signatures import check_file, kind_by_name, kind_of_content
from .hdf5 import aps_maps as maps
from .hdf5 import bliss, hsi_analysis, larch, nexus, nxdata, pyxrf
from .hdf5 import generic as hdf5
from .hdf5 import hyperspy as hyperspy_file
from .hdf5.file import open_hdf5
from .images import npy, ome_zarr, tiff, tiff_folder
from .images import zarr as zarr_store
from .instruments import _vendor_formats as _vendor_files
from .instruments import edf, ripple
from .instruments import rosettasciio as vendor
from .options import ReadOptions
from .text import csv as csv_table
from .text import mca as spectrum_text
from .text import spectra_columns


def _never(path: Path) -> str | None:
    """Recognise nothing: such a file may hold anything, and is read when asked for."""
    return None


@dataclass(frozen=True)
class Layout:
    """A family of files.

    Parameters
    ----------
    name : str
        Short name, as `sniff` returns it.
    description : str
        What the files are, for a list of formats.
    recognise : callable
        ``recognise(path)`` returns why a file surely holds spectra in this layout, told by its
        content, or None. It may raise on a damaged file.
    read : callable
        ``read(path, options)`` returns a `FileContents`.
    opens : callable
        ``opens(path)`` is true of files that can be read in this layout when the user asks for
        it, perhaps after saying what the file does not: which axis is the energy, which dataset
        holds the counts. Ordinary pictures and tables are among them.
    has_datasets : bool
        Whether the option ``dataset`` has a meaning.
    knows_datasets : bool
        Whether it has a meaning of its own in HDF5 files, where it else names an array that is
        read as it lies there, whatever the layout.
    write : callable, optional
        ``write(path, image)`` makes a new file.
    suffixes : tuple of str
        Endings of the names that `write` takes.
    folder : callable, optional
        Of layouts that `write` makes a folder of: ``folder(path)`` is true of one that it made,
        which may be replaced.
    check_packages : callable, optional
        ``check_packages(path)`` raises a MissingDependencyError where `write` would.
    """

    name: str
    description: str
    recognise: Callable[[Path], str | None]
    read: Callable[[Path, ReadOptions], FileContents]
    opens: Callable[[Path], bool]
    has_datasets: bool = False
    knows_datasets: bool = False
    write: Callable[[Path, SpectrumImage], None] | None = None
    suffixes: tuple[str, ...] = ()
    folder: Callable[[Path], bool] | None = None
    check_packages: Callable[[Path], object] | None = None


# Layouts are tried in this order, so those told apart by more detail come first.
LAYOUTS: tuple[Layout, ...] = (
    Layout(
        "nexus",
        "NeXus HDF5 of napari-xrf-denoise: counts, calibration, pixel size and provenance",
        nexus.recognise,
        nexus.read,
        opens=lambda path: False,
        write=nexus.write,
        suffixes=nexus.SUFFIXES,
    ),
    Layout(
        "pyxrf",
        "PyXRF maps (NSLS-II): detector elements, scalers and positions",
        pyxrf.recognise,
        pyxrf.read,
        opens=lambda path: False,
    ),
    Layout(
        "larch",
        "GSEMapper maps of larch (APS 13-ID-E): detector elements with their calibrations",
        larch.recognise,
        larch.read,
        opens=lambda path: False,
    ),
    Layout(
        "maps",
        "MAPS and XRF-Maps (APS), versions 9 and 10, and raw fly scans",
        maps.recognise,
        maps.read,
        opens=lambda path: False,
    ),
    Layout(
        "hyperspy",
        "HyperSpy .hspy that napari-xrf-denoise wrote: everything, as HyperSpy opens it",
        hyperspy_file.recognise,
        hyperspy_file.read,
        opens=lambda path: False,
        write=hyperspy_file.write,
        suffixes=hyperspy_file.SUFFIXES,
    ),
    Layout(
        "ome-zarr",
        "OME-Zarr folder that napari-xrf-denoise wrote: everything, block by block",
        ome_zarr.recognise,
        ome_zarr.read,
        opens=lambda path: False,
        write=ome_zarr.write,
        suffixes=ome_zarr.SUFFIXES,
        folder=ome_zarr.is_own,
        check_packages=ome_zarr.import_zarr,
    ),
    Layout(
        "vendor",
        "Vendors' EDS maps through RosettaSciIO: Bruker .bcf, HyperSpy .hspy, JEOL .pts, "
        "Velox .emd, EDAX .spd, Phenom .elid, DigitalMicrograph .dm3 and .dm4",
        _vendor_files.recognise,
        vendor.read,
        opens=_vendor_files.opens,
        has_datasets=True,
    ),
    Layout(
        "hsi_analysis",
        "HDF5 of napari-hsi-analysis: XRFdata or data, with ENERGY or WL",
        hsi_analysis.recognise,
        hsi_analysis.read,
        opens=lambda path: False,
    ),
    Layout(
        "bliss",
        "HDF5 of ESRF's BLISS: scans with lists of spectra, put back into their map",
        bliss.recognise,
        bliss.read,
        opens=lambda path: False,
        has_datasets=True,
        knows_datasets=True,
    ),
    Layout(
        "nxdata",
        "HDF5 of PyMca and other NeXus files whose spectra are marked",
        nxdata.recognise,
        nxdata.read,
        opens=nxdata.opens,
        has_datasets=True,
        knows_datasets=True,
    ),
    Layout(
        "hdf5",
        "HDF5 of another layout; name the counts with dataset and their energy_axis",
        _never,
        hdf5.read,
        opens=hdf5.opens,
        has_datasets=True,
    ),
    Layout(
        "tiff",
        "TIFF: our OME-TIFF with calibration and provenance, other stacks with an energy_axis",
        tiff.recognise,
        tiff.read,
        opens=tiff.opens,
        write=tiff.write,
        suffixes=tiff.SUFFIXES,
    ),
    Layout(
        "npy",
        "NumPy array .npy; with an energy_axis",
        _never,
        npy.read,
        opens=npy.opens,
    ),
    Layout(
        "edf",
        "ESRF EDF: all lines and detector elements of a zap scan, or a single file",
        edf.recognise,
        edf.read,
        opens=edf.opens,
    ),
    Layout(
        "ripple",
        "Ripple .rpl with .raw",
        ripple.recognise,
        ripple.read,
        opens=ripple.opens,
    ),
    Layout(
        "spectrum_text",
        "Spectra in text: Amptek .mca, EMSA/MAS .msa, SPEC files with MCA blocks",
        spectrum_text.recognise,
        spectrum_text.read,
        opens=spectrum_text.opens,
        has_datasets=True,
    ),
    Layout(
        "zarr",
        "Zarr arrays, OME-Zarr and HyperSpy .zspy, as a folder or .zip",
        zarr_store.recognise,
        zarr_store.read,
        opens=zarr_store.opens,
        has_datasets=True,
    ),
    Layout(
        "tiff_folder",
        "A folder of TIFF pictures, one a channel",
        tiff_folder.recognise,
        tiff_folder.read,
        opens=tiff_folder.opens,
    ),
    Layout(
        "columns",
        "table of spectra in columns, as the Spectrum dock saves it",
        spectra_columns.recognise,
        spectra_columns.read,
        opens=spectra_columns.opens,
    ),
    Layout(
        "csv",
        "CSV table of spectra: rows are spectra, the header holds the energies",
        csv_table.recognise,
        csv_table.read,
        opens=csv_table.opens,
        write=csv_table.write,
        suffixes=csv_table.SUFFIXES,
    ),
)


@dataclass(frozen=True)
class Recognition:
    """Which layout a file has, and why.

    Parameters
    ----------
    layout : Layout
    reason : str
        What in the file says so.
    """

    layout: Layout
    reason: str

    def __str__(self) -> str:
        return f"{self.layout.name}: {self.layout.description} ({self.reason})"


def sniff(path: str | Path) -> str | None:
    """Return the name of a file's layout if its content is surely spectra, else None.

    Quick, and without an exception for any file, so that it can be asked about every file that is
    dropped into a viewer. Plain pictures, tables of other things and arrays of unknown axes give
    None; `read` may read them still.

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
    found = _recognised(Path(path))
    return None if found is None else found.layout.name


_READABLE = (
    "what can be read are HDF5 and Zarr, stacks of TIFF, NumPy arrays, CSV tables, EDF, Ripple, "
    "vendors' EDS maps and spectra in text (docs/formats.md)"
)


def describe(path: str | Path) -> Recognition:
    """Return which layout a file would be read in, and why.

    Parameters
    ----------
    path : str or path

    Raises
    ------
    FormatError
        If the file cannot be read at all; the message says what it is.
    """
    file = Path(path)
    check_file(file)
    found = _recognised(file)
    if found is not None:
        return found
    for layout in LAYOUTS:
        if _opens(layout, file):
            return Recognition(
                layout, f"{kind_of_content(file)}, of which the content alone does not say more"
            )
    by_name = kind_by_name(file)
    raise FormatError(
        f"{file}: expected a file of spectra{f' ({by_name} by its name)' if by_name else ''}, "
        f"found {kind_of_content(file)}; {_READABLE}"
    )


def layout_for(path: Path, options: ReadOptions) -> Layout:
    """Return the layout to read a file in.

    A dataset that the user names in an HDF5 file is read with the axes and energies that NeXus
    attributes give it, else as it lies there, whatever else the layout of the file would say,
    unless that layout knows more of it.

    Raises
    ------
    FormatError
        If the file cannot be read.
    SettingsError
        If a dataset was named in a file that has none.
    """
    layout = describe(path).layout
    if not options.datasets or layout.knows_datasets:
        return layout
    if hdf5.opens(path):
        # It knows what may stand beside the counts, and reads any others as they lie there.
        return next(layout for layout in LAYOUTS if layout.read is nxdata.read)
    if not layout.has_datasets:
        raise SettingsError(
            f"{path}: dataset={options.dataset!r} names a part of an HDF5, Zarr, SPEC or vendor's "
            f"file, but "
            f"this is {kind_of_content(path)}; leave it out"
        )
    return layout


def writable_suffixes() -> tuple[str, ...]:
    """Return the endings of the names that `write` takes."""
    return tuple(suffix for layout in LAYOUTS for suffix in layout.suffixes)


_SEPARATE = ("nexus", "pyxrf", "larch", "maps", "hsi_analysis", "bliss", "nxdata")
"""Layouts of which one file can hold several, each with counts of its own."""

_MARKING_ALL = ("nexus", "bliss")
"""Layouts that mark the same counts several times, or have a list of their own of what there is."""


def others_in(path: Path, layout: Layout, dataset: str) -> list[str]:
    """Return words for the counts that a file holds beside those that were read.

    Parameters
    ----------
    path : pathlib.Path
    layout : Layout
        In which it was read.
    dataset : str
        Where the counts lie that were read.
    """
    if layout.name not in _SEPARATE:
        return []
    rest = [other for other in LAYOUTS if other.name in _SEPARATE and other is not layout]
    with open_hdf5(path):  # HDF5 shares one that is open, so that it is opened once for all
        found = [reason for other in rest if (reason := _reason(other, path)) is not None]
        if layout.name in _MARKING_ALL:
            return found
        marked = nxdata.beside(path, dataset)
    return found + [one for one in marked if not any(one in reason for reason in found)]


def _opens(layout: Layout, path: Path) -> bool:
    try:
        return layout.opens(path)
    except Exception:
        return False  # a damaged file: not one that can be opened in this layout


def _recognised(path: Path) -> Recognition | None:
    for layout in LAYOUTS:
        reason = _reason(layout, path)
        if reason is not None:
            return Recognition(layout, reason)
    return None


def _reason(layout: Layout, path: Path) -> str | None:
    try:
        return layout.recognise(path)
    except Exception:
        # A damaged or foreign file, which is not surely of this layout: that is the answer. Who
        # wants to read it nonetheless gets the reason from the layout that opens it.
        return None
