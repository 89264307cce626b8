"""Factors that give the lines of the sum of all spectra to the predictions of single ones.

A network that sees twenty counts cannot tell a line from its neighbourhood and spreads it. The sum
of all spectra shows the line clearly, and so how much of it the predictions lack on average.
"""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
import torch
from numpy.typing import NDArray

from .deconvolution import LEAST, Resolution

ITERATIONS = 40
"""Of the restoration of the sum, as where the width of lines is found."""


def channel_factors(
    counted: NDArray[np.float64],
    predicted: NDArray[np.float64],
    width: NDArray[np.float64],
    unit: float = 1.0,
) -> NDArray[np.float32]:
    """Return the factor of each channel, 1 where counts and predictions differ by chance.

    The restored sum of the counts over that of the predictions, each summed over spectra, shape
    (energy,), is shrunk to 1 by the share of noise in their squared difference within a line: z² of
    a difference that is nothing but noise is 1 on average, so that 1 − 1/z² of it is signal (W.
    James and C. Stein, Proc. 4th Berkeley Symp. 1 (1961) 361). `width` (energy,) is the standard
    deviation of a line in channels, `unit` the value of a count.
    """
    lines = Resolution(width, torch.device("cpu"))
    counts, guess = (
        torch.from_numpy(np.maximum(part / unit, LEAST).astype(np.float32)[None])
        for part in (counted, predicted)
    )
    restored = lines.restore(counts, (ITERATIONS,))[0]
    # A mean over a Gaussian of standard deviation σ has 1 / (2 √π σ) of the variance of a channel.
    independent = torch.from_numpy((2 * sqrt(pi) * np.maximum(width, 0.3)).astype(np.float32))
    expected = lines.back(guess).clamp_min(LEAST)
    squared = (lines.back(counts) - expected) ** 2 * independent / expected
    certain = (1 - 1 / squared.clamp_min(1.0)).clamp_min(0)
    factors = 1 + certain * (restored / guess - 1)
    return np.asarray(factors[0].numpy())
