"""The plan of a run: its method, settings and cost, or why it cannot be run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from napari_xrf_denoise.core.errors import SettingsError
from napari_xrf_denoise.core.quantities import about_bytes, about_seconds
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.layers.inputs import as_image

from .cost_estimate import CostEstimate, Shape, estimate_cost
from .methods.dispatch import COMPARED_PIXELS
from .pairs import check_pairs
from .settings import (
    METHODS,
    PcaSettings,
    Settings,
    SpectrumSettings,
    StackSettings,
    TutorialSettings,
    check_setting,
    resolve_settings,
)

FEW_PIXELS = 64
"""Fewer pixels than this have too little in common for a component analysis."""


@dataclass(frozen=True)
class RunPlan:
    """What a run of `denoise` will do, as `plan_run` returns it.

    Examples
    --------
    >>> plan = plan_run((1, 96, 96, 1024), preset="fast")
    >>> plan.settings.steps
    150
    >>> plan_run((1, 96, 96, 1024), method="pca", steps=50).problem[:22]
    "unknown setting 'steps"
    """

    request: Mapping[str, Any]
    """Keyword arguments of `denoise` that were asked for: method, preset, single settings."""
    name: str
    """Name of the data."""
    shape: Shape | None
    """(repeat, y, x, energy) of the data, if known."""
    method: str
    """``"spectrum"``, ``"stack"`` or ``"pca"``; ``"auto"`` if that depends on unknown data."""
    why: str
    """Why this method."""
    defaults: Settings | None = None
    """Settings of the preset without changes; None if the method has no such preset."""
    resolved: Settings | None = None
    """Complete settings; None if there is a problem."""
    cost: CostEstimate | None = None
    """Expected time and memory, if the shape is known."""
    problem: str = ""
    """Why the run is impossible; empty if it is possible."""

    @property
    def settings(self) -> Settings:
        """Complete settings of the run, for ``denoise(data, settings=...)``.

        Raises
        ------
        SettingsError
            If there is a problem.
        """
        if self.resolved is None:
            raise SettingsError(self.problem)
        return self.resolved

    def changed(self, changes: Mapping[str, Any]) -> RunPlan:
        """Return the plan with other single settings in place of its own."""
        request = {name: self.request[name] for name in ("method", "preset")} | dict(changes)
        if self.defaults is None:
            return replace(self, request=request)
        try:
            settings = _resolve(self.method, request["preset"], changes)
            if self.shape is not None:
                check_pairs(self.name, self.shape[0], settings.pairs)
        except SettingsError as error:
            return replace(self, request=request, resolved=None, cost=None, problem=str(error))
        cost = None if self.shape is None else estimate_cost(self.shape, settings)
        return replace(self, request=request, resolved=settings, cost=cost, problem="")

    def on(self, data: Any) -> RunPlan:
        """Return the same plan for other data, which may need another method."""
        return plan_run(data, **self.request)

    @property
    def _may_change(self) -> bool:
        """Whether the result may be that of another method."""
        asked = self.request["method"] == "auto" and isinstance(self.resolved, StackSettings)
        small = self.shape is None or self.shape[1] * self.shape[2] <= COMPARED_PIXELS
        return asked and small and self.settings.folds > 0

    def lines(self) -> list[str]:
        """Return the plan in sentences, or the problem."""
        if self.resolved is None:
            return [self.problem]
        settings = self.resolved
        method = {"pca": "PCA"}.get(self.method, self.method)
        lines = [f"Method: {method} ({self.why})."]
        if self._may_change:
            lines.append("Falls back to PCA if held-out photons score it better.")
        lines.append(_networks(settings))
        if pairs := _pairs(settings, self.shape):
            lines.append(pairs)
        if self.cost is not None:
            seconds, memory = about_seconds(self.cost.seconds), about_bytes(self.cost.n_bytes)
            lines.append(f"Expected: {seconds}, {memory} of memory.")
        return lines


def plan_run(
    data: Any = None, *, method: str = "auto", preset: str = "balanced", **changes: Any
) -> RunPlan:
    """Return what `denoise` would do, without reading a count.

    Parameters
    ----------
    data : SpectrumImage, napari layer, list of these, array_like, or tuple of int, optional
        The data as for `denoise`, with energies along the last axis of an array; or its shape
        (repeat, y, x, energy). Without data, the plan holds for any data.
    method, preset
        As for `denoise`.
    **changes
        Single settings, among them `seed` and `pairs`, as for `denoise`.

    Returns
    -------
    RunPlan
        What is wrong with the settings is its `problem`.

    Raises
    ------
    DataError
        If the data cannot be counts.

    Examples
    --------
    >>> import napari_xrf_denoise as xrf
    >>> image, _ = xrf.simulate_map(shape=(16, 16), n_channels=256, seed=1)
    >>> plan = xrf.denoising.plan_run(image, preset="fast", steps=20)
    >>> plan.method, plan.why
    ('stack', 'map with 256 pixels')
    >>> plan.cost.seconds < 60
    True
    >>> result = xrf.denoise(image, settings=plan.settings)
    """
    name, shape = _name_and_shape(data)
    request = {"method": method, "preset": preset}
    try:
        check_setting(method in METHODS, "method", f"one of {', '.join(METHODS)}", method)
        chosen, why = choose_method(shape, method, preset)
        plan = RunPlan(request, name, shape, chosen, why, _defaults(chosen, preset))
    except SettingsError as error:
        return RunPlan(request | changes, name, shape, method, "", problem=str(error))
    return plan.changed(changes)


def plan_of(settings: Settings, method: str, image: SpectrumImage) -> RunPlan:
    """Return the plan of a run that has complete settings already.

    Raises
    ------
    SettingsError
        If they are those of another method, or need more repeats.
    """
    check_setting(
        method in ("auto", settings.method), "method", f"auto or {settings.method}", method
    )
    check_pairs(image.name, image.n_repeats, settings.pairs)
    preset = _nearest_preset(settings)
    chosen, why = choose_method(image.shape, method, preset)
    why = why if chosen == settings.method else "settings chosen by you"
    request = {"method": method, "preset": preset}
    return RunPlan(request, image.name, image.shape, settings.method, why, settings, settings)


def choose_method(shape: Shape | None, method: str, preset: str) -> tuple[str, str]:
    """Return the method of a run on data of this shape, and why it is that one."""
    if method != "auto":
        return method, "chosen by you"
    if preset == "tutorial":
        return "spectrum", "the tutorial preset is for single spectra"
    if shape is None:
        return "auto", "chosen for each measurement"
    pixels = shape[1] * shape[2]
    if pixels == 1:
        return "spectrum", "a single pixel"
    if pixels < FEW_PIXELS:
        return "spectrum", f"{pixels} pixels are too few to share components"
    return "stack", f"map with {pixels} pixels"


def _name_and_shape(data: Any) -> tuple[str, Shape | None]:
    if data is None:
        return "", None
    if isinstance(data, tuple) and len(data) == 4 and all(isinstance(n, int) for n in data):
        repeats, height, width, channels = data
        return "data", (repeats, height, width, channels)
    image = as_image(data)
    return image.name, image.shape


def _resolve(method: str, preset: str, changes: Mapping[str, Any]) -> Settings:
    """Return complete settings; with unknown data, those of the first method that has them all."""
    if method != "auto":
        return resolve_settings(method, preset, changes)
    try:
        return resolve_settings("stack", preset, changes)
    except SettingsError as error:
        try:
            return resolve_settings("spectrum", preset, changes)
        except SettingsError:
            raise error from None


def _defaults(method: str, preset: str) -> Settings:
    """Return the settings of a preset; with unknown data, those that all methods share."""
    settings = _resolve(method, preset, {})
    return Settings(folds=settings.folds) if method == "auto" else settings


def _nearest_preset(settings: Settings) -> str:
    """Return the preset from which the fewest settings differ."""
    names = [entry.name for entry in fields(settings)]

    def same(preset: str) -> int:
        other = resolve_settings(settings.method, preset, {})
        return sum(getattr(settings, name) == getattr(other, name) for name in names)

    if isinstance(settings, TutorialSettings):
        return "tutorial"
    return max(("balanced", "fast", "best"), key=same)


def _networks(settings: Settings) -> str:
    """Return the components and the networks of a run in words."""
    words = []
    if isinstance(settings, StackSettings | PcaSettings):
        fixed = f"{settings.rank} components"
        words.append(f"up to {settings.max_rank} components" if settings.rank is None else fixed)
    if isinstance(settings, TutorialSettings):
        network = f"{settings.layers} layers, {settings.features} features"
        words.append(f"one network of {network}, {settings.epochs} epochs")
    elif isinstance(settings, StackSettings | SpectrumSettings):
        number = max(1, settings.folds)
        networks = "one network" if number == 1 else f"{number} networks"
        words.append(f"{networks} of {settings.features} features, {settings.steps} steps")
    text = "; ".join(words)
    return f"{text[0].upper()}{text[1:]}."


def _pairs(settings: Settings, shape: Shape | None) -> str:
    """Return in words where independent noisy versions come from."""
    if isinstance(settings, PcaSettings):
        return ""
    if settings.pairs == "repeats":
        return "Training pairs: the repeats."
    if settings.pairs == "thinning" or (shape is not None and shape[0] == 1):
        return "Training pairs: random photon splitting (thinning)."
    if isinstance(settings, TutorialSettings):
        return "Training pairs: each repeat and the mean of the others."
    return (
        "Training pairs: random photon splitting (thinning); repeats instead if counts are not "
        "Poisson."
    )
