"""Names in HDF5 files, and what they lead to: also where links and objects are damaged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
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


_MOST_VISITED = 5_000


@dataclass(frozen=True)
class LostLink:
    """A link that leads nowhere."""

    place: str
    """Where in the file it stands."""
    target: str
    fault: str
    """What is wrong with it, as the rest of a sentence."""
    remedy: str

    def __str__(self) -> str:
        return f"{self.fault}; {self.remedy}"


def lost_link(group: Any, name: str) -> LostLink | None:
    """Return the link that keeps a name or path from leading anywhere, None for everything else."""
    return None if follow(group, name) is not None else _end_of(group, name, set())


def lost_links(group: Any) -> list[LostLink]:
    """Return all links below a group that lead nowhere."""
    lost = [
        _end_of(holder, name, set())
        for holder, name, item in walk(group, _MOST_VISITED)
        if item is None
    ]
    return [link for link in lost if link is not None]


def _end_of(group: Any, name: str, passed: set[str]) -> LostLink | None:
    """Go along a path, and along the soft links on it, to the link at which it ends."""
    import h5py

    here = group.file if name.startswith("/") else group
    for part in filter(None, name.split("/")):
        item = follow(here, part)
        if item is not None:
            here = item
            continue
        link = link_at(here, part)
        place = f"{here.name.rstrip('/')}/{part}"
        if isinstance(link, h5py.ExternalLink):
            return _to_file(place, link, Path(here.file.filename))
        if not isinstance(link, h5py.SoftLink):
            return None
        if place in passed:
            return LostLink(
                place, link.path, "is a link to itself in a circle", "write the file again"
            )
        further = _end_of(here, link.path, passed | {place})
        return further or LostLink(
            place,
            link.path,
            f"is a link to {link.path}, which this file does not hold",
            "copy or export the file again",
        )
    return None


def _to_file(place: str, link: Any, path: Path) -> LostLink:
    # HDF5 looks for a file that was named with its whole path beside this one too.
    wanted = PurePath(link.filename)
    name = wanted.name if wanted.is_absolute() else link.filename
    target = f"{link.filename}, {link.path}"
    if (path.parent / name).exists():
        fault, remedy = "which that file does not hold", f"copy {name} again"
    else:
        fault, remedy = "which is missing", f"copy {name} into the folder of {path.name}"
    return LostLink(place, target, f"is a link to {target}, {fault}", remedy)
