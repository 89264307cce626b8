"""The 2D network of the stack method, for component images (images, components, y, x)."""

from __future__ import annotations

import torch
from torch import nn


class ComponentNetwork(nn.Module):
    """A DnCNN on component images: its output is added to its input.

    A convolution of 3 x 3 pixels turns the components into features, `middle` further ones mix
    these, each with batch norm and GELU, and the last one gives the scores to add. First weights
    are drawn as torch draws those of a convolution.

    K. Zhang et al., IEEE Trans. Image Process. 26 (2017) 3142.
    """

    def __init__(
        self, rank: int, features: int, middle: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.rank = rank
        self.reach = middle + 2
        layers: list[nn.Module] = []
        before = rank
        for _ in range(middle + 1):
            layers += [_convolution(before, features), nn.BatchNorm2d(features), nn.GELU()]
            before = features
        layers.append(_convolution(features, rank, bias=True))
        self.layers = nn.Sequential(*layers)
        self.first_weights(generator)

    def first_weights(self, generator: torch.Generator | None) -> None:
        """Draw the weights that training begins with."""
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                bound = layer.weight[0].numel() ** -0.5
                for weights in layer.parameters():
                    nn.init.uniform_(weights, -bound, bound, generator=generator)

    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        """Return denoised component images, shape (images, components, y, x)."""
        # A line of pixels has no second pixel to mirror.
        mirrors = min(scores.shape[2:]) > 1
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                layer.padding_mode = "reflect" if mirrors else "replicate"
        # Half the digits are enough for the correction, and twice as fast; the sum is exact.
        with torch.autocast(
            scores.device.type, torch.bfloat16, enabled=has_bfloat16(scores.device)
        ):
            added: torch.Tensor = self.layers(scores.contiguous(memory_format=torch.channels_last))
        return scores + added.to(scores.dtype)


def has_bfloat16(device: torch.device) -> bool:
    """Whether products of half the digits are faster on this device, and not merely possible."""
    if device.type == "cpu":
        # Only private functions of torch know; where they are gone, the answer is no.
        names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, name, bool)() for name in names)
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def _convolution(before: int, after: int, *, bias: bool = False) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1, padding_mode="reflect", bias=bias)
