"""State of the Denoise dock: one evented model, and the plan of a run in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from psygnal import SignalGroupDescriptor

from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.core.spectrum_image import AXES, SpectrumImage
from napari_xrf_denoise.denoising.cost_estimate import Shape
from napari_xrf_denoise.denoising.plan import RunPlan, plan_run
from napari_xrf_denoise.denoising.settings import METHODS
from napari_xrf_denoise.layers.convert import layer_energy
from napari_xrf_denoise.plugin.common import OPEN_SAMPLE
from napari_xrf_denoise.plugin.common.jobs import RunState
from napari_xrf_denoise.plugin.common.setting_changes import Changes

from .call import Call, Trained
from .history import Points

if TYPE_CHECKING:
    from napari_xrf_denoise.core.progress import Preview
    from napari_xrf_denoise.denoising import Denoised

History = Mapping[str, Points]
"""Curves of a run by kind of figure."""

NO_LAYERS = (
    f"There is no layer with an energy axis. Open a file of spectra, or {OPEN_SAMPLE}. For an "
    "image of your own, label the axes, for example layer.axis_labels = ('energy', 'y', 'x')."
)
NO_CHOICE = "Tick the layer to denoise, or several that are repeats of the same measurement."


@dataclass
class DenoiseModel(RunState):
    """State of the dock and of its run; widgets keep none."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    available: tuple[Any, ...] = ()
    """Spectral layers of the viewer."""
    names: tuple[str, ...] = ()
    """Theirs, so that a new name is a change."""
    sources: tuple[Any, ...] = ()
    """Layers to denoise together, as repeats."""
    chosen_by_user: bool = False
    """Whether the user chose the sources; until then they follow the active layer."""
    method: str = METHODS[0]
    preset: str = "balanced"
    changes: Changes = field(default_factory=Changes)
    """Settings that differ from the preset's, each kept for its method."""
    device: str = "auto"
    threads: int = 0
    """Most processor cores of a run; 0 leaves that to torch."""
    scheduler: str = ""
    """Address of a scheduler whose workers do the work; empty for this computer."""
    trained: Trained | None = None
    """The model to apply; None trains a new one."""
    models: tuple[Trained, ...] = ()
    """Models to choose from: opened ones, and those of earlier runs."""
    speeds: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """Time that a run took over the expected time, by device and kind of settings."""
    history: History = field(default_factory=dict)
    """Losses and dose gains of the run so far, a curve for each network, parted by NaN."""
    preview: Preview | None = None
    """The current prediction of the network."""
    counts: tuple[SpectrumImage, ...] = ()
    """The data of the run."""
    result: Denoised | None = None
    """Of the last run that ended with one."""

    def follow(self, available: Sequence[Any], active: Any) -> None:
        """Take over the spectral layers, and the active one; results are never chosen unasked."""
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
        """Take a setting from the user; one as in the preset is no change."""
        defaults = self.plan().defaults
        if defaults is not None:
            self.changes = self.changes.changed(defaults, name, value)

    def offer(self, trained: Trained, *, choose: bool = False) -> None:
        """Add a model to choose from, in place of one of the same name."""
        others = [other for other in self.models if other.name != trained.name]
        replaced = self.trained is not None and self.trained.name == trained.name
        self.models = (*others, trained)
        if choose or replaced:
            self.trained = trained

    def plan(self) -> RunPlan:
        """Return what a click will do, or the problem that keeps it from being run."""
        try:
            if not self.available and not self.sources:
                raise DataError(NO_LAYERS)
            shape = _common_shape(self.sources)
            if self.trained is not None:
                for layer in self.sources:
                    self.trained.model.check_energy(layer_energy(layer), layer.name)
        except DataError as error:
            return RunPlan({}, "", None, self.method, "", problem=str(error))
        if self.trained is not None:
            settings = self.trained.model.settings
            return RunPlan({}, "", shape, settings.method, self.trained.name, resolved=settings)
        plan = plan_run(shape, method=self.method, preset=self.preset)
        if plan.defaults is not None:
            plan = plan.changed(self.changes.of(plan.defaults))
        if plan.cost is not None:
            plan = replace(plan, cost=plan.cost.times(self.speeds.get(self.speed_key(plan), 1.0)))
        return plan

    def speed_key(self, plan: RunPlan) -> tuple[str, str]:
        """Return what the speed of a run depends on: the device, and the kind of computation."""
        return self.device, type(plan.settings).__name__

    def call(self, plan: RunPlan) -> Call:
        """Return the call that a click makes."""
        return Call(plan, self.device, self.trained, self.threads, self.scheduler)


def plan_text(model: DenoiseModel, plan: RunPlan) -> str:
    """Return in sentences what a run will do, or what it needs."""
    if plan.problem or plan.shape is None:
        return plan.problem
    repeats, height, width, channels = plan.shape
    pixels = "1 pixel" if height * width == 1 else f"{height} × {width} pixels"
    lines = [f"{pixels}, {channels} channels, {repeats} repeat{'s' if repeats > 1 else ''}."]
    if model.trained is None:
        lines += plan.lines()
    else:
        lines.append(f"Applies the model {model.trained.name} ({plan.method}; no training).")
    again = [layer.name for layer in model.sources if "denoising" in layer.metadata]
    if again:
        lines.append(f"Careful: {', '.join(again)} is already denoised.")
    return "\n".join(lines)


def _common_shape(layers: Sequence[Any]) -> Shape:
    """Return the shape (repeat, y, x, energy) of the layers as repeats, without reading a count."""
    if not layers:
        raise DataError(NO_CHOICE)
    shapes = [_shape(layer) for layer in layers]
    for layer, shape in zip(layers, shapes, strict=True):
        if shape[1:] != shapes[0][1:]:
            raise DataError(
                f"Repeats must have the same shape: {layers[0].name} is {shapes[0][1:]} "
                f"(y, x, energy), {layer.name} is {shape[1:]}. Tick only layers of the same "
                "measurement."
            )
    return sum(shape[0] for shape in shapes), *shapes[0][1:]


def _shape(layer: Any) -> Shape:
    sizes = dict(zip(layer.axis_labels, layer.data.shape, strict=True))
    repeats, height, width, channels = (int(sizes.get(label, 1)) for label in AXES)
    return repeats, height, width, channels
