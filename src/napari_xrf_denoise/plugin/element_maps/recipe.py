"""How to compute an element map: its line or window, with or without background."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError, SettingsError
from napari_xrf_denoise.core.quantities import first_of
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.processing.element_maps import (
    background_windows,
    best_line,
    element_map,
    line_window,
    window_map,
)
from napari_xrf_denoise.processing.line_overlaps import (
    COMMON_ELEMENTS,
    lines_between,
    overlapping_lines,
)
from napari_xrf_denoise.spectroscopy.element_symbols import AUTO, in_greek
from napari_xrf_denoise.spectroscopy.xray_lines import XrayLine

Map = NDArray[np.float32]
Window = tuple[float, float]
"""First and last energy: the edges of the outermost channels, in keV or channels."""


@dataclass(frozen=True)
class MapRecipe:
    """A map of a line of an element, or of a window of energies where there is no element."""

    element: str = ""
    line: str = ""
    """A line, or ``"auto"``."""
    low: float = 0.0
    """First energy of the window in keV (channels where not calibrated); as `high`."""
    high: float = 0.0
    background: bool = False
    """Whether to subtract the counts beside the window."""
    error: bool = False
    """Whether it is the map of the standard deviation instead of the counts."""
    chosen: tuple[int, int] | None = None
    """The first channel of a window that was chosen in channels, and the one behind its last:
    they stay the same when the layer is calibrated later."""
    unit: str = ""
    """That of `low` and `high`; empty for that of the axis."""

    def resolved(self, axis: EnergyAxis) -> MapRecipe:
        """Return the recipe on this axis: with its line, or its window in the axis' unit.

        SettingsError if the axis holds no such line, DataError if it cannot have that window.
        """
        if not self.element and self.unit not in ("", axis.unit):
            return self._in_unit_of(axis)
        if self.line != AUTO or not axis.calibrated:
            return self
        return replace(self, line=best_line(self.element, axis))

    def name(self, unit: str) -> str:
        """Return the name of the map: ``"Fe Ka"``, ``"6.2 to 6.6 keV"``, ``"error of Fe Ka"``."""
        window = f"{self.low:.5g} to {self.high:.5g} {unit}"
        named = f"{self.element} {self.line}" if self.element else window
        return f"error of {named}" if self.error else named

    def channels(self, axis: EnergyAxis) -> slice:
        """Return the channels of the window; DataError or SettingsError if there are none."""
        if self.element:
            return line_window(self.element, self.line, axis)
        return axis.channels(self.low, self.high)

    def windows(self, axis: EnergyAxis) -> tuple[Window, ...]:
        """Return the window, and behind it those of the background if it is subtracted."""
        channels = self.channels(axis)
        sides = background_windows(channels, axis) if self.background else ()
        return tuple(axis.edges(part) for part in (channels, *sides))

    def compute(
        self, image: SpectrumImage, should_stop: Callable[[], bool] | None = None
    ) -> dict[MapRecipe, Map]:
        """Return the map (y, x), and where it is one of errors that of the counts as well.

        Both come from one reading. Errors are those of `element_map` and `window_map`.
        """
        make: Any = partial(element_map, image, self.element, self.line)
        if not self.element:
            make = partial(window_map, image, self.low, self.high)
        found = make(background=self.background, error=self.error, should_stop=should_stop)
        if not self.error:
            return {self: found}
        return {replace(self, error=False): found[0], self: found[1]}

    def record(self, axis: EnergyAxis) -> dict[str, Any]:
        """Return the recipe, and the window that it means on this axis, in plain values."""
        named = {"element": self.element, "line": self.line} if self.element else {}
        channels = self.channels(axis)
        low, high = axis.edges(channels) if self.element else (self.low, self.high)
        in_channels = {} if axis.calibrated else {"channels": [channels.start, channels.stop]}
        return {
            **named,
            "window": [float(low), float(high)],
            "window_unit": axis.unit,
            **in_channels,
            "background": self.background,
            **({"error": True} if self.error else {}),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> MapRecipe:
        """Return the recipe of a record; DataError if it has neither a line nor a window."""
        how: dict[str, Any] = {key: bool(record.get(key, False)) for key in ("background", "error")}
        try:
            if record.get("element"):
                return cls(str(record["element"]), str(record["line"]), **how)
            low, high = (float(energy) for energy in record["window"])
            first, end = (int(channel) for channel in record.get("channels") or (0, 0))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"the layer's record of its map is incomplete ({error}); add the map again"
            ) from error
        chosen = (first, end) if end > first else None
        unit = str(record.get("window_unit", ""))
        return cls(low=low, high=high, chosen=chosen, unit=unit, **how)

    def _in_unit_of(self, axis: EnergyAxis) -> MapRecipe:
        name = self.name(self.unit)
        if self.chosen is None:
            raise DataError(
                f"The map of {name} cannot be updated: the layer is in {axis.unit} now. Add a map "
                "of the window in that unit."
            )
        if self.chosen[1] > axis.size:
            raise DataError(
                f"The map of {name} cannot be updated: the layer has {axis.size} channels now. Add "
                "a map of another window."
            )
        low, high = axis.edges(slice(*self.chosen))
        return MapRecipe(low=low, high=high, background=self.background, error=self.error)


MOST_NAMED = 4
"""Lines that are named for one map; the strongest ones."""


def overlap_words(recipes: Sequence[MapRecipe], axis: EnergyAxis | None) -> str:
    """Return a line of text for each map whose window holds lines of other elements.

    Common elements count, and those that are mapped. Of an own window it names the lines in it.
    """
    if axis is None or not axis.calibrated:
        return ""
    chosen = {recipe.element for recipe in recipes if recipe.element}
    words = [_of_one(recipe, axis, chosen) for recipe in recipes]
    return "\n".join(line for line in words if line)


def _of_one(recipe: MapRecipe, axis: EnergyAxis, chosen: set[str]) -> str:
    among = (*COMMON_ELEMENTS, *sorted(chosen))
    try:
        resolved = recipe.resolved(axis)
        if not resolved.element:
            found = lines_between(resolved.low, resolved.high, among=among)
            return f"Lines in the window: {_named(found)}." if found else ""
        found = overlapping_lines(resolved.element, resolved.line, axis, among=among)
    except (DataError, SettingsError):
        return ""  # shown where the map is made
    also = [group for group in found if group.element in chosen]
    others = [group for group in found if group.element not in chosen]
    window = f"The {in_greek(resolved.name(axis.unit))} window overlaps"
    sentences = []
    if also:
        sentences.append(f"{window} {_named(also)}, also chosen: they cannot be separated.")
    if others:
        sentences.append(f"{window} {_named(others)}.")
    return " ".join(sentences)


def _named(groups: Sequence[XrayLine]) -> str:
    names = [f"{in_greek(f'{one.element} {one.name}')} ({one.energy:.2f} keV)" for one in groups]
    return first_of(names, MOST_NAMED)
