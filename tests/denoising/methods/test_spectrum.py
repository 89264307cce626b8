"""The method "spectrum" as a user calls it: lines, scores, and where raw counts are better."""

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising.model import Model

CHANNELS = np.arange(200)
FAST = {"method": "spectrum", "preset": "fast"}


def image_of(rate, seed=0):
    return SpectrumImage(np.random.default_rng(seed).poisson(rate)[None].astype(np.uint16))


def lines(pixels, counts, places=(50, 90, 150), width=3.0):
    """Rate (1, pixels, energy) of three lines on a background, each pixel a mixture of its own."""
    shapes = np.exp(-0.5 * ((CHANNELS - np.array(places)[:, None]) / width) ** 2)
    amounts = np.random.default_rng(7).uniform(0.5, 1.5, (pixels, len(places)))
    amounts *= np.resize([3, 2, 1], len(places))
    rate = amounts @ shapes + 0.1
    return (counts * rate / rate.sum(axis=1, keepdims=True))[None]


def spikes(pixels=30, counts=2000):
    """Rate of lines of a single channel."""
    return lines(pixels, counts, places=range(10, 190, 12), width=0.2)


@pytest.mark.parametrize("seed", range(3))
def test_the_lines_of_spectra_of_twenty_counts_are_held_in_their_sum(seed):
    rate = lines(40, 20)
    result = xrf.denoise(image_of(rate, seed), **FAST)
    for place in (50, 90):
        # About 250 and 170 counts in all: chance alone is 6 and 8 %.
        window = slice(place - 6, place + 7)
        assert result.counts[..., window].sum() / rate[..., window].sum() == pytest.approx(
            1, abs=0.25
        )


def test_the_reported_gain_is_right_on_average(dose_gain):
    told, true = [], []
    for seed in range(4):
        rate = lines(30, 300)
        result = xrf.denoise(image_of(rate, seed), **FAST)
        told.append(np.log(result.report.dose_gain))
        true.append(np.log(dose_gain(result.counts, rate)))
    assert np.mean(told) == pytest.approx(np.mean(true), abs=0.15)


def test_raw_counts_are_given_where_smoothing_makes_them_worse(tmp_path):
    image = image_of(spikes())
    # Lines of six channels were asked for, where there are lines of one.
    result = xrf.denoise(image, method="spectrum", line_width=6.0, steps=20)
    np.testing.assert_array_equal(result.counts, image.counts[0])
    assert any("the result is the raw counts" in warning for warning in result.report.warnings)
    assert result.report.dose_gain == 1
    loaded = Model.load(result.model.save(tmp_path / "raw.safetensors"))
    again = xrf.apply(loaded, image)
    np.testing.assert_array_equal(again.counts, result.counts)
    assert any("the result is the raw counts" in warning for warning in again.report.warnings)
    assert xrf.apply(loaded, image_of(spikes(), 1)).report.dose_gain == 1


def test_good_results_are_no_raw_counts():
    for seed in range(4):
        result = xrf.denoise(image_of(lines(1, 500), seed), **FAST)
        assert not any("is the raw counts" in warning for warning in result.report.warnings)


@pytest.mark.parametrize("pixels", [1, 40])
def test_a_loaded_model_gives_the_result_of_the_fit(tmp_path, pixels):
    image = image_of(lines(pixels, 50))
    result = xrf.denoise(image, **FAST)
    loaded = Model.load(result.model.save(tmp_path / "model.safetensors"))
    np.testing.assert_array_equal(xrf.apply(loaded, image).counts, result.counts)


def test_a_model_holds_the_lines_of_other_spectra_and_reports_the_gain(dose_gain):
    model = xrf.denoise(image_of(lines(40, 20)), **FAST).model
    rate = lines(40, 20, places=(60, 100, 140))
    result = xrf.apply(model, image_of(rate, 1))
    window = slice(54, 67)
    assert result.counts[..., window].sum() / rate[..., window].sum() == pytest.approx(1, abs=0.25)
    low, high = result.report.dose_gain_interval
    assert low < dose_gain(result.counts, rate) < high


def test_repeats_of_fractions_have_a_score_too(dose_gain):
    rate = np.repeat(lines(40, 50)[None] / 6, 6, axis=0)
    counts = 0.7 * np.random.default_rng(0).poisson(rate).astype(float)
    result = xrf.denoise(SpectrumImage(counts, repeat_kind="detector"), **FAST)
    low, high = result.report.dose_gain_interval
    assert low < high
    assert dose_gain(result.counts / 0.7, 6 * rate[0]) > 2
