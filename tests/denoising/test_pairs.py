"""Pairs: thinning, splitting, repeats."""

import numpy as np
import pytest

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError, SettingsError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising.diagnostics.statistics import CountStatistics, Fano
from napari_xrf_denoise.denoising.pairs import (
    Photons,
    Repeats,
    check_pairs,
    choose_pairs,
    split,
    thin,
)


def found(whole=True, fano=float("nan")):
    axis = EnergyAxis.uncalibrated(1)
    return CountStatistics(np.ones(1), np.ones(1), whole, Fano(fano, 0.01), axis)


def poisson(rate=2.0, shape=(4, 6, 5, 30), seed=0):
    return np.random.default_rng(seed).poisson(rate, shape).astype(np.uint16)


def test_thinned_halves_are_independent_poisson_counts():
    counts = poisson(3.0, (200_000,))
    half = thin(counts, 0.5, np.random.default_rng(1)).astype(float)
    rest = counts - half
    for part in (half, rest):
        assert part.mean() == pytest.approx(1.5, rel=0.01)
        assert part.var() / part.mean() == pytest.approx(1, abs=0.02)
    assert abs(np.corrcoef(half, rest)[0, 1]) < 0.01


def test_parts_add_up_to_the_counts_and_have_equal_shares():
    counts = poisson(40.0, (50_000,))
    parts = split(counts, 5, np.random.default_rng(2))
    np.testing.assert_array_equal(np.sum(parts, axis=0), counts)
    for part in parts:
        assert part.mean() == pytest.approx(8, rel=0.01)
        assert part.var() / part.mean() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("rate", [0, 255])
def test_thinning_small_integers_neither_overflows_nor_invents_counts(rate):
    counts = np.full((4, 5), rate, dtype=np.uint8)
    part = thin(counts, 0.75, np.random.default_rng(0))
    assert part.dtype == np.uint8
    assert np.all(part <= counts)


def test_parts_do_not_depend_on_how_the_map_is_cut(monkeypatch):
    image = SpectrumImage(poisson(shape=(1, 6, 5, 30)))
    whole = np.concatenate([parts[0] for _, parts in Photons(image).parts(3, 7, 0)])
    monkeypatch.setattr(
        SpectrumImage,
        "blocks",
        lambda self, max_bytes=0, within=None: (
            (slice(row, row + 1), self.counts[:, row : row + 1]) for row in range(6)
        ),
    )
    by_row = np.concatenate([parts[0] for _, parts in Photons(image).parts(3, 7, 0)])
    np.testing.assert_array_equal(whole, by_row)


def sources():
    image = SpectrumImage(poisson())
    totals = image.counts.sum(axis=(1, 2, 3)).astype(float)
    return [Photons(image), Repeats(image, totals)]


@pytest.mark.parametrize("source", sources())
def test_what_is_left_without_a_part_is_the_sum_of_the_others(source):
    parts = next(source.parts(2, 5, 0))[1]
    rest = next(source.without(1, 2, 5, 0).bands())[1]
    np.testing.assert_array_equal(rest, parts[0])


def test_groups_of_repeats_have_shares_by_their_counts():
    image = SpectrumImage(poisson(shape=(3, 2, 2, 3)), repeat_kind="detector")
    source = Repeats(image, np.array([1.0, 2.0, 5.0]))
    assert source.part_shares(2) == [6 / 8, 2 / 8]
    assert source.without(0, 3, 0, 0).part_shares(2) == [2 / 7, 5 / 7]


def test_sums_over_repeats_do_not_wrap_around():
    image = SpectrumImage(np.full((2, 1, 1, 3), 4_000_000_000, dtype=np.uint32))
    assert next(Photons(image).bands())[1].tolist() == [[[8_000_000_000] * 3]]


def test_auto_thins_whole_counts_and_pairs_repeats_of_others():
    image = SpectrumImage(poisson())
    assert choose_pairs(image, "auto", found(fano=1.0)) == "thinning"
    assert choose_pairs(image, "auto", found(fano=1.5)) == "repeats"
    assert choose_pairs(image, "auto", found(whole=False, fano=1.0)) == "repeats"
    assert choose_pairs(image, "repeats", found(fano=1.0)) == "repeats"


def test_one_repeat_is_an_error_only_where_repeats_are_asked_for():
    image = SpectrumImage(poisson(shape=(1, 2, 2, 5)), name="map.h5")
    assert choose_pairs(image, "auto", found()) == "thinning"
    check_pairs("map.h5", 1, "auto")
    with pytest.raises(SettingsError, match=r"map.h5.*at least 2 repeats, found 1.*thinning"):
        check_pairs("map.h5", 1, "repeats")


def test_thinning_of_fractions_is_refused_with_a_value():
    image = SpectrumImage(np.full((1, 2, 2, 5), 1.25), name="map.h5")
    with pytest.raises(DataError, match=r"map.h5.*whole counts, found values like 1.25"):
        choose_pairs(image, "thinning", found(whole=False))
