"""Places of any size and shape where counts are further from a result than chance allows.

A weak signal is lost without a trace in single pixels and shows in the sum over its own: a quarter
of the map, a line one pixel wide. Sums over shapes of many sizes are therefore compared, in windows
one line wide, with the sums of the prediction. The clearest departure is taken, grown by what
overlaps it, told with all that is missing there, and left out of the further search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.spectroscopy.line_windows import WindowPartition

from .departure_names import LineNames, has_line
from .departures import Departure
from .map_sums import MapSums
from .place_search import JUDGED_APART, LEAST, PIXEL, Hits, Level, PlaceSearch, judge, normal_number
from .shapes import families

MOST_PIXELS = 10**6
"""Most single pixels that are kept: a result that is wrong everywhere needs no complete list."""
MOST_DEPARTURES = 30
"""Most departures that are told as data."""
PREFILTER = 0.7
"""By how much a departure may differ from the normal number of its exact chance."""
NEAR = 2
"""Windows, in steps of half a line, that may show the same line."""
GROWING = 1e-3
"""Chance below which pixels beside a departure belong to it."""
MOST_GROWING = 200
"""Shapes that are tried for that, the clearest first."""
SHARED = 0.5
"""Share of a place's pixels in another one from which both can have the same reason."""
SECONDARY = 0.03
"""Share of a line's missing counts that may be missing at other energies for the same reason: in
the tail of its peak, its escape peak, its sum peaks."""
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


@dataclass(frozen=True, eq=False)
class Found:
    """Departures, the most important first, and where they are."""

    departures: tuple[Departure, ...]
    labels: NDArray[np.int16]
    """For each pixel (y, x) the place of its most important departure in the list, from 1; 0
    where there is none."""


@dataclass(frozen=True, eq=False)
class _Place:
    """A departure with its pixels (y, x) and its window."""

    departure: Departure
    pixels: Mask
    window: int


class SuspectPlaces:
    """Collects a map of shape (y, x) band by band, then finds the places that depart.

    Of every so many rows one is seen.
    """

    def __init__(
        self, shape: tuple[int, int], partition: WindowPartition, axis: EnergyAxis, every: int = 1
    ) -> None:
        self._shape, self._every, self._names = shape, every, LineNames(partition, axis)
        rows, windows = len(range(0, shape[0], every)), len(self._names.energies)
        self._sums = MapSums(rows, shape[1], windows + 1)
        self._families = families(*self._sums.values.shape[1:3], neighbours=every == 1)
        self._bright = [] if every > 1 else self._names.line_windows()
        # Rims are counted as a family, whether there are any or not.
        self._level = Level.of(len(self._families) + JUDGED_APART, rows * shape[1] * windows)
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

    def find(self, scatter: float = 1.0) -> Found:
        """Return the departures of the map, whose counts have this variance over mean."""
        search = PlaceSearch(self._sums.values, self._families, self._bright, scatter)
        live = Hits.join([*self._pixels, search.hits(np.arange(search.windows))])
        told: list[_Place] = []
        while len(live.far) and len(told) < MOST_DEPARTURES:
            top = live.take(np.array([np.argmax(np.abs(live.far))]))
            mask = self._grow(top, live, search)
            place = self._describe(top, mask, search)
            if not _is_secondary(place, told):
                told.append(_named_alike(place, told))
            live = self._left(live, mask, place.window, search)
        return self._ordered(told)

    def _cells(self, hits: Hits, index: int, search: PlaceSearch) -> Cells:
        """Return rows and columns of a place in the sums."""
        family, member = int(hits.family[index]), int(hits.member[index])
        if family != PIXEL:
            return search.shapes[family].pixels(member)
        y, x = divmod(member, self._shape[1])
        return np.array([y // self._sums.bin]), np.array([x // self._sums.bin])

    def _grow(self, top: Hits, live: Hits, search: PlaceSearch) -> Mask:
        """Return the cells of a departure and of what overlaps it and departs likewise."""
        mask = np.zeros(self._sums.values.shape[1:3], dtype=bool)
        mask[self._cells(top, 0, search)] = True
        window, lost = int(top.window[0]), bool(top.far[0] > 0)
        like = live.take((np.abs(live.window - window) <= NEAR) & ((live.far > 0) == lost))
        like = like.take(np.argsort(-np.abs(like.far))[:MOST_GROWING])
        for index in range(len(like.far)):
            cells = self._cells(like, index, search)
            new = ~mask[cells]
            if new.any() and not new.all():
                rest = cells[0][new], cells[1][new]
                if search.departs(rest, window, lost=lost, chance=GROWING):
                    mask[rest] = True
        return mask

    def _describe(self, top: Hits, mask: Mask, search: PlaceSearch) -> _Place:
        """Return all that departs at the line of a place in its cells."""
        window, sign = int(top.window[0]), float(np.sign(top.far[0]))
        counts, expected = search.total(0, mask), search.total(1, mask)
        near = slice(max(0, window - 1), window + 3)
        if sign * (counts - expected)[near].sum() < LEAST:  # another line beside it hides it
            near = slice(window, window + 2)
        name = self._names.name(window, sign * (counts - expected))
        found, predicted = float(counts[near].sum()), float(expected[near].sum())
        pixels, family = self._pixels_in(mask), int(top.family[0])
        if family == PIXEL and self._sums.bin > 1:
            pixels[:] = False
            pixels[np.divmod(int(top.member[0]), self._shape[1])] = True
            found, predicted = (float(search.scatter * part[0]) for part in top[3:5])
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
            "pixel" if len(y) == 1 else search.shapes[family].kind if family >= 0 else "square",
            float(top.chance[0]),
        )
        return _Place(departure, pixels, window)

    def _pixels_in(self, mask: Mask) -> Mask:
        """Return the pixels of the map (y, x) in some cells of the sums."""
        rows, size = len(range(0, self._shape[0], self._every)), self._sums.bin
        seen = np.repeat(np.repeat(mask, size, axis=0), size, axis=1)[:rows, : self._shape[1]]
        pixels = np.zeros(self._shape, dtype=bool)
        pixels[:: self._every] = seen
        return pixels

    def _left(self, live: Hits, mask: Mask, window: int, search: PlaceSearch) -> Hits:
        """Return the hits that remain when a line was left out in some cells."""
        search.leave_out(mask, window)
        near = np.abs(live.window - window) <= NEAR
        y, x = np.divmod(np.where(live.family == PIXEL, live.member, 0), self._shape[1])
        inside = mask[y // self._sums.bin, x // self._sums.bin]
        live = live.take(~near | ((live.family == PIXEL) & ~inside))
        again = np.arange(max(0, window - NEAR), min(search.windows, window + NEAR + 1))
        return Hits.join([live, search.hits(again)])

    def _ordered(self, told: list[_Place]) -> Found:
        """Return the places with the most important first."""
        told = sorted(told, key=lambda place: -place.departure.importance)
        labels = np.zeros(self._shape, dtype=np.int16)
        for index in range(len(told), 0, -1):
            labels[told[index - 1].pixels] = index
        return Found(tuple(place.departure for place in told), labels)


def _is_secondary(place: _Place, told: Sequence[_Place]) -> bool:
    """Return whether a place is but another sign of what was told.

    It has the same pixels and is beside the line, at another line of its element, or has a few per
    cent of its counts.
    """
    own = place.departure
    for other in told:
        like = other.departure.is_lost == own.is_lost
        if not like or (place.pixels & other.pixels).sum() < SHARED * own.pixels:
            continue
        beside = abs(place.window - other.window) <= NEAR
        little = abs(own.missing) < SECONDARY * abs(other.departure.missing)
        if beside or little or has_line(other.departure.element, own.energy):
            return True
    return False


def _named_alike(place: _Place, told: Sequence[_Place]) -> _Place:
    """Return a place with the name of another one at the same line, of which there is one name."""
    for other in told:
        own, known = place.departure, other.departure
        fits = own.element in (None, known.element)
        if fits and abs(place.window - other.window) <= 1 and own.is_lost == known.is_lost:
            named = replace(own, energy=known.energy, name=known.name, element=known.element)
            return replace(place, departure=named)
    return place
