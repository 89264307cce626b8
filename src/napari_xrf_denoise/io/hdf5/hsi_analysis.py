"""HDF5 files of napari-hsi-analysis: a cube and its energies, side by side at the top.

The program reads ``XRFdata`` or ``data``, with the axes (y, x, energy), and ``ENERGY`` or ``WL``,
and writes ``data`` and ``WL`` whatever they are. So ``WL`` may hold the wavelengths of a picture
in light: it is an energy only if it begins near 0, as the scale of an X-ray detector does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_xrf_denoise.core.errors import DataError, FormatError
from napari_xrf_denoise.io.base.contents import FileContents, place
from napari_xrf_denoise.io.base.layout import Layout
from napari_xrf_denoise.io.options import ReadOptions

from .energies import centers_in_kev, length, stored_energies, unusable
from .file import get_dataset, in_hdf5, open_hdf5, read_counts
from .tree import follow, members

_CUBES = ("XRFdata", "data")
_SCALES = ("ENERGY", "WL")
_NEAR_ZERO = 0.1
"""Share of its end at which an energy scale begins at most; light from 350 to 2,500 nm has 0.14."""


@in_hdf5
def recognise(file: Any) -> str | None:
    """Return why this is a cube of X-ray spectra of napari-hsi-analysis, or None."""
    cube, scale = _names(file)
    if not cube or not scale:
        return None
    shape = getattr(follow(file, cube), "shape", None)
    size = length(follow(file, scale))
    if shape is None or len(shape) != 3 or shape[2] != size or not _is_energy(file, scale):
        return None
    return f"cube {cube} {shape} with {scale}"


def read(path: Path, options: ReadOptions) -> FileContents:
    """Read the cube with its energies."""
    with open_hdf5(path) as file:
        cube, scale = _names(file)
        dataset = get_dataset(file, path, cube or _CUBES[0])
        where = place(path, dataset.name)
        if dataset.ndim != 3:
            raise FormatError(
                f"{where}: expected the axes (y, x, energy), found shape {dataset.shape}; name "
                "another dataset with dataset='/path' (--dataset /path)"
            )
        size = dataset.shape[2]
        energy = None
        warnings = []
        values = follow(file, scale) if scale else None
        if values is not None and length(values) != size:
            raise FormatError(
                f"{where}: expected energies for the {size} channels of the last axis in {scale}, "
                f"found shape {values.shape}; read the cube alone with dataset={cube!r} and "
                f"energy_axis=... (--dataset {cube} --energy-axis)"
            )
        if values is not None and _is_energy(file, scale):
            try:
                energy = stored_energies(values, size)
            except DataError as error:
                warnings.append(unusable(scale, error))
        elif values is not None:
            warnings.append(
                f"{scale} runs from {values[0]:g} to {values[-1]:g}, which may be a "
                "wavelength instead of an energy, and was ignored; this program is for X-ray counts"
            )
        return FileContents(
            counts=read_counts(dataset, path, energy_axis=options.energy_axis),
            energy_axis=2,
            energy=energy,
            warnings=warnings,
            dataset=dataset.name,
        )


def _names(file: Any) -> tuple[str, str]:
    """Return the names of cube and scale, "" where there is none."""
    cube = next((name for name in _CUBES if name in members(file)), "")
    return cube, next((name for name in _SCALES if name in members(file)), "")


def _is_energy(file: Any, scale: str) -> bool:
    if scale == "ENERGY":
        return True
    values = follow(file, scale)
    size = length(values)
    if not size:
        return False
    centers = centers_in_kev(values, size)
    return bool(centers[0] <= _NEAR_ZERO * centers[-1])


LAYOUT = Layout(
    name="hsi_analysis",
    description="HDF5 of napari-hsi-analysis: XRFdata or data, with ENERGY or WL",
    recognise=recognise,
    read=read,
    shares_files=True,
)
