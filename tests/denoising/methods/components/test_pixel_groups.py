"""Sums over groups of neighbouring pixels."""

import numpy as np
import pytest

from napari_xrf_denoise.denoising.methods.components.pixel_groups import (
    GROUPS,
    STRIP,
    PixelGroup,
    evenly,
    in_strips,
)


def pictures(height=6, width=8, kinds=2):
    return np.arange(height * width * kinds, dtype=np.float32).reshape(height, width, kinds)


def test_squares_lie_side_by_side():
    sums = PixelGroup(2, 2).sums(pictures(4, 4, 1))[:, 0]
    # Of 0 to 15 in rows of four.
    np.testing.assert_array_equal(sums, [0 + 1 + 4 + 5, 2 + 3 + 6 + 7, 42, 50])


@pytest.mark.parametrize(
    ("group", "inside"),
    [
        (PixelGroup(1, 3), [(0, 0), (0, 1), (0, 2)]),
        (PixelGroup(3, 1), [(0, 0), (1, 0), (2, 0)]),
        (PixelGroup(3, 1, 1), [(0, 0), (1, 1), (2, 2)]),
        (PixelGroup(3, 1, -1), [(0, 0), (1, 7), (2, 6)]),
    ],
)
def test_the_first_group_is_the_first_of_a_row_a_column_or_a_diagonal(group, inside):
    whole = pictures()
    np.testing.assert_allclose(group.sums(whole)[0], sum(whole[place] for place in inside))


@pytest.mark.parametrize("group", GROUPS)
def test_every_pixel_is_in_one_group_where_they_fit_in(group):
    whole = np.ones((STRIP, 48, 1), np.float32)
    sums = group.sums(whole)
    assert len(sums) * group.rows * group.columns == STRIP * 48
    np.testing.assert_array_equal(sums, group.rows * group.columns)


def test_what_does_not_fit_in_is_left_out():
    assert PixelGroup(4, 5).sums(pictures(6, 8)).shape == (1, 2)
    assert PixelGroup(24, 24).sums(pictures(6, 8)).shape == (0, 2)


@pytest.mark.parametrize("rows", [1, 7, 24, 31, 60])
def test_bands_are_cut_into_strips_that_groups_fit_in(rows):
    whole = pictures(60, 3, 2)
    bands = (whole[start : start + rows] for start in range(0, 60, rows))
    strips = [strip.copy() for strip in in_strips(bands)]
    assert [len(strip) for strip in strips] == [STRIP, STRIP, 60 - 2 * STRIP]
    np.testing.assert_array_equal(np.concatenate(strips), whole)


@pytest.mark.parametrize("most", [0, 1, 2, 5, 12, 99])
def test_where_not_all_fit_in_groups_of_all_sizes_stay(most):
    chosen = evenly(GROUPS, most)
    assert len(chosen) == max(1, min(most, len(GROUPS)))
    assert chosen[0] == PixelGroup(1, 1)
    assert len(set(chosen)) == len(chosen)
    places = [GROUPS.index(group) for group in chosen]
    assert np.ptp(np.diff(places)) <= 1 if len(places) > 2 else places == sorted(places)
