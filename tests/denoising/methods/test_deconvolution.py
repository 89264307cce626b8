"""The detector's resolution: blurring, its transpose, restoring, and finding the width."""

import numpy as np
import pytest
import torch

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.denoising.methods.deconvolution import (
    Candidates,
    Resolution,
    find_scale,
    line_width,
)
from napari_xrf_denoise.simulation.measurements import simulate_spectra

CPU = torch.device("cpu")
AXIS = EnergyAxis(0.0, 0.01, 600)


def test_a_line_has_the_width_of_a_silicon_detector():
    # A good silicon drift detector has a FWHM of 120 to 160 eV at Mn K alpha, 5.9 keV.
    fwhm = 2.3548 * line_width(AXIS, 1.0)[590] * 10
    assert 120 < fwhm < 160
    assert line_width(EnergyAxis.uncalibrated(5), 3.0).tolist() == [3.0] * 5


def test_blurring_a_point_gives_a_gaussian_of_the_local_width_and_keeps_counts():
    width = np.linspace(3.0, 9.0, 600)
    point = torch.zeros(1, 600)
    for place in (150, 450):
        point.zero_()
        point[0, place] = 1
        line = Resolution(width, CPU).blur(point)[0].double().numpy()
        assert line.sum() == pytest.approx(1, abs=1e-3)
        channels = np.arange(600)
        spread = np.sqrt((line * (channels - place) ** 2).sum())
        assert spread == pytest.approx(width[place], rel=0.03)


def test_back_is_the_transpose_of_blur():
    resolution = Resolution(np.linspace(2.0, 6.0, 200), CPU)
    first, second = torch.rand(1, 200), torch.rand(1, 200)
    left = (resolution.blur(first) * second).sum()
    right = (first * resolution.back(second)).sum()
    torch.testing.assert_close(left, right, rtol=1e-4, atol=0)


def test_restoring_raises_the_likelihood_at_every_step_and_keeps_the_counts():
    rng = np.random.default_rng(0)
    channels = np.arange(300)
    rate = 0.5 + 40 * np.exp(-0.5 * ((channels - 120) / 5) ** 2)
    counts = torch.from_numpy(rng.poisson(rate).astype(np.float32))[None]
    steps = Resolution(np.full(300, 5.0), CPU).restore(counts, tuple(range(1, 30)))
    likelihood = [float((counts * torch.log(f) - f).sum()) for f in steps]
    assert np.all(np.diff(likelihood) > -1e-2)
    assert float(steps[-1].sum()) == pytest.approx(float(counts.sum()), rel=0.01)
    assert min(float(f.min()) for f in steps) > 0


@pytest.mark.parametrize("true_width", [2.0, 4.0, 8.0])
def test_the_width_of_lines_is_found_without_a_calibration(true_width):
    channels = np.arange(800)
    rate = 1 + sum(
        300 * np.exp(-0.5 * ((channels - place) / true_width) ** 2) for place in range(60, 800, 90)
    )
    counts = np.random.default_rng(0).poisson(rate)
    found = find_scale(counts, EnergyAxis.uncalibrated(800), 0, CPU)
    assert 0.6 * true_width <= found <= 1.3 * true_width


def test_the_width_of_simulated_lines_is_that_of_their_detector():
    image, _ = simulate_spectra(n_repeats=4, seed=3)
    counts = np.asarray(image.counts).sum(axis=(0, 1, 2)).astype(np.int64)
    assert find_scale(counts, image.energy, 0, CPU) in (0.9, 1.2)


@pytest.mark.parametrize("size", [1, 2, 5, 600])
def test_candidates_of_any_number_of_channels_are_positive(size):
    make = Candidates(EnergyAxis(0.0, 0.01, size), 0.9, CPU)
    counts = torch.zeros(2, size)
    counts[1] = 3
    found = make(counts)
    assert found.shape == (2, make.number, size)
    assert torch.all(found > 0)
    assert torch.all(torch.isfinite(found))
