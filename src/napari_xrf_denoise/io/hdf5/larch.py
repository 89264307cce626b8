"""Maps of larch's GSEMapper (APS, 13-ID-E).

::

    /xrmmap                     @Version, @Last_Row: the last row that is finished, from 0
        mca1 ... mcaN           one group a detector element
            counts              (y, x, energy) uint32
            energy              keV of each channel    @cal_offset, @cal_slope, @cal_quad
            livetime, realtime  (y, x) in microseconds
            dtfactor            (y, x) by which counts are multiplied to correct for dead time
            inpcounts, outcounts
        mcasum                  the same for the sum, of counts times dtfactor
        positions               name (n,), pos (y, x, n): fast axis, slow axis, then mean times
        scalars                 (y, x) each
        config, roimap, areas

Version 1 has the root ``xrfmap`` and the groups ``det1 ... detN`` and ``detsum``. These facts are
from ``GSEXRM_MapFile.build_schema`` and ``add_rowdata`` in larch's ``xrmmap/xrm_mapfile.py``; that
times are microseconds, from its readers of the xMAP (``io/xrf_netcdf.py``) and the Xspress3
(``io/xsp3_hdf5.py``). Arrays grow in steps of many rows while a map is measured, so that rows after
``Last_Row`` are not data.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import FormatError
from napari_xrf_denoise.io.base.contents import FileContents
from napari_xrf_denoise.io.base.layout import Layout
from napari_xrf_denoise.io.options import ReadOptions

from .detector_elements import (
    attributes,
    axis_of_centers,
    contents_of_elements,
    element_groups,
    holds_counts,
    is_dataset,
    numbers,
    pixel_values,
    polynomial_axis,
    read_elements,
    texts,
)
from .file import in_hdf5, open_hdf5
from .tree import follow, members

_ROOTS = ("/xrmmap", "/xrfmap")
_ELEMENTS = r"(?:mca|det)(\d+)"
_SUMS = ("mcasum", "detsum")
_SECONDS = 1e-6
_OF_ELEMENTS = {
    "livetime": ("live_time", _SECONDS),
    "realtime": ("real_time", _SECONDS),
    "inpcounts": ("input_counts", 1.0),
    "outcounts": ("output_counts", 1.0),
    "dtfactor": ("dtfactor", 1.0),
}


@in_hdf5
def recognise(file: Any) -> str | None:
    """Return why this is a map of larch, or None."""
    root = _root(file)
    names = [] if root is None else _groups(root)
    if not names:
        return None
    return f"larch's group {root.name} with config or roimap, counts in {', '.join(names)}"


def read(path: Path, options: ReadOptions) -> FileContents:
    """Read the finished rows of a map; detector elements, where they are kept, become repeats."""
    warnings = []
    with open_hdf5(path) as file:
        root = _root(file)
        groups = [] if root is None else _groups(root)
        if root is None or not groups:
            raise FormatError(
                f"{path}: expected groups mca1 ... or mcasum with counts, found none; the map may "
                "not have been collected: process it in larch again"
            )
        names = [f"{root.name}/{group}/counts" for group in groups]
        finished = _finished_rows(root, path)
        counts = read_elements(file, path, names, energy_axis=2)
        _, height, width, size = counts.shape
        if finished is not None and finished > height:
            warnings.append(
                f"Last_Row = {finished - 1} of group {root.name} cannot be, since the map has "
                f"{height} rows; all were read, also those that were perhaps not finished: look "
                "at the last rows"
            )
        if finished is not None and finished < height:
            warnings.append(
                f"the last {height - finished} of {height} rows were not finished and are left "
                "out; to have them, let larch process the map again when the scan is over"
            )
            counts = counts[:, :finished]
        rows = slice(0, counts.shape[1])
        energies = [_energy(root[group], size) for group in groups]
        scalers = _scalers(root, groups, (height, width), rows)
        if groups[0] in _SUMS and not _is_plain_sum(counts, scalers):
            warnings.append(
                f"{groups[0]} is a sum that larch corrected for dead time, or interpolated where "
                "calibrations differ, so its noise is not Poisson and the dose gain cannot be "
                "known; build the map in larch with all detector elements (all_mcas) and read that"
            )
        metadata = {"larch": attributes(root)}
    known = [energy for energy in energies if energy is not None]
    differ = any(not np.array_equal(energy.centers, known[0].centers) for energy in known)
    return contents_of_elements(
        counts,
        names,
        energy_axis=3,
        energy=energies[0],
        repeat_energies=known if differ and len(known) == len(energies) else None,
        metadata=metadata,
        scalers=scalers,
        warnings=warnings,
    )


def _root(file: Any) -> Any:
    """Return the group of the map, None where there is none or it is PyXRF's."""
    for name in _ROOTS:
        root = follow(file, name)
        if hasattr(root, "keys") and ("config" in root or "roimap" in root):
            return root
    return None


def _groups(root: Any) -> list[str]:
    """Return the names of the groups of the detector elements, else of their sum.

    Maps built with the sum alone may have groups of elements that were never filled.
    """
    elements = element_groups(root, _ELEMENTS)
    if elements and not all(_is_empty(follow(root, f"{name}/counts")) for name in elements):
        return elements
    return [name for name in _SUMS if holds_counts(root, f"{name}/counts")][:1]


def _is_empty(dataset: Any) -> bool:
    return is_dataset(dataset) and dataset.chunks and dataset.id.get_storage_size() == 0


def _finished_rows(root: Any, path: Path) -> int | None:
    """Return how many rows are finished, None where the file does not say.

    ``Last_Row`` begins as the text "-1", and is a number once there are rows.
    """
    last = attributes(root).get("Last_Row", "")
    try:
        rows = int(last) + 1
    except (TypeError, ValueError):
        return None
    if rows < 1:
        raise FormatError(
            f"{path}, group {root.name}: expected at least one finished row, found Last_Row = "
            f"{last}; let larch process the map again when the scan has begun"
        )
    return rows


def _energy(group: Any, size: int) -> EnergyAxis | None:
    """Return the calibration of an element: its coefficients, else the energies as stored."""
    dataset = follow(group, "energy")
    if not is_dataset(dataset):
        return None
    names = ("cal_offset", "cal_slope", "cal_quad")
    given = {name: value for name, value in attributes(dataset).items() if name in names}
    coefficients = [given.get(name, 0.0) for name in names]
    if all(isinstance(value, int | float) for value in coefficients):
        axis = polynomial_axis(coefficients, size)
        if axis is not None:
            return axis
    return axis_of_centers(numbers(dataset), size) if dataset.shape == (size,) else None


def _scalers(
    root: Any, groups: list[str], shape: tuple[int, int], rows: slice
) -> dict[str, NDArray[np.float64]]:
    found: dict[str, NDArray[np.float64]] = {}
    for stored, (name, factor) in _OF_ELEMENTS.items():
        values = [pixel_values(root, f"{group}/{stored}", shape) for group in groups]
        good = [array[rows] * factor for array in values if array is not None]
        # Times of 0 throughout were not measured.
        if len(good) == len(groups) and np.any(good):
            found[name] = np.stack(good)
    scalars = follow(root, "scalars")
    for name in members(scalars):
        values_of_pixels = pixel_values(scalars, name, shape)
        if values_of_pixels is not None:
            found[name] = values_of_pixels[rows]
    names = texts(follow(root, "positions/name"))
    positions = follow(root, "positions/pos")
    if is_dataset(positions, 3) and positions.shape == (*shape, len(names)):
        # The mean times of the elements follow the motors.
        axes = [index for index, name in enumerate(names) if not name.startswith("mca ")][:2]
        values_of_all = numbers(positions)
        if values_of_all is not None:
            for axis, index in zip(("x", "y"), axes, strict=False):
                found[axis] = values_of_all[rows, :, index]
    return found


def _is_plain_sum(counts: Any, scalers: dict[str, NDArray[np.float64]]) -> bool:
    """Whether a sum of elements is one of photons, judged by its middle row."""
    factor = scalers.get("dtfactor")
    if factor is not None and not np.allclose(factor, 1.0, rtol=0, atol=1e-6):
        return False
    row = np.asarray(counts[0, counts.shape[1] // 2])
    return bool(np.all(row == np.rint(row)))


LAYOUT = Layout(
    name="larch",
    description="GSEMapper maps of larch (APS 13-ID-E): detector elements with their calibrations",
    recognise=recognise,
    read=read,
    shares_files=True,
)
