"""State of the lines and peaks of a spectrum, without Qt."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from psygnal import SignalGroupDescriptor

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.plugin.common import CALIBRATE
from napari_xrf_denoise.spectroscopy.detector import detector_fwhm
from napari_xrf_denoise.spectroscopy.element_symbols import in_greek
from napari_xrf_denoise.spectroscopy.peak_identification import (
    Artifact,
    candidate_elements,
    escape_peaks,
    identify_peaks,
    sum_peaks,
)
from napari_xrf_denoise.spectroscopy.peaks import Peak, find_peaks
from napari_xrf_denoise.spectroscopy.xray_lines import (
    FAMILIES,
    XrayLine,
    all_lines,
    line_group,
    lines,
)

from .errors import AVERAGE, ESTIMATED
from .layer_spectra import Curve

Kind = Literal["line", "peak", "sum", "escape"]

TALLEST = 0.92
"""Height of the strongest line of a family, as a share of the plot's."""
WEAKEST = 0.005
"""Share of its family's strongest line below which a line is not drawn."""
LEAST_NAMED = 0.04
"""The same from which it has a label."""
STRONG = 0.08
"""Share of its family's strongest line from which a line is zoomed to."""
LOWEST_PEAK, TALLEST_PEAK = 0.25, 0.97
"""Heights of the marks of the weakest and the strongest peak: different ones leave room for the
names of neighbours."""
ARTIFACT = 0.2
"""Height of the mark of the strongest sum or escape peak."""
MARGIN = 4.0
"""What is shown beside the outermost lines when zooming, in widths (FWHM) of a line."""


@dataclass(frozen=True)
class Mark:
    """A stick at an energy."""

    energy: float
    """keV."""
    share: float
    """Height, as a share of the plot's, above 0 and at most 1."""
    label: str
    kind: Kind
    color_index: int = 0
    """Of the element among those that are shown."""


def line_marks(
    elements: Sequence[str], energy_axis: EnergyAxis, families: Iterable[str] = FAMILIES
) -> tuple[Mark, ...]:
    """Return the marks of elements' lines within the axis.

    Heights follow the relative intensities within the family; of each group of lines, such as Ka,
    the strongest has the label.

    >>> marks = line_marks(["Fe"], EnergyAxis(0.0, 0.01, 2048), "K")
    >>> [mark.label for mark in marks if mark.label]
    ['Fe Kα', 'Fe Kβ']
    """
    found = []
    for number, element in enumerate(elements):
        for family in families:
            members = _inside(lines(element, family), energy_axis)
            tallest = max((line.intensity for line in members), default=0.0)
            named: set[str] = set()
            for line in sorted(members, key=lambda line: -line.intensity):
                if line.intensity < WEAKEST * tallest or line.intensity == 0:
                    continue
                group = line_group(line.name)
                is_named = group not in named and line.intensity >= LEAST_NAMED * tallest
                named.add(group)
                label = in_greek(f"{element} {group}") if is_named else ""
                share = TALLEST * line.intensity / tallest
                found.append(Mark(line.energy, share, label, "line", number))
    return tuple(found)


def peak_marks(peaks: Sequence[Peak]) -> tuple[Mark, ...]:
    """Return the marks of peaks, labelled with their name or else with keV.

    Heights follow the logarithm of the net counts.
    """
    amounts = [math.log10(1 + max(peak.net, 0.0)) for peak in peaks]
    low, high = min(amounts, default=0.0), max(amounts, default=0.0)
    span = (TALLEST_PEAK - LOWEST_PEAK) / ((high - low) or 1.0)
    return tuple(
        Mark(peak.energy, LOWEST_PEAK + span * (amount - low), _peak_label(peak), "peak")
        for peak, amount in zip(peaks, amounts, strict=True)
    )


def artifact_marks(artifacts: Iterable[Artifact]) -> tuple[Mark, ...]:
    """Return the marks of sum and escape peaks; heights follow the logarithm of an estimate."""
    return tuple(
        Mark(
            artifact.energy,
            max(0.25, 1 + math.log10(artifact.share) / 4) * ARTIFACT,
            in_greek(artifact.name),
            artifact.kind,
        )
        for artifact in artifacts
        if artifact.share > 0
    )


def zoom_range(
    element: str, energy_axis: EnergyAxis, families: Sequence[str] = FAMILIES
) -> tuple[float, float] | None:
    """Return the energies (keV) between which an element's strong lines are, or None.

    Of the families within the axis that of the highest energy is shown: K before L before M.

    >>> low, high = zoom_range("Fe", EnergyAxis(0.0, 0.01, 2048))
    >>> low < 6.4 and high > 7.06
    True
    """
    for family in (family for family in FAMILIES if family in families):
        known = lines(element, family)
        tallest = max((line.intensity for line in known), default=0.0)
        strong = [line for line in known if line.intensity >= max(STRONG * tallest, 1e-9)]
        shown = _inside(strong, energy_axis)
        # A weak line is of no use where the strong ones are beyond the axis.
        if shown and max(line.intensity for line in shown) >= tallest:
            energies = [line.energy for line in shown]
            margin = MARGIN * float(detector_fwhm(max(energies)))
            return max(min(energies) - margin, 0.0), max(energies) + margin
    return None


def _inside(found: Iterable[XrayLine], axis: EnergyAxis) -> list[XrayLine]:
    if not axis.calibrated:
        return []
    low, high = axis.centers[0], axis.centers[-1]
    return [line for line in found if low < line.energy < high]


def _peak_label(peak: Peak) -> str:
    return in_greek(peak.name) or f"{peak.energy:.2f}"


MOST_ANSWERS = 12
"""Elements that are listed for an energy; the others are far less likely."""

NOT_CALIBRATED = (
    "Lines need energies in keV, and a visible layer is in channels. Calibrate it with "
    f"{CALIBRATE}."
)
BY_ESTIMATE = {
    AVERAGE: "Significance follows from the estimated average error: weak peaks may be false.",
    ESTIMATED: "Errors of channels in one line are alike in a result: weak peaks may be false.",
}
OF_HIGHEST = "Maxima of many pixels do not scatter as counts do: weak peaks are doubtful."
READING = "Reading the tables of lines…"


@dataclass(frozen=True)
class Answer:
    """A possible origin of a peak, in words, and its element: empty for pile-up and escape."""

    text: str
    element: str


@dataclass
class LineModel:
    """The marks in a spectrum; widgets keep none of their own."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    chosen: tuple[str, ...] = ()
    """Symbols of the elements whose lines are shown."""
    families: tuple[str, ...] = FAMILIES
    """Families of lines to show."""
    shows_peaks: bool = False
    """Whether to mark the peaks of the spectrum."""
    shows_artifacts: bool = False
    """Whether to mark the sum and escape peaks of the strongest ones."""
    axis: EnergyAxis | None = None
    """Of the spectrum that was drawn last."""
    peaks: tuple[Peak, ...] = ()
    """Of the spectrum, with suggested names."""
    caution: str = ""
    """Why weak peaks are doubtful, in words."""
    asked: float | None = None
    """Energy in keV to identify."""
    is_ready: bool = False
    """Whether the tables of lines have been read."""
    typed_problem: str = ""
    """What is wrong with the typed elements, in words."""
    problem: str = ""
    """What is wrong with anything else, in words."""

    @property
    def needs_peaks(self) -> bool:
        """Whether the shown marks depend on the peaks."""
        return self.shows_peaks or self.shows_artifacts

    def add(self, element: str) -> None:
        """Show an element's lines, too."""
        if element not in self.chosen:
            self.chosen = (*self.chosen, element)

    def show_family(self, family: str, on: bool) -> None:
        """Show the lines of a family, or hide them."""
        self.families = tuple(f for f in FAMILIES if (on if f == family else f in self.families))

    def search(self, curve: Curve) -> None:
        """Find the peaks of a spectrum of raw or denoised counts."""
        try:
            repeats = repeats_of(curve)
            found = find_peaks(curve.counts, curve.axis, repeats=repeats)
            if curve.axis.calibrated:
                found = identify_peaks(found, curve.counts, curve.axis, repeats=repeats)
            self.problem = ""
        except DataError as error:
            found, self.problem = (), f"{curve.label}: {error}"
        estimated = BY_ESTIMATE.get(curve.error_kind, "")
        self.caution = OF_HIGHEST if curve.divisor is None else estimated
        self.peaks = found

    def marks(self) -> tuple[Mark, ...]:
        """Return the marks to draw; none without energies in keV."""
        axis = self.axis
        if axis is None or not axis.calibrated or not self.is_ready:
            return ()
        marks = line_marks(self.chosen, axis, self.families)
        if self.shows_peaks:
            marks += peak_marks(self.peaks)
        if self.shows_artifacts:
            marks += artifact_marks(sum_peaks(self.peaks, axis))
            marks += artifact_marks(escape_peaks(self.peaks, axis))
        return marks

    def answers(self) -> tuple[Answer, ...]:
        """Return the lines near the energy to identify, the most plausible first."""
        if self.asked is None or not self.asked > 0 or not self.is_ready:
            return ()
        found = [
            Answer(
                f"{in_greek(f'{line.element} {line_group(line.name)}')}   {line.energy:.3f} keV   "
                f"{100 * line.intensity:.0f} % of {line.family}",
                line.element,
            )
            for line in candidate_elements(self.asked)[:MOST_ANSWERS]
        ]
        return (*found, *self._artifact_answers(self.asked))

    def zoom(self, element: str) -> tuple[float, float] | None:
        """Return the energies (keV) to zoom to for an element, or None where it has no line."""
        return None if self.axis is None else zoom_range(element, self.axis, self.families)

    def words(self) -> str:
        """Return what the user has to know about the marks."""
        if self.axis is not None and not self.axis.calibrated:
            return NOT_CALIBRATED
        if not self.is_ready:
            return READING
        reported = [problem for problem in (self.typed_problem, self.problem) if problem]
        hidden = [element for element in self.chosen if self.axis and self.zoom(element) is None]
        if hidden:
            reported.append(f"No line of {', '.join(hidden)} in the energy range.")
        if self.shows_peaks and not self.problem:
            named = sum(bool(peak.name) for peak in self.peaks)
            peaks = "1 peak" if len(self.peaks) == 1 else f"{len(self.peaks)} peaks"
            reported.append(f"{peaks}, {named} with a suggested name.")
            reported += [self.caution] if self.caution else []
        return "\n".join(reported)

    def _artifact_answers(self, energy: float) -> list[Answer]:
        if self.axis is None or not self.axis.calibrated or not self.peaks:
            return []
        artifacts = (*sum_peaks(self.peaks, self.axis), *escape_peaks(self.peaks, self.axis))
        words = {"sum": "pile-up", "escape": "escape"}
        return [
            Answer(f"{words[item.kind]}: {in_greek(item.name)}   {item.energy:.3f} keV", "")
            for item in artifacts
            if abs(item.energy - energy) <= 0.05
        ]


def repeats_of(curve: Curve) -> float:
    """Return the number of Poisson spectra whose mean scatters as a curve does, 1 if unknown."""
    if curve.error is not None and curve.counts.sum() > 0:
        variance = float((curve.error**2).sum())
        return float(curve.counts.sum()) / variance if variance > 0 else 1.0
    return curve.divisor or 1.0


def read_tables() -> None:
    """Read the tables of lines, which takes about two seconds, once."""
    all_lines()
    axis = EnergyAxis(0.0, 0.01, 64)
    # Imports what the first search needs.
    identify_peaks(find_peaks(np.ones(axis.size), axis), np.ones(axis.size), axis)
