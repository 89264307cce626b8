"""Residuals of denoising, in standard deviations of the photon counts.

`denoising.quality.residuals` judges a run by held-out counts; here two layers or files are
compared as they are, wherever they come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.core.lazy_arrays import is_whole
from napari_xrf_denoise.core.poisson import LEAST_RATE, tail_probability
from napari_xrf_denoise.core.progress import OnProgress, ShouldStop, Watch
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.core.version import __version__
from napari_xrf_denoise.layers.convert import LayerData, new_layer, picture_data
from napari_xrf_denoise.layers.geometry import layer_transform
from napari_xrf_denoise.layers.inputs import as_image
from napari_xrf_denoise.layers.spectral_layer import SpectralLayer

if TYPE_CHECKING:
    from napari.layers import Image

__all__ = ["StandardResiduals", "standard_residuals"]

CHANCE = 3.0
"""Standard deviations that noise rarely exceeds at high counts: 3 times in 1,000."""
OTHER_TOTAL = 0.02
"""Share of the counts by which two images may differ without a warning."""
KEPT = 0.05
"""Standard deviations below which a residual map shows nothing."""
LIMIT = 5.0
"""Standard deviations at the ends of a layer's colours."""
COLORMAP = "coolwarm"


@dataclass(frozen=True, eq=False)
class StandardResiduals:
    """Raw minus denoised counts, in standard deviations: of each pixel, and of each channel.

    Parameters
    ----------
    map : numpy.ndarray, shape (y, x), float32
        Of the counts in the window.
    spectrum : numpy.ndarray, shape (energy,)
        Of the counts of all pixels together in each channel, also outside the window.
    energy : EnergyAxis
        Of the spectrum.
    window : tuple of float, optional
        (low, high) in keV, or in channels where not calibrated; None for all energies.
    raw, denoised : SpectrumImage
        Counts in the window, repeats combined, shape (1, y, x, 1).
    count_ratio : float
        Total counts of the denoised image over those of the raw one; NaN where there are none.
    is_photons : bool
        Whether all raw counts are whole numbers, as photon counts are.
    chance : float
        Share of the pixels, 0 to 1, expected beyond ± 3 standard deviations from photon noise
        alone, if the denoised counts are the true ones.
    """

    map: NDArray[np.float32]
    spectrum: NDArray[np.float64]
    energy: EnergyAxis
    window: tuple[float, float] | None
    raw: SpectrumImage
    denoised: SpectrumImage
    count_ratio: float
    is_photons: bool
    chance: float

    @property
    def beyond(self) -> float:
        """Share of the pixels, 0 to 1, beyond ± 3 standard deviations."""
        return float(np.mean(np.abs(self.map) > CHANCE))

    @property
    def window_words(self) -> str:
        """The window in words, with its unit."""
        if self.window is None:
            return "all energies"
        low, high = self.window
        return f"{low:.5g} to {high:.5g} {self.energy.unit}"

    def summary(self) -> str:
        """Return the findings and warnings, one sentence a line."""
        lines = []
        if self.raw.is_map:
            lines.append(
                f"{100 * self.beyond:.2g} % of the pixels lie beyond ± {CHANCE:g} standard "
                f"deviations ({self.window_words}); chance alone gives about "
                f"{100 * self.chance:.2g} % at these counts."
            )
            if float(np.abs(self.map).max()) < KEPT:
                lines.append(
                    "The method preserved the counts of each pixel in this window, as some do with "
                    "totals; choose the window of a line."
                )
        if abs(self.count_ratio - 1) > OTHER_TOTAL:
            lines.append(
                f"Careful: “{self.denoised.name}” has {self.count_ratio:.3f} times the counts of "
                f"“{self.raw.name}” ({self.raw.combination} of its repeats). It may be the result "
                "of other repeats."
            )
        raw, denoised = self.raw.energy, self.denoised.energy
        if raw.calibrated and denoised.calibrated and not raw.is_close(denoised):
            lines.append(
                f"Careful: “{self.denoised.name}” and “{self.raw.name}” have different energy "
                "axes; channels are compared one by one, in the window of the raw counts."
            )
        if not self.is_photons:
            lines.append(
                "Careful: the raw counts are not whole numbers, so their noise may not be Poisson."
            )
        return "\n".join(lines)

    def layer_data(self) -> LayerData:
        """Return the map as napari layer data: data, attributes and layer type."""
        record = {
            "before": self.raw.name,
            "after": self.denoised.name,
            "window": None if self.window is None else list(self.window),
            "window_unit": self.energy.unit,
            "unit": "standard deviations of the raw counts",
            "version": __version__,
        }
        name = f"Residual of {self.denoised.name}, {self.window_words} (standard deviations)"
        data, attributes, kind = picture_data(self.raw, self.map, name, {"residual": record})
        colors = {"contrast_limits": (-LIMIT, LIMIT), "colormap": COLORMAP}
        return data, attributes | colors, kind

    def to_layer(self, like: SpectralLayer | None = None) -> Image:
        """Return the map as a napari layer, blue to red from -5 to 5 standard deviations.

        Parameters
        ----------
        like : napari layer, optional
            The layer of the raw counts, whose position and rotation the map shall have.

        Raises
        ------
        MissingDependencyError
            If napari is not installed.
        """
        data, attributes, _ = self.layer_data()
        return new_layer(data, attributes if like is None else attributes | layer_transform(like))


@dataclass(frozen=True, eq=False)
class _Sums:
    """Counts of an image, repeats combined: in the window, and of each channel."""

    in_window: SpectrumImage
    spectrum: NDArray[np.float64]
    is_whole: bool

    @property
    def picture(self) -> NDArray[np.float64]:
        return np.asarray(self.in_window.counts[0, :, :, 0])


def standard_residuals(
    raw: Any,
    denoised: Any,
    *,
    window: tuple[float, float] | None = None,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> StandardResiduals:
    """Return what denoising removed from each pixel and channel, in standard deviations.

    A residual is (raw counts - denoised counts) / sqrt(variance). Raw repeats are combined as
    ``image.combination`` says: the sum of frames or detector elements has the variance of the
    expected counts, the mean of n scans an nth of it. The denoised counts are the expected ones.
    Good residuals are noise: no shapes of the sample in the map, no line in the spectrum.

    Parameters
    ----------
    raw, denoised : SpectrumImage, Denoised, array_like or napari layer
        With the same pixels and energies. The last axis of plain arrays is the energy. They are
        read band by band and may be larger than memory.
    window : tuple of float, optional
        (low, high) of the map: the channels with centres in ``low <= energy < high`` (see
        `EnergyAxis.channels`), in keV; in channels where the raw counts are not calibrated. All
        energies by default.
    on_progress : callable, optional
        Called with a `Progress`.
    should_stop : callable, optional
        Returns True to cancel.

    Returns
    -------
    StandardResiduals

    Raises
    ------
    DataError
        If the shapes differ, counts cannot be used, or no channel lies in the window.
    Cancelled
        If `should_stop` returned True.

    Examples
    --------
    >>> import napari_xrf_denoise as xrf
    >>> image, truth = xrf.simulate_map(shape=(16, 16), n_channels=256, seed=1)
    >>> found = xrf.processing.standard_residuals(image, truth, window=(6.2, 6.6))
    >>> found.map.shape, found.spectrum.shape
    ((16, 16), (256,))
    >>> found.beyond < 0.02
    True
    """
    before, after = as_image(raw), as_image(denoised)
    if before.shape[1:] != after.shape[1:]:
        raise DataError(
            f"{before.name} is {before.shape[1:]} (y, x, energy), {after.name} is "
            f"{after.shape[1:]}; compare layers with the same pixels and energies"
        )
    axis = before.energy
    channels = slice(0, axis.size) if window is None else axis.channels(*window)
    watch = Watch(on_progress, should_stop)
    # The raw counts are more to read: all repeats of them.
    share = before.n_repeats / (before.n_repeats + after.n_repeats)
    counted = _sums(before, channels, watch.part(0.0, share))
    expected = _sums(after, channels, watch.part(share, 1.0))
    n = before.n_repeats if before.combination == "mean" else 1
    total = float(counted.spectrum.sum())
    return StandardResiduals(
        map=standardized(counted.picture, expected.picture, n).astype(np.float32),
        spectrum=standardized(counted.spectrum, expected.spectrum, n),
        energy=axis,
        window=None if window is None else (float(window[0]), float(window[1])),
        raw=counted.in_window,
        denoised=expected.in_window,
        count_ratio=float(expected.spectrum.sum()) / total if total > 0 else float("nan"),
        is_photons=counted.is_whole,
        chance=float(np.mean(chance_beyond(expected.picture, n))),
    )


def standardized(
    raw: NDArray[np.float64], expected: NDArray[np.float64], n_scans: int
) -> NDArray[np.float64]:
    """Return the residuals of the mean of `n_scans` Poisson counts, in standard deviations.

    A photon where none was expected gives a large residual, not an infinite one.
    """
    return np.asarray((raw - expected) / np.sqrt(np.maximum(expected, LEAST_RATE) / n_scans))


def chance_beyond(expected: NDArray[np.float64], n_scans: int) -> NDArray[np.float64]:
    """Return the probability that the mean of `n_scans` counts is beyond ± `CHANCE` deviations.

    It is 0.3 % at high counts; at low counts, a single photon may be beyond.

    >>> chance_beyond(np.array([0.05, 1e6]), 1).round(3)
    array([0.049, 0.003])
    """
    photons = np.maximum(expected, LEAST_RATE) * n_scans
    reach = CHANCE * np.sqrt(photons)
    # The nearest whole counts outside.
    low, high = np.ceil(photons - reach) - 1, np.floor(photons + reach) + 1
    below = np.where(low >= 0, tail_probability(np.maximum(low, 0), photons, above=False), 0.0)
    return np.asarray(below + tail_probability(high, photons, above=True))


def _sums(image: SpectrumImage, channels: slice, watch: Watch) -> _Sums:
    height, width, size = image.shape[1:]
    picture, spectrum = np.zeros((height, width)), np.zeros(size)
    whole = True
    stage = f"adding up {image.name}"
    watch.step(stage, 0.0)
    for rows, band in image.blocks():
        # Summed in float64 without converting a copy of the band.
        picture[rows] = band[..., channels].sum(axis=(0, 3), dtype=np.float64)
        spectrum += band.sum(axis=(0, 1, 2), dtype=np.float64)
        whole = whole and is_whole(band)
        watch.step(stage, rows.stop / height)
    if image.combination == "mean":
        picture /= image.n_repeats
        spectrum /= image.n_repeats
    energy = image.energy[channels]
    in_window = image.with_one_repeat(picture[None, :, :, None], energy=energy.rebin(energy.size))
    return _Sums(in_window, spectrum, whole)
