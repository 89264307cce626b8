"""The standard deviation of counts per channel, where it is known; without Qt."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

POISSON = "Poisson"
ESTIMATED = "held-out counts"
"""Of a denoised result that carries its uncertainty."""
AVERAGE = "estimated, average"
"""Of one that does not, such as from a file of an earlier version."""


def denoised_error(expected: NDArray[Any], record: Mapping[str, Any]) -> NDArray[np.float64] | None:
    """Return the estimated standard deviation of a pixel's denoised counts, on average.

    The dose gain G in the record's report says that the mean squared error over all voxels is that
    of the raw counts over G. A voxel where f counts are expected gets its share by its raw
    variance: f, or f/n where n scans were averaged. One voxel may be much better or worse; sums
    over many pixels are another matter. None where the report has no dose gain.

    >>> denoised_error(np.array([1.0, 4.0]), {"report": {"dose_gain": 4.0}})
    array([0.5, 1. ])
    """
    report = record.get("report")
    gain = report.get("dose_gain") if isinstance(report, Mapping) else None
    if not isinstance(gain, int | float) or not math.isfinite(gain) or gain <= 0:
        return None
    scans = record.get("repeats", 1) if record.get("combination") == "mean" else 1
    return np.asarray(np.sqrt(np.maximum(expected, 0.0) / (float(gain) * scans)))
