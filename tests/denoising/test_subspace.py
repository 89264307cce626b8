"""Spectral subspaces: what is in them, what is not, and how many components are certain."""

import numpy as np
import pytest

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.denoising.methods.deconvolution import line_width
from napari_xrf_denoise.denoising.subspace import (
    Subspace,
    certain_vectors,
    leading_vectors,
    resolved_vectors,
    weights,
)

MANY = 10_000
"""Pixels of a map whose mean spectrum is well known."""


def line(center, width):
    """A line in the middle of any channel, as wide as the detector makes it there."""
    channels = np.arange(len(width))
    return np.exp(-0.5 * ((channels - center) / np.interp(center, channels, width)) ** 2)


def lost(spectrum, vectors):
    """Share of the squares of a spectrum, or of spectra (energy, number), outside of a subspace."""
    outside = spectrum - vectors @ (vectors.T @ spectrum)
    return float((outside**2).sum() / (spectrum**2).sum())


def spectrum_of_lines(width):
    size = len(width)
    places = {0.2: 5.0, 0.5: 50.0, 0.7: 1.0}
    return 0.02 + sum(height * line(share * size, width) for share, height in places.items())


def found_rank(rate, seed, most=12):
    """Number of components that are certain in two halves of a measurement of pixels."""
    rng = np.random.default_rng(seed)
    weight = weights(rate.mean(axis=0) / 2, 1e-2)
    one, two = (rng.poisson(rate / 2) / weight for _ in range(2))
    both = (one.T @ two + two.T @ one) / 2
    noise = np.diag(rate.sum(axis=0) / 2 / weight**2)
    known = [leading_vectors(half.T @ half, half.sum(axis=0), 1) for half in (one, two)]
    grams = [half.T @ half for half in (one, two)]
    found = certain_vectors(known, grams, [both, both], [noise, noise], len(rate), most)
    assert found[0].shape == found[1].shape
    return found[0].shape[1]


WIDTHS = {
    "calibrated": line_width(EnergyAxis(0.0, 0.02, 1024), 1.0),
    "broad": line_width(EnergyAxis(-0.1, 0.01, 512), 1.6),
    "channels": np.full(300, 8.0),
}


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_lines_of_the_detectors_width_are_kept_wherever_they_are(width):
    mean = spectrum_of_lines(width)
    for weight in (np.ones(len(width)), weights(mean, 1e-2)):
        vectors = resolved_vectors(width, mean, weight, MANY)
        places = np.linspace(0, len(width) - 1, 41)
        assert max(lost(line(place, width) / weight, vectors) for place in places) < 1e-6


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_wider_structures_are_kept_too(width):
    vectors = resolved_vectors(width, np.ones(len(width)), np.ones(len(width)), MANY)
    channels = np.arange(len(width))
    assert lost(np.ones(len(width)), vectors) < 1e-4
    assert lost(line(len(width) / 3, 3 * width), vectors) < 1e-6
    assert lost(np.exp(-channels / len(width)), vectors) < 1e-4


def test_noise_that_no_line_explains_is_left_out():
    width = np.full(300, 8.0)
    vectors = resolved_vectors(width, np.ones(300), np.ones(300), MANY)
    noise = np.random.default_rng(0).normal(size=(300, 200))
    # A line has no structure finer than its width: of 300 dimensions about 300 / 8 are needed.
    assert lost(noise, vectors) > 0.8
    assert lost(np.eye(300)[:, 150], vectors) > 0.8
    # Half of a line an eighth as wide lies above the highest frequency of Gaussians so far apart.
    assert lost(line(150, width / 8), vectors) > 0.3


def test_a_hot_channel_is_kept():
    width = np.full(300, 8.0)
    mean = spectrum_of_lines(width)
    weight = weights(mean, 1e-2)
    usual = resolved_vectors(width, mean, weight, MANY)
    hot = np.eye(300)[:, 237]
    assert lost(hot, usual) > 0.8
    mean = mean + 3 * hot
    weight = weights(mean, 1e-2)
    vectors = resolved_vectors(width, mean, weight, MANY)
    assert lost(hot, vectors) < 1e-12
    assert lost(mean / weight, vectors) < 1e-6
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(vectors.shape[1]), atol=1e-12)


def test_a_step_of_the_spectrum_is_kept():
    width = np.full(300, 8.0)
    mean = np.where(np.arange(300) < 40, 0.0, 20.0)
    weight = weights(mean, 1e-2)
    assert lost(mean / weight, resolved_vectors(width, mean, weight, MANY)) < 1e-4


def test_noise_of_the_mean_spectrum_passes_for_hot_channels_hardly_ever():
    width = np.full(300, 8.0)
    mean = spectrum_of_lines(width)
    number = resolved_vectors(width, mean, weights(mean, 1e-2), MANY).shape[1]
    more = 0
    for seed in range(30):
        noisy = np.random.default_rng(seed).poisson(mean * 400) / 400
        more += resolved_vectors(width, noisy, weights(noisy, 1e-2), 400).shape[1] - number
    assert more <= 1


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_vectors_are_orthonormal_and_few(width):
    vectors = resolved_vectors(width, np.ones(len(width)), np.ones(len(width)), MANY)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(vectors.shape[1]), atol=1e-12)
    assert vectors.shape[1] < 1.4 * (len(width) / width).mean() + 10


@pytest.mark.parametrize(
    ("size", "width"), [(1, 1.0), (1, 20.0), (2, 3.0), (5, 2.0), (64, 0.35), (64, 0.8)]
)
def test_axes_without_room_and_lines_of_about_a_channel_allow_every_spectrum(size, width):
    vectors = resolved_vectors(np.full(size, width), np.ones(size), np.ones(size), MANY)
    np.testing.assert_array_equal(vectors, np.eye(size))


def test_lines_wider_than_the_axis_are_kept():
    width = np.full(64, 100.0)
    vectors = resolved_vectors(width, np.ones(64), np.ones(64), MANY)
    assert max(lost(line(place, width), vectors) for place in (0, 31.5, 63)) < 1e-9
    assert vectors.shape[1] < 20


def low_rank(rank, size, pixels=200, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 1, (pixels, rank)) @ rng.uniform(0, 1, (rank, size))


# Few of many vectors are found by an iteration, many by a complete decomposition.
@pytest.mark.parametrize("size", [40, 600])
def test_leading_vectors_are_the_mean_and_then_what_else_a_map_is_made_of(size):
    spectra = low_rank(5, size)
    mean = spectra.sum(axis=0)
    vectors = leading_vectors(spectra.T @ spectra, mean, 5)
    np.testing.assert_allclose(vectors[:, 0], mean / np.linalg.norm(mean))
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(5), atol=1e-10)
    assert lost(spectra.T, vectors) < 1e-12
    assert lost(spectra.T, vectors[:, :4]) > 1e-6
    # The strongest come first.
    strengths = ((spectra @ vectors[:, 1:]) ** 2).sum(axis=0)
    assert np.all(np.diff(strengths) < 0)


@pytest.mark.parametrize("size", [40, 600])
@pytest.mark.parametrize("true_rank", [1, 2])
def test_no_component_is_in_a_subspace_twice_when_more_are_asked_for_than_there_are(
    size, true_rank
):
    spectra = low_rank(true_rank, size)
    gram, mean = spectra.T @ spectra, spectra.sum(axis=0)
    for rank in (10, 39, size, 2 * size):
        vectors = leading_vectors(gram, mean, rank)
        number = min(rank, size)
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(number), atol=1e-10)
        assert lost(spectra.T, vectors) < 1e-12


def test_large_matrices_give_the_components_that_a_whole_decomposition_gives():
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(3000, 12)) * np.geomspace(30, 1.5, 12)
    pixels = signal @ rng.normal(size=(12, 700)) / 20 + rng.normal(size=(3000, 700))
    gram, mean = pixels.T @ pixels, pixels.sum(axis=0)
    vectors = leading_vectors(gram, mean, 20)
    first = mean / np.linalg.norm(mean)
    outside = np.eye(700) - np.outer(first, first)
    values, whole = np.linalg.eigh(outside @ gram @ outside)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(20), atol=1e-10)
    # Those that stand out of the noise are the same, those of the noise hold as much of it.
    for place in range(11):
        assert abs(vectors[:, 1 + place] @ whole[:, -1 - place]) > 0.999
    held = np.trace(vectors[:, 1:].T @ gram @ vectors[:, 1:])
    assert held == pytest.approx(values[-19:].sum(), rel=0.01)


def test_one_component_is_the_mean_and_nothing_counted_gives_a_vector_as_well():
    spectra = low_rank(3, 20)
    mean = spectra.sum(axis=0)
    vectors = leading_vectors(spectra.T @ spectra, mean, 1)
    np.testing.assert_allclose(vectors, (mean / np.linalg.norm(mean))[:, None])
    empty = leading_vectors(np.zeros((20, 20)), np.zeros(20), 3)
    np.testing.assert_allclose(empty.T @ empty, np.eye(3), atol=1e-12)


def test_further_vectors_are_what_those_that_are_known_leave():
    spectra = low_rank(5, 40)
    gram, mean = spectra.T @ spectra, spectra.sum(axis=0)
    two = leading_vectors(gram, mean, 2)
    five = leading_vectors(gram, two, 5)
    np.testing.assert_allclose(five[:, :2], two)
    np.testing.assert_allclose(five.T @ five, np.eye(5), atol=1e-10)
    assert lost(spectra.T, five) < 1e-12
    np.testing.assert_array_equal(leading_vectors(gram, five, 3), five)


def test_scores_times_spectra_are_the_counts_of_a_map_in_the_subspace():
    spectra = low_rank(3, 60)
    weight = weights(spectra.mean(axis=0), 1e-2)
    scaled = spectra / weight
    vectors = leading_vectors(scaled.T @ scaled, scaled.sum(axis=0), 3)
    subspace = Subspace.of(vectors, weight)
    assert subspace.rank == 3
    found = spectra.astype(np.float32) @ subspace.analysis @ subspace.synthesis
    np.testing.assert_allclose(found, spectra, rtol=1e-4)


def test_the_noise_of_scores_is_white_at_the_mean_spectrum():
    rng = np.random.default_rng(0)
    mean = rng.uniform(0.5, 40, 50)
    vectors = np.linalg.qr(rng.normal(size=(50, 4)))[0]
    subspace = Subspace.of(vectors, weights(mean, 1e-2))
    scores = (rng.poisson(mean, (20_000, 50)) - mean) @ subspace.analysis
    # The variance of a Poisson count is its mean; 20,000 of them tell it to a percent.
    np.testing.assert_allclose(np.cov(scores.T), np.eye(4), atol=0.06)


def test_nearly_empty_channels_get_no_more_weight_than_the_floor_allows():
    found = weights(np.array([0.0, 1e-6, 1e-2, 4.0]), 1e-2)
    np.testing.assert_allclose(found, [0.1, 0.1, 0.1, 2.0])


def mixture(components, pixels=900, counts=300, seed=0):
    """Rate of pixels that are random mixtures of spectra of one line each."""
    rng = np.random.default_rng(seed)
    channels = np.arange(120)
    places = np.linspace(15, 105, components)
    spectra = np.exp(-0.5 * ((channels - places[:, None]) / 4) ** 2) + 0.02
    spectra /= spectra.sum(axis=1, keepdims=True)
    return counts * rng.dirichlet(np.ones(components), pixels) @ spectra


@pytest.mark.parametrize("components", [2, 3, 5])
def test_the_rank_of_a_mixture_is_its_number_of_components(components):
    ranks = [found_rank(mixture(components), seed) for seed in range(5)]
    assert ranks == [components] * 5


def test_pixels_that_are_all_alike_have_one_component():
    rate = np.tile(mixture(3)[0], (900, 1))
    assert sum(found_rank(rate, seed) > 1 for seed in range(20)) <= 1


def test_a_weaker_component_needs_more_counts_to_be_certain():
    few, many = (found_rank(mixture(4, counts=counts), 0) for counts in (2, 200))
    assert few < many == 4


def test_no_more_components_are_certain_than_are_tried():
    assert found_rank(mixture(5), 0, most=3) == 3
    assert found_rank(mixture(5), 0, most=1) == 1
