import numpy as np
import pytest
from qtpy.QtCore import Qt

import napari_xrf_denoise as xrf


@pytest.fixture
def panel(viewer_with_map, dock):
    return dock(viewer_with_map, "Element maps")


def click(qtbot, widget):
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


@pytest.mark.parametrize("background", [False, True])
def test_a_click_adds_the_map_with_the_scale_of_its_source(
    qtbot, viewer_with_map, panel, small_map, background
):
    panel.element_box.setCurrentText("Fe")
    panel.background_box.setChecked(background)
    click(qtbot, panel.button)
    qtbot.waitUntil(lambda: "Fe Ka of map" in viewer_with_map.layers, timeout=20_000)
    layer = viewer_with_map.layers["Fe Ka of map"]
    expected = xrf.element_map(small_map, "Fe", background=background)
    np.testing.assert_array_equal(layer.data, expected)
    assert tuple(layer.axis_labels) == ("y", "x")
    assert tuple(layer.scale) == (5.0, 5.0)
    assert [f"{unit:~}" for unit in layer.units] == ["µm", "µm"]
    assert layer.metadata["element_map"] == {
        "source": "map",
        "element": "Fe",
        "line": "Ka",
        "background": background,
        "version": xrf.__version__,
    }


def test_a_line_outside_the_energies_is_said_in_the_panel(qtbot, viewer_with_map, panel):
    panel.element_box.setCurrentText("Pb")
    click(qtbot, panel.button)
    qtbot.waitUntil(lambda: "outside the energy axis" in panel.message.text(), timeout=20_000)
    assert panel.button.isEnabled()
    assert len(viewer_with_map.layers) == 1


def test_an_element_that_does_not_exist_is_said_in_the_panel(qtbot, viewer_with_map, panel):
    panel.element_box.setCurrentText("Xy")
    click(qtbot, panel.button)
    qtbot.waitUntil(lambda: "Xy" in panel.message.text(), timeout=20_000)
    assert len(viewer_with_map.layers) == 1


def test_layers_are_followed_and_pictures_are_not_offered(viewer_with_map, panel):
    assert panel.layer_box.currentText() == "map"
    viewer_with_map.add_image(np.ones((4, 4)), name="photo")
    viewer_with_map.layers["map"].name = "ore"
    assert [panel.layer_box.itemText(row) for row in range(panel.layer_box.count())] == ["ore"]
    viewer_with_map.layers.remove("ore")
    assert panel.layer_box.count() == 0
    assert not panel.button.isEnabled()
    assert "Open Sample" in panel.message.text()
