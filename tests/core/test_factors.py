import numpy as np
import pytest

from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.core.factors import Factors

SCORES, SPECTRA = np.ones((2, 3, 4)), np.ones((4, 5))


def test_the_product_is_never_negative():
    factors = Factors.checked([[[1, 2], [3, -4]]], [[1, 0, 1], [0, 1, 1]])
    np.testing.assert_array_equal(factors.product(), [[[1, 2, 3], [3, 0, 0]]])


def test_given_rows_replace_the_product():
    factors = Factors.checked(SCORES, SPECTRA, [1, 5], [[1, 2, 3, 4, 5], [0.5] * 5])
    product = factors.product()
    np.testing.assert_array_equal(product[0, 1], [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(product[1, 2], [0.5] * 5)
    assert (product != 4).sum() == 9
    np.testing.assert_array_equal(factors.row_numbers()[..., 0], [[-1, 0, -1], [-1, -1, 1]])


@pytest.mark.parametrize(
    ("y", "x"),
    [
        (slice(None), slice(None, None, -1)),
        (slice(1, None), slice(2)),
        (slice(4, None, -2), slice(1, 6, 3)),
        (slice(2, 2), slice(None)),
    ],
)
def test_a_part_is_the_product_of_parts(factored, y, x):
    counts, full = factored
    part = counts._factors.cut(y, x, slice(6, 1, -2))
    np.testing.assert_array_equal(part.product(), full[0, y, x, 6:1:-2])
    assert np.shares_memory(part.scores, counts._factors.scores) or part.scores.size == 0


def test_factors_are_not_copied():
    scores = np.ones((2, 3, 4), np.float32)
    assert Factors.checked(scores, SPECTRA).scores is scores


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((SCORES[0], SPECTRA), r"expected scores of shape \(y, x, rank\).*found \(3, 4\)"),
        ((SCORES, SPECTRA[:3]), r"found \(2, 3, 4\) and \(3, 5\)"),
        ((SCORES, SPECTRA, [1]), r"expected as many rows as places"),
        ((SCORES, SPECTRA, None, np.ones((1, 5))), r"expected as many rows as places"),
        ((SCORES, SPECTRA, [1], np.ones((1, 4))), r"each of 5 channels, found shape \(1, 4\)"),
        ((SCORES, SPECTRA, [6], np.ones((1, 5))), r"from 0 to 5, found \[6\]"),
        ((SCORES, SPECTRA, [-1], np.ones((1, 5))), r"from 0 to 5"),
        ((SCORES, SPECTRA, [3, 3], np.ones((2, 5))), r"ascend"),
        ((SCORES, SPECTRA, [0.5], np.ones((1, 5))), r"whole numbers"),
        ((SCORES * np.nan, SPECTRA), r"scores hold values that are NaN"),
        ((SCORES, SPECTRA * np.inf), r"spectra hold values that are NaN"),
        ((SCORES, SPECTRA, [1], np.full((1, 5), np.nan)), r"rows hold values that are NaN"),
        ((SCORES, SPECTRA, [1], -np.ones((1, 5))), r"without negative counts, found -1"),
    ],
)
def test_factors_that_do_not_go_together_are_refused(arguments, message):
    with pytest.raises(DataError, match=message):
        Factors.checked(*arguments)
