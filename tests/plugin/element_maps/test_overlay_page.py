import pytest

from tests.helpers.dock_work import click


@pytest.fixture
def panel(viewer_with_map, dock, qtbot):
    panel = dock(viewer_with_map, "Element maps")
    panel.overlay_fold.button.setChecked(True)
    panel.elements_field.setText("Fe, Ca, Ti")
    click(qtbot, panel.button)
    qtbot.waitUntil(lambda: len(panel.model.maps) == 3)
    return panel


def colours(viewer):
    return {layer.name: (layer.colormap.name, layer.visible) for layer in viewer.layers}


def test_the_newest_maps_are_shown_in_red_green_and_blue_and_undone(qtbot, viewer_with_map, panel):
    before = colours(viewer_with_map)
    page = panel.overlay_page
    assert not page.undo_button.isEnabled()
    click(qtbot, page.button)
    assert colours(viewer_with_map) == {
        "map": (before["map"][0], False),
        "Fe Ka of map": ("red", True),
        "Ca Ka of map": ("green", True),
        "Ti Ka of map": ("blue", True),
    }
    click(qtbot, page.undo_button)
    assert colours(viewer_with_map) == before


def test_colours_can_be_exchanged_and_left_out(qtbot, viewer_with_map, panel):
    page = panel.overlay_page
    page.boxes[0].setCurrentText("none")
    page.boxes[1].setCurrentText("Fe Ka of map")
    click(qtbot, page.button)
    found = colours(viewer_with_map)
    assert found["Fe Ka of map"] == ("green", True)
    assert found["Ti Ka of map"] == ("blue", True)
    assert not found["Ca Ka of map"][1]


def test_a_map_that_is_deleted_leaves_its_box(viewer_with_map, panel):
    panel.overlay_page.boxes[0].setCurrentText("Ca Ka of map")
    viewer_with_map.layers.remove("Ca Ka of map")
    assert panel.overlay_page.boxes[0].currentText() == "none"
    assert "Ca Ka of map" not in [
        panel.overlay_page.boxes[0].itemText(row)
        for row in range(panel.overlay_page.boxes[0].count())
    ]
