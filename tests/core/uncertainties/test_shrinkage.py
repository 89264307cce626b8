import numpy as np
import pytest

from napari_xrf_denoise.core.uncertainties.shrinkage import Estimates, find_prior, shrink


def measured(true, noise, seed=0):
    """Unbiased estimates of squared errors."""
    found = true + noise * np.random.default_rng(seed).standard_normal(true.size)
    return Estimates(found, noise**2 * np.ones(true.size), np.zeros(true.size))


def test_the_factor_between_errors_and_scatter_is_found():
    scatter = np.geomspace(0.1, 10, 60)
    factors = np.array([0.5, 1, 2, 4, 8])
    estimates = measured(4 * scatter, 0.3)
    prior = find_prior(estimates, factors[:, None] * scatter)
    assert factors[prior.choice] == 4


def test_noisy_estimates_get_nearer_to_the_truth_and_stay_positive():
    expected = np.ones(200)
    true = np.exp(0.3 * np.random.default_rng(1).standard_normal(200))
    estimates = measured(true, 2.0)
    found = shrink(estimates, expected, find_prior(estimates, expected[None]).spread)
    assert estimates.values.min() < 0 < found.min()
    assert ((found - true) ** 2).mean() < 0.05 * ((estimates.values - true) ** 2).mean()


@pytest.mark.parametrize("true", [1e-3, 30.0])
def test_a_precise_estimate_stands_however_unlike_the_others_it_is(true):
    one = Estimates(np.array([true]), np.array([(true / 50) ** 2]), np.zeros(1))
    assert shrink(one, np.ones(1), 0.2)[0] == pytest.approx(true, rel=0.1)
