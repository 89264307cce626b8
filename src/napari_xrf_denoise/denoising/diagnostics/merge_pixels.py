"""Pixels that hold nothing although chance would hardly leave one empty."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .merge_limits import RARE

DARK = 20
"""Empty pixels that are natural for each pixel with one count: rates down to 1 / DARK."""


def count_empty_pixels(pixels: NDArray[np.floating]) -> int:
    """Return the number of empty pixels, or 0 when photon noise explains them.

    Parameters
    ----------
    pixels : numpy.ndarray, shape (y, x)
        Counts of each pixel.

    Returns
    -------
    int

    Notes
    -----
    A pixel of rate λ is empty with the chance exp(-λ). So many are expected as the other pixels
    give with their own counts as rates; twice that counts as natural. In dark regions, of rate λ,
    there are 1 / λ empty pixels for each that holds one count: up to `DARK` of them are natural.
    """
    from scipy.stats import poisson

    filled = pixels[pixels > 0].astype(np.float64)
    empty = int(pixels.size - filled.size)
    if not empty or not filled.size:
        return 0
    natural = 2 * float(np.exp(-filled).sum()) + DARK * int((filled == 1).sum())
    return empty if poisson.sf(empty - 1, natural) < RARE else 0
