"""Settings changed by the user, each kept for its own method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from napari_xrf_denoise.denoising.settings import Settings

SHARED = ("seed", "pairs")
"""Settings that mean the same for every method."""


@dataclass(frozen=True)
class Changes:
    """Differences from the presets.

    Examples
    --------
    >>> from napari_xrf_denoise.denoising.settings import PcaSettings, StackSettings
    >>> changes = Changes().changed(StackSettings(), "steps", 50)
    >>> changes.of(StackSettings()), changes.of(PcaSettings())
    ({'steps': 50}, {})
    """

    entries: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    """By the class of the settings, or ``""`` for shared ones, and the name of the setting."""

    def of(self, preset: Settings) -> dict[str, Any]:
        """Return the changes that apply to these settings, by name."""
        kinds = ("", type(preset).__name__)
        return {name: value for (kind, name), value in self.entries.items() if kind in kinds}

    def changed(self, preset: Settings, name: str, value: Any) -> Changes:
        """Return these changes with one more; the value of the preset removes one."""
        key = ("" if name in SHARED else type(preset).__name__, name)
        entries = {**self.entries, key: value}
        if getattr(preset, name, None) == value:
            del entries[key]
        return Changes(entries)
