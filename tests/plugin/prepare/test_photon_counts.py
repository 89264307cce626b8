"""The form "Counts to photons"."""

import numpy as np
import pytest

from tests.helpers.dock_work import type_in


@pytest.fixture
def halves(detectors):
    """Counts that are multiples of 0.5."""
    return detectors.replace(counts=detectors.counts * np.float32(0.5), name="halves")


@pytest.mark.parametrize("typed", ["0.5", "0,5", "auto"])
def test_photons_are_counts_over_the_unit(qtbot, viewer, dock, show, run, detectors, halves, typed):
    show(halves)
    form = dock(viewer, "Counts to photons")
    type_in(qtbot, form.unit, typed)
    layer = run(form)
    assert layer.name == "halves photons"
    assert layer.data.dtype.kind == "u"
    np.testing.assert_array_equal(layer.data, detectors.counts.transpose(0, 3, 1, 2))
    assert isinstance(layer.data, np.ndarray)  # the slider must not wait for each picture
    assert layer.metadata["photon_unit"] == 0.5
    assert layer.metadata["processing"][-1]["source"] == "halves"


def test_whole_counts_that_are_multiples_are_found(viewer, dock, show, run, detectors):
    show(detectors.replace(counts=detectors.counts * np.uint16(3)))
    layer = run(dock(viewer, "Counts to photons"))
    np.testing.assert_array_equal(layer.data, detectors.counts.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("typed", ["0", "-1", "much", "1,000", "inf"])
def test_an_impossible_unit_is_refused_in_words(
    qtbot, viewer, dock, show, detectors, message, typed
):
    show(detectors)
    form = dock(viewer, "Counts to photons")
    type_in(qtbot, form.unit, typed)
    assert "number above 0" in message(form)
    assert not form.call_button.enabled


@pytest.mark.parametrize(
    ("typed", "words"), [("auto", "nothing to convert"), ("0.3", "multiples of 0.3")]
)
def test_counts_that_have_no_such_unit_are_left_alone(
    qtbot, viewer, dock, show, detectors, message, typed, words
):
    show(detectors)
    form = dock(viewer, "Counts to photons")
    type_in(qtbot, form.unit, typed)
    form.call_button.native.click()
    qtbot.waitUntil(lambda: form.preparation.job is None)
    assert words in message(form)
    assert len(viewer.layers) == 1
