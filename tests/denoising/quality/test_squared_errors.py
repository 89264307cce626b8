"""Sums of squared errors from sparse counts, against whole arrays."""

import numpy as np
import pytest

from napari_xrf_denoise.denoising.multifold_thinning import gather
from napari_xrf_denoise.denoising.quality.squared_errors import (
    BandErrors,
    SquaredErrors,
    of_windows,
)

SHARES = (0.25, 0.35, 0.4)
RATE = np.random.default_rng(0).uniform(0, 0.5, (5, 7, 30))


def drawn(seed):
    rng = np.random.default_rng(seed)
    parts = [rng.poisson(share * RATE).astype(np.uint16) for share in SHARES]
    guesses = [rng.uniform(0, 1, RATE.shape).astype(np.float32) for _ in SHARES]
    fewer = [rng.uniform(0, 1, RATE.shape).astype(np.float32) for _ in SHARES]
    return parts, guesses, fewer


def in_voxels(parts, guesses, fewer, photons=True):
    tally = BandErrors(gather(parts), SHARES, photons=photons)
    for index, (guess, other) in enumerate(zip(guesses, fewer, strict=True)):
        tally.compare(index, guess, other)
    return tally.finish()


def directly(parts, guesses, fewer):
    """Return departure, fall and distance by the formulas, in whole arrays."""
    sums = np.zeros((3, *RATE.shape))
    for part, guess, other, share in zip(parts, guesses, fewer, SHARES, strict=True):
        guess, other, unseen = guess.astype(float), other.astype(float), part / share
        own = guess**2 - 2 * guess * unseen
        sums += own, other**2 - 2 * other * unseen - own, (other - guess) ** 2
    return sums.sum(axis=(1, 2))


@pytest.mark.parametrize("photons", [True, False])
def test_sparse_sums_are_those_of_whole_arrays(photons):
    parts, guesses, fewer = drawn(1)
    found = in_voxels(parts, guesses, fewer, photons)
    for name, expected in zip(
        ("departure", "fall", "distance"), directly(parts, guesses, fewer), strict=True
    ):
        np.testing.assert_allclose(getattr(found, name), expected, rtol=1e-5, atol=1e-4)
    whole = np.sum(parts, axis=0, dtype=float)
    np.testing.assert_allclose(found.counts, whole.sum(axis=(0, 1)))


@pytest.mark.parametrize("photons", [True, False])
def test_variances_and_squares_of_rates_are_unbiased(photons):
    sums = SquaredErrors.zeros(30)
    for seed in range(300):
        sums = sums.plus(in_voxels(*drawn(seed), photons))
    rate, square = (300 * (RATE**power).sum() for power in (1, 2))
    assert sums.raw.sum() == pytest.approx(rate, rel=0.02)
    assert sums.level.sum() == pytest.approx(square, rel=0.04)


def test_windows_are_treated_like_channels():
    parts, guesses, fewer = drawn(3)
    cut = [[part[..., 4:9] for part in kind] for kind in (parts, guesses, fewer)]
    found = of_windows(*cut, SHARES, photons=True)
    for name in SquaredErrors._fields:
        expected = getattr(in_voxels(parts, guesses, fewer), name)[4:9]
        np.testing.assert_allclose(getattr(found, name), expected, rtol=1e-5, atol=1e-4)


def test_a_small_error_of_many_counts_is_not_lost_in_rounding():
    rate = np.full((40, 40, 4), 1e4)
    rng = np.random.default_rng(0)
    parts = [rng.poisson(share * rate) for share in SHARES]
    guesses = [(rate + rng.normal(0, 10, rate.shape)).astype(np.float32) for _ in SHARES]
    tally = BandErrors(gather(parts), SHARES, photons=True)
    exact = np.zeros(4)
    for index, (guess, part) in enumerate(zip(guesses, parts, strict=True)):
        tally.compare(index, guess, None)
        own = guess.astype(float)
        exact += (own**2 - 2 * own * part / SHARES[index]).sum(axis=(0, 1))
    # The squared errors are 100 in each voxel, of squares of 1e8.
    rounding = np.abs(tally.finish().departure - exact) / (3 * 1600)
    assert rounding.max() < 1
