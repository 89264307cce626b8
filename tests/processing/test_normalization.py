"""Normalised pictures of counts that stay as they were measured."""

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise import DataError, EnergyAxis, SpectrumImage
from napari_xrf_denoise.processing import normalization_factor

AXIS = EnergyAxis(0.0, 0.01, 1000)
BEAM = np.array([[100.0, 50.0, 200.0], [100.0, 0.0, 50.0]])


def image(**scalers):
    counts = np.zeros((2, 2, 3, 1000), dtype=np.uint16)
    counts[..., 640] = 40
    return SpectrumImage(counts, AXIS, repeat_kind="detector", name="scan", scalers=scalers)


def test_a_picture_is_that_of_a_steady_beam():
    measured = image(I0=BEAM)
    factor = normalization_factor(measured, monitor="I0")
    mean = 500 / 5  # of the pixels that the beam reached
    picture = xrf.element_map(measured, "Fe", factor=factor)
    np.testing.assert_allclose(picture[0], 80 * mean / BEAM[0])
    assert np.isnan(picture[1, 1])
    np.testing.assert_array_equal(measured.counts[..., 640], 40)


def test_each_detector_element_has_its_own_dead_time():
    live = np.stack([np.full((2, 3), 0.5), np.full((2, 3), 0.8)])
    real = np.full((2, 3), 1.0)
    found = normalization_factor(image(real_time=real, live_time=live), dead_time=True)
    assert found.shape == (2, 2, 3)
    picture = xrf.element_map(image(), "Fe", factor=found)
    np.testing.assert_allclose(picture, 40 / 0.5 + 40 / 0.8)


def test_the_pulse_processors_counts_give_the_dead_time_as_well():
    rates = {"input_counts": np.full((2, 3), 110.0), "output_counts": np.full((2, 3), 100.0)}
    np.testing.assert_allclose(normalization_factor(image(**rates), dead_time=True), 1.1)


@pytest.mark.parametrize("asked", [{"monitor": "I1"}, {"dead_time": True}])
def test_a_missing_scaler_is_named_with_those_that_there_are(asked):
    with pytest.raises(DataError, match=r"scan: expected .*found the scalers: I0, live_time"):
        normalization_factor(image(I0=BEAM, live_time=BEAM), **asked)


def test_nothing_asked_for_changes_nothing():
    np.testing.assert_array_equal(normalization_factor(image()), np.ones((2, 3)))


def test_a_factor_of_another_map_is_refused():
    with pytest.raises(DataError, match=r"factor: expected shape \(2, 3\)"):
        xrf.element_map(image(), "Fe", factor=np.ones((3, 2)))
