"""The 2D network of the stack method, for component images (images, components, y, x).

It begins as a Wiener filter in a pyramid of scales: what a pixel differs from its surroundings, and
these from theirs, passes by the share of it that is signal and not noise, for each component and
scale. An uncertain component thus costs nothing where it holds nothing, and a weak one that only
many pixels together show passes at the coarse scales alone. The network learns what to add.

Pyramid of scales: P. Burt and E. Adelson, IEEE Trans. Commun. 31 (1983) 532. Network of that shape:
O. Ronneberger et al., MICCAI 2015, LNCS 9351, 234.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

SCALES = 3
"""Pixels of 1, 2 and 4 of the map's; what is larger passes with the coarsest."""
GRID = 2 ** (SCALES - 1)
"""Pixels of the map in one of the coarsest, along each axis."""
REACH = 8 * GRID
"""Pixels beyond a pixel that it depends on, at most."""
WEIGHT_DECAY = 5500.0
"""Of AdamW, times the number of pixels that it learns from: the less is known, the stronger it is.
Half as much, and weak components gather noise on small maps; twice, and sharp edges are lost."""
MOST_DECAY = 10.0
"""Where a step of training takes away a fifth of a weight, nothing is learned any more."""
WIDTHS = (1.0, 1.5, 2.0)
"""Features at each scale, over those of the finest: coarser pixels are fewer and cost less."""


class ComponentNetwork(nn.Module):
    """A Wiener filter in a pyramid of scales, and a network of that shape that adds to it.

    At each scale a convolution of 3 x 3 pixels turns components and the features of the finer scale
    into features; on the way back one of 1 x 1 joins them with those of the coarser scale, and one
    of 3 x 3 makes the scores to add, in units of the error that the filter leaves. This one begins
    at 0, so that the network begins as the filter.
    """

    signal: torch.Tensor
    noise: torch.Tensor
    left_signal: torch.Tensor
    left_noise: torch.Tensor

    def __init__(self, rank: int, features: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.rank = rank
        # Mean squares of details and of averages at each scale; the noise is that of all counts.
        for name in ("signal", "noise"):
            self.register_buffer(name, torch.ones(2, SCALES, rank))
        # And of what predictions leave of the counts.
        self.register_buffer("left_signal", torch.zeros(SCALES, rank))
        self.register_buffer("left_noise", torch.ones(SCALES, rank))
        widths = [round(width * features) for width in WIDTHS]
        self.down = nn.ModuleList(
            _block(rank + before, after)
            for before, after in zip([0, *widths], widths, strict=False)
        )
        self.up = nn.ModuleList(_Joint(fine, coarse) for fine, coarse in itertools.pairwise(widths))
        self.out = nn.Conv2d(widths[0], rank, 3, padding=1)
        self.first_weights(generator)

    def first_weights(self, generator: torch.Generator | None) -> None:
        """Draw the weights that training begins with, as torch does; the last ones are 0."""
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                bound = layer.weight[0].numel() ** -0.5
                nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
        for weights in self.out.parameters():
            nn.init.zeros_(weights)

    def weight_groups(self, pixels: int) -> list[dict[str, Any]]:
        """Return the weights for an optimiser: those that mix images are drawn to 0, strongly.

        So the network stays near the filter that it begins as, unless the counts insist. `pixels`
        is the number of those that it learns from.
        """
        kernels = [weights for weights in self.parameters() if weights.ndim == 4]
        others = [weights for weights in self.parameters() if weights.ndim < 4]
        return [
            {"params": kernels, "weight_decay": min(WEIGHT_DECAY / pixels, MOST_DECAY)},
            {"params": others, "weight_decay": 0.0},
        ]

    def forward(self, scores: torch.Tensor, exposure: torch.Tensor) -> torch.Tensor:
        """Return denoised component images, shape (images, components, y, x).

        `exposure` (images,) is the share of all counts that each one holds.
        """
        noise = self.noise / exposure.view(-1, 1, 1, 1)
        share = self.signal / (self.signal + noise)
        averages = averages_of(scores)
        passed = filtered(averages, share[:, 0])
        seen = share[:, 1] / noise[:, 1].sqrt()
        # Half the digits are enough for the correction, and twice as fast; the sum is exact.
        with torch.autocast(
            scores.device.type, torch.bfloat16, enabled=has_bfloat16(scores.device)
        ):
            added = self._correction(averages, seen)
        left = (share * noise)[:, 0].sum(1).sqrt()
        return passed + added.to(scores.dtype) * left[:, :, None, None]

    def _correction(self, averages: Sequence[torch.Tensor], seen: torch.Tensor) -> torch.Tensor:
        """Return what to add, given the factors by which averages at each scale are seen."""
        features: list[torch.Tensor] = []
        where = seen.device.type
        kind = torch.get_autocast_dtype(where) if torch.is_autocast_enabled(where) else None
        for scale, layer in enumerate(self.down):
            here = averages[scale] * seen[:, scale, :, None, None]
            here = here.to(kind, memory_format=torch.channels_last)
            if features:
                here = torch.cat([here, halved(features[-1])], 1)
            features.append(layer(here))
        joined = features[-1]
        for scale in reversed(range(SCALES - 1)):
            joined = self.up[scale](features[scale], joined)
        found: torch.Tensor = self.out(joined)
        return found


def averages_of(scores: torch.Tensor) -> list[torch.Tensor]:
    """Return the averages of coarser and coarser pixels."""
    averages = [scores]
    for _ in range(SCALES - 1):
        averages.append(halved(averages[-1]))
    return averages


def pyramid(scores: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return the averages of coarser and coarser pixels, and what each differs from the next."""
    averages = averages_of(scores)
    details = [a - enlarged(b, a) for a, b in itertools.pairwise(averages)]
    return averages, [*details, averages[-1]]


def filtered(averages: Sequence[torch.Tensor], share: torch.Tensor) -> torch.Tensor:
    """Return the sum of the details of each scale, times a share (images, scale, component) of it.

    A detail is what averages differ from the enlarged ones of the next scale, which in turn are
    enlarged as well: both at once take half as many steps.
    """
    steps = torch.diff(share, dim=1, prepend=torch.zeros_like(share[:, :1]))[..., None, None]
    result = averages[-1] * steps[:, -1]
    for scale in reversed(range(len(averages) - 1)):
        own = averages[scale] * steps[:, scale]
        result = own + enlarged(result, own)
    return result


def halved(pictures: torch.Tensor) -> torch.Tensor:
    """Return the averages of 2 x 2 pixels; of fewer at the edges."""
    return functional.avg_pool2d(pictures, 2, ceil_mode=True, count_include_pad=False)


def enlarged(pictures: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return pictures of coarse pixels, interpolated at the fine ones."""
    fine = functional.interpolate(pictures, scale_factor=2, mode="bilinear", align_corners=False)
    return fine[..., : like.shape[2], : like.shape[3]]


def has_bfloat16(device: torch.device) -> bool:
    """Whether products of half the digits are faster on this device, and not merely possible."""
    if device.type == "cpu":
        # Only private functions of torch know; where they are gone, the answer is no.
        names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, name, bool)() for name in names)
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


class _Joint(nn.Module):
    """A convolution of 1 x 1 on features of a scale and those of the next coarser one, enlarged."""

    def __init__(self, fine: int, coarse: int) -> None:
        super().__init__()
        self.fine = nn.Conv2d(fine, fine, 1, bias=False)
        # The same before as after they are enlarged, and there are fewer pixels before.
        self.coarse = nn.Conv2d(coarse, fine, 1, bias=False)
        self.norm = nn.BatchNorm2d(fine)

    def forward(self, fine: torch.Tensor, coarse: torch.Tensor) -> torch.Tensor:
        own = self.fine(fine)
        return functional.gelu(self.norm(own + enlarged(self.coarse(coarse), own)))


def _block(before: int, after: int) -> nn.Module:
    # Zeros beyond the edges: a mirror image is as good there, and takes a tenth of the time.
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.GELU()
    )
