"""The spectra that the Spectrum dock shows, as its model says; without Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.layers.regions import drawn_regions
from napari_xrf_denoise.plugin.common.layer_images import find_pair

from .layer_spectra import OF, Curve, LayerSpectra
from .model import Pin, SpectrumModel, place_words
from .regions import MOST_REGIONS, RegionWatcher


def residual_pair(layers: Sequence[Any]) -> tuple[Any, Any] | None:
    """Return the raw and the denoised layer that belong together, as the dock Compare pairs them.

    Parameters
    ----------
    layers : sequence of layers
        Spectral ones that are shown, the topmost last.

    Returns
    -------
    tuple of layers or None
        None where no denoised layer has a raw one of the same shape.
    """
    raw, denoised, _ = find_pair(layers)
    return None if raw is None or denoised is None else (raw, denoised)


def residual(raw: Curve, denoised: Curve) -> Curve:
    """Return raw minus denoised counts, in counts per channel.

    Parameters
    ----------
    raw, denoised : Curve
        Of the same pixels, with as many channels.

    Raises
    ------
    ValueError
        If the numbers of channels differ.
    """
    return Curve(
        label=f"{raw.label} − {denoised.label}",
        key=(denoised.key[0], f"residual {denoised.key[1]}".rstrip()),
        axis=raw.axis,
        counts=raw.counts - denoised.counts,
        least=raw.least,
        kind="residual",
        divisor=None,
        parts=(raw.label, denoised.label),
    )


CUT = f"Only the first {MOST_REGIONS} shapes and labels are shown."
APART = "The layers have different pixels under the mouse, so that there is no residual."


class ShownSpectra:
    """The spectra of all visible spectral layers, read anew only where a layer has changed."""

    def __init__(self) -> None:
        self._known: dict[int, LayerSpectra] = {}
        self._regions: dict[int, tuple[LayerSpectra, RegionWatcher]] = {}
        self.problems: tuple[str, ...] = ()
        self.notes: tuple[str, ...] = ()
        self.place = ""
        self._places: dict[str, str] = {}
        self._unread: list[str] = []

    @property
    def is_waiting(self) -> bool:
        """Whether something is still being added up or read."""
        return any(spectra.is_waiting for spectra in self._known.values()) or any(
            watcher.is_waiting for _, watcher in self._regions.values()
        )

    def curves(
        self,
        layers: Sequence[Any],
        model: SpectrumModel,
        units: Any,
        drawings: Sequence[tuple[Any, int]] = (),
    ) -> list[Curve]:
        """Return what to draw, the lowest first: pins, regions, layers, and the residual.

        Parameters
        ----------
        layers : sequence of layers
            Spectral ones; hidden ones give nothing.
        model : SpectrumModel
        units : sequence of units or None
            Of the viewer's axes.
        drawings : sequence of (layer, int)
            Layers of shapes and labels, each with a number that changes with its content.
        """
        self.keep(layers)
        shown = [layer for layer in layers if layer.visible]
        self._places, self._unread = {}, []
        self.notes = ()
        curves = self._pinned(model.pins)
        if model.regions:
            curves += self._of_regions(shown, model, units, drawings)
        else:
            self._forget_regions(())
        main = {id(layer): self._main(layer, model, units) for layer in shown}
        for own in main.values():
            curves += own
        if model.residual:
            curves += self._residual(shown, main, model)
        problems = [self._spectra(layer).problem for layer in shown]
        problems += [watcher.problem for _, watcher in self._regions.values()]
        problems += self._unread
        self.place = _place_words(self._places)
        self.problems = tuple(dict.fromkeys(filter(None, problems)))
        return curves

    def pins_at(self, layers: Sequence[Any], position: Sequence[float], units: Any) -> list[Pin]:
        """Return a pin for the pixel at a place of each visible layer."""
        pins = []
        for layer in layers:
            pixel = self._spectra(layer).pixel(position, units) if layer.visible else None
            if pixel is not None:
                pins.append(Pin(layer, tuple(pixel.items())))
        return pins

    def axis(self, layer: Any) -> EnergyAxis | None:
        """Return a layer's energies, or None where its counts cannot be used."""
        image = self._spectra(layer).image
        return None if image is None else image.energy

    def stop(self) -> None:
        """Forget everything, and leave sums unfinished."""
        self.keep(())

    def keep(self, layers: Sequence[Any]) -> None:
        """Forget all layers but these, and leave their sums unfinished."""
        ids = {id(layer) for layer in layers}
        for gone in [key for key in self._known if key not in ids]:
            self._known.pop(gone).stop()
        self._forget_regions(ids)

    def _main(self, layer: Any, model: SpectrumModel, units: Any) -> list[Curve]:
        spectra = self._spectra(layer)
        if model.extent != "pixel":
            return spectra.whole(model.extent)
        pixel = spectra.pixel(model.position, units) if model.position else None
        if pixel is None:
            return []
        curves = spectra.at(pixel)
        self._unread.append(spectra.problem_at(pixel))
        # Of spectra the legend names the row.
        if curves and "repeat" not in pixel:
            self._places[layer.name] = place_words(dict(curves[-1].place))
        return curves

    def _pinned(self, pins: Sequence[Pin]) -> list[Curve]:
        curves: list[Curve] = []
        for pin in pins:
            if pin.layer.visible and id(pin.layer) in self._known:
                spectra, place = self._spectra(pin.layer), dict(pin.place)
                curves += spectra.pinned(place)
                self._unread.append(spectra.problem_at(place))
        return curves

    def _of_regions(
        self,
        shown: Sequence[Any],
        model: SpectrumModel,
        units: Any,
        drawings: Sequence[tuple[Any, int]],
    ) -> list[Curve]:
        names = {id(layer): layer.name for layer, _ in drawings}
        curves = []
        self._forget_regions([id(layer) for layer in shown])
        for layer in shown:
            spectra = self._spectra(layer)
            if spectra.image is None:
                continue
            found = [
                drawn_regions(drawing, layer, units, revision)
                for drawing, revision in drawings
                if drawing.visible
            ]
            watcher = self._watcher(layer, spectra)
            regions = watcher.want([drawn for drawn in found if drawn is not None])
            if regions.is_cut and CUT not in self.notes:
                self.notes += (CUT,)
            for (drawing_id, what), sums in regions.sums.items():
                region = f"{names.get(drawing_id, '')} {what}".strip()
                if sums.pixels == 0:
                    self.notes += (f"{region} has no pixel of {layer.name}.",)
                    continue
                variant = f"region {drawing_id} {what}"
                of = f"{region}, {OF[model.extent]}"
                origin = (names.get(drawing_id, ""), what)
                curves.append(spectra.of_sums(sums, of, model.extent, variant, origin))
        return curves

    def _residual(
        self, shown: Sequence[Any], main: dict[int, list[Curve]], model: SpectrumModel
    ) -> list[Curve]:
        pair = residual_pair(shown)
        if pair is None:
            self.notes += ("A residual needs a raw and a denoised layer of one shape, both shown.",)
            return []
        if model.extent == "max":
            self.notes += ("Maxima come from different pixels, so that they have no residual.",)
            return []
        if model.scale == "logarithmic":
            self.notes += ("A residual, which may be below 0, has no place on a logarithmic axis.",)
            return []
        # Of a list of spectra the last curve is what all rows give.
        raw, denoised = (main[id(layer)][-1:] for layer in pair)
        if not raw or not denoised:
            return []
        if raw[0].place != denoised[0].place:
            if not self.is_waiting:
                self.notes += (APART,)
            return []
        return [residual(*raw, *denoised)]

    def _watcher(self, layer: Any, spectra: LayerSpectra) -> RegionWatcher:
        known = self._regions.get(id(layer))
        if known is None or known[0] is not spectra:
            if known is not None:
                known[1].stop()
            assert spectra.image is not None
            known = self._regions[id(layer)] = (spectra, RegionWatcher(spectra.image))
        return known[1]

    def _spectra(self, layer: Any) -> LayerSpectra:
        known = self._known.get(id(layer))
        if known is None or not known.is_current():
            if known is not None:
                known.stop()
            known = self._known[id(layer)] = LayerSpectra(layer)
        return known

    def _forget_regions(self, but: Any) -> None:
        for gone in [key for key in self._regions if key not in but]:
            self._regions.pop(gone)[1].stop()


def _place_words(places: dict[str, str]) -> str:
    """Return the places of layers by name in words, once where they are all the same."""
    different = set(places.values())
    if len(different) == 1:
        return different.pop()
    return "; ".join(f"{name} {words}" for name, words in places.items())


def pointed_at(energy: float, curves: Sequence[Curve]) -> str:
    """Return energy, channel and the counts there of each curve, in words.

    Parameters
    ----------
    energy : float
        In keV, or a channel where a curve is not calibrated.
    curves : sequence of Curve
        One at least. Counts come with one standard deviation where it is known.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_xrf_denoise.core.energy_axis import EnergyAxis
    >>> axis = EnergyAxis(0.0, 0.01, 3)
    >>> curve = Curve("map", (0, ""), axis, np.array([0.0, 4.0, 1.0]), 0.5, np.array([0.0, 2, 1]))
    >>> print(pointed_at(0.012, [curve]))
    0.010 keV, channel 1
    map: 4 ± 2
    """
    first = curves[0].axis
    by_channel = any(not curve.axis.calibrated for curve in curves)
    channels = [
        min(max(round(energy), 0), curve.axis.size - 1)
        if by_channel
        else curve.axis.channel(energy)
        for curve in curves
    ]
    where = f"channel {channels[0]}"
    if first.calibrated:
        where = f"{first.centers[channels[0]]:.3f} keV, {where}"
    counts = [
        f"{curve.label}: {_counts(curve, channel)}"
        for curve, channel in zip(curves, channels, strict=True)
    ]
    return "\n".join([where, *counts])


def in_figures(counts: float) -> str:
    """Return counts with no more digits than help."""
    return f"{counts:,.0f}" if abs(counts) >= 1000 else f"{counts:.4g}"


def _counts(curve: Curve, channel: int) -> str:
    counts = in_figures(float(curve.counts[channel]))
    if curve.error is None:
        return counts
    return f"{counts} ± {float(curve.error[channel]):.2g}"
