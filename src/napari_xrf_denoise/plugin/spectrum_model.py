"""State of the Spectrum dock, and the spectra that follow from it, without Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from psygnal import SignalGroupDescriptor

from napari_xrf_denoise.energy_axis import EnergyAxis

from .spectra_at import Curve, Extent, LayerSpectra


@dataclass
class SpectrumModel:
    """What the Spectrum dock shows; the widget keeps no state of its own.

    Parameters
    ----------
    extent : {"pixel", "sum", "mean"}
    logarithmic : bool
        Whether counts are on a logarithmic axis.
    position : tuple of float
        Where the mouse was last over the picture, in world coordinates.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    extent: Extent = "pixel"
    logarithmic: bool = False
    position: tuple[float, ...] = ()


class ShownSpectra:
    """The spectra of all visible spectral layers, read anew only where a layer has changed."""

    def __init__(self) -> None:
        self._known: dict[int, LayerSpectra] = {}
        self.problems: tuple[str, ...] = ()
        self.place = ""

    @property
    def is_waiting(self) -> bool:
        """Whether a sum is still being computed."""
        return any(spectra.is_waiting for spectra in self._known.values())

    def curves(self, layers: Sequence[Any], model: SpectrumModel, units: Any) -> list[Curve]:
        """Return what to draw, the lowest layer first.

        Parameters
        ----------
        layers : sequence of layers
            Spectral ones; hidden ones give nothing.
        model : SpectrumModel
        units : sequence of units or None
            Of the viewer's axes.
        """
        self._keep(layers)
        shown = [(layer, self._spectra(layer)) for layer in layers if layer.visible]
        curves: list[Curve] = []
        self.place = ""
        for _, spectra in shown:
            if model.extent != "pixel":
                curves += spectra.whole(model.extent)
                continue
            pixel = spectra.pixel(model.position, units) if model.position else None
            if pixel is not None:
                curves += spectra.at(pixel)
                # Of spectra the legend names the row.
                if "repeat" not in pixel:
                    self.place = ", ".join(f"{axis} {index}" for axis, index in pixel.items())
        self.problems = tuple(spectra.problem for _, spectra in shown if spectra.problem)
        return curves

    def axis(self, layer: Any) -> EnergyAxis | None:
        """Return a layer's energies, or None where its counts cannot be used."""
        image = self._spectra(layer).image
        return None if image is None else image.energy

    def stop(self) -> None:
        """Forget everything, and leave sums unfinished."""
        self._keep(())

    def _spectra(self, layer: Any) -> LayerSpectra:
        known = self._known.get(id(layer))
        if known is None or not known.is_current():
            if known is not None:
                known.stop()
            known = self._known[id(layer)] = LayerSpectra(layer)
        return known

    def _keep(self, layers: Sequence[Any]) -> None:
        ids = {id(layer) for layer in layers}
        for gone in [key for key in self._known if key not in ids]:
            self._known.pop(gone).stop()
