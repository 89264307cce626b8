"""Spectra as a table in a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from napari_xrf_denoise.core.atomic_write import replacing
from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError

__all__ = ["write_spectra"]

CHANNEL, ENERGY, COUNTS = "channel", "energy (keV)", " (counts per channel)"
"""First names of columns, and how that of a spectrum ends."""


def deviation_name(spectrum: str, kind: str) -> str:
    """Return what the standard deviation of a spectrum is called in a table.

    Parameters
    ----------
    spectrum : str
        The spectrum's own name.
    kind : str
        Where it comes from, such as ``"Poisson"``.
    """
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
        # Columns of other energies are told apart by the spectra that they belong to.
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
