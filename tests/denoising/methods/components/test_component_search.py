"""Which spectra a map consists of: what is certain in pixels, or only in sums of many."""

import numpy as np
import pytest

from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising.methods.components.component_search import find_subspaces
from napari_xrf_denoise.denoising.multifold_thinning import PhotonPartition
from napari_xrf_denoise.denoising.pairs import Repeats
from napari_xrf_denoise.denoising.settings import StackSettings
from tests.helpers.mixtures import CHANNELS, mixture, photons

WIDTH = np.full(CHANNELS, 4.0)


def found(source, folds=0, rank=None, most=12):
    partition = PhotonPartition.of(source, 0, 0)
    everything = list(range(partition.number))
    left_out = partition.folds(folds) if folds else [[]]
    groups = [[part for part in everything if part not in fold] for fold in left_out]
    subspaces, _ = find_subspaces(
        partition,
        groups,
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
    assert min(kept[1:]) > 0.5


def test_subspaces_do_not_depend_on_the_size_of_blocks(cut_into_bands):
    source = photons(mixture(3))
    whole = found(source, folds=2)
    cut_into_bands(5)
    for one, other in zip(whole, found(source, folds=2), strict=True):
        np.testing.assert_allclose(
            other.analysis @ other.synthesis, one.analysis @ one.synthesis, atol=1e-5
        )


WEAK = {
    "a quarter": (slice(0, 24), slice(0, 24), 3.0),
    "a row": (slice(20, 21), slice(0, 48), 10.0),
    "a column": (slice(0, 48), slice(20, 21), 10.0),
}


@pytest.mark.parametrize("where", WEAK)
def test_what_is_weak_but_extended_is_found_in_sums_of_pixels(where):
    rate = np.full((48, 48, CHANNELS), 100 / CHANNELS)
    line = np.exp(-0.5 * ((np.arange(CHANNELS) - 60) / 4) ** 2)
    y, x, counts = WEAK[where]
    rate[y, x] += counts * line / line.sum()
    kept = [float(held(line, found(photons(rate, seed), 4)[0])) for seed in range(3)]
    assert np.median(kept) > 0.5
    # One pixel alone does not show it.
    alone = found(photons(rate), 4, rank=2)[0]
    assert held(line, alone) < 0.4


def held(line, subspace):
    """Share of a line, beside the mean spectrum, that a subspace holds."""
    beside = line - line.mean()
    return beside @ subspace.analysis @ subspace.synthesis @ beside / (beside @ beside)
