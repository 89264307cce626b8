"""Dealing: what the parts of the counts are, whatever the map is cut into."""

import numpy as np
import pytest

from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising.multifold_thinning import (
    PARTS,
    PartitionedBand,
    PhotonPartition,
    partition_photons,
)
from napari_xrf_denoise.denoising.pairs import Photons, Repeats

VOXELS = 100_000


def photons(rate=2.0, shape=(1, 7, 5, 30), seed=0):
    counts = np.random.default_rng(seed).poisson(rate, shape).astype(np.uint16)
    return Photons(SpectrumImage(counts))


def repeats(number, shape=(6, 5, 30), scale=1):
    counts = np.random.default_rng(number).poisson(0.7, (number, *shape)) * scale
    return Repeats(SpectrumImage(counts), counts.sum(axis=(1, 2, 3), dtype=float))


def whole_parts(partition, max_bytes=2**20):
    """Return all parts of a partition, shape (parts, y, x, energy)."""
    bands = [
        np.stack([band.dense([part]) for part in range(partition.number)])
        for _, band in partition.bands(max_bytes)
    ]
    return np.concatenate(bands, axis=1)


# Photons are drawn one by one where there are few, and together where there are many.
@pytest.mark.parametrize("rate", [0.05, 3.0, 8.0, 60.0])
def test_parts_of_poisson_counts_are_independent_poisson_counts_of_equal_share(rate):
    rng = np.random.default_rng(1)
    counts = rng.poisson(rate, VOXELS)
    parts = partition_photons(counts, 4, rng).astype(float)
    np.testing.assert_array_equal(parts.sum(axis=1), counts)
    mean = rate / 4
    assert parts.mean(axis=0) == pytest.approx(mean, abs=5 * (mean / VOXELS) ** 0.5)
    # The variance of a sample of Poisson counts scatters by (2 · mean² + mean) / voxels.
    spread = ((2 * mean**2 + mean) / VOXELS) ** 0.5
    assert parts.var(axis=0) == pytest.approx(mean, abs=5 * spread)
    correlation = np.corrcoef(parts.T)[~np.eye(4, dtype=bool)]
    assert np.abs(correlation).max() < 5 / VOXELS**0.5


@pytest.mark.parametrize("rate", [1.0, 30.0])
def test_the_counts_of_a_part_have_the_distribution_of_poisson_counts(rate):
    from scipy.stats import chisquare, poisson

    rng = np.random.default_rng(2)
    part = partition_photons(rng.poisson(rate, VOXELS), 5, rng)[:, 2]
    expected = VOXELS * poisson.pmf(np.arange(40), rate / 5)
    common = expected > 20
    observed = np.bincount(part, minlength=40)[:40]
    table = [np.append(n[common], n[~common].sum()) for n in (observed, expected)]
    assert chisquare(table[0], table[1] * VOXELS / table[1].sum()).pvalue > 1e-3


@pytest.mark.parametrize("counts", [1, 8, 9, 1000])
def test_each_photon_goes_to_any_part_alike(counts):
    parts = partition_photons(np.full(VOXELS, counts), 4, np.random.default_rng(3)).astype(float)
    # Of a multinomial distribution: variance n·p·(1 - p), covariance -n·p².
    variance = counts * 3 / 16
    spread = max(variance * 2**0.5, 0.25) / VOXELS**0.5
    expected = counts * (np.eye(4) / 4 - 1 / 16)
    assert np.cov(parts.T) == pytest.approx(expected, abs=6 * spread)
    assert parts.mean(axis=0) == pytest.approx(counts / 4, abs=5 * (variance / VOXELS) ** 0.5)


@pytest.mark.parametrize(
    ("counts", "kind"), [(255, np.uint8), (65535, np.uint16), (5_000_000_000, np.uint64)]
)
def test_large_counts_neither_wrap_around_nor_are_lost(counts, kind):
    parts = partition_photons(np.full(10, counts, dtype=kind), PARTS, np.random.default_rng(0))
    assert parts.sum(axis=1, dtype=np.int64).tolist() == [counts] * 10


def test_no_counts_give_empty_parts():
    assert partition_photons(np.zeros(5, dtype=np.uint16), 3, np.random.default_rng(0)).sum() == 0
    assert partition_photons(np.zeros(0, dtype=np.uint16), 3, np.random.default_rng(0)).shape == (
        0,
        3,
    )
    dark = PhotonPartition(photons(rate=0), 4, 0, 0)
    assert whole_parts(dark).tolist() == np.zeros((4, 7, 5, 30)).tolist()


def test_parts_do_not_depend_on_the_size_of_blocks():
    source = photons(3.0)
    partition = PhotonPartition.of(source, 5, 2)
    whole = whole_parts(partition)
    np.testing.assert_array_equal(whole.sum(axis=0), source.image.counts[0])
    row = 8 * 5 * 30  # bytes of a row in float64
    for rows in (1, 2, 3):
        np.testing.assert_array_equal(whole_parts(partition, rows * row), whole)


def test_the_same_seed_gives_the_same_parts_and_another_one_others():
    source = photons(3.0)
    first = whole_parts(PhotonPartition.of(source, 5, 2))
    np.testing.assert_array_equal(whole_parts(PhotonPartition.of(source, 5, 2)), first)
    for other in (PhotonPartition.of(source, 6, 2), PhotonPartition.of(source, 5, 3)):
        changed = whole_parts(other) != first
        assert changed.mean() > 0.1


def test_rows_of_equal_counts_are_split_independently():
    source = Photons(SpectrumImage(np.full((1, 2, 20, 50), 4)))
    parts = whole_parts(PhotonPartition(source, 4, 0, 0)).astype(float)
    correlation = np.corrcoef(parts[0, 0].ravel(), parts[0, 1].ravel())[0, 1]
    assert abs(correlation) < 5 / 1000**0.5


@pytest.mark.parametrize("folds", [2, 3, 4, 16])
def test_every_part_is_in_one_fold_and_every_fold_is_spread_over_all_parts(folds):
    partition = PhotonPartition.of(photons(), 0, 0)
    found = partition.folds(folds)
    assert sorted(part for fold in found for part in fold) == list(range(PARTS))
    assert all(abs(len(fold) - PARTS / folds) < 1 for fold in found)
    for fold in found:
        assert set(np.diff(fold)) <= {folds}


def test_photons_of_several_repeats_are_split_together():
    counts = np.random.default_rng(0).poisson(2, (3, 4, 5, 20)).astype(np.uint8)
    parts = whole_parts(PhotonPartition.of(Photons(SpectrumImage(counts)), 0, 0))
    assert len(parts) == PARTS
    np.testing.assert_array_equal(parts.sum(axis=0), counts.sum(axis=0))


@pytest.mark.parametrize("scale", [1, 1.37], ids=["whole", "fractions"])
def test_few_repeats_are_parts_as_they_are(scale):
    source = repeats(3, scale=scale)
    partition = PhotonPartition.of(source, 0, 0)
    np.testing.assert_allclose(whole_parts(partition), source.image.counts, rtol=1e-12)
    totals = source.image.counts.sum(axis=(1, 2, 3))
    np.testing.assert_allclose(partition.shares, totals / totals.sum())


def test_many_repeats_go_to_parts_as_wholes():
    source = repeats(PARTS + 4)
    partition = PhotonPartition.of(source, 0, 0)
    counts = source.image.counts
    parts = whole_parts(partition)
    np.testing.assert_array_equal(parts[0], counts[0] + counts[PARTS])
    np.testing.assert_array_equal(parts[5], counts[5])
    np.testing.assert_array_equal(parts.sum(axis=0), counts.sum(axis=0))
    np.testing.assert_allclose(partition.shares, parts.sum(axis=(1, 2, 3)) / counts.sum())


def test_repeats_do_not_depend_on_the_size_of_blocks(cut_into_bands):
    partition = PhotonPartition.of(repeats(4), 0, 0)
    whole = whole_parts(partition)
    cut_into_bands(1)
    np.testing.assert_array_equal(whole_parts(partition), whole)


@pytest.mark.parametrize("rate", [0.002, 0.03, 1.0, 40.0])
@pytest.mark.parametrize("make", ["photons", "repeats"])
def test_projections_are_products_with_the_parts_whether_these_are_full_or_nearly_empty(rate, make):
    counts = np.random.default_rng(4).poisson(rate / 4, (4, 3, 6, 50))
    image = SpectrumImage(counts.astype(np.uint16) if make == "photons" else counts * 0.5)
    source = Photons(image) if make == "photons" else Repeats(image, counts.sum(axis=(1, 2, 3)))
    partition = PhotonPartition.of(source, 0, 0)
    matrix = np.random.default_rng(5).normal(size=(50, 7)).astype(np.float32)
    parts = whole_parts(partition).astype(float)
    (_, band), *others = partition.bands()
    assert not others
    each = band.project_each(matrix)
    assert each.shape == (partition.number, 3, 6, 7)
    np.testing.assert_allclose(each, parts @ matrix, rtol=1e-4, atol=1e-4)
    group = [0, 3]
    expected = (parts[0] + parts[3]).reshape(18, 50) @ matrix
    np.testing.assert_allclose(band.project(group, matrix), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(band.dense(group), parts[0] + parts[3])


def test_sums_of_parts_do_not_wrap_around():
    band = PartitionedBand((1, 1, 2), np.array([1]), np.full((1, 3), 200, dtype=np.uint8))
    assert band.dense([0, 1, 2]).tolist() == [[[0, 600]]]
    assert band.project([0, 1, 2], np.ones((2, 1), np.float32)).tolist() == [[600]]
