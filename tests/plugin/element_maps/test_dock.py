import threading

import dask.array as da
import numpy as np
import pytest
from qtpy.QtCore import Qt

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers.convert import to_layer
from napari_xrf_denoise.plugin.element_maps import session as element_session
from napari_xrf_denoise.plugin.element_maps.model import ElementModel
from napari_xrf_denoise.plugin.element_maps.recipe import MapRecipe
from tests.helpers.dock_work import click
from tests.helpers.patience import PATIENCE


@pytest.fixture
def panel(viewer_with_map, dock):
    return dock(viewer_with_map, "Element maps")


@pytest.fixture
def pair(viewer_with_map, small_map):
    """A raw map and what a denoiser made of it: here twice the counts."""
    record = {"denoising": {"source": "map"}}
    denoised = small_map.replace(counts=2 * small_map.counts, name="map denoised", metadata=record)
    viewer_with_map.add_layer(to_layer(denoised))
    return viewer_with_map


def add(qtbot, panel, elements):
    panel.elements_field.setText(elements)
    click(qtbot, panel.button)
    qtbot.waitUntil(lambda: panel.model.status == "idle")


@pytest.mark.parametrize("background", [False, True])
def test_a_click_adds_the_map_with_the_scale_of_its_source(
    qtbot, viewer_with_map, panel, small_map, background
):
    panel.background_box.setChecked(background)
    add(qtbot, panel, "Fe")
    layer = viewer_with_map.layers["Fe Ka of map"]
    expected = xrf.element_map(small_map, "Fe", background=background)
    np.testing.assert_array_equal(layer.data, expected)
    assert tuple(layer.axis_labels) == ("y", "x")
    assert tuple(layer.scale) == (5.0, 5.0)
    assert [f"{unit:~}" for unit in layer.units] == ["µm", "µm"]
    record = layer.metadata["element_map"]
    low, high = record.pop("window")
    assert low < 6.40 < high
    assert record.pop("source_id") == str(viewer_with_map.layers["map"].unique_id)
    assert record == {
        "source": "map",
        "element": "Fe",
        "line": "Ka",
        "window_unit": "keV",
        "background": background,
        "version": xrf.__version__,
    }


def test_each_element_becomes_a_layer_of_its_best_line(qtbot, viewer_with_map, panel, small_map):
    add(qtbot, panel, "Fe, Cu, Pb La")
    names = [layer.name for layer in viewer_with_map.layers]
    assert names == ["map", "Fe Ka of map", "Cu Ka of map", "Pb La of map"]
    np.testing.assert_array_equal(
        viewer_with_map.layers["Pb La of map"].data, xrf.element_map(small_map, "Pb La")
    )
    assert "Added Fe Kα, Cu Kα, Pb Lα of “map”" in panel.message.text()


def test_errors_become_layers_of_their_own(qtbot, viewer_with_map, panel):
    panel.errors_box.setChecked(True)
    add(qtbot, panel, "Fe")
    layers = viewer_with_map.layers
    assert [layer.name for layer in layers][1:] == ["Fe Ka of map", "error of Fe Ka of map"]
    # Of photon counts.
    np.testing.assert_allclose(layers[2].data, np.sqrt(layers[1].data), rtol=1e-6)
    assert panel.model.overlay == (layers[1], None, None)


def test_a_map_and_its_error_come_from_one_reading(qtbot, make_napari_viewer, small_map, dock):
    read = []

    def block(part):
        read.append(part.shape)
        return part

    lazy = da.from_array(small_map.counts, chunks=(1, 4, -1, -1)).map_blocks(
        block, meta=np.empty(0)
    )
    viewer = make_napari_viewer()
    viewer.add_layer(to_layer(small_map.replace(counts=lazy)))
    panel = dock(viewer, "Element maps")
    readings = []
    for errors in (False, True):
        panel.errors_box.setChecked(errors)
        before = len(read)
        add(qtbot, panel, "Fe")
        readings.append(len(read) - before)
    assert len(viewer.layers) == 4
    assert readings[0] == readings[1] > 0


def test_a_result_without_errors_says_so_and_is_mapped_without(qtbot, pair, dock):
    panel = dock(pair, "Element maps")
    panel.model.choose(pair.layers["map denoised"])
    panel.errors_box.setChecked(True)
    add(qtbot, panel, "Fe")
    assert [layer.name for layer in pair.layers][2:] == ["Fe Ka of map denoised"]
    assert "carries no uncertainty" in panel.message.text()


def test_return_in_the_field_adds_the_map(qtbot, viewer_with_map, panel):
    panel.elements_field.clear()
    qtbot.keyClicks(panel.elements_field, "Ca")
    qtbot.keyClick(panel.elements_field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "Ca Ka of map" in viewer_with_map.layers)


def test_a_line_outside_the_energies_is_said_and_the_other_maps_are_added(
    qtbot, viewer_with_map, panel
):
    panel.line_box.setCurrentText("Kα")
    add(qtbot, panel, "Pb, Fe")
    assert "outside the energy axis" in panel.message.text()
    assert panel.button.isEnabled()
    assert [layer.name for layer in viewer_with_map.layers] == ["map", "Fe Ka of map"]


def test_an_element_that_does_not_exist_is_said_in_the_panel(qtbot, viewer_with_map, panel):
    panel.elements_field.setText("Xy")
    assert "Xy" in panel.message.text()
    assert not panel.button.isEnabled()
    qtbot.keyClick(panel.elements_field, Qt.Key.Key_Return)
    assert len(viewer_with_map.layers) == 1


def test_overlapping_lines_are_named_before_and_after_the_map_is_added(qtbot, panel):
    panel.elements_field.setText("As")
    qtbot.waitUntil(lambda: "Pb Lα (10.54 keV)" in panel.warning_label.text())
    add(qtbot, panel, "As")
    assert panel.warning_label.isVisible()
    panel.elements_field.setText("Cu")
    assert not panel.warning_label.isVisible()


def test_layers_are_followed_and_pictures_are_not_offered(viewer_with_map, panel):
    assert panel.layer_box.currentText() == "map"
    viewer_with_map.add_image(np.ones((4, 4)), name="photo")
    viewer_with_map.layers["map"].name = "ore"
    assert [panel.layer_box.itemText(row) for row in range(panel.layer_box.count())] == ["ore"]
    viewer_with_map.layers.remove("ore")
    assert panel.layer_box.count() == 0
    assert not panel.button.isEnabled()
    assert "Open Sample" in panel.message.text()


def test_maps_of_raw_and_denoised_get_the_same_contrast(qtbot, pair, dock, small_map):
    panel = dock(pair, "Element maps")
    panel.layer_box.setCurrentText("map")
    assert panel.partner_box.text() == "Also map the denoised layer"
    panel.partner_box.setChecked(True)
    add(qtbot, panel, "Fe")
    raw, denoised = pair.layers["Fe Ka of map"], pair.layers["Fe Ka of map denoised"]
    np.testing.assert_array_equal(denoised.data, 2 * raw.data)
    assert tuple(raw.contrast_limits) == tuple(denoised.contrast_limits)
    assert raw.contrast_limits[1] == pytest.approx(np.quantile(denoised.data, 0.999))
    panel.layer_box.setCurrentText("map denoised")
    assert panel.partner_box.text() == "Also map the raw layer"


def test_a_layer_without_partner_offers_none(panel):
    assert not panel.partner_box.isVisible()


def test_stop_ends_it_and_adds_nothing(qtbot, viewer_with_map, panel, monkeypatch):
    begun, ended = threading.Event(), threading.Event()

    def wait(recipe, image, should_stop):
        begun.set()
        while not should_stop():
            ended.wait(0.01)
        ended.set()
        raise xrf.Cancelled("stopped")

    monkeypatch.setattr(MapRecipe, "compute", wait)
    panel.elements_field.setText("Fe")
    click(qtbot, panel.button)
    assert begun.wait(PATIENCE)
    assert panel.button.text() == "Stop"
    assert panel.progress_bar.isVisible()
    click(qtbot, panel.button)
    assert ended.wait(PATIENCE)
    qtbot.waitUntil(lambda: panel.button.text() == "Add map")
    assert "Stopped" in panel.message.text()
    assert len(viewer_with_map.layers) == 1


def test_the_panel_is_usable_in_a_narrow_dock(panel):
    for fold in (panel.window_fold, panel.list_fold, panel.overlay_fold, panel.scatter_fold):
        fold.button.setChecked(True)
    assert panel.button.parentWidget().minimumSizeHint().width() <= 250
    assert panel.minimumSizeHint().height() <= 400


def test_stop_leaves_the_tables_of_lines_to_be_loaded(qtbot, monkeypatch):
    loaded = threading.Event()
    monkeypatch.setattr(element_session, "lines_between", lambda *_, **__: loaded.wait(PATIENCE))
    model = ElementModel()
    session = element_session.ElementSession(model, None)
    session.learn_lines()
    session.stop()
    loaded.set()
    qtbot.waitUntil(session.poll)
    assert model.knows_lines


def test_the_same_in_python_follows_what_is_typed(panel):
    panel.elements_field.setText("Fe, Zn")
    assert "('Fe', 'auto'), ('Zn', 'auto')" in panel.python.lines()
    panel.background_box.setChecked(True)
    assert "background=True" in panel.python.lines()
    panel.elements_field.setText("Xx")
    assert panel.python.lines() == ""
