"""The energy axis."""

import numpy as np
import pytest

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError


def test_centers_are_offset_plus_gain_times_channel():
    axis = EnergyAxis(offset=-0.02, gain=0.005, size=3)
    np.testing.assert_allclose(axis.centers, [-0.02, -0.015, -0.01])


def test_channel_is_the_nearest_center():
    axis = EnergyAxis(0.0, 0.01, 2048)
    assert [axis.channel(energy) for energy in (6.4, 6.404, 6.406, -1, 99)] == [
        640, 640, 641, 0, 2047,
    ]  # fmt: skip


def test_window_holds_centers_from_low_to_below_high():
    axis = EnergyAxis(0.0, 0.5, 10)
    assert axis.channels(1.0, 2.0) == slice(2, 4)


def test_windows_side_by_side_share_no_channel_and_miss_none():
    # No binary fractions: in the last digit some centres are above n / 10, some below.
    axis = EnergyAxis(0.0, 0.3, 100)
    parts = [axis.channels(3 * first / 10, 3 * (first + 1) / 10) for first in range(99)]
    assert parts == [slice(first, first + 1) for first in range(99)]


@pytest.mark.parametrize("ends", [(2.0, 2.0), (3.0, 2.0), (float("nan"), 2.0)])
def test_a_window_without_extent_is_refused(ends):
    with pytest.raises(DataError, match="begins below its end"):
        EnergyAxis(0.0, 0.5, 10).channels(*ends)


def test_window_without_channels_says_where_the_axis_runs():
    with pytest.raises(DataError, match=r"no channel between 50 and 60 keV.*0 to 4.5 keV"):
        EnergyAxis(0.0, 0.5, 10).channels(50, 60)


def test_rounded_energies_are_a_line_of_the_true_gain():
    centers = np.round(-0.02 + 0.00501 * np.arange(4095), 3)
    axis = EnergyAxis.from_centers(centers)
    assert axis.is_linear
    assert axis.gain == pytest.approx(0.00501, rel=1e-4)
    assert axis.offset == pytest.approx(-0.02, abs=1e-3)


def test_quadratic_energies_keep_their_true_centers():
    centers = 0.1 + 0.01 * np.arange(500) + 2e-6 * np.arange(500) ** 2
    axis = EnergyAxis.from_centers(centers)
    assert not axis.is_linear
    np.testing.assert_array_equal(axis.centers, centers)
    np.testing.assert_array_equal(axis[10:20].centers, centers[10:20])
    np.testing.assert_array_equal(EnergyAxis.from_dict(axis.as_dict()).centers, centers)


def test_a_part_of_the_axis_begins_at_its_own_energy():
    part = EnergyAxis(1.0, 0.5, 10)[4:8]
    assert (part.offset, part.gain, part.size) == (3.0, 0.5, 4)


def test_rebinned_centers_are_the_means_of_their_channels():
    axis = EnergyAxis(1.0, 0.5, 7).rebin(3)
    np.testing.assert_allclose(axis.centers, [1.5, 3.0])


def test_uncalibrated_axis_counts_channels():
    axis = EnergyAxis.uncalibrated(4)
    assert (axis.unit, axis.calibrated, axis.centers.tolist()) == ("channel", False, [0, 1, 2, 3])


def test_axes_that_differ_by_a_channel_are_not_close():
    axis = EnergyAxis(0.0, 0.01, 100)
    assert axis.is_close(EnergyAxis(0.0005, 0.01, 100))
    assert not axis.is_close(EnergyAxis(0.01, 0.01, 100))
    assert not axis.is_close(EnergyAxis(0.0, 0.01, 101))


@pytest.mark.parametrize("gain", [0.0, -0.01, np.nan, np.inf])
def test_impossible_gain_is_refused(gain):
    with pytest.raises(DataError, match="gain above 0"):
        EnergyAxis(0.0, gain, 10)


def test_falling_energies_are_refused_with_their_place():
    with pytest.raises(DataError, match=r"2 keV at channel 1 and 1 keV after it"):
        EnergyAxis.from_centers([0.0, 2.0, 1.0])


def test_edges_are_half_a_channel_beyond_the_centres():
    assert EnergyAxis(0.0, 0.01, 2048).edges(slice(10, 20)) == pytest.approx((0.095, 0.195))


def test_edges_of_a_bent_axis_hold_the_channels_and_no_neighbour():
    axis = EnergyAxis.from_centers(np.geomspace(0.5, 20, 64))
    for channels in (slice(0, 4), slice(10, 13), slice(60, 64)):
        assert axis.channels(*axis.edges(channels)) == channels
