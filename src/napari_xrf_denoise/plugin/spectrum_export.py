"""Spectra as a table in a CSV file, without Qt."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from napari_xrf_denoise.energy_axis import EnergyAxis
from napari_xrf_denoise.replacing import replacing

from .spectra_at import Curve


def write_spectra(path: str | Path, curves: Sequence[Curve], *, overwrite: bool = False) -> None:
    """Write spectra to a CSV file: channels, energies, counts and, where known, their errors.

    Curves with the same energies share the columns of channel and energy; those with others get
    columns of their own to the right. The first row names each column with its unit.

    Parameters
    ----------
    path : str or pathlib.Path
    curves : sequence of Curve
    overwrite : bool
        Whether a file that is there may be replaced.

    Raises
    ------
    FileExistsError
        If there is a file and it may not be replaced.
    OSError
        If the file cannot be written; nothing is left of it then.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> axis = EnergyAxis(0.5, 0.01, 2)
    >>> curve = Curve("map", (0, ""), axis, np.array([4.0, 9.0]), 0.5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_spectra(Path(folder, "spectra.csv"), [curve])
    ...     print(Path(folder, "spectra.csv").read_text("utf-8-sig").strip())
    channel,energy (keV),map (counts per channel)
    0,0.5,4.0
    1,0.51,9.0
    """
    columns = _columns(curves)
    # With a mark that it is UTF-8, which spreadsheets otherwise do not expect.
    with (
        replacing(Path(path), overwrite=overwrite) as temporary,
        temporary.open("w", newline="", encoding="utf-8-sig") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip_longest(*columns.values(), fillvalue=""))


def _columns(curves: Sequence[Curve]) -> dict[str, Sequence[Any]]:
    columns: dict[str, Sequence[Any]] = {}
    for axis, group in _by_axis(curves):
        # Columns of other energies are told apart by the spectra that they belong to.
        of = f" of {group[0].label}" if columns else ""
        columns[f"channel{of}"] = range(axis.size)
        if axis.calibrated:
            columns[f"energy{of} (keV)"] = [round(float(energy), 9) for energy in axis.centers]
        for curve in group:
            label = _new_name(curve.label, columns)
            columns[f"{label} (counts per channel)"] = curve.counts.tolist()
            if curve.error is not None:
                name = f"{label}, standard deviation, {curve.error_kind} (counts per channel)"
                columns[name] = curve.error.tolist()
    return columns


def _by_axis(curves: Sequence[Curve]) -> list[tuple[EnergyAxis, list[Curve]]]:
    groups: list[tuple[EnergyAxis, list[Curve]]] = []
    for curve in curves:
        for axis, group in groups:
            if axis.is_close(curve.axis, 1e-6):
                group.append(curve)
                break
        else:
            groups.append((curve.axis, [curve]))
    return groups


def _new_name(label: str, columns: dict[str, Any]) -> str:
    """Return a label under which there is no column yet; pins may repeat what the mouse shows."""
    number, name = 1, label
    while f"{name} (counts per channel)" in columns:
        number += 1
        name = f"{label} [{number}]"
    return name
