"""Marks over an energy axis: where lines, peaks, sums and escapes are, and how tall to draw them.

Without Qt: `spectrum_marks` draws them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.spectroscopy.detector import detector_fwhm
from napari_xrf_denoise.spectroscopy.peak_identification import Artifact
from napari_xrf_denoise.spectroscopy.peaks import Peak
from napari_xrf_denoise.spectroscopy.xray_lines import FAMILIES, XrayLine, line_group, lines

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
    """A stick at an energy.

    Parameters
    ----------
    energy : float
        keV.
    share : float
        Height, as a share of the plot's, above 0 and at most 1.
    label : str
        What stands beside it, or nothing.
    kind : {"line", "peak", "sum", "escape"}
    color_index : int
        Of the element among those that are shown.
    """

    energy: float
    share: float
    label: str
    kind: Kind
    color_index: int = 0


def line_marks(
    elements: Sequence[str], energy_axis: EnergyAxis, families: Iterable[str] = FAMILIES
) -> tuple[Mark, ...]:
    """Return the marks of elements' lines.

    Parameters
    ----------
    elements : sequence of str
        Symbols; the first has the colour 0.
    energy_axis : EnergyAxis
        Lines outside are left out, and without a calibration all.
    families : iterable of {"K", "L", "M"}

    Returns
    -------
    tuple of Mark
        Heights go with the relative intensities within the family. Of each group of lines, such as
        Ka, the strongest has the label.

    Examples
    --------
    >>> marks = line_marks(["Fe"], EnergyAxis(0.0, 0.01, 2048), "K")
    >>> [mark.label for mark in marks if mark.label]
    ['Fe Ka', 'Fe Kb']
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
                is_told = group not in named and line.intensity >= LEAST_NAMED * tallest
                named.add(group)
                label = f"{element} {group}" if is_told else ""
                share = TALLEST * line.intensity / tallest
                found.append(Mark(line.energy, share, label, "line", number))
    return tuple(found)


def peak_marks(peaks: Sequence[Peak]) -> tuple[Mark, ...]:
    """Return the marks of peaks, labelled with their name or, where they have none, with keV.

    Parameters
    ----------
    peaks : sequence of Peak

    Returns
    -------
    tuple of Mark
        Heights go with the logarithm of the net counts.
    """
    amounts = [math.log10(1 + max(peak.net, 0.0)) for peak in peaks]
    low, high = min(amounts, default=0.0), max(amounts, default=0.0)
    span = (TALLEST_PEAK - LOWEST_PEAK) / ((high - low) or 1.0)
    return tuple(
        Mark(peak.energy, LOWEST_PEAK + span * (amount - low), _peak_label(peak), "peak")
        for peak, amount in zip(peaks, amounts, strict=True)
    )


def artifact_marks(artifacts: Iterable[Artifact]) -> tuple[Mark, ...]:
    """Return the marks of sum and escape peaks; their heights go with the logarithm of a guess."""
    return tuple(
        Mark(
            artifact.energy,
            max(0.25, 1 + math.log10(artifact.share) / 4) * ARTIFACT,
            artifact.name,
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

    Parameters
    ----------
    element : str
    energy_axis : EnergyAxis
    families : sequence of {"K", "L", "M"}

    Examples
    --------
    >>> low, high = zoom_range("Fe", EnergyAxis(0.0, 0.01, 2048))
    >>> low < 6.4 and high > 7.06
    True
    """
    for family in (family for family in FAMILIES if family in families):
        known = lines(element, family)
        tallest = max((line.intensity for line in known), default=0.0)
        strong = [line for line in known if line.intensity >= max(STRONG * tallest, 1e-9)]
        shown = _inside(strong, energy_axis)
        # A weak line inside an axis that the strong ones are beyond is not what is looked for.
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
    return peak.name or f"{peak.energy:.2f}"
