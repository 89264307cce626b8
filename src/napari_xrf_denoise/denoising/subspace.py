"""The few spectra that a map is made of: a weighted spectral subspace, and how many span it.

Counts are divided by the square root of the mean spectrum, so that their noise is about white
(M. R. Keenan and P. G. Kotula, Surf. Interface Anal. 36 (2004) 203). Of all weighted spectra only
those count that the detector can resolve: sums of Gaussians a little narrower than its lines. In
their coordinates, a few hundred, the leading eigenvectors of the Gram matrix are found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

NARROW = 0.8
"""Width of the Gaussians that spectra are made of, and their distance, over that of a line. A line
is itself a sum of them to 2e-7 of its square; finer ones would only carry noise."""
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
    """Turns spectra into scores and scores into spectra.

    Parameters
    ----------
    analysis : numpy.ndarray, shape (energy, rank)
        Spectra of counts times this are scores, whose noise is about white.
    synthesis : numpy.ndarray, shape (rank, energy)
        Scores times this are spectra of counts.
    """

    analysis: NDArray[np.float32]
    synthesis: NDArray[np.float32]

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
        """Return the variance of what `smooth` makes of independent channels (energy,)."""
        return np.asarray(variance @ (self.analysis @ self.synthesis) ** 2)

    def noise_left(self, variance: Matrix) -> float:
        """Return the sum of squared covariances of smoothed channels over that of raw ones.

        Parameters
        ----------
        variance : numpy.ndarray, shape (energy,)
            Of independent channels.
        """
        analysis, synthesis = self.analysis.astype(np.float64), self.synthesis.astype(np.float64)
        scores = (analysis.T * variance) @ analysis @ (synthesis @ synthesis.T)
        return float((scores * scores.T).sum() / (variance @ variance))


def weights(mean: Matrix, floor: float) -> Matrix:
    """Return what counts are divided by: the square root of their mean, not below the floor's.

    Parameters
    ----------
    mean : numpy.ndarray, shape (energy,)
        Mean counts of a pixel.
    floor : float
        Mean counts below which a channel gets no more weight.
    """
    return np.asarray(np.sqrt(np.maximum(mean, floor)))


def resolved_vectors(width: Matrix, mean: Matrix, weight: Matrix, pixels: int) -> Matrix:
    """Return orthonormal weighted spectra that span all that the detector can resolve.

    Parameters
    ----------
    width : numpy.ndarray, shape (energy,)
        Standard deviation of a line in each channel, in channels.
    mean, weight : numpy.ndarray, shape (energy,)
        Mean counts of a pixel, and what they are divided by.
    pixels : int
        How many pixels the mean is of.

    Returns
    -------
    numpy.ndarray, shape (energy, number)
        Channels of the mean spectrum that no line of that width explains (a hot channel, a step)
        have vectors of their own.
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
    return vectors


def leading_vectors(gram: Matrix, first: Matrix, rank: int) -> Matrix:
    """Return orthonormal vectors: a given one, then the components of what it leaves.

    The mean spectrum comes first, whatever the counts: at a few counts a pixel the eigenvectors
    are noise, and a projection on them alone would lose most of the counts.

    Parameters
    ----------
    gram : numpy.ndarray, shape (size, size)
        Sum over pixels of products of weighted channels or coordinates.
    first : numpy.ndarray, shape (size,)
        The weighted mean spectrum.
    rank : int

    Returns
    -------
    numpy.ndarray, shape (size, at most rank)
    """
    size = len(first)
    length = np.linalg.norm(first)
    # Where all of a few photons were held out, any spectrum does.
    first = first / length if length > 0 else np.full(size, size**-0.5)
    number = min(rank, size) - 1
    if number == 0:
        return first[:, None]
    along = gram @ first
    rest = gram - np.outer(along, first) - np.outer(first, along)
    rest += float(first @ along) * np.outer(first, first)
    if size >= LARGE and KRYLOV_STEPS * (number + KRYLOV_SPARE) < size:
        basis = _krylov(rest, number + KRYLOV_SPARE, first)
        _, vectors = np.linalg.eigh(basis.T @ rest @ basis)
        vectors = basis @ vectors
    else:
        # Of pixels that are too few or too alike nothing else is left either, and whatever is
        # asked for beyond would hold the mean once more: it becomes the last of all.
        rest -= (np.trace(gram) or 1.0) * np.outer(first, first)
        _, vectors = np.linalg.eigh(rest)
    return np.column_stack([first, vectors[:, : -number - 1 : -1]])


def _krylov(matrix: Matrix, number: int, without: Matrix) -> Matrix:
    """Return orthonormal vectors whose span holds the leading eigenvectors of a matrix.

    All are orthogonal to a unit vector, which the matrix takes to zero.

    Block Krylov iteration from random vectors: C. Musco and C. Musco, NeurIPS 28 (2015) 1396. All
    of it is NumPy's, during which a window stays alive; SciPy's ARPACK holds Python up.
    """
    block = np.random.default_rng(0).normal(size=(len(matrix), number))
    blocks = []
    for _ in range(KRYLOV_STEPS):
        block, _ = np.linalg.qr(matrix @ block)
        blocks.append(block)
    basis: Matrix = np.linalg.qr(np.hstack([without[:, None], *blocks]))[0]
    return basis[:, 1:]


def certain_rank(
    seen: Sequence[Matrix],
    unseen: Sequence[Matrix],
    whole: Matrix,
    first: Sequence[Matrix],
    most: int,
    pixels: int,
) -> int:
    """Return how many components have more signal than noise could feign.

    Components are taken from a part of the counts. Their scores in it and in the other counts have
    independent noise, so that the sum of products over all pixels is signal alone; its variance
    follows from the squares of both. Components are kept up to the first that is not certain: what
    follows is mixed with noise, and single pixels among it are kept by other means.

    Parameters
    ----------
    seen, unseen : sequence of numpy.ndarray, each of shape (size, size)
        For each way to part the counts, the Gram matrices of what components are taken from and
        of the rest.
    whole : numpy.ndarray, shape (size, size)
        Gram matrix of all counts.
    first : sequence of numpy.ndarray, each of shape (size,)
        Weighted sum spectrum of what components are taken from.
    most : int
        Largest rank.
    pixels : int
    """
    signal, variance = np.zeros(most), np.zeros(most)
    for own, other, mean in zip(seen, unseen, first, strict=True):
        vectors = leading_vectors(own, mean, most)
        along = [_along(vectors, gram) for gram in (whole, own, other)]
        signal += (along[0] - along[1] - along[2]) / 2
        variance += np.maximum(along[1] * along[2], LEAST_EIGENVALUE)
    # Sums of squares over pixels, multiplied, are the variance of sums of products times pixels.
    uncertain = np.flatnonzero(signal[1:] < CERTAIN * np.sqrt(variance[1:] / pixels))
    return 1 + (int(uncertain[0]) if len(uncertain) else most - 1)


def _along(vectors: Matrix, gram: Matrix) -> Matrix:
    """Return the sum over pixels of squared scores along each vector."""
    return np.asarray(np.einsum("ir,ir->r", vectors, gram @ vectors))
