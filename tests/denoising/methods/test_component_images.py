"""From counts to score images: subspaces of a map, strips of scores, subsets of parts."""

from collections import Counter

import numpy as np
import pytest

from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising.methods.component_images import find_subspaces, strips, subsets
from napari_xrf_denoise.denoising.multifold_thinning import PhotonPartition
from napari_xrf_denoise.denoising.pairs import Photons, Repeats
from napari_xrf_denoise.denoising.settings import StackSettings

CHANNELS = 120
WIDTH = np.full(CHANNELS, 4.0)


def mixture(components, side=24, counts=300):
    """Rate of a map whose pixels are random mixtures of spectra of one line each."""
    rng = np.random.default_rng(components)
    channels = np.arange(CHANNELS)
    places = np.linspace(15, 105, components)
    spectra = np.exp(-0.5 * ((channels - places[:, None]) / 4) ** 2) + 0.02
    spectra /= spectra.sum(axis=1, keepdims=True)
    shares = rng.dirichlet(np.ones(components), side * side)
    return (counts * shares @ spectra).reshape(side, side, CHANNELS)


def photons(rate, seed=0):
    counts = np.random.default_rng(seed).poisson(rate)
    return Photons(SpectrumImage(counts[None].astype(np.uint16)))


def found(source, folds=0, rank=None, most=12):
    partition = PhotonPartition.of(source, 0, 0)
    subspaces, _ = find_subspaces(
        partition,
        partition.folds(folds) if folds else [],
        WIDTH,
        source.image.sum_spectrum(),
        StackSettings(rank=rank, max_rank=most),
        Watch(),
    )
    return subspaces


def lost(rate, subspace):
    """Share of the squared rate, in the subspace's own weights, that a projection loses."""
    spectra = rate.reshape(-1, CHANNELS)
    weight = np.sqrt(np.maximum(spectra.mean(axis=0), 1e-2))
    left = (spectra - spectra @ subspace.analysis @ subspace.synthesis) / weight
    return float((left**2).sum() / ((spectra / weight) ** 2).sum())


@pytest.mark.parametrize("folds", [0, 4])
@pytest.mark.parametrize("components", [2, 4])
def test_a_subspace_has_the_components_of_the_map_and_its_spectra(components, folds):
    rate = mixture(components)
    subspaces = found(photons(rate), folds)
    assert len(subspaces) == max(folds, 1)
    assert [subspace.rank for subspace in subspaces] == [components] * len(subspaces)
    assert max(lost(rate, subspace) for subspace in subspaces) < 2e-3


def test_a_map_of_one_spectrum_has_one_component():
    rate = np.broadcast_to(mixture(3, counts=100)[0, 0], (16, 16, CHANNELS))
    ranks = [found(photons(rate, seed))[0].rank for seed in range(20)]
    assert sum(rank > 1 for rank in ranks) <= 1


def test_a_rank_that_is_asked_for_is_kept_where_the_map_has_room_for_it():
    source = photons(mixture(2))
    assert found(source, rank=5)[0].rank == 5
    assert found(source, rank=5, most=3)[0].rank == 3
    assert found(photons(mixture(2, side=2)), rank=10)[0].rank == 4


def test_each_subspace_is_made_without_its_own_fold():
    # One line is in a repeat only, the first: a part and a fold of its own.
    rng = np.random.default_rng(0)
    counts = rng.poisson(mixture(2) / 4, (4, 24, 24, CHANNELS)).astype(float)
    counts[0, :, :, 60] += rng.poisson(40, (24, 24))
    source = Repeats(SpectrumImage(counts * 1.5), 1.5 * counts.sum(axis=(1, 2, 3)))
    spike = np.eye(CHANNELS)[60]
    kept = [spike @ s.analysis @ s.synthesis @ spike for s in found(source, folds=4, rank=4)]
    assert kept[0] < 0.3
    assert min(kept[1:]) > 0.6


def test_subspaces_do_not_depend_on_the_size_of_blocks(cut_into_bands):
    source = photons(mixture(3))
    whole = found(source, folds=2)
    cut_into_bands(5)
    for one, other in zip(whole, found(source, folds=2), strict=True):
        np.testing.assert_allclose(
            other.analysis @ other.synthesis, one.analysis @ one.synthesis, atol=1e-5
        )


@pytest.fixture
def projecting():
    """A partition of a map of any height, two subspaces, and the scores of all its parts."""

    def make(height):
        source = photons(mixture(3)[:height])
        subspaces = found(photons(mixture(3)), folds=2)
        partition = PhotonPartition.of(source, 1, 0)
        ((_, band),) = partition.bands()
        parts = np.stack([band.dense([part]) for part in range(partition.number)]).astype(float)
        matrix = np.hstack([subspace.analysis for subspace in subspaces])
        return partition, subspaces, parts @ matrix

    return make


@pytest.mark.parametrize("rows", [1, 2, 5, 24])
@pytest.mark.parametrize(("least", "margin"), [(1, 0), (1, 4), (3, 2), (8, 3), (100, 4)])
def test_strips_hold_every_row_once_with_its_neighbours(projecting, rows, least, margin):
    height = 23
    partition, subspaces, scores = projecting(height)
    row = 8 * 24 * CHANNELS  # bytes in float64
    covered = []
    for strip in strips(partition.bands(rows * row), subspaces, height, least=least, margin=margin):
        covered += range(strip.rows.start, strip.rows.stop)
        assert strip.above == min(margin, strip.rows.start)
        seen = slice(strip.rows.start - strip.above, min(height, strip.rows.stop + margin))
        assert strip.scores.shape[1] == seen.stop - seen.start
        np.testing.assert_allclose(strip.scores, scores[:, seen], rtol=1e-4, atol=1e-3)
        picture = np.moveaxis(strip.scores[0], 2, 0)
        inner = np.moveaxis(scores[0, strip.rows], 2, 0)
        np.testing.assert_allclose(strip.inner(picture), inner, rtol=1e-4, atol=1e-3)
        assert strip.rows.stop == height or strip.rows.stop - strip.rows.start >= least
    assert covered == list(range(height))


def test_strips_are_as_small_as_they_may_be(projecting):
    partition, subspaces, _ = projecting(24)
    row = 8 * 24 * CHANNELS
    found = list(strips(partition.bands(row), subspaces, 24, least=4, margin=2))
    assert [strip.rows.stop - strip.rows.start for strip in found] == [4] * 6


def test_a_map_of_one_row_is_one_strip(projecting):
    partition, subspaces, scores = projecting(1)
    (strip,) = strips(partition.bands(), subspaces, 1, least=8, margin=4)
    assert (strip.rows, strip.above) == (slice(0, 1), 0)
    np.testing.assert_allclose(strip.scores, scores, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("number", [1, 3, 8, 24])
@pytest.mark.parametrize("size", [1, 5, 11])
def test_subsets_hold_every_part_about_equally_often(number, size):
    parts = [1, 2, 4, 5, 6, 8, 9, 11, 12, 13, 15]
    chosen = subsets(parts, size, number, np.random.default_rng(0))
    assert len(chosen) == number
    assert all(len(set(subset)) == size and set(subset) <= set(parts) for subset in chosen)
    often = Counter(part for subset in chosen for part in subset)
    mean = number * size / len(parts)
    assert all(abs(often[part] - mean) <= 2 for part in parts)


def test_subsets_of_another_seed_are_others():
    parts = list(range(16))
    one, other = (subsets(parts, 8, 4, np.random.default_rng(seed)) for seed in (0, 1))
    assert one != other
