"""Pairs: thinning, splitting, repeats."""

import numpy as np
import pytest

from napari_xrf_denoise.denoising.pairs import (
    Fano,
    Photons,
    Repeats,
    choose_pairs,
    fano_over_repeats,
    refuse_copies,
    split,
    thin,
)
from napari_xrf_denoise.errors import DataError, SettingsError
from napari_xrf_denoise.spectrum_image import SpectrumImage

UNKNOWN = Fano(float("nan"), float("nan"))


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
        lambda self, max_bytes=0: (
            (slice(row, row + 1), self.counts[:, row : row + 1]) for row in range(6)
        ),
    )
    by_row = np.concatenate([parts[0] for _, parts in Photons(image).parts(3, 7, 0)])
    np.testing.assert_array_equal(whole, by_row)


@pytest.mark.parametrize("kind", [Photons, Repeats])
def test_what_is_left_without_a_part_is_the_sum_of_the_others(kind):
    source = kind(SpectrumImage(poisson()))
    parts = next(source.parts(2, 5, 0))[1]
    rest = next(source.without(1, 2, 5, 0).bands())[1]
    np.testing.assert_array_equal(rest, parts[0])
    assert source.without(1, 2, 5, 0).share == pytest.approx(0.5)


def test_groups_of_repeats_have_shares_by_their_number():
    source = Repeats(SpectrumImage(poisson(shape=(5, 2, 2, 3))))
    assert source.part_shares(2) == [0.6, 0.4]


def test_auto_thins_whole_counts_and_pairs_repeats_of_others():
    image = SpectrumImage(poisson())
    assert choose_pairs(image, "auto", Fano(1.0, 0.01), whole=True) == "thinning"
    assert choose_pairs(image, "auto", Fano(1.5, 0.01), whole=True) == "repeats"
    assert choose_pairs(image, "auto", Fano(1.0, 0.01), whole=False) == "repeats"
    assert choose_pairs(image, "repeats", Fano(1.0, 0.01), whole=True) == "repeats"


def test_one_repeat_is_an_error_only_where_repeats_are_asked_for():
    image = SpectrumImage(poisson(shape=(1, 2, 2, 5)), name="map.h5")
    assert choose_pairs(image, "auto", UNKNOWN, whole=True) == "thinning"
    with pytest.raises(SettingsError, match=r"map.h5.*at least 2 repeats, found 1.*thinning"):
        choose_pairs(image, "repeats", UNKNOWN, whole=True)


def test_thinning_of_fractions_is_refused_with_a_value():
    image = SpectrumImage(np.full((1, 2, 2, 5), 1.25), name="map.h5")
    with pytest.raises(DataError, match=r"map.h5.*whole counts, found values like 1.25"):
        choose_pairs(image, "thinning", UNKNOWN, whole=False)


def test_a_copy_is_no_repeat():
    counts = poisson()
    counts[3] = counts[1]
    with pytest.raises(DataError, match="repeats 1 and 3 are identical"):
        refuse_copies(SpectrumImage(counts))
    refuse_copies(SpectrumImage(poisson()))


def test_fano_factor_of_poisson_repeats_is_one_and_of_others_is_not():
    rate = np.random.default_rng(3).uniform(0.1, 5, (20, 20, 50))
    counts = np.random.default_rng(4).poisson(rate, (4, 20, 20, 50))
    fano = fano_over_repeats(SpectrumImage(counts))
    assert fano.factor == pytest.approx(1, abs=5 * fano.error)
    assert fano.is_poisson
    doubled = fano_over_repeats(SpectrumImage(2 * counts))
    assert doubled.factor == pytest.approx(2, rel=0.02)
    assert not doubled.is_poisson


def test_detector_elements_of_different_efficiency_are_still_poisson():
    rate = np.random.default_rng(3).uniform(1, 5, (10, 10, 50))
    gains = np.array([1.0, 2.0, 0.5, 1.5])[:, None, None, None]
    counts = np.random.default_rng(5).poisson(gains * rate)
    assert fano_over_repeats(SpectrumImage(counts)).factor == pytest.approx(1, abs=0.03)
