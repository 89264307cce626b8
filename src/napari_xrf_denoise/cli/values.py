"""Typed values: ranges first:last+1, windows low:high in keV, factors, name=value."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from napari_xrf_denoise.core.errors import SettingsError


def parse_slice(text: str | None, option: str) -> slice | None:
    """Return the slice of ``first:last+1`` or one number.

    >>> parse_slice("0:4", "--y"), parse_slice("7", "--y"), parse_slice(None, "--y")
    (slice(0, 4, None), slice(7, 8, None), None)
    """
    if text is None:
        return None
    try:
        parts = [int(part) if part.strip() else None for part in text.split(":")]
    except ValueError:
        parts = []
    if len(parts) == 1 and parts[0] is not None:
        return slice(parts[0], parts[0] + 1 or None)
    if len(parts) != 2:
        raise SettingsError(f"{option}: expected first:last+1 such as 0:4, found {text!r}")
    first, stop = parts
    # Negative numbers count from the end, which is known only with the file.
    if first is not None and stop is not None and (first < 0) == (stop < 0) and first >= stop:
        problem = "nothing is left" if first == stop else "first is after last"
        raise SettingsError(f"{option} {text}: {problem}; expected first:last+1 such as 0:4")
    return slice(first, stop)


def slice_within(text: str | None, option: str, size: int, what: str) -> slice | None:
    """Return the slice of a typed range on an axis of this size; `what` lies along it ("rows").

    >>> slice_within("-2:", "--y", 10, "rows")
    slice(8, 10, None)
    """
    part = parse_slice(text, option)
    if part is None:
        return None
    first, stop = part.start or 0, size if part.stop is None else part.stop
    first, stop = (place + size if place < 0 else place for place in (first, stop))
    if not 0 <= first < stop <= size:
        problem = "first is after last; " if first >= stop else ""
        raise SettingsError(
            f"{option} {text}: {problem}the file has {what} 0 to {size - 1}, such as 0:{size}"
        )
    return slice(first, stop)


def parse_window(text: str | None, option: str) -> tuple[float, float] | None:
    """Return the energies in keV of ``low:high``.

    >>> parse_window("2:6.4", "--energy")
    (2.0, 6.4)
    """
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError as error:
        raise SettingsError(f"{option}: expected low:high in keV, found {text!r}") from error
    if not low < high:
        problem = "low is above high" if low > high else "no energy lies between"
        raise SettingsError(f"{option} {text}: {problem}; expected low:high in keV such as 1:20")
    return low, high


def parse_factors(text: str | None, option: str) -> tuple[int, int, int] | None:
    """Return the factors of ``y,x,energy``.

    >>> parse_factors("2,2,1", "--rebin")
    (2, 2, 1)
    """
    if text is None:
        return None
    parts = text.split(",")
    whole = len(parts) == 3 and all(part.strip().isdecimal() for part in parts)
    if not whole or not all(map(int, parts)):
        raise SettingsError(
            f"{option}: expected three whole numbers of at least 1 as y,x,energy such as 1,1,2, "
            f"found {text!r}"
        )
    y, x, energy = map(int, parts)
    return y, x, energy


def parse_settings(entries: Iterable[str], elsewhere: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings of ``name=value`` entries; `elsewhere` names those with an option.

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
