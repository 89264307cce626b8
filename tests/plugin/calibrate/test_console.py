"""Lines of Python that do what the dock Calibrate energy does."""

import numpy as np
import pytest

from napari_xrf_denoise.layers.convert import image_from_layer
from tests.helpers.dock_work import click

SIZE = 64
NAME = "an 'array'"


@pytest.fixture
def viewer_with_array(viewer):
    counts = np.random.default_rng(4).poisson(3.0, (5, 6, SIZE)).astype(np.uint16)
    viewer.add_image(counts, name=NAME)
    return viewer


@pytest.fixture
def panel(qtbot, viewer_with_array, dock):
    panel = dock(viewer_with_array, "Calibrate energy")
    qtbot.waitUntil(panel.isVisible)
    return panel


def two_peaks(qtbot, panel):
    for number, (channel, line) in enumerate([(12.34, "Ca Ka"), (50.5, "8.63 keV")]):
        panel.channel_fields[number].setValue(channel)
        panel.line_boxes[number].setCurrentText(line)


def offset_and_gain(qtbot, panel):
    click(qtbot, panel.ways["numbers"])
    panel.offset_field.setValue(-0.1234567)
    panel.gain_field.setValue(0.1)


def first_axis_as_repeats(qtbot, panel):
    offset_and_gain(qtbot, panel)
    panel.repeat_box.setCurrentIndex(1)


def look(layer):
    """What of a layer a calibration changes."""
    return (
        tuple(layer.axis_labels),
        layer.scale.tolist(),
        layer.translate.tolist(),
        [str(unit) for unit in layer.units],
        layer.metadata["xrf"],
        layer.metadata["energy_calibration"],
    )


@pytest.mark.parametrize("fill", [two_peaks, offset_and_gain, first_axis_as_repeats])
def test_the_lines_calibrate_the_layer_as_the_dock_does(qtbot, viewer_with_array, panel, fill):
    fill(qtbot, panel)
    lines = panel.python.lines()
    layer = viewer_with_array.layers[NAME]
    other = viewer_with_array.add_image(layer.data.copy(), name="other")
    panel.layer_box.setCurrentText(NAME)
    fill(qtbot, panel)
    click(qtbot, panel.button)
    exec(lines.replace(repr(NAME), "'other'"), {"viewer": viewer_with_array})
    assert look(other) == look(layer)
    axis = image_from_layer(other).energy
    assert axis.calibrated
    if fill is two_peaks:
        assert axis.offset + 50.5 * axis.gain == pytest.approx(8.63)
    else:
        assert (axis.offset, axis.gain) == (-0.1234567, 0.1)


def test_the_lines_name_the_layer_and_do_no_harm_twice(qtbot, viewer_with_array, panel):
    offset_and_gain(qtbot, panel)
    layer = viewer_with_array.layers[NAME]
    exec(panel.python.lines(), {"viewer": viewer_with_array})
    once = look(layer)
    exec(panel.python.lines(), {"viewer": viewer_with_array})
    assert look(layer) == once
    layer.name = "ore"
    assert "viewer.layers['ore']" in panel.python.lines()


def test_without_a_calibration_there_are_no_lines(qtbot, viewer_with_array, panel):
    assert panel.python.lines() == ""
    assert not panel.python.isVisible()
    two_peaks(qtbot, panel)
    assert panel.python.isVisible()
    panel.line_boxes[0].setCurrentText("nonsense")
    assert panel.python.lines() == ""
    panel.line_boxes[0].setCurrentText("Ca Ka")
    viewer_with_array.layers.remove(NAME)
    assert panel.python.lines() == ""
