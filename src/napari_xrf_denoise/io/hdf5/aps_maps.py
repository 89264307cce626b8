"""Maps of MAPS and XRF-Maps (APS), and the raw fly scans behind them.

::

    version 10                              version 9
    /MAPS/Spectra/mca_arr                   /MAPS/mca_arr         (energy, y, x)
    /MAPS/Spectra/Energy                    /MAPS/energy          keV of each channel
    /MAPS/Spectra/Energy_Calibration        /MAPS/energy_calib    offset, slope, quadratic term
    /MAPS/Spectra/Elapsed_Livetime, Elapsed_Realtime, Input_Counts, Output_Counts    (y, x)
    /MAPS/Scalers/Names, Values             /MAPS/scaler_names, scalers    (s,), (s, y, x)
    /MAPS/Scan/x_axis, y_axis               /MAPS/x_axis, y_axis           (x,), (y,)

    raw fly scan
    /MAPS_RAW/data_a ... data_d             (energy, y, x) int16, one a detector element
    /MAPS_RAW/livetime, realtime, inputcounts, ouputcounts    (element, y, x)

These facts are from XRF-Maps' ``src/io/file/hdf5_io.cpp``; the spelling "ouputcounts" is theirs.
Times are seconds. Raw fly scans hold no calibration.

The electronics count in unsigned 16 bits, and the files store those bits as int16: a channel with
more than 32,767 counts looks negative. Reading int16 as uint16 gives every count back exactly.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import FormatError
from napari_xrf_denoise.core.lazy_arrays import is_dask
from napari_xrf_denoise.io.base.contents import FileContents
from napari_xrf_denoise.io.base.layout import Layout
from napari_xrf_denoise.io.options import ReadOptions

from .detector_elements import (
    aspect,
    axis_of_centers,
    contents_of_elements,
    is_dataset,
    numbers,
    pixel_values,
    polynomial_axis,
    read_elements,
    texts,
)
from .file import in_hdf5, open_hdf5
from .tree import follow

_COUNTS = ("/MAPS/Spectra/mca_arr", "/MAPS/mca_arr")
_RAW = "/MAPS_RAW"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_TIMES = {
    "live_time": ("Elapsed_Livetime", "livetime"),
    "real_time": ("Elapsed_Realtime", "realtime"),
    "input_counts": ("Input_Counts", "inputcounts"),
    "output_counts": ("Output_Counts", "ouputcounts"),
}


@in_hdf5
def recognise(file: Any) -> str | None:
    """Return why this is a map of MAPS, or None."""
    for name in _COUNTS:
        if is_dataset(follow(file, name), 3):
            return f"MAPS counts {name} (energy, y, x) {follow(file, name).shape}"
    letters = _elements(file)
    if not letters or not is_dataset(follow(file, f"{_RAW}/data_{letters[0]}"), 3):
        return None
    return f"MAPS raw fly scan, detector elements {_RAW}/data_{', data_'.join(letters)}"


def read(path: Path, options: ReadOptions) -> FileContents:
    """Read a map of MAPS; the detector elements of a raw fly scan become repeats."""
    with open_hdf5(path) as file:
        for name in _COUNTS:
            if is_dataset(follow(file, name), 3):
                return _read_map(file, path, name)
        return _read_raw(file, path)


def _read_map(file: Any, path: Path, name: str) -> FileContents:
    counts, warnings = _unsigned(read_elements(file, path, [name], energy_axis=0)[0])
    size, *pixels = counts.shape
    shape = (pixels[0], pixels[1])
    scalers = _scalers(file, shape)
    return FileContents(
        counts=counts,
        energy_axis=0,
        energy=_energy(file, size),
        repeat_kind="detector",
        spacing=(None, *aspect(scalers.get("x"), scalers.get("y"))),
        scalers=scalers,
        warnings=warnings,
        dataset=name,
    )


def _read_raw(file: Any, path: Path) -> FileContents:
    letters = _elements(file)
    if not letters:
        raise FormatError(
            f"{path}: expected counts in {' or '.join(_COUNTS)} or in {_RAW}/data_a, found none; "
            "name the counts with dataset='/path' (--dataset /path)"
        )
    names = [f"{_RAW}/data_{letter}" for letter in letters]
    counts, warnings = _unsigned(read_elements(file, path, names, energy_axis=0))
    scalers = {}
    for name, (_, stored) in _TIMES.items():
        values = follow(file, f"{_RAW}/{stored}")
        rows = [_LETTERS.index(letter) for letter in letters]
        if not is_dataset(values, 3) or values.shape[1:] != counts.shape[2:]:
            continue
        if max(rows) < len(values) <= len(_LETTERS):
            by_element = numbers(values)
            if by_element is not None:
                scalers[name] = by_element[rows]
    return contents_of_elements(counts, names, energy_axis=1, scalers=scalers, warnings=warnings)


def _elements(file: Any) -> list[str]:
    """Return the letters of the elements that are named, also if a link leads nowhere."""
    group = follow(file, _RAW)
    if not hasattr(group, "keys"):
        return []
    names = set(group)
    return [letter for letter in _LETTERS if f"data_{letter}" in names]


def _unsigned(counts: Any) -> tuple[Any, list[str]]:
    """Return int16 counts as the uint16 that were measured, and a warning where it matters."""
    if counts.dtype != np.int16:
        return counts, []
    unsigned = counts.view(np.uint16)
    wrapped = 0 if is_dask(counts) else int(np.count_nonzero(counts < 0))
    if not wrapped:
        return unsigned, []
    return unsigned, [
        f"{wrapped} values are negative as int16 and were read as counts above 32,767, as the "
        "electronics counted them; if these pixels look wrong, leave them out with a mask"
    ]


def _energy(file: Any, size: int) -> EnergyAxis | None:
    """Return the calibration: the three coefficients, else the energies as stored."""
    for name in ("/MAPS/Spectra/Energy_Calibration", "/MAPS/energy_calib"):
        item = follow(file, name)
        if is_dataset(item) and 2 <= item.size <= 16:
            values = numbers(item)
            axis = None if values is None else polynomial_axis(values.ravel()[:3].tolist(), size)
            if axis is not None:
                return axis
    for name in ("/MAPS/Spectra/Energy", "/MAPS/energy"):
        item = follow(file, name)
        if is_dataset(item) and item.size == size:
            values = numbers(item)
            axis = None if values is None else axis_of_centers(values.ravel(), size)
            if axis is not None:
                return axis
    return None


def _scalers(file: Any, shape: tuple[int, int]) -> dict[str, NDArray[np.float64]]:
    found: dict[str, NDArray[np.float64]] = {}
    for names, values in (
        ("/MAPS/Scalers/Names", "/MAPS/Scalers/Values"),
        ("/MAPS/scaler_names", "/MAPS/scalers"),
    ):
        labels = texts(follow(file, names))
        dataset = follow(file, values)
        if not found and labels and is_dataset(dataset) and dataset.shape == (len(labels), *shape):
            stored = numbers(dataset)
            if stored is not None:
                found |= dict(zip(labels, stored, strict=True))
    for name, (stored_name, _) in _TIMES.items():
        measured = pixel_values(file, f"/MAPS/Spectra/{stored_name}", shape)
        # Times of 0 throughout were not measured.
        if measured is not None and np.any(measured):
            found[name] = measured
    for name, length in (("x", shape[1]), ("y", shape[0])):
        for place in (f"/MAPS/Scan/{name}_axis", f"/MAPS/{name}_axis"):
            axis = pixel_values(file, place, (length,))
            if axis is not None and name not in found:
                along = axis if name == "x" else axis[:, None]
                found[name] = np.array(np.broadcast_to(along, shape))
    return found


LAYOUT = Layout(
    name="maps",
    description="MAPS and XRF-Maps (APS), versions 9 and 10, and raw fly scans",
    recognise=recognise,
    read=read,
    shares_files=True,
)
