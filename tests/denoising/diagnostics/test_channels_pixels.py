"""Pixels without counts."""

import numpy as np
import pytest

from napari_xrf_denoise.denoising.diagnostics.channels import count_empty_pixels


@pytest.mark.parametrize("rate", [0.1, 0.5, 2, 5, 30])
def test_pixels_that_are_empty_by_chance_are_no_fault(rate):
    for seed in range(30):
        rng = np.random.default_rng(seed)
        assert count_empty_pixels(rng.poisson(rate, (40, 40))) == 0
        # A sample with a dark hole.
        uneven = np.where(np.arange(40) < 10, rate / 20, rate)
        assert count_empty_pixels(rng.poisson(uneven, (40, 40))) == 0


def test_masked_pixels_are_counted():
    pixels = np.random.default_rng(0).poisson(30, (40, 40))
    pixels[5:15, 20:30] = 0
    assert count_empty_pixels(pixels) == 100
    pixels = np.random.default_rng(0).poisson(200, (9, 9))
    pixels[4, 4] = 0
    assert count_empty_pixels(pixels) == 1


def test_a_map_without_any_counts_is_not_masked():
    assert count_empty_pixels(np.zeros((5, 5))) == 0
