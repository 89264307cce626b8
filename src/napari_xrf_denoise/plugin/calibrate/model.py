"""State of the dock "Calibrate energy", without Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from psygnal import SignalGroupDescriptor

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError, SettingsError
from napari_xrf_denoise.layers.calibrate import calibrate_layer, calibrated_labels, is_countable
from napari_xrf_denoise.plugin.common.spectral_layers import current_energy
from napari_xrf_denoise.spectroscopy.calibration import calibration_from_peaks, parse_line_energy
from napari_xrf_denoise.spectroscopy.element_symbols import in_greek
from napari_xrf_denoise.spectroscopy.xray_lines import line_energy

Way = Literal["numbers", "peaks"]
"""Where the calibration comes from: offset and gain, or two peaks and their lines."""
Mark = tuple[float, str, bool]
"""Channel, name, and whether it is a chosen peak."""

NO_LAYERS = (
    "There is no image layer of counts. Open a file of spectra, or an array with File > Open."
)
NO_PEAKS = (
    "Click a peak in the spectrum and choose its line, then do the same for a second one. Use two "
    "widely separated peaks."
)

OFFSET, GAIN = 0.0, 0.01
"""keV of channel 0 and of a channel, where nothing is known: a common setting of XRF detectors."""


@dataclass
class CalibrateModel:
    """State of the dock; its widgets keep none."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    available: tuple[Any, ...] = ()
    """Image layers of real or whole numbers."""
    names: tuple[str, ...] = ()
    """Theirs, so that a new name is a change."""
    chosen: tuple[Any, ...] = ()
    """The one to calibrate, which `source` gives. In a tuple, since psygnal would look for events
    in a bare layer."""
    energy_axis: int | None = None
    """Of the layer's data, as `repeat_axis`."""
    repeat_axis: int | None = None
    way: Way = "peaks"
    offset: float = OFFSET
    """In keV, as `gain` a channel; of the way "numbers"."""
    gain: float = GAIN
    channels: tuple[float, float] = (0.0, 0.0)
    """Centres of the peaks; of the way "peaks"."""
    lines: tuple[str, str] = ("Ca Ka", "Fe Ka")
    """Their lines, as names or energies."""
    picked: int = 0
    """Which of the two peaks a click into the spectrum sets."""
    outcome: str = ""
    """Result of the last click on a button."""

    def follow(self, layers: Sequence[Any], active: Any = None) -> None:
        """Take over which layers there are; keep the choice as long as it is there."""
        self.available = tuple(layer for layer in layers if is_countable(layer))
        self.names = tuple(layer.name for layer in self.available)
        if self.source not in self.available:
            latest = self.available[-1] if self.available else None
            self.choose(active if active in self.available else latest)

    def choose(self, layer: Any) -> None:
        """Calibrate another layer, beginning with what it says about itself."""
        self.chosen = () if layer is None else (layer,)
        self.outcome = ""
        if layer is None:
            self.energy_axis = self.repeat_axis = None
            return
        self.energy_axis, self.repeat_axis = axes_of(layer)
        known = current_energy(layer)
        # Nothing is left of another layer's numbers, which would be ready for Apply.
        self.offset, self.gain = OFFSET, GAIN
        if known is not None and known.calibrated:
            self.offset, self.gain = known.offset, known.gain
        self.channels = (0.0, 0.0)
        self.picked = 0

    @property
    def source(self) -> Any:
        """The layer to calibrate, or None."""
        return self.chosen[0] if self.chosen else None

    @property
    def size(self) -> int:
        """Number of channels of the chosen axis; 0 without a layer."""
        if self.source is None or self.energy_axis is None:
            return 0
        return int(self.source.data.shape[self.energy_axis])

    def set_peak(self, number: int, channel: float) -> None:
        """Put a peak at a channel."""
        first, second = self.channels
        self.channels = (channel, second) if number == 0 else (first, channel)

    def set_line(self, number: int, line: str) -> None:
        """Say which line a peak is."""
        first, second = self.lines
        self.lines = (line, second) if number == 0 else (first, line)

    def energy(self) -> EnergyAxis:
        """Return the energy axis that the fields describe, or raise DataError or SettingsError."""
        if self.way == "numbers":
            return EnergyAxis(self.offset, self.gain, self.size)
        energies = (parse_line_energy(self.lines[0]), parse_line_energy(self.lines[1]))
        return calibration_from_peaks(self.channels, energies, size=self.size)

    def problem(self) -> str:
        """Return what keeps the fields from being applied, in words; nothing if they can be."""
        if self.source is None:
            return NO_LAYERS
        try:
            calibrated_labels(self.source, self.energy_axis, self.repeat_axis)
            if self.way == "peaks" and (problem := self._peaks_problem()):
                return problem
            self.energy()
        except (DataError, SettingsError) as error:
            return str(error)
        return ""

    def _peaks_problem(self) -> str:
        first, second = self.channels
        if first == second == 0.0:
            return NO_PEAKS
        if 0.0 in self.channels:
            return "Click a second peak, and choose its line."
        low, high = (parse_line_energy(line) for line in self.lines)
        if (high - low) * (second - first) < 0:
            return "The higher channel must have the higher energy; swap the two lines."
        return ""

    def words(self) -> str:
        """Return a problem, or the calibration that the fields describe."""
        problem = self.problem()
        if problem:
            return problem
        axis = self.energy()
        last = axis.centers[-1]
        return (
            f"Channel 0 is at {axis.offset:.4f} keV, a channel is {1000 * axis.gain:.4f} eV wide; "
            f"{axis.size} channels reach {last:.3f} keV."
        )

    def marks(self) -> list[Mark]:
        """Return the peaks, and the elements' other lines where this calibration has them.

        Those fall on peaks of the spectrum only when it is right.
        """
        marks: list[Mark] = []
        if self.way == "peaks":
            marks = [
                (channel, in_greek(line), True)
                for channel, line in zip(self.channels, self.lines, strict=True)
                if channel > 0
            ]
        if self.problem():
            return marks
        axis = self.energy()
        named = {name for _, name, _ in marks}
        for line, energy in neighbours_of(self.lines):
            channel = (energy - axis.offset) / axis.gain
            if (name := in_greek(line)) not in named and 0 <= channel <= axis.size - 1:
                marks.append((channel, name, False))
        return marks

    def apply(self) -> None:
        """Calibrate the chosen layer, and say so in `outcome`."""
        problem = self.problem()
        if problem:
            self.outcome = problem
            return
        energy = self.energy()
        record: dict[str, Any] = {"way": self.way}
        if self.way == "peaks":
            record |= {"channels": list(self.channels), "lines": list(self.lines)}
        try:
            calibrate_layer(
                self.source,
                energy,
                energy_axis=self.energy_axis,
                repeat_axis=self.repeat_axis,
                record=record,
            )
        except DataError as error:
            self.outcome = str(error)
            return
        # So that the numbers can be looked at and changed, whichever way they came.
        self.offset, self.gain = energy.offset, energy.gain
        self.outcome = (
            f"{self.source.name} is calibrated: {energy.offset:.4f} to {energy.centers[-1]:.3f} "
            "keV. Apply again to revise."
        )


def axes_of(layer: Any) -> tuple[int, int | None]:
    """Return the positions of energy, by its label or as the longest axis, and of repeats."""
    labels = tuple(layer.axis_labels)
    shape = tuple(layer.data.shape)
    if "energy" in labels:
        return labels.index("energy"), labels.index("repeat") if "repeat" in labels else None
    energy = max(range(len(shape)), key=lambda axis: shape[axis])
    others = [axis for axis in range(len(shape)) if axis != energy]
    return energy, others[0] if len(others) > 2 else None


def neighbours_of(lines: Sequence[str]) -> list[tuple[str, float]]:
    """Return names and energies in keV of lines such as "Fe Ka", and of their families' others."""
    found: dict[str, float] = {}
    for text in lines:
        element, _, line = text.strip().partition(" ")
        for group in ("a", "b"):
            try:
                found[f"{element} {line[:1]}{group}"] = line_energy(element, f"{line[:1]}{group}")
            except SettingsError:
                continue
    return list(found.items())
