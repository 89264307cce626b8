"""Metadata as JSON: plain Python values go in, the same plain values come back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import PurePath
from typing import Any, get_args

import numpy as np

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError, FormatError
from napari_xrf_denoise.core.spectrum_image import RepeatKind, SpectrumImage

CREATOR = "napari-xrf-denoise"
"""What files of this program say wrote them."""


def encode(content: Mapping[str, Any]) -> str:
    """Return metadata as JSON; tuples and arrays become lists, NaN stays ``NaN``.

    A value that JSON cannot hold is a DataError: better than to lose it silently.
    """
    return json.dumps(_plain(content, "metadata"))


def decode(text: str | bytes, where: str) -> dict[str, Any]:
    """Return the metadata that `encode` wrote; a FormatError if it is damaged."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(
            f"{where}: expected provenance as JSON, found text that is damaged ({error}); "
            "copy the file again"
        ) from error
    if not isinstance(content, dict):
        raise FormatError(f"{where}: expected provenance as a JSON object, found {content!r:.60}")
    return content


def plain_or_text(value: Any, largest_array: int = 10_000) -> Any:
    """Return foreign metadata as plain values; what is not plain becomes its text."""
    if isinstance(value, Mapping):
        return {str(key): plain_or_text(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_or_text(item) for item in value]
    if isinstance(value, np.ndarray) and value.size > largest_array:
        return f"array of shape {value.shape}, left out"
    try:
        return _plain(value, "")
    except DataError:
        return str(value)


def times_in(tree: Mapping[str, Any]) -> dict[str, float]:
    """Return live and real time where they stand anywhere in a vendor's metadata."""
    found = {key: _search(tree, key) for key in ("live_time", "real_time")}
    return {key: float(value) for key, value in found.items() if isinstance(value, int | float)}


def _search(tree: Any, key: str) -> Any:
    if not isinstance(tree, Mapping):
        return None
    if key in tree:
        return tree[key]
    return next((hit for part in tree.values() if (hit := _search(part, key)) is not None), None)


def _plain(value: Any, where: str) -> Any:
    if isinstance(value, np.generic | np.ndarray) and value.dtype.kind in "iufbU":
        return value.tolist()  # before float, of which numpy.float64 is one
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item, f"{where}[{key!r}]") for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    raise DataError(
        f"{where} is a {type(value).__name__}, which cannot be stored in a file; give text, "
        "numbers, lists or dictionaries"
    )


RECORD_VERSION = 1


@dataclass(frozen=True)
class Record:
    """What a file says about its image beside the counts."""

    name: str
    repeat_kind: RepeatKind
    pixel_size: tuple[float, float]
    """(y, x) in `pixel_unit`."""
    pixel_unit: str
    energy: EnergyAxis
    repeat_energies: tuple[EnergyAxis, ...] | None
    scaler_names: tuple[str, ...]
    """In the order in which the file holds their values."""
    metadata: Mapping[str, Any]
    content: Mapping[str, Any]
    """All that was written, with what a format adds."""

    def repeat_energies_for(self, shape: tuple[int, ...]) -> tuple[EnergyAxis, ...] | None:
        """Return the calibrations of the repeats if they fit counts (repeat, y, x, energy)."""
        axes = self.repeat_energies or ()
        return axes if [axis.size for axis in axes] == [shape[3]] * shape[0] else None


def encode_record(image: SpectrumImage, **more: Any) -> str:
    """Return all that an image holds beside counts and scalers' values, and more, as JSON."""
    metadata = encode(image.metadata)  # first, so that messages name the entry as the user does
    energies = image.repeat_energies
    return encode(
        {
            "record_version": RECORD_VERSION,
            "name": image.name,
            "repeat_kind": image.repeat_kind,
            "pixel_size": image.pixel_size,
            "pixel_unit": image.pixel_unit,
            "energy": image.energy.as_dict(),
            "repeat_energies": energies and [axis.as_dict() for axis in energies],
            "scaler_names": list(image.scalers),
            "metadata": decode(metadata, "metadata"),
            **more,
        }
    )


def decode_record(text: str | bytes, where: str) -> Record:
    """Return what `encode_record` wrote; a FormatError if it is damaged or of a later version."""
    content = decode(text, where)
    version = content.get("record_version")
    if isinstance(version, int) and version > RECORD_VERSION:
        raise FormatError(
            f"{where}: expected a record of version {RECORD_VERSION} or older, found {version}; a "
            "later napari-xrf-denoise wrote it: pip install --upgrade napari-xrf-denoise"
        )
    try:
        y, x = content["pixel_size"]
        kind = content["repeat_kind"]
        if kind not in get_args(RepeatKind):
            raise ValueError(f"repeat_kind is {kind!r}")
        energies = content["repeat_energies"]
        return Record(
            name=str(content["name"]),
            repeat_kind=kind,
            pixel_size=(float(y), float(x)),
            pixel_unit=str(content["pixel_unit"]),
            energy=EnergyAxis.from_dict(content["energy"]),
            repeat_energies=energies and tuple(EnergyAxis.from_dict(axis) for axis in energies),
            scaler_names=tuple(str(name) for name in content["scaler_names"]),
            metadata=dict(content["metadata"]),
            content=content,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(
            f"{where}: expected the record of napari-xrf-denoise, found it incomplete "
            f"({error!r}); copy the file again"
        ) from error
