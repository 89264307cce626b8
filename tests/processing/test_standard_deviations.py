import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise import DataError, EnergyAxis, SettingsError, SpectrumImage
from napari_xrf_denoise.processing.element_maps import element_map, window_map
from napari_xrf_denoise.processing.spectra import spectrum

AXIS = EnergyAxis(0.0, 0.02, 512)


def photons(mean, shape=(3, 20, 20, 512), **fields):
    counts = np.random.default_rng(0).poisson(mean, shape).astype(np.uint16)
    return SpectrumImage(counts, AXIS, **fields)


@pytest.mark.parametrize("kind", ["scan", "detector"])
@pytest.mark.parametrize("background", [False, True])
def test_the_error_of_photon_counts_is_their_scatter(kind, background):
    image = photons(2.0, repeat_kind=kind)
    counts, deviation = element_map(image, "Fe", background=background, error=True)
    # All pixels have one rate, so that the scatter over the map is the standard deviation.
    assert counts.std() == pytest.approx(deviation.mean(), rel=0.1)


def test_the_error_of_photons_is_the_root_of_their_number():
    counts, deviation = window_map(photons(1.0, (1, 4, 4, 512)), 2.0, 3.0, error=True)
    np.testing.assert_allclose(deviation, np.sqrt(counts), rtol=1e-6)


def test_a_factor_multiplies_the_error():
    image, factor = photons(2.0), np.linspace(1, 3, 400).reshape(20, 20)
    _, alone = element_map(image, "Fe", error=True)
    _, deviation = element_map(image, "Fe", factor=factor, error=True)
    np.testing.assert_allclose(deviation, factor * alone, rtol=1e-5)


def test_values_that_are_no_photons_have_no_known_error():
    image = SpectrumImage(np.full((1, 4, 4, 512), 0.5), AXIS)
    with pytest.raises(DataError, match="whole numbers of photons"):
        element_map(image, "Fe", error=True)


def test_the_error_of_a_spectrum_of_photons_is_that_of_their_number():
    image = photons(2.0)
    counts, deviation = spectrum(image, "mean", error=True)
    # 400 pixels of 3 scans each, of one rate.
    assert deviation.mean() == pytest.approx(np.sqrt(2.0 / 1200), rel=0.05)
    assert (counts - 2.0).std() == pytest.approx(deviation.mean(), rel=0.1)


def test_the_error_of_maxima_is_not_known():
    with pytest.raises(SettingsError, match="maxima"):
        spectrum(photons(1.0, (1, 4, 4, 512)), "max", error=True)


def test_a_result_without_uncertainty_is_refused():
    image, _ = xrf.simulate_map(shape=(12, 12), n_channels=256, seed=1)
    result = xrf.denoise(image, method="pca", folds=2).image
    old = result.replace(uncertainty=None)
    with pytest.raises(DataError, match="carries no uncertainty"):
        element_map(old, "Fe", error=True)
    with pytest.raises(DataError, match="carries no uncertainty"):
        spectrum(old, error=True)
