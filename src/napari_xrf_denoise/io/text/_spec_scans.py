"""SPEC files: scans of ``#`` lines, rows of numbers and blocks ``@A`` of counts.

Facts: "SPEC data file format" in SPEC's manual. ``#@CHANN`` number, first, last, reduction;
``#@CALIB`` a, b, c; ``#@CTIME`` preset, live, real; ``#@MCA_NB`` detectors at each point; a block
goes on after lines that end in a backslash.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.errors import FormatError

from ._csv_header import number


@dataclass
class SpecScan:
    """A scan with its ``#@`` lines and its blocks of counts."""

    number: str
    title: str
    """As in the line ``#S``, like the number."""
    header: dict[str, list[str]]
    """The words of each ``#@`` line, by its first word."""
    blocks: list[NDArray[Any]]
    """Counts (channels,) of each block."""
    n_rows: int = 0
    """Rows of motor positions and counters, one for each point."""

    @property
    def n_detectors(self) -> int:
        """MCAs at each point: as ``#@MCA_NB`` says, else blocks to a row."""
        stated = self.header.get("MCA_NB", ["0"])[:1]
        n = int(stated[0]) if stated and stated[0].isdecimal() else 0
        if n == 0 and self.n_rows and len(self.blocks) % self.n_rows == 0:
            n = len(self.blocks) // self.n_rows
        return n if n and len(self.blocks) % n == 0 else 1

    @property
    def channels(self) -> tuple[int, int, int]:
        """Number of channels (0 if not said), the first one, and the step from one to the next."""
        stated = [int(value) for value in self.numbers("CHANN")]
        if len(stated) < 2:
            return 0, 0, 1
        return stated[0], stated[1], max(1, stated[3]) if len(stated) > 3 else 1

    def numbers(self, key: str) -> list[float]:
        """Return the numbers of a ``#@`` line, none where it is missing or holds others."""
        try:
            values = [float(cell) for cell in self.header.get(key, [])]
        except ValueError:
            return []
        return values if np.all(np.isfinite(values)) else []


def parse(path: Path, text: str) -> list[SpecScan]:
    """Return the scans that have blocks of counts."""
    scan = SpecScan("", "", {}, [])
    common = scan.header  # what stands above the first scan holds for all
    scans = [scan]
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("#S"):
            name, _, title = line[2:].strip().partition(" ")
            scan = SpecScan(name, title.strip(), dict(common), [])
            scans.append(scan)
        elif line.startswith("#@") and len(line) > 2:
            key, *values = line[2:].split() or [""]
            scan.header[key.upper()] = values
        elif line.startswith("@A"):
            scan.blocks.append(_block(path, scan, line, lines.__next__))
        elif line.strip() and not line.startswith("#"):
            scan.n_rows += 1
    return [scan for scan in scans if scan.blocks]


def _block(path: Path, scan: SpecScan, line: str, next_line: Callable[[], str]) -> NDArray[Any]:
    """Return the counts of a block, which may go on over several lines."""
    where = f"{path}, scan {scan.number or 'without #S'}, block @A {len(scan.blocks) + 1}"
    cells: list[str] = []
    part = line.partition(" ")[2] if " " in line else line[2:]
    while part.rstrip().endswith("\\"):
        cells += part.rstrip()[:-1].split()
        try:
            part = next_line()
        except StopIteration:
            raise FormatError(
                f"{where}: ends in the middle; the file is cut off or still being written, copy it "
                "again when the measurement is over"
            ) from None
    counts = whole_counts(cells + part.split(), where)
    expected, _, step = scan.channels
    if counts.size == 0 or (step == 1 and counts.size < expected):
        raise FormatError(
            f"{where}: expected {expected or 'some'} channels as #@CHANN says, found "
            f"{counts.size}; the file is cut off or still being written, copy it again when the "
            "measurement is over"
        )
    return counts


def whole_counts(cells: list[str], where: str) -> NDArray[Any]:
    """Return numbers in text as whole counts, or as floats if they are not whole."""
    try:
        values = np.array(cells, dtype=np.float64)
    except ValueError:
        bad = next(cell for cell in cells if number(cell) is None)
        raise FormatError(
            f"{where}: expected counts as numbers, found {bad[:40]!r}; the file is damaged or cut "
            "off, export it again"
        ) from None
    whole = np.all(np.isfinite(values)) and np.all(values == np.rint(values))
    if whole and values.size and values.min() >= 0 and values.max() < 2**32:
        return values.astype(np.uint32)
    return values
