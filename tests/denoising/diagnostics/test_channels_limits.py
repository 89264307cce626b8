"""Limits that Poisson counts hardly ever cross."""

import numpy as np
import pytest
from scipy.stats import poisson

from napari_xrf_denoise.denoising.diagnostics.channels import highest_rate, lowest_rate, typical


@pytest.mark.parametrize("counts", [1, 7, 300])
def test_beyond_the_limits_counts_have_less_than_the_chance(counts):
    assert poisson.sf(counts - 1, lowest_rate(counts, 1e-6)) == pytest.approx(1e-6, rel=1e-3)
    assert poisson.cdf(counts, highest_rate(counts, 1e-6)) == pytest.approx(1e-6, rel=1e-3)


def test_nothing_counted_has_no_lowest_rate():
    assert lowest_rate(0, 1e-6) == 0
    assert highest_rate(0, np.exp(-10)) == pytest.approx(10)


def test_outliers_move_neither_the_typical_value_nor_its_scatter():
    values = np.random.default_rng(0).normal(3, 0.5, 1000)
    values[:50] = 1e6
    middle, scatter = typical(values)
    assert middle == pytest.approx(3, abs=0.1)
    assert scatter == pytest.approx(0.5, rel=0.15)
