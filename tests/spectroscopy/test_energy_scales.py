"""How far the energy scales of repeats lie beside each other."""

import numpy as np
import pytest

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.spectroscopy.energy_scales import counted_channels, fit_scales, known_edges

SIZE = 1500
PLACES = np.array([150, 400, 420, 700, 1100, 1300])
HEIGHTS = np.array([3000, 800, 400, 1500, 300, 600])


def rate(shift=0.0, stretch=0.0, heights=HEIGHTS, width=6.0):
    """Lines that a repeat has at ``place + shift + stretch * (place - 700)``, on a background."""
    places = PLACES + shift + stretch * (PLACES - 700)
    lines = heights * np.exp(-0.5 * ((np.arange(SIZE)[:, None] - places) / width) ** 2)
    return 2 + lines.sum(axis=1)


def drawn(*rates, seed=0):
    return np.random.default_rng(seed).poisson(rates)


def difference(scales, channel):
    first, second = scales.shifts(channel)
    return second - first


def test_errors_are_those_of_equal_scales():
    scores = []
    for seed in range(60):
        counts = drawn(rate(), 0.7 * rate(), 0.4 * rate(), 0.1 * rate(), seed=seed)
        scales = fit_scales(counts)
        scores.append(scales.shifts([150, 700, 1300]) / scales.errors([150, 700, 1300]))
    scatter = np.std(scores)
    # The common scale is made of the same counts, which takes a part of the scatter.
    assert 0.6 < scatter < 1.1
    assert np.max(np.abs(scores)) < 4.5


@pytest.mark.parametrize(
    ("shift", "stretch"), [(0.5, 0), (3, 0.005), (-8, 0.01), (20, -0.015), (0, 0.03)]
)
def test_a_scale_is_found_within_its_error(shift, stretch):
    scales = fit_scales(drawn(rate(), rate(shift, stretch)))
    # The same line in both: shifts are functions of the channel that each repeat has it in.
    places = PLACES + shift + stretch * (PLACES - 700)
    error = np.hypot(scales.errors(PLACES)[0], scales.errors(places)[1])
    off = (places - scales.shifts(places)[1]) - (PLACES - scales.shifts(PLACES)[0])
    assert np.all(np.abs(off) < 4.5 * error + 0.02)
    assert np.all(error < 0.2)


def test_lines_of_different_height_and_width_are_no_shift():
    other = rate(heights=HEIGHTS[::-1], width=7.0) * np.linspace(0.3, 2, SIZE)
    scales = fit_scales(drawn(rate(), other))
    channels = counted_channels([rate(), other])
    assert np.all(np.abs(scales.shifts(channels)) < np.maximum(0.1, 5 * scales.errors(channels)))


def test_the_common_scale_is_the_mean_weighted_by_counts():
    scales = fit_scales(drawn(3 * rate(), rate(4)))
    assert scales.shifts(700) == pytest.approx([-1, 3], abs=0.1)


@pytest.mark.parametrize(
    "counts",
    [np.zeros((2, 100)), np.full((3, 400), 1000), np.ones((2, 5)), np.ones((2, 1))],
    ids=["empty", "flat", "short", "one channel"],
)
def test_spectra_without_lines_tell_nothing(counts):
    scales = fit_scales(counts)
    assert np.all(np.abs(scales.shifts(0)) < np.maximum(0.05, 5 * scales.errors(0)))


def test_edges_of_known_axes_are_places_on_the_common_axis():
    common = EnergyAxis(0.1, 0.01, 200)
    # One channel lower, and 1 % narrower.
    (same, lower, narrow) = known_edges(
        [common, EnergyAxis(0.09, 0.01, 200), EnergyAxis(0.1, 0.0099, 200)], common
    )
    channels = np.arange(201) - 0.5
    np.testing.assert_allclose(same, channels, atol=1e-9)
    np.testing.assert_allclose(lower, channels - 1, atol=1e-9)
    np.testing.assert_allclose(narrow, 0.99 * channels, atol=1e-9)


def test_edges_of_bent_axes_follow_their_centres():
    bent = EnergyAxis.from_centers(0.01 * np.arange(100) + 1e-5 * np.arange(100) ** 2)
    (edges,) = known_edges([bent], EnergyAxis(0, 0.01, 100))
    middles = (edges[1:] + edges[:-1]) / 2
    np.testing.assert_allclose(middles, 100 * bent.centers, atol=0.01)
