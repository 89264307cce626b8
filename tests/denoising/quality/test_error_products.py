import numpy as np
import pytest

from napari_xrf_denoise.denoising.quality.error_products import BLOCKS, ErrorProducts, block_sums

FOLDS = 4
EDGES = np.arange(4)
"""Three pieces of one channel."""


def products_of(rate, wrong, seed=0, fewer=None):
    """Products of a prediction that is wrong by a known amount, in a large map."""
    height, width, _ = rate.shape
    parts = np.random.default_rng(seed).poisson(rate / FOLDS, (FOLDS, *rate.shape))
    lever = 0.0 if fewer is None else 0.5
    tally = ErrorProducts(EDGES, (height, width), [1 / FOLDS] * FOLDS, lever)
    for start in range(0, height, 5):
        rows = slice(start, start + 5)
        guesses = [(rate + wrong)[rows]] * FOLDS
        worse = [] if fewer is None else [(rate + fewer)[rows]] * FOLDS
        tally.add([part[rows] for part in parts], guesses, worse)
    return tally.finish()


@pytest.fixture
def rate():
    return np.random.default_rng(1).uniform(1, 4, (96, 64, 3))


@pytest.fixture
def wrong():
    """Errors that are alike in two of the pieces, and in neighbouring pixels."""
    fields = np.random.default_rng(2).standard_normal((24, 16, 2)).repeat(4, 0).repeat(4, 1)
    return np.stack([fields[..., 0], 2 * fields[..., 0], fields[..., 1]], axis=-1)


def test_products_of_errors_are_found_without_the_truth(rate, wrong):
    found = products_of(rate, wrong)
    assert found.pixels == tuple(side**2 for side in BLOCKS)
    for block, side in enumerate(BLOCKS[:4]):
        sums = block_sums(wrong[None], side)[0]
        exact = sums.T @ sums / len(sums) / side**2
        # The noise of the estimate: of λ², and of the error times that of the counts.
        noise = np.sqrt((2 * 9 + 4 * exact.max() * 4) / found.numbers[block])
        np.testing.assert_allclose(found.squares[block], exact, atol=4 * noise)


@pytest.mark.parametrize("spread", [1.5, lambda rate: np.sqrt(2.5 * rate)])
def test_products_of_errors_in_repeats_need_no_photons(rate, wrong, spread):
    """Noise of one size everywhere, or of more than that of photons, in parts of unequal share."""
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    deviation = spread(rate) if callable(spread) else np.full_like(rate, spread)
    noise = np.sqrt(shares)[:, None, None, None] * deviation
    means = shares[:, None, None, None] * rate
    parts = np.random.default_rng(0).normal(means, noise)
    tally = ErrorProducts(EDGES, rate.shape[:2], shares, 0.0, None, False)
    # Each part is judged by the others' sum in the tally; these predictions have seen none.
    tally.add(list(parts), [rate + wrong] * FOLDS, [])
    found = tally.finish()
    variance = float(np.mean(deviation**2))
    for block, side in enumerate(BLOCKS[:4]):
        sums = block_sums(wrong[None], side)[0]
        exact = sums.T @ sums / len(sums) / side**2
        # Parts of unequal share tell less than equal ones: twice the variance is more than enough.
        noise = np.sqrt(2 * (2 * variance**2 + 4 * exact.max() * variance) / found.numbers[block])
        np.testing.assert_allclose(found.squares[block], exact, atol=4 * noise)
    np.testing.assert_allclose(
        found.noise.variance(rate.mean(axis=(0, 1))), (deviation**2).mean(axis=(0, 1)), rtol=0.25
    )


def test_an_error_that_falls_with_the_counts_is_told_to_fall_on(rate, wrong):
    found = products_of(rate, wrong, fewer=2 * wrong)
    exact = np.einsum("yxh,yxk->hk", wrong, wrong) / (96 * 64)
    # From 4 to 1 times the square it fell by 3, and falls on by half of that.
    np.testing.assert_allclose(found.squares[0], exact - 0.5 * 3 * exact, atol=0.5)


def test_bands_of_any_height_give_the_same(rate, wrong):
    parts = np.random.default_rng(0).poisson(rate / FOLDS, (FOLDS, *rate.shape))
    whole = ErrorProducts(EDGES, rate.shape[:2], [1 / FOLDS] * FOLDS, 0.0)
    whole.add(list(parts), [rate + wrong] * FOLDS, [])
    cut = products_of(rate, wrong)
    np.testing.assert_allclose(whole.finish().squares, cut.squares, rtol=1e-3, atol=1e-3)


def test_pixels_that_are_left_out_do_not_count(rate, wrong):
    spots = np.zeros(rate.shape[:2], bool)
    spots[10:20, 10:20] = True
    wrong = np.where(spots[..., None], 1000.0, wrong)
    tally = ErrorProducts(EDGES, rate.shape[:2], [1 / FOLDS] * FOLDS, 0.0, spots)
    parts = np.random.default_rng(0).poisson(rate / FOLDS, (FOLDS, *rate.shape))
    tally.add(list(parts), [rate + wrong] * FOLDS, [])
    assert np.abs(tally.finish().squares[0]).max() < 10


def test_a_map_of_few_pixels_tells_nothing():
    tally = ErrorProducts(EDGES, (1, 3), [1 / FOLDS] * FOLDS, 0.0)
    tally.add([np.ones((1, 3, 3))] * FOLDS, [np.full((1, 3, 3), 4.0)] * FOLDS, [])
    assert tally.finish() is None
