"""Times and sizes in words, no more exact than an estimate is."""

from __future__ import annotations


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
