"""The chance of Poisson counts, against SciPy's distributions and draws of known rate."""

import numpy as np
import pytest
from scipy import stats

from napari_xrf_denoise.core.poisson import deviance_residual, largest_of_many, tail_probability


def test_tails_are_those_of_the_poisson_distribution():
    counts, rate = np.array([0, 1, 3, 12, 60]), np.array([0.2, 0.2, 0.5, 4.0, 40.0])
    np.testing.assert_allclose(
        tail_probability(counts, rate, above=True), stats.poisson.sf(counts - 1, rate), rtol=1e-9
    )
    np.testing.assert_allclose(
        tail_probability(counts, rate, above=False), stats.poisson.cdf(counts, rate), rtol=1e-9
    )
    half = stats.poisson.pmf(counts, rate) / 2
    np.testing.assert_allclose(
        tail_probability(counts, rate, above=True, middle=True),
        stats.poisson.sf(counts - 1, rate) - half,
        rtol=1e-6,
    )


def test_a_departure_is_near_the_normal_number_of_its_chance():
    for rate in (0.05, 0.5, 5.0, 500.0):
        least = stats.poisson.isf(1e-6, rate)
        counts = np.arange(least, least + 4)
        exact = stats.norm.isf(stats.poisson.sf(counts - 1, rate))
        np.testing.assert_allclose(deviance_residual(counts, np.full(4, rate)), exact, atol=0.5)
    assert deviance_residual(np.array([0.0]), np.array([0.0]))[0] == pytest.approx(0, abs=0.01)
    assert deviance_residual(np.array([3.0]), np.array([9.0]))[0] < 0


@pytest.mark.parametrize("counts_per_pixel", [5, 60, 300, 3000])
def test_the_largest_departure_of_perfect_predictions_is_standard_normal(counts_per_pixel):
    rng = np.random.default_rng(1)
    # A few lines on a weak background, as spectra are: most windows are nearly empty.
    shape = 0.02 + stats.expon.rvs(size=150, random_state=1) ** 4
    halves = counts_per_pixel * shape / shape.sum() * np.ones((4000, 1))
    drawn = rng.poisson(halves)

    def windows(values):
        return np.hstack([values[:, 1:] + values[:, :-1], values.sum(axis=1, keepdims=True)])

    counts, rate = windows(drawn).astype(float), windows(halves)
    found = largest_of_many(counts, rate, rate, deviance_residual(counts, rate))
    assert found.std() == pytest.approx(1, abs=0.2)
    assert abs(found.mean()) < 0.4
    assert 0.01 < (np.abs(found) > 2).mean() < 0.07
    assert (np.abs(found) > 3).mean() < 0.006
    assert np.abs(found).max() < 4.5


def test_one_excess_among_many_windows_is_seen():
    rate = np.full((1, 100), 0.5)
    counts = rate.round()
    counts[0, 40] = 12
    found = largest_of_many(counts, rate, rate, deviance_residual(counts, rate))
    # As far as a single test, less what a hundred of them cost.
    assert found[0] == pytest.approx(stats.norm.isf(stats.poisson.sf(11, 0.5) * 70 / 2), abs=0.2)
