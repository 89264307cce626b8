"""Names in HDF5 files, and what they lead to: also where links and objects are damaged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

DAMAGED = (KeyError, OSError, RuntimeError, TypeError, ValueError)
"""What h5py raises, depending on which bytes of a link, a type or an attribute are wrong."""


def follow(group: Any, name: str) -> Any:
    """Return the group or dataset that a name leads to, None if there is none.

    So it is with links that lead nowhere or in a circle, and with damaged objects.
    """
    try:
        item = group.get(name)
        # A damaged type shows only when it is asked for.
        return item if hasattr(item, "keys") or (item.shape, item.dtype) else None
    except (AttributeError, *DAMAGED):
        return None


def link_at(group: Any, name: str) -> Any:
    """Return the link of a name in a group, None if there is none or it is damaged."""
    try:
        return group.get(name, getlink=True)
    except DAMAGED:
        return None


def attribute(item: Any, name: str) -> Any:
    """Return an attribute of a group or dataset, None if it is missing or damaged."""
    try:
        return item.attrs.get(name)
    except DAMAGED:
        return None


def members(group: Any) -> list[str]:
    """Return the names in a group that are text, none where there is no group."""
    if not hasattr(group, "keys"):
        return []
    return [name for name in group if isinstance(name, str)]  # names that are no UTF-8 are bytes


def identity(item: Any) -> tuple[int, Any]:
    """Return what is equal for two names of one object."""
    import h5py

    info = h5py.h5o.get_info(item.id)
    return info.fileno, info.addr


def walk(group: Any, most_visited: int) -> Iterator[tuple[Any, str, Any]]:
    """Yield (group, name, item) of all names below a group, through links too.

    A group with several names, or inside itself by a link, is visited once. The item is None where
    a name leads to nothing.
    """
    import h5py

    visited = {identity(group)}
    waiting = [group]
    n_seen = 0
    while waiting:
        here = waiting.pop(0)
        for name in members(here):
            n_seen += 1
            if n_seen > most_visited:
                return
            item = follow(here, name)
            yield here, name, item
            if isinstance(item, h5py.Group) and identity(item) not in visited:
                visited.add(identity(item))
                waiting.append(item)
