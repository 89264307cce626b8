"""Times, sizes and lists in words, no longer and no more exact than a reader needs."""

from __future__ import annotations

from collections.abc import Iterable


def about_seconds(seconds: float) -> str:
    """Return a time, such as ``"about 20 s"``."""
    if seconds < 10:
        return f"about {max(1, round(seconds))} s"
    if seconds < 90:
        return f"about {round(seconds / 5) * 5} s"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"


def about_bytes(n_bytes: float) -> str:
    """Return a size, such as ``"about 1.2 GB"``."""
    if n_bytes < 0.95e9:
        return f"about {max(0.1, n_bytes / 1e9):.1f} GB"
    return f"about {n_bytes / 1e9:.2g} GB"


def first_of(entries: Iterable[object], most: int) -> str:
    """Return a list such as ``"Fe, Ca and 2 more"``, with so many entries at most."""
    words = [str(entry) for entry in entries]
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more
