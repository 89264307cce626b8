"""Pixels and squares of four that stand out of all their neighbours, on component images.

A network that learns from neighbours can do nothing with them but be disturbed: they would dominate
what it learns and leak into the pixels around. So it sees the mean of their neighbours instead, and
where a component departs from what this leads to expect, it stays as it was counted.
"""

from __future__ import annotations

import torch
from torch.nn import functional

SIDES = 1, 2
"""Sides of the squares of pixels that are compared with the squares around them."""
STANDARD_ERRORS = 6.0
"""By which a component must be beyond its neighbours' range, beside the width of that range."""
CLEAR = 3.0
"""Standard errors by which a component departs there from what its neighbours lead to expect."""
LEAST_VARIANCE = 0.25
"""Of a score: on average it is about 1, and it is not known that well from a few counts."""


def outlying(scores: torch.Tensor, exposure: float, mixing: torch.Tensor) -> torch.Tensor:
    """Return which pixels (y, x) are beyond all their neighbours, alone or as a square of four.

    Each is compared with the eight places of the same size around it, and not beyond by chance.

    Parameters
    ----------
    scores : torch.Tensor, shape (components, y, x)
        At the full rate.
    exposure : float
        Share of all counts that they are from.
    mixing : torch.Tensor, shape (components, components)
        Scores times this are the variances of the scores of all counts.
    """
    found = torch.zeros(scores.shape[1:], dtype=torch.bool, device=scores.device)
    for side in _sides(scores):
        blocks = functional.avg_pool2d(scores, side, stride=1)
        around = _around(blocks, side)
        low, high = around.amin(0), around.amax(0)
        beyond = torch.maximum(blocks - high, low - blocks)
        enough = STANDARD_ERRORS * _errors(around.mean(0), exposure, mixing) / side
        found |= _pixels_of((beyond > torch.maximum(high - low, enough)).any(0)[None], side)[0]
    return found


def with_departures(
    found: torch.Tensor,
    scores: torch.Tensor,
    places: torch.Tensor,
    exposure: float,
    mixing: torch.Tensor,
) -> torch.Tensor:
    """Return predictions that have, in outlying places, the scores in which they depart from them.

    A pixel that has an element of its own is like its neighbours in all others. Arguments are
    those of `outlying`, and what it found; `found` are the predictions.
    """
    if not places.any():
        return found
    left = scores - found
    error = _errors(found, exposure, mixing)
    departs = torch.zeros_like(scores, dtype=torch.bool)
    for side in _sides(scores):
        clear = functional.avg_pool2d(left / error, side, stride=1).abs() * side > CLEAR
        departs |= _pixels_of(clear, side)
    return torch.where(departs & places, scores, found)


def _sides(scores: torch.Tensor) -> list[int]:
    return [side for side in SIDES if min(scores.shape[1:]) >= 2 * side]


def _errors(scores: torch.Tensor, exposure: float, mixing: torch.Tensor) -> torch.Tensor:
    """Return the standard errors of scores from this share of the counts, (components, y, x)."""
    variance = torch.einsum("iyx,ij->jyx", scores, mixing).clamp(min=LEAST_VARIANCE)
    return (variance / exposure).sqrt()


def _pixels_of(blocks: torch.Tensor, side: int) -> torch.Tensor:
    """Return the pixels (any, y, x) that are in any of some square blocks of this side."""
    wide = functional.pad(blocks.to(torch.float32), (side - 1,) * 4)
    return functional.max_pool2d(wide, side, stride=1) > 0


def mend(images: torch.Tensor, places: torch.Tensor) -> None:
    """Give images (any, components, y, x) the mean of the neighbours in these places (y, x)."""
    height, width = places.shape
    missing = places.clone()
    steps = torch.tensor([(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x])
    steps = steps.to(places.device)
    while missing.any() and not missing.all():
        y, x = missing.nonzero().T
        around = _mirrored(y + steps[:, :1], height), _mirrored(x + steps[:, 1:], width)
        known = ~missing[around]
        number = known.sum(0)
        filled = number > 0
        mean = (images[..., around[0], around[1]] * known).sum(-2) / number.clamp(min=1)
        images[..., y[filled], x[filled]] = mean[..., filled]
        missing[y[filled], x[filled]] = False


def _mirrored(places: torch.Tensor, size: int) -> torch.Tensor:
    """Return places on an axis, those beyond its ends mirrored at the last pixels."""
    return size - 1 - (size - 1 - places.abs()).abs()


def _around(pictures: torch.Tensor, side: int) -> torch.Tensor:
    """Return the eight neighbours of each block of pixels, shape (8, kinds, y, x).

    Pictures are mirrored at their edges.
    """
    height, width = pictures.shape[1:]
    wide = functional.pad(pictures, (side,) * 4, mode="reflect")
    steps = (0, side, 2 * side)
    shifts = [(y, x) for y in steps for x in steps if (y, x) != (side, side)]
    return torch.stack([wide[:, y : y + height, x : x + width] for y, x in shifts])
