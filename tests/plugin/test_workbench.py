"""Whole stories of a user at the workbench, and what happens when layers change in their middle."""

import gc
from functools import partial
from weakref import ref

import h5py
import numpy as np
import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers.convert import to_layer
from napari_xrf_denoise.spectroscopy.xray_lines import line_energy
from tests.helpers.dock_work import DOCKS, add_result, at_work, click
from tests.helpers.mouse import hover, lasso

# Those whose work is about the layers of the viewer.
OF_LAYERS = DOCKS[:-1]


@pytest.fixture
def pair(viewer_with_map, small_map):
    add_result(viewer_with_map, small_map)
    return viewer_with_map


def test_from_the_first_look_to_the_saved_maps(
    qtbot, viewer_with_map, dock, small_map, tmp_path, monkeypatch
):
    viewer = viewer_with_map
    spectrum = dock(viewer, "Spectrum")
    qtbot.waitUntil(spectrum.isVisible)
    viewer.reset_view()

    # Look at a pixel, and keep its spectrum while the mouse goes on.
    y, x = hover(qtbot, viewer, 20, 20)
    click(qtbot, spectrum.pin_button)
    hover(qtbot, viewer, -30, -30)
    pin = f"map, y {y}, x {x}"
    qtbot.waitUntil(lambda: spectrum.plot.labels() == [pin, "map"])
    np.testing.assert_array_equal(spectrum.plot.drawn(pin)[1], small_map.counts[0, y, x])

    # Draw a region, and look at its sum.
    box = np.array([[-2.5, -2.5], [-2.5, 17.5], [22.5, 17.5], [22.5, -2.5]])
    viewer.add_shapes([box], shape_type="rectangle", name="Grain")
    spectrum.controls.regions_box.click()
    click(qtbot, spectrum.controls.buttons["sum"])
    region = "map, Grain shape 1, sum"
    qtbot.waitUntil(lambda: region in spectrum.plot.labels())
    inside = small_map.counts[0, :5, :4].sum(axis=(0, 1))
    qtbot.waitUntil(lambda: np.array_equal(spectrum.plot.drawn(region)[1], inside))

    # Denoise; the result is drawn over the raw counts.
    denoise = dock(viewer, "Denoise")
    denoise.method_box.setCurrentText("pca")
    denoise.preset_box.setCurrentText("fast")
    click(qtbot, denoise.button)
    qtbot.waitUntil(lambda: "map denoised" in viewer.layers)
    qtbot.waitUntil(lambda: "map denoised, sum" in spectrum.plot.labels())
    qtbot.waitUntil(lambda: "Dose gain" in denoise.report_label.text())

    # Compare both: the pair is found, and nothing was lost but noise.
    compare = dock(viewer, "Compare")
    assert compare.before_box.currentText() == "map"
    assert compare.after_box.currentText() == "map denoised"
    compare.pages.setCurrentWidget(compare.residual_page)
    click(qtbot, compare.residual_page.button)
    qtbot.waitUntil(lambda: compare.model.residuals is not None)
    assert compare.model.gains()

    # Element maps of both, and a lasso around the pixels with much iron.
    maps = dock(viewer, "Element maps")
    maps.layer_box.setCurrentText("map")
    maps.partner_box.setChecked(True)
    maps.elements_field.setText("Fe, Ca")
    click(qtbot, maps.button)
    names = [
        f"{line} of {layer}" for layer in ("map", "map denoised") for line in ("Fe Ka", "Ca Ka")
    ]
    qtbot.waitUntil(lambda: set(names) <= {layer.name for layer in viewer.layers})
    iron = xrf.element_map(small_map, "Fe")
    np.testing.assert_array_equal(viewer.layers["Fe Ka of map"].data, iron)
    page = maps.scatter_page
    maps.scatter_fold.expand()
    page.x_box.setCurrentText("Fe Ka of map")
    page.y_box.setCurrentText("Fe Ka of map denoised")
    qtbot.waitUntil(lambda: page.plot.values()[0].size == iron.size)
    middle, most = float(np.floor(np.median(iron))) + 0.5, float(iron.max()) + 5
    page.plot.plot.setRange(xRange=(-5, most + 5), yRange=(-5, most + 5), padding=0)
    lasso(qtbot, page.plot, [(middle, -2), (most, -2), (most, most), (middle, most), (middle, -2)])
    chosen = viewer.layers["Selected in Fe Ka of map and Fe Ka of map denoised"]
    assert np.mean((chosen.data == 1) == (iron > middle)) > 0.97

    # The maps of the raw counts into a file, with their units.
    path = tmp_path / "maps.h5"
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_, **__: (str(path), "NeXus HDF5 (*.h5)")
    )
    maps.list_fold.expand()
    click(qtbot, maps.list_page.save_button)
    qtbot.waitUntil(lambda: "2 maps saved" in maps.message.text())
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["entry/Fe_Ka_of_map/values"], iron)
        assert file["entry/Fe_Ka_of_map/x"].attrs["units"] == "µm"


def ready(name, panel):
    """Return whether a dock can do its work."""
    if name == "Spectrum":
        return panel.plot.labels() != []
    if name == "Compare":
        return panel.problem_label.isHidden()
    if name == "Calibrate energy":
        return panel.plot.drawn()[0].size > 0
    return panel.button.isEnabled()


def words(name, panel):
    """Return where a dock says what it needs."""
    return {
        "Denoise": lambda: panel.plan_label,
        "Spectrum": lambda: panel.message,
        "Element maps": lambda: panel.message,
        "Compare": lambda: panel.problem_label,
        "Calibrate energy": lambda: panel.words,
    }[name]().text()


@pytest.mark.parametrize("name", OF_LAYERS)
def test_a_dock_opened_first_says_what_it_needs_and_takes_it(qtbot, viewer, dock, small_map, name):
    panel = dock(viewer, name)
    qtbot.waitUntil(lambda: "Open a file" in words(name, panel))
    assert not ready(name, panel)
    viewer.add_image(np.ones((20, 20)), name="photo")
    viewer.layers.clear()
    viewer.add_layer(to_layer(small_map))
    add_result(viewer, small_map)
    if name == "Spectrum":
        click(qtbot, panel.controls.buttons["sum"])
    qtbot.waitUntil(lambda: ready(name, panel))
    viewer.layers.clear()
    qtbot.waitUntil(lambda: "Open a file" in words(name, panel))


def test_compare_waits_for_a_result(qtbot, viewer_with_map, dock, small_map):
    panel = dock(viewer_with_map, "Compare")
    qtbot.waitUntil(panel.problem_label.isVisible)
    assert "Denoise" in panel.problem_label.text()
    assert not panel.view_page.buttons["swipe"].isEnabled()
    add_result(viewer_with_map, small_map)
    qtbot.waitUntil(panel.view_page.buttons["swipe"].isEnabled)
    assert panel.after_box.currentText() == "map denoised"


def test_a_line_beyond_the_energies_is_told(qtbot, viewer_with_map, dock):
    panel = dock(viewer_with_map, "Element maps")
    panel.line_box.setCurrentText("Kα")
    panel.elements_field.setText("U")
    click(qtbot, panel.button)
    told = f"U Ka at {line_energy('U', 'Ka'):.2f} keV"
    qtbot.waitUntil(lambda: told in panel.message.text())
    assert len(viewer_with_map.layers) == 1
    assert panel.button.isEnabled()


def test_a_lasso_without_maps_selects_nothing(qtbot, viewer_with_map, dock):
    panel = dock(viewer_with_map, "Element maps")
    panel.scatter_fold.expand()
    qtbot.waitUntil(panel.scatter_page.isVisible)
    lasso(qtbot, panel.scatter_page.plot, [(0.1, 0.1), (0.9, 0.1), (0.9, 0.9)])
    assert [layer.name for layer in viewer_with_map.layers] == ["map"]
    assert "Add the maps of two elements first" in panel.scatter_page.words.text()


def test_maps_of_raw_and_of_denoised_counts_are_told_apart(qtbot, pair, dock):
    panel = dock(pair, "Element maps")
    panel.layer_box.setCurrentText("map")
    panel.partner_box.setChecked(True)
    panel.elements_field.setText("Fe, Ca, Zn")
    click(qtbot, panel.button)
    qtbot.waitUntil(lambda: len(panel.model.maps) == 6)
    panel.overlay_fold.expand()
    chosen = [box.currentText().split(" of ") for box in panel.overlay_page.boxes]
    assert {line for line, _ in chosen} == {"Fe Ka", "Ca Ka", "Zn Ka"}
    assert len({layer for _, layer in chosen}) == 1
    panel.scatter_fold.expand()
    page = panel.scatter_page
    page.x_box.setCurrentText("Fe Ka of map")
    page.y_box.setCurrentText("Fe Ka of map denoised")
    assert page.plot.axis_labels() == ("Fe Kα, raw (counts)", "Fe Kα, denoised (counts)")


def _rename(viewer, layer):
    layer.name = "ore"


def _delete(viewer, layer):
    # Its result as well: with software rendering, napari 0.9.2 crashes in OpenGL (vispy) once the
    # first of two images is removed alone, with or without this plugin.
    viewer.layers.clear()


def _relabel(viewer, layer):
    layer.axis_labels = ("t", "y", "x")


def _rescale(viewer, layer):
    layer.scale = (0.02, 7.0, 7.0)


def _shrink(viewer, layer):
    layer.data = layer.data[:100, :10, :9]


CHANGES = {
    "renamed": _rename,
    "deleted with its result": _delete,
    "without an energy axis": _relabel,
    "with other pixels and energies": _rescale,
    "cropped": _shrink,
}


def start(viewer, dock, name):
    """Begin the work of a dock, and do not wait for its end."""
    if name == "Denoise":
        dock.method_box.setCurrentText("pca")
        dock.preset_box.setCurrentText("fast")
        dock.button.click()
    elif name == "Spectrum":
        dock.hover((6.4, 20.0, 20.0))
        dock.pin_button.click()
        dock.controls.switches["residual"].setChecked(True)
        dock.lines.expand()
        dock.controls.buttons["sum"].click()
    elif name == "Element maps":
        dock.window_fold.expand()
        dock.elements_field.setText("Fe, Ca, Zn")
        dock.layer_box.setCurrentText("map")
        dock.partner_box.setChecked(True)
        dock.button.click()
    elif name == "Compare":
        dock.view_page.buttons["blink"].click()
        dock.residual_page.button.click()
    else:
        dock.layer_box.setCurrentText("map")
        dock.model.set_peak(0, 20.0)
        dock.model.set_peak(1, 40.0)


def is_idle(name, panel):
    if name == "Element maps":
        return panel.model.status == "idle" and not panel.summing.is_waiting
    if name == "Spectrum":
        return not panel.spectra.is_waiting
    if name == "Calibrate energy":
        return not panel.summing.is_waiting
    return panel.model.status == "idle"


@pytest.mark.parametrize("name", OF_LAYERS)
def test_a_layer_changed_in_the_middle_of_the_work_breaks_nothing(
    qtbot, pair, dock, small_map, name
):
    panel = dock(pair, name)
    qtbot.waitUntil(panel.isVisible)
    for change in CHANGES.values():
        start(pair, panel, name)
        change(pair, pair.layers["map"])  # an error in Qt's loop fails the test
        qtbot.wait(50)
        qtbot.waitUntil(lambda: is_idle(name, panel))
        # It goes on with other layers.
        pair.layers.clear()
        pair.add_layer(to_layer(small_map))
        add_result(pair, small_map)
        qtbot.waitUntil(lambda: ready(name, panel))


def test_the_denoised_layer_stays_the_partner_of_a_renamed_raw_one(qtbot, pair, dock):
    compare, maps = dock(pair, "Compare"), dock(pair, "Element maps")
    pair.layers["map"].name = "ore"
    maps.layer_box.setCurrentText("ore")
    assert not maps.partner_box.isHidden()
    assert compare.before_box.currentText() == "ore"
    assert compare.after_box.currentText() == "map denoised"
    compare.pages.setCurrentWidget(compare.residual_page)
    assert compare.residual_page.button.isEnabled()


@pytest.mark.slow
def test_two_viewers_with_all_docks_work_side_by_side(
    qtbot, make_napari_viewer, small_map, dock, tmp_path
):
    viewers = [make_napari_viewer(show=True) for _ in range(2)]
    docks = []
    for viewer in viewers:
        viewer.add_layer(to_layer(small_map))
        add_result(viewer, small_map)
        docks.append({name: dock(viewer, name) for name in DOCKS})
    first, second = (panels["Element maps"] for panels in docks)
    for panel, element in ((first, "Fe"), (second, "Ca")):
        panel.elements_field.setText(element)
        panel.layer_box.setCurrentText("map")
        panel.button.click()
    qtbot.waitUntil(lambda: "Fe Ka of map" in viewers[0].layers)
    qtbot.waitUntil(lambda: "Ca Ka of map" in viewers[1].layers)
    assert "Ca Ka of map" not in viewers[0].layers
    assert "Fe Ka of map" not in viewers[1].layers
    viewers[0].layers["map"].name = "ore"
    assert docks[0]["Compare"].before_box.currentText() == "ore"
    assert docks[1]["Compare"].before_box.currentText() == "map"
    docks[0]["Compare"].view_page.buttons["blink"].click()
    viewers[0].close()
    qtbot.wait(300)
    # The other one does not notice.
    click(qtbot, docks[1]["Spectrum"].controls.buttons["sum"])
    qtbot.waitUntil(lambda: "map, sum" in docks[1]["Spectrum"].plot.labels())
    viewers[1].layers["map"].name = "slag"
    assert docks[1]["Compare"].before_box.currentText() == "slag"


def is_quiet(widget):
    return not any(timer.isActive() for timer in widget.findChildren(QTimer))


def is_forgotten(reference):
    gc.collect()
    return reference() is None


def test_a_denoise_dock_closed_during_a_run_ends_it_and_becomes_quiet(qtbot, pair, dock, gate):
    panel = dock(pair, "Denoise")
    panel.session.engine = gate
    click(qtbot, panel.button)
    qtbot.waitUntil(gate.began.is_set)
    pair.window.remove_dock_widget(panel)
    qtbot.waitUntil(gate.ended.is_set)
    qtbot.waitUntil(partial(is_quiet, panel))
    assert [layer.name for layer in pair.layers] == ["map", "map denoised"]
    panel.deleteLater()


@pytest.mark.parametrize("name", DOCKS)
def test_a_dock_closed_at_work_leaves_nothing_behind(qtbot, pair, dock, name, tmp_path):
    layer = pair.layers["map"]
    heard = [layer.events.name, layer.events.scale, pair.events.theme, pair.layers.events.inserted]
    before = [len(event.callbacks) for event in heard]
    mouse = len(pair.mouse_move_callbacks), len(pair.mouse_drag_callbacks)
    widget = dock(pair, name)
    at_work(qtbot, pair, widget, name, tmp_path)
    if name == "Compare":
        widget.view_page.buttons["blink"].click()
    pair.window.remove_dock_widget(widget)
    qtbot.waitUntil(partial(is_quiet, widget))
    assert [len(event.callbacks) for event in heard] == before
    assert (len(pair.mouse_move_callbacks), len(pair.mouse_drag_callbacks)) == mouse
    assert "Compare" not in pair.layers
    gone = ref(widget)
    widget.deleteLater()
    del widget
    qtbot.waitUntil(partial(is_forgotten, gone))
