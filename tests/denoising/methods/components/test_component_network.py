"""The 2D network: shapes, reach, first weights, and the filter that it begins as."""

import pytest
import torch

from napari_xrf_denoise.denoising.methods.components.component_network import (
    GRID,
    REACH,
    SCALES,
    ComponentNetwork,
    averages_of,
    enlarged,
    filtered,
    halved,
    pyramid,
)
from napari_xrf_denoise.denoising.settings import StackSettings

ALL = torch.ones(1)


def network(rank=3, features=8, seed=0):
    return ComponentNetwork(rank, features, torch.Generator().manual_seed(seed))


def trained(**options):
    """A network that adds something."""
    model = network(**options).eval()
    torch.nn.init.normal_(model.out.weight, generator=torch.Generator().manual_seed(1))
    return model


def noise(*shape, seed=7):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2), (2, 7), (8, 8), (5, 13)])
@pytest.mark.parametrize("pictures", [1, 3])
def test_pictures_of_any_size_keep_their_shape(shape, pictures):
    denoised = trained()(noise(pictures, 3, *shape), torch.full((pictures,), 0.5))
    assert denoised.shape == (pictures, 3, *shape)
    assert torch.all(torch.isfinite(denoised))


@pytest.mark.parametrize("shape", [(8, 8), (7, 9), (1, 6), (2, 3)])
def test_what_all_scales_add_is_the_picture(shape):
    scores = noise(2, 3, *shape)
    averages, details = pyramid(scores)
    assert len(averages) == len(details) == SCALES
    torch.testing.assert_close(filtered(averages, torch.ones(2, SCALES, 3)), scores)


def test_a_filter_passes_its_share_of_the_details_of_each_scale():
    scores = noise(2, 3, 7, 9)
    share = torch.rand(2, SCALES, 3, generator=torch.Generator().manual_seed(2))
    averages, details = pyramid(scores)
    expected = details[-1] * share[:, -1, :, None, None]
    for scale in reversed(range(SCALES - 1)):
        own = details[scale] * share[:, scale, :, None, None]
        expected = own + enlarged(expected, own)
    torch.testing.assert_close(filtered(averages, share), expected)
    torch.testing.assert_close(averages, averages_of(scores))


def test_coarse_pixels_are_means_and_at_the_edges_of_those_that_there_are():
    picture = torch.arange(15.0).view(1, 1, 3, 5)
    expected = torch.tensor([[3.0, 5.0, 6.5], [10.5, 12.5, 14.0]])
    torch.testing.assert_close(halved(picture)[0, 0], expected)
    torch.testing.assert_close(enlarged(torch.full((1, 1, 2, 3), 4.0), picture), 0 * picture + 4)


def test_it_begins_as_a_filter_that_passes_what_is_signal():
    model = network().eval()
    scores = noise(1, 3, 12, 12)
    model.signal.fill_(1.0)
    model.noise.fill_(1e-9)
    torch.testing.assert_close(model(scores, ALL), scores)
    model.signal.fill_(0.0)
    model.noise.fill_(1.0)
    torch.testing.assert_close(model(scores, ALL), 0 * scores)


def test_each_component_and_scale_passes_by_its_own_share():
    model = network().eval()
    model.noise.fill_(1.0)
    model.signal.fill_(0.0)
    model.signal[0, 0, 0] = 3.0  # the finest details of the first component
    model.signal[0, 2, 1] = 1.0  # the coarsest averages of the second
    scores = noise(1, 3, 16, 16)
    _, details = pyramid(scores)
    passed = model(scores, ALL)[0]
    torch.testing.assert_close(passed[0], 0.75 * details[0][0, 0])
    coarse = enlarged(enlarged(0.5 * details[2], details[1]), details[0])
    torch.testing.assert_close(passed[1], coarse[0, 1])
    torch.testing.assert_close(passed[2], 0 * passed[2])


def test_fewer_counts_have_more_noise_and_pass_less():
    model = network().eval()
    scores = noise(1, 3, 8, 8)
    for exposure in (1.0, 0.5, 0.25):
        passed = model(scores, torch.tensor([exposure]))
        torch.testing.assert_close(passed, scores / (1 + 1 / exposure))


def test_a_filter_of_the_right_shares_is_nearer_to_a_signal_than_its_noise():
    # White signal of variance 3 in noise of 1: the best linear filter leaves 3/4.
    signal = 3**0.5 * noise(1, 1, 64, 64, seed=1)
    seen = signal + noise(1, 1, 64, 64, seed=2)
    model = network(rank=1).eval()
    for kind in (0, 1):
        for scale, level in enumerate(pyramid(noise(1, 1, 256, 256, seed=3))[1 - kind]):
            model.noise[kind, scale] = level.var()
            model.signal[kind, scale] = 3 * level.var()
    error = (model(seen, ALL) - signal).square().mean()
    assert float(error) == pytest.approx(0.75, rel=0.1)


@pytest.mark.parametrize("place", [40, 41, 42, 43])
def test_a_pixel_is_not_seen_further_than_the_reach_says(place):
    model = trained()
    scores = noise(1, 3, 84, 84)
    changed = scores.clone()
    changed[:, :, place, place] += 100
    with torch.no_grad():
        rows = (model(changed, ALL) - model(scores, ALL)).abs().sum((0, 1, 3)).nonzero().ravel()
    assert place - REACH <= int(rows.min()) < place - GRID
    assert place + GRID < int(rows.max()) <= place + REACH


def test_first_weights_are_drawn_as_torch_draws_those_of_a_convolution():
    first = network(rank=8, features=32).down[0][0].weight.detach()
    bound = (8 * 9) ** -0.5
    assert first.abs().max() <= bound
    assert first.std() == pytest.approx(bound / 3**0.5, rel=0.05)


def test_the_same_generator_gives_the_same_network_and_another_one_another():
    one, same, other = (network(seed=seed).down[0][0].weight for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_network_learns_as_many_numbers_as_its_layers_say():
    # Features 8, 12, 16. Down: 3 x 3 from components and finer features. Up: 1 x 1. The last has a
    # bias. Batch norm has two numbers a feature.
    down = 9 * (3 * 8 + (3 + 8) * 12 + (3 + 12) * 16)
    up = (8 * 8 + 12 * 8) + (12 * 12 + 16 * 12)
    norm = 2 * (8 + 12 + 16 + 8 + 12)
    last = 9 * 8 * 3 + 3
    number = sum(weights.numel() for weights in network(3, 8).parameters())
    assert number == down + up + norm + last


def test_weights_that_mix_images_are_drawn_to_0_the_more_the_fewer_pixels_there_are():
    model = network()
    few, many = model.weight_groups(1000), model.weight_groups(10_000)
    assert few[0]["weight_decay"] == pytest.approx(10 * many[0]["weight_decay"])
    assert few[1]["weight_decay"] == 0
    # However few pixels there are, a step must not take away more than the weight itself.
    assert model.weight_groups(1)[0]["weight_decay"] * StackSettings().learning_rate < 0.5
    grouped = [weights for group in few for weights in group["params"]]
    assert len(grouped) == len(list(model.parameters()))
    assert all(weights.ndim == 4 for weights in few[0]["params"])
