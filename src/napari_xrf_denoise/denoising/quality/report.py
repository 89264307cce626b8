"""The report on the quality of a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.quantities import first_of

from .contrast import NAMED, UNKNOWN
from .dose_gain import DoseGainEstimate
from .edges import NO_EDGES, EdgeWidths
from .losses.departures import Departure

LOOSE = 100
"""Upper over lower end of an interval from which only the lower one is reported."""

CONTRASTS = (
    *("contrast", "contrast_error"),
    *("brightest", "brightest_error", "dimmest", "dimmest_error"),
)
"""What is known of the differences between the pixels of a line."""


@dataclass(frozen=True)
class WindowScore:
    """The dose gain of a line: of the map of its counts, summed over its channels."""

    name: str
    """As ``"6.40 keV (Fe Ka)"``, or ``"channels 380–396"``."""
    low: float
    """Centre of the first channel, in keV or channel numbers."""
    high: float
    """Centre of the last channel."""
    dose_gain: float
    dose_gain_interval: tuple[float, float]
    """Both as those of a `QualityReport`."""
    contrast: float = float("nan")
    """Share of the differences between pixels that is kept: the slope of the result against the
    true counts. NaN where the counts do not tell."""
    contrast_error: float = float("nan")
    """Standard error of `contrast`."""
    brightest: float = float("nan")
    """Share of their counts that the brightest 2 % of the pixels hold; NaN as above."""
    brightest_error: float = float("nan")
    """Standard error of `brightest`."""
    dimmest: float = float("nan")
    """The same of the dimmest 2 %."""
    dimmest_error: float = float("nan")
    """Standard error of `dimmest`."""
    edge: EdgeWidths = field(default=NO_EDGES, kw_only=True)
    """How wide edges of its map are, in the result and in the counts; NaN where none are clear."""

    @property
    def contrast_in_words(self) -> str:
        """The contrast with its error, empty where it is not known."""
        if np.isnan(self.contrast):
            return ""
        return f"{self.contrast:.2f} ± {self.contrast_error:.2f}"

    @property
    def is_known(self) -> bool:
        """Whether the counts say more than that the gain is above some number below 1."""
        low, high = self.dose_gain_interval
        return not (np.isnan(low) or (np.isinf(high) and low < 1))

    def as_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold (NaN and infinity as None)."""
        return {
            "name": self.name,
            "range": [self.low, self.high],
            "dose_gain": _finite(self.dose_gain),
            "dose_gain_interval": [_finite(end) for end in self.dose_gain_interval],
            **{name: _finite(getattr(self, name)) for name in CONTRASTS},
            "edge": None if np.isnan(self.edge.raw) else _plain(self.edge),
        }


class LineScores(Sequence[WindowScore]):
    """The scores of lines, by their place or by their name: ``lines["Fe Ka"]``, ``lines["Fe"]``.

    Examples
    --------
    >>> score = WindowScore("6.40 keV (Fe Ka)", 6.3, 6.5, 9.0, (8.0, 11.0), 0.97, 0.01)
    >>> LineScores([score])["Fe"].contrast
    0.97
    """

    def __init__(self, scores: Sequence[WindowScore]) -> None:
        self._scores = tuple(scores)

    def __len__(self) -> int:
        return len(self._scores)

    @overload
    def __getitem__(self, key: int | str) -> WindowScore: ...
    @overload
    def __getitem__(self, key: slice) -> LineScores: ...
    def __getitem__(self, key: int | str | slice) -> WindowScore | LineScores:
        if isinstance(key, slice):
            return LineScores(self._scores[key])
        if not isinstance(key, str):
            return self._scores[key]
        for score in self._scores:
            line = score.name.partition("(")[2].rstrip(")")
            if key in (score.name, line, line.partition(" ")[0]):
                return score
        names = ", ".join(score.name for score in self._scores) or "none"
        raise KeyError(f"no line {key!r} was scored; expected one of: {names}")


@dataclass(frozen=True)
class QualityReport:
    """What is known about the quality of a result.

    Examples
    --------
    >>> QualityReport(8.0, (6.5, 10.2), 1.0).summary()
    'dose gain: 8.0 (6.5 to 10.2)'
    """

    dose_gain: float
    """Mean squared error of the raw counts over that of the result, both against the true rate: 8
    means "as good as 8 times the dose". NaN where it cannot be known."""
    dose_gain_interval: tuple[float, float]
    """Holds the true dose gain about 9 times in 10; the upper end is infinite where the counts
    only give a lower bound."""
    count_ratio: float
    """Total counts of the result over those of the raw counts."""
    measured_by: str = ""
    """How the dose gain was measured, in words."""
    warnings: tuple[str, ...] = ()
    """What the user should know before trusting the result."""
    losses: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Training losses by name; empty where nothing was trained by steps."""
    choices: Mapping[str, Any] = field(default_factory=dict)
    """Decisions from the data: method, pairs, rank."""
    windows: tuple[WindowScore, ...] = ()
    """The dose gain of each of the strongest lines; empty where nothing was scored."""
    residual_map: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)
    """Counts of each pixel (y, x) that the result lacks (positive) or adds (negative): the largest
    departure among all windows one line wide and the total, as the standard normal number of the
    same chance. Beyond ± 4 hardly by chance; NaN in rows that were not scored; None where nothing
    was. Not part of `as_dict`."""
    residual_spectrum: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)
    """The same for each channel (energy,), summed over pixels, in standard errors."""
    departures: tuple[Departure, ...] = ()
    """Where the result lacks or adds counts beyond chance, the most important first: squares of one
    pixel up to half the map, lines, diagonals, and rims of bright regions. `warnings` tell a few
    of them in words."""
    departure_map: NDArray[np.int16] | None = field(default=None, repr=False, compare=False)
    """For each pixel (y, x) the number of its most important departure, counted from 1; 0 where
    there is none. None where nothing was scored. Not part of `as_dict`."""

    def as_dict(self, *, longest: int | None = None) -> dict[str, Any]:
        """Return the report as plain values that JSON can hold (NaN and infinity as None).

        Parameters
        ----------
        longest : int, optional
            Most values of each loss to keep, evenly spread; all by default.
        """
        return {
            "dose_gain": _finite(self.dose_gain),
            "dose_gain_interval": [_finite(end) for end in self.dose_gain_interval],
            "count_ratio": _finite(self.count_ratio),
            "measured_by": self.measured_by,
            "warnings": list(self.warnings),
            "losses": {name: _thin_out(v, longest) for name, v in self.losses.items()},
            "choices": dict(self.choices),
            "windows": [window.as_dict() for window in self.windows],
            "departures": [departure.as_dict() for departure in self.departures],
        }

    def summary(self) -> str:
        """Return the dose gain in one plain sentence."""
        reported = _in_words(self.dose_gain, self.dose_gain_interval)
        return f"dose gain: {reported or f'not known ({self.measured_by})'}"

    @property
    def lines(self) -> LineScores:
        """The scores of the strongest lines, by place or name: ``lines["Fe Ka"].contrast``."""
        return LineScores(self.windows)

    def table(self) -> str:
        """Return the dose gain of each line and the contrast that its map keeps, one in a row.

        Empty where none is known.
        """
        known = [window for window in self.windows if window.is_known]
        if not known:
            return ""
        rows = [("line", "gain", "contrast kept")]
        for window in known:
            gain = _in_words(window.dose_gain, window.dose_gain_interval)
            rows.append((window.name, gain, window.contrast_in_words))
        if not any(row[2] for row in rows[1:]):
            rows = [(name, gain, "") for name, gain, _ in rows]
        names, gains = (max(len(row[column]) for row in rows) for column in (0, 1))
        lines = (f"{name:<{names}}  {gain:<{gains}}  {kept}" for name, gain, kept in rows)
        return "\n".join(line.rstrip() for line in lines)


def make_report(
    score: DoseGainEstimate | None,
    count_ratio: float,
    measured_by: str,
    warnings: Sequence[str],
    losses: Mapping[str, Sequence[float]],
    choices: Mapping[str, Any],
) -> QualityReport:
    """Return the report of a run, with the warnings that follow from its score, if it has one."""
    reported = list(warnings)
    if abs(count_ratio - 1) > 0.01:
        reported.append(
            f"the result holds {count_ratio:.3f} times the raw counts: lines may be off"
        )
    if score is None:
        nan = float("nan")
        return QualityReport(
            nan, (nan, nan), count_ratio, measured_by, tuple(reported), losses, choices
        )
    gain, interval = score.dose_gain()
    windows = _windows(score)
    if interval[1] < 1:
        reported.append("the result is further from the truth than the raw counts are")
    worse = [window for window in windows if window.dose_gain_interval[1] < 1]
    if worse:
        names = first_of([f"{window.name} {window.dose_gain:.2f}" for window in worse], NAMED)
        reported.append(
            "maps of these lines are further from the truth than the raw counts are, by their "
            f"dose gains: {names}"
        )
    if score.contrasts is not None:
        reported += score.contrasts.warnings([window.name for window in windows])
    if score.edges is not None:
        reported += score.edges.warnings([window.name for window in windows])
    left = score.residuals
    return QualityReport(
        gain,
        interval,
        count_ratio,
        measured_by,
        (*reported, *(left.warnings if left else ())),
        losses,
        choices,
        windows,
        left.map if left else None,
        left.spectrum if left else None,
        left.departures if left else (),
        left.found.labels if left else None,
    )


def _windows(score: DoseGainEstimate) -> tuple[WindowScore, ...]:
    unknown = (UNKNOWN,) * len(score.windows)
    contrasts = unknown if score.contrasts is None else score.contrasts.lines
    edges = (NO_EDGES,) * len(unknown) if score.edges is None else score.edges.lines
    return tuple(
        WindowScore(
            window.name,
            window.low,
            window.high,
            *own.dose_gain(),
            *(contrast.kept, contrast.error, *contrast.brightest, *contrast.dimmest),
            edge=edge,
        )
        for (window, own), contrast, edge in zip(score.windows, contrasts, edges, strict=True)
    )


def _in_words(gain: float, interval: tuple[float, float]) -> str:
    """Return a dose gain in words, empty where it is not known."""
    low, high = interval
    if np.isnan(low):
        return ""
    if np.isnan(gain) or high > LOOSE * low:
        return f"at least {low:.1f}"
    return f"{gain:.1f} ({low:.1f} to {high:.1f})"


def _thin_out(values: Sequence[float], longest: int | None) -> list[float]:
    step = 1 if longest is None else -(-len(values) // longest)
    return list(values)[:: max(1, step)]


def _plain(edge: EdgeWidths) -> dict[str, float | None]:
    return {name: _finite(value) for name, value in asdict(edge).items()}


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
