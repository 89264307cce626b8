"""Maps whose pixels are random mixtures of a few spectra."""

import numpy as np

from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising.pairs import Photons

CHANNELS = 120


def mixture(components, side=24, counts=300):
    """Rate of a map whose pixels are random mixtures of spectra of one line each."""
    rng = np.random.default_rng(components)
    channels = np.arange(CHANNELS)
    places = np.linspace(15, 105, components)
    spectra = np.exp(-0.5 * ((channels - places[:, None]) / 4) ** 2) + 0.02
    spectra /= spectra.sum(axis=1, keepdims=True)
    shares = rng.dirichlet(np.ones(components), side * side)
    return (counts * shares @ spectra).reshape(side, side, CHANNELS)


def photons(rate, seed=0):
    counts = np.random.default_rng(seed).poisson(rate)
    return Photons(SpectrumImage(counts[None].astype(np.uint16)))
