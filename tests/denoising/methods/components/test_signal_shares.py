"""Signal and noise of component images, measured and put to use."""

import numpy as np
import pytest
import torch

from napari_xrf_denoise.denoising.methods.components.component_network import (
    SCALES,
    ComponentNetwork,
    pyramid,
)
from napari_xrf_denoise.denoising.methods.components.signal_shares import (
    measure_leftovers,
    measure_shares,
    with_leftovers,
)

SIDE = 64
HALVES = (0.25, 0.25)


def generator(seed):
    return torch.Generator().manual_seed(seed)


def white(seed, size=1.0):
    return size * torch.randn((1, SIDE, SIDE), generator=generator(seed))


def measured(signal, exposures=(0.25, 0.25, 0.5, 0.1), variance=1.0, seed=0):
    """A network that was told the shares of a signal with noise of this variance in all counts."""
    network = ComponentNetwork(1, 4, generator(0))
    one, two, mine, other = (
        [signal + white(seed + 10 + k, (variance / exposure) ** 0.5)]
        for k, exposure in enumerate(exposures)
    )
    measure_shares(network, (one, two), (mine, other), exposures)
    return network


def test_the_noise_of_all_counts_is_found_at_each_scale():
    network = measured(white(1, 2.0))
    for kind in (0, 1):
        levels = [pyramid(white(seed)[None])[1 - kind] for seed in range(20, 30)]
        expected = [
            np.mean([float(level.var()) for level in own]) for own in zip(*levels, strict=True)
        ]
        # The coarsest of 256 pixels is known to a tenth.
        np.testing.assert_allclose(network.noise[kind, :, 0], expected, rtol=0.35)


@pytest.mark.parametrize("size", [0.5, 1.0, 3.0])
def test_the_signal_is_found_beside_more_noise(size):
    seeds = range(100, 500, 50)
    found = [measured(white(seed, size), seed=seed).signal[0, 0, 0] for seed in seeds]
    expected = size**2 * float(pyramid(white(1)[None])[1][0].var())
    assert np.mean(found) == pytest.approx(expected, rel=0.2)


def test_where_there_is_none_hardly_any_is_found():
    found = [measured(white(1, 0.0), seed=50 * k).signal[0] for k in range(20)]
    # The noise of all counts is 0.9, of what the filter sees 1.8.
    assert float(torch.stack(found)[:, 0].mean()) < 0.05


def test_a_smooth_signal_is_in_the_coarse_scales():
    y = torch.linspace(0, 6.28, SIDE)
    signal = 2 * torch.sin(y)[None, :, None].expand(1, SIDE, SIDE)
    network = measured(signal)
    share = network.signal[0, :, 0] / (network.signal[0, :, 0] + network.noise[0, :, 0])
    assert share[0] < 0.05
    assert share[2] > 0.9


def test_of_what_predictions_leave_the_share_that_is_signal_is_put_back():
    truth = white(1, 2.0)
    network = measured(truth)
    mine, unseen = truth + white(2), truth + white(3, 3.0)
    erased = torch.zeros_like(truth)
    measure_leftovers(network, [mine - erased], [unseen - erased], 1.0, 1 / 9)
    found = with_leftovers(network, erased, truth + white(4), 1.0)
    error = float((found - truth).square().mean())
    # The best filter of a white signal of 4 in noise of 1 leaves 0.8.
    assert error == pytest.approx(0.8, rel=0.15)


def test_nothing_is_put_back_where_nothing_is_missing():
    truth = white(1, 2.0)
    network = measured(truth)
    measure_leftovers(network, [white(2)], [white(3, 3.0)], 1.0, 1 / 9)
    found = with_leftovers(network, truth, truth + white(4), 1.0)
    assert float((found - truth).square().mean()) < 0.02


def test_a_network_that_was_told_nothing_puts_nothing_back():
    truth = white(1)
    assert torch.equal(with_leftovers(ComponentNetwork(1, 4), truth, white(2), 1.0), truth)


def test_several_tiles_count_together():
    network = ComponentNetwork(1, 4, generator(0))
    tiles = [[white(seed)[:, :32], white(seed)[:, 32:, :30]] for seed in range(4)]
    measure_shares(network, (tiles[0], tiles[1]), (tiles[2], tiles[3]), (0.5, 0.5, 0.5, 0.5))
    # The difference of two images of variance 1, from half of the counts each.
    expected = 0.5 * float(pyramid(white(5)[None])[1][0].var())
    assert float(network.noise[0, 0, 0]) == pytest.approx(expected, rel=0.15)
    assert network.noise.shape == (2, SCALES, 1)
