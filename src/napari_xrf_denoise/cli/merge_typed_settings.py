"""Single settings of a method as they are typed: name=value."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from napari_xrf_denoise.core.errors import SettingsError


def parse_settings(entries: Iterable[str], elsewhere: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings that entries ``name=value`` stand for.

    Parameters
    ----------
    entries : iterable of str
    elsewhere : mapping of str to str
        Names that have a place of their own, and that place.

    Raises
    ------
    SettingsError
        If an entry has no value, or its name has a place of its own.

    Examples
    --------
    >>> parse_settings(["rank=12", "line_width=None", "strategy=X:1"], {})
    {'rank': 12, 'line_width': None, 'strategy': 'X:1'}
    """
    changes: dict[str, Any] = {}
    for entry in entries:
        name, equals, text = entry.partition("=")
        name = name.strip()
        if not equals or not name:
            raise SettingsError(f"expected name=value, found {entry!r}")
        if name in elsewhere:
            raise SettingsError(f"{name!r} is given by {elsewhere[name]} instead")
        changes[name] = _value(text.strip())
    return changes


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None if text == "None" else text
