"""What one pass over the counts leaves in memory."""

from functools import reduce

import numpy as np
import pytest

from napari_xrf_denoise.denoising.diagnostics.marginal_sums import (
    COARSE_SIZE,
    COLUMNS,
    MarginalSumsTally,
)


def profiles_of(counts, bands=1, apart=False):
    """Return the sums of all bands, each of them perhaps in a tally of its own."""
    step = -(-counts.shape[1] // bands)
    tallies = []
    for start in range(0, counts.shape[1], step):
        rows = slice(start, min(start + step, counts.shape[1]))
        if apart or not tallies:
            tallies.append(MarginalSumsTally(counts.shape, rows if apart else None))
        tallies[-1].add(rows, counts[:, rows])
    return reduce(MarginalSumsTally.plus, tallies).result()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
@pytest.mark.parametrize(("bands", "apart"), [(1, False), (3, False), (3, True)])
def test_profiles_are_sums_whatever_the_bands(dtype, bands, apart):
    counts = np.random.default_rng(0).poisson(40, (2, 7, 9, 320)).astype(dtype)
    found = profiles_of(counts, bands, apart)
    exact = counts.astype(float)
    np.testing.assert_array_equal(found.spectra, exact.sum(axis=(1, 2)))
    np.testing.assert_array_equal(found.pixels, exact.sum(axis=3))
    groups = [exact[..., first : first + 40].sum(axis=(0, 3)) for first in range(0, 320, 40)]
    np.testing.assert_array_equal(found.coarse, np.stack(groups, axis=-1))
    np.testing.assert_array_equal(
        found.values.numbers[:200], np.bincount(counts.astype(int).ravel(), minlength=200)
    )


def test_wide_and_long_maps_stay_small():
    assert profiles_of(np.ones((1, 2, 1000, 130), np.uint8)).coarse.shape == (2, COLUMNS, 8)
    tall = MarginalSumsTally((1, COARSE_SIZE, 4, 64)).result()
    assert tall.coarse.size <= COARSE_SIZE


def test_counts_that_are_not_whole_keep_a_sample_of_their_values():
    counts = np.random.default_rng(0).poisson(1, (1, 3, 3, 50)) * 0.3
    found = profiles_of(counts)
    assert set(found.fractions) == set(counts[counts > 0])
    assert not found.values.numbers.any()
