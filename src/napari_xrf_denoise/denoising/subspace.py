"""The few spectra that span a map: a weighted spectral subspace, and its rank.

Counts are divided by the square root of the mean spectrum, so that their noise is about white
(M. R. Keenan and P. G. Kotula, Surf. Interface Anal. 36 (2004) 203). Only weighted spectra that the
detector can resolve are considered: sums of Gaussians a little narrower than its lines. In their
coordinates, a few hundred, the leading eigenvectors of the Gram matrix are found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

NARROW = 0.8
"""Width of the Gaussians that add up to spectra, and their distance, over that of a line. A line is
itself a sum of them to 2e-7 of its square; finer ones would only carry noise."""
NOTHING = 1e-15
"""Part of a unit vector that is none."""
OUTLIER = 6.0
"""Standard errors by which a channel must stand out of all such sums to get a vector of its own."""
CERTAIN = 4.0
"""Standard errors of signal above noise that a component needs."""
LEAST_EIGENVALUE = 1e-12
KRYLOV_STEPS = 6
KRYLOV_SPARE = 8
"""Vectors more than are wanted, which the iteration for large matrices carries along."""
LARGE = 512
"""Size from which it is faster than a whole decomposition."""


@dataclass(frozen=True, eq=False)
class Subspace:
    """Turns spectra into scores and scores into spectra."""

    analysis: NDArray[np.float32]
    """(energy, rank): spectra of counts times this are scores, whose noise is about white."""
    synthesis: NDArray[np.float32]
    """(rank, energy): scores times this are spectra of counts."""

    @property
    def rank(self) -> int:
        """Number of components."""
        return int(self.synthesis.shape[0])

    @classmethod
    def of(cls, vectors: Matrix, weight: Matrix) -> Subspace:
        """Make the subspace that orthonormal weighted spectra (energy, rank) span."""
        return cls(
            np.ascontiguousarray(vectors / weight[:, None], dtype=np.float32),
            np.ascontiguousarray((vectors * weight[:, None]).T, dtype=np.float32),
        )

    def smooth(self, counts: NDArray[np.number]) -> NDArray[np.float32]:
        """Return the part of spectra (..., energy) that is in the subspace."""
        return np.asarray((counts.astype(np.float32) @ self.analysis) @ self.synthesis)

    def smooth_variance(self, variance: Matrix) -> Matrix:
        """Return the variance after `smooth` of independent channels of this variance (energy,)."""
        return np.asarray(variance @ (self.analysis @ self.synthesis) ** 2)

    def noise_left(self, variance: Matrix) -> float:
        """Return the sum of squared covariances of smoothed channels over that of raw ones.

        `variance` (energy,) is that of independent channels.
        """
        analysis, synthesis = self.analysis.astype(np.float64), self.synthesis.astype(np.float64)
        scores = (analysis.T * variance) @ analysis @ (synthesis @ synthesis.T)
        return float((scores * scores.T).sum() / (variance @ variance))


def weights(mean: Matrix, floor: float) -> Matrix:
    """Return the divisors of counts: the square root of the mean of a pixel, or of a floor."""
    return np.asarray(np.sqrt(np.maximum(mean, floor)))


def resolved_vectors(width: Matrix, mean: Matrix, weight: Matrix, pixels: int) -> Matrix:
    """Return orthonormal weighted spectra (energy, number) that span all the detector can resolve.

    Channels of the mean spectrum that no line of that width explains (a hot channel, a step) have
    vectors of their own.

    Parameters
    ----------
    width : numpy.ndarray, shape (energy,)
        Standard deviation of a line in each channel, in channels.
    mean, weight : numpy.ndarray, shape (energy,)
        Mean counts of a pixel, and the divisors of the counts.
    pixels : int
        Number of pixels of the mean.
    """
    size = len(width)
    narrow = NARROW * width
    if narrow.max() < 0.7:
        return np.eye(size)  # lines of about one channel: every spectrum is possible
    places = [-2 * narrow[0]]
    while places[-1] < size + 2 * narrow[-1]:
        nearest = int(np.clip(places[-1], 0, size - 1))
        places.append(places[-1] + narrow[nearest])
    centers = np.array(places)
    widths = narrow[np.clip(centers.astype(int), 0, size - 1)]
    bells = np.exp(-0.5 * ((np.arange(size)[:, None] - centers) / widths) ** 2)
    if bells.shape[1] >= size:
        return np.eye(size)
    vectors, _ = np.linalg.qr(bells / weight[:, None])
    scaled = mean / weight
    left = (scaled - vectors @ (vectors.T @ scaled)) * weight
    outliers = np.flatnonzero(
        np.abs(left) > OUTLIER * np.sqrt(np.maximum(mean, 1 / pixels) / pixels)
    )
    if len(outliers):
        vectors, _ = np.linalg.qr(np.hstack([vectors, np.eye(size)[:, outliers]]))
    # Products of the smallest numbers that there are take many times as long as others.
    vectors[np.abs(vectors) < NOTHING] = 0
    return vectors


def leading_vectors(gram: Matrix, known: Matrix, rank: int) -> Matrix:
    """Return orthonormal vectors (size, at most rank): known ones, then the components they leave.

    The mean spectrum is known first, whatever the counts: at a few counts a pixel the eigenvectors
    are noise, and a projection on them alone would lose most of the counts.

    Parameters
    ----------
    gram : numpy.ndarray, shape (size, size)
        Sum over pixels of products of weighted channels or coordinates.
    known : numpy.ndarray, shape (size,) or (size, number)
        The weighted mean spectrum, of any length, or orthonormal vectors.
    """
    size = len(known)
    if known.ndim == 1:
        length = np.linalg.norm(known)
        # If all of a few photons were held out, any spectrum will do.
        known = (known / length if length > 0 else np.full(size, size**-0.5))[:, None]
    number = min(rank, size) - known.shape[1]
    if number <= 0:
        return known
    along = gram @ known
    rest = gram - along @ known.T - known @ along.T
    rest += known @ (known.T @ along) @ known.T
    if size >= LARGE and KRYLOV_STEPS * (number + KRYLOV_SPARE) + known.shape[1] < size:
        basis = _krylov(rest, number + KRYLOV_SPARE, known)
        _, vectors = np.linalg.eigh(basis.T @ rest @ basis)
        vectors = basis @ vectors
    else:
        # Pixels that are too few or too alike leave nothing else, and further vectors would hold
        # the known ones once more: those become the last of all.
        rest -= (np.trace(gram) or 1.0) * (known @ known.T)
        _, vectors = np.linalg.eigh(rest)
    return np.column_stack([known, vectors[:, : -number - 1 : -1]])


def _krylov(matrix: Matrix, number: int, without: Matrix) -> Matrix:
    """Return orthonormal vectors whose span holds the leading eigenvectors of a matrix.

    All are orthogonal to some others (size, known), which the matrix takes to zero.

    Block Krylov iteration from random vectors: C. Musco and C. Musco, NeurIPS 28 (2015) 1396. NumPy
    lets other threads run meanwhile, so that a window stays alive; SciPy's ARPACK does not.
    """
    block = np.random.default_rng(0).normal(size=(len(matrix), number))
    blocks = []
    for _ in range(KRYLOV_STEPS):
        block, _ = np.linalg.qr(matrix @ block)
        blocks.append(block)
    basis: Matrix = np.linalg.qr(np.hstack([without, *blocks]))[0]
    return basis[:, without.shape[1] :]


def certain_vectors(
    known: Sequence[Matrix],
    seen: Sequence[Matrix],
    shared: Sequence[Matrix],
    noise: Sequence[Matrix],
    number: int,
    most: int,
) -> list[Matrix]:
    """Return known vectors and the components that have more signal than noise could mimic.

    Components are taken from a part of the counts. Their scores in it and in the other counts have
    independent noise, so that the sum of products over all pixels is signal alone; given the first,
    its variance is the sum of their squares times the noise of the others. Components are kept up
    to the first that is not certain: the following are mixed with noise.

    Parameters
    ----------
    known : sequence of numpy.ndarray, each of shape (size, number of vectors)
        For each split of the counts, vectors that are kept already.
    seen : sequence of numpy.ndarray, each of shape (size, size)
        Gram matrix of the part from which components are taken.
    shared : sequence of numpy.ndarray, each of shape (size, size)
        Sum over pixels of the products of this part with the rest.
    noise : sequence of numpy.ndarray, each of shape (size, size)
        Covariance of the noise of the rest, summed over pixels.
    number : int
        Number of pixels, or of groups of pixels.
    most : int
        Largest number of vectors.
    """
    tried = [leading_vectors(own, kept, most) for own, kept in zip(seen, known, strict=True)]
    first = known[0].shape[1]
    signal, variance = np.zeros((2, tried[0].shape[1] - first))
    for vectors, own, both, other in zip(tried, seen, shared, noise, strict=True):
        further = vectors[:, first:]
        signal += _along(further, both)
        variance += np.maximum(_along(further, own) * _along(further, other), LEAST_EIGENVALUE)
    uncertain = np.flatnonzero(signal < CERTAIN * np.sqrt(variance / number))
    rank = first + (int(uncertain[0]) if len(uncertain) else len(signal))
    return [vectors[:, :rank] for vectors in tried]


def _along(vectors: Matrix, gram: Matrix) -> Matrix:
    """Return the sum over pixels of products of scores along each vector."""
    return np.asarray(np.einsum("ir,ir->r", vectors, gram @ vectors))
