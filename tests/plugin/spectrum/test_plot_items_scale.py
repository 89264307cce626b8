import numpy as np
import pytest

from napari_xrf_denoise.plugin.spectrum.plot_items import (
    SCALES,
    from_heights,
    square_root_ticks,
    to_heights,
)


@pytest.mark.parametrize("scale", SCALES)
def test_heights_and_back(scale):
    counts = np.array([0.5, 1.0, 7.0, 1e6])
    np.testing.assert_allclose(from_heights(to_heights(counts, scale, 0.5), scale), counts)


def test_negative_counts_have_square_roots_below_zero():
    np.testing.assert_allclose(to_heights(np.array([-25.0]), "square root", 0.5), [-5.0])
    np.testing.assert_allclose(from_heights(np.array([-5.0]), "square root"), [-25.0])


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1e-3), (0.0, 0.7), (-3.0, 5.0), (0.0, 31.0), (90.0, 90.4), (0.0, 1e4)]
)
@pytest.mark.parametrize("number", [2, 5, 9])
def test_ticks_are_rising_and_in_view(low, high, number):
    ticks = square_root_ticks(low, high, number)
    assert 2 <= len(ticks) <= number
    assert ticks == sorted(ticks)
    heights = to_heights(np.array(ticks), "square root", 0.5)
    assert heights.min() >= low - 1e-6 * (high - low)
    assert heights.max() <= high + 1e-6 * (high - low)
    # Not far from equally spaced, so that numbers do not lie over each other.
    assert np.diff(heights).min() > 0.1 * (high - low) / (number - 1)
