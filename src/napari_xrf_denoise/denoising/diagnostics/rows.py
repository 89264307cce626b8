"""Steps between rows that the sample did not make: unfinished frames, jumps of the beam.

A map is scanned row by row. When the last frame ends early, or the beam becomes weaker, all that
comes later holds fewer counts: by the same factor in all columns and at all energies, from one row
to the next. A border in the sample is rarely straight along a row, and changes the spectrum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .channels import typical

LEAST_STEP = 0.05
"""Natural logarithm of the smallest factor that is reported."""
LEAST_SCATTERS = 7.5
"""How many times the scatter of all the map's row-to-row factors a step must be."""
LEAST_SHARED = 3.0
"""How many times its own spread over energies, at worst, a step must be. Borders of samples have
about 1; an unfinished frame has many."""
LEAST_STRAIGHT = 0.3
"""Share of the columns that must have the same factor within their noise."""
WINDOWS = (1, 2, 4, 8)
"""Rows on each side of a step that are compared, to find sharp steps as well as faint ones."""
COUNTS_TO_COMPARE = 60.0
"""Columns are joined until so many counts stand on each side of a step."""
FEWEST_COLUMNS = 5
FEWEST_STEPS = 8
"""Fewest row-to-row factors that give their scatter."""
MOST_STEPS = 8

Profile = NDArray[np.floating]


@dataclass(frozen=True)
class RowStep:
    """A change of all counts by one factor between two rows."""

    row: int
    """First row after the step."""
    factor: float
    """Counts after the step over those before it."""
    scatters: float
    """`factor` over the scatter of this map's rows, both as logarithms."""
    within: bool = False
    """Whether the row before `row` is neither the one nor the other: the step is inside it."""


def find_row_steps(profile: Profile) -> list[RowStep]:
    """Return steps between rows of one factor in all columns and at all energies, by row.

    `profile` (y, x, group) holds the counts of each pixel in a few groups of channels; rows
    without counts are left out of the search.
    """
    filled = np.flatnonzero(profile.sum(axis=(1, 2)) > 0)
    if profile.shape[1] < FEWEST_COLUMNS or not filled.size:
        return []
    rest = profile[filled].astype(np.float64)
    steps: list[RowStep] = []
    while len(steps) < MOST_STEPS:
        step = _largest_step(rest, [step.row for step in steps])
        if step is None:
            break
        steps.append(step)
        # Without this step the search goes on for the next one.
        rest[step.row :] /= step.factor
        if step.within:
            rest[step.row - 1] *= rest[step.row].sum() / max(rest[step.row - 1].sum(), 1e-9)
    steps.sort(key=lambda step: step.row)
    return [
        RowStep(int(filled[step.row]), step.factor, step.scatters, step.within) for step in steps
    ]


def _largest_step(profile: NDArray[np.float64], known: list[int]) -> RowStep | None:
    """Return the clearest step, if there is one that is not beside a known one."""
    found: list[tuple[float, int, int, float]] = []
    for rows in WINDOWS:
        for gap in (0, 1):
            found += [
                entry
                for entry in _steps_of_window(profile, rows, gap)
                if all(abs(entry[1] + 1 - row) > 1 + gap for row in known)
            ]
    if not found:
        return None
    scatters, last, gap, factor = max(found)
    # A row inside which the step is makes it look smaller; without that row it is seen whole.
    whole = [
        entry
        for entry in found
        if entry[2] and abs(entry[1] - last) <= 1 and abs(entry[3]) > 1.15 * abs(factor)
    ]
    if not gap and whole:
        scatters, last, gap, factor = max(whole)
    if not gap:
        return RowStep(last + 1, float(np.exp(factor)), scatters)
    totals = profile.sum(axis=(1, 2))
    part = float(np.log(totals[last + 1] / totals[last]) / factor)
    within = 0.2 < part < 0.8
    first = last + 1 if part >= 0.8 else last + 2
    return RowStep(first, float(np.exp(factor)), scatters, within)


def _steps_of_window(
    profile: NDArray[np.float64], rows: int, gap: int
) -> list[tuple[float, int, int, float]]:
    """Return (scatters, last row before, gap, log factor) of the steps seen with one window."""
    height, width, groups = profile.shape
    typical_row = float(np.median(profile.sum(axis=(1, 2))))
    joined = int(np.ceil(COUNTS_TO_COMPARE * width / max(typical_row * rows, 1e-9)))
    columns = width // joined if joined <= width else 0
    if columns < FEWEST_COLUMNS or height - 2 * rows - gap + 1 < FEWEST_STEPS:
        return []
    parts = profile[:, : columns * joined].reshape(height, columns, joined, groups).sum(axis=2)
    sums = np.zeros((height + 1, columns, groups))
    np.cumsum(parts, axis=0, out=sums[1:])
    last = np.arange(rows - 1, height - rows - gap)
    before = sums[last + 1] - sums[last + 1 - rows]
    after = sums[last + 1 + gap + rows] - sums[last + 1 + gap]
    factors, noise, alike = _common_factors(before.sum(axis=2), after.sum(axis=2))
    middle, scatter = typical(factors)
    scatters = np.abs(factors - middle) / np.maximum(scatter, noise)
    shared = np.abs(factors) / _spread_over_energies(before, after, alike)
    # Two borders within a wide window may mimic a step between them; a true one is sharp.
    near, near_noise, _ = _common_factors(
        parts[last].sum(axis=2), parts[last + 1 + gap].sum(axis=2)
    )
    sharp = np.abs(near - factors) < 3 * near_noise + 0.3 * np.abs(factors)
    good = (
        sharp
        & (np.abs(factors) > LEAST_STEP)
        & (scatters > LEAST_SCATTERS)
        & (shared > LEAST_SHARED)
        & (alike.mean(axis=1) > LEAST_STRAIGHT)
    )
    return [
        (float(scatters[i]), int(last[i]), gap, float(factors[i])) for i in np.flatnonzero(good)
    ]


def _common_factors(
    before: NDArray[np.float64], after: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return log factor of each step, its photon noise, and which columns agree with it.

    The median over columns: where the sample has a border, the columns that cross it do not count.
    """
    logs = np.log((after + 0.5) / (before + 0.5))
    noise = np.sqrt(1 / (after + 0.5) + 1 / (before + 0.5))
    logs[(before + after) == 0] = np.nan
    empty = np.isnan(logs).all(axis=1)
    logs[empty] = 0
    factors = np.nanmedian(logs, axis=1)
    alike = np.abs(logs - factors[:, None]) < 2 * noise
    # A median scatters 1.25 times as much as a mean.
    of_median = 1.25 * np.sqrt((noise**2).mean(axis=1) / np.maximum(1, (~np.isnan(logs)).sum(1)))
    return factors, of_median, alike


def _spread_over_energies(
    before: NDArray[np.float64], after: NDArray[np.float64], alike: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return how much a step's log factor may at most differ between energies.

    The columns that agree on the step are added up; what the spread of the groups' factors exceeds
    photon noise by, and three standard errors of that, is the sample's.
    """
    first = (before * alike[..., None]).sum(axis=1)
    both = first + (after * alike[..., None]).sum(axis=1)
    total = np.maximum(both.sum(axis=1, keepdims=True), 1)
    share = first.sum(axis=1, keepdims=True) / total
    variance = np.maximum(both * share * (1 - share), 1e-9)
    freedom = np.maximum((both > 0).sum(axis=1) - 1, 1)
    excess = ((first - both * share) ** 2 / variance).sum(axis=1) - freedom
    weight = variance.sum(axis=1) - (variance**2).sum(axis=1) / variance.sum(axis=1)
    at_most = np.maximum(excess, 0) + 3 * np.sqrt(2 * freedom)
    return np.asarray(np.sqrt(at_most / np.maximum(weight, 1e-9)))


def find_empty_rows(pixels: Profile) -> list[tuple[int, int]]:
    """Return (first, last) of runs of rows that hold nothing where the others hold much."""
    rows = pixels.sum(axis=1)
    filled = rows[rows > 0]
    # The chance of an empty row is exp(-counts); 30 makes that 1e-13.
    if not filled.size or np.quantile(filled, 0.1) < 30:
        return []
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (rows == 0).astype(int), [0]])))
    return [(int(first), int(stop) - 1) for first, stop in edges.reshape(-1, 2)]
