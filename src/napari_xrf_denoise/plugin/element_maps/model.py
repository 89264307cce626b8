"""State of the dock "Element maps", without Qt."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

from psygnal import SignalGroupDescriptor

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError, SettingsError
from napari_xrf_denoise.layers.convert import layer_energy
from napari_xrf_denoise.plugin.common import CALIBRATE, OPEN_SAMPLE
from napari_xrf_denoise.plugin.common.jobs import RunState
from napari_xrf_denoise.spectroscopy.element_symbols import AUTO, parse_elements

from .map_layers import is_error, is_map, partner_of, source_key, source_of
from .recipe import MapRecipe, Window, overlap_words

NO_LAYERS = f"There is no map with an energy axis. Open a file of spectra, or {OPEN_SAMPLE}."


@dataclass
class ElementModel(RunState):
    """State of the dock, and of what it computes; widgets keep none."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    available: tuple[Any, ...] = ()
    """Spectral layers with pixels."""
    names: tuple[str, ...] = ()
    """Theirs, so that a new name is a change."""
    source: Any = None
    """Layer to map."""
    axis: EnergyAxis | None = None
    """Its energies."""
    energy_problem: str = ""
    """Why the layer has no energies that can be used, in words."""
    partner: Any = None
    """The denoised layer of a raw source, or the raw one of a denoised source."""
    elements: str = "Fe"
    """As typed: symbols with commas between them, with a line behind one where wanted."""
    line: str = AUTO
    """Line of the elements that have none behind them."""
    background: bool = False
    with_errors: bool = False
    """Whether to map the standard deviation of each map, too."""
    with_partner: bool = False
    """Whether to map the partner, too."""
    low: float = 0.0
    """First energy of the own window in keV, or channels where not calibrated; as `high`."""
    high: float = 0.0
    knows_lines: bool = False
    """Whether the tables of lines are loaded, which takes a second or two."""
    maps: tuple[Any, ...] = ()
    """Element maps of the viewer, of any source."""
    map_names: tuple[str, ...] = ()
    """Theirs, so that a new name is a change."""
    overlay: tuple[Any, ...] = (None, None, None)
    """Maps shown in red, green and blue; None where a colour is left out."""
    overlay_chosen_by_user: bool = False
    """Until then they are the newest maps."""
    can_stop: bool = True
    """Whether the run can be stopped: a file is written completely."""

    def follow(self, spectral: Sequence[Any], layers: Sequence[Any] = ()) -> None:
        """Take over the layers with an energy axis, and all of them."""
        self.available = tuple(layer for layer in spectral if {"y", "x"} & set(layer.axis_labels))
        self.names = tuple(layer.name for layer in self.available)
        self.maps = tuple(layer for layer in layers if is_map(layer))
        self.map_names = tuple(layer.name for layer in self.maps)
        if self.overlay_chosen_by_user:
            self.overlay = tuple(layer if layer in self.maps else None for layer in self.overlay)
        else:
            # Raw and denoised counts in one picture would say nothing about elements.
            alike = [
                layer
                for layer in self.maps
                if source_key(layer) == source_key(self.maps[-1]) and not is_error(layer)
            ]
            self.overlay = (*alike[-3:], None, None, None)[:3]
        present = self.source in self.available
        self.choose(self.source if present else (self.available or (None,))[-1])

    def choose(self, source: Any) -> None:
        """Take the layer to map, as it is now."""
        axis, problem = None, ""
        try:
            axis = None if source is None else layer_energy(source)
        except DataError as error:
            problem = f"The energies of “{source.name}” cannot be used: {error}"
        old, self.energy_problem = self.axis, problem
        if axis is None or old is None or not axis.is_close(old, tolerance=1e-9):
            self.axis = axis
        self.source = source
        self.partner = None if source is None else partner_of(source, self.available)
        if self.axis is not old:
            self.aim()

    def choose_overlay(self, maps: Sequence[Any]) -> None:
        """Take the maps for red, green and blue; None leaves a colour out."""
        self.overlay_chosen_by_user = True
        self.overlay = tuple(maps)

    def change(self, **fields: Any) -> None:
        """Change fields; a new element or line moves the own window to it."""
        for name, value in fields.items():
            setattr(self, name, value)
        if {"elements", "line"} & fields.keys():
            self.aim()

    def aim(self) -> None:
        """Put the own window around the first chosen line, where it is known."""
        axis = self.axis
        if axis is None:
            return
        windows = self.line_windows()
        if windows:
            self.low, self.high = windows[0][1]
            return
        first, last = float(axis.centers[0]), float(axis.centers[-1])
        if not (first <= self.low < self.high <= last):
            self.low, self.high = first, last

    def recipes(self) -> tuple[MapRecipe, ...]:
        """Return the maps of the typed elements, or raise SettingsError."""
        return tuple(
            MapRecipe(element, line, background=self.background)
            for element, line in parse_elements(self.elements, self.line)
        )

    def own_recipe(self) -> MapRecipe:
        """Return the map of the own window."""
        return MapRecipe(low=self.low, high=self.high, background=self.background)

    def line_windows(self) -> list[tuple[str, Window]]:
        """Return name and window of each chosen line within the axis."""
        if self.axis is None or not self.knows_lines:
            return []
        try:
            recipes = self.recipes()
        except SettingsError:
            return []  # shown below the button
        found = []
        for recipe in recipes:
            # One outside the axis is shown when its map is made, and hides none of the others.
            with suppress(DataError, SettingsError):
                resolved = recipe.resolved(self.axis)
                found.append((resolved.name(self.axis.unit), resolved.windows(self.axis)[0]))
        return found

    def side_windows(self) -> tuple[Window, ...]:
        """Return the windows of the background of the own window."""
        if self.axis is None:
            return ()
        try:
            return self.own_recipe().windows(self.axis)[1:]
        except (DataError, SettingsError):
            return ()

    def maps_of_source(self) -> tuple[Any, ...]:
        """Return the maps of the chosen layer."""
        return tuple(
            layer for layer in self.maps if source_of(layer, self.available) == self.source
        )

    def problem(self) -> str:
        """Return why no map of elements can be made and what to do, empty where one can."""
        if self.source is None or self.axis is None:
            return self.energy_problem or NO_LAYERS
        if not self.axis.calibrated:
            return (
                f"The energies of “{self.source.name}” are not calibrated. Use {CALIBRATE}, or "
                "map a window of channels below."
            )
        try:
            return "" if self.recipes() else "Type an element, such as Fe, or several: Fe, Cu, Pb."
        except SettingsError as error:
            return str(error)

    def warning(self) -> str:
        """Return which other lines the windows of the elements overlap."""
        if self.problem() or not self.knows_lines:
            return ""
        return overlap_words(self.recipes(), self.axis)
