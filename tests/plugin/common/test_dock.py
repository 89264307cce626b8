import gc
from weakref import ref

import pytest

from tests.helpers.dock_work import DOCKS


@pytest.mark.parametrize("name", DOCKS)
def test_a_closed_dock_is_forgotten(qtbot, viewer_with_map, dock, name):
    widget = dock(viewer_with_map, name)
    container = widget.parent()
    gone = ref(widget)
    del widget
    container.destroyOnClose()
    del container

    def is_forgotten():
        gc.collect()
        return gone() is None

    qtbot.waitUntil(is_forgotten)
    assert viewer_with_map.mouse_move_callbacks == []
    viewer_with_map.layers["map"].name = "ore"


@pytest.mark.parametrize("name", DOCKS)
def test_a_dock_can_be_closed_and_opened_again(qtbot, viewer_with_map, dock, name):
    first = dock(viewer_with_map, name)
    viewer_with_map.window.remove_dock_widget(first)
    second = dock(viewer_with_map, name)
    assert second is not first
    viewer_with_map.layers["map"].name = "ore"
    first.deleteLater()
    qtbot.wait(50)


@pytest.mark.parametrize("name", DOCKS)
def test_a_dock_put_back_into_the_window_follows_again(viewer_with_map, dock, name):
    widget = dock(viewer_with_map, name)
    viewer_with_map.window.remove_dock_widget(widget)
    assert widget.layers.watched == []
    viewer_with_map.window.add_dock_widget(widget, name=name)
    assert widget.layers.watched == list(viewer_with_map.layers)
