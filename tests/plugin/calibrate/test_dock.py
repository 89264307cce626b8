import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from napari_xrf_denoise.layers.convert import image_from_layer
from napari_xrf_denoise.plugin.calibrate.model import CalibrateModel
from napari_xrf_denoise.spectroscopy.element_symbols import in_latin
from napari_xrf_denoise.spectroscopy.xray_lines import line_energy
from tests.helpers.dock_work import click
from tests.helpers.mouse import settled

OFFSET, GAIN, SIZE = -0.12, 0.02, 512
LINES = ("Ca Ka", "Zn Ka")


def channel_of(line):
    return (line_energy(*line.split()) - OFFSET) / GAIN


@pytest.fixture
def spectra():
    """Counts (y, x, energy) with the lines of calcium and zinc, and no word about energies."""
    channels = np.arange(SIZE)
    rate = np.full(SIZE, 0.2)
    for line, height in zip(LINES, (9.0, 6.0), strict=True):
        rate += height * np.exp(-0.5 * ((channels - channel_of(line)) / 3) ** 2)
    return np.random.default_rng(4).poisson(rate, (12, 9, SIZE)).astype(np.uint16)


@pytest.fixture
def viewer_with_array(viewer, spectra):
    viewer.add_image(spectra, name="array")
    return viewer


@pytest.fixture
def panel(qtbot, viewer_with_array, dock):
    panel = dock(viewer_with_array, "Calibrate energy")
    wait_for_spectrum(qtbot, panel)
    return panel


def wait_for_spectrum(qtbot, panel):
    qtbot.waitUntil(lambda: panel.part_words.text().startswith("Sum spectrum"))


def click_in_spectrum(qtbot, panel, channel):
    settled(qtbot, panel.plot)
    place = panel.plot.place_of(channel)
    viewport = panel.plot.viewport()
    qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=place)


def test_the_spectrum_is_the_sum_of_the_longest_axis(panel, spectra):
    assert panel.energy_box.currentText() == f"2: {SIZE} values"
    np.testing.assert_array_equal(panel.plot.drawn()[1], spectra.sum(axis=(0, 1)))
    assert not panel.button.isEnabled()
    assert "Click a peak" in panel.words.text()


def test_two_clicks_and_two_lines_calibrate_the_layer(qtbot, viewer_with_array, panel, spectra):
    for number, line in enumerate(LINES):
        panel.line_boxes[number].setCurrentText(line)
        click_in_spectrum(qtbot, panel, channel_of(line) + 2)
        found = panel.channel_fields[number].value()
        assert found == pytest.approx(channel_of(line), abs=0.15)
    assert panel.button.isEnabled()
    click(qtbot, panel.button)
    layer = viewer_with_array.layers["array"]
    assert tuple(layer.axis_labels) == ("y", "x", "energy")
    assert [f"{unit:~}" for unit in layer.units][2] == "keV"
    image = image_from_layer(layer)
    assert image.energy.calibrated
    assert image.energy.gain == pytest.approx(GAIN, rel=2e-3)
    assert image.energy.offset == pytest.approx(OFFSET, abs=0.02)
    assert (layer.scale[2], layer.translate[2]) == (image.energy.gain, image.energy.offset)
    np.testing.assert_array_equal(image.counts[0], spectra)
    record = image.metadata["energy_calibration"]
    assert record["lines"] == list(LINES)
    assert "array is calibrated" in panel.message.text()


def test_offset_and_gain_calibrate_the_layer(qtbot, viewer_with_array, panel):
    click(qtbot, panel.ways["numbers"])
    panel.offset_field.setValue(OFFSET)
    panel.gain_field.setValue(GAIN)
    assert "Channel 0 is at -0.1200 keV, a channel is 20.0000 eV wide" in panel.words.text()
    click(qtbot, panel.button)
    energy = image_from_layer(viewer_with_array.layers["array"]).energy
    assert (energy.offset, energy.gain, energy.size) == (OFFSET, GAIN, SIZE)


def test_applying_again_replaces_axis_and_calibration(qtbot, viewer_with_array, panel):
    click(qtbot, panel.ways["numbers"])
    panel.energy_box.setCurrentIndex(0)
    click(qtbot, panel.button)
    layer = viewer_with_array.layers["array"]
    assert tuple(layer.axis_labels) == ("energy", "y", "x")
    panel.energy_box.setCurrentIndex(2)
    panel.gain_field.setValue(GAIN)
    panel.offset_field.setValue(OFFSET)
    click(qtbot, panel.button)
    assert tuple(layer.axis_labels) == ("y", "x", "energy")
    assert layer.scale.tolist() == [1.0, 1.0, GAIN]
    assert layer.translate.tolist() == [0.0, 0.0, OFFSET]
    assert [str(unit) for unit in layer.units] == ["pixel", "pixel", "kiloelectron_volt"]
    assert image_from_layer(layer).energy.gain == GAIN


def test_the_picture_is_shown_once_its_energy_axis_is_known(qtbot, viewer_with_array, panel):
    click(qtbot, panel.ways["numbers"])
    click(qtbot, panel.button)
    assert viewer_with_array.dims.displayed == (0, 1)
    strongest = round(channel_of("Ca Ka"))
    assert viewer_with_array.dims.current_step[2] == pytest.approx(strongest, abs=3)


def test_the_slider_stays_at_its_channel(qtbot, viewer, spectra, dock):
    viewer.add_image(np.moveaxis(spectra, 2, 0), name="array")
    viewer.dims.set_current_step(0, 201)
    panel = dock(viewer, "Calibrate energy")
    click(qtbot, panel.ways["numbers"])
    panel.gain_field.setValue(GAIN)
    panel.offset_field.setValue(OFFSET)
    click(qtbot, panel.button)
    assert viewer.dims.current_step[0] == 201
    assert viewer.dims.point[0] == pytest.approx(OFFSET + 201 * GAIN)
    assert viewer.dims.displayed == (1, 2)


def test_offset_and_gain_show_what_the_peaks_gave(qtbot, panel):
    panel.model.lines = LINES
    panel.model.channels = (channel_of(LINES[0]), channel_of(LINES[1]))
    click(qtbot, panel.button)
    click(qtbot, panel.ways["numbers"])
    assert panel.offset_field.value() == pytest.approx(OFFSET, abs=1e-6)
    assert panel.gain_field.value() == pytest.approx(GAIN, abs=1e-8)


def test_lines_of_the_same_elements_are_marked_where_the_calibration_has_them(qtbot, panel):
    click(qtbot, panel.ways["numbers"])
    panel.offset_field.setValue(OFFSET)
    panel.gain_field.setValue(GAIN)
    panel.model.lines = LINES
    marks = {name: channel for channel, name, _ in panel.plot.marks()}
    assert marks.keys() == {"Ca Kα", "Ca Kβ", "Zn Kα", "Zn Kβ"}
    for name, channel in marks.items():
        assert channel == pytest.approx(channel_of(in_latin(name)), abs=1e-6)


def test_lines_and_peaks_that_contradict_each_other_are_said(qtbot, panel):
    for number, line in enumerate(LINES):
        panel.channel_fields[number].setValue(channel_of(line))
        panel.line_boxes[number].setCurrentText(LINES[1 - number])
    assert "swap the two lines" in panel.words.text()
    assert not panel.button.isEnabled()
    panel.line_boxes[0].setCurrentText("nonsense")
    assert "nonsense" in panel.words.text()
    panel.line_boxes[0].setCurrentText("3.692 keV")
    panel.line_boxes[1].setCurrentText("8.63 keV")
    assert panel.button.isEnabled()


def test_fields_have_units(panel):
    assert panel.offset_field.text().endswith("keV")
    assert panel.gain_field.text().endswith("keV per channel")
    # Those of the peaks stand above their columns, so that they fit into a narrow dock.
    assert {label.text() for label in panel.peaks.findChildren(QLabel)} == {
        "channel", "line or keV",
    }  # fmt: skip


def test_layers_are_followed_and_pictures_in_colour_are_not_offered(viewer_with_array, panel):
    viewer_with_array.add_image(np.zeros((4, 5, 3), np.uint8), rgb=True, name="photo")
    viewer_with_array.add_labels(np.zeros((4, 5), int), name="cells")
    viewer_with_array.layers["array"].name = "ore"
    assert [panel.layer_box.itemText(row) for row in range(panel.layer_box.count())] == ["ore"]
    viewer_with_array.layers.remove("ore")
    assert panel.layer_box.count() == 0
    assert not panel.button.isEnabled()
    assert "no image layer" in panel.words.text()


def test_a_calibrated_layer_begins_with_its_own_calibration(qtbot, viewer_with_map, dock):
    panel = dock(viewer_with_map, "Calibrate energy")
    energy = image_from_layer(viewer_with_map.layers["map"]).energy
    click(qtbot, panel.ways["numbers"])
    assert panel.offset_field.value() == pytest.approx(energy.offset, abs=1e-6)
    assert panel.gain_field.value() == pytest.approx(energy.gain, abs=1e-8)
    assert panel.energy_box.currentIndex() == 0


def test_a_click_where_nothing_stands_out_is_said(qtbot, viewer, dock):
    viewer.add_image(np.ones((4, 5, 60)), name="flat")
    panel = dock(viewer, "Calibrate energy")
    wait_for_spectrum(qtbot, panel)
    click_in_spectrum(qtbot, panel, 30)
    assert "expected a peak" in panel.message.text()
    assert panel.model.channels == (0.0, 0.0)


def test_a_closed_dock_leaves_the_layers_alone(qtbot, viewer_with_array, panel):
    viewer_with_array.window.remove_dock_widget(panel)
    assert panel.layers.watched == []
    viewer_with_array.layers["array"].name = "ore"
    viewer_with_array.window.add_dock_widget(panel, name="Calibrate energy")
    assert panel.layer_box.currentText() == "ore"


def test_without_layers_nothing_can_be_applied():
    model = CalibrateModel()
    model.follow([])
    model.apply()
    assert "no image layer" in model.outcome
