"""The places where a result lacks or adds counts, with their pixels and channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .departure_names import relative_strength
from .departures import Departure
from .place_search import NEAR

HELD = 0.5
"""Share of a departure of the predictions that the result itself must show. It uses all counts,
and may hold what predictions from fewer counts do not."""
SHARED = 0.5
"""Share of a place's pixels in another one from which both can have the same reason."""
SECONDARY = 0.03
"""Share of a line's missing counts that may be missing at other energies for the same reason: in
the tail of its peak, its escape peak, its sum peaks."""


@dataclass(frozen=True, eq=False)
class Place:
    """A departure with its pixels and channels."""

    departure: Departure
    pixels: NDArray[np.bool_]
    """Shape (y, x)."""
    window: int
    """Index of the window in which it is clearest."""
    channels: slice
    """Those whose counts it tells."""

    def is_sign_of(self, other: Place) -> bool:
        """Return whether it is but another sign of what another place tells.

        It has the same pixels and is beside the line, or has no more counts than another line of
        its element should, or a few per cent.
        """
        own, known = self.departure, other.departure
        shared = (self.pixels & other.pixels).sum()
        if known.is_lost != own.is_lost or shared < SHARED * own.pixels:
            return False
        if abs(self.window - other.window) <= NEAR:
            return True
        # Twice what the tables say: intensities depend on the sample.
        share = max(SECONDARY, 2 * relative_strength(known.element, known.energy, own.energy))
        share *= min(1.0, own.pixels / known.pixels)
        return abs(own.missing) < share * abs(known.missing)

    def named_like(self, others: Sequence[Place]) -> Place:
        """Return it with the name of one of the others at the same line, if there is one."""
        own = self.departure
        for other in others:
            known = other.departure
            fits = own.element in (None, known.element) and own.is_lost == known.is_lost
            if fits and abs(self.window - other.window) <= 1:
                named = replace(own, energy=known.energy, name=known.name, element=known.element)
                return replace(self, departure=named)
        return self

    def in_result(self, result: Any, repeats: float) -> Place | None:
        """Return the place with what a result (y, x, energy) itself lacks or adds there.

        None if it holds most of the counts. The result is of one of so many repeats.
        """
        own = self.departure
        values = np.asarray(result[own.y, own.x, self.channels])[self.pixels[own.y, own.x]]
        missing = own.counts - repeats * float(values.sum(dtype=np.float64))
        if missing * np.sign(own.missing) < HELD * abs(own.missing):
            return None
        return replace(self, departure=replace(own, missing=missing))


@dataclass(frozen=True, eq=False)
class Found:
    """All places of a map of shape (y, x), the most important first."""

    shape: tuple[int, int]
    places: tuple[Place, ...] = ()

    @classmethod
    def of(cls, shape: tuple[int, int], places: Sequence[Place]) -> Found:
        """Return the places in their order."""
        order = sorted(places, key=lambda place: -place.departure.importance)
        return cls(shape, tuple(order))

    @property
    def departures(self) -> tuple[Departure, ...]:
        """What departs in each place."""
        return tuple(place.departure for place in self.places)

    @property
    def labels(self) -> NDArray[np.int16]:
        """For each pixel (y, x) the number of its first place, from 1; 0 where there is none."""
        labels = np.zeros(self.shape, dtype=np.int16)
        for number in range(len(self.places), 0, -1):
            labels[self.places[number - 1].pixels] = number
        return labels

    def in_result(self, result: Any, repeats: float = 1) -> Found:
        """Return the places that a result (y, x, energy) of one of the repeats shows as well."""
        shown = (place.in_result(result, repeats) for place in self.places)
        return self.of(self.shape, [place for place in shown if place is not None])
