import numpy as np
import pytest

from napari_xrf_denoise import DataError
from napari_xrf_denoise.plugin.element_maps.scatter_model import (
    MOST_EXACT,
    density,
    paired_values,
    pixels_inside,
    selection_labels,
)

X, Y = np.meshgrid(np.arange(10.0), np.arange(8.0))
SQUARE = [(1.5, 2.5), (4.5, 2.5), (4.5, 5.5), (1.5, 5.5)]


def test_pixels_inside_an_outline_are_those_whose_values_are():
    expected = (X > 1.5) & (X < 4.5) & (Y > 2.5) & (Y < 5.5)
    np.testing.assert_array_equal(pixels_inside(X, Y, SQUARE), expected)


def test_an_outline_with_a_dent_leaves_the_dent_out():
    corners = [(0.5, 0.5), (8.5, 0.5), (8.5, 6.5), (4.5, 0.9), (0.5, 6.5)]
    inside = pixels_inside(X, Y, corners)
    assert inside[1, 1]
    assert inside[1, 8]
    assert not inside[4, 4]


def test_values_that_are_not_finite_are_never_inside():
    holes = np.where(X == 3, np.nan, X)
    inside = pixels_inside(holes, Y, SQUARE)
    assert not inside[:, 3].any()
    assert inside[3, 2]
    x, y = paired_values(holes, Y)
    assert x.size == y.size == 72


def test_of_many_pixels_those_away_from_the_line_are_told_exactly():
    x, y = np.random.default_rng(0).normal(size=(2, 700, 700))
    angles = np.linspace(0, 2 * np.pi, 200)
    inside = pixels_inside(x, y, np.column_stack([2 * np.cos(angles), 2 * np.sin(angles)]))
    radius = np.hypot(x, y)
    # Far more pixels than are asked one by one; cells of the grid are 0.01 wide.
    assert np.count_nonzero(radius < 2) > MOST_EXACT
    assert inside[radius < 1.98].all()
    assert not inside[radius > 2.02].any()


def test_later_selections_lie_over_earlier_ones():
    labels = selection_labels(X, Y, [SQUARE, [(3.5, 2.5), (9.5, 2.5), (9.5, 4.5), (3.5, 4.5)]])
    assert labels[3, 2] == 1
    assert labels[3, 4] == labels[3, 9] == 2
    assert labels[7, 7] == 0


def test_the_density_counts_every_pixel():
    found = density(X.ravel(), Y.ravel(), bins=2)
    np.testing.assert_array_equal(found.pixels, np.full((2, 2), 20))
    assert (found.x, found.y) == ((0.0, 9.0), (0.0, 7.0))


def test_maps_of_other_pixels_are_refused_in_words():
    with pytest.raises(DataError, match=r"\(8, 10\).*\(3, 3\).*same measurement"):
        pixels_inside(X, np.ones((3, 3)), SQUARE)
    with pytest.raises(DataError, match="same pixels"):
        paired_values(X, np.ones((3, 3)))


def test_a_click_is_no_outline():
    with pytest.raises(DataError, match="at least three corners, found 2"):
        pixels_inside(X, Y, SQUARE[:2])
