"""PyMca's HDF5 and other NeXus files: spectra found by what NeXus and PyMca say about datasets.

Counts are the signal of an NXdata group (``@signal``; in older files ``@signal = 1`` of the
dataset) that has an energy axis, a dataset with ``@interpretation = "spectrum"``, or one that by
name is an MCA's: PyMca's ``NexusTools`` takes datasets whose own or whose group's name begins with
``mca``. PyMca's export of a stack is ``/data/NXdata/data`` with the axes ``dim_0`` to ``dim_2``.
The last axis of a spectrum is the energy, unless ``@axes`` says otherwise.

Beside the counts, in a group ``info`` there, or in the NXdetector above, PyMca looks for
``calibration`` = [a, b, c], keV = a + b·channel + c·channel², ``channels`` and ``live_time``.

The NeXus manual (base classes NXdata and NXdetector) orders axes as scan points, parts of the
detector, spectrum.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError, FormatError
from napari_xrf_denoise.io.base.contents import (
    FileContents,
    ask_for_energy_axis,
    existing_axis,
    place,
    x_comes_first,
)
from napari_xrf_denoise.io.base.layout import Layout
from napari_xrf_denoise.io.options import ReadOptions

from . import generic
from ._nxdata_spectra import Spectra, clear, containers, find
from .energies import energy_beside, in_seconds, numbers, stored_energies, unusable
from .file import describe_candidates, in_hdf5, open_hdf5
from .links import get_linked, homes, read_linked, text
from .tree import attribute, follow, identity, members

_ENERGY_FIRST = {"MAPS", "MAPS_RAW"}
"""Groups of other layouts that name counts ``mca…`` too, whose first axis is the energy."""
_OTHER_ROOTS = {"xrfmap", "xrmmap", *_ENERGY_FIRST}
_SCALERS = {"live_time": "live_time", "elapsed_time": "real_time", "i0": "i0", "it": "it"}


@in_hdf5
def recognise(file: Any) -> str | None:
    """Return why one dataset surely holds spectra; None also if several may be meant."""
    if _OTHER_ROOTS & set(members(file)):
        return None
    found = clear(file, _marked(file))
    return f"{found[0]}: {found[0].reason}" if len(found) == 1 else None


@in_hdf5
def opens(file: Any) -> bool:
    """Whether the file holds datasets that may be spectra, of which the user names one."""
    return bool(_marked(file))


def beside(path: Path, taken: str) -> list[str]:
    """Return the marked spectra of a file in words, except the dataset that was read."""
    with open_hdf5(path) as file:
        read_one = follow(file, taken) if taken else None
        known = None if read_one is None else identity(read_one)
        return [
            str(spectra)
            for spectra in _marked(file)
            if spectra.is_clear and identity(spectra.dataset) != known
        ]


def read(path: Path, options: ReadOptions) -> FileContents:
    """Read spectra with the axes, calibration and live time that the file gives.

    A detector axis becomes the repeats. If there are no spectra, several, or an axis without a
    stated meaning, the error lists the choice.
    """
    if len(options.datasets) > 1:
        return generic.read(path, options)
    with open_hdf5(path) as file:
        if options.datasets:
            spectra = _named(file, path, options.datasets[0])
        else:
            spectra = _chosen(file, path)
        return _read(path, spectra, options)


def _marked(file: Any, but_in: Set[str] = _OTHER_ROOTS) -> list[Spectra]:
    """Return the datasets that may hold spectra, without those in groups of other layouts."""
    return [one for one in find(file) if one.path.split("/")[1] not in but_in]


def _named(file: Any, path: Path, name: str) -> Spectra:
    """Return the dataset that the user named, with what the file says about it."""
    dataset = get_linked(file, path, name)
    for spectra in _marked(file, _ENERGY_FIRST):
        if identity(spectra.dataset) == identity(dataset):
            return spectra
    holder, _, last = name.rstrip("/").rpartition("/")
    group = file[holder or "/"]
    return Spectra(group, last, dataset, (), None, None, "named by the user")


def _chosen(file: Any, path: Path) -> Spectra:
    """Return the only spectra of the file, or refuse with those to choose from."""
    found = _marked(file)
    found = clear(file, found) or found
    if len(found) == 1:
        return found[0]
    if not found:
        raise FormatError(
            f"{path}: expected spectra marked as NeXus or PyMca do it, found none; name the counts "
            f"with dataset='/path' (--dataset /path). {describe_candidates(file)}"
        )
    raise FormatError(
        f"{path}: expected one dataset of spectra, found {len(found)}; choose one with "
        f"dataset='/path' (--dataset /path): {'; '.join(str(spectra) for spectra in found[:12])}"
        + (f" and {len(found) - 12} more" if len(found) > 12 else "")
    )


def _read(path: Path, spectra: Spectra, options: ReadOptions) -> FileContents:
    dataset = get_linked(spectra.group, path, spectra.name)
    shape = dataset.shape
    energy_axis, repeat_axis = _effective_axes(spectra, options, path)
    energy: EnergyAxis | None = None
    warnings: list[str] = []
    if spectra.energy_axis is not None:
        energy, warnings = _energy(spectra)
    groups = _places(spectra)
    if len(shape) == 3 and repeat_axis is None and _is_detector(groups) and not any(spectra.axes):
        warnings.append(
            f"the axes of {spectra.path} {shape} are not named, and were taken for y, x and "
            "energy; if axis 1 is the detector's elements, give repeat_axis=1 and "
            'repeat_kind="detector" (--repeat-axis 1 --repeat-kind detector)'
        )
    spacing, unit = _spacing(spectra)
    rows = [axis for axis in range(len(shape)) if axis not in (energy_axis, repeat_axis)]
    turned = x_comes_first(spectra.axes, energy_axis, repeat_axis)
    scalers, odd = _scalers(groups, shape, energy_axis, repeat_axis)
    return FileContents(
        counts=read_linked([dataset], energy_axis, rows[1 if turned else 0] if rows else 0)[0],
        energy_axis=spectra.energy_axis,
        repeat_axis=spectra.repeat_axis,
        energy=energy,
        repeat_kind="scan" if spectra.repeat_axis is None else "detector",
        spacing=spacing,
        spacing_unit=unit,
        metadata=_metadata(spectra),
        scalers=scalers,
        warnings=warnings + odd,
        axis_names=spectra.axes,
        dataset=spectra.path,
    )


def _effective_axes(spectra: Spectra, options: ReadOptions, path: Path) -> tuple[int, int | None]:
    """Return the axes as the user and the file state them, or refuse with the choice."""
    where, shape = place(path, spectra.path), spectra.dataset.shape
    energy_axis = spectra.energy_axis if options.energy_axis is None else options.energy_axis
    repeat_axis = spectra.repeat_axis if options.repeat_axis is None else options.repeat_axis
    if energy_axis is None and len(shape) == 1:
        energy_axis = 0
    if energy_axis is None:
        ask_for_energy_axis(where, shape)
    energy_axis = existing_axis("energy_axis", energy_axis, shape, where)
    if repeat_axis is not None:
        repeat_axis = existing_axis("repeat_axis", repeat_axis, shape, where)
    others = [axis for axis in range(len(shape)) if axis != energy_axis]
    if len(others) - (repeat_axis is not None) > 2:
        names = f" named {', '.join(spectra.axes)}" if any(spectra.axes) else " without names"
        raise FormatError(
            f"{where}: expected pixels, energy and perhaps detector elements; found shape {shape} "
            f"with axes{names}, the energy being axis {energy_axis}. Say which of the axes "
            f"{others} holds the elements or repeats, with repeat_axis=... (--repeat-axis), for "
            f'example repeat_axis={others[-1]}, repeat_kind="detector" (--repeat-axis {others[-1]} '
            "--repeat-kind detector); another energy axis with energy_axis=... (--energy-axis)"
        )
    return energy_axis, repeat_axis


def _places(spectra: Spectra) -> list[Any]:
    """Return the groups to look in for what stands beside the counts, the nearest first."""
    places = []
    for group in homes(spectra.group, spectra.name):
        places += [group, *containers(group)]
    return places


def _is_detector(groups: Iterable[Any]) -> bool:
    return any(text(attribute(group, "NX_class")) == "NXdetector" for group in groups)


def _energy(spectra: Spectra) -> tuple[EnergyAxis | None, list[str]]:
    """Return the energies of the named axis, else those beside the counts, and warnings."""
    axis = spectra.energy_axis
    assert axis is not None
    size = spectra.dataset.shape[axis]
    name = spectra.axes[axis] if spectra.axes else ""
    values = follow(spectra.group, name) if name else None
    unit = text(attribute(values, "units")).lower() if values is not None else ""
    is_energy = unit in ("kev", "ev") or "energy" in name.lower()
    if is_energy:
        try:
            energy = stored_energies(values, size)
        except DataError as error:
            return None, [unusable(f"axis {name}", error)]
        if energy is not None:
            return energy, []
    return energy_beside(_places(spectra), size)


def _scalers(
    groups: Iterable[Any], shape: tuple[int, ...], energy_axis: int, repeat_axis: int | None
) -> tuple[dict[str, NDArray[np.float64]], list[str]]:
    """Return times and beam intensities beside the counts, repeats first, and warnings."""
    pixels = [axis for axis in range(len(shape)) if axis != energy_axis]
    grid = [shape[axis] for axis in pixels]
    n_repeats = 1 if repeat_axis is None else shape[repeat_axis]
    found: dict[str, NDArray[np.float64]] = {}
    warnings: list[str] = []
    for group in groups:
        for name, standard in _SCALERS.items():
            dataset = follow(group, name)
            values = numbers(dataset)
            if values is None or standard in found:
                continue
            if standard.endswith("_time"):
                unit = in_seconds(dataset)
                if unit is None:
                    warnings.append(
                        f"{name} has the unit {text(attribute(dataset, 'units'))!r}, expected one "
                        "of time, and was left out"
                    )
                    continue
                values = values * unit
            if repeat_axis is not None and values.size == np.prod(grid):
                values = np.moveaxis(values.reshape(grid), pixels.index(repeat_axis), 0)
            if values.size in (np.prod(grid), np.prod(grid) // n_repeats):
                found[standard] = values
    return found, warnings


def _spacing(spectra: Spectra) -> tuple[list[float | None], str]:
    """Return the distances along the pixel axes whose positions have units, all the same."""
    spacing: list[float | None] = []
    units = set()
    for position, name in enumerate(spectra.axes):
        values = follow(spectra.group, name) if name else None
        unit = text(attribute(values, "units")) if values is not None else ""
        step = None
        is_pixel = position not in (spectra.energy_axis, spectra.repeat_axis)
        if is_pixel and unit and spectra.dataset.shape[position] > 1:
            places = numbers(values)
            if places is not None and places.size == spectra.dataset.shape[position]:
                step = abs(float(np.median(np.diff(places)))) or None
                units.add(unit)
        spacing.append(step)
    return (spacing, units.pop()) if len(units) == 1 else ([], "pixel")


def _metadata(spectra: Spectra) -> dict[str, Any]:
    entry = follow(spectra.group.file, spectra.group.name.split("/")[1] or "/")
    title = text(follow(entry, "title")) if members(entry) else ""
    return {"dataset": spectra.path, **({"title": title} if title else {})}


LAYOUT = Layout(
    name="nxdata",
    description="HDF5 of PyMca and other NeXus files whose spectra are marked",
    recognise=recognise,
    read=read,
    opens=opens,
    has_datasets=True,
    reads_any_dataset=True,
    shares_files=True,
)
