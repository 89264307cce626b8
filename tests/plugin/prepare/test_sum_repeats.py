"""The form "Sum repeats"."""

from dataclasses import replace

import numpy as np
import pytest

import napari_xrf_denoise as xrf


@pytest.mark.parametrize("kind", ["scan", "frame", "detector"])
def test_the_sum_holds_all_photons_as_whole_counts(viewer, dock, show, run, detectors, kind):
    raw = show(detectors.replace(repeat_kind=kind))
    layer = run(dock(viewer, "Sum repeats"))
    assert layer.name == "detectors summed"
    assert layer.data.dtype.kind == "u"
    expected = detectors.counts.sum(axis=0).transpose(2, 0, 1)
    np.testing.assert_array_equal(layer.data, expected)
    assert layer.axis_labels == ("energy", "y", "x")
    np.testing.assert_array_equal(layer.scale, raw.scale[1:])
    assert layer.metadata["processing"][-1]["step"] == "summed"
    times = layer.metadata["xrf"]["scalers"]["live_time"]
    # Detector elements count side by side, others one after the other.
    np.testing.assert_allclose(times, 0.65 if kind == "detector" else 1.3)


def test_a_small_type_does_not_wrap_around(viewer, dock, show, run, detectors):
    full = np.full(detectors.shape, 200, np.uint8)
    show(detectors.replace(counts=full))
    assert np.all(run(dock(viewer, "Sum repeats")).data == 400)


def test_one_repeat_has_nothing_to_sum(viewer, dock, show, detectors, message):
    show(detectors.select(repeats=0))
    form = dock(viewer, "Sum repeats")
    assert "one repeat" in message(form)
    assert not form.call_button.enabled


def test_different_energy_scales_are_spoken_of(viewer, dock, show, detectors, message):
    show(detectors)
    form = dock(viewer, "Sum repeats")
    assert "Align repeats" not in message(form)
    axes = (detectors.energy, xrf.EnergyAxis(0.3, 0.02, 300))
    show(replace(detectors, repeat_energies=axes, name="calibrated one by one"))
    form.layer.value = viewer.layers[-1]
    assert "run Align repeats first" in message(form)
    assert form.call_button.enabled
