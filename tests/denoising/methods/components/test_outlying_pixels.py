"""Pixels, and squares of few pixels, that stand out of all their neighbours."""

import pytest
import torch

from napari_xrf_denoise.denoising.methods.components.outlying_pixels import (
    mend,
    outlying,
    with_departures,
)

MIXING = torch.eye(2)
"""The variance of a score is the score itself."""


def noisy(shape=(20, 20), level=9.0, seed=0):
    """Scores of two components of a level and its noise."""
    generator = torch.Generator().manual_seed(seed)
    return level + level**0.5 * torch.randn((2, *shape), generator=generator)


def test_noise_does_not_stand_out():
    number = sum(int(outlying(noisy(seed=seed), 1.0, MIXING).sum()) for seed in range(50))
    assert number == 0


@pytest.mark.parametrize("place", [(0, 0), (7, 19), (10, 10)])
@pytest.mark.parametrize("away", [60.0, -60.0])
def test_a_pixel_far_from_all_its_neighbours_does(place, away):
    scores = noisy()
    scores[1, *place] += away
    found = outlying(scores, 1.0, MIXING)
    assert found[place]
    near = found.nonzero() - torch.tensor(place)
    assert near.abs().max() <= 1


@pytest.mark.parametrize(
    "cluster",
    [
        [(5, 5), (5, 6)],
        [(5, 5), (5, 6), (6, 5), (6, 6)],
        [(6, 6), (5, 6), (7, 6), (6, 5), (6, 7)],
    ],
)
def test_so_do_a_few_beside_each_other(cluster):
    scores = noisy()
    places = torch.zeros(scores.shape[1:], dtype=torch.bool)
    for place in cluster:
        places[place] = True
    scores[0, places] += 25  # 8 standard errors of one pixel
    assert outlying(scores, 1.0, MIXING)[places].all()


def test_a_grain_does_not():
    scores = noisy()
    scores[0, 5:12, 5:12] += 60
    assert not outlying(scores, 1.0, MIXING)[6:11, 6:11].any()


def test_where_neighbours_differ_as_much_nothing_stands_out():
    scores = noisy()
    scores[0, :, 10:] += 200
    scores[0, 10, 12] += 100  # 15 standard errors above the noise, half as far as the step
    assert outlying(scores, 1.0, MIXING)[10, 12]
    scores[0, 10, 10] += 100
    assert not outlying(scores, 1.0, MIXING)[10, 10]


def test_of_few_counts_more_is_chance():
    scores = noisy()
    scores[0, 5, 5] += 45
    assert outlying(scores, 1.0, MIXING)[5, 5]
    assert not outlying(scores, 0.1, MIXING).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
def test_lines_of_pixels_have_no_such_neighbours(shape):
    scores = noisy(shape)
    scores[:, 0, 0] += 1000
    assert not outlying(scores, 1.0, MIXING).any()


def test_a_mended_pixel_is_the_mean_of_its_neighbours_that_are_none():
    images = torch.arange(25.0).view(1, 1, 5, 5).repeat(3, 2, 1, 1)
    places = torch.zeros((5, 5), dtype=torch.bool)
    places[2, 2] = places[2, 3] = True
    found = images.clone()
    mend(found, places)
    others = [6.0, 7.0, 8.0, 11.0, 16.0, 17.0, 18.0]
    torch.testing.assert_close(found[:, :, 2, 2], torch.full((3, 2), sum(others) / 7))
    assert torch.equal(found[:, :, ~places], images[:, :, ~places])


def test_outlying_pixels_keep_what_departs_and_nothing_else():
    expected = torch.full((2, 20, 20), 9.0)
    scores = noisy()
    places = torch.zeros((20, 20), dtype=torch.bool)
    places[5:7, 5:7] = True
    scores[0, places] += 30
    found = with_departures(expected, scores, places, 1.0, MIXING)
    assert torch.equal(found[0, places], scores[0, places])
    assert torch.equal(found[1], expected[1])
    assert torch.equal(found[:, ~places], expected[:, ~places])


def test_what_departs_in_the_sum_of_four_pixels_is_kept_in_each():
    expected = torch.full((1, 20, 20), 9.0)
    scores = expected.clone()
    places = torch.zeros((20, 20), dtype=torch.bool)
    places[5:7, 5:7] = True
    scores[0, places] += 6  # 2 standard errors each, 4 together
    found = with_departures(expected, scores, places, 1.0, torch.eye(1))
    assert torch.equal(found, scores)


def test_pixels_within_a_mended_square_are_filled_from_its_border():
    images = torch.ones((1, 1, 9, 9))
    places = torch.zeros((9, 9), dtype=torch.bool)
    places[2:6, 2:6] = True
    images[0, 0, places] = 1000
    mend(images, places)
    assert torch.equal(images, torch.ones((1, 1, 9, 9)))


def test_pixels_at_an_edge_are_the_mean_of_those_inside_as_if_the_map_went_on_in_a_mirror():
    images = torch.arange(12.0).view(1, 1, 3, 4)
    places = torch.zeros((3, 4), dtype=torch.bool)
    places[0, 0] = places[2, 1] = True
    mend(images, places)
    assert images[0, 0, 0, 0] == (2 * 1 + 2 * 4 + 4 * 5) / 8
    assert images[0, 0, 2, 1] == (8 + 10 + 2 * (4 + 5 + 6)) / 8


def test_a_map_of_nothing_else_stays_as_it_is():
    images = torch.arange(4.0).view(1, 1, 2, 2)
    mend(images, torch.ones((2, 2), dtype=torch.bool))
    assert torch.equal(images, torch.arange(4.0).view(1, 1, 2, 2))
