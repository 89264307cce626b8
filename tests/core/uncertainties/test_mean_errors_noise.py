"""The noise of counts in the variance of sums: of lines that were kept, and of channels."""

import numpy as np
import pytest

from napari_xrf_denoise.core.uncertainties.mean_errors import CountNoise, MeanErrors
from napari_xrf_denoise.core.uncertainties.uncertainty import Scatter, Uncertainty

CHANNELS, SHAPE = 12, (5, 6)
EDGES = np.arange(0, CHANNELS + 1, 3)


def nearly_exact(noise, scale=1.0):
    """A result with errors of nearly nothing but in its spots, which are as they were counted."""
    pieces = len(EDGES) - 1
    none = np.full((2, pieces, pieces), 1e-12, np.float32)
    mean = MeanErrors(EDGES, (1, 64), none, none, (1e9, 1e9), np.full(CHANNELS, 4.0), none, noise)
    images = np.full((*SHAPE, 1), 1e-6, np.float32)
    scatter = Scatter.of([images], [np.full((1, CHANNELS), 1e-6, np.float32)])
    spots = np.zeros(SHAPE, bool)
    spots[1, 2] = spots[3, 3] = True
    return Uncertainty(mean, scatter, spots, scale)


@pytest.fixture(params=[(0.0, 1.0), (0.0, 2.5), (3.0, 0.5), (2.0, 0.0)])
def noise(request):
    constant, growth = request.param
    return CountNoise(np.full(CHANNELS, constant), np.full(CHANNELS, growth))


@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_lines_that_were_kept_are_as_uncertain_as_their_counts(noise, scale):
    own = nearly_exact(noise, scale)
    weights = np.linspace(0.5, 1.5, CHANNELS)
    spectrum = np.linspace(2.0, 9.0, CHANNELS)
    """Of each spot, in counts of all repeats."""
    variance = float(weights**2 @ (noise.constant + noise.growth * spectrum)) * scale**2
    expected = float(weights**2 @ spectrum) * scale
    pixels = own.pixel_variance(weights, np.full(SHAPE, expected))
    # The counts of a weighted sum say less than its channels, of which each has its own.
    assert pixels[1, 2] == pytest.approx(variance, rel=1e-6)
    mask = np.ones(SHAPE, bool)
    total = np.array([expected * mask.sum()])
    found = own.sum_variance(weights[None], mask, total, np.array([2 * expected]))
    assert found[0] == pytest.approx(2 * variance, rel=1e-3)


def test_each_channel_of_a_kept_line_has_its_own_noise(noise):
    own = nearly_exact(noise)
    counts = np.full(CHANNELS, 7.0)
    near, mask = own.around(1, 2)
    found = near.spectrum_variance(mask, counts, counts)
    np.testing.assert_allclose(found, noise.variance(counts), rtol=1e-3)


def test_pieces_share_their_noise_among_their_channels():
    noise = CountNoise(np.array([6.0, 4.0]), np.array([1.0, 2.0]))
    each = noise.in_channels(np.array([0, 3, 5]))
    np.testing.assert_allclose(each.constant, 2.0)
    np.testing.assert_allclose(each.growth, [1, 1, 1, 2, 2])
