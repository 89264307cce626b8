"""Sums of a whole map, and the noise of the predictions in them."""

import numpy as np
import pytest

from napari_xrf_denoise.denoising.quality.losses import map_sums
from napari_xrf_denoise.denoising.quality.losses.map_sums import MapSums, contrast

SHARES = [0.25] * 4


def fill(rows, cuts):
    sums = MapSums(*rows.shape)
    for band in np.split(rows, cuts):
        sums.add(band, [band + part for part in range(4)], SHARES)
    return sums


@pytest.mark.parametrize("cuts", [[], [1, 2, 7], list(range(1, 11))])
def test_sums_do_not_depend_on_the_bands(cuts):
    rows = np.random.default_rng(0).poisson(5, (11, 7, 3)).astype(np.float32)
    sums = fill(rows, cuts)
    assert sums.bin == 1
    np.testing.assert_array_equal(sums.values[0], rows)
    np.testing.assert_allclose(sums.values[1], rows + 1.5)


@pytest.mark.parametrize("cuts", [[], [3, 4, 9]])
def test_a_large_map_is_added_up_to_few_pixels(monkeypatch, cuts):
    rows = np.random.default_rng(0).poisson(5, (11, 7, 3)).astype(np.float32)
    monkeypatch.setattr(map_sums, "MOST_BYTES", 12 * 6 * 4 * 3)
    sums = fill(rows, cuts)
    assert sums.bin == 2
    assert sums.values.nbytes <= 12 * 6 * 4 * 3
    np.testing.assert_array_equal(sums.values[0, 2, 1], rows[4:6, 2:4].sum(axis=(0, 1)))
    np.testing.assert_array_equal(sums.values[0, 5, 3], rows[10, 6])


@pytest.mark.parametrize("parts", [2, 3, 4, 8])
def test_the_square_of_the_contrast_is_the_noise_of_the_prediction(parts):
    # The mean of counts is a prediction of known variance: that of all of them over the number.
    rng = np.random.default_rng(parts)
    shares = rng.poisson(50, (200_000, parts))
    without = (shares.sum(axis=1, keepdims=True) - shares) * parts / (parts - 1)
    squares = (without @ contrast(parts)) ** 2
    error = squares.std() / len(squares) ** 0.5
    assert squares.mean() == pytest.approx(50 * parts, abs=4 * error)


def test_one_prediction_shows_no_noise():
    np.testing.assert_array_equal(contrast(1), [0])
