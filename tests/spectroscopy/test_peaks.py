import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.core.errors import DataError, SettingsError
from napari_xrf_denoise.spectroscopy.detector import detector_fwhm
from napari_xrf_denoise.spectroscopy.peaks import find_peaks

AXIS = xrf.EnergyAxis(0.0, 0.02, 1024)
SIGMA_PER_FWHM = 1 / 2.3548


def gaussian(energy, counts, axis=AXIS, times=1.0):
    """A line of so many counts, as wide as the detector makes it."""
    sigma = times * float(detector_fwhm(energy)) * SIGMA_PER_FWHM
    density = np.exp(-0.5 * ((axis.centers - energy) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    return counts * axis.gain * density


def kramers(axis=AXIS, level=100.0):
    """A falling background with absorption at low energy."""
    energies = np.maximum(axis.centers, axis.gain)
    shape = np.clip(18 / energies - 1, 0, None) * np.exp(-3 / energies**2.5)
    return level * shape / shape.mean()


@pytest.mark.parametrize("energy", [1.74, 6.4, 15.775])
def test_a_line_is_found_with_its_energy_counts_and_width(energy):
    (peak,) = find_peaks(50 + gaussian(energy, 2000), AXIS)
    assert peak.energy == pytest.approx(energy, abs=0.003)
    assert peak.channel == pytest.approx(energy / 0.02, abs=0.15)
    assert peak.net == pytest.approx(2000, rel=0.05)
    assert peak.width == pytest.approx(float(detector_fwhm(energy)), rel=0.1)
    assert peak.height == pytest.approx((50 + gaussian(energy, 2000)).max(), rel=1e-9)


def test_a_wide_peak_is_told_from_a_line():
    (peak,) = find_peaks(20 + gaussian(12.0, 20000, times=2.0), AXIS)
    assert peak.width == pytest.approx(2 * float(detector_fwhm(12.0)), rel=0.1)
    # Its counts are those of a line, by the factor that the documentation states.
    assert peak.net * ((2**2 + 1) / 2) ** 1.5 == pytest.approx(20000, rel=0.05)


@pytest.mark.parametrize("level", [0.1, 10.0, 1e4, 1e7])
@pytest.mark.parametrize("shape", ["flat", "kramers", "hump"])
def test_a_smooth_background_has_no_peaks_however_many_counts(level, shape):
    background = {
        "flat": np.ones(AXIS.size),
        "kramers": kramers(level=1.0),
        "hump": 0.05 + np.exp(-0.5 * ((AXIS.centers - 9) / 2) ** 2),
    }[shape]
    assert find_peaks(level * background, AXIS) == ()


def test_a_hump_much_wider_than_a_line_is_background():
    assert find_peaks(100 + gaussian(9.0, 1e7, times=5.0), AXIS) == ()
    assert len(find_peaks(100 + gaussian(9.0, 1e7, times=2.0), AXIS)) == 1


def test_a_ripple_below_a_hundredth_of_the_background_is_no_peak():
    ripple = 1e6 * (1 + 0.002 * np.sin(2 * np.pi * AXIS.centers / 0.4))
    assert find_peaks(ripple, AXIS) == ()


def test_the_bend_of_a_background_adds_nothing_to_the_significance():
    # Alone it gives no peak; beneath a line it must not make it seem clearer.
    bend = 2e5 * np.exp(-0.5 * ((AXIS.centers - 9) / 0.6) ** 2)
    line = gaussian(9.0, 60_000)
    (flat,) = find_peaks(2e5 + line, AXIS)
    (bent,) = find_peaks(bend + line, AXIS)
    assert bent.significance < 1.3 * flat.significance


@pytest.mark.parametrize("level", [0.1, 5.0, 1e3])
def test_noise_makes_hardly_a_false_peak(level):
    rng = np.random.default_rng(0)
    found = [len(find_peaks(rng.poisson(kramers(level=level)), AXIS)) for _ in range(40)]
    assert sum(found) <= 2


def test_a_threshold_is_no_peak():
    assert find_peaks(np.where(AXIS.centers > 1.0, 1000.0, 0.0), AXIS) == ()


@pytest.mark.parametrize("level", [20, 50, 200, 1000])
@pytest.mark.parametrize("shape", ["sharp", "part"])
def test_a_noisy_threshold_makes_hardly_a_peak(level, shape):
    rng = np.random.default_rng(0)
    axis, edge = xrf.EnergyAxis(0.0, 0.01, 1024), 1.0
    above = {
        "sharp": np.where(axis.centers < edge, 0, 1),
        "part": np.where(axis.centers < edge, 0.3, 1),
    }[shape]
    counts = level * np.exp(-axis.centers / 6) * above
    found = [len(find_peaks(rng.poisson(counts), axis)) for _ in range(40)]
    assert sum(found) <= 2


@pytest.mark.parametrize("energy", [2.0, 6.4, 12.0])
@pytest.mark.parametrize("level", [2.0, 50.0, 1000.0])
def test_a_clear_line_is_found_in_noise(energy, level):
    rng = np.random.default_rng(0)
    counts = 1.0
    while not (peaks := find_peaks(level + gaussian(energy, counts), AXIS, least_significance=8.0)):
        counts *= 1.1
    (peak,) = peaks
    found = sum(
        any(abs(one.energy - peak.energy) < 0.1 for one in find_peaks(noisy, AXIS))
        for noisy in rng.poisson(level + gaussian(energy, counts), (40, AXIS.size))
    )
    assert found >= 38


def test_a_minor_line_beside_a_strong_one_is_found():
    pair = 30 + gaussian(6.4, 1e5) + gaussian(6.4 + 2 * 0.14, 3e3)
    assert [round(peak.energy, 1) for peak in find_peaks(pair, AXIS)] == [6.4, 6.7]


def test_significance_goes_with_the_square_root_of_the_dose():
    spectrum = 50 + gaussian(6.4, 2000)
    (once,), (more,) = find_peaks(spectrum, AXIS), find_peaks(9 * spectrum, AXIS)
    assert more.significance == pytest.approx(3 * once.significance, rel=1e-6)


def test_a_mean_of_repeats_is_judged_by_all_its_counts():
    total = 10 + gaussian(6.4, 300)
    (peak,) = find_peaks(total, AXIS)
    (mean,) = find_peaks(total / 100, AXIS, repeats=100)
    assert mean.significance == pytest.approx(peak.significance)
    assert mean.net == pytest.approx(peak.net / 100)
    assert find_peaks(total / 100, AXIS) == ()


def test_a_higher_significance_leaves_out_weak_peaks():
    spectrum = 50 + gaussian(4.0, 300) + gaussian(8.0, 5000)
    weak, strong = find_peaks(spectrum, AXIS)
    limit = (weak.significance + strong.significance) / 2
    assert find_peaks(spectrum, AXIS, least_significance=limit) == (strong,)


def test_without_a_calibration_peaks_are_at_channels():
    truth = [(150.3, 4.0), (400.8, 4.5), (700.0, 5.0)]
    channels = np.arange(1024)
    spectrum = 20 + sum(500 * np.exp(-0.5 * ((channels - c) / s) ** 2) for c, s in truth)
    found = find_peaks(spectrum, xrf.EnergyAxis.uncalibrated(1024))
    assert [peak.energy for peak in found] == pytest.approx([c for c, _ in truth], abs=0.2)
    assert found[1].width == pytest.approx(4.5 * 2.3548, rel=0.2)


def test_an_axis_that_is_not_linear_gives_its_own_energies():
    centers = 0.5 + 0.018 * np.arange(800) + 2e-6 * np.arange(800) ** 2
    axis = xrf.EnergyAxis.from_centers(centers)
    sigma = float(detector_fwhm(6.4)) * SIGMA_PER_FWHM
    (peak,) = find_peaks(20 + 500 * np.exp(-0.5 * ((centers - 6.4) / sigma) ** 2), axis)
    assert peak.energy == pytest.approx(6.4, abs=0.005)


def test_a_simulated_map_shows_its_strong_lines_and_no_others():
    for seed in range(3):
        image, rate = xrf.simulate_map(shape=(16, 16), seed=seed)
        counts = image.counts.sum(axis=(0, 1, 2))
        found = [peak.energy for peak in find_peaks(counts, image.energy)]
        # Without noise, once at this dose and once with a hundred times as many counts.
        exact = rate.sum(axis=(0, 1), dtype=float)
        clear = [p.energy for p in find_peaks(exact, image.energy, least_significance=6.5)]
        there = [p.energy for p in find_peaks(100 * exact, image.energy)]
        assert len(clear) > 10
        assert all(min(abs(np.subtract(found, energy))) < 0.07 for energy in clear)
        assert all(min(abs(np.subtract(there, energy))) < 0.07 for energy in found)


def test_an_empty_spectrum_has_no_peaks():
    assert find_peaks(np.zeros(1024), AXIS) == ()
    assert find_peaks(np.zeros(1024), xrf.EnergyAxis.uncalibrated(1024)) == ()


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_few_channels_are_no_error(size):
    assert find_peaks(np.arange(size), xrf.EnergyAxis(0.0, 0.5, size)) == ()


def test_what_is_no_spectrum_is_refused_with_words():
    with pytest.raises(DataError, match=r"one spectrum of 1024 channels.*\(16, 1024\)"):
        find_peaks(np.zeros((16, 1024)), AXIS)
    with pytest.raises(DataError, match="finite counts of at least 0"):
        find_peaks(np.full(1024, -1.0), AXIS)
    with pytest.raises(SettingsError, match=r"least_significance.*above 0, found -1"):
        find_peaks(np.zeros(1024), AXIS, least_significance=-1)
    with pytest.raises(SettingsError, match="repeats"):
        find_peaks(np.zeros(1024), AXIS, repeats=0)
