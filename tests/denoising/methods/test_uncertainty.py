import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.core.uncertainties.mean_errors import CountNoise
from napari_xrf_denoise.denoising.methods.uncertainty import of_mean
from napari_xrf_denoise.denoising.quality.error_products import ErrorSums
from napari_xrf_denoise.processing.element_maps import window_map


def test_the_mean_of_members_is_nearer_by_their_distance_from_it():
    rng = np.random.default_rng(0)
    truth = rng.uniform(1, 2, (16, 16, 3))
    images = [rng.standard_normal((16, 16, 2)).astype(np.float32) for _ in range(4)]
    spectra = [rng.standard_normal((2, 3)).astype(np.float32) for _ in range(4)]
    errors = [image @ own - truth for image, own in zip(images, spectra, strict=True)]
    single = np.mean([np.einsum("yxh,yxk->hk", e, e) / 256 for e in errors], axis=0)
    mean = np.mean(errors, axis=0)
    edges, one = np.arange(4), np.ones(1)
    sums = ErrorSums(edges, (1,), single[None], single[None], one, CountNoise.of_photons(3))
    found = of_mean(sums, images, spectra, np.zeros((16, 16), bool))
    exact = np.einsum("yxh,yxk->hk", mean, mean) / 256
    np.testing.assert_allclose(found.squares[0], exact, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", ["stack", "pca"])
def test_the_error_of_a_mean_of_scans_is_that_of_their_sum_over_their_number(method):
    image, _ = xrf.simulate_map((16, 16), n_channels=96, counts_per_pixel=200, seed=1)
    halves = np.random.default_rng(0).binomial(image.counts[0], 0.5).astype(np.uint16)
    counts = np.stack([halves, image.counts[0] - halves])
    errors = []
    for kind in ("scan", "detector"):
        repeats = xrf.SpectrumImage(counts, image.energy, repeat_kind=kind)
        result = xrf.denoise(repeats, method=method, preset="fast", device="cpu").image
        errors.append(window_map(result, 3.0, 7.0, error=True)[1])
    np.testing.assert_allclose(2 * errors[0], errors[1], rtol=1e-3)


def test_the_unit_of_values_that_are_no_photons_is_that_of_their_errors():
    image, rate = xrf.simulate_map((16, 16), n_channels=96, counts_per_pixel=200, seed=1)
    counts = 1.37 * np.random.default_rng(0).poisson(rate / 4, (4, *rate.shape))
    errors, scale = [], 1e-3
    for factor in (1, scale):
        repeats = xrf.SpectrumImage((counts * factor).astype(np.float32), image.energy)
        result = xrf.denoise(repeats, method="stack", preset="fast", device="cpu").image
        errors.append(window_map(result, 3.0, 7.0, error=True)[1])
    # Rounding alone makes another network.
    one, other = (float(np.sqrt(np.mean(own**2))) for own in errors)
    assert other / scale == pytest.approx(one, rel=0.2)


def test_values_of_one_measurement_that_are_no_photons_have_no_uncertainty():
    image, _ = xrf.simulate_map((12, 12), n_channels=96, counts_per_pixel=200, seed=1)
    smoothed = image.counts + np.roll(image.counts, 1, axis=2)
    result = xrf.denoise(image.replace(counts=smoothed), method="pca").image
    assert result.uncertainty is None
