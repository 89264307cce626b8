"""From counts to component images: strips of scores, subsets of parts."""

from collections import Counter

import numpy as np
import pytest

from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.denoising.methods.components.component_images import (
    cut_into_strips,
    project,
    subsets,
)
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


@pytest.mark.parametrize(("least", "margin"), [(1, 0), (1, 4), (3, 2), (8, 3), (100, 4)])
def test_strips_hold_every_row_once_with_its_neighbours(least, margin):
    height = 23
    covered = []
    for strip in cut_into_strips(height, least=least, margin=margin):
        covered += range(strip.rows.start, strip.rows.stop)
        assert strip.around.start == max(0, strip.rows.start - margin)
        assert strip.around.stop == min(height, strip.rows.stop + margin)
        assert strip.rows.stop - strip.rows.start >= min(least, height)
        picture = np.arange(strip.around.start, strip.around.stop)[None, :, None]
        inner = np.arange(strip.rows.start, strip.rows.stop)[None, :, None]
        np.testing.assert_array_equal(strip.inner(picture), inner)
    assert covered == list(range(height))


@pytest.mark.parametrize(("least", "margin"), [(1, 4), (3, 2), (8, 3)])
def test_strips_with_their_margins_begin_on_the_grid_of_coarse_pixels(least, margin):
    covered = []
    for strip in cut_into_strips(23, least=least, margin=margin, grid=4):
        assert strip.around.start % 4 == 0
        assert strip.around.start <= max(0, strip.rows.start - margin)
        covered += range(strip.rows.start, strip.rows.stop)
        picture = np.arange(strip.around.start, strip.around.stop)[None, :, None]
        assert strip.inner(picture)[0, 0, 0] == strip.rows.start
    assert covered == list(range(23))


def test_strips_are_as_small_as_they_may_be():
    found = cut_into_strips(24, least=4, margin=2)
    assert [strip.rows.stop - strip.rows.start for strip in found] == [4] * 6


@pytest.mark.parametrize("height", [1, 4, 100])
@pytest.mark.parametrize("rows", [slice(0, 23), slice(0, 1), slice(7, 16), slice(22, 23)])
def test_scores_of_some_rows_are_those_of_the_map(projecting, cut_into_bands, rows, height):
    partition, subspaces, scores = projecting(23)
    cut_into_bands(height)
    found = project(partition, subspaces, rows, Watch())
    together = np.moveaxis(np.concatenate(found, axis=1), 1, 3)
    np.testing.assert_allclose(together, scores[:, rows], rtol=1e-4, atol=1e-3)


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
