"""Values of counts within groups of channels."""

import numpy as np
import pytest

from napari_xrf_denoise.denoising.diagnostics.grouped_values import (
    GroupedValues,
    channel_groups,
    find_uneven,
)
from tests.helpers.changed_counts import ROUNDED, changed, photons


def values_of(counts, rows=6):
    counts = np.asarray(counts)
    counts = counts[None] if counts.ndim == 3 else counts
    values = GroupedValues(counts.shape[3])
    for start in range(0, counts.shape[1], rows):
        values.add(counts[:, start : start + rows])
    return values


def uneven_in(counts, **options):
    spectrum = np.asarray(counts).reshape(-1, counts.shape[-1]).sum(axis=0).astype(float)
    return find_uneven(values_of(counts), spectrum, **options)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32])
def test_every_value_is_counted_in_its_channel(dtype):
    counts = np.random.default_rng(0).poisson(6, (2, 7, 5, 40)).astype(dtype)
    for channel, numbers in enumerate(values_of(counts).numbers):
        own = counts[..., channel]
        np.testing.assert_array_equal(numbers, [(own == value).sum() for value in range(16)])


def test_the_last_channels_are_a_group_of_their_own():
    assert channel_groups(40).tolist() == [*np.repeat(np.arange(6), 5), 6, 6, 6, 6, *[8] * 6]


@pytest.mark.parametrize("kind", ["smooth", "white", "edges", "uniform"])
@pytest.mark.parametrize("counts", [5, 30, 200, 1500])
def test_photons_of_any_rates_are_not_uneven(kind, counts):
    for seed in range(3):
        assert uneven_in(photons((24, 20), counts, seed=seed, kind=kind)) is None


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", ROUNDED)
def test_rounded_and_doubled_counts_are_uneven(name, seed):
    counts = changed(ROUNDED[name], photons((40, 40), seed=seed), seed)
    uneven = uneven_in(counts)
    assert uneven.times > 1.05
    assert f"the value {uneven.value} occurs {uneven.numbers[1]} times" in str(uneven)


def test_few_channels_of_few_counts_are_not_grouped_by_what_they_hold():
    # A channel whose sum is 2 holds 1 twice more often than 2 once, given that sum.
    for seed in range(5):
        assert uneven_in(np.random.default_rng(seed).poisson(0.02, (10, 10, 4000))) is None
        assert uneven_in(np.random.default_rng(seed).poisson(3.0, (1, 1, 4000))) is None
        assert uneven_in(np.random.default_rng(seed).poisson(3.0, (2, 3, 4000))) is None


def test_noise_in_dark_channels_is_uneven():
    counts = photons((64, 64), 40, seed=5)
    noisy = np.maximum(np.rint(counts + np.random.default_rng(0).normal(0, 1, counts.shape)), 0)
    assert uneven_in(noisy.astype(int)) is not None


@pytest.mark.parametrize("subtracted", [1, 2])
def test_what_was_subtracted_leaves_a_mixture_of_photon_counts(subtracted):
    # No test of values can find it: docs/faults.md shows why.
    counts = np.random.default_rng(0).poisson(1.5, (60, 60, 80))
    assert uneven_in(np.maximum(counts - subtracted, 0)) is None


def test_an_overflow_says_nothing_of_the_others():
    counts = photons((20, 20))
    counts[..., -1] = 3
    assert uneven_in(counts) is not None
    assert uneven_in(counts, overflow=True) is None
