"""Pixels that stand out of all their neighbours, on component images (components, y, x).

A network that learns from neighbours can do nothing with them but be disturbed: they would dominate
what it learns and leak into the pixels around. So it sees the mean of their neighbours instead, and
what was counted there stays as it is, apart from what no component holds.
"""

from __future__ import annotations

import torch
from torch.nn import functional

STANDARD_ERRORS = 6.0
"""By which a component must be beyond its neighbours' range, beside the width of that range."""
LEAST_VARIANCE = 0.25
"""Of a score: on average it is about 1, and it is not known that well from a few counts."""


def outlying(scores: torch.Tensor, exposure: float, mixing: torch.Tensor) -> torch.Tensor:
    """Return which pixels (y, x) are beyond all their eight neighbours, and not by chance.

    Parameters
    ----------
    scores : torch.Tensor, shape (components, y, x)
        At the full rate.
    exposure : float
        Share of all counts that they are from.
    mixing : torch.Tensor, shape (components, components)
        Scores times this are the variances of the scores of all counts.
    """
    if min(scores.shape[1:]) < 2:
        return torch.zeros(scores.shape[1:], dtype=torch.bool, device=scores.device)
    around = _around(scores)
    low, high = around.amin(0), around.amax(0)
    variance = torch.einsum("ikl,ij->jkl", around.mean(0), mixing).clamp(min=LEAST_VARIANCE)
    beyond = torch.maximum(scores - high, low - scores)
    enough = torch.maximum(high - low, STANDARD_ERRORS * (variance / exposure).sqrt())
    return (beyond > enough).any(0)


def mended(images: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Return images (any, components, y, x) with the mean of the neighbours in these places."""
    if not places.any():
        return images
    kept = (~places).to(images.dtype)
    number = _around(kept[None]).sum(0)
    found = images.clone()
    for own in found:
        mean = _around(own * kept).sum(0) / number.clamp(min=1)
        own[:, places] = mean[:, places]
    return found


def _around(pictures: torch.Tensor) -> torch.Tensor:
    """Return the eight neighbours of each pixel, shape (8, kinds, y, x); mirrored at the edges."""
    height, width = pictures.shape[1:]
    wide = functional.pad(pictures, (1, 1, 1, 1), mode="reflect")
    shifts = [(y, x) for y in range(3) for x in range(3) if (y, x) != (1, 1)]
    return torch.stack([wide[:, y : y + height, x : x + width] for y, x in shifts])
