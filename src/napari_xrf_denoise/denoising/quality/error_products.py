"""Products of the errors of a result in pieces of the spectrum, from counts that it has not seen.

What `dose_gain` does for the square of an error in one channel holds for the product of errors in
two: for predictions f and counts c that they have not seen, with n the sum of all counts,

    E[ f·fᵀ − f·cᵀ − c·fᵀ + n·nᵀ − diag(n) ] = E[ (f − λ)·(f − λ)ᵀ ].

The last two terms estimate λ·λᵀ where counts are photons. Of repeats with any noise, the products
of two different parts do: n·nᵀ less the covariance of n that the scatter of the parts shows.

From the products of all pairs of pieces follows the squared error of any weighted sum of them. The
same of sums over square blocks of pixels tells how errors of neighbours add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.uncertainties.mean_errors import CountNoise

from .count_noise import NoiseTally

Image = NDArray[np.float32]
Floats = NDArray[np.float64]

BLOCKS = (1, 2, 4, 8, 16, 32)
"""Sides of the blocks, in pixels."""
STRIP = 8
"""Rows that are kept whole; larger blocks are added up from their blocks."""
FEWEST = 4
"""Blocks that tell anything."""
MOST_PIXELS = 2**16
"""About so many pixels are looked at; more would add little to what they tell."""


@dataclass(frozen=True, eq=False)
class ErrorSums:
    """Mean products of errors of pieces; the fields are those of `MeanErrors`."""

    edges: NDArray[np.int64]
    pixels: tuple[int, ...]
    squares: Floats
    products: Floats
    numbers: Floats
    """Of blocks, less by what their estimate is noisier than counts of known rate."""
    noise: CountNoise
    """Of the raw counts of a pixel in each piece."""

    def of_all(self, share: float) -> ErrorSums:
        """Return the products for all counts, given those of predictions from a share of them.

        They are the mean of both limits: errors that are noise fall to this share, bias stays.
        """
        return replace(self, squares=(1 + share) / 2 * self.squares)


class ErrorProducts:
    """Adds up products of errors, band by band.

    Parameters
    ----------
    edges : first channels of the pieces, and the number of channels
    shape : (y, x) of the map
    shares : of the counts in each held-out part
    lever : as in `held_out.Fewer`
    left_out : pixels (y, x) whose errors are known otherwise
    photons : whether counts are Poisson
    """

    def __init__(
        self,
        edges: NDArray[np.int64],
        shape: tuple[int, int],
        shares: Sequence[float],
        lever: float,
        left_out: NDArray[np.bool_] | None = None,
        photons: bool = True,
    ) -> None:
        pieces = len(edges) - 1
        self._edges, self._shape, self._shares, self._lever = edges, shape, shares, lever
        self._left_out, self._noise = left_out, None if photons else NoiseTally(shares, pieces)
        self._squares = np.zeros((len(BLOCKS), pieces, pieces))
        self._products = np.zeros((len(BLOCKS), pieces, pieces))
        self._numbers = np.zeros(len(BLOCKS))
        self._waiting: list[Image] = []
        self._strips: list[Image] = []
        self._rows = 0
        self._every = max(1, shape[0] * shape[1] // MOST_PIXELS)

    def add(self, held: Sequence[Image], guesses: Sequence[Image], fewer: Sequence[Image]) -> None:
        """Add a band: counts of each part, predictions of all without it, and from fewer counts.

        All have the shape (rows, x, pieces); predictions are for all counts.
        """
        band = np.stack([*held, *guesses, *fewer]).astype(np.float32)
        if self._left_out is not None:
            rows = slice(self._rows, self._rows + band.shape[1])
            band[:, self._left_out[rows]] = 0
        for row in np.moveaxis(band, 1, 0):
            if self._is_used(self._rows):
                self._waiting.append(row)
            self._rows += 1
            if len(self._waiting) == STRIP or (self._rows == self._shape[0] and self._waiting):
                self._add_strip(np.stack(self._waiting, axis=1))
                self._waiting = []

    def _is_used(self, row: int) -> bool:
        return row // BLOCKS[-1] % self._every == 0

    def _add_strip(self, strip: Image) -> None:
        """Add rows (kinds, rows, x, pieces), and what they complete."""
        self._add_sides(strip, [side for side in BLOCKS if side <= STRIP], 1)
        if strip.shape[1] == STRIP:
            kinds, _, width, pieces = strip.shape
            self._strips.append(block_sums(strip, STRIP).reshape(kinds, width // STRIP, pieces))
        if len(self._strips) == BLOCKS[-1] // STRIP:
            larger = np.stack(self._strips, axis=1)
            self._add_sides(larger, [side for side in BLOCKS if side > STRIP], STRIP)
            self._strips = []

    def _add_sides(self, rows: Image, sides: Sequence[int], unit: int) -> None:
        """Add blocks of these sides, given sums over smaller ones of a side `unit`."""
        for side in sides:
            sums = block_sums(rows, side // unit)
            self._numbers[BLOCKS.index(side)] += sums.shape[1]
            self._add_blocks(BLOCKS.index(side), sums)

    def _add_blocks(self, block: int, sums: Image) -> None:
        """Add sums over blocks, (kinds, blocks, pieces)."""
        pixels = BLOCKS[block] ** 2
        parts = len(self._shares)
        held, guesses, fewer = sums[:parts], sums[parts : 2 * parts], sums[2 * parts :]
        unseen = held / np.array(self._shares, np.float32)[:, None, None]
        whole, expected = unseen.mean(axis=0), guesses.mean(axis=0)
        total = -self._covariance(unseen - whole, whole)
        if self._noise is not None and pixels == 1:
            self._noise.add(held, expected)
        for number, (part, guess) in enumerate(zip(unseen, guesses, strict=True)):
            far, beyond = guess - whole, part - whole
            # As much as of the guess itself, since parts lie beyond their mean by nothing in all;
            # products of small numbers lose nothing in rounding.
            cross = far.T @ beyond
            total += (far.T @ far - cross - cross.T) / parts
            if len(fewer):
                step = fewer[number] - guess
                cross = step.T @ (far - beyond)
                total -= self._lever * (step.T @ step + cross + cross.T) / parts
        self._squares[block] += total / pixels
        self._products[block] += expected.T @ expected / pixels**2

    def _covariance(self, beyond: Image, whole: Image) -> Floats:
        """Return the covariance of all counts, summed over blocks, (pieces, pieces).

        `beyond` (parts, blocks, pieces) is what each part, in counts of the whole, has above it.
        """
        if self._noise is None:
            return np.diag(whole.sum(axis=0, dtype=np.float64))
        parts = len(beyond)
        products = sum((part.T @ part).astype(np.float64) for part in beyond)
        return np.asarray(products / (parts * (parts - 1)))

    def finish(self) -> ErrorSums | None:
        """Return the mean products, or None where no block was whole."""
        known = np.flatnonzero(self._numbers >= FEWEST)
        if not known.size:
            return None
        numbers = self._numbers[known]
        products = self._products[known] / numbers[:, None, None]
        noise = CountNoise.of_photons(len(self._edges) - 1)
        if self._noise is not None:
            # Those of pixels, for blocks of all sizes.
            noise, of_pixels = self._noise.finish()
            products = np.broadcast_to(of_pixels, products.shape)
        return ErrorSums(
            self._edges,
            tuple(BLOCKS[block] ** 2 for block in known),
            self._squares[known] / numbers[:, None, None],
            products,
            numbers * (1 - 1 / len(self._shares)),
            noise,
        )


def block_sums(strip: Image, side: int) -> Image:
    """Return sums over blocks of (kinds, rows, x, pieces): (kinds, blocks, pieces)."""
    kinds, rows, width, pieces = strip.shape
    cut = strip[:, : rows // side * side, : width // side * side]
    cells = cut.reshape(kinds, rows // side, side, width // side, side, pieces)
    return np.asarray(cells.sum(axis=(2, 4)).reshape(kinds, -1, pieces))
