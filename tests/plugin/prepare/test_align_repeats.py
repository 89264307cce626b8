"""The form "Align repeats"."""

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from tests.helpers.dock_work import type_in

from .conftest import LEFT, RIGHT


def test_lines_meet_and_counts_stay_whole_photons(viewer, dock, show, run, detectors):
    raw = show(detectors)
    layer = run(dock(viewer, "Align repeats"))
    assert layer.name == "detectors aligned"
    assert layer.data.dtype.kind == "u"
    assert layer.axis_labels == raw.axis_labels
    np.testing.assert_array_equal(layer.scale, raw.scale)
    np.testing.assert_array_equal(layer.translate, raw.translate)
    # The line is far from both ends, so that no photon is lost.
    np.testing.assert_array_equal(layer.data.sum(axis=1), raw.data.sum(axis=1))
    spectra = layer.data.sum(axis=(2, 3))
    centers = spectra @ np.arange(300) / spectra.sum(axis=1)
    assert centers == pytest.approx([(LEFT + RIGHT) / 2] * 2, abs=0.15)


def test_where_the_result_comes_from_is_in_its_metadata(qtbot, viewer, dock, show, run, detectors):
    show(detectors)
    form = dock(viewer, "Align repeats")
    type_in(qtbot, form.seed, "7")
    layer = run(form)
    assert layer.metadata["sample"] == "gold"
    assert layer.metadata["alignment"]["seed"] == 7
    assert layer.metadata["processing"] == [
        {"step": "aligned", "source": "detectors", "version": xrf.__version__, "seed": 7}
    ]
    assert xrf.layers.image_from_layer(layer).repeat_kind == "detector"


def test_one_repeat_has_nothing_to_align(viewer, dock, show, detectors, message):
    show(detectors.select(repeats=0))
    form = dock(viewer, "Align repeats")
    assert "one repeat" in message(form)
    assert not form.call_button.enabled


def test_fractions_are_refused_in_words(qtbot, viewer, dock, show, detectors, message):
    show(detectors.replace(counts=detectors.counts * np.float32(0.7)))
    form = dock(viewer, "Align repeats")
    form.call_button.native.click()
    qtbot.waitUntil(lambda: form.preparation.job is None)
    assert "whole" in message(form)
    assert len(viewer.layers) == 1
