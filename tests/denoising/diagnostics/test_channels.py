"""Channels that are no part of the spectrum."""

import numpy as np
import pytest

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.denoising.diagnostics.channels import find_hot_channels, find_overflow
from napari_xrf_denoise.io import read
from napari_xrf_denoise.simulation.measurements import simulate_map, simulate_spectra

AXIS = EnergyAxis(0.0, 0.01, 1024)


def lines(seed=0):
    """A spectrum of lines as narrow as the best detector's, on a background."""
    centers = AXIS.centers
    rate = 3 + sum(
        height * np.exp(-0.5 * ((centers - energy) / 0.035) ** 2)
        for height, energy in ((5000, 1.74), (800, 3.69), (20, 8.04))
    )
    return np.random.default_rng(seed).poisson(rate).astype(float)


def test_an_overflow_that_was_left_in_is_found(four_spectra):
    spectrum = four_spectra[0].sum_spectrum()
    assert find_overflow(spectrum) is None
    overflow = sum(four_spectra[0].metadata["overflow_counts"])
    assert find_overflow(np.append(spectrum, overflow)) == spectrum.size
    assert find_overflow(np.concatenate([spectrum, [overflow, 0, 0]])) == spectrum.size


def test_the_measured_overflow_is_found(shared_data):
    table = np.loadtxt(shared_data / "05_xrf_spectra.csv", delimiter=",", skiprows=1)
    assert find_overflow(table[:, 1:].sum(axis=0)) == 4095
    # read() leaves it out.
    assert find_overflow(read(shared_data / "05_xrf_spectra.csv").sum_spectrum()) is None


def test_a_spectrum_that_ends_in_a_line_or_in_zeros_has_no_overflow():
    assert find_overflow(lines()[:190]) is None
    assert find_overflow(np.zeros(50)) is None
    assert find_overflow(np.r_[lines()[:200], np.zeros(300)]) is None
    assert find_overflow(np.array([0.0, 5, 9000])) is None


@pytest.mark.parametrize("channel", [100, 177, 800])
def test_a_channel_that_counts_by_itself_is_found(channel):
    spectrum = lines()
    spectrum[channel] += 20 * spectrum[channel] + 1000
    assert find_hot_channels(spectrum, AXIS) == [channel]
    assert find_hot_channels(spectrum, EnergyAxis.uncalibrated(1024)) == [channel]


def test_lines_and_noise_are_not_hot():
    for seed in range(30):
        assert find_hot_channels(lines(seed), AXIS) == []
    for seed in range(6):
        # With 64 channels of 0.32 keV a line is narrower than a channel.
        image, _ = simulate_map(
            (8, 8), n_channels=[64, 256, 1024][seed % 3], counts_per_pixel=1000, seed=seed
        )
        assert find_hot_channels(image.sum_spectrum(), image.energy) == []
        spectra, _ = simulate_spectra(n_repeats=4, n_channels=[64, 4096][seed % 2], seed=seed)
        assert find_hot_channels(spectra.sum_spectrum(), spectra.energy) == []


def test_the_zero_peak_is_not_hot():
    spectrum = lines()
    spectrum[3] = 1e5
    assert find_hot_channels(spectrum, AXIS) == []


def test_the_lines_of_a_narrower_detector_are_no_fault():
    spectrum = np.full(1024, 5.0)
    spectrum[[100, 200, 300, 400, 500]] = 1e5
    assert find_hot_channels(spectrum, AXIS) == []


@pytest.mark.parametrize("size", [1, 2, 7])
def test_a_few_channels_tell_nothing(size):
    axis = EnergyAxis(0.0, 0.5, size)
    assert find_hot_channels(np.full(size, 9.0), axis) == []
    assert find_overflow(np.full(size, 9.0)) is None
