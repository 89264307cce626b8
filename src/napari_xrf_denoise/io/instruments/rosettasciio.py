"""Vendors' EDS files through RosettaSciIO, an optional package (GPL-3.0-or-later).

It is imported only when such a file is opened. The energy axis is known by its unit, keV or eV,
since its name varies; frames and detector elements are kept apart where the format stores them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError, FormatError, MissingDependencyError
from napari_xrf_denoise.core.lazy_arrays import is_dask
from napari_xrf_denoise.core.spectrum_image import RepeatKind
from napari_xrf_denoise.io.base.contents import FileContents
from napari_xrf_denoise.io.base.file_stack import stack
from napari_xrf_denoise.io.base.layout import Layout
from napari_xrf_denoise.io.base.mca_calibration import KEV, METRES
from napari_xrf_denoise.io.base.memory import is_small
from napari_xrf_denoise.io.base.metadata import plain_or_text, times_in
from napari_xrf_denoise.io.options import ReadOptions

from ._subprocess import ParserError, load_apart
from ._vendor_formats import check_complete, largest_dataset, opens, plugin_for, recognise

_FRAME_AXES = {"frame", "time"}
_STREAMS = {"jeol", "emd"}
"""Formats that store single photons: their frames, unsummed and dense, can take 15 GB, so they are
read sparse and made dense block by block."""

_CRASHING = {"bruker"}
"""Formats whose compiled parser takes Python down with it when bytes of a file are wrong."""

_HELPERS = ("sparse", "numba", "imagecodecs")
"""What RosettaSciIO imports only for some files; the extra ``formats`` brings them."""

Signal = Mapping[str, Any]


def read(path: Path, options: ReadOptions) -> FileContents:
    """Read the spectrum image in a vendor's file."""
    plugin = plugin_for(path)
    check_complete(path, plugin)
    signals = _spectra(path, _load(path, plugin, options), options)
    signal, warnings = _choose(path, signals, options)
    if plugin in _STREAMS:
        return _with_frames(path, _same_shape(signals, signal), warnings, options)
    return _found(path, signal, _dense(signal["data"]), warnings)


def _load(path: Path, plugin: str, options: ReadOptions) -> list[Signal]:
    arguments = _arguments(path, plugin, options)
    try:
        reader = import_module(f"rsciio.{plugin}").file_reader
        if plugin in _CRASHING:
            return list(load_apart(plugin, path, arguments))
        return list(reader(str(path), **arguments))
    except (MemoryError, FormatError):
        raise
    except Exception as error:
        missing = _what_is_missing(error, path.suffix)
        if missing is not None:
            raise MissingDependencyError(
                f'{path}: {missing}; pip install "napari-xrf-denoise[formats]"'
            ) from error
        # Damaged files make it raise nearly anything: struct.error, KeyError, StopIteration.
        reported = (
            str(error) if isinstance(error, ParserError) else f"{type(error).__name__}: {error}"
        )
        raise FormatError(
            f"{path}: expected a complete {path.suffix} file, but RosettaSciIO cannot read it "
            f"({reported}); copy the file again, or export it from the vendor's program as .hspy "
            "or .h5"
        ) from error


def _what_is_missing(error: Exception, suffix: str) -> str | None:
    """Return in words which package could not be imported, or None for other errors.

    The reader of Velox's files, and tifffile, name the package in their text only.
    """
    name = error.name if isinstance(error, ImportError) else None
    package = name or next((helper for helper in _HELPERS if f"'{helper}'" in str(error)), "")
    package = package.partition(".")[0]
    if package == "rsciio":
        return f"{suffix} files are read with RosettaSciIO, which is not installed"
    if package:
        return f"RosettaSciIO needs the package {package} for {suffix} files"
    if isinstance(error, ImportError):
        return f"a package that RosettaSciIO needs for {suffix} files cannot be imported ({error})"
    return None


def _arguments(path: Path, plugin: str, options: ReadOptions) -> dict[str, Any]:
    """Return what keeps every count, and frames and detector elements apart."""
    if plugin == "bruker":
        # All channels, no binning; without them the parser may cut at the acceleration voltage.
        return {"select_type": "spectrum_image", "downsample": 1, "cutoff_at_kV": None}
    if plugin == "jeol":
        # 65,535 counts in a voxel, where the default of 255 can wrap around.
        return {"lazy": True, "sum_frames": options.repeat_kind == "detector", "SI_dtype": "uint16"}
    if plugin == "emd":
        return {
            "lazy": True,
            "select_type": "spectrum_image",
            "sum_frames": options.repeat_kind == "detector",
            "sum_EDS_detectors": False,
        }
    if plugin == "hspy":
        size, chunked = largest_dataset(path)
        return {"lazy": chunked and not is_small(size)}
    if plugin == "digitalmicrograph":
        return {"lazy": not is_small(path.stat().st_size)}
    return {}


def _spectra(path: Path, signals: Sequence[Signal], options: ReadOptions) -> list[Signal]:
    """Return the signals with an energy axis, those of most axes; images are left out.

    So are electron energy losses, also in eV, which Velox keeps beside the X-rays.
    """
    spectra = [signal for signal in signals if _energy_position(signal) is not None]
    spectra = [signal for signal in spectra if not _is_eels(signal)] or spectra
    if not spectra and options.energy_axis is not None:
        spectra = list(signals)
    if not spectra:
        found = "; ".join(f"{_title(signal)} {signal['data'].shape}" for signal in signals)
        raise FormatError(
            f"{path}: expected an axis in keV or eV, found none in {found or 'an empty file'}; if "
            "it holds spectra, state which axis is energy: energy_axis=... (--energy-axis)"
        )
    most = max(signal["data"].ndim for signal in spectra)
    return [signal for signal in spectra if signal["data"].ndim == most]


def _choose(
    path: Path, signals: Sequence[Signal], options: ReadOptions
) -> tuple[Signal, list[str]]:
    """Return the signal that the user named by title or number, else the first."""
    titles = [_title(signal) for signal in signals]
    if options.datasets:
        name = options.datasets[0]
        numbers = {str(number): number for number in range(len(signals))}
        if name in titles:
            return signals[titles.index(name)], []
        if name in numbers:
            return signals[numbers[name]], []
        raise DataError(
            f"{path}: there is no spectrum image {name!r}; give the title or number of one of "
            f"{list(enumerate(titles))} as dataset=... (--dataset)"
        )
    alike = len(
        {(title, signal["data"].shape) for title, signal in zip(titles, signals, strict=True)}
    )
    # Formats that keep single photons give each detector element as a signal of the same name.
    if len(signals) == 1 or (alike == 1 and plugin_for(path) in _STREAMS):
        return signals[0], []
    return signals[0], [
        f"the file holds {len(signals)} spectrum images and the first was read, {titles[0]!r}; "
        f"choose with dataset=... (--dataset) among {titles}"
    ]


def _same_shape(signals: Sequence[Signal], chosen: Signal) -> list[Signal]:
    """Return the signals that are detector elements of one measurement."""
    alike = (_title(chosen), chosen["data"].shape)
    return [signal for signal in signals if (_title(signal), signal["data"].shape) == alike]


def _with_frames(
    path: Path, elements: Sequence[Signal], warnings: list[str], options: ReadOptions
) -> FileContents:
    """Return frames as repeats with elements summed, or elements as repeats of one frame.

    Frames times elements would be a fifth axis; frames are kept, unless elements are asked for.
    """
    elements = [_without_single_frame(element) for element in elements]
    first = elements[0]
    arrays = [element["data"] for element in elements]
    frame_axis = _frame_position(first)
    kind: RepeatKind = "scan"
    repeat_axis: int | None = None
    if frame_axis is not None:
        # Counts of one frame are few, but elements are summed in a type that cannot wrap around.
        counts = arrays[0] if len(arrays) == 1 else sum(array.astype(np.uint32) for array in arrays)
        kind, repeat_axis = "frame", frame_axis
    elif len(arrays) > 1:
        counts = stack(arrays)
        kind, repeat_axis = "detector", 0
    else:
        counts = arrays[0]
    extra_axes = counts.ndim - arrays[0].ndim
    found = _found(path, first, _dense(counts), warnings, extra_axes=extra_axes)
    return replace(found, repeat_kind=kind, repeat_axis=repeat_axis, stacked=extra_axes > 0)


def _without_single_frame(element: Signal) -> Signal:
    """Return a signal of one frame without the axis of frames; others as they are."""
    axis = _frame_position(element)
    if axis is None or element["data"].shape[axis] > 1:
        return element
    index = (slice(None),) * axis + (0,)
    axes = [entry for position, entry in enumerate(element["axes"]) if position != axis]
    return {**element, "data": element["data"][index], "axes": axes}


def _dense(counts: Any) -> Any:
    """Return small lazy counts as NumPy; large ones stay lazy."""
    if is_dask(counts) and is_small(counts.nbytes):
        return np.asarray(counts)
    return counts


def _found(
    path: Path, signal: Signal, counts: Any, warnings: list[str], *, extra_axes: int = 0
) -> FileContents:
    axes = [{}] * extra_axes + list(signal["axes"])
    position = _energy_position(signal)
    spacing, unit = _spacing(axes)
    warnings = list(warnings)
    if unit == "pixel" and any(spacing):
        warnings.append("the pixel sizes of y and x have different units and were ignored")
    return FileContents(
        counts=counts,
        energy_axis=None if position is None else position + extra_axes,
        energy=None if position is None else _energy(path, signal["axes"][position]),
        spacing=spacing,
        spacing_unit=unit,
        metadata=_metadata(signal),
        warnings=warnings,
        axis_names=[str(axis.get("name", "")) for axis in axes],
    )


def _energy_position(signal: Signal) -> int | None:
    for position, axis in enumerate(signal["axes"]):
        if str(axis.get("units", "")).strip().lower() in KEV:
            return position
    return None


def _is_eels(signal: Signal) -> bool:
    kind = signal.get("metadata", {}).get("Signal", {}).get("signal_type", "")
    return "EELS" in str(kind)


def _frame_position(signal: Signal) -> int | None:
    for position, axis in enumerate(signal["axes"]):
        if str(axis.get("name", "")).strip().lower() in _FRAME_AXES:
            return position
    return None


def _energy(path: Path, axis: Mapping[str, Any]) -> EnergyAxis:
    kev = KEV[str(axis["units"]).strip().lower()]
    try:
        if "axis" in axis:  # HyperSpy's axis of irregular steps
            return EnergyAxis.from_centers(np.asarray(axis["axis"], dtype=np.float64) * kev)
        return EnergyAxis(axis["offset"] * kev, axis["scale"] * kev, int(axis["size"]))
    except (DataError, KeyError) as error:
        raise FormatError(f"{path}: the energy axis cannot be used ({error})") from error


def _spacing(axes: Sequence[Mapping[str, Any]]) -> tuple[list[float | None], str]:
    """Return the distances along each axis in one unit; of lengths only, None for others."""
    units = [str(axis.get("units", "")).strip().replace("\u03bc", "µ") for axis in axes]
    lengths = [unit for unit in units if unit in METRES]
    if not lengths:
        return [None] * len(axes), "pixel"
    common = lengths[-1]
    spacing = [
        abs(float(axis.get("scale", 1.0))) * (METRES[unit] / METRES[common])
        if unit in METRES
        else None
        for axis, unit in zip(axes, units, strict=True)
    ]
    return spacing, common


def _title(signal: Signal) -> str:
    return str(signal.get("metadata", {}).get("General", {}).get("title", "") or "untitled")


def _metadata(signal: Signal) -> dict[str, Any]:
    """Return what the vendor says, and live and real time where they are found."""
    vendor = plain_or_text(signal.get("metadata", {}))
    return {"vendor": vendor, **times_in(vendor)}


LAYOUT = Layout(
    name="vendor",
    description="Vendors' EDS maps through RosettaSciIO: Bruker .bcf, HyperSpy .hspy, JEOL .pts, "
    "Velox .emd, EDAX .spd, Phenom .elid, DigitalMicrograph .dm3 and .dm4",
    recognise=recognise,
    read=read,
    opens=opens,
    has_datasets=True,
)
