"""State of the Spectrum dock, without Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from psygnal import SignalGroupDescriptor

from .layer_spectra import Extent
from .merge_spectrum_pins import Pin, still_there, with_pins
from .merge_spectrum_scale import Scale


@dataclass
class SpectrumModel:
    """What the Spectrum dock shows; the widgets keep no state of their own.

    Parameters
    ----------
    extent : {"pixel", "sum", "mean", "max"}
    scale : {"linear", "logarithmic", "square root"}
        Of the counts.
    position : tuple of float
        Where the mouse was last over the picture, in world coordinates.
    pins : tuple of Pin
        Pixels whose spectra stay.
    regions : bool
        Whether the spectra of shapes and labels are shown.
    errors : bool
        Whether a band shows the standard deviation of counts, where it is known.
    residual : bool
        Whether raw minus denoised counts are shown.
    view : tuple of float
        First and last energy that the plot shows, in keV, or in channels where not calibrated;
        empty before anything is drawn.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    extent: Extent = "pixel"
    scale: Scale = "linear"
    position: tuple[float, ...] = ()
    pins: tuple[Pin, ...] = ()
    regions: bool = False
    errors: bool = False
    residual: bool = False
    view: tuple[float, ...] = ()

    def pin(self, *new: Pin) -> None:
        """Keep the spectra of these pixels."""
        self.pins = with_pins(self.pins, new)

    def unpin(self, *gone: Pin) -> None:
        """Keep the spectra of these pixels no longer."""
        self.pins = tuple(pin for pin in self.pins if pin not in gone)

    def follow(self, layers: Any) -> None:
        """Let go the pins of layers that are not among these any more."""
        self.pins = still_there(self.pins, layers)
