"""What the Denoise panel shows: one evented model, and the words for what a run will do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
from psygnal import SignalGroupDescriptor

# The engine's own rule, so that the panel never announces something else than what is done.
from napari_xrf_denoise.denoising.engine import choose_method
from napari_xrf_denoise.denoising.settings import METHODS, resolve_settings
from napari_xrf_denoise.errors import DataError, SettingsError
from napari_xrf_denoise.layers import METADATA_KEY
from napari_xrf_denoise.spectrum_image import AXES, SpectrumImage

Status = Literal["idle", "loading", "running", "stopping"]

NO_LAYERS = (
    "There is no layer with an energy axis. Open a file of spectra, or File > Open Sample > "
    "XRF denoise. For an image of your own, label the axes, for example "
    "layer.axis_labels = ('energy', 'y', 'x')."
)
NO_CHOICE = "Tick the layer to denoise, or several that are repeats of the same measurement."


@dataclass
class DenoiseModel:
    """State of the Denoise panel; widgets show it and write to it, and keep none of their own.

    Parameters
    ----------
    status : {"idle", "loading", "running", "stopping"}
        ``"loading"`` is from the click until torch is there and the run has begun.
    available : tuple of layers
        Spectral layers of the viewer.
    sources : tuple of layers
        Those to denoise together, as repeats.
    by_hand : bool
        Whether the user chose the sources; until then they follow the active layer.
    method, preset : str
    stage : str
        What is being done.
    fraction : float
        Share of the run that is done, 0 to 1.
    seconds_left : float, optional
    outcome : str
        What came of the last run, in words.
    outcome_kind : {"none", "report", "stopped", "error"}
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    status: Status = "idle"
    available: tuple[Any, ...] = ()
    sources: tuple[Any, ...] = ()
    by_hand: bool = False
    method: str = METHODS[0]
    preset: str = "balanced"
    stage: str = ""
    fraction: float = 0.0
    seconds_left: float | None = None
    outcome: str = ""
    outcome_kind: Literal["none", "report", "stopped", "error"] = "none"
    names: tuple[str, ...] = field(default=())
    """Names of the available layers, so that a new name is a change."""

    def follow(self, available: Sequence[Any], active: Any) -> None:
        """Take over which spectral layers there are, and which layer is active.

        Results are never chosen by themselves: the next click would denoise them again.
        """
        self.available = tuple(available)
        self.names = tuple(layer.name for layer in available)
        kept = tuple(layer for layer in self.sources if layer in self.available)
        if self.by_hand and (kept or not self.sources):
            self.sources = kept
            return
        self.by_hand = False
        raw = [layer for layer in self.available if "denoising" not in layer.metadata]
        if active in raw:
            self.sources = (active,)
        elif kept:
            self.sources = kept
        else:
            self.sources = tuple((raw or list(self.available))[-1:])

    def choose(self, sources: Sequence[Any]) -> None:
        """Take the layers that the user ticked."""
        self.by_hand = True
        self.sources = tuple(sources)


def plan(model: DenoiseModel) -> tuple[bool, str]:
    """Return whether a run can start, and what it will do or what it needs, in words."""
    if not model.available:
        return False, NO_LAYERS
    if not model.sources:
        return False, NO_CHOICE
    try:
        image = _stand_in(model.sources)
        method, why = choose_method(image, model.method, model.preset)
        resolve_settings(method, model.preset, {})
    except (DataError, SettingsError) as error:
        return False, str(error)
    repeats, height, width, channels = image.shape
    pixels = "1 pixel" if height * width == 1 else f"{height} × {width} pixels"
    lines = [
        f"{pixels}, {channels} channels, {repeats} repeat{'s' if repeats > 1 else ''}.",
        f"Method: {method} ({why}).",
        _pairs(image, model),
    ]
    again = [layer.name for layer in model.sources if "denoising" in layer.metadata]
    if again:
        lines.append(f"Careful: {', '.join(again)} is denoised already.")
    return True, "\n".join(lines)


def _pairs(image: SpectrumImage, model: DenoiseModel) -> str:
    if model.preset == "tutorial":
        return "Pairs: each repeat and the mean of the others."
    if image.n_repeats == 1:
        return "Pairs: photons split at random (thinning)."
    return (
        "Pairs: photons split at random (thinning), or the repeats if their counts do not "
        "scatter as photons do."
    )


def _stand_in(layers: Sequence[Any]) -> SpectrumImage:
    """Return an image with the shape of the run's, without reading a count."""
    sizes = [_sizes(layer) for layer in layers]
    for layer, size in zip(layers, sizes, strict=True):
        if size[1:] != sizes[0][1:]:
            raise DataError(
                f"Repeats must have the same shape: {layers[0].name} is {sizes[0][1:]} "
                f"(y, x, energy), {layer.name} is {size[1:]}. Tick layers of one measurement."
            )
    shape = (sum(size[0] for size in sizes), *sizes[0][1:])
    own = layers[0].metadata.get(METADATA_KEY, {})
    return SpectrumImage(
        np.broadcast_to(np.uint8(0), shape), repeat_kind=own.get("repeat_kind", "scan")
    )


def _sizes(layer: Any) -> tuple[int, ...]:
    shape = dict(zip(layer.axis_labels, layer.data.shape, strict=True))
    return tuple(int(shape.get(label, 1)) for label in AXES)
