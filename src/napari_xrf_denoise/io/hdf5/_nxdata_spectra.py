"""Which datasets of a NeXus file hold spectra, by the marks of NeXus and PyMca."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from .energies import centers_in_kev, length
from .links import text
from .tree import attribute, follow, identity, members, walk

FEWEST_CHANNELS = 16
"""Fewer are no spectrum; a detector gives hundreds at least."""

_MOST_VISITED = 5_000
_COMPANIONS = {
    *("channels", "calibration", "energy", "time", "live_time", "preset_time", "elapsed_time"),
    *("i0", "it", "i0_to_flux_factor", "it_to_flux_factor"),
}
_DETECTOR_AXIS = re.compile(r"det(ector)?s?(?![a-z])|element", re.IGNORECASE)
_NOT_FROM_ZERO = 0.6
"""A detector's scale begins near 0 keV; one that begins above this share of its end is the
beam's energy in an absorption spectrum."""
_PYMCA_EXPORT = "PyMca saved 3D Array"


@dataclass(frozen=True)
class Spectra:
    """A dataset that may hold spectra, and what the file says about its axes."""

    group: Any
    name: str
    dataset: Any
    axes: tuple[str, ...]
    energy_axis: int | None
    repeat_axis: int | None
    reason: str

    @property
    def path(self) -> str:
        return f"{self.group.name.rstrip('/')}/{self.name}"

    @property
    def is_clear(self) -> bool:
        """Whether the file says all that is needed."""
        n_pixel_axes = self.dataset.ndim - 1 - (self.repeat_axis is not None)
        return self.energy_axis is not None and n_pixel_axes <= 2

    def __str__(self) -> str:
        axes = f" ({', '.join(self.axes)})" if any(self.axes) else ""
        return f"{self.path} {self.dataset.shape} {self.dataset.dtype}{axes}"


def clear(file: Any, found: list[Spectra]) -> list[Spectra]:
    """Return the spectra that the file leaves no question about, one if it names a default."""
    clear = [spectra for spectra in found if spectra.is_clear]
    default = _default_group(file)
    chosen = [spectra for spectra in clear if default and identity(spectra.group) == default]
    return chosen or clear


def find(file: Any) -> list[Spectra]:
    """Return all datasets that may hold spectra, each once, by the name that says most."""
    import h5py

    found: dict[Any, Spectra] = {}
    for group, name, dataset in walk(file, _MOST_VISITED):
        spectra = _judge(group, name, dataset) if isinstance(dataset, h5py.Dataset) else None
        if spectra is None:
            continue
        known = found.get(identity(dataset))
        if known is None or (any(spectra.axes), spectra.is_clear) > (
            any(known.axes),
            known.is_clear,
        ):
            found[identity(dataset)] = spectra
    return list(found.values())


def _judge(group: Any, name: str, dataset: Any) -> Spectra | None:
    """Return what the file says about a dataset, None if it does not look like spectra."""
    shape = dataset.shape
    if dataset.dtype.kind not in "iuf" or not shape or not 2 <= len(shape) <= 4 or 0 in shape:
        return None
    if name.lower() in _COMPANIONS:
        return None
    axes = _axis_names(group, name, dataset) if _is_signal(group, name, dataset) else ()
    energies = _energy_axes(group, axes)
    if any(_is_of_the_beam(group, axes, dataset, position) for position in energies):
        return None
    energy_axis = energies[0] if len(energies) == 1 else None
    reason = "" if energy_axis is None else f"axis {axes[energy_axis]}"
    interpretation = text(attribute(dataset, "interpretation"))
    last = len(shape) - 1
    if energy_axis is None and interpretation == "spectrum":
        energy_axis, reason = last, '@interpretation = "spectrum"'
    if energy_axis is None and not interpretation and _is_mca(group, name, dataset):
        energy_axis, reason = last, "its name begins with mca"
    if energy_axis is None and not interpretation and _is_pymca_export(group, dataset):
        energy_axis, reason = last, f'"{_PYMCA_EXPORT}"'
    if energy_axis is None:
        if not axes or len(shape) < 3:
            return None
        reason = "signal of an NXdata group without an energy axis"
    elif shape[energy_axis] < FEWEST_CHANNELS:
        return None
    repeat_axis = _repeat_axis(group, axes, dataset, energy_axis)
    return Spectra(group, name, dataset, axes, energy_axis, repeat_axis, reason)


def _is_signal(group: Any, name: str, dataset: Any) -> bool:
    signal = text(attribute(group, "signal"))
    return signal == name if signal else _text_or_number(attribute(dataset, "signal")) == "1"


def _text_or_number(value: Any) -> str:
    """Return an attribute as text; older files write numbers for it."""
    return text(value) or ("" if value is None else str(np.ravel(value)[0]))


def _axis_names(group: Any, signal: str, dataset: Any) -> tuple[str, ...]:
    """Return a name for each axis of a signal, "" where the file has none."""
    names = [""] * dataset.ndim
    listed = _listed(attribute(group, "axes")) or _listed(attribute(dataset, "axes"))
    if len(listed) == dataset.ndim:
        return tuple("" if name == "." else name for name in listed)
    for name in members(group):
        position = attribute(group, f"{name}_indices") if name in listed else None
        if position is None and not listed and name != signal:
            child = follow(group, name)
            number = "" if child is None else _text_or_number(attribute(child, "axis"))
            position = int(number) - 1 if number.isdigit() else None  # counted from 1
        if position is not None and np.size(position) == 1:
            index = int(np.ravel(position)[0])
            if 0 <= index < dataset.ndim:
                names[index] = name
    return tuple(names)


def _listed(axes: Any) -> list[str]:
    """Return the names in an attribute ``axes``: an array, or text such as "y:x:energy"."""
    if axes is None:
        return []
    if isinstance(axes, str | bytes):
        return [name for name in re.split(r"[:,\s]+", text(axes).strip("[]")) if name]
    return [text(name) for name in np.ravel(axes)]


def _energy_axes(group: Any, axes: tuple[str, ...]) -> list[int]:
    """Return which axes are energies by their unit or name."""
    found = []
    for position, name in enumerate(axes):
        values = follow(group, name) if name else None
        unit = text(attribute(values, "units")).lower() if values is not None else ""
        if unit in ("kev", "ev") or "energy" in name.lower():
            found.append(position)
    return found


def _is_of_the_beam(group: Any, axes: tuple[str, ...], dataset: Any, position: int) -> bool:
    """Whether an axis is the energy of the beam, not the detector's: an absorption spectrum."""
    values = follow(group, axes[position])
    size = dataset.shape[position]
    if length(values) not in (size, size + 1):
        return False
    centers = centers_in_kev(values, size)
    return bool(centers[0] > _NOT_FROM_ZERO * centers[-1])


def _is_mca(group: Any, name: str, dataset: Any) -> bool:
    """Whether a dataset is an MCA's by name; of two axes, only if channels are beside it."""
    parent = group.name.rpartition("/")[2]
    if not name.lower().startswith("mca") and not parent.lower().startswith("mca"):
        return False
    beside = [group, *containers(group)]
    return dataset.ndim > 2 or any(
        length(follow(near, "channels")) == dataset.shape[-1] or "calibration" in members(near)
        for near in beside
    )


def _is_pymca_export(group: Any, dataset: Any) -> bool:
    return dataset.ndim == 3 and text(follow(group.parent, "title")) == _PYMCA_EXPORT


def _repeat_axis(
    group: Any, axes: tuple[str, ...], dataset: Any, energy_axis: int | None
) -> int | None:
    """Return the axis of the detector's elements if names or NXdetector show it."""
    if energy_axis is None:
        return None
    others = [axis for axis in range(dataset.ndim) if axis != energy_axis]
    named = [axis for axis in others if axes and _DETECTOR_AXIS.search(axes[axis])]
    if len(named) == 1:
        return named[0]
    if any(axes) or text(attribute(group, "NX_class")) != "NXdetector":
        return None
    if dataset.ndim == 4:
        return others[-1]  # NXdetector: scan points first, then the parts of the detector
    number = length(follow(group, "detector_number"))
    matching = [axis for axis in others if dataset.shape[axis] == number]
    return matching[0] if dataset.ndim == 3 and len(matching) == 1 else None


def _default_group(file: Any) -> Any:
    """Return the identity of the group that the chain of ``@default`` leads to."""
    group = file
    for _ in range(8):
        child = follow(group, text(attribute(group, "default")) or "\0")
        if child is None or not hasattr(child, "keys"):
            break
        group = child
    return None if group is file else identity(group)


def containers(group: Any) -> list[Any]:
    """Return where PyMca looks beside a group: its ``info``, and the NXdetector above it."""
    around = []
    info = follow(group, "info")
    if hasattr(info, "keys"):
        around.append(info)
    if text(attribute(group.parent, "NX_class")) == "NXdetector":
        around.append(group.parent)
    return around
