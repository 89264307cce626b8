"""The 2D network: shapes, reach, first weights."""

import pytest
import torch

from napari_xrf_denoise.denoising.methods.component_network import ComponentNetwork


def network(rank=3, features=8, middle=1, seed=0):
    return ComponentNetwork(rank, features, middle, torch.Generator().manual_seed(seed))


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2), (2, 7), (8, 8)])
@pytest.mark.parametrize("pictures", [1, 3])
def test_pictures_of_any_size_keep_their_shape(shape, pictures):
    denoised = network().eval()(noise(pictures, 3, *shape))
    assert denoised.shape == (pictures, 3, *shape)
    assert torch.all(torch.isfinite(denoised))


def test_scores_pass_unchanged_where_the_network_adds_nothing():
    model = network()
    with torch.no_grad():
        for weights in model.layers[-1].parameters():
            weights.zero_()
    scores = noise(2, 3, 6, 5)
    assert torch.equal(model(scores), scores)


@pytest.mark.parametrize("middle", [1, 2, 3])
def test_a_pixel_is_seen_as_far_as_the_reach_says_and_no_further(middle):
    model = network(middle=middle).eval()
    scores = noise(1, 3, 15, 15)
    changed = scores.clone()
    changed[:, :, 7, 7] += 100
    with torch.no_grad():
        rows = (model(changed) - model(scores)).abs().sum((0, 1, 3)).nonzero().ravel()
    assert (int(rows.min()), int(rows.max())) == (7 - model.reach, 7 + model.reach)


def test_beyond_a_line_of_pixels_are_copies_of_it():
    model = network().eval()
    line = noise(1, 3, 1, 20)
    with torch.no_grad():
        alone, among_copies = model(line), model(line.expand(1, 3, 9, 20).contiguous())
    # The ends of a line are continued by copies too, those of a picture by its mirror image.
    inner = slice(model.reach, -model.reach)
    torch.testing.assert_close(
        alone[..., 0, inner], among_copies[..., 4, inner], atol=1e-2, rtol=1e-2
    )


def test_first_weights_are_drawn_as_torch_draws_those_of_a_convolution():
    first = network(rank=8, features=32).layers[0].weight.detach()
    bound = (8 * 9) ** -0.5
    assert first.abs().max() <= bound
    assert first.std() == pytest.approx(bound / 3**0.5, rel=0.05)


def test_the_same_generator_gives_the_same_network_and_another_one_another():
    one, same, other = (network(seed=seed).layers[0].weight for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_network_learns_as_many_numbers_as_its_layers_say():
    # 3 x 3 convolutions without bias but for the last, and batch norm of two numbers a feature.
    expected = 9 * (3 * 8 + 2 * 8 * 8 + 8 * 3) + 3 * 2 * 8 + 3
    assert sum(weights.numel() for weights in network(3, 8, 2).parameters()) == expected
