"""How the points of a scan lie in a map, by its command or by the motor positions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NUMBER = r"[-+0-9.eE]+"
_MESH = re.compile(
    rf"[ad]?mesh\s+(?P<fast>\S+)\s+(?P<fast_start>{_NUMBER})\s+(?P<fast_stop>{_NUMBER})"
    rf"\s+(?P<n_fast>\d+)\s+(?P<slow>\S+)\s+(?P<slow_start>{_NUMBER})\s+(?P<slow_stop>{_NUMBER})"
    r"\s+(?P<n_slow>\d+)"
)
_TWO_MOTORS = re.compile(r"\w*(?:mesh|2d|map|image)", re.IGNORECASE)

Positions = Mapping[str, tuple[NDArray[np.float64], str]]
"""(values, unit) of each motor that moved."""


@dataclass(frozen=True)
class Grid:
    """Rows and columns of a scan."""

    n_points: int
    """Points that are used, from the first; rows × columns of a map."""
    n_fast: int | None = None
    """Columns, None if the points are no map."""
    fast: str = ""
    """Motor along x."""
    slow: str = ""
    """Motor along y."""
    back_and_forth: bool = False
    """Whether every other row was measured backwards."""
    spacing: tuple[float | None, ...] = (None,)
    """Distances along y and x, of a list along x only."""
    unit: str = ""
    """Of the distances, "" if it is not known."""

    def arrange(self, points: Any) -> Any:
        """Return an array (points, …) as (slow, fast, …); as it is where the points are no map."""
        if self.n_fast is None:
            return points
        rest = points.shape[1:]
        if isinstance(points, np.ndarray):
            rows = points.reshape(-1, self.n_fast, *rest)
            if self.back_and_forth:
                rows[1::2] = rows[1::2, ::-1].copy()
            return rows
        import dask.array

        # Blocks of whole rows, so that no block needs a part of its neighbour.
        n_rows = max(1, int(points.chunks[0][0]) // self.n_fast)
        points = points.rechunk((n_rows * self.n_fast, *rest))
        rows = points.reshape(-1, self.n_fast, *rest)
        if not self.back_and_forth:
            return rows
        return dask.array.stack(
            [row[::-1] if number % 2 else row for number, row in enumerate(rows)]
        )


def find_grid(title: str, positions: Positions, n_points: int, warnings: list[str]) -> Grid:
    """Return how the points of a scan lie; warnings for the user are appended.

    The title is the scan's command: ``mesh`` and its variants give the number of intervals, one
    less than the points, and the fast motor first. Positions are those of motors with a value per
    point.
    """
    positions = {
        name: (values[:n_points], unit)
        for name, (values, unit) in positions.items()
        if values.size >= n_points and np.all(np.isfinite(values[:n_points]))
    }
    mesh = _MESH.match(title)
    if mesh is not None:
        fast, slow = mesh["fast"], mesh["slow"]
        n_fast, n_slow = int(mesh["n_fast"]) + 1, int(mesh["n_slow"]) + 1
        if n_points <= n_fast * n_slow:
            return _rows(n_points, (n_slow, n_fast), (slow, fast), positions, warnings)
        warnings.append(
            f"the title {title!r} means {n_slow} × {n_fast} points, found {n_points}; the title "
            "was not used"
        )
    by_motors = _grid_of_motors(positions, n_points)
    if by_motors is not None:
        fast, slow, n_fast = by_motors
        return _rows(n_points, (None, n_fast), (slow, fast), positions, warnings)
    moving = [name for name, (values, _) in positions.items() if np.ptp(values) > 0]
    if n_points > 1 and (len(moving) > 1 or _TWO_MOTORS.match(title)):
        warnings.append(
            f"neither the title {title!r} nor the motors ({', '.join(moving) or 'none moved'}) "
            f"say how the {n_points} points lie in a map, so they stay a list of points; reshape "
            "the counts in Python if you know"
        )
    return Grid(n_points)


def _rows(
    n_points: int,
    shape: tuple[int | None, int],
    motors: tuple[str, str],
    positions: Positions,
    warnings: list[str],
) -> Grid:
    """Return the grid of whole rows (slow, fast); the rest of an unfinished one is dropped."""
    (n_slow, n_fast), (slow, fast) = shape, motors
    n_rows, n_over = divmod(n_points, n_fast)
    if n_rows == 0:
        warnings.append(
            f"the scan was stopped in its first row of {n_fast} points, after {n_points}, which "
            "were read as a list"
        )
        return Grid(n_points)
    if n_over or (n_slow is not None and n_rows < n_slow):
        planned = f" of {n_slow}" if n_slow is not None else ""
        warnings.append(
            f"the scan was not finished: {n_rows} whole rows{planned} of {n_fast} points were "
            f"read, and {n_over} points of the next row left out; measure or read it again when "
            "it is complete"
        )
    if fast not in positions and n_rows > 1:
        warnings.append(
            f"the motor {fast} was not recorded, so that all rows were taken to be measured in one "
            "direction; if every other row is mirrored, the motor went back and forth"
        )
    used = n_rows * n_fast
    spacing, unit = _spacing(positions, fast, slow, n_rows, n_fast)
    return Grid(
        n_points=used,
        n_fast=n_fast,
        fast=fast,
        slow=slow,
        back_and_forth=_goes_back_and_forth(positions, fast, n_rows, n_fast),
        spacing=spacing,
        unit=unit,
    )


def _grid_of_motors(positions: Positions, n_points: int) -> tuple[str, str, int] | None:
    """Return (fast motor, slow motor, columns) where two motors leave no doubt.

    The slow motor stands still in a row, but for its encoder's noise, and jumps between rows; the
    fast motor only rises or only falls in a row.
    """
    found = set()
    for slow, (values, _) in positions.items():
        steps = np.abs(np.diff(values))
        if steps.size == 0 or steps.max() == 0:
            continue
        jumps = np.flatnonzero(steps > 0.5 * steps.max()) + 1
        n_fast = int(jumps[0])
        n_jumps = -(-n_points // n_fast) - 1
        if n_fast < 2 or not np.array_equal(jumps, n_fast * np.arange(1, n_jumps + 1)):
            continue
        for fast, (along, _) in positions.items():
            if fast != slow and _is_monotone_in_rows(along, n_fast):
                found.add((fast, slow, n_fast))
    return found.pop() if len(found) == 1 else None


def _is_monotone_in_rows(values: NDArray[np.float64], n_fast: int) -> bool:
    whole = values[: values.size // n_fast * n_fast].reshape(-1, n_fast)
    steps = np.diff(whole, axis=1)
    if not np.all((steps > 0).all(axis=1) | (steps < 0).all(axis=1)):
        return False
    # A motor that never comes back is no fast one.
    return len(whole) == 1 or float(np.ptp(values)) < 1.5 * float(np.ptp(whole, axis=1).max())


def _goes_back_and_forth(positions: Positions, fast: str, n_rows: int, n_fast: int) -> bool:
    if fast not in positions or n_rows < 2 or n_fast < 2:
        return False
    rows = positions[fast][0][: n_rows * n_fast].reshape(n_rows, n_fast)
    directions = np.sign(rows[:, -1] - rows[:, 0])
    return bool(np.all(directions[1:] == -directions[:-1]) and directions[0] != 0)


def _spacing(
    positions: Positions, fast: str, slow: str, n_rows: int, n_fast: int
) -> tuple[tuple[float | None, float | None], str]:
    """Return the distances along y and x and their unit, if the motors have the same."""
    if fast not in positions or slow not in positions:
        return (None, None), ""
    (along, unit), (across, unit_across) = positions[fast], positions[slow]
    if not unit or unit != unit_across or n_fast < 2 or n_rows < 2:
        return (None, None), ""
    shape = (n_rows, n_fast)
    x = np.abs(np.diff(along[: n_rows * n_fast].reshape(shape), axis=1))
    y = np.abs(np.diff(across[: n_rows * n_fast].reshape(shape).mean(axis=1)))
    return (float(np.median(y)), float(np.median(x))), unit
