"""State of the Spectrum dock, without Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from psygnal import SignalGroupDescriptor

Scale = Literal["linear", "logarithmic", "square root"]
Extent = Literal["pixel", "sum", "mean", "max"]
"""Of one pixel, or of all pixels: their sum, their mean, or the highest of them."""

MOST_PINS = 24
"""Pixels that can be pinned at once; more curves could not be distinguished anyway."""


@dataclass(frozen=True)
class Pin:
    """A pixel of a layer, or a row of a list of spectra."""

    layer: Any
    """Itself, not its name: a renamed layer keeps its pins."""
    place: tuple[tuple[str, int], ...]
    """Indices by axis, as ``(("y", 3), ("x", 5))``."""

    @property
    def words(self) -> str:
        """The place in words: ``"y 3, x 5"``."""
        return place_words(dict(self.place))

    @property
    def name(self) -> str:
        """Layer and place in words."""
        return f"{self.layer.name}, {self.words}"


def place_words(place: dict[str, int]) -> str:
    """Return indices by axis in words.

    >>> place_words({"y": 3, "x": 5})
    'y 3, x 5'
    """
    names = {"repeat": "row"}
    return ", ".join(f"{names.get(axis, axis)} {index}" for axis, index in place.items())


def with_pins(pins: Sequence[Pin], new: Sequence[Pin]) -> tuple[Pin, ...]:
    """Return the pins with others added, each once; of too many the oldest are given up.

    >>> first, second = Pin("map", (("y", 0), ("x", 1))), Pin("map", (("y", 2), ("x", 3)))
    >>> [pin.words for pin in with_pins([first], [first, second])]
    ['y 0, x 1', 'y 2, x 3']
    """
    return tuple(dict.fromkeys([*pins, *new]))[-MOST_PINS:]


def still_there(pins: Sequence[Pin], layers: Sequence[Any]) -> tuple[Pin, ...]:
    """Return the pins whose layer is among these."""
    alive = {id(layer) for layer in layers}
    return tuple(pin for pin in pins if id(pin.layer) in alive)


@dataclass
class SpectrumModel:
    """State of the Spectrum dock; widgets keep none."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    extent: Extent = "pixel"
    scale: Scale = "linear"
    """Of the counts."""
    hovered: tuple[Pin, ...] = ()
    """The pixel of each layer that was last under the mouse."""
    pins: tuple[Pin, ...] = ()
    """Pixels whose spectra stay."""
    regions: bool = False
    """Whether to show the spectra of shapes and labels."""
    errors: bool = False
    """Whether a band shows the standard deviation of counts, where it is known."""
    residual: bool = False
    """Whether to show raw minus denoised counts."""
    view: tuple[float, ...] = ()
    """First and last energy of the plot, in keV, or in channels where not calibrated; empty before
    anything is drawn."""

    def pin(self, *new: Pin) -> None:
        """Keep the spectra of these pixels."""
        self.pins = with_pins(self.pins, new)

    def unpin(self, *gone: Pin) -> None:
        """Keep the spectra of these pixels no longer."""
        self.pins = tuple(pin for pin in self.pins if pin not in gone)

    def follow(self, layers: Any) -> None:
        """Let go of the pixels of layers that are not among these any more."""
        self.pins = still_there(self.pins, layers)
        self.hovered = still_there(self.hovered, layers)
