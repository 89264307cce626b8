"""Tables of spectra in columns, as the Spectrum dock and `write_spectra` save them.

The first row names the columns: ``channel``, perhaps ``energy (keV)``, and a spectrum in each that
ends in ``(counts per channel)``. Standard deviations and differences of spectra stand beside them,
and are no spectra. Spreadsheets may have put semicolons or tabs in the place of the commas.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xrf_denoise.core.atomic_write import replacing
from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError, FormatError
from napari_xrf_denoise.io.base.contents import FileContents
from napari_xrf_denoise.io.base.layout import Layout
from napari_xrf_denoise.io.base.signatures import first_bytes, looks_like_text
from napari_xrf_denoise.io.options import ReadOptions

from ._csv_header import (
    CHANNEL,
    COUNTS,
    DELIMITERS,
    ENERGY,
    Header,
    energy_axis,
    number,
    rises,
    whole,
)


def deviation_name(spectrum: str, kind: str) -> str:
    """Return the name of a standard deviation of a kind, such as Poisson, in a table."""
    return f"{spectrum}, standard deviation, {kind}"


def write_spectra(
    path: str | Path,
    spectra: Mapping[str, ArrayLike],
    energy: EnergyAxis | Mapping[str, EnergyAxis],
    *,
    overwrite: bool = False,
) -> Path:
    """Write spectra to a CSV file: channels, energies, and a column of counts for each.

    Spectra with the same energies share the columns of channel and energy; those with others get
    columns of their own to the right. The first row names each column with its unit.

    Parameters
    ----------
    path : str or pathlib.Path
    spectra : mapping of str to array_like, shape (energy,)
        Counts per channel by name. What is called ``"NAME, standard deviation, KIND"`` beside a
        spectrum NAME is not taken for another spectrum when the file is read.
    energy : EnergyAxis, or mapping of str to EnergyAxis
        Of all, or of each by its name. Without a calibration there are channels alone.
    overwrite : bool
        Whether a file that is there may be replaced.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    DataError
        If a spectrum has another number of channels than its energy axis, or has none.
    FileExistsError
        If there is a file and it may not be replaced.
    OSError
        If the file cannot be written; nothing is left of it then.

    Examples
    --------
    >>> import tempfile
    >>> axis = EnergyAxis(0.5, 0.01, 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_spectra(Path(folder, "spectra.csv"), {"map": [4, 9]}, axis)
    ...     print(path.read_text("utf-8-sig").strip())
    channel,energy (keV),map (counts per channel)
    0,0.5,4.0
    1,0.51,9.0
    """
    columns = _columns(spectra, energy)
    path = Path(path)
    # With a mark that it is UTF-8, which spreadsheets otherwise do not expect.
    with (
        replacing(path, overwrite=overwrite) as temporary,
        temporary.open("w", newline="", encoding="utf-8-sig") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip_longest(*columns.values(), fillvalue=""))
    return path


def _columns(
    spectra: Mapping[str, ArrayLike], energy: EnergyAxis | Mapping[str, EnergyAxis]
) -> dict[str, Sequence[Any]]:
    columns: dict[str, Sequence[Any]] = {}
    for axis, names in _by_axis(spectra, energy):
        # Columns of further energies are named after their first spectrum.
        of = f" of {names[0]}" if columns else ""
        columns[f"{CHANNEL}{of}"] = range(axis.size)
        if axis.calibrated:
            columns[f"energy{of} (keV)"] = [round(float(energy), 9) for energy in axis.centers]
        for name in names:
            counts = np.asarray(spectra[name], np.float64)
            if counts.shape != (axis.size,):
                raise DataError(
                    f"{name}: expected {axis.size} channels, as its energy axis has, found an "
                    f"array of shape {counts.shape}"
                )
            columns[f"{name}{COUNTS}"] = counts.tolist()
    return columns


def _by_axis(
    names: Mapping[str, Any], energy: EnergyAxis | Mapping[str, EnergyAxis]
) -> list[tuple[EnergyAxis, list[str]]]:
    """Return the axes that differ, each with the names of what has it."""
    groups: list[tuple[EnergyAxis, list[str]]] = []
    for name in names:
        own = energy if isinstance(energy, EnergyAxis) else energy.get(name)
        if own is None:
            raise DataError(f"{name}: there is no energy axis of this name; give one")
        for axis, group in groups:
            if axis.is_close(own, 1e-6):
                group.append(name)
                break
        else:
            groups.append((own, [name]))
    return groups


_SNIFFED_BYTES = 2**20

Row = tuple[int, list[str]]
"""The line of the file that a row begins in, and its cells."""


def recognise(path: Path) -> str | None:
    """Return why this is a table of spectra in columns, or None; one row is looked at."""
    if not looks_like_text(path):
        return None
    start = first_bytes(path, _SNIFFED_BYTES).decode("utf-8-sig", "replace")
    delimiter = _delimiter(start)
    if delimiter is None:
        return None
    names = next(csv.reader(io.StringIO(start, newline=""), delimiter=delimiter))
    found = _spectra(names)
    return f"columns named {CHANNEL} and “{names[found[0]]}”" if found else None


def read(path: Path, options: ReadOptions) -> FileContents:
    """Read the spectra that share the first column of channels, as repeats."""
    if options.energy_axis is not None or options.repeat_axis is not None:
        raise DataError(
            f"{path}: the columns are spectra, as the first row states; leave out energy_axis and "
            "repeat_axis"
        )
    (_, names), *rows = _rows(path)
    spectra = _spectra(names)
    has_energies = names[1] == ENERGY
    beside = [0, 1] if has_energies else [0]
    # Columns to the right may have more channels.
    rows = [row for row in rows if any(row[1][column] for column in beside + spectra)]
    table = _numbers(path, names, rows, beside + spectra)
    _check_channels(path, rows, table[0], has_energies)
    if has_energies:
        _check_energies(path, rows, table[1])
    unit = "keV" if has_energies else CHANNEL
    axis = Header(table[len(beside) - 1], 0, is_row=True, unit=unit, is_own=True)
    labels = [names[column].removesuffix(COUNTS) for column in spectra]
    counts, labels, warnings = _without_differences(table[len(beside) :], labels)
    if len(labels) > 1:
        warnings.append(
            f"the columns {', '.join(labels)} are read as repeats of one measurement; if they "
            "are not, choose one with repeats (--repeats 0)"
        )
    others = [name for name in names[_width(names) :] if name.endswith(COUNTS)]
    if others:
        warnings.append(
            f"columns with their own energies were skipped: {', '.join(others)}; to read "
            "them, save them separately"
        )
    return FileContents(
        counts=whole(counts),
        energy_axis=1,
        repeat_axis=0,
        energy=energy_axis(axis),
        metadata={"spectra": labels},
        warnings=warnings,
        settled=True,
    )


def _delimiter(text: str) -> str | None:
    """Return what follows the first name, which is that of the channels; None where it is not."""
    names = (f"{quote}{CHANNEL}{quote}" for quote in ("", '"'))
    return next((d for name in names for d in DELIMITERS if text.startswith(name + d)), None)


def _width(names: list[str]) -> int:
    """Return how many columns belong to the first column of channels."""
    return next((at for at, name in enumerate(names) if at and _is_other_axis(name)), len(names))


def _is_other_axis(name: str) -> bool:
    return name.startswith(f"{CHANNEL} of ") and not name.endswith(COUNTS)


def _spectra(names: list[str]) -> list[int]:
    """Return the columns of the first axis that hold counts, not standard deviations."""
    counts = [name.removesuffix(COUNTS) for name in names if name.endswith(COUNTS)]
    deviations = tuple(deviation_name(name, "") for name in counts)
    return [
        at
        for at, name in enumerate(names[: _width(names)])
        if name.endswith(COUNTS) and not name.startswith(deviations)
    ]


def _rows(path: Path) -> Iterator[Row]:
    """Yield the rows that are not blank; all are as long as the first."""
    text = path.read_bytes().decode("utf-8-sig", "replace")
    delimiter = _delimiter(text)
    assert delimiter is not None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    width = 0
    while True:
        place = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise FormatError(
                f"{path}: row {place} cannot be split into cells ({error}); remove a "
                "stray quotation mark"
            ) from None
        if cells is None:
            return
        if not any(cells):
            continue
        if width and len(cells) != width:
            raise FormatError(
                f"{path}: row {place} has {len(cells)} cells, expected {width} as in the first "
                "row; the file may be cut off: copy or save it again"
            )
        if width and delimiter == ";":
            cells = [cell.replace(",", ".") for cell in cells]  # a semicolon leaves it to decimals
        width = len(cells)
        yield place, cells


def _numbers(
    path: Path, names: list[str], rows: Sequence[Row], columns: Sequence[int]
) -> NDArray[np.float64]:
    """Return these columns as rows."""
    if not rows:
        raise FormatError(f"{path}: expected a row for each channel below the names, found none")
    try:
        return np.array([[float(cells[column]) for column in columns] for _, cells in rows]).T
    except ValueError:
        place, cells, wrong = next(
            (place, cells, column)
            for place, cells in rows
            for column in columns
            if number(cells[column]) is None
        )
        raise FormatError(
            f"{path}: row {place}, column {wrong + 1} ({names[wrong]}): expected a number, found "
            f"{cells[wrong][:40]!r}; correct the cell"
        ) from None


def _without_differences(
    counts: NDArray[np.float64], labels: list[str]
) -> tuple[NDArray[np.float64], list[str], list[str]]:
    """Return counts and labels of the spectra that have no counts below 0, and warnings."""
    is_difference = [bool(np.any(spectrum < 0)) for spectrum in counts]
    if all(is_difference) or not any(is_difference):
        return counts, labels, []  # with nothing beside them they are refused for what they are
    left_out = [label for label, is_one in zip(labels, is_difference, strict=True) if is_one]
    kept = [label for label, is_one in zip(labels, is_difference, strict=True) if not is_one]
    warning = (
        "columns with counts below 0, such as differences of spectra, were skipped: "
        f"{', '.join(left_out)}"
    )
    return counts[np.logical_not(is_difference)], kept, [warning]


def _check_channels(
    path: Path, rows: Sequence[Row], channels: NDArray[np.float64], has_energies: bool
) -> None:
    """Refuse a table of which rows are missing: counts would move to other channels."""
    # A part of a spectrum may begin anywhere if there are energies to say where that is.
    first = np.nan_to_num(channels[0]) if has_energies else 0.0
    expected = first + np.arange(channels.size)
    if not np.array_equal(channels, expected):
        wrong = int(np.argmin(channels == expected))
        raise FormatError(
            f"{path}: row {rows[wrong][0]}: expected channel {expected[wrong]:g}, found "
            f"{channels[wrong]:g}; rows are missing or out of order: save all of them again"
        )


def _check_energies(path: Path, rows: Sequence[Row], energies: NDArray[np.float64]) -> None:
    is_right = np.isfinite(energies)
    is_right[1:] &= np.diff(energies) >= 0  # some may be rounded to equal neighbours
    if not is_right.all() or (energies.size > 1 and not rises(energies)):
        wrong = int(np.argmin(is_right))
        raise FormatError(
            f"{path}: row {rows[wrong][0]}, column 2 ({ENERGY}): expected energies that increase "
            f"from row to row, found {energies[wrong]:g}; correct it, or save the table again"
        )


LAYOUT = Layout(
    name="columns",
    description="Table of spectra in columns, as the Spectrum dock saves it",
    recognise=recognise,
    read=read,
    opens=lambda path: recognise(path) is not None,
)
