"""The learning rate of a network, and the end of its training: held-out counts decide.

The learning rate rises, stays high as long as that helps, and falls to zero over two thirds of the
steps before; the best network is the result. More steps may be allowed than are useful.
S. Hu et al., "MiniCPM" (2024), arXiv:2404.06395, compare such a schedule with others.
"""

from __future__ import annotations

from math import cos, pi

RISE = 0.1
"""Share of all steps in which the learning rate rises."""
LEAST_RISE = 15
"""Steps that it rises at the least: the first ones change every weight by the rate."""
HIGH = 0.6
"""Share of all steps after which it falls at the latest."""
PATIENCE = 5
"""Checks without a better result after which the rate falls."""


class WarmupStableDecay:
    """Learning rate and end of one training of at most so many steps.

    Examples
    --------
    >>> schedule = WarmupStableDecay(100)
    >>> while not schedule.over:
    ...     schedule.step()
    >>> schedule.steps, schedule.fraction
    (100, 1.0)
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._fall = int(HIGH * most)
        self._best = float("inf")
        self._n_without_gain = 0
        self.steps = 0

    @property
    def rate(self) -> float:
        """Learning rate of the next step, over the highest."""
        if self.steps >= self._fall:
            return 0.5 * (1 + cos(pi * (self.steps - self._fall) / (self._end - self._fall)))
        return min(1.0, (self.steps + 1) / max(LEAST_RISE, RISE * self._most))

    @property
    def over(self) -> bool:
        """Whether the training has ended."""
        return self.steps >= self._end

    @property
    def fraction(self) -> float:
        """Share of the training that is done, as far as is known."""
        return 1.0 if self.over else self.steps / self._end

    @property
    def _end(self) -> int:
        return min(self._most, max(self._fall + 1, round(self._fall / HIGH)))

    def step(self) -> None:
        """Count a step."""
        self.steps += 1

    def judge(self, loss: float) -> bool:
        """Update the schedule by a held-out loss; return whether the network is the best so far."""
        if loss < self._best:
            self._best, self._n_without_gain = loss, 0
            return True
        self._n_without_gain += 1
        if self._n_without_gain == PATIENCE and self.steps < self._fall:
            self._fall = self.steps
        return False
