"""The problems of an image in words: which, where, how large, and how to solve them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.quantities import first_of
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.spectroscopy.detector import line_width
from napari_xrf_denoise.spectroscopy.energy_scales import counted_channels, fit_scales

from .channels import count_empty_pixels, find_hot_channels, find_overflow
from .repeats import RepeatStep, find_dead_repeats, find_drift, find_repeat_steps
from .rows import find_empty_rows, find_row_steps
from .sample_motion import find_sample_motion
from .values import advice_for

if TYPE_CHECKING:
    from .marginal_sums import MarginalSums
    from .statistics import CountStatistics

FEW_CHANNELS = 8
"""Fewer channels than this are no spectrum; a line alone is wider."""
FEW_COUNTS = 200
"""Fewer counts than this in all show no spectrum to learn from."""
NAMED = 6
"""Most repeats that a message names."""
SMALL_STEP = 0.2
"""Factors have two digits; small ones, as logarithms, have two digits after the point."""
SAME_LEVEL = 0.12
"""Difference, as a logarithm, at which rows on both sides of others count as alike."""
LEAST_SHIFT = 0.3
"""Channels that a repeat's energy scale must be off to be reported, ..."""
SHARE_OF_LINE = 0.05
"""... and share of the width of a line; below, lines hardly become wider."""
UNKNOWN_LINE = 10.0
"""Channels that a line is taken to be wide where the axis has no calibration."""
SHIFT_ERRORS = 6.0
"""Standard errors that a repeat's shift must be."""


def find_faults(found: CountStatistics, image: SpectrumImage) -> list[str]:
    """Return the problems of the counts in words; none for clean counts."""
    faults = _few_channels(image) + _few_counts(found, image) + statistics_faults(found)
    if found.marginal_sums is not None and found.total > 0:
        dead = find_dead_repeats(found.totals)
        unfinished = _unfinished_repeats(found.marginal_sums, dead)
        usable = [i for i in range(image.n_repeats) if i not in dead and i not in unfinished]
        faults += _unusable_repeats(image, dead, unfinished)
        steps: list[RepeatStep] = []
        if len(usable) > 1:
            differing, steps = _differing_repeats(found.marginal_sums, image, usable)
            faults += differing + _energy_scales(found.marginal_sums, image, usable)
        # A step of one of several repeats is one of their sum too, and reported already.
        if not unfinished and not steps:
            faults += _row_steps(found.marginal_sums, image)
        faults += _empty_rows(found.marginal_sums)
        faults += _empty_pixels(found.marginal_sums)
        faults += _channels(found.spectrum, image)
    return faults


def _few_channels(image: SpectrumImage) -> list[str]:
    """Too few channels for a spectrum."""
    size = image.shape[3]
    if size >= FEW_CHANNELS:
        return []
    return [
        f"only {size} channel{'s' if size > 1 else ''}: no spectrum that could tell signal from "
        "noise, so that neither the result nor its dose gain says much; use more channels, or "
        "check which axis is the energy (--energy-axis or energy_axis)"
    ]


def _few_counts(found: CountStatistics, image: SpectrumImage) -> list[str]:
    """Too few counts for a spectrum, or for one component that all pixels share.

    A component of P pixels and E channels of Poisson counts stands out of the noise when half of
    the counts, from which it is learned while the other half judges it, exceed √(P · E) (Baik, Ben
    Arous & Péché, Ann. Probab. 33, 1643, 2005; white noise after Poisson weighting).
    """
    if found.total < FEW_COUNTS:
        return [f"only {found.total:.0f} counts in all: too few to learn a spectrum from"]
    pixels = image.shape[1] * image.shape[2]
    if pixels < 2:
        return []
    falling = np.sort(found.spectrum)[::-1]
    channels = 1 + int(np.searchsorted(np.cumsum(falling), 0.99 * found.total))
    needed = 2 * (pixels * channels) ** 0.5
    if found.total >= needed:
        return []
    return [
        f"only {found.total:.0f} counts in {pixels} pixels and {channels} channels: too few to "
        f"learn what pixels have in common (about {needed:.0f} are needed); add up pixels or "
        "channels with --rebin or image.rebin(...), or measure longer"
    ]


def statistics_faults(found: CountStatistics) -> list[str]:
    """Return in words why counts are not photon counts, if they are not."""
    if not found.whole:
        advice = advice_for(found.fractions)
        return [f"counts are not whole numbers, so they are not Poisson counts any more; {advice}"]
    # Counts with gaps are often uneven, too, but the gaps say more.
    if found.odd is not None or found.changed is not None:
        return [str(found.odd or found.changed)]
    if not found.fano.is_poisson:
        return [
            f"counts are not Poisson: their variance over repeats is {found.fano.factor:.2f} times "
            "their mean; repeats that drift or were corrected do this"
        ]
    return []


def _unfinished_repeats(
    marginal_sums: MarginalSums, dead: list[int]
) -> dict[int, list[tuple[int, int]]]:
    """Return the rows that single repeats do not have, for repeats that lack some."""
    pixels = marginal_sums.pixels
    if len(pixels) < 2:
        return {}
    empty_in_all = {first for first, _ in find_empty_rows(pixels.sum(axis=0))}
    unfinished = {}
    for repeat in range(len(pixels)):
        runs = [run for run in find_empty_rows(pixels[repeat]) if run[0] not in empty_in_all]
        if runs and repeat not in dead:
            unfinished[repeat] = runs
    return unfinished


def _unusable_repeats(
    image: SpectrumImage, dead: list[int], unfinished: dict[int, list[tuple[int, int]]]
) -> list[str]:
    """Repeats that hold nothing, or nothing in some rows."""
    faults = []
    if dead:
        faults.append(
            f"{_kind(image)} {first_of(dead, NAMED)} {'holds' if len(dead) == 1 else 'hold'} next "
            "to no counts: not connected, or not measured; read the others alone with --repeats or "
            "image.select(repeats=...)"
        )
    for repeat, runs in unfinished.items():
        faults.append(
            f"{_kind(image)} {repeat}: {' and '.join(_rows_are(*run) for run in runs)} empty while "
            "the others hold counts there: it was not finished; the combined counts are too low "
            "there, so leave it out with --repeats or image.select(repeats=...)"
        )
    return faults


def _differing_repeats(
    marginal_sums: MarginalSums, image: SpectrumImage, usable: list[int]
) -> tuple[list[str], list[RepeatStep]]:
    """Scans and frames whose counts or places differ, as those of detector elements may."""
    if image.repeat_kind == "detector":
        return [], []
    pixels, what = marginal_sums.pixels[usable], _kind(image)
    faults = _drift(pixels.sum(axis=(1, 2), dtype=np.float64), image, usable)
    moves = find_sample_motion(pixels)
    if moves:
        worst = max(moves, key=lambda move: np.hypot(move.y, move.x))
        faults.append(
            f"the sample moved: {what} {first_of((usable[m.repeat] for m in moves), NAMED)} "
            f"shifted against the first, by up to {worst.y:+.1f} pixels in y and {worst.x:+.1f} in "
            f"x ({what} {usable[worst.repeat]}); combined they blur; denoise them one by one, or "
            "shift them by whole pixels first"
        )
        return faults, []
    steps = find_repeat_steps(pixels.sum(axis=2, dtype=np.float64))
    for step in steps:
        faults.append(
            f"{what} {usable[step.repeat]} changes within the map: from row {step.row} on it holds "
            f"{step.factor:.2f} times what its first rows and the others let expect; the beam or "
            "the stage did this; leave it out with --repeats or image.select(repeats=...)"
        )
    return faults, steps


def _drift(totals: NDArray[np.float64], image: SpectrumImage, usable: list[int]) -> list[str]:
    drift = find_drift(totals)
    if drift is None:
        return []
    what, repeat = _kind(image), usable[drift.repeat]
    stated = {
        "trend": f"counts {'rise' if drift.factor > 1 else 'fall'} steadily from the first to the "
        f"last {what}, to {drift.factor:.2f} times: beam, detector or sample drift",
        "jump": f"counts jump at {what} {repeat}: from there on {drift.factor:.2f} times those of "
        "before: the beam or the geometry changed",
        "outlier": f"{what} {repeat} holds {drift.factor:.2f} times the counts of the others",
        "scatter": f"counts differ from {what} to {what} by up to {drift.factor:.2f} times, more "
        "than photon noise does",
    }[drift.kind]
    return [
        f"{stated}; the result combines them all, so check that they measured the same; choose "
        "some with --repeats or image.select(repeats=...)"
    ]


def _energy_scales(
    marginal_sums: MarginalSums, image: SpectrumImage, usable: list[int]
) -> list[str]:
    """Repeats whose lines lie in other channels."""
    spectra = marginal_sums.spectra[usable]
    scales = fit_scales(spectra)
    places = counted_channels(spectra)
    shifts, errors = scales.shifts(places), scales.errors(places)
    axis = image.energy
    widths = line_width(axis) if axis.calibrated else np.full(axis.size, UNKNOWN_LINE)
    least = np.maximum(LEAST_SHIFT, SHARE_OF_LINE * widths[places])
    clear = (np.abs(shifts) > least) & (np.abs(shifts) > SHIFT_ERRORS * errors)
    if not clear.any():
        return []
    place = int(np.argmax((np.abs(shifts) * clear).max(axis=0)))
    named = [
        f"{_kind(image)} {usable[i]}: {shifts[i, place]:+.1f}"
        for i in np.argsort(-np.abs(shifts[:, place]))
        if clear[i, place]
    ]
    return [
        f"energy scales differ: near {axis.centers[places[place]]:.3g} {axis.unit} lines lie off "
        f"their common place by channels ({first_of(named, NAMED)}), so combined lines are "
        "wider; align them with --align or align_repeats(image), which moves whole photons"
    ]


def _empty_rows(marginal_sums: MarginalSums) -> list[str]:
    """Rows that no repeat measured."""
    return [
        f"{_rows_are(*run)} empty: not measured, or not read to the end; leave them out with --y "
        "or image.select(y=...)"
        for run in find_empty_rows(marginal_sums.pixels.sum(axis=0))
    ]


def _row_steps(marginal_sums: MarginalSums, image: SpectrumImage) -> list[str]:
    """Rows that hold more than the others by one factor."""
    steps = find_row_steps(marginal_sums.coarse)
    if not steps:
        return []
    height = image.shape[1]
    starts = [0, *(step.row for step in steps)]
    stops = [*(step.row - step.within for step in steps), height]
    levels = np.cumprod([1.0, *(step.factor for step in steps)])
    base = int(np.argmax(np.subtract(stops, starts)))
    parts = [
        f"{_rows_named(starts[i], stops[i] - 1)} "
        f"{'holds' if stops[i] - starts[i] == 1 else 'hold'} "
        f"about {_times(levels[i] / levels[base])} times"
        for i in range(len(starts))
        # Rows before and after a weaker beam hold the same, as far as that is known.
        if abs(i - base) == 1 or abs(np.log(levels[i] / levels[base])) > SAME_LEVEL
    ]
    within = [f"row {step.row - 1} in part" for step in steps if step.within]
    first, stop = starts[base], stops[base]
    return [
        f"{', '.join(parts)} the counts of {_rows_named(first, stop - 1)}"
        f"{' (' + ', '.join(within) + ')' if within else ''}, by one factor in all columns and at "
        "all energies: a frame that was not finished, or a jump of the beam; element maps show it "
        f"as a step; use rows of one kind alone, with --y {first}:{stop} or "
        f"image.select(y=slice({first}, {stop}))",
    ]


def _empty_pixels(marginal_sums: MarginalSums) -> list[str]:
    """Pixels without counts, in rows that have some."""
    pixels = marginal_sums.pixels.sum(axis=0)
    filled = pixels[pixels.sum(axis=1) > 0]
    empty = count_empty_pixels(filled)
    if not empty:
        return []
    rows, columns = np.nonzero((pixels == 0) & (pixels.sum(axis=1) > 0)[:, None])
    return [
        f"{empty} of {pixels.size} pixels are empty, more than chance leaves (rows {rows.min()} to "
        f"{rows.max()}, columns {columns.min()} to {columns.max()}): masked, or not measured; the "
        "result means nothing there"
    ]


def _channels(spectrum: NDArray[np.float64], image: SpectrumImage) -> list[str]:
    """Channels that are no part of the spectrum."""
    axis = image.energy
    faults = []
    overflow = find_overflow(spectrum)
    if overflow is not None:
        border = axis.centers[overflow - 1 : overflow + 1].mean()
        faults.append(
            f"channel {overflow} holds {spectrum[overflow]:.0f} counts "
            f"({100 * spectrum[overflow] / spectrum.sum():.2g} % of all) and those before it "
            "hardly any: it counts all photons above the range and is no part of the spectrum, "
            "yet the dose gain is that of these counts, too; leave it out with --energy "
            f"{axis.centers[0]:.4g}:{border:.6g} or image.select(energy=...)"
        )
    sums = [f"{counts:.0f}" for counts in spectrum]
    faults += [
        f"channel {channel} ({axis.centers[channel]:.4g} {axis.unit}) holds "
        f"{sums[channel]} counts, its neighbours {sums[channel - 1]} and {sums[channel + 1]}: "
        "narrower than any line, so the electronics made it; do not take it for an element"
        for channel in find_hot_channels(spectrum, axis)
        if channel != overflow
    ]
    return faults


def _kind(image: SpectrumImage) -> str:
    """Return the name of one repeat of this kind."""
    return {"scan": "repeat", "frame": "frame", "detector": "detector element"}[image.repeat_kind]


def _times(factor: float) -> str:
    return f"{factor:.2f}" if abs(np.log(factor)) < SMALL_STEP else f"{factor:.2g}"


def _rows_named(first: int, last: int) -> str:
    return f"row {first}" if first == last else f"rows {first} to {last}"


def _rows_are(first: int, last: int) -> str:
    return f"{_rows_named(first, last)} {'is' if first == last else 'are'}"
