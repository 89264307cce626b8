"""What is known of a denoiser from what it does."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising.pairs import Photons
from napari_xrf_denoise.denoising.quality.user_denoiser import (
    UserDenoiser,
    are_equal,
    distance,
    held_contrast,
    uniform_counts,
)
from napari_xrf_denoise.spectroscopy.line_windows import WindowPartition

AXIS = EnergyAxis(0.5, 0.05, 60)
PARTITION = WindowPartition(AXIS)
RATE = np.random.default_rng(0).uniform(0, 4, (24, 20, 1)) * np.linspace(0.2, 1, 60)


def source(seed=0):
    return Photons(SpectrumImage(np.random.default_rng(seed).poisson(RATE)[None], AXIS))


def test_counts_of_a_uniform_sample_hold_the_spectrum_and_nothing_else():
    like = np.zeros((30, 40, 12), dtype=np.int32)
    spectrum = np.linspace(500, 60_000, 12)
    counts = uniform_counts(spectrum, like, seed=1)
    assert counts.dtype == np.int32
    mean = spectrum / 1200
    np.testing.assert_allclose(counts.mean(axis=(0, 1)), mean, atol=5 * (mean.max() / 1200) ** 0.5)
    # The variance over pixels is that of Poisson counts of one rate; its error is √(2/1200).
    np.testing.assert_allclose(counts.var(axis=(0, 1)) / mean, 1, atol=0.25)


@pytest.mark.parametrize("held", [0.0, 0.3, 1.0])
def test_the_contrast_of_the_map_is_found_in_a_result(held):
    own = source().image.counts[0]
    uniform = uniform_counts(0.75 * own.sum(axis=(0, 1)), np.zeros_like(own), 0)
    result = (held * 0.75 * own + (1 - held) * uniform).astype(np.float32)
    share, errors = held_contrast(result, source(), 0.75, PARTITION)
    # One standard error of chance, for results that hold all noise of the uniform counts.
    error = share / errors
    assert share == pytest.approx(held, abs=4 * error)
    assert error < 0.05


@pytest.mark.parametrize("smooth", [0, 1, 4])
def test_chance_is_no_contrast_however_smooth_it_is(smooth):
    found = []
    for seed in range(60):
        whole = source(seed)
        counts = whole.image.counts[0]
        uniform = uniform_counts(0.75 * counts.sum(axis=(0, 1)), np.zeros_like(counts), seed)
        result = gaussian_filter(uniform.astype(np.float32), (smooth, smooth, 0), mode="wrap")
        found.append(held_contrast(result, whole, 0.75, PARTITION)[1])
    # At most one standard error of chance: 60 draws scatter by 9 % about it.
    assert np.std(found) < 1.3
    assert abs(np.mean(found)) < 4 / 60**0.5


def test_a_map_without_contrast_has_none_to_hold():
    empty = Photons(SpectrumImage(np.zeros((1, 4, 4, 60), int), AXIS))
    assert held_contrast(np.ones((4, 4, 60), np.float32), empty, 0.75, PARTITION) == (0, 0)


def test_distances_are_in_units_of_the_noise():
    first = np.zeros((5, 4, 10), np.float32)
    assert distance(first, first + 3, total=200 * 4.0) == pytest.approx(3 / 2)
    assert are_equal(first, first.copy())
    assert not are_equal(first, first + np.float32(1e-6))


def test_results_are_copies_and_factored_counts_stay_factored():
    buffer = np.zeros((3, 4, 5))

    def reusing(counts):
        buffer[...] = counts
        return buffer

    user = UserDenoiser(reusing)
    first, second = user(np.ones((3, 4, 5), int)), user(np.full((3, 4, 5), 2))
    assert first.max() == 1
    assert second.dtype == np.float32
    factored = FactoredCounts(np.ones((3, 4, 2)), np.ones((2, 5)))[0]
    assert UserDenoiser(lambda counts: factored)(np.ones((3, 4, 5), int)) is factored


def test_a_denoiser_without_a_name_has_that_of_its_kind():
    class Network:
        def __call__(self, counts):
            return counts

    assert UserDenoiser(Network()).name == "Network"
