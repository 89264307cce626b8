"""EDF, the ESRF data format: a text header and one image, here a line of spectra.

A fast ("zap") XRF scan leaves one file for each line and detector element, named
``<radix>_xia<element>_<scan>_<zap>_<line>.edf``, that holds the counts (x, energy); ``xiast`` in
place of the element holds statistics, ``xiaS1`` and the like sums over elements. All lines and
elements of the scan are read when one file of it is named.

Facts: the names and statistics as PyMca's ``XiaEdf`` and the ESRF's converter to NeXus (blissdata,
``io/zap``) use them: six columns an element, its number, events, input and output count rate in
1/s, live time of the trigger filter in ms, dead time in %. The header keys ``MCA a``, ``MCA b``,
``MCA c``, ``MCA start ch`` are PyMca's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import FormatError
from napari_xrf_denoise.io.base.contents import FileContents
from napari_xrf_denoise.io.base.file_stack import FileStack
from napari_xrf_denoise.io.base.layout import Layout
from napari_xrf_denoise.io.base.mca_calibration import polynomial_axis
from napari_xrf_denoise.io.options import ReadOptions

from ._edf_file import Edf, is_edf, load, parse

_NAME = re.compile(r"(.+)_xia([0-9]+|S[0-9]+|st)_([0-9]+)_([0-9]+)_([0-9]+)\.edf", re.IGNORECASE)
_STRUCTURE = {"byteorder", "datatype", "dim_1", "dim_2", "size", "headerid", "image"}
_STATISTICS = (
    "output_counts",
    "input_count_rate",
    "output_count_rate",
    "trigger_live_time",
    "fractional_dead_time",
)
_STATISTICS_UNIT = np.array([1, 1, 1, 1e-3, 1e-2])


@dataclass(frozen=True)
class _Scan:
    """The files of one zap scan: ``files[element][line]``."""

    name: str
    files: Mapping[str, Mapping[int, Path]]

    @property
    def elements(self) -> list[str]:
        return sorted((key for key in self.files if key.isdecimal()), key=int)


def recognise(path: Path) -> str | None:
    """Return why this is a line of spectra of a zap scan, or None; other EDFs are images."""
    name = _NAME.fullmatch(path.name)
    if name is None or not is_edf(path):
        return None
    parse(path)
    return f"EDF of a zap scan, element {name[2]}, line {int(name[5])}"


def read(path: Path, options: ReadOptions) -> FileContents:
    """Read the zap scan that a file belongs to, detector elements as repeats; or a single EDF.

    Counts are (element, y, x, energy), or two axes that must be named in a single EDF without a
    calibration. The last line is left out, with a warning, where the scan was stopped in it: some
    elements lack it, or it has fewer points. A missing line in between is an error: zeros in its
    place would be counts that nobody measured, and without it the rows above and below would become
    neighbours.
    """
    name = _NAME.fullmatch(path.name)
    if name is None:
        return _read_single(path)
    scan = _scan_of(path, name)
    wanted = [name[2].upper()] if name[2].upper().startswith("S") else scan.elements
    if name[2].lower() == "st":
        wanted = scan.elements
    if not wanted:
        raise FormatError(
            f"{path}: expected files of spectra such as {scan.name} with _xia00_ beside it, found "
            "statistics only; copy all files of the scan into one folder"
        )
    lines, warnings = _complete_lines(path, scan, wanted)
    first = [parse(scan.files[element][lines[0]]) for element in wanted]
    lines, more = _equal_lines(scan, wanted, lines, first[0])
    warnings += more
    files = [[scan.files[element][line] for line in lines] for element in wanted]
    counts = FileStack(files, load, first[0].shape, first[0].dtype).counts()
    energies, more = _energies(first)
    warnings += more
    scalers, more = _statistics(scan, wanted, lines, first[0].shape[0])
    warnings += more
    return FileContents(
        counts=counts,
        energy_axis=3,
        repeat_axis=0,
        energy=energies[0] if energies else None,
        repeat_energies=energies if _differ(energies) else None,
        repeat_kind="detector",
        name=scan.name,
        metadata={"detector_elements": wanted, "edf_header": _facts(first[0])},
        scalers=scalers,
        warnings=warnings,
    )


def _read_single(path: Path) -> FileContents:
    edf = parse(path)
    energies, warnings = _energies([edf])
    is_spectra = edf.get("MCA b") is not None or edf.get("McaCalib") is not None
    return FileContents(
        counts=load(path),
        energy_axis=1 if is_spectra else None,
        energy=energies[0] if energies else None,
        metadata={"edf_header": _facts(edf)},
        warnings=warnings,
    )


def _scan_of(path: Path, name: re.Match[str]) -> _Scan:
    """Return all files in the folder that differ from this one in element and line only."""
    radix, _, scan, zap, _ = name.groups()
    files: dict[str, dict[int, Path]] = {}
    for other in path.parent.iterdir():
        match = _NAME.fullmatch(other.name)
        if match is None or (match[1], match[3], match[4]) != (radix, scan, zap):
            continue
        element = match[2].upper() if not match[2].isdecimal() else match[2]
        files.setdefault(element, {})[int(match[5])] = other
    return _Scan(f"{radix}_{scan}_{zap}", files)


def _complete_lines(
    path: Path, scan: _Scan, elements: Sequence[str]
) -> tuple[list[int], list[str]]:
    """Return the lines that all elements have, and refuse a hole between them."""
    present = set().union(*(scan.files[element] for element in elements))
    lines = range(min(present), max(present) + 1)
    lacking = {
        line: [element for element in elements if line not in scan.files[element]] for line in lines
    }
    end = len(lines)
    while end and lacking[lines[end - 1]]:
        end -= 1
    holes = [line for line in lines[:end] if lacking[line]]
    # Only the line that was being measured can lack elements; more lines were lost later.
    if holes or len(lines) - end > 1 or end == 0:
        missing = [
            f"line {line} of {', '.join(f'xia{element}' for element in lacking[line])}"
            for line in lines
            if lacking[line]
        ]
        listed = "; ".join(missing[:8]) + (" and more" if len(missing) > 8 else "")
        raise FormatError(
            f"{path}: expected a file for each of lines {lines[0]} to {lines[-1]} and each of "
            f"{len(elements)} detector elements, missing in {path.parent}: {listed}; copy them "
            "there, or move the other files of that element out of the folder"
        )
    warnings = []
    if lines[0] > 0:
        warnings.append(
            f"the scan begins with line {lines[0]}; copy the files of lines 0 to {lines[0] - 1} "
            "beside it if they exist"
        )
    if end < len(lines):
        unfinished = lines[end]
        elements_lacking = ", ".join(f"xia{element}" for element in lacking[unfinished])
        warnings.append(
            f"line {unfinished}, the last one, has no file of {elements_lacking} and was left out; "
            "copy it there if it exists"
        )
    return list(lines[:end]), warnings


def _equal_lines(
    scan: _Scan, elements: Sequence[str], lines: list[int], first: Edf
) -> tuple[list[int], list[str]]:
    """Return the lines of full length; only the last one may be shorter."""
    for line in lines:
        for element in elements:
            file = scan.files[element][line]
            edf = parse(file)
            if (edf.shape, edf.dtype) == (first.shape, first.dtype):
                continue
            shorter = edf.shape[0] < first.shape[0] and edf.shape[1] == first.shape[1]
            if line == lines[-1] and len(lines) > 1 and shorter:
                return lines[:-1], [
                    f"line {line}, the last one, has {edf.shape[0]} of {first.shape[0]} points and "
                    "was left out; to read it, give its file another name"
                ]
            raise FormatError(
                f"{file}: expected {first.shape[0]} points of {first.shape[1]} channels, "
                f"{first.dtype.name}, as in the scan's first line, found {edf.shape[0]} of "
                f"{edf.shape[1]}, {edf.dtype.name}; move files of other scans out of the "
                "folder"
            )
    return lines, []


def _energies(files: Sequence[Edf]) -> tuple[list[EnergyAxis], list[str]]:
    """Return a calibration for each file, or none where one of them has none."""
    axes, warnings = [], []
    for edf in files:
        try:
            whole = (edf.get("McaCalib") or "").split()
            given = whole or [edf.get(f"MCA {letter}") or "" for letter in "abc"]
            coefficients = [float(value) for value in given if value]
            first = int(float(edf.get("MCA start ch") or edf.get("Channel0") or 0))
        except ValueError:
            continue
        if len(coefficients) < 2:
            continue
        axis, unusable = polynomial_axis(coefficients, edf.shape[1], first)
        warnings += [text for text in unusable if text not in warnings]
        if axis is not None:
            axes.append(axis)
    return (axes if len(axes) == len(files) else []), warnings


def _differ(energies: Sequence[EnergyAxis]) -> bool:
    return any(not axis.is_close(energies[0], tolerance=1e-6) for axis in energies[1:])


def _facts(edf: Edf) -> dict[str, str]:
    """Return the header without what describes the file itself, such as the motors' positions."""
    return {
        key: value
        for key, value in edf.header.items()
        if key.lower() not in _STRUCTURE and not key.lower().startswith("edf_")
    }


def _statistics(
    scan: _Scan, elements: Sequence[str], lines: Sequence[int], points: int
) -> tuple[dict[str, NDArray[np.float64]], list[str]]:
    """Return what the ``xiast`` files say of each element, line and point, if they say it of all.

    The live time of the energy filter is not among it, only that of the trigger filter, so no
    ``live_time`` is given.
    """
    files = scan.files.get("ST", {})
    if not files or not all(element.isdecimal() for element in elements):
        return {}, []
    try:
        tables = [load(files[line]).astype(np.float64) for line in lines]
        table = np.stack(tables).reshape(len(lines), points, -1, 1 + len(_STATISTICS))
        numbers = table[0, 0, :, 0].astype(int).tolist()
        order = [numbers.index(int(element)) for element in elements]
    except (KeyError, ValueError) as error:
        return {}, [
            f"the statistics in the xiast files were left out, since they do not fit the spectra "
            f"({type(error).__name__}: {error}); copy all xiast files of the scan again"
        ]
    values = np.moveaxis(table[:, :, order, 1:] * _STATISTICS_UNIT, 2, 0)
    scalers = {name: values[..., column].copy() for column, name in enumerate(_STATISTICS)}
    absent = sorted(set(numbers) - {int(element) for element in elements})
    warnings = []
    if absent:
        listed = ", ".join(f"xia{number:02d}" for number in absent)
        warnings.append(
            f"the statistics name detector elements that have no spectra here: {listed}; copy "
            "their files beside the others if they exist"
        )
    return scalers, warnings


LAYOUT = Layout(
    name="edf",
    description="ESRF EDF: all lines and detector elements of a zap scan, or a single file",
    recognise=recognise,
    read=read,
    opens=is_edf,
)
