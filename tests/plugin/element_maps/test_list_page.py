import h5py
import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog, QMessageBox

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers.convert import image_from_layer, to_layer
from napari_xrf_denoise.plugin.calibrate.model import calibrate_layer
from napari_xrf_denoise.plugin.element_maps.list_page import grid_of
from tests.helpers.dock_work import click


@pytest.fixture
def panel(viewer_with_map, dock, qtbot):
    panel = dock(viewer_with_map, "Element maps")
    panel.list_fold.button.setChecked(True)
    panel.elements_field.setText("Fe, Ca")
    click(qtbot, panel.button)
    qtbot.waitUntil(lambda: panel.model.status == "idle")
    return panel


def update(qtbot, panel):
    click(qtbot, panel.list_page.update_button)
    qtbot.waitUntil(lambda: panel.model.status == "idle")


def save(qtbot, panel, monkeypatch, path, kind="OME-TIFF (*.ome.tif)", answer=None):
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(path), kind))
    monkeypatch.setattr(QMessageBox, "question", lambda *_: answer)
    click(qtbot, panel.list_page.save_button)
    qtbot.waitUntil(lambda: panel.model.status == "idle")


def test_the_maps_of_the_layer_are_listed(panel):
    assert panel.list_page.words.text() == "Fe Ka of map, Ca Ka of map"


def test_update_follows_calibration_and_name_of_the_layer(qtbot, viewer_with_map, panel):
    source = viewer_with_map.layers["map"]
    layer = viewer_with_map.layers["Fe Ka of map"]
    layer.colormap = "magma"
    source.scale = (1.1 * source.scale[0], *source.scale[1:])
    source.name = "ore"
    update(qtbot, panel)
    expected = xrf.element_map(image_from_layer(source), "Fe")
    assert not np.array_equal(expected, xrf.element_map(small(source), "Fe"))
    np.testing.assert_array_equal(layer.data, expected)
    assert (layer.name, layer.colormap.name) == ("Fe Ka of ore", "magma")
    assert "2 maps updated" in panel.message.text()
    assert len(viewer_with_map.layers) == 3


def small(source):
    """The image as it was before the scale was changed."""
    image = image_from_layer(source)
    axis = image.energy
    return image.replace(energy=xrf.EnergyAxis(axis.offset, axis.gain / 1.1, axis.size))


def test_a_map_whose_record_is_broken_is_said_in_words(qtbot, viewer_with_map, panel):
    layer = viewer_with_map.layers["Fe Ka of map"]
    layer.metadata = {"element_map": {"source": "map"}}
    update(qtbot, panel)
    assert "add the map again" in panel.message.text()


def test_renewed_maps_of_raw_and_denoised_keep_one_contrast(
    qtbot, viewer_with_map, panel, small_map
):
    record = {"denoising": {"source": "map"}}
    other = small_map.replace(counts=2 * small_map.counts, name="denoised", metadata=record)
    viewer_with_map.add_layer(to_layer(other))
    panel.layer_box.setCurrentText("map")
    panel.partner_box.setChecked(True)
    panel.elements_field.setText("Ti")
    click(qtbot, panel.button)
    qtbot.waitUntil(lambda: "Ti Ka of denoised" in viewer_with_map.layers)
    source = viewer_with_map.layers["map"]
    source.data = 3 * np.asarray(source.data)
    update(qtbot, panel)
    raw, denoised = (viewer_with_map.layers[f"Ti Ka of {name}"] for name in ("map", "denoised"))
    np.testing.assert_array_equal(raw.data, 3 * xrf.element_map(small_map, "Ti"))
    assert tuple(raw.contrast_limits) == tuple(denoised.contrast_limits)
    assert raw.contrast_limits[1] == pytest.approx(np.quantile(raw.data, 0.999))


def test_maps_stay_when_their_source_goes(viewer_with_map, panel):
    values = np.array(viewer_with_map.layers["Fe Ka of map"].data)
    viewer_with_map.layers.remove("map")
    np.testing.assert_array_equal(viewer_with_map.layers["Fe Ka of map"].data, values)


@pytest.mark.parametrize(
    ("typed", "kind", "written"),
    [
        ("maps.h5", "NeXus HDF5 (*.h5)", "maps.h5"),
        ("maps", "NeXus HDF5 (*.h5)", "maps.h5"),
    ],
)
def test_all_maps_of_the_layer_are_saved_with_their_pixels(
    qtbot, panel, monkeypatch, tmp_path, small_map, typed, kind, written
):
    save(qtbot, panel, monkeypatch, tmp_path / typed, kind)
    with h5py.File(tmp_path / written) as file:
        for element in ("Fe", "Ca"):
            group = file[f"entry/{element}_Ka_of_map"]
            np.testing.assert_array_equal(group["values"], xrf.element_map(small_map, element))
            np.testing.assert_allclose(group["x"][:2], [0.0, 5.0])
            assert group["x"].attrs["units"] == "µm"
    assert f"2 maps saved in {tmp_path / written}" in panel.message.text()


def test_a_file_that_the_dialog_did_not_ask_about_is_asked_about(
    qtbot, panel, monkeypatch, tmp_path
):
    path = tmp_path / "maps.ome.tif"
    save(qtbot, panel, monkeypatch, path)
    before = path.read_bytes()
    panel.elements_field.setText("Ti")
    click(qtbot, panel.button)
    qtbot.waitUntil(lambda: len(panel.model.maps_of_source()) == 3)
    no, yes = QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes
    save(qtbot, panel, monkeypatch, tmp_path / "maps", answer=no)
    assert path.read_bytes() == before
    save(qtbot, panel, monkeypatch, tmp_path / "maps", answer=yes)
    assert path.read_bytes() != before


def test_a_file_of_another_program_is_left_alone(qtbot, panel, monkeypatch, tmp_path):
    path = tmp_path / "measurement.h5"
    with h5py.File(path, "w") as file:
        file["counts"] = [1, 2, 3]
    before = path.read_bytes()
    save(qtbot, panel, monkeypatch, path, answer=QMessageBox.StandardButton.Yes)
    assert "a file of another program is there" in panel.message.text()
    assert path.read_bytes() == before


def test_side_by_side_is_the_grid_of_napari(qtbot, viewer_with_map, panel):
    box = panel.list_page.grid_box
    box.setChecked(True)
    assert grid_of(viewer_with_map).enabled
    grid_of(viewer_with_map).enabled = False
    assert not box.isChecked()


def test_a_window_of_channels_is_the_same_after_calibration_and_update(
    qtbot, viewer, dock, small_map
):
    source = to_layer(small_map.replace(energy=xrf.EnergyAxis.uncalibrated(128)))
    viewer.add_layer(source)
    panel = dock(viewer, "Element maps")
    panel.model.change(low=4.0, high=12.0)
    panel.session.add([panel.model.own_recipe()])
    qtbot.waitUntil(lambda: bool(panel.model.maps))
    calibrate_layer(source, small_map.energy, energy_axis=0)
    update(qtbot, panel)
    layer = panel.model.maps[0]
    np.testing.assert_array_equal(layer.data, small_map.counts[0][..., 4:12].sum(axis=-1))
    assert layer.name.endswith(" keV of map")
