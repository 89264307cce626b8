"""State of the Compare dock: the pair of layers, how they are shown, and what was computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from psygnal import SignalGroupDescriptor

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.plugin.common import OPEN_SAMPLE
from napari_xrf_denoise.plugin.common.gain_rows import GainRow, gain_rows
from napari_xrf_denoise.plugin.common.jobs import RunState
from napari_xrf_denoise.plugin.common.spectral_layers import (
    LayerPair,
    content_of,
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
    "Swipe and blink need a map with the axes y and x. Residuals and dose gain also work for "
    "spectra."
)
NO_REPORT = (
    "“{name}” has no denoising report. Results of Layers > Filter > Denoise have one, also after "
    "they were saved as .h5 and opened again."
)


@dataclass
class CompareModel(RunState):
    """State of the Compare dock, and of the residuals it computes; widgets keep none."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    available: tuple[Any, ...] = ()
    """Spectral layers of the viewer."""
    names: tuple[str, ...] = ()
    """Theirs, so that a new name is a change."""
    pair: tuple[Any, Any] = (None, None)
    """Raw and denoised, in one so that a change of both is shown once."""
    content: tuple[Any, ...] = ()
    """The data and calibration of the two, so that other data are a change."""
    axis: EnergyAxis | None = None
    """Energies of the raw layer."""
    chosen_by_user: bool = False
    """Whether the user chose the pair; until then it follows the denoised layers."""
    paired_by_name: bool = False
    """Whether the pair was found by the source that the denoised layer names."""
    mode: Mode = "off"
    share: float = 0.5
    """Of the picture's width that shows the raw layer when swiping, 0 to 1."""
    rate: float = 1.0
    """Changes a second when blinking."""
    shows_before: bool = True
    """Whether the raw layer is the one that is shown when blinking."""
    same_contrast: bool = False
    window_kind: WindowKind = "all"
    """Energies of the residual map: all, those of a line of the report, or `low` to `high`."""
    line: str = ""
    """Name of that line's window."""
    low: float = 0.0
    """In keV, or channels where not calibrated; as `high`, which is no part of the window."""
    high: float = 1.0
    residuals: StandardResiduals | None = None
    """Of the present pair."""

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
        if self.after is None:
            return ()
        return gain_rows(denoising_record(self.after).get("report") or {})

    def gain_words(self) -> str:
        """Return how the dose gains were estimated, or why there are none."""
        if self.after is None:
            return NO_PAIR if self.available else NO_LAYERS
        if not self.gains():
            return NO_REPORT.format(name=self.after.name)
        how = denoising_record(self.after)["report"].get("measured_by")
        return f"Estimated from: {how}." if how else ""

    def lines(self) -> dict[str, tuple[float, float]]:
        """Return the windows of the report's lines by name: centres of their outermost channels."""
        return _lines(self.after)

    def windows(self) -> list[tuple[WindowKind, str]]:
        """Return the windows to choose from, and the line where one is of a line."""
        return [("all", ""), *(("line", name) for name in self.lines()), ("own", "")]

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
        content = tuple(None if layer is None else content_of(layer) for layer in (before, after))
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


def _shape_text(shape: tuple[int, int, int]) -> str:
    return f"{shape[0]} × {shape[1]} pixels with {shape[2]} channels"
