"""Element maps: the counts in an element's line, or in any window of energies, pixel by pixel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import Cancelled, DataError, SettingsError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.spectroscopy.detector import detector_fwhm
from napari_xrf_denoise.spectroscopy.element_symbols import AUTO
from napari_xrf_denoise.spectroscopy.xray_lines import ALIASES, line_energy, lines

from .standard_deviations import check_known, check_whole, pixel_deviation

MapWithError = tuple[NDArray[np.float32], NDArray[np.float32]]
"""A map and the standard deviation of each of its pixels."""

__all__ = ["background_windows", "best_line", "element_map", "line_window", "window_map"]

MAIN_LINES = ("Ka", "La", "Ma")
"""The strongest group of each family, in the order in which they are preferred."""

GAP = 0.25
"""Distance from the window of a line to each background window, in widths of the line's window."""
SIDE = 0.5
"""Width of a background window, in widths of the line's window."""


@overload
def element_map(
    image: SpectrumImage,
    /,
    element: str,
    line: str = ...,
    *,
    background: bool = ...,
    width: float | None = ...,
    factor: ArrayLike | None = ...,
    error: Literal[False] = ...,
    should_stop: Callable[[], bool] | None = ...,
) -> NDArray[np.float32]: ...


@overload
def element_map(
    image: SpectrumImage,
    /,
    element: str,
    line: str = ...,
    *,
    background: bool = ...,
    width: float | None = ...,
    factor: ArrayLike | None = ...,
    error: Literal[True],
    should_stop: Callable[[], bool] | None = ...,
) -> MapWithError: ...


def element_map(
    image: SpectrumImage,
    /,
    element: str,
    line: str = "Ka",
    *,
    background: bool = False,
    width: float | None = None,
    factor: ArrayLike | None = None,
    error: bool = False,
    should_stop: Callable[[], bool] | None = None,
) -> NDArray[np.float32] | MapWithError:
    """Return the counts in an emission line for each pixel.

    Repeats are combined as ``image.combination`` says: the mean of scans, the sum of frames and
    detector elements. The image is read band by band, and only the channels of the line, so it
    may be larger than memory.

    Parameters
    ----------
    image : SpectrumImage
        Counts with a calibrated energy axis.
    element : str
        Symbol (``"Fe"``), or symbol and line (``"Pb La"``).
    line : str
        Line or group of lines: ``"Ka"``, ``"Kb"``, ``"La"``, ``"Lb"``, ``"Ma"`` or one of
        Siegbahn's names, such as ``"Ka1"``; ``"auto"`` for the one of `best_line`.
    background : bool
        Whether to subtract a linear background between two windows beside the line's. Each is
        half as wide, a quarter of the width away, and enters with its mean per channel; at an end
        of the energy axis only one is used. The result contains the noise of both and can be
        negative where the element is scarce: it is not clipped, which would bias it upwards. A
        nearby line of another element is mistaken for background (Cu Ka, 8.0 keV, beside W La,
        8.4 keV) and biases the result low.
    width : float, optional
        Full width of the window in keV; by default twice the FWHM of a good silicon drift
        detector at the line's energy, which holds 98 % of the counts of a single line.
    factor : array_like, shape (y, x) or (repeat, y, x), optional
        Factor by which the counts of each pixel are multiplied, see `normalization_factor`.
    error : bool
        Whether to return the standard deviation of each pixel as well: of photon counts that of
        the Poisson distribution; of a denoised result noise and bias as held-out counts show them
        (see `Uncertainty`).
    should_stop : callable, optional
        Called before each band of rows; returns True to cancel.

    Returns
    -------
    numpy.ndarray, shape (y, x), float32
        With `error` a tuple of two: the map and its standard deviation.

    Raises
    ------
    DataError
        If the energy axis is not calibrated, the factor has another shape, or the error is asked
        for and not known: of a denoised result without uncertainty, of counts that are not whole.
    SettingsError
        If the element or line does not exist, the line lies outside the energy axis, the width
        is not above 0, or no channel beside the line is left for the background.
    Cancelled
        If `should_stop` returned True.

    Examples
    --------
    >>> from napari_xrf_denoise import simulate_map
    >>> image, _ = simulate_map(shape=(8, 8), seed=0)
    >>> element_map(image, "Fe").shape
    (8, 8)
    >>> counts, deviation = element_map(image, "Fe", error=True)
    >>> bool(np.allclose(deviation**2, counts))
    True
    """
    element, line = _split(element, line)
    window = _named_window(element, line, image.energy, width, image.name)
    weights = _weights(image, window, f"{element} {line}", background)
    return _weighted_sum(image, weights, _scale(image, factor), error, should_stop)


@overload
def window_map(
    image: SpectrumImage,
    /,
    low: float,
    high: float,
    *,
    background: bool = ...,
    factor: ArrayLike | None = ...,
    error: Literal[False] = ...,
    should_stop: Callable[[], bool] | None = ...,
) -> NDArray[np.float32]: ...


@overload
def window_map(
    image: SpectrumImage,
    /,
    low: float,
    high: float,
    *,
    background: bool = ...,
    factor: ArrayLike | None = ...,
    error: Literal[True],
    should_stop: Callable[[], bool] | None = ...,
) -> MapWithError: ...


def window_map(
    image: SpectrumImage,
    /,
    low: float,
    high: float,
    *,
    background: bool = False,
    factor: ArrayLike | None = None,
    error: bool = False,
    should_stop: Callable[[], bool] | None = None,
) -> NDArray[np.float32] | MapWithError:
    """Return the counts in a window of energies for each pixel.

    Repeats, background and factor are as in `element_map`.

    Parameters
    ----------
    image : SpectrumImage
    low, high : float
        The channels with centres in ``low <= energy < high`` count (see `EnergyAxis.channels`),
        in keV; in channels where the energy axis is not calibrated.
    background : bool
        Whether to subtract a linear background between windows beside this one.
    factor : array_like, shape (y, x) or (repeat, y, x), optional
        Factor by which the counts of each pixel are multiplied, see `normalization_factor`.
    error : bool
        Whether to return the standard deviation of each pixel as well: of photon counts that of
        the Poisson distribution; of a denoised result noise and bias as held-out counts show them
        (see `Uncertainty`).
    should_stop : callable, optional
        Called before each band of rows; returns True to cancel.

    Returns
    -------
    numpy.ndarray, shape (y, x), float32
        With `error` a tuple of two: the map and its standard deviation.

    Raises
    ------
    DataError
        If the factor has another shape than the image, or the error is not known.
    SettingsError
        If `low` is not below `high`, no channel lies between them, or no channel beside them is
        left for the background.
    Cancelled
        If `should_stop` returned True.

    Examples
    --------
    >>> from napari_xrf_denoise import simulate_map
    >>> image, _ = simulate_map(shape=(8, 8), seed=0)
    >>> window_map(image, 6.2, 6.6).shape
    (8, 8)
    """
    try:
        window = image.energy.channels(low, high)
    except DataError as problem:
        raise SettingsError(f"{image.name}: {problem}") from problem
    words = f"{low:g} to {high:g} {image.energy.unit}"
    weights = _weights(image, window, words, background)
    return _weighted_sum(image, weights, _scale(image, factor), error, should_stop)


def line_window(
    element: str, line: str, energy_axis: EnergyAxis, *, width: float | None = None
) -> slice:
    """Return the channels of a line: those whose centres lie within ± 1 FWHM of its energy.

    Parameters
    ----------
    element, line : str
        As in `element_map`. The window of a group is around its intensity-weighted mean energy.
    energy_axis : EnergyAxis
        Calibrated.
    width : float, optional
        Full width in keV instead of 2 FWHM of a good silicon drift detector.

    Returns
    -------
    slice
        At least one channel; cut off at the ends of the axis.

    Raises
    ------
    DataError
        If the energy axis is not calibrated.
    SettingsError
        If the element or line does not exist, the line lies outside the axis, or the width is not
        above 0.

    Examples
    --------
    >>> line_window("Fe", "Ka", EnergyAxis(0.0, 0.01, 2048), width=0.2)
    slice(631, 651, None)
    """
    return _named_window(element, line, energy_axis, width, "energy axis")


def best_line(element: str, energy_axis: EnergyAxis) -> str:
    """Return the best group of lines for a map: the first of Ka, La, Ma within the axis (keV).

    Whether the excitation reaches that shell is not known here.

    >>> axis = EnergyAxis(0.0, 0.01, 2048)
    >>> best_line("Fe", axis), best_line("Pb", axis)
    ('Ka', 'La')
    """
    names = {line.name for line in lines(element)}
    for group in MAIN_LINES:
        has_group = any(name.startswith(group) for name in names)
        if has_group and _in_range(line_energy(element, group), energy_axis):
            return group
    raise SettingsError(
        f"{element} has no Ka, La or Ma line between {energy_axis.centers[0]:.2f} and "
        f"{energy_axis.centers[-1]:.2f} keV; {_other_lines(element, energy_axis)}"
    )


def background_windows(window: slice, energy_axis: EnergyAxis) -> tuple[slice, ...]:
    """Return the windows below and above a window from which its background is estimated.

    Each is half as wide and a quarter of the width away; at an end of the axis one is missing.

    >>> background_windows(slice(40, 60), EnergyAxis(0.0, 0.01, 100))
    (slice(25, 35, None), slice(65, 75, None))
    """
    size = window.stop - window.start
    gap, side = round(GAP * size), max(1, round(SIDE * size))
    below = slice(max(0, window.start - gap - side), max(0, window.start - gap))
    end = energy_axis.size
    above = slice(min(end, window.stop + gap), min(end, window.stop + gap + side))
    return tuple(part for part in (below, above) if part.stop > part.start)


def _weights(
    image: SpectrumImage, window: slice, words: str, background: bool
) -> NDArray[np.float64]:
    """Return the weight of each channel in the map of a window, called `words` in messages."""
    weights = np.zeros(image.energy.size)
    weights[window] = 1.0
    if background:
        weights -= _background_weights(window, image.energy, words, image.name)
    return weights


def _named_window(
    element: str, line: str, axis: EnergyAxis, width: float | None, name: str
) -> slice:
    """Return the window of a line of the data called `name` in messages."""
    if not axis.calibrated:
        raise DataError(
            f"{name}: an element map needs energies in keV, but the energy axis is not calibrated "
            "(it counts channels); give energy_offset and energy_gain when reading, or "
            "image.replace(energy=EnergyAxis(offset, gain, size))"
        )
    energy = line_energy(element, best_line(element, axis) if line == AUTO else line)
    if not _in_range(energy, axis):
        raise SettingsError(
            f"{name}: {element} {line} at {energy:.2f} keV lies outside the energy axis, "
            f"{axis.centers[0]:.2f} to {axis.centers[-1]:.2f} keV; {_other_lines(element, axis)}"
        )
    if width is None:
        width = 2 * float(detector_fwhm(energy))
    if not (np.isfinite(width) and width > 0):
        raise SettingsError(f"{name}: width must be above 0 keV, found {width}")
    try:
        return axis.channels(energy - width / 2, energy + width / 2)
    except DataError:
        # Between two centres: a line narrower than a channel is in the nearest one.
        nearest = axis.channel(energy)
        return slice(nearest, nearest + 1)


def _split(element: str, line: str) -> tuple[str, str]:
    """Split ``"Pb La"``."""
    symbol, _, named = element.strip().partition(" ")
    named = named.strip()
    if named and line not in ("Ka", AUTO, named):
        raise SettingsError(
            f"expected one line, found two: {element!r} and line={line!r}; leave one out"
        )
    return symbol, named or line


def _in_range(energy: float, axis: EnergyAxis) -> bool:
    half = axis.gain / 2
    return bool(axis.centers[0] - half <= energy <= axis.centers[-1] + half)


def _other_lines(element: str, axis: EnergyAxis) -> str:
    """List the groups of lines of the element that lie within the axis."""
    names = {line.name for line in lines(element)}
    groups = [alias for alias in ALIASES if any(name.startswith(alias) for name in names)]
    inside = [
        f"{group} ({energy:.2f} keV)"
        for group in groups
        if _in_range(energy := line_energy(element, group), axis)
    ]
    if not inside:
        return f"no line of {element} lies within it"
    return f"lines of {element} within it: {', '.join(inside)}"


def _background_weights(
    window: slice, axis: EnergyAxis, words: str, name: str
) -> NDArray[np.float64]:
    """Return the weights that give the linear background in the window."""
    size = window.stop - window.start
    sides = background_windows(window, axis)
    if not sides:
        raise SettingsError(
            f"{name}: no channel beside the window of {words} (channels {window.start} to "
            f"{window.stop - 1} of {axis.size}) for the background; "
            "use background=False or a smaller width"
        )
    shares = [1.0]
    if len(sides) == 2:
        # Linear interpolation at the middle of the window; the parts may be cut off differently.
        left, right = ((part.start + part.stop) / 2 for part in sides)
        share = ((window.start + window.stop) / 2 - left) / (right - left)
        shares = [1 - share, share]
    weights = np.zeros(axis.size)
    for part, share in zip(sides, shares, strict=True):
        weights[part] = share * size / (part.stop - part.start)
    return weights


def _scale(image: SpectrumImage, factor: ArrayLike | None) -> NDArray[np.float64]:
    """Return the factor of the counts of each pixel, (repeat, y, x)."""
    scale = np.ones((1, 1, 1)) if factor is None else np.asarray(factor, dtype=np.float64)
    if factor is not None and scale.shape not in (image.shape[1:3], image.shape[:3]):
        raise DataError(
            f"{image.name}: factor: expected shape {image.shape[1:3]} (y, x) or "
            f"{image.shape[:3]} (repeat, y, x), found {scale.shape}"
        )
    return np.broadcast_to(scale, image.shape[:3])


def _weighted_sum(
    image: SpectrumImage,
    weights: NDArray[np.float64],
    scale: NDArray[np.float64],
    error: bool,
    should_stop: Callable[[], bool] | None,
) -> NDArray[np.float32] | MapWithError:
    """Return the weighted sum over the channels of each pixel, with repeats combined."""
    if error:
        check_known(image)
    used = np.flatnonzero(weights)
    part = slice(int(used[0]), int(used[-1]) + 1)
    # Only these channels are read from disk.
    cut = image.replace(counts=image.counts[..., part], energy=image.energy[part])
    result, squares = np.empty(image.shape[1:3], dtype=np.float32), np.zeros(image.shape[1:3])
    share = 1 / image.n_repeats if image.combination == "mean" else 1.0
    for rows, band in cut.blocks():
        if should_stop is not None and should_stop():
            raise Cancelled(f"{image.name}: the map was cancelled")
        # Added up in float64, in which sums of whole counts are exact.
        counts = band.astype(np.float64)
        result[rows] = share * ((counts @ weights[part]) * scale[:, rows]).sum(axis=0)
        if error:
            check_whole(image, band)
            own = (counts @ weights[part] ** 2) * scale[:, rows] ** 2
            squares[rows] = share**2 * own.sum(axis=0)
    return (result, pixel_deviation(image, weights, squares, scale)) if error else result
