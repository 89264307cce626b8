"""Poisson-weighted PCA against known components and known rates."""

import numpy as np
import pytest

from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising.methods.pca import find_rank, fit_pca, predict_pca
from napari_xrf_denoise.denoising.pairs import Photons
from napari_xrf_denoise.denoising.settings import PcaSettings


def scene(components, pixels=900, counts=400, seed=0):
    """Return counts and rate of a map of this many spectra, mixed at random."""
    rng = np.random.default_rng(seed)
    channels = np.arange(120)
    places = np.linspace(15, 105, components)
    spectra = np.exp(-0.5 * ((channels - places[:, None]) / 4) ** 2) + 0.02
    spectra /= spectra.sum(axis=1, keepdims=True)
    rate = counts * rng.dirichlet(np.ones(components), pixels) @ spectra
    side = round(pixels**0.5)
    rate = rate.reshape(side, side, 120)
    return SpectrumImage(rng.poisson(rate)[None].astype(np.uint16)), rate


@pytest.mark.parametrize("components", [1, 2, 4])
def test_the_rank_of_a_mixture_is_its_number_of_components(components):
    image, _ = scene(components)
    assert find_rank(Photons(image), PcaSettings(), Watch()) == components


def test_the_result_is_closer_to_the_rate_than_the_counts_by_the_unused_dimensions(dose_gain):
    image, rate = scene(3)
    factors = fit_pca(Photons(image), PcaSettings(), 3, Watch())
    # 3 of 120 dimensions carry noise: with a perfect basis the gain is near 120 / 3.
    assert 15 < dose_gain(predict_pca(factors, image.counts[0]), rate) < 60


def test_the_result_is_never_negative_and_keeps_counts():
    image, _ = scene(4, counts=15)
    result = predict_pca(fit_pca(Photons(image), PcaSettings(), 4, Watch()), image.counts[0])
    assert result.min() >= 0
    assert result.sum() == pytest.approx(image.counts.sum(), rel=0.01)


def test_empty_pixels_and_channels_stay_empty():
    image, _ = scene(2)
    counts = image.counts.copy()
    counts[0, 3] = 0
    counts[0, :, :, 40:50] = 0
    result = predict_pca(
        fit_pca(Photons(SpectrumImage(counts)), PcaSettings(), 2, Watch()), counts[0]
    )
    assert np.abs(result[3]).max() == 0
    assert np.abs(result[:, :, 40:50]).max() < 1e-3


def test_few_and_many_components_begin_alike():
    # Few of many channels are found by an iteration, many by a complete decomposition.
    rng = np.random.default_rng(0)
    rate = rng.uniform(0, 5, (300, 2)) @ rng.uniform(0, 1, (2, 600))
    image = SpectrumImage(rng.poisson(rate).reshape(1, 20, 15, 600).astype(np.uint16))
    source = Photons(image)
    few = fit_pca(source, PcaSettings(), 2, Watch())
    many = fit_pca(source, PcaSettings(), 400, Watch())
    first_two = many["analysis"][:, :2] @ many["synthesis"][:2]
    np.testing.assert_allclose(few["analysis"] @ few["synthesis"], first_two, atol=1e-4)
