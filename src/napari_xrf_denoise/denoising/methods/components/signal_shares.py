"""How much of component images is signal and how much noise, for each component and scale.

Independent noise has no part in the product of images of different counts, and if the components
were not found in one of them, neither has what was taken for signal when they were found.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .component_network import ComponentNetwork, averages_of, filtered, pyramid

LEAST_NOISE = 1e-6
"""Variance of a score that no counts contribute to."""
Pictures = Sequence[torch.Tensor]
"""Component images (components, y, x) of one tile each."""


def measure_shares(
    network: ComponentNetwork,
    halves: tuple[Pictures, Pictures],
    pair: tuple[Pictures, Pictures],
    exposures: Sequence[float],
) -> None:
    """Tell a network the power of signal and noise, which make it a Wiener filter.

    Parameters
    ----------
    halves : tuple of two sequences of torch.Tensor
        Images, at the full rate, of two halves of the counts that it learns from.
    pair : tuple of two sequences of torch.Tensor
        Images of counts that the components were found in, and of others.
    exposures : sequence of float
        Share of all counts that each of these four is from.
    """
    first, second, own, others = exposures
    levels = [[pyramid(image[None]) for image in images] for images in (*halves, *pair)]
    for kind in (0, 1):
        one, two, mine, other = ([level[kind] for level in images] for images in levels)
        noise = _mean([_minus(u, v) for u, v in zip(one, two, strict=True)], squared=True)
        noise = (noise / (1 / first + 1 / second)).clamp(min=LEAST_NOISE)
        network.noise[1 - kind] = noise
        network.signal[1 - kind] = _signal(mine, other, noise / own, noise / others)


def measure_leftovers(
    network: ComponentNetwork,
    left: Pictures,
    unseen: Pictures,
    exposure: float,
    unseen_exposure: float,
) -> None:
    """Tell a network how much of what its predictions leave is signal.

    Parameters
    ----------
    left : sequence of torch.Tensor
        Images of counts minus the prediction from them.
    unseen : sequence of torch.Tensor
        Images of other counts minus that prediction.
    """
    mine, other = ([pyramid(image[None])[1] for image in images] for images in (left, unseen))
    whole = _mean(mine, squared=True)
    noise = network.noise[0] / unseen_exposure
    signal = _signal(mine, other, whole, noise)
    network.left_signal.copy_(signal)
    network.left_noise.copy_((whole - signal).clamp(min=LEAST_NOISE) * exposure)


def with_leftovers(
    network: ComponentNetwork, found: torch.Tensor, whole: torch.Tensor, exposure: float
) -> torch.Tensor:
    """Return predictions (components, y, x) with the share of what they leave that is signal.

    A network sees half of the counts at once. What is alike in neighbouring pixels is the same in
    all halves, but of what is in single pixels a half can tell less than `whole` does.
    """
    noise = network.left_noise / exposure
    share = network.left_signal / (network.left_signal + noise)
    return found + filtered(averages_of((whole - found)[None]), share[None])[0]


def _signal(
    mine: list[list[torch.Tensor]],
    other: list[list[torch.Tensor]],
    noise: torch.Tensor,
    others_noise: torch.Tensor,
) -> torch.Tensor:
    """Return the mean square (scales, components) that two images share, shrunk by its error.

    W. James and C. Stein, Proc. 4th Berkeley Symp. 1 (1961) 361.
    """
    products = [
        [x * y for x, y in zip(*both, strict=True)] for both in zip(mine, other, strict=True)
    ]
    signal = _mean(products).clamp(min=0)
    number = torch.tensor(
        [sum(level[0, 0].numel() for level in scale) for scale in zip(*mine, strict=True)],
        device=signal.device,
    )
    error = (signal * (noise + others_noise) + noise * others_noise) / number[:, None]
    return (signal - error / signal.clamp(min=LEAST_NOISE)).clamp(min=0)


def _minus(one: list[torch.Tensor], two: list[torch.Tensor]) -> list[torch.Tensor]:
    return [x - y for x, y in zip(one, two, strict=True)]


def _mean(images: list[list[torch.Tensor]], *, squared: bool = False) -> torch.Tensor:
    """Return the mean over pixels of all images, or of their squares, (scales, components)."""
    rows = []
    for scale in zip(*images, strict=True):
        flat = torch.cat([level[0].flatten(1) for level in scale], 1)
        rows.append((flat.square() if squared else flat).mean(1))
    return torch.stack(rows)
