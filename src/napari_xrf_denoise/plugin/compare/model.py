"""State of the Compare dock: the pair of layers, how they are shown, and what was computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from psygnal import SignalGroupDescriptor

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.layers.convert import METADATA_KEY
from napari_xrf_denoise.plugin.common import OPEN_SAMPLE
from napari_xrf_denoise.plugin.common.gain_rows import GainRow, gain_rows
from napari_xrf_denoise.plugin.common.layer_images import (
    LayerPair,
    current_energy,
    denoising_record,
    find_pair,
    layer_sizes,
)
from napari_xrf_denoise.processing.residuals import StandardResiduals

Mode = Literal["off", "swipe", "blink"]
WindowKind = Literal["all", "line", "own"]

SLOWEST, FASTEST = 0.5, 3.0
"""Changes a second when blinking: more than 3 flashes a second can cause seizures (WCAG 2.3.1)."""

NO_LAYERS = f"There is no layer with an energy axis. Open a file of spectra, or {OPEN_SAMPLE}."
NO_PAIR = (
    "Comparing needs two layers with the same pixels and energies, raw and denoised. Make the "
    "denoised one with Layers > Filter > Denoise, or open its file."
)
NO_PICTURE = (
    "Swipe and blink need a map with the axes y and x. The residuals and the dose gain work "
    "for spectra too."
)
NO_REPORT = (
    "“{name}” carries no report of a denoising. Results of Layers > Filter > Denoise have one, "
    "also when saved as .h5 and opened again."
)


@dataclass
class CompareModel:
    """What the Compare dock shows; widgets show it and write to it, and keep none of their own.

    Parameters
    ----------
    available : tuple of layers
        Spectral layers of the viewer.
    names : tuple of str
        Theirs, so that a new name is a change.
    pair : tuple of two layers or None
        Raw and denoised, in one so that a change of both is shown once.
    content : tuple
        What the two hold and how they are calibrated, so that other data are a change.
    axis : EnergyAxis, optional
        Energies of the layer before.
    by_hand : bool
        Whether the user chose the pair; until then it follows the denoised layers.
    paired_by_name : bool
        Whether the pair was found by the name of the source that the denoised layer knows.
    mode : {"off", "swipe", "blink"}
    share : float
        Of the picture's width that shows the layer before, 0 to 1, when swiping.
    rate : float
        Changes a second when blinking.
    shows_before : bool
        Which of the two is shown when blinking.
    same_contrast : bool
        Whether both layers have the same contrast limits.
    window_kind : {"all", "line", "own"}
        Energies of the residual map: all, those of a line of the report, or `low` to `high`.
    line : str
        Name of that line's window.
    low, high : float
        Where the window begins and ends, in keV, or channels where not calibrated; the end is no
        part of it.
    status : {"idle", "running", "stopping"}
        Of the residuals.
    stage, fraction, seconds_left
        How far they are.
    residuals : StandardResiduals, optional
        Of the present pair.
    outcome : str
        What came of the last computation, in words.
    outcome_kind : {"none", "done", "stopped", "error"}
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    available: tuple[Any, ...] = ()
    names: tuple[str, ...] = ()
    pair: tuple[Any, Any] = (None, None)
    content: tuple[Any, ...] = ()
    axis: EnergyAxis | None = None
    chosen_by_user: bool = False
    paired_by_name: bool = False
    mode: Mode = "off"
    share: float = 0.5
    rate: float = 1.0
    shows_before: bool = True
    same_contrast: bool = False
    window_kind: WindowKind = "all"
    line: str = ""
    low: float = 0.0
    high: float = 1.0
    status: Literal["idle", "running", "stopping"] = "idle"
    stage: str = ""
    fraction: float = 0.0
    seconds_left: float | None = None
    residuals: StandardResiduals | None = None
    outcome: str = ""
    outcome_kind: Literal["none", "done", "stopped", "error"] = "none"

    @property
    def before(self) -> Any:
        """The layer with the raw counts, or None."""
        return self.pair[0]

    @property
    def after(self) -> Any:
        """The layer with the denoised counts, or None."""
        return self.pair[1]

    def follow(self, available: Sequence[Any]) -> None:
        """Take over which spectral layers there are, the topmost last."""
        self.available = tuple(available)
        self.names = tuple(layer.name for layer in available)
        if self.chosen_by_user and self.before in self.available and self.after in self.available:
            self._set_pair(self.before, self.after)
            return
        self.chosen_by_user = False
        kept = LayerPair(self.before, self.after, self.paired_by_name)
        before, after, by_name = find_pair(self.available, kept)
        self.paired_by_name = by_name
        self._set_pair(before, after)

    def choose(self, *, before: Any = None, after: Any = None) -> None:
        """Take the layers that the user chose; what is left out stays."""
        self.chosen_by_user = True
        self._set_pair(
            self.before if before is None else before, self.after if after is None else after
        )

    def problem(self) -> str:
        """Return why the layers cannot be compared and what to do, empty where they can."""
        if not self.available:
            return NO_LAYERS
        if self.before is None or self.after is None:
            return NO_PAIR
        if self.before == self.after:
            return f"“{self.before.name}” is chosen twice. Choose two different layers."
        raw, denoised = layer_sizes(self.before), layer_sizes(self.after)
        if raw != denoised:
            return (
                f"“{self.before.name}” is {_shape_text(raw)}, “{self.after.name}” is "
                f"{_shape_text(denoised)}. Choose two layers with the same pixels and energies."
            )
        return ""

    def picture_problem(self) -> str:
        """Return why there is no swipe and no blink, empty where there is."""
        problem = self.problem()
        if problem:
            return problem
        return "" if {"y", "x"} <= set(self.before.axis_labels) else NO_PICTURE

    def gains(self) -> tuple[GainRow, ...]:
        """Return the table of dose gains, empty where the denoised layer has no report."""
        return (
            ()
            if self.after is None
            else gain_rows(denoising_record(self.after).get("report") or {})
        )

    def gain_words(self) -> str:
        """Return what to tell about the table."""
        if self.after is None:
            return NO_PAIR if self.available else NO_LAYERS
        if not self.gains():
            return NO_REPORT.format(name=self.after.name)
        report = denoising_record(self.after)["report"]
        how = report.get("measured_by")
        return f"Measured by: {how}." if how else ""

    def lines(self) -> dict[str, tuple[float, float]]:
        """Return the windows of the report's lines by name: centres of their outermost channels."""
        return _lines(self.after)

    def window(self) -> tuple[float, float] | None:
        """Return where the window of the residual map begins and ends, or None for all energies."""
        if self.window_kind == "own":
            return self.low, self.high
        ends = self.lines().get(self.line) if self.window_kind == "line" else None
        if ends is None or self.axis is None:
            return None
        first, last = map(self.axis.channel, ends)
        return _edges(slice(first, last + 1), self.axis)

    def window_problem(self) -> str:
        """Return why the window cannot be, empty where it holds a channel."""
        window = self.window()
        if window is None or self.axis is None:
            return ""
        try:
            self.axis.channels(*window)
        except DataError as error:
            return str(error)
        return ""

    def _set_pair(self, before: Any, after: Any) -> None:
        content = (*_content(before), *_content(after))
        if before == self.before and after == self.after and content == self.content:
            return
        if self.window_kind == "line" and self.line not in _lines(after):
            # First: each change is shown at once, and no line is chosen that is not there.
            self.window_kind = "all"
        self.pair, self.content = (before, after), content
        self.residuals = None
        self._set_axis(None if before is None else current_energy(before))
        self.outcome, self.outcome_kind = "", "none"

    def _set_axis(self, axis: EnergyAxis | None) -> None:
        old, self.axis = self.axis, axis
        if axis is not None and (old is None or not axis.is_close(old)):
            # A window of one's own begins as the whole axis.
            self.low, self.high = _edges(slice(0, axis.size), axis)


def _edges(channels: slice, axis: EnergyAxis) -> tuple[float, float]:
    """Return the edges of channels, without digits that are only rounding."""
    low, high = axis.edges(channels)
    return round(low, 6), round(high, 6)


def _lines(after: Any) -> dict[str, tuple[float, float]]:
    report = {} if after is None else denoising_record(after).get("report") or {}
    return {
        window["name"]: (float(window["range"][0]), float(window["range"][1]))
        for window in report.get("windows") or ()
    }


def _content(layer: Any) -> tuple[Any, ...]:
    if layer is None:
        return ()
    places = (tuple(layer.axis_labels), tuple(layer.scale), tuple(layer.translate))
    # By value: napari keeps the dictionary itself when a layer gets other metadata.
    own = layer.metadata.get(METADATA_KEY, {})
    facts = [repr(own.get(key)) for key in ("repeat_kind", "energy", "repeat_energies")]
    return (id(layer.data), *places, tuple(map(str, layer.units)), *facts)


def _shape_text(shape: tuple[int, int, int]) -> str:
    return f"{shape[0]} × {shape[1]} pixels with {shape[2]} channels"
