"""Samples that moved between repeats."""

from functools import cache

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_xrf_denoise.denoising.diagnostics.sample_motion import find_sample_motion
from napari_xrf_denoise.simulation.measurements import simulate_map


@cache
def scene(seed=3):
    """Rate (y, x) of 1 count a pixel on average, as sharp as pixels are."""
    _, rate = simulate_map((120, 110), n_channels=64, counts_per_pixel=1.0, seed=seed)
    return rate.sum(axis=2).astype(float)


def window(picture, y=0, x=0, shape=(60, 56)):
    """What a scan sees of a sample that moved by (y, x)."""
    return picture[30 - y : 30 - y + shape[0], 25 - x : 25 - x + shape[1]]


@pytest.mark.parametrize("level", [0.3, 3, 30, 300])
def test_a_sample_that_stayed_raises_no_alarm(level):
    for seed in range(8):
        rng = np.random.default_rng(seed)
        size = (48, 40) if seed % 2 else (12, 30)
        dose = rng.uniform(0.5, 1.5, (2 + seed % 4, 1, 1))
        counts = rng.poisson(level * dose * window(scene(seed=seed), shape=size))
        assert find_sample_motion(counts) == [], (level, seed)


@pytest.mark.parametrize("move", [(1, 0), (2, -3), (-9, 5), (18, 2)])
@pytest.mark.parametrize("level", [60, 300])
def test_a_move_is_found_with_its_size(move, level):
    sample = scene()
    maps = np.array([window(sample), window(sample), window(sample, *move)])
    (found,) = find_sample_motion(np.random.default_rng(1).poisson(level * maps))
    assert found.repeat == 2
    assert (found.y, found.x) == pytest.approx(move, abs=0.7)


def test_a_fading_beam_is_no_move():
    sample = window(scene())
    fading = np.linspace(1.2, 0.6, len(sample))[:, None]
    maps = np.random.default_rng(2).poisson(300 * np.array([sample, sample * fading]))
    assert find_sample_motion(maps) == []


def test_a_move_of_a_large_map_is_given_in_its_pixels():
    sample = gaussian_filter(np.random.default_rng(0).gamma(0.3, 3, (330, 320)), 4) + 0.1
    maps = np.array([sample[20:320, 20:300], sample[14:314, 20:300]])
    (found,) = find_sample_motion(np.random.default_rng(1).poisson(20 * maps))
    assert (found.y, found.x) == pytest.approx((6, 0), abs=0.5)


def test_a_line_is_tested_along_itself():
    line = gaussian_filter(np.random.default_rng(0).gamma(0.3, 3, 120), 1.5) + 0.1
    maps = np.array([line[10:110], line[7:107]])[:, None, :]
    (found,) = find_sample_motion(np.random.default_rng(1).poisson(500 * maps))
    assert (found.y, found.x) == (0, pytest.approx(3, abs=0.5))


@pytest.mark.parametrize("shape", [(1, 30, 30), (3, 1, 1), (3, 5, 5)])
def test_one_repeat_or_few_pixels_tell_nothing(shape):
    assert find_sample_motion(np.full(shape, 1000)) == []


def test_an_empty_repeat_did_not_move():
    assert find_sample_motion(np.stack([np.full((20, 20), 50), np.zeros((20, 20))])) == []
