"""Settings that the user changed, each kept for the method that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from napari_xrf_denoise.denoising.settings import Settings

SHARED = ("seed", "pairs")
"""Settings that mean the same for every method."""


@dataclass(frozen=True)
class Changes:
    """What differs from the presets.

    Parameters
    ----------
    entries : mapping of (str, str) to value
        By the kind of settings, or ``""`` for what all share, and the setting's name.

    Examples
    --------
    >>> from napari_xrf_denoise.denoising.settings import PcaSettings, StackSettings
    >>> changes = Changes().changed(StackSettings(), "steps", 50)
    >>> changes.of(StackSettings()), changes.of(PcaSettings())
    ({'steps': 50}, {})
    """

    entries: Mapping[tuple[str, str], Any] = field(default_factory=dict)

    def of(self, preset: Settings) -> dict[str, Any]:
        """Return the changes that concern these settings, by name."""
        kinds = ("", type(preset).__name__)
        return {name: value for (kind, name), value in self.entries.items() if kind in kinds}

    def changed(self, preset: Settings, name: str, value: Any) -> Changes:
        """Return these changes with one more; a value as in the preset is none."""
        key = ("" if name in SHARED else type(preset).__name__, name)
        entries = {**self.entries, key: value}
        if getattr(preset, name, None) == value:
            del entries[key]
        return Changes(entries)
