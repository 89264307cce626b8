"""HDF5 files of the ESRF's control system BLISS: lists of spectra, put back into their map.

::

    /{n}.1                              one scan; in a master file a link to another file
        title                           the command, such as "amesh sy 0 1 10 sz 0 2 20 0.1"
        instrument/<detector>/data      (points, energy), one group a detector element
        instrument/<detector>/live_time, elapsed_time, events …        (points,)
        instrument/positioners/<motor>  (points,) where it moved
        measurement/<detector>          the same counts, by a link
        measurement/<detector>_live_time …, measurement/<counter>      (points,)

The layout is that of blisswriter and of the tests of ewoksfluo, which also define the times:
``live_time`` is that of the energy filter, ``elapsed_time`` · (1 − ``fractional_dead_time``);
``trigger_live_time`` is that of the fast filter; ``triggers`` are what came in and ``events`` what
went out. ``measurement/elapsed_time`` is none of these: it is the time since the scan began.

A mesh of n intervals has n + 1 points, and its first motor is the fast one. Motors that go back
and forth measure every other row backwards, as their positions show.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError, FormatError
from napari_xrf_denoise.io.base.contents import FileContents, place
from napari_xrf_denoise.io.base.file_stack import stack
from napari_xrf_denoise.io.base.layout import Layout
from napari_xrf_denoise.io.options import ReadOptions

from . import energies as _hdf5_energies
from ._bliss_grid import Grid, find_grid
from .file import describe_candidates, in_hdf5, open_hdf5
from .links import get_linked, homes, read_linked, text
from .tree import attribute, follow, identity, lost_link, members

_SCAN = re.compile(r"(?:.*_)?(\d+)\.(\d+)")  # "2.1", in files of a whole sample "name_0001_2.1"
_MOST_SCANS_LOOKED_INTO = 50
_FEWEST_CHANNELS = 16
_SCALERS = {
    "live_time": "live_time",
    "elapsed_time": "real_time",
    "triggers": "input_counts",
    "events": "output_counts",
    "trigger_live_time": "trigger_live_time",
    "fractional_dead_time": "fractional_dead_time",
}
_SPECTRUM_MARKS = {*_SCALERS, "spectrum", "calibration", "channels"}
_SPECTRUM_NAME = re.compile(r"mca|xia|fx\d|falcon|xspress|xmap|mercury", re.IGNORECASE)
_SUM_NAME = re.compile(r"(?:^|_)sum(?:$|_|\d)|sum$", re.IGNORECASE)
_POSITIONERS = "instrument/positioners"


@dataclass(frozen=True)
class _Detector:
    """One detector element: where its spectra are, and what was measured with each."""

    name: str
    group: Any
    key: str
    dataset: Any
    scalers: dict[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"{self.group.name.rstrip('/')}/{self.key}"


@in_hdf5
def recognise(file: Any) -> str | None:
    """Return why this is a file of BLISS scans with spectra, or None."""
    for scan in _scans(file)[:_MOST_SCANS_LOOKED_INTO]:
        detectors = _detectors(follow(file, scan))
        if detectors:
            return f"scan {scan} with the spectra {detectors[0].path}"
    return None


def read(path: Path, options: ReadOptions) -> FileContents:
    """Read one scan: its detector elements as repeats, its points as rows of a map.

    ``dataset`` picks a scan, "2.1", or one or several of its detectors,
    "/2.1/measurement/fx1_det0"; otherwise the first scan with spectra is read. Counts are
    (detector, slow, fast, energy), without the first axis if there is one detector; points that are
    no complete map stay a list.
    """
    with open_hdf5(path) as file:
        warnings: list[str] = []
        if options.datasets:
            scan, detectors = _named(file, path, options.datasets)
        else:
            scan, detectors = _first(file, path, warnings)
        group = follow(file, scan)
        detectors = _alike(detectors, group, bool(options.datasets), warnings)
        return _read(group, path, scan, detectors, warnings)


def _scans(file: Any) -> list[str]:
    """Return the names of the scans in the order they were measured, also of broken links."""
    matches = [match for match in map(_SCAN.fullmatch, members(file)) if match is not None]
    matches.sort(key=lambda match: (match[0][: match.start(1)], int(match[1]), int(match[2])))
    return [match[0] for match in matches]


def _first(file: Any, path: Path, warnings: list[str]) -> tuple[str, list[_Detector]]:
    """Return the first scan that holds spectra; the others go into a warning."""
    scans = _scans(file)
    with_spectra = {}
    for scan in scans[:_MOST_SCANS_LOOKED_INTO]:
        detectors = _detectors(follow(file, scan))
        if detectors:
            with_spectra[scan] = detectors
    if not with_spectra:
        broken = _broken(file, scans[:_MOST_SCANS_LOOKED_INTO])
        raise FormatError(
            f"{path}: expected scans with spectra of a detector, found none in "
            f"{', '.join(scans[:12]) or 'the file'}. "
            + (
                f"These links lead nowhere: {_few(broken)}; copy the files that they name beside "
                "this one. "
                if broken
                else ""
            )
            + "Name the counts with dataset='/path' (--dataset /path). "
            + describe_candidates(file)
        )
    first, *others = with_spectra
    if len(scans) > _MOST_SCANS_LOOKED_INTO:
        others += scans[_MOST_SCANS_LOOKED_INTO:]
    if others:
        titles = [f"{scan} ({_title(file, scan)})" for scan in others[:12]]
        warnings.append(
            f"of {len(with_spectra)} scans with spectra the first, {first} "
            f"({_title(file, first)}), was read; choose another with dataset={others[0]!r} "
            f"(--dataset {others[0]}): {_few(titles, len(others))}"
        )
    return first, with_spectra[first]


def _named(file: Any, path: Path, names: Sequence[str]) -> tuple[str, list[_Detector]]:
    """Return the scan and the detectors that the user named."""
    chosen: dict[str, list[str]] = {}
    for name in names:
        scan, _, rest = name.strip("/").partition("/")
        chosen.setdefault(scan, []).append(rest)
    if len(chosen) > 1:
        raise DataError(
            f"{path}: expected detectors of one scan, found the scans {', '.join(chosen)} in "
            "dataset; read them one by one"
        )
    scan, parts = next(iter(chosen.items()))
    if scan not in members(file):
        raise FormatError(
            f"{path}: expected the name of a scan in dataset, found {scan!r}; there are "
            f"{_few(_scans(file)) or 'none'}"
        )
    if follow(file, scan) is None:
        get_linked(file, path, scan)  # which says where the link leads
    detectors = _detectors(follow(file, scan))
    if not any(parts):
        if not detectors:
            raise FormatError(
                f"{place(path, scan)}: expected spectra in this scan, found none; links that lead "
                f"nowhere: {_few(_broken(file, [scan])) or 'none'}. {describe_candidates(file)}"
            )
        return scan, detectors
    return scan, [_named_detector(file, path, f"{scan}/{part}", detectors) for part in parts]


def _named_detector(file: Any, path: Path, name: str, detectors: list[_Detector]) -> _Detector:
    if "data" in members(follow(file, name)):
        name = f"{name}/data"
    dataset = get_linked(file, path, name)
    if dataset.ndim != 2:
        raise FormatError(
            f"{place(path, name)}: expected spectra with the axes (points, energy), found shape "
            f"{dataset.shape}; in this scan there are {_few([item.path for item in detectors])}"
        )
    for detector in detectors:
        if identity(detector.dataset) == identity(dataset):
            return detector
    holder, _, key = name.rpartition("/")
    return _Detector(key, follow(file, holder), key, dataset)


def _detectors(scan: Any) -> list[_Detector]:
    """Return the detector elements of a scan, each once."""
    found: dict[Any, _Detector] = {}
    names: set[str] = set()
    for part in ("instrument", "measurement"):
        parent = follow(scan, part) if part in members(scan) else None
        for name in members(parent):
            item = follow(parent, name)
            if members(item):
                detector = _detector_of_group(name, item)
            else:
                detector = _detector_of_counter(name, parent, item)
            # A copy or a virtual dataset is the same element by name, though not by identity.
            if detector is not None and name not in names:
                names.add(name)
                found.setdefault(identity(detector.dataset), detector)
    return list(found.values())


def _detector_of_group(name: str, group: Any) -> _Detector | None:
    """Return the detector of ``instrument/<name>``; its group distinguishes it from a camera's."""
    kind = text(follow(group, "type"))
    if kind and "mca" not in kind.lower():
        return None
    for key in ("data", "spectrum"):
        dataset = follow(group, key)
        if not _holds_spectra(dataset):
            continue
        if kind or _SPECTRUM_MARKS & (set(members(group)) - {key}) or _says_spectrum(name, dataset):
            scalers = {mark: follow(group, mark) for mark in _SCALERS if mark in members(group)}
            return _Detector(name, group, key, dataset, scalers)
    return None


def _detector_of_counter(name: str, group: Any, dataset: Any) -> _Detector | None:
    """Return the detector of ``measurement/<name>``; its other counters begin with its name."""
    if not _holds_spectra(dataset):
        return None
    scalers = {mark: follow(group, f"{name}_{mark}") for mark in _SCALERS}
    scalers = {mark: counter for mark, counter in scalers.items() if counter is not None}
    if scalers or _says_spectrum(name, dataset):
        return _Detector(name, group, name, dataset, scalers)
    return None


def _holds_spectra(dataset: Any) -> bool:
    shape: tuple[int, ...] = getattr(dataset, "shape", None) or ()
    is_list = len(shape) == 2 and 0 not in shape and dataset.dtype.kind in "iuf"
    return is_list and shape[1] >= _FEWEST_CHANNELS


def _says_spectrum(name: str, dataset: Any) -> bool:
    stated = text(attribute(dataset, "interpretation"))
    return stated == "spectrum" or bool(_SPECTRUM_NAME.match(name))


def _alike(
    detectors: list[_Detector], scan: Any, are_named: bool, warnings: list[str]
) -> list[_Detector]:
    """Return the detectors that can be repeats of each other, with a warning about the others."""
    size = detectors[0].dataset.shape[1]
    alike = [detector for detector in detectors if detector.dataset.shape[1] == size]
    elements = [detector for detector in alike if not _SUM_NAME.search(detector.name)]
    if elements and not are_named:
        alike = elements  # a sum is no measurement of its own
    left = [detector.path for detector in detectors if detector not in alike]
    if left:
        warnings.append(
            f"left out, being a sum or of another number of channels than {alike[0].path}: "
            f"{_few(left)}; read one with dataset={left[0]!r} (--dataset {left[0]})"
        )
    broken = [] if are_named else _broken(scan, [""])
    if broken:
        warnings.append(
            f"these links lead nowhere: {_few(broken)}; if they are detectors that should be "
            "read, copy the files that they name beside this one"
        )
    return alike


def _broken(file: Any, scans: Sequence[str]) -> list[str]:
    """Return the links among scans and detectors that lead nowhere, in words."""
    broken = []
    for scan in scans:
        if scan and follow(file, scan) is None:
            broken.append(_whither(file, scan))
            continue
        group = follow(file, scan) if scan else file
        for part in ("instrument", "measurement"):
            parent = follow(group, part) if part in members(group) else None
            for name in members(parent):
                item = follow(parent, name)
                if item is None:
                    broken.append(_whither(parent, name))
                elif "data" in members(item) and follow(item, "data") is None:
                    broken.append(_whither(item, "data"))
    return broken


def _whither(group: Any, name: str) -> str:
    """Return the place and the target of a link that leads nowhere."""
    lost = lost_link(group, name)
    return f"{group.name.rstrip('/')}/{name}" + (f" -> {lost.target}" if lost else "")


def _read(
    group: Any, path: Path, scan: str, detectors: list[_Detector], warnings: list[str]
) -> FileContents:
    datasets = [get_linked(detector.group, path, detector.key) for detector in detectors]
    lengths = [dataset.shape[0] for dataset in datasets]
    if len(set(lengths)) > 1:
        warnings.append(
            f"the detectors hold {min(lengths)} to {max(lengths)} points; the first {min(lengths)} "
            "were read, since the scan was stopped or is still running; read the file again when "
            "it is over"
        )
    title = text(follow(group, "title"))
    grid = find_grid(title, _positions(group), min(lengths), warnings)
    lists = read_linked(datasets, energy_axis=1)
    cubes = [grid.arrange(counts[: grid.n_points]) for counts in lists]
    energies = [_energy(detector, warnings) for detector in detectors]
    several = len(cubes) > 1
    return FileContents(
        counts=stack(cubes) if several else cubes[0],
        energy_axis=cubes[0].ndim if several else cubes[0].ndim - 1,
        repeat_axis=0 if several else None,
        stacked=several,
        energy=energies[0],
        repeat_kind="detector" if several else "scan",
        spacing=[*([None] * several), *grid.spacing, None] if grid.unit else (),
        spacing_unit=grid.unit or "pixel",
        metadata={
            "scan": scan,
            "title": title,
            "start_time": text(follow(group, "start_time")),
            "detectors": [detector.name for detector in detectors],
        },
        scalers=_scalers(group, detectors, grid),
        repeat_energies=(
            [energy for energy in energies if energy is not None]
            if several and None not in energies
            else None
        ),
        warnings=warnings,
        dataset=", ".join(detector.path for detector in detectors),
    )


def _energy(detector: _Detector, warnings: list[str]) -> EnergyAxis | None:
    groups = list(homes(detector.group, detector.key))
    energy, fresh = _hdf5_energies.energy_beside(groups, detector.dataset.shape[1])
    warnings += fresh
    return energy


def _title(file: Any, scan: str) -> str:
    group = follow(file, scan)
    return text(follow(group, "title")) if "title" in members(group) else ""


def _positions(scan: Any) -> dict[str, tuple[NDArray[np.float64], str]]:
    """Return (values, unit) of the motors that have a value for each point."""
    moved = [(_POSITIONERS, name) for name in members(follow(scan, _POSITIONERS))]
    named = set(text(follow(scan, "title")).split())
    moved += [
        ("measurement", name) for name in members(follow(scan, "measurement")) if name in named
    ]
    found: dict[str, tuple[NDArray[np.float64], str]] = {}
    for part, name in moved:
        dataset = follow(scan, f"{part}/{name}")
        values = _hdf5_energies.numbers(dataset)
        if values is not None and values.ndim == 1 and values.size > 1:
            found.setdefault(name, (values, text(attribute(dataset, "units"))))
    return found


def _scalers(scan: Any, detectors: list[_Detector], grid: Grid) -> dict[str, NDArray[np.float64]]:
    """Return what was measured at each point: times of each detector, counters, positions."""
    found: dict[str, NDArray[np.float64]] = {}
    for mark, standard in _SCALERS.items():
        lists = [_points(detector.scalers.get(mark), grid) for detector in detectors]
        complete = [values for values in lists if values is not None]
        if len(complete) == len(detectors):
            found[standard] = np.stack(complete)
    positions = _positions(scan)
    measurement = follow(scan, "measurement")
    prefixes = tuple(f"{detector.name}_" for detector in detectors)
    for name in members(measurement):
        values = None if name.startswith(prefixes) else _points(follow(measurement, name), grid)
        if values is not None and name not in found:
            found[name] = values
    for axis, name in (("y", grid.slow), ("x", grid.fast)):
        motor = positions.get(name)
        if motor is not None and motor[0].size >= grid.n_points:
            found.pop(name, None)
            found[axis] = grid.arrange(motor[0][: grid.n_points])
    return found


def _points(dataset: Any, grid: Grid) -> NDArray[np.float64] | None:
    """Return a counter as the map has its pixels, None if it has not a value for each point."""
    values = _hdf5_energies.numbers(dataset)
    if values is None or values.ndim != 1 or values.size < grid.n_points:
        return None
    unit = _hdf5_energies.in_seconds(dataset)  # None of counters, which stay as they are
    arranged: NDArray[np.float64] = grid.arrange(values[: grid.n_points] * (unit or 1.0))
    return arranged


def _few(names: Sequence[str], total: int | None = None, most: int = 12) -> str:
    more = (len(names) if total is None else total) - min(len(names), most)
    return "; ".join(names[:most]) + (f"; and {more} more" if more > 0 else "")


LAYOUT = Layout(
    name="bliss",
    description="HDF5 of ESRF's BLISS: scans with lists of spectra, put back into their map",
    recognise=recognise,
    read=read,
    has_datasets=True,
    reads_any_dataset=True,
    shares_files=True,
    names_all=True,
)
