"""The look at all counts before a run."""

import numpy as np
import pytest

from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising.diagnostics import statistics
from napari_xrf_denoise.denoising.diagnostics.statistics import count_statistics
from napari_xrf_denoise.io import read
from napari_xrf_denoise.simulation.measurements import simulate_spectra

RATE = np.random.default_rng(3).uniform(0.1, 5, (20, 20, 50))


def measured(gains=(1, 1, 1, 1), seed=4):
    gains = np.asarray(gains, dtype=float)[:, None, None, None]
    return np.random.default_rng(seed).poisson(gains * RATE)


def test_totals_and_the_spectrum_are_sums():
    counts = measured()
    found = count_statistics(SpectrumImage(counts))
    np.testing.assert_allclose(found.totals, counts.sum(axis=(1, 2, 3)))
    np.testing.assert_allclose(found.spectrum, counts.sum(axis=(0, 1, 2)))
    assert found.total == counts.sum()


def test_fano_factor_of_poisson_repeats_is_one_and_of_others_is_not():
    fano = count_statistics(SpectrumImage(measured())).fano
    assert fano.factor == pytest.approx(1, abs=5 * fano.error)
    assert fano.is_poisson
    doubled = count_statistics(SpectrumImage(2 * measured())).fano
    assert doubled.factor == pytest.approx(2, rel=0.02)
    assert not doubled.is_poisson


@pytest.mark.parametrize("gains", [(1, 2, 0.5, 1.5), (1, 3), (1, 1, 1, 10)])
def test_detector_elements_of_different_efficiency_are_still_poisson(gains):
    fano = count_statistics(SpectrumImage(measured(gains))).fano
    assert fano.factor == pytest.approx(1, abs=0.03)


def test_detector_elements_that_see_other_spectra_are_still_poisson():
    # An element at another angle sees one line three times as high, and another not at all.
    response = np.ones((3, 1, 1, 50))
    response[1, ..., 10:20] = 3
    response[2, ..., 30:40] = 0.05
    counts = np.random.default_rng(4).poisson(response * RATE)
    elements = count_statistics(SpectrumImage(counts, repeat_kind="detector"))
    assert elements.fano.factor == pytest.approx(1, abs=0.05)
    assert elements.is_poisson
    # Scans of one sample cannot differ so.
    assert not count_statistics(SpectrumImage(counts, repeat_kind="scan")).is_poisson


def test_one_spectrum_for_each_element_is_not_explained_away():
    image, _ = simulate_spectra(n_repeats=4, seed=1)
    elements = image.replace(repeat_kind="detector")
    assert count_statistics(elements).fano.factor == pytest.approx(1, abs=0.15)
    doubled = elements.replace(counts=elements.counts * 2)
    assert count_statistics(doubled).fano.factor == pytest.approx(2, abs=0.3)


def test_the_measured_elements_are_poisson(shared_data):
    image = read(
        shared_data / "2xfm_0011_2xfm3__0.h5",
        dataset=[f"/MAPS_RAW/data_{letter}" for letter in "abcd"],
        energy_axis=0, repeat_kind="detector", energy_offset=-0.00418, energy_gain=0.0095216,
    )  # fmt: skip
    assert count_statistics(image).fano.factor == pytest.approx(1, abs=0.03)


def test_the_error_of_the_fano_factor_is_its_scatter():
    found = [count_statistics(SpectrumImage(measured(seed=seed)[:2])).fano for seed in range(40)]
    scatter = np.std([fano.factor for fano in found])
    assert found[0].error == pytest.approx(scatter, rel=0.35)


def test_one_repeat_says_nothing_about_its_variance():
    found = count_statistics(SpectrumImage(measured()[:1]))
    assert np.isnan(found.fano.factor)
    assert found.is_poisson


def test_fractions_are_not_poisson_and_whole_floats_may_be():
    assert not count_statistics(SpectrumImage(measured() * 1.5)).is_poisson
    assert count_statistics(SpectrumImage(measured().astype(np.float32))).is_poisson


@pytest.mark.parametrize("repeats", [1, 4])
def test_values_with_gaps_are_not_poisson(repeats):
    counts = measured()[:repeats]
    assert count_statistics(SpectrumImage(counts)).is_poisson
    assert not count_statistics(SpectrumImage(np.rint(counts * 1.3).astype(int))).is_poisson
    assert not count_statistics(SpectrumImage(counts * 2)).is_poisson


@pytest.mark.parametrize("repeats", [1, 3])
@pytest.mark.parametrize("unused", [0, 3])
def test_an_overflow_channel_says_nothing_of_the_statistics(repeats, unused):
    counts = measured()[:repeats]
    counts[..., 46 - unused :] = 0
    counts[..., 49 - unused] = 60  # in every voxel, as no Poisson counts are
    assert count_statistics(SpectrumImage(counts)).odd is None
    assert count_statistics(SpectrumImage(counts)).is_poisson
    # What is wrong with the other channels is found all the same.
    counts[..., :46] = np.minimum(counts[..., :46], 7)
    assert "cut off at 7" in str(count_statistics(SpectrumImage(counts)).odd)


@pytest.mark.parametrize("repeats", [1, 3])
def test_the_survey_does_not_depend_on_the_bands(repeats, monkeypatch):
    image = SpectrumImage(measured()[:repeats])
    whole, blocks = count_statistics(image), SpectrumImage.blocks
    monkeypatch.setattr(statistics, "BLOCK_BYTES", 1)
    monkeypatch.setattr(SpectrumImage, "blocks", lambda self, within: blocks(self, 1, within))
    banded = count_statistics(image)
    for name in ("spectra", "pixels", "coarse"):
        np.testing.assert_array_equal(
            getattr(banded.marginal_sums, name), getattr(whole.marginal_sums, name)
        )
    np.testing.assert_array_equal(
        banded.marginal_sums.values.numbers, whole.marginal_sums.values.numbers
    )
    if repeats > 1:
        assert banded.fano.factor == pytest.approx(whole.fano.factor, rel=1e-9)


def test_a_copy_is_no_repeat():
    counts = measured()
    counts[3] = counts[1]
    with pytest.raises(DataError, match="repeats 1 and 3 are identical"):
        count_statistics(SpectrumImage(counts))


def test_empty_repeats_are_not_copies():
    counts = measured()
    counts[2:] = 0
    assert count_statistics(SpectrumImage(counts)).totals[3] == 0
