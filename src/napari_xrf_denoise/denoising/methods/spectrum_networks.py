"""The 1D networks. Each takes spectra of shape (spectra, energy) and returns the same shape."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

NEGATIVE_SLOPE = 0.2
EPSILON = 1e-5
MOMENTUM = 0.1


class DnCNN(nn.Module):
    """The published network: 3-tap convolutions, batch norm and LeakyReLU, no skip.

    The convolutions have no bias and pad by repeating the border; batch norm and LeakyReLU(0.2)
    follow all but the last. With 4 features and 6 layers these are 256 weights.

    All weights are one vector, and a layer is one matrix product over the three neighbours of
    every channel: at this size a network is bound by the overhead of its operations, and this
    form needs a third of them. First weights are drawn as torch draws those of a convolution.

    K. Zhang et al., IEEE Trans. Image Process. 26 (2017) 3142.
    """

    running_mean: torch.Tensor
    running_var: torch.Tensor

    def __init__(
        self, features: int = 4, layers: int = 6, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        widths = [1, *[features] * (layers - 1), 1]
        self.shapes = [(after, 3 * before) for before, after in pairwise(widths)]
        parts = []
        for after, fan_in in self.shapes:
            bound = 1 / math.sqrt(fan_in)
            parts.append(torch.empty(after * fan_in).uniform_(-bound, bound, generator=generator))
            parts += [torch.ones(after), torch.zeros(after)]
        parts = parts[:-2]  # no batch norm after the last convolution
        self.weights = nn.Parameter(torch.cat(parts))
        self.register_buffer("running_mean", torch.zeros(layers - 1, features))
        self.register_buffer("running_var", torch.ones(layers - 1, features))

    def forward(self, spectra: torch.Tensor) -> torch.Tensor:
        """Return the prediction for spectra, both of shape (spectra, energy).

        Batch norm uses the statistics that were remembered in training.
        """
        *layers, last = _layers(self.weights, self.shapes)
        hidden = spectra[None]
        for (kernel, gain, shift), mean, var in zip(
            layers, self.running_mean, self.running_var, strict=True
        ):
            plain = kernel @ _neighbours(hidden)
            scale = gain * (var + EPSILON).rsqrt()
            plain = (plain - mean[:, None]) * scale[:, None] + shift[:, None]
            hidden = functional.leaky_relu_(plain, NEGATIVE_SLOPE).view(-1, *spectra.shape)
        return (last[0] @ _neighbours(hidden)).view(spectra.shape)


def load_weights(network: nn.Module, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Give a network the weights of a model.

    Raises
    ------
    ValueError
        If tensors are missing or have another shape.
    """
    try:
        network.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
    except RuntimeError as error:
        raise ValueError(str(error)) from error


def _layers(weights: torch.Tensor, shapes: list[tuple[int, int]]) -> list[tuple[torch.Tensor, ...]]:
    """Return (kernel, gain, shift) of each layer as views of the vector; the last has no norm."""
    layers: list[tuple[torch.Tensor, ...]] = []
    start = 0
    for after, fan_in in shapes:
        norm = after if len(layers) < len(shapes) - 1 else 0
        ends = (start + after * fan_in, start + after * fan_in + norm)
        kernel = weights[start : ends[0]].view(after, fan_in)
        start = ends[1] + norm
        layers.append((kernel, weights[ends[0] : ends[1]], weights[ends[1] : start]))
    return layers


def _neighbours(hidden: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """Return the left neighbour, the channel itself and the right one, borders repeated.

    (features, spectra, energy) becomes (3 * features, spectra * energy).
    """
    features, spectra, size = hidden.shape
    if out is None:
        out = hidden.new_empty(3 * features, spectra * size)
    stacked = out.view(3, features, spectra, size)
    stacked[1] = hidden
    stacked[0, ..., 1:] = hidden[..., :-1]
    stacked[0, ..., 0] = hidden[..., 0]
    stacked[2, ..., :-1] = hidden[..., 1:]
    stacked[2, ..., -1] = hidden[..., -1]
    return out


def _sum_neighbours(stacked: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """Return the gradient of `_neighbours`: the sum over the three places of each channel."""
    parts: tuple[torch.Tensor, ...] = stacked.view(3, -1, *shape).unbind()
    left, total, right = parts
    total[..., :-1] += left[..., 1:]
    total[..., 0] += left[..., 0]
    total[..., 1:] += right[..., :-1]
    total[..., -1] += right[..., -1]
    return total.view(total.shape[0], -1)


class TrainingPass:
    """Forward and backward passes of a `DnCNN` in training mode, with gradients written out.

    Autograd is the reference: a test compares values and gradients with torch's own layers, which
    take 3.1 times as long. All large tensors are made once: an allocation for every operation would
    cost as much as the operations themselves. Batch norm uses the statistics of the batch, and the
    network remembers them. Every pass has the same input, `spectra` (spectra, energy).
    """

    def __init__(self, network: DnCNN, spectra: torch.Tensor) -> None:
        self.network = network
        self._spectra = spectra
        self._number = spectra.numel()
        shapes = network.shapes
        make = spectra.new_empty
        self._stacked = [make(fan_in, self._number) for _, fan_in in shapes]
        self._centred = [make(after, self._number) for after, _ in shapes]
        self._out = [make(after, self._number) for after, _ in shapes[:-1]]
        self._below = make(max(fan_in for _, fan_in in shapes), self._number)
        self._gradient = make(max(after for after, _ in shapes), self._number)
        self._scales: list[torch.Tensor] = []

    @torch.no_grad()
    def forward(self) -> torch.Tensor:
        """Return the prediction, shape (spectra * energy,), valid until the next pass."""
        network = self.network
        *layers, last = _layers(network.weights, network.shapes)
        hidden = self._spectra[None]
        self._scales = []
        means, variances = [], []
        for index, (kernel, gain, shift) in enumerate(layers):
            centred, out = self._centred[index], self._out[index]
            torch.mm(kernel, _neighbours(hidden, self._stacked[index]), out=centred)
            mean = centred.mean(1, keepdim=True)
            centred -= mean
            var = torch.linalg.vecdot(centred, centred, dim=1) / self._number
            scale = (var + EPSILON).rsqrt()
            torch.mul(centred, (gain * scale)[:, None], out=out)
            out += shift[:, None]
            functional.leaky_relu_(out, NEGATIVE_SLOPE)
            self._scales.append(scale)
            means.append(mean[:, 0])
            variances.append(var)
            hidden = out.view(-1, *self._spectra.shape)
        network.running_mean.lerp_(torch.stack(means), MOMENTUM)
        unbiased = self._number / max(1, self._number - 1)
        network.running_var.lerp_(torch.stack(variances) * unbiased, MOMENTUM)
        stacked = _neighbours(hidden, self._stacked[-1])
        return torch.mm(last[0], stacked, out=self._centred[-1])[0]

    @torch.no_grad()
    def backward(self, gradient: torch.Tensor) -> None:
        """Put the gradient of the weights into ``network.weights.grad``.

        `gradient` (spectra * energy,) is that of the loss with respect to the last prediction.
        """
        *layers, last = _layers(self.network.weights, self.network.shapes)
        gradient = gradient[None]
        found = [gradient @ self._stacked[-1].T]
        kernel = last[0]
        for index in range(len(layers) - 1, -1, -1):
            below = torch.mm(kernel.T, gradient, out=self._below[: kernel.shape[1]])
            total = _sum_neighbours(below, self._spectra.shape)
            kernel, gain, _shift = layers[index]
            gradient, centred = self._gradient[: len(kernel)], self._centred[index]
            # The sign of LeakyReLU's result is that of its argument.
            torch.ops.aten.leaky_relu_backward.grad_input(
                total, self._out[index], NEGATIVE_SLOPE, True, grad_input=gradient
            )
            scale = self._scales[index]
            by_shift = gradient.sum(1)
            by_gain = torch.linalg.vecdot(gradient, centred, dim=1) * scale
            centred *= (by_gain * scale / self._number)[:, None]
            gradient -= centred
            gradient -= (by_shift / self._number)[:, None]
            gradient *= (gain * scale)[:, None]
            found += [by_shift, by_gain, gradient @ self._stacked[index].T]
        flat = torch.cat([part.reshape(-1) for part in reversed(found)])
        self.network.weights.grad = flat


class Mixing(nn.Module):
    """Mixes candidates channel by channel: narrow lines where there are some, smooth between.

    A small convolutional network looks at how far the candidates differ from the second one, in
    units of their Poisson noise, and gives each a weight in each channel. The result is a mean of
    spectra that the detector's resolution allows, with few weights to learn.
    """

    def __init__(
        self, candidates: int, features: int = 8, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.first = nn.Conv1d(candidates + 1, features, 9, padding=4, padding_mode="replicate")
        self.last = nn.Conv1d(features, candidates, 1)
        for layer in (self.first, self.last):
            bound = 1 / math.sqrt(layer.weight[0].numel())
            for weight in layer.parameters():
                nn.init.uniform_(weight, -bound, bound, generator=generator)

    def forward(self, candidates: torch.Tensor) -> torch.Tensor:
        """Return expected counts (spectra, energy) of candidates (spectra, candidates, energy)."""
        rate = candidates[:, 1:2]
        difference = torch.asinh((candidates - rate) / torch.sqrt(rate + 0.1))
        seen = torch.cat([difference, torch.log(rate + 0.01)], dim=1)
        weight = self.last(functional.leaky_relu(self.first(seen), NEGATIVE_SLOPE)).softmax(dim=1)
        mixed: torch.Tensor = (weight * candidates).sum(dim=1)
        return mixed
