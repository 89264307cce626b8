"""Workers of a cluster, where a run asks for them: they do what the cores of one computer would."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar

from .cores import in_order
from .progress import Watch

Item = TypeVar("Item")
T = TypeVar("T")


class Workers(Protocol):
    """What works on parts of a map."""

    def map(self, work: Callable[[Item], T], items: Sequence[Item]) -> Iterator[T]:
        """Yield what `work` makes of each item, in their order; `work` changes nothing."""

    def sum_up(
        self,
        work: Callable[[Item], T],
        items: Sequence[Item],
        add: Callable[[T, T], T],
        tell: Callable[[int], None],
    ) -> T:
        """Return the sum of what `work` makes of each item, added up in their order.

        `tell` is called with the number of items that were added up.
        """

    def run(self, tasks: Sequence[Callable[[Watch], T]], stage: str, watch: Watch) -> list[T]:
        """Return the results of long tasks, in order; each tells its progress to its own watch."""


_workers: ContextVar[Workers | None] = ContextVar("workers", default=None)


def workers() -> Workers | None:
    """Return the workers that were asked for; None where the cores at hand do the work.

    Other threads of the same run have none: what they do belongs to one core.
    """
    return _workers.get()


@contextmanager
def working_on(chosen: Workers | None) -> Iterator[None]:
    """Let these workers do the work, meanwhile."""
    token = _workers.set(chosen)
    try:
        yield
    finally:
        _workers.reset(token)


def sum_up(
    work: Callable[[Item], T],
    items: Sequence[Item],
    add: Callable[[T, T], T],
    tell: Callable[[int], None],
) -> T:
    """Return the sum of what `work` makes of each item, in their order, wherever it is computed.

    `tell` is called with the number of items that were added up. The sums are large: they are added
    up where they are.

    Examples
    --------
    >>> sum_up(lambda number: number**2, range(5), int.__add__, lambda done: None)
    30
    """
    elsewhere = workers()
    if elsewhere is not None:
        return elsewhere.sum_up(work, items, add, tell)
    tell(0)
    found = in_order(work, items)
    total = next(found)
    for done, own in enumerate(found, start=2):
        tell(done)
        total = add(total, own)
    return total
