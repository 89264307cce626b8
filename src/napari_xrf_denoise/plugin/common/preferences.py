"""What the user set on the plugin's page of napari's preferences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

from napari_xrf_denoise.denoising.settings import DEVICES

PLUGIN = "napari-xrf-denoise"
PAGE = "computing"
"""Key of the page in the manifest."""
PRESETS = ("fast", "balanced", "best")
"""Those that any data can begin with; the tutorial's is for spectra alone."""


@dataclass(frozen=True)
class Preferences:
    """Defaults of the docks; impossible values raise ValueError.

    >>> Preferences(memory=1.5).most_bytes
    1610612736
    """

    device: str = "auto"
    """Where networks are computed."""
    threads: int = 0
    """Most processor cores of a run; 0 leaves that to torch."""
    preset: str = "balanced"
    memory: float = 0.0
    """Most memory in GiB for the counts of one map, the rest stays on a disk; 0 is half of what is
    free."""
    scheduler: str = ""
    """Address of a dask scheduler whose workers do the work; empty for this computer."""

    def __post_init__(self) -> None:
        for name, (is_possible, expected) in _POSSIBLE.items():
            value = getattr(self, name)
            if not is_possible(value):
                raise ValueError(f"{name}: expected {expected}, found {value!r}")

    @property
    def most_bytes(self) -> int | None:
        """The limit of memory in bytes, None for half of the free memory."""
        return round(self.memory * 2**30) or None

    @contextmanager
    def threads_in_use(self) -> Iterator[None]:
        """Compute with this many threads for a while, in the calling thread."""
        from napari_xrf_denoise.denoising.device import threads

        with threads(self.threads):
            yield


def preferences() -> Preferences:
    """Return the user's preferences; on the main thread.

    Where napari has no such page (before 0.9), they are the defaults. An impossible value, from an
    edited file, is reported and ignored.
    """
    from napari.utils.notifications import show_warning

    return _checked(_from_napari(), show_warning)


def _from_napari() -> Mapping[str, Any]:
    try:
        from napari.settings import get_plugin_settings
    except ImportError:
        return {}
    try:
        page = getattr(get_plugin_settings(PLUGIN), PAGE)
    except KeyError:
        return {}  # napari runs without the plugin
    return {entry.name: getattr(page, entry.name) for entry in fields(Preferences)}


def _checked(found: Mapping[str, Any], tell: Callable[[str], object]) -> Preferences:
    """Return the preferences; impossible ones are reported and replaced by the default."""
    kept: dict[str, Any] = {}
    for name, value in found.items():
        try:
            Preferences(**{name: value})
        except ValueError as error:
            default = getattr(Preferences(), name)
            tell(f"Preferences of XRF denoise, {error}; {default!r} is used instead")
        else:
            kept[name] = value
    return Preferences(**kept)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1024


def _is_size(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and value >= 0  # type: ignore[arg-type,operator]


def _is_address(value: object) -> bool:
    return isinstance(value, str) and (not value or "://" in value)


_POSSIBLE: dict[str, tuple[Callable[[Any], bool], str]] = {
    "device": (lambda value: value in DEVICES, f"one of {', '.join(DEVICES)}"),
    "threads": (_is_count, "a whole number from 0 to 1024"),
    "preset": (lambda value: value in PRESETS, f"one of {', '.join(PRESETS)}"),
    "memory": (_is_size, "a number of GiB of 0 or more"),
    "scheduler": (_is_address, "an address such as tcp://host:8786, or nothing"),
}
