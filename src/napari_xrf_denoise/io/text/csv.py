"""CSV tables of spectra: each row a spectrum, the header the energies of the channels.

The header is in keV, or in eV where values exceed 1,000. A column that only numbers or names the
rows is no channel, and neither is a last channel that collects all counts above the range: it is
left out, and its counts are kept in the metadata. The rows become repeats.
"""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError, FormatError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.io.base.contents import FileContents
from napari_xrf_denoise.io.base.layout import Layout
from napari_xrf_denoise.io.base.signatures import first_bytes, looks_like_text
from napari_xrf_denoise.io.options import ReadOptions

from ._csv_header import (
    CHANNEL,
    COUNTS,
    DELIMITERS,
    ENERGY,
    FEWEST_CHANNELS,
    OWN_LABELS,
    Header,
    energy_axis,
    in_kev,
    number,
    out_of_order,
    read_header,
    rises,
    whole,
)

SUFFIXES = (".csv",)
_READ_SUFFIXES = (".csv", ".tsv", ".txt", ".dat")
_HIGHEST_KEV = 200.0
_SNIFFED_BYTES = 2**20
_NEIGHBOURS = 16


def opens(path: Path) -> bool:
    """Whether the name says that this is a table, and the content is text."""
    return path.name.lower().endswith(_READ_SUFFIXES) and looks_like_text(path)


def recognise(path: Path) -> str | None:
    """Return why this is a table of spectra, or None; only the first two rows are looked at."""
    if not opens(path):
        return None
    start = first_bytes(path, _SNIFFED_BYTES)
    lines = list(islice(_lines(start.decode("utf-8-sig", "replace")), 2))
    if len(lines) < 2:
        return None
    delimiter = _delimiter(lines)
    header, row = (_cells(line.text, delimiter) for line in lines)
    if len(header) != len(row) or len(header) < FEWEST_CHANNELS:
        return None
    first = read_header(header)
    if first.energies is None or any(number(cell) is None for cell in row[first.n_labels :]):
        return None
    energies, calibrated = in_kev(first)
    # Numbered columns may be any table; only our own header says that they are channels.
    plausible = energies[-1] <= _HIGHEST_KEV if calibrated else first.unit == "channel"
    if not plausible:
        return None
    unit = "keV" if calibrated else "channels"
    return f"a header that rises from {energies[0]:g} to {energies[-1]:g} {unit}, rows of numbers"


def read(path: Path, options: ReadOptions) -> FileContents:
    """Read a table of spectra; with ``energy_axis=0`` its columns are the spectra."""
    if options.energy_axis not in (None, 0, 1, -1, -2):
        raise DataError(
            f"{path}: energy_axis={options.energy_axis} does not exist in a table; expected 1 "
            "(rows are spectra) or 0 (columns are spectra)"
        )
    if options.repeat_axis not in (None, 0, 1, -1, -2):
        raise DataError(
            f"{path}: repeat_axis={options.repeat_axis} does not exist in a table, in which "
            "spectra are the repeats; leave it out"
        )
    table = _load(path, by_columns=options.energy_axis in (0, -2))
    # What this program wrote had its overflow taken off before.
    counts, overflow = (table.counts, None) if table.is_own else _split_overflow(table.counts)
    energy = table.energy
    if energy is not None and overflow is not None:
        energy = energy[: energy.size - 1]
    metadata = {} if overflow is None else {"overflow_counts": overflow}
    return FileContents(
        counts=whole(counts),
        energy_axis=1,
        repeat_axis=0,
        energy=energy,
        metadata=metadata,
        settled=True,
    )


def write(path: Path, image: SpectrumImage) -> None:
    """Write a list of spectra: counts and energies only; HDF5 and OME-TIFF keep the rest too."""
    if image.is_map:
        raise DataError(
            f"a CSV table holds a list of spectra, shape (repeat, 1, 1, energy); found a map of "
            f"shape {image.shape}: write it as .h5 or .ome.tif"
        )
    energy = image.energy
    assert energy is not None
    whole = image.counts.dtype.kind in "iu"
    # Nine digits give back the same float32, seventeen the same float64.
    digits = ".9g" if image.counts.dtype.itemsize <= 4 else ".17g"
    with path.open("x", encoding="ascii", newline="") as file:
        unit = OWN_LABELS[0 if energy.calibrated else 1]
        file.write(",".join([unit, *(repr(float(value)) for value in energy.centers)]) + "\n")
        for repeat in range(image.n_repeats):
            for _, band in image.select(repeats=repeat).blocks():
                values = band.ravel().tolist()
                cells = map(str, values) if whole else (format(value, digits) for value in values)
                file.write(",".join([str(repeat), *cells]) + "\n")


@dataclass(frozen=True)
class _Line:
    number: int  # in the file, from 1
    text: str


@dataclass(frozen=True)
class _Table:
    counts: NDArray[np.float64]
    energy: EnergyAxis | None
    is_own: bool = False


def _load(path: Path, *, by_columns: bool) -> _Table:
    text = path.read_bytes().decode("utf-8-sig", "replace")
    lines = list(_lines(text))
    if not lines:
        raise FormatError(
            f"{path}: expected a table of numbers, found blank lines; export it again"
        )
    delimiter = _delimiter(lines[:2])
    if by_columns:
        lines, delimiter = _transposed(path, lines, delimiter), ","
    header_cells = _cells(lines[0].text, delimiter)
    if len(header_cells) < 2:
        raise FormatError(
            f"{path}: expected rows of numbers separated by commas, semicolons, tabs or blanks, "
            f"found one column that begins with {lines[0].text[:40]!r}"
        )
    header = read_header(header_cells)
    _check_header(path, lines, header_cells, header, by_columns)
    body = lines[1:] if header.is_row else lines
    _check_width(path, body, delimiter, len(header_cells))
    counts = _numbers(path, body, delimiter, header.n_labels, by_columns)
    if header.n_labels == 0 and header.energies is None and _numbers_rows(counts[:, 0]):
        counts = counts[:, 1:]
    _suggest_columns(path, counts, header, header_cells)
    return _Table(counts, energy_axis(header), header.is_own)


def _check_header(
    path: Path, lines: list[_Line], cells: list[str], header: Header, by_columns: bool
) -> None:
    """Refuse energies that are damaged, which would pass as a row of counts, or stand alone."""
    wrong = None if header.is_row else out_of_order(cells)
    if len(lines) == 1 and (header.is_row or wrong is not None):
        raise FormatError(
            f"{path}: expected {'columns' if by_columns else 'rows'} of counts after the energies, "
            "found none; the file may be cut off: copy or export it again"
        )
    if wrong is not None:
        row, column = ("column", "row") if by_columns else ("row", "column")
        raise FormatError(
            f"{path}: {row} {lines[0].number} looks like energies, but {column} {wrong + 1} "
            f"({cells[wrong][:40]!r}) does not increase like the others; correct it, or, if these "
            f"are counts, put a {row} of energies before them"
        )


def _lines(text: str) -> Any:
    for place, line in enumerate(io.StringIO(text), start=1):
        if line.strip() and not line.startswith("#"):
            yield _Line(place, line.rstrip("\r\n"))


def _delimiter(lines: list[_Line]) -> str | None:
    """Return what separates cells, None for blanks."""
    for delimiter in DELIMITERS:
        if all(delimiter in line.text for line in lines):
            return delimiter
    return None


def _cells(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return line.split()
    if delimiter == ";":
        line = line.replace(",", ".")
    cells = line.split(delimiter)
    if '"' in line:
        # Where a stray quotation mark holds too much together, the cell it is in is no number.
        with suppress(csv.Error):
            cells = next(csv.reader([line], delimiter=delimiter))
    return [cell.strip() for cell in cells]


def _check_width(path: Path, lines: list[_Line], delimiter: str | None, width: int) -> None:
    for line in lines:
        found = len(_cells(line.text, delimiter))
        if found != width:
            raise FormatError(
                f"{path}: row {line.number} has {found} cells, expected {width} as in the first "
                "row; the file may be cut off: copy or export it again"
            )


def _numbers(
    path: Path, lines: list[_Line], delimiter: str | None, n_labels: int, by_columns: bool
) -> NDArray[np.float64]:
    width = len(_cells(lines[0].text, delimiter))
    try:
        return np.loadtxt(
            (line.text.replace(",", ".") if delimiter == ";" else line.text for line in lines),
            delimiter=delimiter,
            comments=None,
            quotechar='"',
            usecols=range(n_labels, width),
            ndmin=2,
        )
    except ValueError:
        _name_bad_cell(path, lines, delimiter, n_labels, by_columns)


def _name_bad_cell(
    path: Path, lines: list[_Line], delimiter: str | None, n_labels: int, by_columns: bool
) -> NoReturn:
    row, column = ("column", "row") if by_columns else ("row", "column")
    for line in lines:
        for place, cell in enumerate(_cells(line.text, delimiter), start=1):
            if place > n_labels and number(cell) is None:
                found = f"{cell[:40]!r}" if cell else "an empty cell"
                raise FormatError(
                    f"{path}: {row} {line.number}, {column} {place}: expected counts as a number, "
                    f"found {found}; correct the cell or remove the {row}"
                )
    raise FormatError(f"{path}: expected rows of numbers, found cells that cannot be read")


def _transposed(path: Path, lines: list[_Line], delimiter: str | None) -> list[_Line]:
    rows = [_cells(line.text, delimiter) for line in lines]
    _check_width(path, lines, delimiter, len(rows[0]))
    columns = zip(*rows, strict=True)
    return [_Line(place, ",".join(column)) for place, column in enumerate(columns, start=1)]


def _numbers_rows(column: NDArray[np.float64]) -> bool:
    """Whether a column only counts the rows, from 0 or from 1."""
    rows = np.arange(column.size)
    return column.size >= 3 and (np.array_equal(column, rows) or np.array_equal(column, rows + 1))


def _suggest_columns(
    path: Path, counts: NDArray[np.float64], header: Header, names: list[str]
) -> None:
    """Refuse a transposed table: few columns, the first of them energies."""
    n_rows, n_columns = counts.shape
    on_its_side = n_rows > FEWEST_CHANNELS > n_columns + 1 and rises(counts[:, 0])
    if header.energies is None and (on_its_side or n_rows > 8 * n_columns):
        found = f"{path}: expected rows to be spectra, found {n_rows} rows of {n_columns} numbers"
        if names[0] == CHANNEL:
            # In a transposed table, energies would be read as a spectrum.
            raise FormatError(
                f"{found}; if the columns are the spectra, name each as "
                f"“map{COUNTS}”, and energies “{ENERGY}”"
            )
        raise FormatError(
            f"{found}; if the columns are the spectra, give energy_axis=0 (--energy-axis 0)"
        )


def _split_overflow(
    counts: NDArray[np.float64],
) -> tuple[NDArray[np.float64], list[int] | None]:
    """Take off a last channel that holds far more than its neighbours could, in every spectrum.

    Counts of neighbouring channels are Poisson of nearly one rate; a sum that lies ten standard
    deviations above five times that rate is no part of the spectrum.
    """
    if counts.shape[1] <= 2 * _NEIGHBOURS or not np.all(np.isfinite(counts)):
        return counts, None
    last, neighbours = counts[:, -1], counts[:, -1 - _NEIGHBOURS : -1]
    measured = counts.any(axis=1)
    expected = 5 * neighbours.mean(axis=1).sum()
    stands_out = last.sum() > expected + 10 * np.sqrt(expected + 1)
    if not stands_out or not np.all(last[measured] > neighbours[measured].max(axis=1)):
        return counts, None
    return counts[:, :-1], [int(value) for value in last]


LAYOUT = Layout(
    name="csv",
    description="CSV table of spectra: rows are spectra, the header holds the energies",
    recognise=recognise,
    read=read,
    opens=opens,
    write=write,
    suffixes=SUFFIXES,
)
