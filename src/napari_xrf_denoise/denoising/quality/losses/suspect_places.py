"""Places of any size and shape where counts are further from a result than chance allows.

A weak signal is lost without a trace in single pixels and shows in the sum over its own: a quarter
of the map, a line one pixel wide. Sums over shapes of many sizes are therefore compared, in windows
one line wide, with the sums of the prediction. The clearest departure is taken, grown by what
overlaps it, told with all that is missing there, and left out of the further search.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.spectroscopy.line_windows import WindowPartition

from .departure_names import LineNames
from .departures import Departure
from .map_sums import MapSums
from .place_search import (
    FOR_TELLING,
    JOINED,
    JUDGED_APART,
    LEAST,
    NEAR,
    PIXEL,
    Hits,
    Level,
    PlaceSearch,
    Strictness,
    chance_beyond,
    judge,
    normal_number,
)
from .places import SHARED, Found, Place
from .shapes import families

MOST_PIXELS = 10**6
"""Most single pixels that are kept: a result that is wrong everywhere needs no complete list."""
MOST_DEPARTURES = 30
"""Most departures that are told as data."""
PREFILTER = 0.7
"""By how much a departure may differ from the normal number of its exact chance."""
DENSER = 3.0
"""How many times more counts a pixel depart where a departure is concentrated; pixels beside it
belong to it where no more than so many times fewer do."""
MOST_GROWING = 200
"""Shapes that are tried for that, the clearest first."""
Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]
Cells = tuple[NDArray[np.int64], NDArray[np.int64]]


class Comparison(NamedTuple):
    """Counts and their prediction, arrays of shape (rows, x, window)."""

    counts: Floats
    """In units of `scatter`, as is the prediction."""
    expected: Floats
    rate: Floats
    """Rate to compare with: within the prediction's own noise, the nearest to the counts."""
    far: Floats
    """Departure of the counts from this rate, as `deviance_residual` gives it."""
    scatter: float
    """Variance over mean of the raw counts; 1 for Poisson counts."""

    def lines(self) -> Comparison:
        """Return all windows but the last, which is the total."""
        cut = slice(None, -1)
        counts, expected, rate, far = (part[..., cut] for part in self[:4])
        return Comparison(counts, expected, rate, far, self.scatter)


class SuspectPlaces:
    """Collects a map of shape (y, x) band by band, then finds the places that depart.

    Of every so many rows one is seen.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        partition: WindowPartition,
        axis: EnergyAxis,
        *,
        every: int = 1,
        strict: Strictness = FOR_TELLING,
    ) -> None:
        self._strict = strict
        self._shape, self._every, self._names = shape, every, LineNames(partition, axis)
        self._edges = partition.half_edges
        rows, windows = len(range(0, shape[0], every)), len(self._names.energies)
        self._sums = MapSums(rows, shape[1], windows + 1)
        self._families = families(*self._sums.values.shape[1:3], neighbours=every == 1)
        self._bright = [] if every > 1 else self._names.line_windows()
        # Rims are counted as a family, whether there are any or not.
        self._level = Level.of(
            strict, len(self._families) + JUDGED_APART, rows * shape[1] * windows
        )
        # The lines of a single pixel say what it lacks.
        self._looks_at_pixels = rows * shape[1] > 1
        self._pixels: list[Hits] = []

    def add(
        self,
        rows: slice,
        halves: Sequence[NDArray[np.float32]],
        shares: Sequence[float],
        compared: Comparison,
    ) -> None:
        """Add the next rows: counts and predictions (rows, x, half), and how they compare."""
        self._sums.add(halves[0], halves[1:], shares)
        if not self._looks_at_pixels or sum(len(h.far) for h in self._pixels) > MOST_PIXELS:
            return
        y, x, window = np.nonzero(np.abs(compared.far) > normal_number(self._level.one) - PREFILTER)
        values = [part[y, x, window] for part in compared[:3]]
        member = (rows.start // self._every + y) * self._shape[1] + x
        where = np.full(len(y), PIXEL), member, window
        self._pixels.append(judge(where, values, self._level, compared.scatter))

    def find(self, watch: Watch, scatter: float = 1.0) -> Found:
        """Return the departures of the map, whose counts have this variance over mean."""
        search = PlaceSearch(
            self._sums.values,
            self._families,
            self._bright,
            scatter,
            self._sums.bin,
            self._strict,
        )
        live = Hits.join([*self._pixels, search.hits(slice(0, search.windows), watch.part(0, 0.7))])
        told: list[Place] = []
        while len(live.far) and len(told) < MOST_DEPARTURES:
            top = live.take(np.array([np.argmax(np.abs(live.far))]))
            top = self._concentrate(top, live, search)
            mask = self._grow(top, live, search)
            place = self._describe(top, mask, search)
            if place and not any(place.is_sign_of(other) for other in told):
                told.append(place.named_like(told))
            window = int(top.window[0])
            search.leave_out(mask, window)
            again = slice(max(0, window - NEAR), min(search.windows, window + NEAR + 1))
            touched = search.touching(mask)
            live = self._others(live, mask, window, touched)
            done = 0.7 + 0.3 * len(told) / MOST_DEPARTURES
            live = Hits.join([live, search.hits(again, watch.part(done, 1), touched)])
        return Found.of(self._shape, told)

    def _cells(self, hits: Hits, index: int, search: PlaceSearch) -> Cells:
        """Return rows and columns of a place in the sums."""
        family, member = int(hits.family[index]), int(hits.member[index])
        if family != PIXEL:
            return search.shapes[family].pixels(member)
        y, x = divmod(member, self._shape[1])
        return np.array([y // self._sums.bin]), np.array([x // self._sums.bin])

    def _concentrate(self, top: Hits, live: Hits, search: PlaceSearch) -> Hits:
        """Return the few pixels of a place in which nearly all departs, if there are such.

        Where there is no background, the sum over many rare pixels is clearer than any of them.
        """
        like = live.take(_alike(live, top))
        sizes = search.sizes(like)
        while True:
            size = float(search.sizes(top)[0])
            density = np.abs(top.counts - top.expected) / size
            evenly = like.expected + np.sign(top.far) * density * sizes
            chance = chance_beyond(like.counts, np.maximum(evenly, 0), like.far > 0)
            denser = np.abs(like.counts - like.expected) >= DENSER * density * sizes
            better = np.flatnonzero(denser & (chance < JOINED * sizes / size) & (sizes < size))
            mask = np.zeros(self._sums.values.shape[1:3], dtype=bool)
            mask[self._cells(top, 0, search)] = True
            better = better[np.argsort(-np.abs(like.far[better]), kind="stable")]
            inside = (i for i in better if mask[self._cells(like, int(i), search)].mean() >= SHARED)
            found = next(inside, None)
            if found is None:
                return top
            top = like.take(np.array([found]))

    def _grow(self, top: Hits, live: Hits, search: PlaceSearch) -> Mask:
        """Return the cells of a departure and of what overlaps it and departs likewise."""
        mask = np.zeros(self._sums.values.shape[1:3], dtype=bool)
        mask[self._cells(top, 0, search)] = True
        window, lost = int(top.window[0]), bool(top.far[0] > 0)
        like = live.take(_alike(live, top))
        like = like.take(np.argsort(-np.abs(like.far), kind="stable")[:MOST_GROWING])
        density = float(np.abs(top.counts - top.expected)[0] / search.sizes(top)[0])
        for index in range(len(like.far)):
            cells = self._cells(like, index, search)
            new = ~mask[cells]
            if new.any() and not new.all():
                rest = cells[0][new], cells[1][new]
                if search.departs(rest, window, lost=lost, least=density / DENSER):
                    mask[rest] = True
        return mask

    def _describe(self, top: Hits, mask: Mask, search: PlaceSearch) -> Place | None:
        """Return all that departs at the line of a place in its cells, if these are new."""
        window, sign = int(top.window[0]), float(np.sign(top.far[0]))
        mask, near = search.not_left_out(mask, window)
        if not mask.any():
            return None
        counts, expected = search.total(0, mask), search.total(1, mask)
        if sign * (counts - expected)[near].sum() < LEAST:  # another line beside it hides it
            near = slice(window, window + 2)
        name = self._names.name(window, sign * (counts - expected))
        found, predicted = float(counts[near].sum()), float(expected[near].sum())
        pixels, family = self._pixels_in(mask), int(top.family[0])
        if family == PIXEL and self._sums.bin > 1:
            pixels[:] = False
            pixels[np.divmod(int(top.member[0]), self._shape[1])] = True
            found, predicted = (float(search.scatter * part[0]) for part in top[3:5])
        changed = mask.sum() != search.sizes(top)[0]
        kind = "area" if changed else "pixel" if family == PIXEL else search.shapes[family].kind
        y, x = np.nonzero(pixels)
        departure = Departure(
            name.energy,
            name.text,
            name.element,
            found,
            found - predicted,
            slice(int(y.min()), int(y.max()) + 1),
            slice(int(x.min()), int(x.max()) + 1),
            len(y),
            kind,
            float(top.chance[0]),
        )
        edges = self._edges[near.start], self._edges[min(near.stop, len(self._edges) - 1)]
        return Place(departure, pixels, window, slice(int(edges[0]), int(edges[1])))

    def _pixels_in(self, mask: Mask) -> Mask:
        """Return the pixels of the map (y, x) in some cells of the sums."""
        rows, size = len(range(0, self._shape[0], self._every)), self._sums.bin
        seen = np.repeat(np.repeat(mask, size, axis=0), size, axis=1)[:rows, : self._shape[1]]
        pixels = np.zeros(self._shape, dtype=bool)
        pixels[:: self._every] = seen
        return pixels

    def _others(self, live: Hits, mask: Mask, window: int, touched: Sequence[Mask]) -> Hits:
        """Return the hits that do not change when a line is left out in some cells.

        `touched` are the shapes of each family that have any of them.
        """
        y, x = np.divmod(np.where(live.family == PIXEL, live.member, 0), self._shape[1])
        changed = mask[y // self._sums.bin, x // self._sums.bin]
        for family, own in enumerate(touched):
            here = live.family == family
            changed[here] = own[live.member[here]]
        return live.take(~changed | (np.abs(live.window - window) > NEAR))


def _alike(hits: Hits, top: Hits) -> Mask:
    """Return which places depart at the same line and in the same direction."""
    near = np.abs(hits.window - top.window[0]) <= NEAR
    return np.asarray(near & ((hits.far > 0) == (top.far[0] > 0)))
