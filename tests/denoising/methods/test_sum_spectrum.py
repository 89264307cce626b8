"""Factors that give the lines of the sum of all spectra to predictions."""

import numpy as np
import pytest

from napari_xrf_denoise.denoising.methods.sum_spectrum import channel_factors

CHANNELS = np.arange(300)
WIDTH = np.full(300, 4.0)


def spectrum(*lines):
    """Counts of lines (height, place) of the width of the detector on a background."""
    return 2.0 + sum(
        height * np.exp(-0.5 * ((CHANNELS - place) / 4) ** 2) for height, place in lines
    )


def test_a_line_that_predictions_lost_half_of_is_held_and_the_rest_stays():
    truth, predicted = spectrum((100, 80), (60, 200)), spectrum((50, 80), (60, 200))
    counted = np.random.default_rng(0).poisson(truth).astype(float)
    held = predicted * channel_factors(counted, predicted, WIDTH)
    assert held[74:87].sum() == pytest.approx(truth[74:87].sum(), rel=0.08)
    assert held[194:207].sum() == pytest.approx(truth[194:207].sum(), rel=0.08)


@pytest.mark.parametrize("level", [1, 100])
def test_chance_costs_less_than_the_noise_that_lines_let_through(level):
    truth = level * spectrum((20, 80), (10, 200))
    added = []
    for seed in range(20):
        counted = np.random.default_rng(seed).poisson(truth).astype(float)
        held = truth * channel_factors(counted, truth, WIDTH)
        added.append(((held - truth) ** 2).sum() / ((counted - truth) ** 2).sum())
    # A line of 4 channels (σ) leaves one of its FWHM of 9.4 channels, or two where it is restored.
    assert np.mean(added) < 2 / 9.4


def test_the_unit_of_values_that_are_not_counts_makes_no_difference():
    truth, predicted = spectrum((100, 80)), spectrum((50, 80))
    counted = np.random.default_rng(0).poisson(truth).astype(float)
    expected = channel_factors(counted, predicted, WIDTH)
    scaled = channel_factors(0.03 * counted, 0.03 * predicted, WIDTH, 0.03)
    np.testing.assert_allclose(scaled, expected, rtol=1e-4)


def test_empty_sums_have_finite_factors():
    factors = channel_factors(np.zeros(300), np.full(300, 1e-9), WIDTH)
    assert np.isfinite(factors).all()
