import subprocess
import sys
import threading

import numpy as np
import pytest
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QFileDialog, QMessageBox

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers.convert import to_layer
from tests.helpers.dock_work import click, type_in
from tests.helpers.patience import PATIENCE

PLUGIN = "napari-xrf-denoise"


@pytest.fixture
def panel(viewer_with_map, dock):
    panel = dock(viewer_with_map, "Denoise")
    panel.method_box.setCurrentText("pca")
    panel.preset_box.setCurrentText("fast")
    return panel


def texts(panel):
    return [panel.layer_list.item(row).text() for row in range(panel.layer_list.count())]


def ticked(panel):
    items = [panel.layer_list.item(row) for row in range(panel.layer_list.count())]
    return [item.text() for item in items if item.checkState() == Qt.CheckState.Checked]


def test_a_click_on_denoise_adds_a_layer_beside_the_raw_one(qtbot, viewer_with_map, panel):
    raw = viewer_with_map.layers["map"]
    assert panel.button.text() == "Denoise"
    click(qtbot, panel.button)
    assert panel.button.text() == "Stop"
    qtbot.waitUntil(lambda: "map denoised" in viewer_with_map.layers)
    layer = viewer_with_map.layers["map denoised"]
    assert layer.data.shape == raw.data.shape
    np.testing.assert_array_equal(layer.scale, raw.scale)
    assert layer.units == raw.units
    assert layer.axis_labels == raw.axis_labels
    assert layer.data.sum() == pytest.approx(raw.data.sum(), rel=0.02)
    qtbot.waitUntil(lambda: "ose gain" in panel.report_label.text())
    assert not panel.progress_bar.isVisible()


@pytest.mark.slow
def test_the_sample_can_be_denoised(qtbot, viewer, dock):
    viewer.open_sample(PLUGIN, "map")
    panel = dock(viewer, "Denoise")
    panel.method_box.setCurrentText("pca")
    panel.preset_box.setCurrentText("fast")
    click(qtbot, panel.button)
    qtbot.waitUntil(lambda: "map denoised" in viewer.layers)


def test_stop_ends_a_real_run_without_a_layer(qtbot, viewer_with_map, panel):
    panel.method_box.setCurrentText("spectrum")
    panel.preset_box.setCurrentText("best")
    click(qtbot, panel.button)
    qtbot.waitUntil(lambda: panel.model.fraction > 0)
    assert panel.progress_bar.isVisible()
    assert panel.stage_label.text()
    click(qtbot, panel.button)
    qtbot.waitUntil(lambda: panel.button.text() == "Denoise")
    assert "Stopped" in panel.report_label.text()
    assert [layer.name for layer in viewer_with_map.layers] == ["map"]


def test_settings_cannot_be_changed_during_a_run(qtbot, panel, gate):
    panel.session.engine = gate
    click(qtbot, panel.button)
    assert not panel.method_box.isEnabled()
    assert not panel.layer_list.isEnabled()
    click(qtbot, panel.button)
    qtbot.waitUntil(lambda: panel.button.text() == "Denoise")
    assert panel.method_box.isEnabled()


@pytest.mark.parametrize("what", ["removed", "renamed", "replaced", "switched"])
def test_the_result_belongs_to_the_layer_as_it_was(qtbot, viewer_with_map, panel, gate, what):
    viewer, layers = viewer_with_map, viewer_with_map.layers
    before = layers["map"].data.sum()
    panel.session.engine = gate
    click(qtbot, panel.button)
    qtbot.waitUntil(gate.began.is_set)
    if what == "removed":
        layers.remove("map")
    elif what == "renamed":
        layers["map"].name = "ore"
    elif what == "replaced":
        layers["map"].data = np.zeros((128, 16, 16), np.uint16)
    else:
        viewer.add_image(np.ones((8, 8)), name="photo")
        layers.selection.active = layers["photo"]
    gate.open.set()
    qtbot.waitUntil(lambda: "map denoised" in layers)
    result = layers["map denoised"]
    assert result.data.sum() == pytest.approx(before, rel=0.02)
    assert result.metadata["denoising"]["source"] == "map"


def test_the_dock_closed_during_a_run_stops_it(qtbot, viewer_with_map, panel, gate):
    panel.session.engine = gate
    click(qtbot, panel.button)
    qtbot.waitUntil(gate.began.is_set)
    viewer_with_map.window.remove_dock_widget(panel)
    assert gate.ended.wait(PATIENCE)
    qtbot.wait(300)
    assert [layer.name for layer in viewer_with_map.layers] == ["map"]
    viewer_with_map.layers["map"].name = "ore"
    panel.deleteLater()
    qtbot.wait(50)


def test_the_viewer_closed_during_a_run_stops_it(qtbot, make_napari_viewer, small_map, dock, gate):
    viewer = make_napari_viewer(show=True)
    viewer.add_layer(to_layer(small_map))
    panel = dock(viewer, "Denoise")
    panel.session.engine = gate
    click(qtbot, panel.button)
    qtbot.waitUntil(gate.began.is_set)
    viewer.close()
    qtbot.waitUntil(gate.ended.is_set)
    qtbot.waitUntil(
        lambda: not any(thread.name == "xrf-denoise" for thread in threading.enumerate())
    )


def test_the_list_follows_the_viewer(qtbot, viewer_with_map, panel, small_map):
    viewer = viewer_with_map
    assert ticked(panel) == ["map"]
    viewer.add_layer(to_layer(small_map.replace(name="second")))
    assert texts(panel) == ["second", "map"]
    viewer.layers["map"].name = "ore"
    assert texts(panel) == ["second", "ore"]
    viewer.layers.remove("second")
    assert texts(panel) == ["ore"]


def test_ticked_layers_are_denoised_together(qtbot, viewer_with_map, panel, small_map):
    second = small_map.replace(
        name="second", counts=np.random.default_rng(0).poisson(small_map.counts)
    )
    viewer_with_map.add_layer(to_layer(second))
    for row in range(2):
        panel.layer_list.item(row).setCheckState(Qt.CheckState.Checked)
    assert "2 repeats" in panel.plan_label.text()
    click(qtbot, panel.button)
    qtbot.waitUntil(lambda: "map denoised" in viewer_with_map.layers)
    assert viewer_with_map.layers["map denoised"].metadata["denoising"]["repeats"] == 2


def test_without_spectra_the_button_is_off_and_says_what_is_needed(qtbot, viewer, dock):
    viewer.add_image(np.ones((20, 20)), name="photo")
    panel = dock(viewer, "Denoise")
    assert not panel.button.isEnabled()
    assert "Open Sample" in panel.plan_label.text()
    assert "axis_labels" in panel.plan_label.text()
    cube = viewer.add_image(np.ones((20, 8, 8), np.uint16), name="cube")
    cube.axis_labels = ("energy", "y", "x")
    assert panel.button.isEnabled()


def test_the_plan_follows_the_settings(panel):
    panel.method_box.setCurrentText("auto")
    assert "Method: stack" in panel.plan_label.text()
    panel.preset_box.setCurrentText("tutorial")
    assert "Method: spectrum" in panel.plan_label.text()
    panel.method_box.setCurrentText("pca")
    assert not panel.button.isEnabled()
    assert "preset" in panel.plan_label.text()


def test_an_error_stands_in_the_panel(qtbot, viewer_with_map, panel):
    viewer_with_map.layers["map"].data = np.zeros((128, 16, 16), np.uint16)
    click(qtbot, panel.button)
    qtbot.waitUntil(lambda: panel.button.text() == "Denoise")
    assert "all counts are zero" in panel.report_label.text()
    assert panel.report_label.isVisible()


def test_tabbing_goes_from_top_to_bottom(panel):
    order = [panel.layer_list, panel.method_box, panel.preset_box, panel.model_box]
    order += [panel.device_box, panel.settings_form["seed"].native, panel.button]
    widget, seen = panel.layer_list, []
    for _ in range(80):
        if widget in order:
            seen.append(widget)
        widget = widget.nextInFocusChain()
    assert seen[: len(order)] == order


def drawn_pictures(panel, monkeypatch):
    """Return a list that gets the pictures (raw, predicted) whenever they are drawn."""
    shown, draw = [], panel.live.show_preview

    def drawn(preview, *rest):
        draw(preview, *rest)
        if preview is not None:
            shown.append(panel.live.pictures.shown())

    monkeypatch.setattr(panel.live, "show_preview", drawn)
    return shown


def test_it_shows_how_it_goes_and_leaves_the_curves(qtbot, viewer_with_map, panel, monkeypatch):
    panel.method_box.setCurrentText("stack")
    shown = drawn_pictures(panel, monkeypatch)
    click(qtbot, panel.button)
    qtbot.waitUntil(lambda: "map denoised" in viewer_with_map.layers)
    raw, made = shown[-1]
    channel = panel.viewer.dims.current_step[0]
    np.testing.assert_array_equal(raw, viewer_with_map.layers["map"].data[channel])
    assert made.shape == (16, 16)
    assert "keV" in panel.live.pictures.words.text()
    assert {"training", "held-out"} == set(panel.live.loss_plot.points)
    assert set(panel.live.gain_plot.points) == {"dose gain"}
    qtbot.waitUntil(panel.report_label.isVisible)
    assert not panel.history.is_open


def test_the_raw_picture_is_of_all_layers_together(
    qtbot, viewer_with_map, panel, small_map, monkeypatch
):
    second = small_map.replace(
        name="second", counts=np.random.default_rng(0).poisson(small_map.counts)
    )
    viewer_with_map.add_layer(to_layer(second))
    layers = viewer_with_map.layers
    panel.model.choose(tuple(layers))
    panel.method_box.setCurrentText("stack")
    shown = drawn_pictures(panel, monkeypatch)
    click(qtbot, panel.button)
    qtbot.waitUntil(lambda: len(layers) == 3)
    channel = panel.viewer.dims.current_step[0]
    both = layers["map"].data[channel].astype(float) + layers["second"].data[channel]
    np.testing.assert_array_equal(shown[-1][0], both)


def test_a_file_is_replaced_only_when_that_is_confirmed(
    qtbot, viewer_with_map, panel, tmp_path, monkeypatch
):
    click(qtbot, panel.button)
    qtbot.waitUntil(lambda: "map denoised" in viewer_with_map.layers)
    qtbot.waitUntil(panel.save_button.isVisible)
    old = tmp_path / "old.safetensors"
    old.write_text("mine")
    answers = [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes]
    monkeypatch.setattr(QMessageBox, "question", lambda *_: answers.pop(0))
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_, **__: (str(tmp_path / "old"), "")
    )
    panel.save_button.click()
    assert old.read_text() == "mine"
    panel.save_button.click()
    assert xrf.Model.load(old).settings == panel.model.result.model.settings


def test_with_a_model_again_offers_to_learn_a_new_one(qtbot, viewer_with_map, panel):
    click(qtbot, panel.button)
    qtbot.waitUntil(panel.again_button.isVisible)
    panel.model.trained = panel.model.models[0]
    panel.again_menu.aboutToShow.emit()
    (entry,) = panel.again_menu.actions()
    entry.trigger()
    assert panel.model.trained is None
    qtbot.waitUntil(lambda: len(viewer_with_map.layers) == 3)


def test_the_report_has_a_row_for_each_line(qtbot, viewer_with_map, panel):
    click(qtbot, panel.button)
    qtbot.waitUntil(panel.gain_table.isVisible)
    windows = panel.model.result.report.windows
    names = [row.name for row in panel.gain_table.shown_rows()]
    assert names[0] == "all counts"
    assert len(names) == 1 + len(windows) > 1
    assert panel.gain_table.isVisible()


def test_again_with_another_seed_adds_a_second_layer(qtbot, viewer_with_map, panel):
    click(qtbot, panel.button)
    qtbot.waitUntil(panel.again_button.isVisible)
    panel.again_menu.aboutToShow.emit()
    entries = {action.text(): action for action in panel.again_menu.actions()}
    assert "preset best" in entries
    assert "method stack" in entries
    entries["seed 1"].trigger()
    qtbot.waitUntil(lambda: len(viewer_with_map.layers) == 3)
    assert viewer_with_map.layers[-1].metadata["denoising"]["settings"]["seed"] == 1
    assert viewer_with_map.layers[-1].metadata["denoising"]["source"] == "map"


def test_a_model_is_saved_and_applied_to_another_layer(
    qtbot, viewer_with_map, panel, small_map, tmp_path, monkeypatch
):
    click(qtbot, panel.button)
    qtbot.waitUntil(lambda: "map denoised" in viewer_with_map.layers)
    qtbot.waitUntil(panel.save_button.isVisible)
    path = tmp_path / "of my map.safetensors"
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_, **__: (str(path.with_suffix("")), "")
    )
    click(qtbot, panel.save_button)
    assert path.is_file()
    viewer_with_map.add_layer(to_layer(small_map.replace(name="other")))
    panel.model.choose((viewer_with_map.layers["other"],))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    panel.model_box.activated.emit(panel.model_box.count() - 1)
    assert panel.model_box.currentText() == path.name
    assert not panel.method_box.isEnabled()
    assert "no training" in panel.plan_label.text()
    click(qtbot, panel.button)
    qtbot.waitUntil(lambda: "other denoised" in viewer_with_map.layers)
    qtbot.waitUntil(panel.again_button.isVisible)
    panel.model_box.activated.emit(0)
    assert panel.method_box.isEnabled()


def test_the_same_in_python_follows_the_settings_and_names(qtbot, viewer_with_map, panel):
    assert "viewer.layers['map']" in panel.python.lines()
    viewer_with_map.layers["map"].name = "ore"
    assert "viewer.layers['ore']" in panel.python.lines()
    type_in(qtbot, panel.settings_form["rank"], "3")
    assert "rank=3" in panel.python.lines()
    panel.model.choose(())
    assert not panel.python.isVisible()


class ClosedByHand(QEvent):
    """A window's closing that comes from the window system, as a click on its cross does."""

    def __init__(self):
        super().__init__(QEvent.Type.Close)

    def spontaneous(self):
        return True


@pytest.mark.parametrize("answer", ["Cancel", "Close"])
def test_it_asks_before_the_window_closes_in_a_run(qtbot, panel, gate, monkeypatch, answer):
    asked = []

    def question(*words):
        asked.append(words)
        return getattr(QMessageBox.StandardButton, answer)

    monkeypatch.setattr(QMessageBox, "question", question)
    window = panel.window()
    assert not panel.eventFilter(window, ClosedByHand())
    assert asked == []
    panel.session.engine = gate
    click(qtbot, panel.button)
    qtbot.waitUntil(gate.began.is_set)
    assert panel.eventFilter(window, ClosedByHand()) == (answer == "Cancel")
    assert len(asked) == 1
    click(qtbot, panel.button)
    qtbot.waitUntil(lambda: panel.button.text() == "Denoise")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_plots_take_the_theme_of_the_window(viewer_with_map, panel, theme):
    viewer_with_map.theme = theme
    color = panel.live.gain_plot.background()
    assert (color.lightness() > 128) == (theme == "light")


def test_two_viewers_have_panels_of_their_own(qtbot, make_napari_viewer, small_map, dock):
    viewers = [make_napari_viewer(show=True) for _ in range(2)]
    panels = []
    for number, viewer in enumerate(viewers):
        viewer.add_layer(to_layer(small_map.replace(name=f"map {number}")))
        panels.append(dock(viewer, "Denoise"))
        panels[-1].method_box.setCurrentText("pca")
        panels[-1].preset_box.setCurrentText("fast")
    for panel in panels:
        click(qtbot, panel.button)
    for number, viewer in enumerate(viewers):
        qtbot.waitUntil(
            lambda viewer=viewer, number=number: f"map {number} denoised" in viewer.layers
        )
        assert len(viewer.layers) == 2


@pytest.mark.slow
def test_opening_the_docks_loads_no_torch():
    code = f"""
import sys
import napari
viewer = napari.Viewer(show=False)
viewer.open_sample({PLUGIN!r}, "map")
for name in ("Denoise", "Spectrum", "Element maps"):
    viewer.window.add_plugin_dock_widget({PLUGIN!r}, name)
assert "torch" not in sys.modules
viewer.close()
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)
