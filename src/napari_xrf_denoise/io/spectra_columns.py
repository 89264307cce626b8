"""Tables of spectra in columns, as the Spectrum dock and `write_spectra` save them.

The first row names the columns: ``channel``, perhaps ``energy (keV)``, and a spectrum in each that
ends in ``(counts per channel)``. Standard deviations stand beside them, and are no spectra.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.errors import DataError, FormatError

from ._csv_header import Header, energy_axis
from ._found import Found
from ._options import ReadOptions
from ._signatures import looks_like_text
from .csv_table import whole

CHANNEL, ENERGY, COUNTS = "channel", "energy (keV)", " (counts per channel)"
DEVIATION = ", standard deviation"
_SNIFFED_BYTES = 2**20


def opens(path: Path) -> bool:
    """Whether the first row names such columns."""
    return recognise(path) is not None


def recognise(path: Path) -> str | None:
    """Return why this is a table of spectra in columns, or None; one row is looked at."""
    if not looks_like_text(path):
        return None
    with path.open("rb") as file:
        start = file.read(_SNIFFED_BYTES).decode("utf-8-sig", "replace")
    names = next(csv.reader(start.splitlines()), [])
    found = _spectra(names)
    if names[:1] != [CHANNEL] or not found:
        return None
    return f"columns named {CHANNEL} and “{names[found[0]]}”"


def read(path: Path, options: ReadOptions) -> Found:
    """Read the spectra that share the first column of channels, as repeats.

    Raises
    ------
    FormatError
        If a row is cut off, or a cell is no number; the message says which.
    DataError
        If an axis is named: the file says which they are.
    """
    if options.energy_axis is not None or options.repeat_axis is not None:
        raise DataError(
            f"{path}: the first row says that the columns are spectra; leave energy_axis and "
            "repeat_axis out"
        )
    text = path.read_bytes().decode("utf-8-sig", "replace")
    names, *rows = csv.reader(text.splitlines())
    spectra = _spectra(names)
    has_energies = names[1] == ENERGY
    table = _numbers(path, names, rows, [int(has_energies), *spectra])
    axis = Header(table[0], 0, is_row=True, unit="keV" if has_energies else CHANNEL, is_own=True)
    labels = [names[column].removesuffix(COUNTS) for column in spectra]
    warnings = []
    if len(labels) > 1:
        warnings.append(
            f"the columns {', '.join(labels)} are read as repeats of one measurement; where they "
            "are not, choose one with repeats (--repeats 0)"
        )
    left_out = [name for name in names[_width(names) :] if name.endswith(COUNTS)]
    if left_out:
        warnings.append(
            f"columns with energies of their own are left out: {', '.join(left_out)}; to read "
            "them, save them alone"
        )
    return Found(
        counts=whole(table[1:]),
        energy_axis=1,
        repeat_axis=0,
        energy=energy_axis(axis),
        metadata={"spectra": labels},
        warnings=warnings,
        settled=True,
    )


def _width(names: list[str]) -> int:
    """Return how many columns belong to the first column of channels."""
    others = (at for at, name in enumerate(names) if at and name.startswith(f"{CHANNEL} of "))
    return next(others, len(names))


def _spectra(names: list[str]) -> list[int]:
    return [
        at
        for at, name in enumerate(names[: _width(names)])
        if name.endswith(COUNTS) and DEVIATION not in name
    ]


def _numbers(
    path: Path, names: list[str], rows: list[list[str]], columns: list[int]
) -> NDArray[np.float64]:
    """Return these columns as rows, down to where the first column ends."""
    values = []
    for place, row in enumerate(rows, start=2):
        if len(row) != len(names):
            raise FormatError(
                f"{path}: row {place} has {len(row)} cells, expected {len(names)} as in the first "
                "row; the file may be cut off: copy or save it again"
            )
        if not row[0]:
            break  # columns to the right have more channels
        try:
            values.append([float(row[column]) for column in columns])
        except ValueError:
            wrong = next(column for column in columns if not _is_number(row[column]))
            raise FormatError(
                f"{path}: row {place}, column {wrong + 1} ({names[wrong]}): expected a number, "
                f"found {row[wrong][:40]!r}; correct the cell"
            ) from None
    if not values:
        raise FormatError(f"{path}: expected a row for each channel below the names, found none")
    return np.array(values).T


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
