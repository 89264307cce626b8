import numpy as np
import pytest

from napari_xrf_denoise.denoising.quality.count_noise import NoiseTally

SHARES = np.array([0.4, 0.3, 0.2, 0.1])
RATE = np.random.default_rng(1).uniform(5, 40, (20000, 3))
"""Expected counts of pixels in three pieces of the spectrum."""


def found(variance, rate=RATE):
    """The noise that is found of parts whose sum has a variance (pixels, pieces)."""
    rng = np.random.default_rng(2)
    shares = SHARES[:, None, None]
    parts = rng.normal(shares * rate, np.sqrt(shares * variance))
    tally = NoiseTally(SHARES, rate.shape[1])
    for start in range(0, len(rate), 6000):
        rows = slice(start, start + 6000)
        tally.add(parts[:, rows].astype(np.float32), rate[rows].astype(np.float32))
    return tally.finish()


@pytest.mark.parametrize(
    ("constant", "growth"),
    [(0.0, 2.5), (9.0, 0.0), (9.0, 1.0), (-4.0, 1.0), (np.array([1.0, 5.0, 20.0]), 0.5)],
)
def test_the_constant_and_the_growing_part_are_told_apart(constant, growth):
    variance = constant + growth * RATE
    noise, products = found(variance)
    np.testing.assert_allclose(noise.growth, growth, atol=0.15)
    np.testing.assert_allclose(noise.constant, np.broadcast_to(constant, 3), atol=3.5)
    np.testing.assert_allclose(noise.variance(RATE.mean(0)), variance.mean(0), rtol=0.03)
    np.testing.assert_allclose(products, variance.T @ variance / len(RATE), rtol=0.06)


def test_where_all_pixels_are_alike_the_mean_variance_is_still_known():
    rate = np.full((20000, 2), 8.0)
    noise, products = found(np.full_like(rate, 3.0), rate)
    np.testing.assert_allclose(noise.variance(rate[0]), 3.0, rtol=0.03)
    np.testing.assert_allclose(products, 9.0, rtol=0.06)


def test_pixels_without_counts_are_left_out():
    parts = np.random.default_rng(0).normal(10, 2, (4, 5000, 1)).astype(np.float32)
    parts[:, 1000:] = 0
    tally = NoiseTally([0.25] * 4, 1)
    tally.add(parts, np.where(parts.any(axis=0), 40, 0).astype(np.float32))
    # Each of four parts has a variance of 4.
    assert tally.finish()[0].variance(np.array([40.0])) == pytest.approx(16.0, rel=0.1)
