"""Pixels that stand out of all their neighbours."""

import pytest
import torch

from napari_xrf_denoise.denoising.methods.components.outlying_pixels import mended, outlying

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
    found = outlying(scores, 1.0, MIXING).nonzero().tolist()
    assert found == [list(place)]


def test_two_neighbours_are_no_outliers():
    scores = noisy()
    scores[0, 5, 5:7] += 60
    assert not outlying(scores, 1.0, MIXING).any()


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
    found = mended(images, places)
    others = [6.0, 7.0, 8.0, 11.0, 16.0, 17.0, 18.0]
    torch.testing.assert_close(found[:, :, 2, 2], torch.full((3, 2), sum(others) / 7))
    assert torch.equal(found[:, :, ~places], images[:, :, ~places])
    assert images[0, 0, 2, 2] == 12
