"""Normalization for beam intensity and dead time, as a factor kept beside the counts.

Counts times a factor are no longer Poisson counts, so the engine gets them as they were measured.
Maps, raw or denoised, are multiplied when they are computed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage

__all__ = ["normalization_factor"]

Array = NDArray[np.float64]


def normalization_factor(
    image: SpectrumImage, /, *, monitor: str | None = None, dead_time: bool = False
) -> Array:
    """Return the factor that corrects counts for beam intensity and dead time.

    Parameters
    ----------
    image : SpectrumImage
        With the scalers needed.
    monitor : str, optional
        Name of the scaler that measures the beam, such as ``"I0"``. The factor is its mean over
        its value, so that the scale of the counts is kept.
    dead_time : bool
        Whether to correct for photons lost while the detector was busy: by ``real_time`` over
        ``live_time``, or else by ``input_counts`` over ``output_counts`` of the pulse processor.

    Returns
    -------
    numpy.ndarray, shape (y, x) or (repeat, y, x), float64
        NaN where a scaler is not a number above 0: nothing was measured there.

    Raises
    ------
    DataError
        If the image has no such scaler; the message lists those it has.

    Examples
    --------
    >>> beam = np.array([[1.0, 2.0, 3.0]])
    >>> image = SpectrumImage(np.ones((1, 1, 3, 100)), scalers={"I0": beam})
    >>> normalization_factor(image, monitor="I0").tolist()
    [[2.0, 1.0, 0.6666666666666666]]
    """
    factor = np.ones(image.shape[1:3])
    if dead_time:
        factor = factor * _dead_time(image)
    if monitor is not None:
        if monitor not in image.scalers:
            raise _missing(image, f"a scaler named {monitor!r}")
        values = _positive(image.scalers[monitor])
        factor = factor * (np.nanmean(values) if np.isfinite(values).any() else 1.0) / values
    return factor


def _dead_time(image: SpectrumImage) -> Array:
    for whole, counted in (("real_time", "live_time"), ("input_counts", "output_counts")):
        if whole in image.scalers and counted in image.scalers:
            return _positive(image.scalers[whole]) / _positive(image.scalers[counted])
    raise _missing(image, "real_time and live_time, or input_counts and output_counts")


def _positive(values: Array) -> Array:
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def _missing(image: SpectrumImage, expected: str) -> DataError:
    found = ", ".join(sorted(image.scalers)) or "none"
    return DataError(f"{image.name}: expected {expected}, found the scalers: {found}")
