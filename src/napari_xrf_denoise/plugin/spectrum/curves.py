"""The spectra that the Spectrum dock draws: one request, three sources of curves; without Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.layers.regions import drawn_regions
from napari_xrf_denoise.plugin.common.spectral_layers import find_pair

from .layer_spectra import OF, Curve, LayerSpectra
from .model import SpectrumModel, place_words
from .regions import MOST_REGIONS

CUT = f"Only the first {MOST_REGIONS} shapes and labels are shown."
NO_PAIR = "A residual needs a raw and a denoised layer of the same shape, both visible."
NO_MAXIMA = "Maxima come from different pixels and have no residual."
NO_LOGARITHM = "A residual may be negative and cannot be shown on a logarithmic axis."
APART = "The layers have different pixels under the mouse, so there is no residual."


@dataclass(frozen=True)
class Request:
    """The spectra to draw."""

    layers: tuple[Any, ...]
    """Visible spectral layers, the topmost last."""
    model: SpectrumModel
    units: Any = None
    """Of the viewer's axes; None when its layers do not agree about them."""
    drawings: tuple[tuple[Any, int], ...] = ()
    """Layers of shapes and labels, each with a number that changes with its content."""


class Source:
    """Curves of one kind, and the words about them."""

    def __init__(self, spectra_of: Callable[[Any], LayerSpectra]) -> None:
        self._spectra = spectra_of
        self.problems: list[str] = []
        self.notes: list[str] = []

    def curves(self, request: Request) -> list[Curve]:
        """Return the curves of the request that come from this source."""
        self.problems, self.notes = [], []
        return self._curves(request)

    def _curves(self, request: Request) -> list[Curve]:
        raise NotImplementedError


class PixelSource(Source):
    """The pinned pixels, and those under the mouse."""

    places: dict[str, str]
    """Of the pixels under the mouse, by layer."""

    def _curves(self, request: Request) -> list[Curve]:
        self.places = {}
        curves: list[Curve] = []
        for pin in request.model.pins:
            if any(pin.layer is layer for layer in request.layers):
                curves += self._spectra(pin.layer).pinned(dict(pin.place))
                self._check(pin.layer, dict(pin.place))
        for pixel in request.model.hovered if request.model.extent == "pixel" else ():
            if not any(pixel.layer is layer for layer in request.layers):
                continue
            found = self._spectra(pixel.layer).at(dict(pixel.place))
            self._check(pixel.layer, dict(pixel.place))
            # Of spectra the legend names the row.
            if found and "repeat" not in dict(pixel.place):
                self.places[pixel.layer.name] = place_words(dict(found[-1].place))
            curves += found
        return curves

    def _check(self, layer: Any, place: dict[str, int]) -> None:
        self.problems.append(self._spectra(layer).problem_at(place))


class WholeSource(Source):
    """All pixels of each layer."""

    def _curves(self, request: Request) -> list[Curve]:
        curves: list[Curve] = []
        for layer in request.layers:
            if request.model.extent != "pixel":
                curves += self._spectra(layer).whole(request.model.extent)
            self.problems.append(self._spectra(layer).problem)
        return curves


class RegionSource(Source):
    """The shapes and labels that are drawn."""

    def _curves(self, request: Request) -> list[Curve]:
        curves: list[Curve] = []
        for layer in request.layers if request.model.regions else ():
            curves += self._of_layer(layer, request)
        return curves

    def _of_layer(self, layer: Any, request: Request) -> list[Curve]:
        spectra, extent = self._spectra(layer), request.model.extent
        if spectra.regions is None:
            return []
        names = {id(drawing): drawing.name for drawing, _ in request.drawings}
        drawn = [
            drawn_regions(drawing, layer, request.units, revision)
            for drawing, revision in request.drawings
            if drawing.visible
        ]
        regions = spectra.regions.want([one for one in drawn if one is not None])
        self.problems.append(spectra.regions.problem)
        if regions.is_cut and CUT not in self.notes:
            self.notes.append(CUT)
        curves = []
        for (drawing_id, what), sums in regions.sums.items():
            region = f"{names.get(drawing_id, '')} {what}".strip()
            if sums.pixels == 0:
                self.notes.append(f"{region} contains no pixel of {layer.name}.")
                continue
            origin = (names.get(drawing_id, ""), what)
            variant = f"region {drawing_id} {what}"
            of = f"{region}, {OF[extent]}"
            curves.append(spectra.of_sums(sums, of, extent, variant, origin))
        return curves


class ShownSpectra:
    """The spectra of all visible spectral layers, read again only where a layer has changed."""

    def __init__(self) -> None:
        self._known: dict[int, LayerSpectra] = {}
        self._pixels = PixelSource(self._spectra)
        self._regions = RegionSource(self._spectra)
        self._whole = WholeSource(self._spectra)
        self.problems: tuple[str, ...] = ()
        self.notes: tuple[str, ...] = ()
        self.place = ""

    @property
    def is_waiting(self) -> bool:
        """Whether something is still being added up or read."""
        return any(spectra.is_waiting for spectra in self._known.values())

    def curves(
        self,
        layers: Sequence[Any],
        model: SpectrumModel,
        units: Any,
        drawings: Sequence[tuple[Any, int]] = (),
    ) -> list[Curve]:
        """Return the curves, the lowest first: pins, regions, layers, and the residual."""
        self.keep(layers)
        shown = tuple(layer for layer in layers if layer.visible)
        request = Request(shown, model, units, tuple(drawings))
        sources = (self._whole, self._pixels, self._regions)
        curves = [curve for source in sources for curve in source.curves(request)]
        curves.sort(key=_depth)
        self._forget_regions(shown if model.regions else ())
        notes = [note for source in sources for note in source.notes]
        if model.residual:
            found = self._residual(request, curves)
            curves += [found] if isinstance(found, Curve) else []
            notes += [found] if isinstance(found, str) else []
        self.notes = tuple(filter(None, notes))
        problems = [problem for source in sources for problem in source.problems]
        self.problems = tuple(dict.fromkeys(filter(None, problems)))
        self.place = _place_words(self._pixels.places)
        return curves

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

    def _residual(self, request: Request, curves: Sequence[Curve]) -> Curve | str:
        """Return the residual, or a note why there is none."""
        pair = find_pair(request.layers)
        if pair.raw is None or pair.denoised is None:
            return NO_PAIR
        if request.model.extent == "max":
            return NO_MAXIMA
        if request.model.scale == "logarithmic":
            return NO_LOGARITHM
        # Of a list of spectra the last curve is that of all rows.
        main = {curve.key[0]: curve for curve in curves if not curve.is_kept}
        raw, denoised = main.get(id(pair.raw)), main.get(id(pair.denoised))
        if raw is None or denoised is None:
            return ""
        if raw.place != denoised.place:
            return "" if self.is_waiting else APART
        return residual(raw, denoised)

    def _spectra(self, layer: Any) -> LayerSpectra:
        known = self._known.get(id(layer))
        if known is None or not known.is_current():
            if known is not None:
                known.stop()
            known = self._known[id(layer)] = LayerSpectra(layer)
        return known

    def _forget_regions(self, but: Sequence[Any]) -> None:
        ids = {id(layer) for layer in but}
        for key, spectra in self._known.items():
            if key not in ids and spectra.regions is not None:
                spectra.regions.forget()


def _depth(curve: Curve) -> int:
    """Return the order of drawing: pins, then regions, then layers."""
    return ("pin", "region").index(curve.key[1].split()[0]) if curve.is_kept else 2


def residual(raw: Curve, denoised: Curve) -> Curve:
    """Return raw minus denoised counts per channel, of the same pixels."""
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


def _place_words(places: dict[str, str]) -> str:
    """Return the places of layers by name in words, once where they are all the same."""
    different = set(places.values())
    if len(different) == 1:
        return different.pop()
    return "; ".join(f"{name} {words}" for name, words in places.items())


def pointed_at(energy: float, curves: Sequence[Curve]) -> str:
    """Return an energy (keV, or channel), and the counts there of each curve, in words.

    Counts come with one standard deviation where it is known.

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
    """Return counts with as many digits as are useful."""
    return f"{counts:,.0f}" if abs(counts) >= 1000 else f"{counts:.4g}"


def _counts(curve: Curve, channel: int) -> str:
    counts = in_figures(float(curve.counts[channel]))
    if curve.error is None:
        return counts
    return f"{counts} ± {float(curve.error[channel]):.2g}"
