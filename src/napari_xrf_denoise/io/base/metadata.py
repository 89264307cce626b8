"""Metadata as JSON: plain Python values go in, the same plain values come back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import PurePath
from typing import Any

import numpy as np

from napari_xrf_denoise.core.errors import DataError, FormatError


def encode(content: Mapping[str, Any]) -> str:
    """Return metadata as JSON; tuples and arrays become lists, NaN stays ``NaN``.

    Raises
    ------
    DataError
        If a value is nothing that JSON can hold; better than to lose it without a word.
    """
    return json.dumps(_plain(content, "metadata"))


def decode(text: str | bytes, where: str) -> dict[str, Any]:
    """Return the metadata that `encode` wrote.

    Raises
    ------
    FormatError
        If it is damaged.
    """
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
    """Return a foreign program's metadata as plain values; what is not plain becomes its text."""
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
