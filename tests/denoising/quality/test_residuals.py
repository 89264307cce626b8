"""What a result erased or invented, on maps whose true rate is known."""

import re

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising.methods import pca
from napari_xrf_denoise.denoising.pairs import Photons, Repeats
from napari_xrf_denoise.denoising.quality.held_out import HeldOut, cross_score
from napari_xrf_denoise.denoising.settings import PcaSettings
from napari_xrf_denoise.simulation.measurements import simulate_map

AXIS = EnergyAxis(0.0, 0.04, 300)


def residuals_of(image, predict, source=None, folds=4, **options):
    """Score one way to predict, and return its residuals."""
    source = source or Photons(image)
    return cross_score(HeldOut.of(source, 0, [predict] * folds), Watch(), **options).residuals


def residuals_of_pca(image, rank):
    source, settings = Photons(image), PcaSettings(rank=rank)
    fits = [
        pca.fit_pca(source.without(part, 4, 0, 0), settings, rank, Watch()) for part in range(4)
    ]
    predictions = [lambda rest, _, fit=fit: pca.predict_pca(fit, rest) for fit in fits]
    return cross_score(HeldOut.of(source, 0, predictions), Watch()).residuals


def knows(rate):
    """Predict a rate, whatever was counted."""
    return lambda _, rows: (0.75 * rate[rows]).astype(np.float32)


def line(energy, counts):
    """Give the spectrum of a line of the detector's width."""
    shape = np.exp(-0.5 * ((AXIS.centers - energy) / 0.06) ** 2)
    return counts * shape / shape.sum()


def flat_map(shape=(20, 24)):
    """Give a rate with a strong and a weak line and a background."""
    return np.ones((*shape, 1)) * (0.02 + line(6.4, 60) + line(3.7, 3))


def draw(rate, seed=0, **fields):
    return SpectrumImage(np.random.default_rng(seed).poisson(rate)[None], AXIS, **fields)


def warns_near(warnings, energy, words):
    """Whether a warning has these words and an energy within half a line."""
    near = (re.search(r"near ([\d.]+) keV", text) for text in warnings if words in text)
    return any(found and abs(float(found[1]) - energy) < 0.08 for found in near)


@pytest.mark.parametrize("counts_per_pixel", [10, 60, 300, 2000])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_perfect_prediction_leaves_standard_normal_residuals_and_no_warning(
    counts_per_pixel, seed
):
    image, rate = simulate_map(
        shape=(36, 36), n_channels=512, counts_per_pixel=counts_per_pixel, seed=seed
    )
    found = residuals_of(image, knows(rate))
    assert found.warnings == ()
    assert found.map.std() == pytest.approx(1, abs=0.2)
    assert np.abs(found.map).max() < 4.8
    filled = rate.sum(axis=(0, 1)) > 20
    assert found.spectrum[filled].std() == pytest.approx(1, abs=0.15)
    assert np.abs(found.spectrum).max() < 4.8


def test_hot_spots_that_are_smoothed_away_are_named_with_their_place_and_energy():
    rate = flat_map()
    rate[12, 7] += line(9.7, 40)

    def blur(rest, rows):
        return gaussian_filter(rest.astype(np.float32), (3, 3, 0), mode="nearest")

    found = residuals_of(draw(rate), blur)
    assert warns_near(found.warnings, 9.7, "lost near")
    assert any("(y 12, x 7)" in text for text in found.warnings)
    assert len(found.warnings) <= 2
    assert np.unravel_index(np.argmax(found.map), found.map.shape) == (12, 7)
    assert found.map[12, 7] > 8


def test_a_few_weak_pixels_together_are_named_as_an_area():
    rate = flat_map()
    erased = rate.copy()
    rate[9:13, 10:14] += line(9.7, 1.5)
    found = residuals_of(draw(rate), knows(erased))
    assert warns_near(found.warnings, 9.7, "pixel area (y ")
    assert len(found.warnings) == 1
    (place,) = found.departures
    assert place.y.start <= 11 < place.y.stop <= 15
    assert place.x.start <= 12 < place.x.stop <= 16
    # 24 counts were planted.
    assert place.missing == pytest.approx(24, abs=4 * 24**0.5)


def test_a_line_that_is_dropped_is_named_with_the_share_that_is_left():
    rate = flat_map()
    dropped = rate - line(3.7, 2.4)
    found = residuals_of(draw(rate), knows(dropped))
    assert warns_near(found.warnings, 3.7, "the result holds")
    ratio, error = map(
        float, re.search(r"holds ([\d.]+) ± ([\d.]+) of the raw", found.warnings[0]).groups()
    )
    near = AXIS.channels(3.6, 3.8)
    true_ratio = dropped[..., near].sum() / rate[..., near].sum()
    assert ratio == pytest.approx(true_ratio, abs=4 * error)
    assert found.spectrum[AXIS.channel(3.7)] > 6
    assert abs(found.spectrum[AXIS.channel(6.4)]) < 4


def test_a_line_that_is_invented_is_reported():
    rate = flat_map()
    found = residuals_of(draw(rate), knows(rate + line(8.6, 1)))
    assert warns_near(found.warnings, 8.6, "the result holds")
    assert found.spectrum[AXIS.channel(8.6)] < -6


def test_predictions_with_noise_below_zero_are_compared_without_a_false_alarm():
    rate = flat_map()
    image = draw(rate + (np.arange(480).reshape(20, 24, 1) == 8 * 24 + 5) * line(5.0, 40))
    noise = np.random.default_rng(1).normal(0, 0.3, (4, *rate.shape))
    predictions = [
        lambda rest, rows, part=part: (0.75 * (rate + part)[rows]).astype(np.float32)
        for part in noise
    ]
    left = cross_score(HeldOut.of(Photons(image), 0, predictions), Watch()).residuals
    assert np.isfinite(left.map).all()
    assert np.isfinite(left.spectrum).all()
    # Only what the predictions lack is named: 40 counts of one pixel, and of the line.
    assert np.argmax(left.map) == 8 * 24 + 5
    assert warns_near(left.warnings, 5.0, "pixel (y 8, x 5)")
    assert all("near 5.0" in text or "near 4.9" in text for text in left.warnings)


def test_a_ghost_in_one_pixel_is_reported():
    rate = flat_map()
    ghost = rate.copy()
    ghost[3, 20] += line(8.6, 40)
    found = residuals_of(draw(rate), knows(ghost))
    assert warns_near(found.warnings, 8.6, "added near")
    assert any("(y 3, x 20)" in text for text in found.warnings)
    assert found.map[3, 20] < -5


@pytest.mark.parametrize("rows", [40, 200])
def test_a_small_bias_of_a_line_is_not_reported_however_large_the_map(rows):
    rate = flat_map((rows, 100))
    found = residuals_of(draw(rate), knows(rate + line(6.4, 0.9)))  # 1.5 %
    assert found.warnings == ()


def test_a_bias_that_matters_is_reported():
    rate = flat_map((40, 40))
    found = residuals_of(draw(rate), knows(rate + line(6.4, 6)))
    assert warns_near(found.warnings, 6.4, "the result holds 1.1")


def test_without_a_calibration_channels_are_named():
    rate = flat_map()
    rate[12, 7] += line(9.7, 60)
    image = draw(rate).replace(energy=EnergyAxis.uncalibrated(300))
    found = residuals_of(image, knows(flat_map()))
    assert any("(y 12, x 7)" in text for text in found.warnings)
    for text in found.warnings:
        place = int(re.search(r"near channel (\d+)", text)[1])
        assert abs(place - AXIS.channel(9.7)) <= 3


def test_rows_that_were_not_scored_have_no_residual():
    rate = flat_map()
    rate[12, 7] += line(9.7, 60)
    found = residuals_of(draw(rate), knows(flat_map()), every=3)
    scored = np.isfinite(found.map)
    assert scored[::3].all()
    assert not np.delete(scored, np.s_[::3], axis=0).any()
    assert any("(y 12, x 7)" in text for text in found.warnings)


def test_counts_with_more_scatter_than_poisson_give_no_alarm():
    rate = flat_map() / 4
    counts = 3 * np.random.default_rng(0).poisson(rate, (4, *rate.shape))
    image = SpectrumImage(counts, AXIS)
    source = Repeats(image, counts.sum(axis=(1, 2, 3)).astype(float))
    found = residuals_of(image, knows(12 * rate), source)
    assert found.warnings == ()
    assert found.map.std() == pytest.approx(1, abs=0.2)
    assert found.spectrum.std() == pytest.approx(1, abs=0.2)


def test_counts_of_several_repeats_are_reported_together():
    rate = flat_map()
    rate[12, 7] += line(9.7, 60)
    counts = np.random.default_rng(0).poisson(rate / 2, (2, *rate.shape))
    found = residuals_of(SpectrumImage(counts, AXIS), knows(flat_map()))
    assert any("raw counts of all repeats are missing" in text for text in found.warnings)


@pytest.mark.parametrize("shape", [(1, 1), (7, 1), (1, 9)])
def test_single_spectra_are_compared_by_lines(shape):
    rate = 100 * flat_map(shape)
    assert residuals_of(draw(rate), knows(rate)).warnings == ()
    found = residuals_of(draw(rate), knows(rate - 100 * line(3.7, 2)))
    assert warns_near(found.warnings, 3.7, "the result holds")
    assert found.map.shape == shape


@pytest.mark.slow
@pytest.mark.parametrize("rank", [20, 40])
def test_what_is_told_of_good_results_of_clean_maps_is_true(rank):
    # Many components are noisy: what is cut off below 0 is added where there is little, which is
    # no departure, and, since totals are kept, is truly lost where there is much.
    for seed in range(10):
        image, rate = simulate_map(
            shape=(48, 48), n_channels=512, counts_per_pixel=(300, 60)[seed % 2], seed=seed
        )
        found = residuals_of_pca(image, rank)
        assert found.of_lines == ()
        assert len(found.warnings) <= 4
        for place in found.found.places:
            own = place.departure
            true = rate[place.pixels][:, place.channels].sum(dtype=float)
            assert own.is_lost
            assert true - (own.counts - own.missing) > own.missing / 3


def test_too_few_components_are_reported_in_few_words():
    image, _ = simulate_map(shape=(32, 32), n_channels=512, seed=2)
    found = residuals_of_pca(image, 2)
    assert 2 <= len(found.warnings) <= 12
    assert any("signal may have been lost" in text for text in found.warnings)
    assert any("signal may have been added" in text for text in found.warnings)


def test_pca_of_the_best_rank_erases_hot_spots():
    image, _ = simulate_map(shape=(48, 48), n_channels=512, counts_per_pixel=60, seed=100)
    settings = PcaSettings()
    rank = pca.find_rank(Photons(image), settings, Watch())
    found = residuals_of_pca(image, rank)
    spots = {(spot["y"], spot["x"]) for spot in image.metadata["hot_spots"]}
    places = {
        tuple(map(int, place))
        for text in found.warnings
        if "area" not in text
        for place in re.findall(r"\(y (\d+), x (\d+)\)", text)
    }
    assert places
    assert places <= spots
