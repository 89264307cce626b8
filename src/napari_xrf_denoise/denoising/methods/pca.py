"""Poisson-weighted principal component analysis: the baseline for maps.

Counts are divided by the square root of the mean spectrum, so that their noise is about white;
the leading eigenvectors of the Gram matrix span the spectra of the map. A spectrum is replaced by
its projection on them. M. R. Keenan and P. G. Kotula, Surf. Interface Anal. 36 (2004) 203.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.cores import in_order, number_of_cores
from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.core.uncertainties.uncertainty import Scatter
from napari_xrf_denoise.denoising.multifold_thinning import PartitionedBand, PhotonPartition
from napari_xrf_denoise.denoising.pairs import RANK_STREAM, Counts, Source
from napari_xrf_denoise.denoising.settings import PcaSettings
from napari_xrf_denoise.denoising.subspace import leading_vectors, weights

Factors = dict[str, NDArray[np.float32]]


def fit_pca(source: Source, settings: PcaSettings, rank: int, watch: Watch) -> Factors:
    """Return the factors of the projection of a map's spectra.

    ``"analysis"`` (energy, rank) turns spectra into scores, ``"synthesis"`` (rank, energy) turns
    scores into spectra.
    """
    bands = (band for _, band in source.bands())
    gram, mean = _gram(bands, source.shape, watch, "adding up spectra")
    weight = weights(mean, settings.weight_floor)
    vectors = _leading_vectors(gram, mean, weight, rank)
    return {
        "analysis": (vectors / weight[:, None]).astype(np.float32),
        "synthesis": np.ascontiguousarray((vectors * weight[:, None]).T.astype(np.float32)),
    }


def find_rank(source: Source, settings: PcaSettings, watch: Watch) -> int:
    """Return the number of components that lower the error of the result.

    Components are taken from one half of the counts. Along each, the product of the scores of both
    halves measures signal without noise, and the first half's own square adds its noise. With all
    counts the signal's energy is 4 times, the noise's twice that of a half: components are kept up
    to where the sum of (2 · signal − noise) is largest.
    """
    height, width, size = source.shape
    seed = settings.seed
    gram, mean = _gram(
        (parts[0] for _, parts in source.parts(2, seed, RANK_STREAM)),
        source.shape,
        watch.part(0, 0.7),
        "finding components",
    )
    weight = weights(mean, settings.weight_floor)
    most = min(settings.max_rank, size, height * width)
    vectors = _leading_vectors(gram, mean, weight, most)
    analysis = (vectors / weight[:, None]).astype(np.float32)
    signal, noise = np.zeros(most), np.zeros(most)
    # Both halves in counts of one half, also where they are unequal groups of repeats.
    shares = 2 * np.array(source.part_shares(2))
    for rows, (first, second) in source.parts(2, seed, RANK_STREAM):
        watch.step("finding the number of components", 0.7 + 0.3 * rows.stop / height)
        a = _spectra(first) @ analysis / shares[0]
        b = _spectra(second) @ analysis / shares[1]
        both = (a * b).sum(axis=0, dtype=np.float64)
        signal += both
        noise += (a * a).sum(axis=0, dtype=np.float64) - both
    return int(np.argmax(np.cumsum(2 * signal - noise))) + 1


def predict_pca(factors: Factors, counts: Counts) -> NDArray[np.float32]:
    """Return the projection of spectra (rows, x, energy), never negative, each total kept."""
    return _project(factors, counts)[1]


def pca_scores(factors: Factors, counts: Counts) -> NDArray[np.float32]:
    """Return scores (rows, x, rank): times the synthesis, without what is negative, the same."""
    return _project(factors, counts)[0]


def _project(factors: Factors, counts: Counts) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    raw = _spectra(counts)
    scores = (raw @ factors["analysis"]).astype(np.float32, copy=False)
    spectra = scores @ factors["synthesis"]
    np.maximum(spectra, 0, out=spectra)
    # Cutting negative values off adds counts; a spectrum's own total is the best of its total.
    total, found = (part.sum(axis=1, keepdims=True) for part in (raw, spectra))
    kept = np.divide(total, found, out=np.zeros_like(found), where=found > 0)
    scores *= kept
    spectra *= kept
    return scores.reshape(*counts.shape[:-1], -1), spectra.reshape(counts.shape)


def pca_scatter(factors: Factors, partition: PhotonPartition, folds: int, watch: Watch) -> Scatter:
    """Return how the projections of single folds of the counts depart from their mean."""
    height, width, _ = partition.source.shape
    rank = factors["analysis"].shape[1]
    images = [np.empty((height, width, rank), np.float32) for _ in range(folds)]
    # Groups of repeats hold unequal shares of the counts.
    shares = np.array(partition.fold_shares(folds), np.float32)[:, None, None] * folds

    def project(rows: slice, band: PartitionedBand) -> tuple[slice, NDArray[np.float32]]:
        scores = np.stack([band.times(part, factors["analysis"]) for part in band.counts.T])
        scores /= shares
        return rows, scores - scores.mean(axis=0)

    for rows, scores in partition.in_folds(folds).map(project):
        watch.step("measuring the scatter", rows.start / height)
        for image, score in zip(images, scores, strict=True):
            image[rows] = score.reshape(-1, width, rank)
    return Scatter.of(images, [factors["synthesis"]] * folds)


def _spectra(counts: Counts) -> NDArray[np.float32]:
    return counts.reshape(-1, counts.shape[-1]).astype(np.float32)


def _gram(
    bands: Iterable[Counts], shape: tuple[int, ...], watch: Watch, stage: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sum of products of channels (energy, energy) and the mean spectrum."""
    height, width, size = shape
    gram, total = np.zeros((size, size)), np.zeros(size)
    held: list[NDArray[np.float32]] = []
    done = 0
    for band in bands:
        watch.step(stage, done / height)
        held.append(_spectra(band))
        done += band.shape[0]
        # Of fewer pixels, adding up the products takes longer than multiplying.
        if sum(map(len, held)) < size and done < height:
            continue
        spectra = np.concatenate(held)
        held.clear()
        # Products in float32, their sums in float64: as exact, at twice the speed.
        for columns, product in in_order(partial(_columns, spectra), _pieces(size)):
            gram[:, columns] += product
        total += spectra.sum(axis=0, dtype=np.float64)
    return gram, total / (height * width)


def _pieces(size: int) -> list[slice]:
    """Return channels cut into as many pieces as there are cores."""
    edges = np.linspace(0, size, min(size, number_of_cores()) + 1).round().astype(int).tolist()
    return [slice(start, stop) for start, stop in pairwise(edges)]


def _columns(spectra: NDArray[np.float32], columns: slice) -> tuple[slice, NDArray[np.float32]]:
    return columns, spectra.T @ spectra[:, columns]


def _leading_vectors(
    gram: NDArray[np.float64],
    mean: NDArray[np.float64],
    weight: NDArray[np.float64],
    rank: int,
) -> NDArray[np.float64]:
    """Return orthogonal spectra (energy, rank) in weighted counts: the mean, then components."""
    return leading_vectors(gram / weight[:, None] / weight[None, :], mean / weight, rank)
