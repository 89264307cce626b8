"""The main work of each dock with the keyboard alone."""

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog

import napari_xrf_denoise as xrf
from tests.helpers.dock_looks import tab_stops
from tests.helpers.dock_work import add_result

MOST_TABS = 60


@pytest.fixture
def pair(viewer_with_map, small_map):
    add_result(viewer_with_map, small_map)
    return viewer_with_map


class Keys:
    """Keys that go to the widget of a dock that has the focus."""

    def __init__(self, qtbot, dock):
        self.dock = dock
        # Arrow keys move in a group of buttons only where the window is the active one.
        dock.window().activateWindow()
        qtbot.waitUntil(dock.window().isActiveWindow)
        tab_stops(dock)[0].setFocus()

    @property
    def widget(self):
        return self.dock.window().focusWidget()

    def tab_to(self, widget):
        for _ in range(MOST_TABS):
            if self.widget is widget:
                return
            QTest.keyClick(self.widget, Qt.Key.Key_Tab)
        raise AssertionError(f"Tab does not come to {widget.toolTip()!r}")

    def press(self, *keys):
        for key in keys:
            QTest.keyClick(self.widget, key)

    def write(self, text):
        self.widget.selectAll()
        QTest.keyClicks(self.widget, text)


def test_denoise(qtbot, viewer_with_map, dock):
    panel = dock(viewer_with_map, "Denoise")
    keys = Keys(qtbot, panel)
    keys.tab_to(panel.method_box)
    QTest.keyClicks(panel.method_box, "p")
    keys.tab_to(panel.preset_box)
    QTest.keyClicks(panel.preset_box, "f")
    keys.tab_to(panel.button)
    keys.press(Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: "map denoised" in viewer_with_map.layers)
    record = viewer_with_map.layers["map denoised"].metadata["denoising"]
    assert record["settings"]["method"] == "pca"
    qtbot.waitUntil(panel.again_button.isVisible)
    keys.tab_to(panel.again_button)


def test_spectrum(qtbot, viewer_with_map, dock, small_map):
    panel = dock(viewer_with_map, "Spectrum")
    keys = Keys(qtbot, panel)
    keys.tab_to(panel.controls.buttons["pixel"])
    keys.press(Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: panel.plot.labels() == ["map, sum"])
    keys.tab_to(panel.controls.scale_box)
    QTest.keyClicks(panel.controls.scale_box, "l")
    QTest.keyClicks(panel.controls.scale_box, "l")
    keys.tab_to(panel.lines.button)
    keys.press(Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: panel.line_tools.model.is_ready)
    keys.tab_to(panel.line_tools.field)
    keys.write("Fe")
    keys.press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "Fe Kα" in panel.plot.marks())


def test_element_maps(qtbot, viewer_with_map, dock, small_map):
    panel = dock(viewer_with_map, "Element maps")
    keys = Keys(qtbot, panel)
    keys.tab_to(panel.elements_field)
    keys.write("Ca, Zn")
    keys.tab_to(panel.background_box)
    keys.press(Qt.Key.Key_Space)
    keys.tab_to(panel.button)
    keys.press(Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: "Zn Ka of map" in viewer_with_map.layers)
    expected = xrf.element_map(small_map, "Ca", background=True)
    assert (viewer_with_map.layers["Ca Ka of map"].data == expected).all()


def test_compare(qtbot, pair, dock):
    panel = dock(pair, "Compare")
    keys = Keys(qtbot, panel)
    keys.tab_to(panel.view_page.buttons["off"])
    keys.press(Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: "Compare" in pair.layers)
    keys.tab_to(panel.view_page.slider)
    keys.press(Qt.Key.Key_Home)
    assert panel.view_page.share_label.text() == "0 %"
    panel.pages.tabBar().setFocus()
    keys.press(Qt.Key.Key_Right)
    keys.tab_to(panel.residual_page.button)
    keys.press(Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: panel.model.residuals is not None)
    panel.pages.tabBar().setFocus()
    keys.press(Qt.Key.Key_Right)
    keys.tab_to(panel.table)
    keys.tab_to(panel.copy_button)  # the table lets go of the focus


def test_calibrate(qtbot, viewer_with_map, dock):
    panel = dock(viewer_with_map, "Calibrate energy")
    keys = Keys(qtbot, panel)
    keys.tab_to(panel.ways["peaks"])
    keys.press(Qt.Key.Key_Right, Qt.Key.Key_Space)
    keys.tab_to(panel.offset_field)
    keys.write("-0.5")
    keys.tab_to(panel.gain_field)
    keys.write("0.02")
    keys.tab_to(panel.button)
    keys.press(Qt.Key.Key_Space)
    layer = viewer_with_map.layers["map"]
    assert layer.scale[0] == pytest.approx(0.02)
    assert layer.translate[0] == pytest.approx(-0.5)


def test_batch(qtbot, viewer, dock, small_map, tmp_path, monkeypatch):
    path = xrf.write(tmp_path / "map.h5", small_map)
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(path)], ""))
    panel = dock(viewer, "Batch denoise")
    keys = Keys(qtbot, panel)
    keys.tab_to(panel.add_button)
    keys.press(Qt.Key.Key_Space)
    keys.tab_to(panel.method_box)
    QTest.keyClicks(panel.method_box, "p")
    keys.tab_to(panel.preset_box)
    QTest.keyClicks(panel.preset_box, "f")
    keys.tab_to(panel.button)
    keys.press(Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: panel.button.text() == "Start")
    assert path.with_name("map_denoised.h5").is_file()
    keys.tab_to(panel.table)
    keys.press(Qt.Key.Key_Down, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(viewer.layers) == 1)
