"""What the Denoise panel shows: one evented model, and the words for what a run will do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from psygnal import SignalGroupDescriptor

from napari_xrf_denoise.core.errors import DataError, SettingsError
from napari_xrf_denoise.core.quantities import about_bytes, about_seconds
from napari_xrf_denoise.core.spectrum_image import AXES, SpectrumImage
from napari_xrf_denoise.denoising.cost_estimate import CostEstimate, estimate_cost

# The engine's own rules, so that the panel never announces something else than what is done.
from napari_xrf_denoise.denoising.engine import choose_method
from napari_xrf_denoise.denoising.settings import (
    METHODS,
    PcaSettings,
    Settings,
    SpectrumSettings,
    StackSettings,
    TutorialSettings,
    resolve_settings,
)
from napari_xrf_denoise.layers.convert import METADATA_KEY, layer_energy
from napari_xrf_denoise.plugin.common import OPEN_SAMPLE
from napari_xrf_denoise.plugin.common.setting_changes import Changes

from .call import Call, Trained
from .history import Points

if TYPE_CHECKING:
    from napari_xrf_denoise.core.progress import Preview
    from napari_xrf_denoise.denoising import Denoised

Status = Literal["idle", "loading", "running", "stopping"]
History = Mapping[str, Points]
"""Curves of a run by kind of figure."""

NO_LAYERS = (
    f"There is no layer with an energy axis. Open a file of spectra, or {OPEN_SAMPLE}. For an "
    "image of your own, label the axes, for example layer.axis_labels = ('energy', 'y', 'x')."
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
    changes : Changes
        Settings that differ from the preset's, each kept for its method.
    device : str
    threads : int
        Most processor cores of a run; 0 leaves that to torch.
    trained : Trained, optional
        The model to apply; None learns from the counts.
    models : tuple of Trained
        Those to choose from: opened ones, and those of earlier runs.
    speeds : mapping
        Time that a run took over what was expected of it, by device and kind of settings.
    stage : str
        What is being done.
    fraction : float
        Share of the run that is done, 0 to 1.
    seconds_left : float, optional
    course : mapping
        Losses and dose gains of the run so far, a curve for each network, parted by NaN.
    preview : Preview, optional
        What the network makes of the counts by now.
    counts : tuple of SpectrumImage
        What the run works on.
    outcome : str
        What came of the last run, in words.
    outcome_kind : {"none", "report", "stopped", "error"}
    result : Denoised, optional
        Of the last run that ended with one.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    status: Status = "idle"
    available: tuple[Any, ...] = ()
    sources: tuple[Any, ...] = ()
    chosen_by_user: bool = False
    method: str = METHODS[0]
    preset: str = "balanced"
    changes: Changes = field(default_factory=Changes)
    device: str = "auto"
    threads: int = 0
    trained: Trained | None = None
    models: tuple[Trained, ...] = ()
    speeds: Mapping[tuple[str, str], float] = field(default_factory=dict)
    stage: str = ""
    fraction: float = 0.0
    seconds_left: float | None = None
    history: History = field(default_factory=dict)
    preview: Preview | None = None
    counts: tuple[SpectrumImage, ...] = ()
    outcome: str = ""
    outcome_kind: Literal["none", "report", "stopped", "error"] = "none"
    result: Denoised | None = None
    names: tuple[str, ...] = field(default=())
    """Names of the available layers, so that a new name is a change."""

    def follow(self, available: Sequence[Any], active: Any) -> None:
        """Take over which spectral layers there are, and which layer is active.

        Results are never chosen by themselves: the next click would denoise them again.
        """
        self.available = tuple(available)
        self.names = tuple(layer.name for layer in available)
        kept = tuple(layer for layer in self.sources if layer in self.available)
        if self.chosen_by_user and (kept or not self.sources):
            self.sources = kept
            return
        self.chosen_by_user = False
        raw = [layer for layer in self.available if "denoising" not in layer.metadata]
        if active in raw:
            self.sources = (active,)
        elif kept:
            self.sources = kept
        else:
            self.sources = tuple((raw or list(self.available))[-1:])

    def choose(self, sources: Sequence[Any]) -> None:
        """Take the layers that the user ticked."""
        self.chosen_by_user = True
        self.sources = tuple(sources)

    def change(self, name: str, value: Any) -> None:
        """Take a setting that the user gave; one as in the preset is no change."""
        self.changes = self.changes.changed(resolve(self, changed=False)[2], name, value)

    def offer(self, trained: Trained, *, choose: bool = False) -> None:
        """Add a model to those to choose from, in place of one of the same name."""
        others = [other for other in self.models if other.name != trained.name]
        replaced = self.trained is not None and self.trained.name == trained.name
        self.models = (*others, trained)
        if choose or replaced:
            self.trained = trained

    def call(self) -> Call:
        """Return the call that a click makes.

        Raises
        ------
        DataError, SettingsError
            If nothing can be run.
        """
        if self.trained is not None:
            return Call({}, self.device, self.trained, self.threads)
        _, _, settings = resolve(self)
        own = self.changes.of(settings)
        chosen = {"method": self.method, "preset": self.preset, "seed": settings.seed, **own}
        return Call(chosen, self.device, None, self.threads)


def resolve(model: DenoiseModel, *, changed: bool = True) -> tuple[str, str, Settings]:
    """Return method, the reason for it and the settings that a run will have.

    Parameters
    ----------
    model : DenoiseModel
    changed : bool
        Whether with the user's own settings, or as the preset has them.

    Raises
    ------
    DataError, SettingsError
        If the layers or the settings do not go together.
    """
    image = _stand_in(model.sources)
    method, why = choose_method(image, model.method, model.preset)
    preset = resolve_settings(method, model.preset, {})
    if not changed:
        return method, why, preset
    return method, why, resolve_settings(method, model.preset, model.changes.of(preset))


def expected(model: DenoiseModel) -> CostEstimate | None:
    """Return about what the run will need on this machine; None for a trained model."""
    if model.trained is not None:
        return None
    settings = resolve(model)[2]
    need = estimate_cost(_stand_in(model.sources).shape, settings)
    return CostEstimate(need.seconds * model.speeds.get(pace_of(model), 1.0), need.n_bytes)


def pace_of(model: DenoiseModel) -> tuple[str, str]:
    """Return what the speed of a run depends on: the device, and what is computed."""
    return model.device, type(resolve(model)[2]).__name__


def plan(model: DenoiseModel) -> tuple[bool, str]:
    """Return whether a run can start, and what it will do or what it needs, in words."""
    if not model.available:
        return False, NO_LAYERS
    if not model.sources:
        return False, NO_CHOICE
    try:
        image = _stand_in(model.sources)
        repeats, height, width, channels = image.shape
        pixels = "1 pixel" if height * width == 1 else f"{height} × {width} pixels"
        lines = [
            f"{pixels}, {channels} channels, {repeats} repeat{'s' if repeats > 1 else ''}.",
            *(_learning(model, image) if model.trained is None else _applying(model)),
        ]
    except (DataError, SettingsError) as error:
        return False, str(error)
    again = [layer.name for layer in model.sources if "denoising" in layer.metadata]
    if again:
        lines.append(f"Careful: {', '.join(again)} is denoised already.")
    return True, "\n".join(lines)


def _learning(model: DenoiseModel, image: SpectrumImage) -> list[str]:
    method, why, settings = resolve(model)
    need = expected(model)
    assert need is not None
    lines = [f"Method: {method} ({why})."]
    if model.method == "auto" and method == "stack":
        lines.append("Where held-out counts prefer the components alone, pca is taken instead.")
    return [
        *lines,
        *_networks(settings),
        _pairs(image, settings),
        f"Expected: {about_seconds(need.seconds)}, {about_bytes(need.n_bytes)} of memory.",
    ]


def _networks(settings: Settings) -> list[str]:
    """Return the rank and the networks of a run."""
    lines = []
    if isinstance(settings, StackSettings | PcaSettings):
        rank = f"{settings.rank} components."
        if settings.rank is None:
            rank = f"Components: found from the data, {settings.max_rank} at most."
        lines.append(rank)
    if isinstance(settings, TutorialSettings):
        network = f"{settings.layers} layers, {settings.features} features"
        lines.append(f"One network of {network}, {settings.epochs} epochs.")
    elif isinstance(settings, StackSettings | SpectrumSettings):
        number = max(1, settings.folds)
        networks = "One network" if number == 1 else f"{number} networks"
        most = " at most" if isinstance(settings, StackSettings) else ""
        lines.append(f"{networks} of {settings.features} features, {settings.steps} steps{most}.")
    return lines


def _applying(model: DenoiseModel) -> list[str]:
    assert model.trained is not None
    trained = model.trained.model
    for layer in model.sources:
        trained.check_energy(layer_energy(layer), layer.name)
    return [f"Applies the model {model.trained.name} ({trained.settings.method}); learns nothing."]


def _pairs(image: SpectrumImage, settings: Settings) -> str:
    if settings.pairs == "repeats":
        return "Pairs: the repeats."
    if settings.pairs == "thinning" or image.n_repeats == 1:
        return "Pairs: photons split at random (thinning)."
    if isinstance(settings, TutorialSettings):
        return "Pairs: each repeat and the mean of the others."
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
    if not sizes:
        raise DataError(NO_CHOICE)
    shape = (sum(size[0] for size in sizes), *sizes[0][1:])
    own = layers[0].metadata.get(METADATA_KEY, {})
    return SpectrumImage(
        np.broadcast_to(np.uint8(0), shape), repeat_kind=own.get("repeat_kind", "scan")
    )


def _sizes(layer: Any) -> tuple[int, ...]:
    shape = dict(zip(layer.axis_labels, layer.data.shape, strict=True))
    return tuple(int(shape.get(label, 1)) for label in AXES)
