"""Sums over many shapes of a map, and which of them depart from the prediction beyond chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.cores import in_order, number_of_cores
from napari_xrf_denoise.core.poisson import deviance_residual, tail_probability
from napari_xrf_denoise.core.progress import Watch

from .shapes import RIM, Family, Tables, rims

LEAST = 5.0
"""Counts by which a place must depart to be reported."""
RIGHT = 0.02
"""Relative error of a prediction that is no departure: a result that is right to two per cent is
accused no more often than a perfect one, however many counts show it. It is also the least error
that `line_sums` reports."""
CUT = 0.7
"""Largest bias of noise whose negative values are cut off, in standard deviations of what remains:
√(1/2π) of √(1/2 − 1/2π) for a normal distribution about zero. It is of one sign everywhere, so that
it grows like the area."""
JOINED = 1e-3
"""Chance below which cells beside a place depart as well; this is no search, but one test."""
NEAR = 2
"""Windows, in steps of half a line, that may show the same line."""
SAMPLE = 2**12
"""Shapes of a family in which the noise of predictions is measured, at the least."""
SCANNED = 2**19
"""Values (y, x, window) that are searched at once: of few windows, it takes longer for each."""
PIXEL = -1
"""Family of the single pixels."""
JUDGED_APART = 2
"""Families beside the given shapes: single pixels, and rims, whether there are any or not."""
Floats = NDArray[np.floating]
Indices = NDArray[np.int64]


class Strictness(NamedTuple):
    """What is needed for a place to count as departing."""

    alpha: float
    """Chance that a perfect result is suspected in any place. Each family of shapes gets an equal
    part of it, which its shapes and windows share (Bonferroni): large shapes are few, and may
    depart by less."""
    effect: float
    """Share of its counts by which a place must depart."""


FOR_TELLING = Strictness(0.002, 0.1)
"""Five times the chance would find what is smaller by a quarter of a standard error; quantities
from XRF are rarely known to better than 5 to 10 %."""
FOR_MENDING = Strictness(0.05, 0.03)
"""What is put right by mistake is chance that was counted there: it costs less than what is lost
for good. In windows where a strong line lies over a weak one, the weak one is a small share."""


class Hits(NamedTuple):
    """Places and windows that depart, one entry each."""

    family: Indices
    """Index of the family of shapes, or `PIXEL`."""
    member: Indices
    """Index of the shape in its family."""
    window: Indices
    counts: Floats
    """In units of the scatter of the counts, as is the prediction."""
    expected: Floats
    far: Floats
    """As `deviance_residual` gives it."""
    chance: Floats
    """That a perfect result shows as much in any place of the search."""

    def take(self, which: NDArray[np.bool_] | Indices) -> Hits:
        """Return some of the entries."""
        return Hits._make(column[which] for column in self)

    @classmethod
    def join(cls, parts: Sequence[Hits]) -> Hits:
        """Return all entries of several."""
        return cls._make(np.concatenate(column) for column in zip(*parts, strict=True))


class Level(NamedTuple):
    """What is needed of a place in one family of shapes."""

    one: float
    """Chance of a false alarm in each place and window, to either side."""
    strict: Strictness

    @classmethod
    def of(cls, strict: Strictness, families: int, tests: int) -> Level:
        """Return the level of one of so many families that have the same chance."""
        return cls(strict.alpha / families / 2 / max(1, tests), strict)

    def anywhere(self, chance: Floats) -> Floats:
        """Return the chance in all places of all families, from that in one."""
        return np.asarray(np.minimum(chance / self.one * self.strict.alpha, 1.0))

    def matters(self, counts: Floats, expected: Floats, scatter: float) -> NDArray[np.bool_]:
        """Return where departures are large enough."""
        size = np.abs(counts - expected)
        enough = size > self.strict.effect * np.minimum(counts, expected)
        return (size >= LEAST / scatter) & enough


def judge(
    where: tuple[Indices, Indices, Indices], values: Sequence[Floats], level: Level, scatter: float
) -> Hits:
    """Return the hits among places, given as family, member and window.

    `values` are counts, prediction, rate to compare with, in units of `scatter`, one entry a place.
    """
    counts, expected, rate = (np.asarray(part, dtype=np.float64) for part in values)
    low, high = ((1 + side * RIGHT) * expected for side in (-1, 1))
    rate = np.clip(counts, np.minimum(rate, low), np.maximum(rate, high))
    chance = chance_beyond(counts, rate, counts > rate)
    far = deviance_residual(counts, rate)
    hits = Hits(*where, counts, expected, far, level.anywhere(chance))
    return hits.take((chance < level.one) & level.matters(counts, expected, scatter))


def chance_beyond(counts: Floats, rate: Floats, above: NDArray[np.bool_]) -> Floats:
    """Return the chance of at least, or at most, these counts, as told for each."""
    up, down = (tail_probability(counts, rate, above=side) for side in (True, False))
    return np.where(above, up, down)


def normal_number(chance: float) -> float:
    """Return how many standard errors have this chance on one side."""
    from scipy.special import ndtri

    return float(-ndtri(chance))


class PlaceSearch:
    """Searches sums (3, row, column, half) of counts, predictions and their contrast.

    See `MapSums`, whose values are changed by `leave_out`. `bright` are the windows of lines whose
    regions have rims; `scatter` is the variance over mean of the counts, `cell` the side of a
    cell in pixels.
    """

    def __init__(
        self,
        sums: NDArray[np.float32],
        shapes: Sequence[Family],
        bright: Sequence[int],
        scatter: float,
        cell: int,
        strict: Strictness,
    ) -> None:
        self._sums, self.scatter, self._cut = sums, scatter, CUT * cell
        self._effect = strict.effect
        self.windows = sums.shape[-1] - 1
        around = rims((window, self._windows(1, _one(window))[..., 0]) for window in bright)
        self._rim_windows = np.array(around.windows, dtype=np.int64)
        self.shapes: list[Family] = [*shapes, around] if len(around) else list(shapes)
        number = len(shapes) + JUDGED_APART
        self._levels = [
            Level.of(strict, number, len(family) * (self.windows if index < len(shapes) else 1))
            for index, family in enumerate(self.shapes)
        ]
        self._sizes = [family.sizes for family in self.shapes]
        self._left_out: list[tuple[NDArray[np.bool_], int]] = []
        self._ratio = self._held()
        # Of each family, and last of the single cells.
        self._noise, self._mean = np.zeros((2, len(self.shapes) + 1, self.windows))
        # The noise of the predictions is that of the whole search: later ones leave places out.
        self._measured = np.zeros(self.windows, dtype=bool)

    def touching(self, mask: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
        """Return which shapes of each family have any of these cells."""
        tables = Tables.of(mask[..., None].astype(np.float64))
        return [family.sums(tables)[:, 0] > 0.5 for family in self.shapes]

    def hits(
        self, windows: slice, watch: Watch, within: Sequence[NDArray[np.bool_]] | None = None
    ) -> Hits:
        """Return the places that depart in windows from the first to behind the last.

        `within` are the shapes of each family to look at, by default all.
        """
        height, width = self._sums.shape[1:3]
        each = -(-(windows.stop - windows.start) // number_of_cores())
        step = max(1, min(SCANNED // (height * width), each))
        starts = range(windows.start, windows.stop, step)
        parts = [slice(first, min(first + step, windows.stop)) for first in starts]
        found: list[Hits] = []
        members = [np.flatnonzero(own) for own in within] if within is not None else None
        scan = partial(self._scan, members=members)
        for done, some in enumerate(in_order(lambda part: list(scan(part)), parts), start=1):
            watch.step("looking for lost signal", done / len(parts))
            found += some
        if not found:
            return Hits(*np.zeros((3, 0), np.int64), *np.zeros((4, 0)))
        hits = Hits.join(found)
        # In whichever parts they were searched.
        return hits.take(np.lexsort((hits.member, hits.family, hits.window)))

    def sizes(self, hits: Hits) -> Indices:
        """Return the number of cells of each place."""
        found = np.ones(len(hits.far), dtype=np.int64)
        for index, sizes in enumerate(self._sizes):
            own = hits.family == index
            found[own] = sizes[hits.member[own]]
        return found

    def leave_out(self, mask: NDArray[np.bool_], window: int) -> None:
        """Forget the counts and the prediction of a line in some cells."""
        self._sums[:, mask, max(0, window - 1) : window + 3] = 0
        self._left_out.append((mask, window))

    def not_left_out(self, mask: NDArray[np.bool_], window: int) -> tuple[NDArray[np.bool_], slice]:
        """Return the cells of a place, and the half lines near its window, that are all there."""
        first, last = max(0, window - 1), min(self.windows + 1, window + 3)
        for gone, other in self._left_out:
            if abs(other - window) <= NEAR:
                mask = mask & ~gone
        for gone, other in self._left_out:
            if (mask & gone).any():
                first = max(first, other + 3) if other < window else first
                last = min(last, other - 1) if other > window else last
        return mask, slice(first, last)

    def total(self, kind: int, mask: NDArray[np.bool_]) -> Floats:
        """Return sums over pixels, (half,): counts (kind 0) or their prediction (1)."""
        return np.asarray(self._sums[kind][mask].sum(axis=0, dtype=np.float64))

    def departs(
        self, cells: tuple[Indices, Indices], window: int, *, lost: bool, least: float
    ) -> bool:
        """Return whether counts in some cells depart beyond chance, by so many a cell at least."""
        own = self._sums[:2, *cells, window : window + 2].sum(axis=(1, 2), dtype=np.float64)
        counts, expected = own[:, None] / self.scatter
        size = abs(counts - expected)[0]
        chance = tail_probability(counts, expected, above=lost)[0]
        real = chance < JOINED and size > self._effect * min(counts, expected)[0]
        return bool(real and size > least * len(cells[0]))

    def _windows(self, kind: int, part: slice) -> Floats:
        """Return counts, predictions or their contrast in windows, (row, column, window)."""
        halves = self._sums[kind][..., part.start : part.stop + 1].astype(np.float64)
        return np.asarray(halves[..., :-1] + halves[..., 1:])

    def _held(self) -> Floats:
        """Return the counts of each window over their prediction, in the whole map."""
        counts, expected = self._sums[:2].sum(axis=(1, 2), dtype=np.float64)
        counts, expected = counts[1:] + counts[:-1], expected[1:] + expected[:-1]
        ratio = np.ones_like(counts)
        return np.asarray(np.divide(counts, expected, out=ratio, where=expected > 0))

    def _scan(self, part: slice, members: Sequence[Indices] | None) -> Iterator[Hits]:
        """Yield the hits in each family, or in those of its members that are given."""
        known = bool(self._measured[part].all())
        kinds = range(2 if known else 3)
        tables = [Tables.of(self._windows(kind, part) / self.scatter) for kind in kinds]
        if not known:
            self._measure(-1, part, tables[1].image, tables[2].image)
        for index, family in enumerate(self.shapes):
            own = np.arange(len(family)) if members is None else members[index]
            looked_at = family if members is None else family.take(own)
            counts, expected = (looked_at.sums(table) for table in tables[:2])
            if not known:
                some = np.arange(0, len(family), max(1, len(family) // SAMPLE))
                noise = family.take(some).sums(tables[2])
                self._measure(index, part, expected[some], noise)
            yield self._family_hits(index, part, counts, expected, own)
        self._measured[part] = True

    def _measure(self, index: int, part: slice, expected: Floats, noise: Floats) -> None:
        """Keep the noise of the predictions in sums over shapes (..., window)."""
        size = expected.shape[-1]
        self._noise[index, part] = (noise.reshape(-1, size) ** 2).mean(axis=0)
        self._mean[index, part] = expected.reshape(-1, size).mean(axis=0)

    def _family_hits(
        self, index: int, part: slice, counts: Floats, expected: Floats, members: Indices
    ) -> Hits:
        """Return the hits among some members of a family, given their sums (member, window)."""
        level = self._levels[index]
        least = normal_number(level.one) ** 2 / 2
        size = counts - expected
        # The deviance is below 2·(n − λ)²/λ: most places need no logarithm.
        some = level.matters(counts, expected, self.scatter) & (size**2 >= least * expected)
        if self.shapes[index].kind == RIM:
            some &= self._rim_windows[members, None] == np.arange(part.start, part.stop)
        place, window = np.nonzero(some)
        member = members[place]
        counts, expected = counts[some], expected[some]
        window += part.start
        sizes = self._sizes[index][member]
        low, high = self._rates(index, window, expected, sizes)
        where = np.full(len(member), index), member, window
        return judge(where, [counts, expected, np.clip(counts, low, high)], level, self.scatter)

    def _rates(
        self, index: int, window: Indices, expected: Floats, sizes: Indices
    ) -> tuple[Floats, Floats]:
        """Return between which rates a prediction leaves it open what the true one is.

        It has noise of its own, one standard error to either side; cutting off what is negative
        turns the noise of single cells into added counts. What a whole line lacks or has too much
        is told by `line_sums`: no place is accused of it.
        """
        reach = self._reach(index, window, expected)
        added = self._cut * sizes * self._reach(-1, window, expected / sizes)
        scaled = expected * self._ratio[window]
        low = np.minimum(expected - np.maximum(reach, added), scaled)
        # What is below zero is an error of at least that size, which may as well be above.
        high = np.maximum(np.maximum(expected + reach, scaled), -expected)
        return np.maximum(low, 0), high

    def _reach(self, index: int, window: Indices, expected: Floats) -> Floats:
        """Return the standard error of predictions, pooled over a family as a share of them."""
        mean = self._mean[index, window]
        relative = np.zeros_like(mean)
        np.divide(self._noise[index, window], 2 * mean, out=relative, where=mean > 0)
        return np.asarray(np.sqrt(relative * (np.maximum(expected, 0) + mean)))


def _one(window: int) -> slice:
    return slice(window, window + 1)
