"""How an element map is made: of which line or window, with or without background."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.element_maps import (
    AUTO,
    background_windows,
    best_line,
    element_map,
    line_window,
    window_map,
)
from napari_xrf_denoise.energy_axis import EnergyAxis
from napari_xrf_denoise.errors import DataError
from napari_xrf_denoise.spectrum_image import SpectrumImage

Window = tuple[float, float]
"""First and last energy: the edges of the outermost channels, in keV or channels."""


@dataclass(frozen=True)
class MapRecipe:
    """A map of a line of an element, or of a window of energies where there is no element.

    Parameters
    ----------
    element, line : str
        Symbol, and line or ``"auto"``; empty for a window.
    low, high : float
        Ends of the window in keV (channels where not calibrated), where there is no element.
    background : bool
        Whether the counts beside the window are subtracted.
    """

    element: str = ""
    line: str = ""
    low: float = 0.0
    high: float = 0.0
    background: bool = False

    def resolved(self, axis: EnergyAxis) -> MapRecipe:
        """Return the recipe with the line that ``"auto"`` stands for on this axis.

        Raises
        ------
        SettingsError
            If the axis holds no such line.
        """
        if self.line != AUTO or not axis.calibrated:
            return self
        return MapRecipe(self.element, best_line(self.element, axis), background=self.background)

    def name(self, unit: str) -> str:
        """Return what the map is called: ``"Fe Ka"`` or ``"6.2 to 6.6 keV"``."""
        if self.element:
            return f"{self.element} {self.line}"
        return f"{self.low:.5g} to {self.high:.5g} {unit}"

    def channels(self, axis: EnergyAxis) -> slice:
        """Return the channels of the window.

        Raises
        ------
        DataError, SettingsError
            If the axis is not calibrated but the recipe names a line, or there are none.
        """
        if self.element:
            return line_window(self.element, self.line, axis)
        return axis.channels(self.low, self.high)

    def windows(self, axis: EnergyAxis) -> tuple[Window, ...]:
        """Return the window, and behind it those of the background if it is subtracted.

        Raises
        ------
        DataError, SettingsError
            As `channels`.
        """
        channels = self.channels(axis)
        sides = background_windows(channels, axis) if self.background else ()
        return tuple(edges(part, axis) for part in (channels, *sides))

    def compute(
        self, image: SpectrumImage, should_stop: Callable[[], bool] | None = None
    ) -> NDArray[np.float32]:
        """Return the map, shape (y, x).

        Raises
        ------
        DataError, SettingsError, Cancelled
            As `element_map` and `window_map`.
        """
        how: dict[str, Any] = {"background": self.background, "should_stop": should_stop}
        if self.element:
            return element_map(image, self.element, self.line, **how)
        return window_map(image, self.low, self.high, **how)

    def record(self, axis: EnergyAxis) -> dict[str, Any]:
        """Return the recipe, and the window that it means on this axis, in plain values."""
        named = {"element": self.element, "line": self.line} if self.element else {}
        low, high = edges(self.channels(axis), axis) if self.element else (self.low, self.high)
        return {
            **named,
            "window": [float(low), float(high)],
            "window_unit": axis.unit,
            "background": self.background,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> MapRecipe:
        """Return the recipe that `record` described.

        Raises
        ------
        DataError
            If the record has neither a line nor a window.
        """
        background = bool(record.get("background", False))
        try:
            if record.get("element"):
                return cls(str(record["element"]), str(record["line"]), background=background)
            low, high = (float(energy) for energy in record["window"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"the layer's record of its map is not complete ({error}); add the map again"
            ) from error
        return cls(low=low, high=high, background=background)


def edges(channels: slice, axis: EnergyAxis) -> Window:
    """Return where a range of channels begins and ends, half a channel beyond their centres."""
    low, high = axis.centers[channels][[0, -1]]
    return float(low - axis.gain / 2), float(high + axis.gain / 2)
