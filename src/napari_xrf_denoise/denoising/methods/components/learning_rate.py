"""The learning rate of a network: it rises, stays high, and falls to zero.

S. Hu et al., "MiniCPM" (2024), arXiv:2404.06395, compare such a schedule with others.
"""

from __future__ import annotations

from math import cos, pi

RISE = 0.1
"""Share of all steps in which the learning rate rises."""
LEAST_RISE = 15
"""Steps that it rises at the least: the first ones change every weight by the rate."""
HIGH = 0.6
"""Share of all steps after which it falls."""


def learning_rate(step: int, steps: int) -> float:
    """Return the rate of a step, of so many in all, over the highest.

    >>> [round(learning_rate(step, 300), 2) for step in (0, 30, 100, 180, 240, 299)]
    [0.03, 1.0, 1.0, 1.0, 0.5, 0.0]
    """
    fall = HIGH * steps
    if step >= fall:
        return 0.5 * (1 + cos(pi * (step - fall) / (steps - fall)))
    return min(1.0, (step + 1) / max(LEAST_RISE, RISE * steps))
