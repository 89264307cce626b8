"""Spectra in text: Amptek ``.mca``, EMSA/MAS ``.msa``, and SPEC files with MCA blocks.

Facts: Amptek's sections ``<<PMCA SPECTRUM>>``, ``<<CALIBRATION>>``, ``<<DATA>>``, ``<<END>>`` as in
the files that its programs write; EMSA/MAS is ISO 22029; for SPEC see `_spec_scans`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError, FormatError, SettingsError
from napari_xrf_denoise.io.base.contents import FileContents
from napari_xrf_denoise.io.base.layout import Layout
from napari_xrf_denoise.io.base.mca_calibration import (
    KEV,
    UNUSABLE,
    linear_axis,
    polynomial_axis,
)
from napari_xrf_denoise.io.base.signatures import first_bytes, looks_like_text
from napari_xrf_denoise.io.options import ReadOptions

from ._csv_header import number
from ._spec_scans import SpecScan, parse, whole_counts

_SNIFFED_BYTES = 2**18
_AMPTEK = "<<PMCA SPECTRUM>>"
_EMSA = re.compile(r"#FORMAT\s*:\s*EMSA", re.IGNORECASE)
_SPEC_SCAN = re.compile(r"^#S\s", re.MULTILINE)
_SPEC_BLOCK = re.compile(r"^@A", re.MULTILINE)
_EV_ABOVE = 1000.0
_NO_X_RAYS = ("ELS", "EELS", "AES", "PES", "CLS")
_SEPARATORS = re.compile(r"[,;\s]+")


def opens(path: Path) -> bool:
    """Whether this is text in one of the three formats."""
    return looks_like_text(path) and _kind(_start(path)) is not None


def recognise(path: Path) -> str | None:
    """Return why this is a file of X-ray spectra, or None."""
    if not looks_like_text(path):
        return None
    start = _start(path)
    kind = _kind(start)
    if kind == "EMSA":
        header = _emsa_header(start.splitlines())
        is_energy = header.get("XUNITS", "").lower() in KEV
        if not is_energy or header.get("SIGNALTYPE", "").upper() in _NO_X_RAYS:
            return None
    return None if kind is None else f"the first lines of {kind} text, with a block of counts"


def read(path: Path, options: ReadOptions) -> FileContents:
    """Read one spectrum, or all spectra of a SPEC file as a list of pixels along y.

    Several MCAs at each point of a SPEC scan become repeats of the kind "detector". Scans of
    different lengths of spectrum are read one at a time, named by number: ``dataset="3"``.
    """
    text = _decoded(path.read_bytes())
    kind = _kind(text)
    if kind == "SPEC":
        return _read_spec(path, text, options)
    if options.datasets:
        raise SettingsError(
            f"{path}: dataset={options.dataset!r} names a scan of a SPEC file, but this file holds "
            "one spectrum; leave it out"
        )
    if kind is None:
        raise FormatError(
            f"{path}: expected Amptek, EMSA/MAS or SPEC text, found none of their first lines; "
            "export the spectrum again"
        )
    lines = text.splitlines()
    return _read_amptek(path, lines) if kind == "Amptek" else _read_emsa(path, lines)


def _start(path: Path) -> str:
    return first_bytes(path, _SNIFFED_BYTES).decode("utf-8-sig", "replace")


def _decoded(content: bytes) -> str:
    """Return text: UTF-8 where it is valid, else Latin-1, which older programs write."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _kind(text: str) -> str | None:
    if text.lstrip().startswith(_AMPTEK):
        return "Amptek"
    if _EMSA.match(text.lstrip()):
        return "EMSA"
    if _SPEC_SCAN.search(text) and _SPEC_BLOCK.search(text):
        return "SPEC"
    return None


def _found_one(
    path: Path,
    counts: NDArray[Any],
    energy: EnergyAxis | None,
    times: Mapping[str, float],
    header: Mapping[str, Any],
    warnings: list[str],
) -> FileContents:
    if counts.size == 0:
        raise FormatError(
            f"{path}: expected counts after the header, found none; the measurement may have been "
            "stopped: export it again"
        )
    return FileContents(
        counts=counts,
        energy_axis=0,
        energy=energy,
        metadata={**times, "header": dict(header)},
        scalers={name: np.array([value]) for name, value in times.items()},
        warnings=warnings,
    )


def _times(values: Iterable[tuple[str, Any]]) -> dict[str, float]:
    """Return the times in s above zero; zero stands for not measured."""
    times = {}
    for name, stored in values:
        value = _number(str(stored))
        if value is not None and value > 0:
            times[name] = value
    return times


def _number(text: str) -> float | None:
    """Return the finite number that a text begins with."""
    value = number(text.split()[0]) if text.split() else None
    return value if value is not None and np.isfinite(value) else None


# Amptek


def _read_amptek(path: Path, lines: Sequence[str]) -> FileContents:
    sections = _sections(lines)
    missing = [name for name in (_AMPTEK.strip("<>"), "DATA", "END") if name not in sections]
    if missing:
        raise FormatError(
            f"{path}: expected the lines <<{'>>, <<'.join(missing)}>> too, found the sections "
            f"{', '.join(sections) or 'none'}; the file is cut off or was altered, export it again"
        )
    header = dict(_entry(line, " - ") for line in sections[_AMPTEK.strip("<>")])
    counts = whole_counts(sections["DATA"], f"{path}, section <<DATA>>")
    energy, warnings = _amptek_energy(sections.get("CALIBRATION", []), counts.size)
    named = (("live_time", "LIVE_TIME"), ("real_time", "REAL_TIME"))
    times = _times((name, header.get(key, "")) for name, key in named)
    return _found_one(path, counts, energy, times, header, warnings)


def _sections(lines: Sequence[str]) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in map(str.strip, lines):
        if line.startswith("<<") and line.endswith(">>"):
            current = sections.setdefault(line[2:-2].strip(), [])
        elif line:
            current.append(line)
    return sections


def _entry(line: str, separator: str) -> tuple[str, str]:
    key, _, value = line.partition(separator.strip() if separator not in line else separator)
    return key.strip(), value.strip()


def _amptek_energy(lines: Sequence[str], size: int) -> tuple[EnergyAxis | None, list[str]]:
    """Return the line through the points (channel, energy) that the user of the program gave."""
    label = ""
    points = []
    for line in lines:
        cells = _SEPARATORS.split(line.strip())
        values = [value for cell in cells if (value := number(cell)) is not None]
        if len(cells) == len(values) == 2:
            points.append(values)
        elif line.upper().startswith("LABEL"):
            label = _entry(line, " - ")[1].lower()
    if not points:
        return None, []
    channels, energies = np.array(points).T
    if np.unique(channels).size < 2 or not np.all(np.isfinite(points)):
        return None, [UNUSABLE.format(found=f"through {len(points)} point(s)")]
    if np.array_equal(channels, energies):
        return None, []
    # The label is "Channel" unless the user changes it, so that it seldom states the unit.
    in_ev = "kev" not in label and (label == "ev" or energies.max() > _EV_ABOVE)
    gain, offset = np.polyfit(channels, energies / 1000 if in_ev else energies, 1)
    return linear_axis(float(offset), float(gain), size)


# EMSA/MAS


def _read_emsa(path: Path, lines: Sequence[str]) -> FileContents:
    header = _emsa_header(lines)
    start = _line_of(lines, "#SPECTRUM")
    if start is None:
        raise FormatError(
            f"{path}: expected counts after a line #SPECTRUM, found no such line; the file is "
            "cut off: export it again"
        )
    end = _line_of(lines, "#ENDOFDATA")
    body = [line for line in lines[start + 1 : end] if not line.startswith("#")]
    cells = [cell for cell in _SEPARATORS.split("\n".join(body)) if cell]
    values = whole_counts(cells, f"{path}, section #SPECTRUM")
    pairs = header.get("DATATYPE", "Y").upper() == "XY"
    expected = _number(header.get("NPOINTS", ""))
    n_expected = values.size if expected is None else int(expected) * (2 if pairs else 1)
    if (
        values.size != n_expected
        or (expected is None and end is None)
        or (pairs and values.size % 2)
    ):
        raise FormatError(
            f"{path}: expected {header.get('NPOINTS', 'a number of')} points as #NPOINTS says"
            f"{', each an energy and a count' if pairs else ''}, found {values.size} values; the "
            "file is cut off, export it again"
        )
    counts = whole_counts(cells[1::2], f"{path}, section #SPECTRUM") if pairs else values
    energy, warnings = _emsa_energy(header, values[::2] if pairs else None, counts.size)
    named = (("live_time", "LIVETIME"), ("real_time", "REALTIME"))
    times = _times((name, header.get(key, "")) for name, key in named)
    return _found_one(path, counts, energy, times, header, warnings)


def _emsa_header(lines: Sequence[str]) -> dict[str, str]:
    """Return keywords and values; a keyword may be followed by its unit, as in ``-s``."""
    header: dict[str, str] = {}
    for line in lines:
        if line.upper().startswith("#SPECTRUM"):
            break
        keyword, colon, value = line.partition(":")
        if colon and keyword.startswith("#"):
            header.setdefault(keyword[1:].split("-")[0].strip().upper(), value.strip())
    return header


def _line_of(lines: Sequence[str], keyword: str) -> int | None:
    places = (place for place, line in enumerate(lines) if line.upper().startswith(keyword))
    return next(places, None)


def _emsa_energy(
    header: Mapping[str, str], centers: NDArray[Any] | None, size: int
) -> tuple[EnergyAxis | None, list[str]]:
    kev = KEV.get(header.get("XUNITS", "").lower())
    if kev is None:
        return None, []
    if centers is not None:
        try:
            return EnergyAxis.from_centers(np.asarray(centers, dtype=np.float64) * kev), []
        except DataError:
            return None, [UNUSABLE.format(found="in the column of energies")]
    offset, gain = (_number(header.get(key, "")) for key in ("OFFSET", "XPERCHAN"))
    return (None, []) if gain is None else linear_axis((offset or 0.0) * kev, gain * kev, size)


# SPEC


def _read_spec(path: Path, text: str, options: ReadOptions) -> FileContents:
    scans = _chosen(path, parse(path, text), options)
    first = scans[0]
    n_detectors, size = first.n_detectors, len(first.blocks[0])
    for scan in scans:
        sizes = {len(block) for block in scan.blocks}
        if sizes != {size} or scan.n_detectors != n_detectors:
            raise FormatError(
                f"{path}: expected spectra of {size} channels and {n_detectors} detector(s) as in "
                f"scan {first.number}, found {sorted(sizes)} channels and {scan.n_detectors} in "
                f"scan {scan.number}; read one scan, with dataset={scan.number!r} (--dataset "
                f"{scan.number}), or copy the file again if it was cut off"
            )
    blocks = [block for scan in scans for block in scan.blocks]
    counts = np.stack(blocks).reshape(-1, n_detectors, size)
    n_points = [len(scan.blocks) // n_detectors for scan in scans]
    energy, warnings = _spec_energy(scans, size)
    scalers = _spec_times(scans, n_points)
    metadata: dict[str, Any] = {"scans": [f"{scan.number} {scan.title}".strip() for scan in scans]}
    if counts.shape[0] == 1:
        metadata.update({name: float(values[0]) for name, values in scalers.items()})
    several = n_detectors > 1
    return FileContents(
        counts=counts if several else counts[:, 0],
        energy_axis=2 if several else 1,
        repeat_axis=1 if several else None,
        repeat_kind="detector" if several else "scan",
        energy=energy,
        metadata=metadata,
        scalers=scalers,
        warnings=warnings,
    )


def _chosen(path: Path, scans: list[SpecScan], options: ReadOptions) -> list[SpecScan]:
    """Return the scans that the user named by number, or all."""
    numbers = [scan.number for scan in scans]
    absent = [name for name in options.datasets if name not in numbers]
    if not scans or absent:
        wanted = f"scan {', '.join(absent)}" if absent else "blocks @A"
        raise FormatError(
            f"{path}: expected spectra in {wanted}, found scans with spectra: "
            f"{', '.join(numbers) or 'none'}; name others with dataset (--dataset)"
        )
    return [scan for scan in scans if not options.datasets or scan.number in options.datasets]


def _spec_energy(scans: Sequence[SpecScan], size: int) -> tuple[EnergyAxis | None, list[str]]:
    """Return the calibration of the scans, that of the first where they differ."""
    calibrations = [scan.numbers("CALIB") for scan in scans]
    if len(calibrations[0]) < 2:
        return None, []
    _, first, step = scans[0].channels
    energy, warnings = polynomial_axis(calibrations[0], size, first, step)
    others = [
        scan.number
        for scan, calibration in zip(scans, calibrations, strict=True)
        if (calibration, *scan.channels[1:]) != (calibrations[0], first, step)
    ]
    if others:
        warnings.append(
            f"the calibration of scan {scans[0].number} was used for all scans; those of "
            f"{', '.join(others[:8])} differ; read them one at a time with dataset (--dataset)"
        )
    return energy, warnings


def _spec_times(
    scans: Sequence[SpecScan], n_points: Sequence[int]
) -> dict[str, NDArray[np.float64]]:
    """Return live and real time of each point, where every scan says them."""
    times = [scan.numbers("CTIME") for scan in scans]
    if any(len(values) != 3 or min(values[1:]) <= 0 for values in times):
        return {}
    live, real = (np.repeat([values[place] for values in times], n_points) for place in (1, 2))
    return {"live_time": live, "real_time": real}


LAYOUT = Layout(
    name="spectrum_text",
    description="Spectra in text: Amptek .mca, EMSA/MAS .msa, SPEC files with MCA blocks",
    recognise=recognise,
    read=read,
    opens=opens,
    has_datasets=True,
)
