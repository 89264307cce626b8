"""What a method knows about the errors of its result, put together as an `Uncertainty`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.uncertainties.mean_errors import MeanErrors
from napari_xrf_denoise.core.uncertainties.uncertainty import Scatter, Uncertainty
from napari_xrf_denoise.denoising.diagnostics.statistics import CountStatistics
from napari_xrf_denoise.denoising.quality.error_products import BLOCKS, ErrorSums, block_sums

Images = Sequence[NDArray[np.floating]]
Spectra = Sequence[NDArray[np.float32]]


def uncertainty_of(
    sums: ErrorSums, scatter: Scatter, spots: NDArray[np.bool_], found: CountStatistics
) -> Uncertainty:
    """Return the uncertainty of a result, given the products of its errors.

    `spots` (y, x) are pixels whose lines are as they were counted.
    """
    mean = MeanErrors(
        sums.edges,
        sums.pixels,
        sums.squares.astype(np.float32),
        sums.products.astype(np.float32),
        tuple(sums.numbers),
        found.spectrum / spots.size,
        _in_pieces(scatter, sums, spots).astype(np.float32),
        sums.noise.in_channels(sums.edges),
    )
    return Uncertainty(mean, scatter, spots)


def scatter_between(first: Spectra, second: Spectra, spectra: Spectra) -> Scatter:
    """Return by how much predictions from fewer counts differ from those of the same networks."""
    steps = [few - rest for rest, few in zip(first, second, strict=True)]
    return Scatter.of(steps, spectra)


def of_mean(
    sums: ErrorSums, images: Images, spectra: Spectra, spots: NDArray[np.bool_]
) -> ErrorSums:
    """Return the products of errors of the mean of members, given those of single ones.

    Those of the mean are smaller by the products of the members' distances from it (see
    `dose_gain.spare`). Images (y, x, components) times spectra are what members predict from all
    counts; in `spots` the result is none of them.
    """
    number = len(images)
    columns = np.add.reduceat(np.concatenate(spectra), sums.edges[:-1], axis=1).astype(np.float64)
    member = np.repeat(np.arange(number), [len(own) for own in spectra])
    same = (member[:, None] == member) / number - 1 / number**2
    squares = sums.squares.copy()
    for block, pixels in enumerate(sums.pixels):
        found = _products(images, spots, round(pixels**0.5)) / pixels
        squares[block] -= columns.T @ (found * same) @ columns
    return replace(sums, squares=squares)


def _in_pieces(scatter: Scatter, sums: ErrorSums, spots: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return mean products of the scatter in sums over blocks, (blocks, pieces, pieces)."""
    columns = np.add.reduceat(scatter.spectra, sums.edges[:-1], axis=1).astype(np.float64)
    same = (scatter.groups[:, None] == scatter.groups) / (scatter.groups[-1] + 1)
    found = [_products([scatter.images], spots, round(p**0.5)) / p for p in sums.pixels]
    return np.stack([columns.T @ (own * same) @ columns for own in found])


def _products(images: Images, spots: NDArray[np.bool_], side: int) -> NDArray[np.float64]:
    """Return mean products of sums over blocks of images, (components, components)."""
    rank = sum(image.shape[2] for image in images)
    total, blocks = np.zeros((rank, rank)), 0
    for start in range(0, len(spots), BLOCKS[-1]):
        rows = slice(start, start + BLOCKS[-1])
        strip = np.concatenate([image[rows] for image in images], axis=2, dtype=np.float32)
        strip[spots[rows]] = 0
        sums = block_sums(strip[None], side)[0]
        total += sums.T @ sums
        blocks += len(sums)
    return total / max(1, blocks)
