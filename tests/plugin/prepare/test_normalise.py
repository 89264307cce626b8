"""The form "Normalise"."""

from dataclasses import replace

import numpy as np
import pytest

import napari_xrf_denoise as xrf


def test_counts_are_those_of_a_steady_beam(viewer, dock, show, run, detectors):
    show(detectors)
    form = dock(viewer, "Normalise")
    form.monitor.value = "I0"
    layer = run(form)
    beam = np.linspace(1, 2, 30).reshape(6, 5)
    expected = detectors.counts * (beam.mean() / beam)[..., None]
    np.testing.assert_allclose(layer.data, expected.transpose(0, 3, 1, 2), rtol=1e-6)
    assert layer.name == "detectors normalised"
    assert isinstance(layer.data, np.ndarray)


def test_dead_time_is_that_of_each_element(viewer, dock, show, run, detectors):
    show(detectors)
    form = dock(viewer, "Normalise")
    form.dead_time.native.click()
    layer = run(form)
    expected = detectors.counts * np.array([2.0, 1.25])[:, None, None, None]
    np.testing.assert_allclose(layer.data, expected.transpose(0, 3, 1, 2), rtol=1e-6)


def test_the_metadata_say_that_these_are_no_poisson_counts(viewer, dock, show, run, detectors):
    show(detectors.with_metadata(warnings=("a cable was loose",)))
    form = dock(viewer, "Normalise")
    form.monitor.value = "I0"
    metadata = run(form).metadata
    assert metadata["warnings"][0] == "a cable was loose"
    assert "not Poisson" in metadata["warnings"][1]
    assert metadata["normalization"] == {"monitor": "I0", "dead_time": False, "unmeasured": 0}


def test_pixels_without_beam_count_as_not_measured(viewer, dock, show, run, detectors):
    beam = np.ones((6, 5))
    beam[2, 3] = 0
    show(replace(detectors, scalers={"I0": beam}))
    form = dock(viewer, "Normalise")
    form.monitor.value = "I0"
    layer = run(form)
    assert layer.data[:, :, 2, 3].sum() == 0
    assert layer.metadata["normalization"]["unmeasured"] == 1
    np.testing.assert_array_equal(layer.data[:, :, 0, 0], detectors.counts[:, 0, 0])


def test_the_scalers_of_the_layer_are_offered(viewer, dock, show, detectors, message):
    plain = replace(detectors, scalers={}, name="plain")
    show(plain)
    form = dock(viewer, "Normalise")
    assert "no scalers" in message(form)
    assert not form.call_button.enabled
    show(replace(detectors, scalers={"i1": np.ones((6, 5)), "x": np.ones((6, 5))}))
    form.layer.value = viewer.layers[-1]
    assert form.monitor.choices == ("none", "i1")
    assert "Choose a beam monitor" in message(form)
    form.monitor.value = "i1"
    assert form.call_button.enabled
    viewer.layers[0].name = "renamed"
    assert form.monitor.value == "i1"
    form.dead_time.value = True
    assert "real_time" in message(form)
    assert not form.call_button.enabled


def test_nothing_is_normalised_twice(viewer, dock, show, run, detectors, message):
    show(detectors)
    form = dock(viewer, "Normalise")
    form.monitor.value = "I0"
    form.layer.value = run(form)
    assert "normalised already" in message(form)
    assert not form.call_button.enabled


@pytest.mark.parametrize("is_denoised", [False, True])
def test_it_is_better_to_denoise_first(viewer, dock, show, detectors, message, is_denoised):
    record = {"denoising": {"source": "raw"}} if is_denoised else {}
    show(detectors.with_metadata(**record))
    form = dock(viewer, "Normalise")
    form.monitor.value = "I0"
    assert ("denoise first" in message(form)) is not is_denoised


def test_a_denoised_map_can_be_normalised(viewer, dock, show, run, factored):
    counts, full = factored
    beam = np.linspace(1, 2, 30).reshape(5, 6)
    record = {"denoising": {"source": "raw"}}
    show(xrf.SpectrumImage(counts, name="denoised", scalers={"I0": beam}, metadata=record))
    form = dock(viewer, "Normalise")
    form.monitor.value = "I0"
    expected = full[0] * (beam.mean() / beam)[..., None]
    np.testing.assert_allclose(run(form).data, expected.transpose(2, 0, 1), rtol=1e-6)
