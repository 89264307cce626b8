"""All docks, as they look at 1280 x 800 in a narrow dock, with and without something in them."""

import pytest

from tests.helpers.dock_looks import (
    cut_off,
    faint,
    jumps,
    narrow,
    plots,
    sticks_out,
    tab_stops,
    without_tip,
)
from tests.helpers.dock_work import DOCKS, add_result, at_work
from tests.helpers.mouse import settled


@pytest.fixture
def pair(viewer_with_map, small_map):
    add_result(viewer_with_map, small_map)
    return viewer_with_map


@pytest.mark.parametrize("name", DOCKS)
def test_before_any_layer_everything_fits_and_says_what_it_is_for(qtbot, viewer, dock, name):
    panel = dock(viewer, name)
    narrow(viewer, panel)
    qtbot.waitUntil(lambda: panel.width() <= 262)
    settled(qtbot, panel)
    assert sticks_out(panel) == []
    assert cut_off(panel) == []
    assert without_tip(panel) == []
    assert viewer.window._qt_window.height() <= 800


@pytest.mark.parametrize("name", DOCKS)
def test_at_work_everything_fits_and_says_what_it_is_for(qtbot, pair, dock, name, tmp_path):
    panel = dock(pair, name)
    narrow(pair, panel)
    at_work(qtbot, pair, panel, name, tmp_path)
    qtbot.waitUntil(lambda: panel.width() <= 262)
    settled(qtbot, panel)
    assert sticks_out(panel) == []
    assert cut_off(panel) == []
    assert without_tip(panel) == []
    assert pair.window._qt_window.height() <= 800


def test_offset_and_gain_fit_with_their_units(qtbot, viewer_with_map, dock):
    panel = dock(viewer_with_map, "Calibrate energy")
    narrow(viewer_with_map, panel)
    panel.ways["numbers"].click()
    qtbot.waitUntil(panel.gain_field.isVisible)
    settled(qtbot, panel)
    assert cut_off(panel) == []


@pytest.mark.parametrize("name", DOCKS)
def test_tab_goes_from_top_to_bottom(qtbot, pair, dock, name, tmp_path):
    panel = dock(pair, name)
    at_work(qtbot, pair, panel, name, tmp_path)
    settled(qtbot, panel)
    assert len(tab_stops(panel)) > 4
    assert jumps(panel) == []


@pytest.mark.parametrize("name", DOCKS)
def test_plots_can_be_read_in_either_theme(qtbot, pair, dock, name, tmp_path):
    panel = dock(pair, name)
    at_work(qtbot, pair, panel, name, tmp_path)
    for theme in ("light", "dark", "light"):
        pair.theme = theme
        settled(qtbot, panel)
        for plot in plots(panel):
            is_light = plot.backgroundBrush().color().lightness() > 128
            assert is_light == (theme == "light")
            assert faint(plot) == []
