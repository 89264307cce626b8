"""Simulated measurements whose true rate is known: point spectra and a map.

The spectra follow the physics of a measurement: the lines excited in each element (`xray_lines`),
absorption and the response of the detector (`detector`), scatter of the excitation, pile-up, and
photon counting: every count is an independent Poisson draw.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import SettingsError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.spectroscopy.detector import Detector
from napari_xrf_denoise.spectroscopy.xray_lines import fluorescence_lines

from .scene import SCATTER, Scene, compose_scene

__all__ = ["Excitation", "element_spectrum", "simulate_map", "simulate_spectra"]

ELECTRON_MASS = 510.999
"""Rest energy of the electron in keV."""
BLOCK_BYTES = 16 * 2**20
"""Size of a band of the rate, as float64, for which counts are drawn at once."""


@dataclass(frozen=True)
class Excitation:
    """A monochromatic beam, and the scattering angle at which the detector is placed.

    >>> round(Excitation(18.0, 90.0).compton, 2)
    17.39
    """

    energy: float
    """In keV."""
    angle: float = 90.0
    """In degrees."""

    @property
    def compton(self) -> float:
        """Energy in keV of a photon scattered by an electron at rest."""
        recoil = self.energy / ELECTRON_MASS * (1 - np.cos(np.radians(self.angle)))
        return float(self.energy / (1 + recoil))


def element_spectrum(
    element: str, axis: EnergyAxis, excitation: Excitation, detector: Detector
) -> NDArray[np.float64]:
    """Return the spectrum (channels,) of one element, with its lines in their true proportions.

    It is normalised to 1 photon detected within the axis. Raises SettingsError if the element does
    not exist, or has no excited line within the axis.
    """
    lines = fluorescence_lines(element, excitation.energy)
    energies = np.array([line.energy for line in lines])
    photons = np.array([line.intensity for line in lines])
    spectrum = np.zeros(axis.size)
    if lines:
        spectrum = detector.respond(energies, photons * detector.efficiency(energies), axis)
    total = float(spectrum.sum())
    if not total > 0:
        raise SettingsError(
            f"element {element} has no line between {axis.centers[0]:g} and "
            f"{axis.centers[-1]:g} keV that {excitation.energy:g} keV excites"
        )
    return np.asarray(spectrum / total)


def scatter_spectrum(
    kind: str, axis: EnergyAxis, excitation: Excitation, detector: Detector
) -> NDArray[np.float64]:
    """Return the spectrum (channels,) of one kind of scatter, for 1 photon within the axis.

    "compton": shifted, broadened by the motion of the bound electrons, with a shoulder of photons
    scattered twice. "rayleigh": at the energy of the beam. "continuum": bremsstrahlung of
    photoelectrons and multiple scatter, falling with energy by Kramers' law.
    """
    energy = excitation.energy
    if kind == "compton":
        # Doppler widths of light matrices are about 2 % of the energy at a right angle.
        once = detector.respond(excitation.compton, 0.85, axis, broadening=0.02 * energy)
        twice = detector.respond(0.97 * excitation.compton, 0.15, axis, broadening=0.06 * energy)
        spectrum = once + twice
    elif kind == "rayleigh":
        spectrum = detector.respond(energy, 1.0, axis)
    else:
        centers = np.maximum(axis.centers, axis.gain)
        kramers = np.clip(energy / centers - 1, 0, None) * detector.efficiency(centers)
        spectrum = kramers * (axis.centers > detector.threshold)
    total = float(spectrum.sum())
    return np.asarray(spectrum / total) if total > 0 else spectrum


# Counts of 0.1 s on a brass part and a detector with a zirconium collimator, much like the public
# point spectra of the auto-denoise tutorial. Argon is in the air, molybdenum in the beam path; the
# scatter of the 25 keV beam lies above the range and is most of the overflow.
SPOT_COUNTS = {
    "Ar": 14.0,
    "K": 2.0,
    "Ca": 155.0,
    "Ti": 3.0,
    "Mn": 2.0,
    "Fe": 74.0,
    "Ni": 5.0,
    "Cu": 5900.0,
    "Zn": 10300.0,
    "Sr": 50.0,
    "Zr": 6950.0,
    "Nb": 8.0,
    "Mo": 400.0,
}
SPOT_SCATTER = {"compton": 800.0, "rayleigh": 215.0}
SPOT_FLAT = 500.0
"""Uniform counts between threshold and overflow: scatter that lost part of its energy."""
SPOT_NOISE = 1.6
"""Counts between 0 and the threshold."""
SPOT_PILE_UP = 0.02
"""Share of the pulses that are the sum of two."""
SPOT_EXCITATION = Excitation(25.0)
SPOT_DETECTOR = Detector(
    noise=0.095, tail=0.04, tail_slope=0.35, shelf=0.002, threshold=1.09, air_path=6.0
)
SPOT_OFFSET, SPOT_RANGE = -0.020, 20.52
"""Energy of channel 0, and range of all channels including the overflow, in keV."""


def simulate_spectra(
    *, n_repeats: int = 32, n_channels: int = 4096, seed: int = 0
) -> tuple[SpectrumImage, NDArray[np.float64]]:
    """Simulate repeated exposures of one spot: about 24,000 counts each, mostly in a few lines.

    Parameters
    ----------
    n_repeats : int
        Number of exposures, independent Poisson draws of one rate.
    n_channels : int
        Channels of the detector over 20.5 keV. The last one holds all counts above the range; like
        `read`, the result omits it and keeps its counts in ``metadata["overflow_counts"]``, one
        number per repeat.
    seed : int
        Random seed of the counts; the rate is always the same.

    Returns
    -------
    image : SpectrumImage
        Counts of shape (n_repeats, 1, 1, n_channels - 1).
    true_rate : numpy.ndarray, shape (1, 1, n_channels - 1), float64
        Expected counts of one repeat, with the axes (y, x, energy).

    Raises
    ------
    SettingsError
        If there are no repeats or fewer than 64 channels.

    Examples
    --------
    >>> image, true_rate = simulate_spectra(n_repeats=4)
    >>> image.shape, true_rate.shape
    ((4, 1, 1, 4095), (1, 1, 4095))
    """
    _check_whole("n_repeats", n_repeats, 1)
    _check_whole("n_channels", n_channels, 64)
    rng = np.random.default_rng(seed)
    axis = EnergyAxis(SPOT_OFFSET, SPOT_RANGE / n_channels, n_channels - 1)
    rate, overflow = _spot_rate(axis)
    counts = rng.poisson(rate, (n_repeats, 1, 1, axis.size))
    metadata = {
        "description": "simulated: X-ray fluorescence of one spot, repeated exposures",
        "simulated": True,
        "seed": int(seed),
        "elements": sorted(SPOT_COUNTS),
        "excitation_energy_keV": SPOT_EXCITATION.energy,
        "scattering_angle_deg": SPOT_EXCITATION.angle,
        "detector": SPOT_DETECTOR.as_dict(),
        "live_time_s": 0.1,
        "overflow_counts": [int(n) for n in rng.poisson(overflow, n_repeats)],
    }
    image = SpectrumImage(_smallest(counts), axis, name="spectra", metadata=metadata)
    return image, rate[None, None, :]


def _spot_rate(axis: EnergyAxis) -> tuple[NDArray[np.float64], float]:
    """Return the expected counts of one exposure in each channel, and those above the range."""
    # Pulses add up, so pile-up needs energies up to twice the range.
    full = EnergyAxis(axis.offset, axis.gain, int(2.2 * SPOT_EXCITATION.energy / axis.gain))
    single = np.zeros(full.size)
    for element, counts in SPOT_COUNTS.items():
        single += counts * element_spectrum(element, full, SPOT_EXCITATION, SPOT_DETECTOR)
    for kind, counts in SPOT_SCATTER.items():
        single += counts * scatter_spectrum(kind, full, SPOT_EXCITATION, SPOT_DETECTOR)
    edges = (0.0, SPOT_DETECTOR.threshold, SPOT_RANGE)
    for counts, low, high in zip((SPOT_NOISE, SPOT_FLAT), edges[:-1], edges[1:], strict=True):
        single[full.channels(low, high)] += counts * full.gain / (high - low)
    rate = _pile_up(single, full, SPOT_PILE_UP)
    return rate[: axis.size], float(rate[axis.size :].sum())


def _pile_up(single: NDArray[np.float64], axis: EnergyAxis, share: float) -> NDArray[np.float64]:
    """Return the spectrum with a share of pulses summed in pairs, by its self-convolution."""
    from scipy.signal import fftconvolve

    pairs = np.clip(fftconvolve(single, single), 0, None) / single.sum()
    # Channel i + j of the convolution has the energy 2·offset + gain·(i + j).
    shift = round(axis.offset / axis.gain)
    pairs = np.roll(pairs, shift)[: axis.size]
    return np.asarray(((1 - share) * single + share * pairs) / (1 + share))


MAP_RANGE = 20.48
"""keV, all channels of a map together."""
MAP_EXCITATION = Excitation(18.0)
MAP_DETECTOR = Detector()


def simulate_map(
    shape: tuple[int, int] = (96, 96),
    *,
    n_channels: int = 1024,
    counts_per_pixel: float = 300,
    seed: int = 0,
) -> tuple[SpectrumImage, NDArray[np.float32]]:
    """Simulate a fluorescence map with the features that make maps hard to denoise.

    Grains with sharp borders, smooth gradients, thin veins, correlated elements, minor elements
    from a few counts a pixel to far below one, and single pixels of rare elements. The seed
    determines shapes, elements and counts.

    Parameters
    ----------
    shape : tuple of int
        Pixels (y, x), at least (1, 1).
    n_channels : int
        Channels over 20.48 keV, at least 64.
    counts_per_pixel : float
        Mean expected counts of a pixel, all channels together; above 0.
    seed : int
        Random seed.

    Returns
    -------
    image : SpectrumImage
        Counts of shape (1, y, x, n_channels), uint16, or uint32 if needed. The metadata hold
        elements, excitation, detector, and ``hot_spots`` with element, y, x and expected counts.
    true_rate : numpy.ndarray, shape (y, x, n_channels), float32
        Expected counts: exactly the rates of the Poisson draws.

    Raises
    ------
    SettingsError
        If a size or the counts are too small.

    Examples
    --------
    >>> image, true_rate = simulate_map(shape=(16, 24), n_channels=512, seed=1)
    >>> image.shape, true_rate.shape, image.energy.gain
    ((1, 16, 24, 512), (16, 24, 512), 0.04)
    """
    _check_map(shape, n_channels, counts_per_pixel)
    rng = np.random.default_rng(seed)
    axis = EnergyAxis(0.0, MAP_RANGE / n_channels, n_channels)
    scene = compose_scene((int(shape[0]), int(shape[1])), float(counts_per_pixel), rng)
    spectra = np.stack([_component(name, axis) for name in scene.components])
    counts, rate = _draw(scene.abundances, spectra, rng)
    image = SpectrumImage(
        counts[None],
        axis,
        pixel_size=(5.0, 5.0),
        pixel_unit="µm",
        name="map",
        metadata=_map_metadata(scene, seed, counts_per_pixel),
    )
    return image, rate


def _check_map(shape: tuple[int, int], n_channels: int, counts_per_pixel: float) -> None:
    if len(tuple(shape)) != 2:
        raise SettingsError(f"simulate_map: shape must be (y, x), found {shape}")
    for axis_name, size in zip("yx", shape, strict=True):
        _check_whole(f"shape, axis {axis_name},", size, 1)
    _check_whole("n_channels", n_channels, 64)
    if not (np.isfinite(counts_per_pixel) and counts_per_pixel > 0):
        raise SettingsError(f"counts_per_pixel must be above 0, found {counts_per_pixel}")


def _component(name: str, axis: EnergyAxis) -> NDArray[np.float64]:
    make = scatter_spectrum if name in SCATTER else element_spectrum
    return make(name, axis, MAP_EXCITATION, MAP_DETECTOR)


def _map_metadata(scene: Scene, seed: int, counts_per_pixel: float) -> dict[str, Any]:
    return {
        "description": "simulated: X-ray fluorescence map",
        "simulated": True,
        "seed": int(seed),
        "counts_per_pixel": float(counts_per_pixel),
        "elements": sorted(name for name in scene.components if name not in SCATTER),
        "excitation_energy_keV": MAP_EXCITATION.energy,
        "scattering_angle_deg": MAP_EXCITATION.angle,
        "detector": MAP_DETECTOR.as_dict(),
        "hot_spots": [asdict(spot) for spot in scene.hot_spots],
    }


def _draw(
    abundances: NDArray[np.float64], spectra: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.unsignedinteger[Any]], NDArray[np.float32]]:
    """Mix the spectra in each pixel and draw counts, band by band.

    Pixels and channels are drawn in order, so the bands do not change the result.
    """
    _, height, width = abundances.shape
    size = spectra.shape[1]
    rate = np.empty((height, width, size), dtype=np.float32)
    counts = np.empty(rate.shape, dtype=np.uint16)
    step = max(1, BLOCK_BYTES // (8 * width * size))
    for start in range(0, height, step):
        rows = slice(start, start + step)
        rate[rows] = np.tensordot(abundances[:, rows], spectra, axes=(0, 0))
        drawn = rng.poisson(rate[rows])
        if counts.dtype == np.uint16 and drawn.max() > np.iinfo(np.uint16).max:
            counts = counts.astype(np.uint32)
        counts[rows] = drawn
    return counts, rate


def _smallest(counts: NDArray[np.int64]) -> NDArray[np.unsignedinteger[Any]]:
    """Return counts as uint16 if they fit, else as uint32."""
    fits = counts.max(initial=0) <= np.iinfo(np.uint16).max
    return counts.astype(np.uint16 if fits else np.uint32)


def _check_whole(name: str, value: int, least: int) -> None:
    if int(value) != value or value < least:
        raise SettingsError(f"{name} must be a whole number of at least {least}, found {value}")
