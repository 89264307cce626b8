"""Energies and other small datasets that stand beside counts in HDF5 files of several programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.io.base.mca_calibration import rising_axis

from .links import text
from .tree import attribute, follow

LARGEST_IN_KEV = 1_000
"""No X-ray spectrum reaches 1 MeV, so larger numbers are eV."""

_MOST_NUMBERS = 2**28
_SECONDS = {
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("us", "µs", "microsecond", "microseconds"), 1e-6),
    **dict.fromkeys(("ns", "nanosecond", "nanoseconds"), 1e-9),
    **dict.fromkeys(("min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
}
_OFF_LINE = 0.01  # of a channel: what single precision loses, and less than any curve matters


def energy_beside(groups: Iterable[Any], size: int) -> tuple[EnergyAxis | None, list[str]]:
    """Return the energies beside counts of ``size`` channels, as PyMca writes them, and warnings.

    ``calibration`` = [a, b, c] gives keV = a + b·channel + c·channel² of ``channels``, ``energy``
    the energies themselves. PyMca writes [0, 1, 0] where there is no calibration. The groups to
    look in come nearest first.
    """
    for group in groups:
        where = f"{group.name}/calibration"
        try:
            axis = _polynomial(group, size)
            if axis is None:
                where = f"{group.name}/energy"
                axis = stored_energies(follow(group, "energy"), size)
        except DataError as error:
            return None, [unusable(where, error)]
        if axis is not None:
            return axis, []
    return None, []


def stored_energies(dataset: Any, size: int) -> EnergyAxis | None:
    """Return the axis of a dataset of energies, None if it has another length."""
    if length(dataset) not in (size, size + 1):
        return None
    return EnergyAxis.from_centers(centers_in_kev(dataset, size), tolerance=_OFF_LINE)


def centers_in_kev(dataset: Any, size: int) -> NDArray[np.float64]:
    """Return the centres of channels in keV, also from their edges, of which there is one more."""
    values = np.asarray(dataset[()], dtype=np.float64)
    if values.size == size + 1:
        values = (values[1:] + values[:-1]) / 2
    unit = text(attribute(dataset, "units")).lower()
    is_ev = unit == "ev" or (unit != "kev" and values[-1] > LARGEST_IN_KEV)
    return values / 1000 if is_ev else values


def in_seconds(dataset: Any) -> float | None:
    """Return how many seconds the unit of a dataset is; without one 1, None where it is unknown."""
    unit = text(attribute(dataset, "units")).strip().lower()
    return _SECONDS.get(unit.replace("\u03bc", "µ"))


def unusable(where: str, error: DataError) -> str:
    """Return the warning for energies that cannot be used."""
    return (
        f"the energies in {where} cannot be used ({error}); give energy_offset and energy_gain in "
        "keV (--energy-offset, --energy-gain)"
    )


def length(dataset: Any) -> int | None:
    """Return the length of a dataset that is a line of numbers, None for everything else."""
    shape: tuple[int, ...] = getattr(dataset, "shape", None) or ()
    return shape[0] if len(shape) == 1 and dataset.dtype.kind in "iuf" else None


def numbers(dataset: Any) -> NDArray[np.float64] | None:
    """Return the numbers of a dataset that is small beside counts, None if there are none."""
    if not hasattr(dataset, "dtype") or dataset.dtype.kind not in "iuf" or not dataset.shape:
        return None
    if dataset.size > _MOST_NUMBERS:
        return None
    return np.asarray(dataset[()], dtype=np.float64)


def _polynomial(group: Any, size: int) -> EnergyAxis | None:
    calibration = numbers(follow(group, "calibration"))
    if calibration is None or calibration.size not in (2, 3):
        return None
    a, b, c = (*calibration.ravel(), 0.0)[:3]
    if (a, b, c) == (0.0, 1.0, 0.0):
        return None
    channels = numbers(follow(group, "channels"))
    if channels is None or channels.shape != (size,):
        channels = np.arange(size, dtype=np.float64)
    if a + b * channels[-1] + c * channels[-1] ** 2 > LARGEST_IN_KEV:
        a, b, c = a / 1000, b / 1000, c / 1000
    return rising_axis((a, b, c), channels)
