import numpy as np
import pytest
from qtpy.QtCore import Qt

from tests.helpers.mouse import settled


@pytest.fixture
def panel(viewer_with_map, dock, qtbot):
    panel = dock(viewer_with_map, "Element maps")
    panel.window_fold.button.setChecked(True)
    qtbot.waitUntil(lambda: panel.model.knows_lines)
    qtbot.waitUntil(lambda: panel.window_page.plot.drawn()[0].size > 0)
    return panel


def test_the_sum_of_the_spectra_is_drawn_over_the_energy(panel, small_map):
    energies, counts = panel.window_page.plot.drawn()
    np.testing.assert_allclose(energies, small_map.energy.centers)
    np.testing.assert_allclose(counts, small_map.counts.sum(axis=(0, 1, 2)))


def test_window_lines_and_background_of_the_element_are_shown(panel):
    plot = panel.window_page.plot
    panel.elements_field.setText("Fe, Ca")
    low, high = plot.shown_window()
    assert low < 6.40 < high
    assert [name for _, name, _ in plot.marks()] == ["Fe Kα", "Ca Kα"]
    # A channel is 160 eV wide, and the mark is in the middle of the window's channels.
    assert [place for place, _, _ in plot.marks()] == pytest.approx([6.40, 3.69], abs=0.16)
    assert plot.shown_sides() == []
    panel.background_box.setChecked(True)
    (_, left), (right, _) = plot.shown_sides()
    assert left <= low
    assert high <= right


def test_the_map_of_a_typed_window_is_added(qtbot, viewer_with_map, panel, small_map):
    page = panel.window_page
    for field, text in ((page.low_field, "3.0"), (page.high_field, "5.0")):
        field.selectAll()
        qtbot.keyClicks(field, text)
    qtbot.mouseClick(page.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "3 to 5 keV of map" in viewer_with_map.layers)
    centers = small_map.energy.centers
    expected = small_map.counts[0][..., (centers >= 3) & (centers < 5)].sum(axis=-1)
    layer = viewer_with_map.layers["3 to 5 keV of map"]
    np.testing.assert_array_equal(layer.data, expected)
    assert layer.metadata["element_map"]["window"] == [3.0, 5.0]
    assert "Lines in the window" in panel.message.text()


def test_a_dragged_window_is_typed_into_the_fields(qtbot, panel):
    page = panel.window_page
    panel.model.change(low=3.0, high=8.0)
    settled(qtbot, page.plot)
    view = page.plot.viewport()
    start, stop = page.plot.place_of(5.5), page.plot.place_of(10.0)
    qtbot.mouseMove(view, start)
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=start)
    for share in (0.3, 0.6, 1.0):
        qtbot.mouseMove(view, start + (stop - start) * share)
        qtbot.wait(20)
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=stop)
    # A pixel of the plot is about 0.1 keV.
    assert page.low_field.value() == pytest.approx(7.5, abs=0.3)
    assert page.high_field.value() == pytest.approx(12.5, abs=0.3)


def test_a_click_puts_the_window_there(qtbot, panel):
    page = panel.window_page
    panel.model.change(low=3.0, high=4.0)
    view = page.plot.viewport()
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=page.plot.place_of(10.0))
    assert page.low_field.value() == pytest.approx(9.5, abs=0.2)
    assert page.high_field.value() == pytest.approx(10.5, abs=0.2)


def test_a_window_without_extent_is_said_in_words(qtbot, viewer_with_map, panel):
    page = panel.window_page
    page.low_field.setValue(9.0)
    page.high_field.setValue(8.0)
    qtbot.mouseClick(page.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "begins below its end" in panel.message.text())
    assert len(viewer_with_map.layers) == 1


def test_a_logarithmic_axis_and_another_theme_keep_the_spectrum(qtbot, viewer_with_map, panel):
    panel.window_page.log_box.setChecked(True)
    viewer_with_map.theme = "light"
    energies, counts = panel.window_page.plot.drawn()
    assert energies.size == counts.size == 128
