"""From counts to component images: strips of scores, subsets of parts."""

from collections import Counter

import numpy as np
import pytest

from napari_xrf_denoise.denoising.methods.components.component_images import strips, subsets
from napari_xrf_denoise.denoising.multifold_thinning import PhotonPartition
from napari_xrf_denoise.denoising.subspace import Subspace
from tests.helpers.mixtures import CHANNELS, mixture, photons


@pytest.fixture
def projecting():
    """A partition of a map of any height, two subspaces, and the scores of all its parts."""

    def make(height):
        source = photons(mixture(3)[:height])
        vectors = np.linalg.qr(np.random.default_rng(5).normal(size=(CHANNELS, 5)))[0]
        subspaces = [
            Subspace.of(own, np.ones(CHANNELS)) for own in (vectors[:, :3], vectors[:, 3:])
        ]
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
    for strip in strips(partition, subspaces, least=least, margin=margin, max_bytes=rows * row):
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


@pytest.mark.parametrize(("least", "margin"), [(1, 4), (3, 2), (8, 3)])
def test_strips_begin_on_the_grid_of_coarse_pixels(projecting, least, margin):
    partition, subspaces, scores = projecting(23)
    row = 8 * 24 * CHANNELS
    covered = []
    for strip in strips(partition, subspaces, least=least, margin=margin, grid=4, max_bytes=row):
        first = strip.rows.start - strip.above
        assert first % 4 == 0
        assert strip.above >= min(margin, strip.rows.start)
        covered += range(strip.rows.start, strip.rows.stop)
        inner = strip.inner(np.moveaxis(strip.scores[0], 2, 0))
        expected = np.moveaxis(scores[0, strip.rows], 2, 0)
        np.testing.assert_allclose(inner, expected, rtol=1e-4, atol=1e-3)
    assert covered == list(range(23))


def test_strips_are_as_small_as_they_may_be(projecting):
    partition, subspaces, _ = projecting(24)
    row = 8 * 24 * CHANNELS
    found = list(strips(partition, subspaces, least=4, margin=2, max_bytes=row))
    assert [strip.rows.stop - strip.rows.start for strip in found] == [4] * 6


def test_a_map_of_one_row_is_one_strip(projecting):
    partition, subspaces, scores = projecting(1)
    (strip,) = strips(partition, subspaces, least=8, margin=4)
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
