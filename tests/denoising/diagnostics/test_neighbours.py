"""Neighbours that are too alike to be independent photons."""

from functools import reduce

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import binom

from napari_xrf_denoise.denoising.diagnostics import neighbours
from napari_xrf_denoise.denoising.diagnostics.neighbours import NeighbourPairs, find_ties
from tests.helpers.changed_counts import ROUNDED, TIED, changed, factor, photons, rates


def pairs_of(counts, rows=None):
    counts = np.asarray(counts)
    counts = counts[None] if counts.ndim == 3 else counts
    pairs = NeighbourPairs(counts.shape)
    for start in range(0, counts.shape[1], rows or counts.shape[1]):
        band = slice(start, min(start + (rows or counts.shape[1]), counts.shape[1]))
        pairs.add(band, counts[:, band])
    return pairs


@pytest.mark.parametrize("total", [2, 3, 4, 7, 20, 101])
def test_a_fair_coin_is_the_most_even_and_falls_short_as_rarely_as_said(total):
    first = np.arange(total + 1)
    apart = np.abs(2 * first - total)
    fair = binom.pmf(first, total, 0.5)
    assert fair @ apart**2 == pytest.approx(total)
    assert fair @ (apart**2 - total) ** 2 == pytest.approx(2 * total * (total - 1))
    for chance in (0.3, 0.1, 0.02):
        other = binom.pmf(first, total, chance)
        for least in range(total + 1):
            assert other[apart <= least].sum() <= fair[apart <= least].sum() + 1e-12
    for step in np.geomspace(1e-4, 10, 60) / total:
        moment = logsumexp(-step * (apart**2 - total), b=fair)
        assert moment <= step**2 * total * (total - 1) + 1e-12


def test_pairs_are_those_of_neighbours():
    counts = np.random.default_rng(0).poisson(2, (2, 5, 9, 12))
    pairs = pairs_of(counts)
    sides = {
        0: (counts[:, :-1], counts[:, 1:]),
        1: (counts[:, :, :-1], counts[:, :, 1:]),
        2: (counts[..., :-1], counts[..., 1:]),
        3: (counts[:, :, :4], counts[:, :, 4:8]),
    }
    for axis, (first, second) in sides.items():
        sums = first + second
        several = sums > 1
        assert pairs.numbers[axis].sum() == several.sum()
        excess = (first - second)[several] ** 2 / sums[several] - 1
        assert pairs.excess[axis].sum() == pytest.approx(excess.sum())
        for value in (2, 5):
            assert pairs.numbers[axis, ..., value - 2].sum() == (sums == value).sum()


@pytest.mark.parametrize("rows", [1, 3, 4])
@pytest.mark.parametrize("apart", [False, True], ids=["one after the other", "apart"])
def test_pairs_do_not_depend_on_the_bands(rows, apart):
    counts = photons((11, 9), seed=3)
    whole, banded = pairs_of(counts), pairs_of(counts, rows)
    if apart:
        bands = [slice(start, min(start + rows, 11)) for start in range(0, 11, rows)]
        found = [NeighbourPairs((1, 11, 9, counts.shape[-1])) for _ in bands]
        for pairs, band in zip(found, bands, strict=True):
            pairs.add(band, counts.reshape(1, 11, 9, -1)[:, band])
        banded = reduce(NeighbourPairs.plus, found)
    np.testing.assert_array_equal(banded.numbers, whole.numbers)
    np.testing.assert_allclose(banded.excess, whole.excess, atol=1e-9)


@pytest.mark.parametrize("kind", ["smooth", "white", "edges", "uniform"])
@pytest.mark.parametrize("counts", [5, 30, 200, 1500, 60_000])
def test_photons_of_any_rates_are_not_tied(kind, counts):
    assert find_ties(pairs_of(photons((20, 24), counts, seed=counts, kind=kind))) is None


def test_clean_counts_fall_short_no_further_than_chance():
    # 40 maps of equal rates, where the bound is sharp: their least of many tests stays above -5.
    for seed in range(40):
        pairs = pairs_of(np.random.default_rng(seed).poisson(0.3, (16, 16, 60)))
        numbers, excess = (neighbours._cells(table) for table in (pairs.numbers, pairs.excess))
        tested = numbers >= neighbours.FEWEST
        clear = excess / np.sqrt(np.maximum(numbers, 1) * neighbours.SPREAD)
        assert clear[tested].min() > -5
    assert tested.sum() > 20


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("kind", ["smooth", "white"])
@pytest.mark.parametrize("name", TIED)
def test_counts_that_were_interpolated_smoothed_or_copied_are_tied(name, kind, seed):
    ties = find_ties(pairs_of(changed(TIED[name], photons(kind=kind, seed=seed), seed)))
    assert ties is not None
    assert ties.scatter < 0.95


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("name", "axes"),
    [
        ("running sum", ("rows", "columns")),
        ("energy smoothed", ("channels",)),
        ("afterpulse", ("channels",)),
        ("rows upsampled", ("rows",)),
        ("columns upsampled", ("columns",)),
    ],
)
def test_the_axes_along_which_they_are_tied_are_named(name, axes, seed):
    ties = find_ties(pairs_of(changed(TIED[name], photons(seed=seed), seed)))
    assert ties.axes == axes
    assert f"neighbouring {' and '.join(axes)} are too alike" in str(ties)


def test_the_strength_is_that_of_the_copy():
    # Two equal rows differ by nothing.
    assert find_ties(pairs_of(np.repeat(photons((16, 24)), 2, axis=0))).scatter == 0


@pytest.mark.parametrize("name", ["factor 1.1 to 1.4", "noise of 0.5"])
@pytest.mark.parametrize("seed", [0, 1])
def test_counts_that_were_rounded_are_tied_along_no_axis_alone(name, seed):
    ties = find_ties(pairs_of(changed(ROUNDED[name], photons((40, 40), seed=seed), seed)))
    assert ties.axes == ()
    assert "rounded to whole numbers" in str(ties)


def test_more_counts_show_smaller_factors():
    bright = photons((36, 36), 1000)
    for least, most in ((1, 1.2), (0.7, 1.3)):
        assert find_ties(pairs_of(changed(factor(least, most), bright))) is not None


def test_a_dead_time_shows_in_pixels_of_like_counts():
    # A factor that is a function of the counts: among all pixels its gaps are filled.
    counts = photons((40, 40), 400, seed=2)
    totals = counts.sum(axis=2, keepdims=True)
    corrected = np.rint(counts * (1 + 0.4 * totals / totals.max())).astype(int)
    assert find_ties(pairs_of(corrected)) is not None


def test_an_overflow_says_nothing_of_the_others():
    counts = photons((20, 20))
    counts[..., -1] = 60  # in every pixel, as no Poisson counts are
    assert find_ties(pairs_of(counts)) is not None
    assert find_ties(pairs_of(counts), overflow=True) is None


def test_large_maps_are_looked_at_in_runs_of_rows(monkeypatch):
    counts = np.repeat(photons((24, 24), seed=1), 2, axis=0)
    whole = pairs_of(counts)
    monkeypatch.setattr(neighbours, "ENOUGH", counts.size // 3)
    for rows in (5, 48):
        part = pairs_of(counts, rows)
        assert 0.3 < part.numbers.sum() / whole.numbers.sum() < 0.5
        assert find_ties(part).axes == ("rows",)


@pytest.mark.parametrize("shape", [(1, 1, 1, 8), (1, 1, 1, 1), (3, 1, 2, 100), (1, 40, 1, 3)])
def test_any_shape_will_do(shape):
    for dtype in (np.uint8, np.uint16, np.int64, np.float32):
        counts = np.random.default_rng(0).poisson(90, shape).astype(dtype)
        assert find_ties(pairs_of(counts)) is None


def test_large_counts_do_not_overflow():
    rate = rates((12, 12)) * 40_000
    counts = np.random.default_rng(0).poisson(rate)
    assert counts.max() > 2**17
    assert find_ties(pairs_of(counts)) is None
    assert find_ties(pairs_of(np.repeat(counts, 2, axis=1))).axes == ("columns",)
