"""The dose gains of a denoised layer's report as rows of a table, without Qt."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# LOOSE: the engine's own rule for when only the lower end is worth a word.
from napari_xrf_denoise.denoising.quality.report import LOOSE, QualityReport, WindowScore
from napari_xrf_denoise.denoising.result import report_from_dict
from napari_xrf_denoise.spectroscopy.element_symbols import in_greek

HEADERS = ("Line", "Energy (keV)", "Dose gain", "Interval")
CHANNEL_HEADERS = ("Line", "Channel", "Dose gain", "Interval")
ALL_COUNTS = "all counts"
UNKNOWN_LINE = "unidentified"
_ENERGY = re.compile(r"(?P<energy>\d+(\.\d+)?) keV( \((?P<line>.+)\))?")


@dataclass(frozen=True)
class GainRow:
    """One row of the table."""

    name: str
    """The line, or `ALL_COUNTS`."""
    place: float
    """Energy of the line in keV, or the middle of its channels; NaN for all counts."""
    low: float
    """First channel of the line's window, in keV or channels, as `high`; NaN for all counts."""
    high: float
    gain: float
    """NaN where it is not known."""
    interval: tuple[float, float]
    """The upper end is infinite where the counts only support a lower bound."""
    calibrated: bool = True
    """Whether places are in keV."""

    @property
    def is_at_least(self) -> bool:
        """Whether the counts only support a lower bound."""
        low, high = self.interval
        return not math.isnan(low) and (math.isnan(self.gain) or high > LOOSE * low)

    def cells(self) -> tuple[str, str, str, str]:
        """Return the row in words."""
        low, high = self.interval
        place = "" if math.isnan(self.place) else f"{self.place:.2f}"
        if not self.calibrated and place:
            place = f"{self.low:.0f}–{self.high:.0f}"
        if math.isnan(low):
            return self.name, place, "not known", ""
        if self.is_at_least:
            return self.name, place, f"at least {low:.1f}", f"from {low:.1f}"
        return self.name, place, f"{self.gain:.1f}", f"{low:.1f}–{high:.1f}"

    def keys(self) -> tuple[str | float, ...]:
        """Return the numbers to sort the columns by: all counts come first, and the unknown."""
        low = -math.inf if math.isnan(self.interval[0]) else self.interval[0]
        gain = low if math.isnan(self.gain) or self.is_at_least else self.gain
        place = -math.inf if math.isnan(self.place) else self.place
        name = "" if self.name == ALL_COUNTS else self.name.casefold()
        return name, place, gain, low


def gain_rows(report: Mapping[str, Any]) -> tuple[GainRow, ...]:
    """Return the table of a report as `QualityReport.as_dict` gives it, all counts first.

    Nothing where the report holds no dose gain.
    """
    if "dose_gain" not in report:
        return ()
    nan = math.nan
    reported = report_from_dict(report)
    rows = [GainRow(ALL_COUNTS, nan, nan, nan, *_gain(reported))]
    rows += [_line(window) for window in reported.windows]
    return tuple(rows)


def as_text(rows: Iterable[GainRow]) -> str:
    """Return rows as text with tabs, which spreadsheets and word processors take as a table."""
    rows = tuple(rows)
    lines = ["\t".join(headers(rows)), *("\t".join(row.cells()) for row in rows)]
    return "\n".join(lines)


def headers(rows: Iterable[GainRow]) -> tuple[str, ...]:
    """Return the names of the columns, with units."""
    return HEADERS if all(row.calibrated for row in rows) else CHANNEL_HEADERS


def _line(window: WindowScore) -> GainRow:
    low, high = window.low, window.high
    named = _ENERGY.fullmatch(window.name)
    if named is None:
        middle = (low + high) / 2
        return GainRow(UNKNOWN_LINE, middle, low, high, *_gain(window), calibrated=False)
    line = in_greek(named["line"]) if named["line"] else UNKNOWN_LINE
    return GainRow(line, float(named["energy"]), low, high, *_gain(window))


def _gain(entry: QualityReport | WindowScore) -> tuple[float, tuple[float, float]]:
    return entry.dose_gain, entry.dose_gain_interval
