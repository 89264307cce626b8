"""The networks, compared with torch's own layers."""

import pytest
import torch
from torch import nn

from napari_xrf_denoise.denoising.methods.spectrum_networks import DnCNN, Mixing, TrainingPass


def reference(network: DnCNN, features: int, layers: int) -> nn.Sequential:
    """The published network built from torch's layers, with the same weights."""
    widths = [1, *[features] * (layers - 1), 1]
    parts: list[nn.Module] = []
    for index in range(layers):
        parts.append(
            nn.Conv1d(
                widths[index], widths[index + 1], 3, padding=1, padding_mode="replicate", bias=False
            )
        )
        if index < layers - 1:
            parts += [nn.BatchNorm1d(features), nn.LeakyReLU(0.2)]
    model = nn.Sequential(*parts).double()
    vector = network.weights.detach()
    start = 0
    with torch.no_grad():
        for part in model:
            if isinstance(part, nn.Conv1d):
                stop = start + part.weight.numel()
                after, before, taps = part.weight.shape
                kernel = vector[start:stop].view(after, taps, before)
                part.weight.copy_(kernel.transpose(1, 2))
                start = stop
            elif isinstance(part, nn.BatchNorm1d):
                part.weight.copy_(vector[start : start + features])
                part.bias.copy_(vector[start + features : start + 2 * features])
                start += 2 * features
    return model


@pytest.fixture
def network() -> DnCNN:
    generator = torch.Generator().manual_seed(3)
    network = DnCNN(4, 6, generator).double()
    with torch.no_grad():
        network.weights += 0.1 * torch.randn(256, generator=generator).double()
    return network


def test_the_published_network_has_exactly_256_weights():
    assert sum(weight.numel() for weight in DnCNN(4, 6).parameters()) == 256


def test_a_training_pass_equals_torchs_layers(network):
    spectra = torch.randn(4, 50).double()
    expected = reference(network, 4, 6)(spectra[:, None])[:, 0]
    output = TrainingPass(network, spectra).forward()
    torch.testing.assert_close(output.view(4, 50), expected.detach())


def test_gradients_equal_torchs(network):
    spectra, wanted = torch.randn(3, 40).double(), torch.randn(3, 40).double()
    model = reference(network, 4, 6)
    ((model(spectra[:, None])[:, 0] - wanted) ** 2).sum().backward()
    passes = TrainingPass(network, spectra)
    for _ in range(2):  # buffers are used again: a second pass must not see the first
        passes.backward(2 * (passes.forward() - wanted.view(-1)))
    expected = []
    for part in model:
        if isinstance(part, nn.Conv1d):
            expected.append(part.weight.grad.transpose(1, 2).flatten())
        elif isinstance(part, nn.BatchNorm1d):
            expected += [part.weight.grad, part.bias.grad]
    torch.testing.assert_close(network.weights.grad, torch.cat(expected))


def test_prediction_uses_the_remembered_statistics_as_torch_does(network):
    model = reference(network, 4, 6)
    for _ in range(3):
        spectra = 2 + torch.randn(4, 50).double()
        TrainingPass(network, spectra).forward()
        model(spectra[:, None])
    network.eval()
    model.eval()
    torch.testing.assert_close(network(spectra), model(spectra[:, None])[:, 0])


def test_first_weights_are_drawn_as_torch_draws_those_of_a_convolution():
    weights = DnCNN(64, 3, torch.Generator().manual_seed(0)).weights.detach()
    middle = weights[64 * 3 + 128 : 64 * 3 + 128 + 64 * 64 * 3]
    bound = (64 * 3) ** -0.5
    assert middle.abs().max() <= bound
    assert middle.std() == pytest.approx(bound / 3**0.5, rel=0.05)


def test_mixing_is_a_mean_of_its_candidates():
    candidates = torch.rand(3, 5, 80) * 20
    mixed = Mixing(5)(candidates)
    assert mixed.shape == (3, 80)
    assert torch.all(mixed >= candidates.min(1).values - 1e-4)
    assert torch.all(mixed <= candidates.max(1).values + 1e-4)
