from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QFileDialog,
    QLabel,
    QMessageBox,
    QScrollArea,
)

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers.convert import to_layer
from tests.helpers.mouse import hover


@pytest.fixture
def spectrum(viewer_with_map, dock, qtbot):
    dock_widget = dock(viewer_with_map, "Spectrum")
    qtbot.waitUntil(dock_widget.isVisible)
    viewer_with_map.reset_view()
    return dock_widget


def curve(spectrum, label):
    return spectrum.plot.drawn(label)


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (60, -40), (-80, 70)])
def test_the_curve_is_the_spectrum_under_the_mouse(
    qtbot, viewer_with_map, spectrum, small_map, dx, dy
):
    y, x = hover(qtbot, viewer_with_map, dx, dy)
    assert 0 <= y < 16
    assert 0 <= x < 16
    expected = small_map.counts[0, y, x]
    qtbot.waitUntil(
        lambda: (
            spectrum.plot.labels() == ["map"]
            and np.array_equal(curve(spectrum, "map")[1], expected)
        )
    )
    np.testing.assert_allclose(curve(spectrum, "map")[0], small_map.energy.centers)
    assert f"y {y}, x {x}" in spectrum.readout.text()


def test_raw_and_denoised_lie_over_each_other_in_two_colours(
    qtbot, viewer_with_map, spectrum, small_map
):
    result = xrf.denoise(small_map, method="pca", rank=4)
    viewer_with_map.add_layer(result.to_layer())
    y, x = hover(qtbot, viewer_with_map)
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map", "map denoised"])
    np.testing.assert_allclose(curve(spectrum, "map denoised")[1], result.counts[y, x], rtol=1e-6)
    colors = {spectrum.plot.color(entry) for entry in spectrum.curves}
    assert len(colors) == 2


def test_hidden_renamed_and_removed_layers_are_followed(
    qtbot, viewer_with_map, spectrum, small_map
):
    layer = viewer_with_map.layers["map"]
    viewer_with_map.add_layer(to_layer(small_map.replace(name="second")))
    hover(qtbot, viewer_with_map)
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map", "second"])
    layer.visible = False
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["second"])
    layer.visible = True
    layer.name = "ore"
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["ore", "second"])
    viewer_with_map.layers.clear()
    qtbot.waitUntil(lambda: spectrum.plot.labels() == [])
    assert "Open Sample" in spectrum.message.text()


def test_the_sum_of_the_map(qtbot, spectrum, small_map):
    qtbot.mouseClick(spectrum.controls.buttons["sum"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map, sum"])
    total = small_map.counts.sum(axis=(0, 1, 2))
    np.testing.assert_array_equal(curve(spectrum, "map, sum")[1], total)
    qtbot.mouseClick(spectrum.controls.buttons["mean"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map, mean per pixel"])
    np.testing.assert_allclose(curve(spectrum, "map, mean per pixel")[1], total / 256)


def test_zeros_are_half_a_count_on_a_logarithmic_axis(qtbot, viewer_with_map, spectrum, small_map):
    y, x = hover(qtbot, viewer_with_map)
    spectrum.controls.scale_box.setCurrentText("Log")
    expected = np.maximum(small_map.counts[0, y, x], 0.5)
    qtbot.waitUntil(
        lambda: (
            spectrum.plot.labels() == ["map"]
            and np.allclose(curve(spectrum, "map")[1], expected, rtol=1e-9, atol=0)
        )
    )


def test_square_roots_have_round_counts_at_their_ticks(qtbot, viewer_with_map, spectrum, small_map):
    y, x = hover(qtbot, viewer_with_map)
    spectrum.controls.scale_box.setCurrentText("Sqrt")
    qtbot.waitUntil(lambda: "square-root" in spectrum.plot.axis_labels()[1])
    heights = spectrum.plot._items[0].yData
    np.testing.assert_allclose(heights**2, small_map.counts[0, y, x])
    axis = spectrum.plot.item.getAxis("left")
    ((_, ticks),) = axis.tickValues(0.0, 10.0, 225)
    assert [float(text) for text in axis.tickStrings(ticks, 1.0, 1.0)] == pytest.approx(
        [height**2 for height in ticks]
    )
    assert {0.0, 100.0} <= {round(height**2, 6) for height in ticks}


def test_hovering_spectra_shows_the_row_and_the_mean(qtbot, viewer, dock):
    image = xrf.simulate_spectra(n_repeats=32, n_channels=1024)[0]
    viewer.add_layer(to_layer(image))
    spectrum = dock(viewer, "Spectrum")
    viewer.reset_view()
    hover(qtbot, viewer)
    row = round(viewer.cursor.position[0])
    names = [f"spectra, row {row}", "spectra, mean"]
    qtbot.waitUntil(lambda: spectrum.plot.labels() == names)
    np.testing.assert_array_equal(curve(spectrum, names[0])[1], image.counts[row, 0, 0])


def test_without_a_calibration_the_axis_counts_channels(qtbot, viewer, dock, small_map):
    viewer.add_layer(to_layer(small_map.replace(energy=xrf.EnergyAxis.uncalibrated(128))))
    spectrum = dock(viewer, "Spectrum")
    hover(qtbot, viewer)
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map"])
    np.testing.assert_array_equal(curve(spectrum, "map")[0], np.arange(128))
    assert "channel" in spectrum.plot.axis_labels()[0]


def test_the_axis_keeps_its_unit_beside_the_picture(qtbot, viewer, dock, small_map):
    viewer.add_layer(to_layer(small_map.replace(energy=xrf.EnergyAxis.uncalibrated(128))))
    spectrum = dock(viewer, "Spectrum")
    spectrum.hover((0.0, 15.0, 15.0))
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map"])
    spectrum.model.hovered = ()
    qtbot.waitUntil(lambda: spectrum.plot.labels() == [])
    assert spectrum.plot.axis_labels()[0] == spectrum.zoom.unit_label.text() == "channel"
    spectrum.plot.clicked.emit(50.0)
    assert spectrum.line_tools.model.asked is None


def test_beside_a_layer_in_channels_all_are_in_channels(qtbot, viewer, dock, small_map):
    uncalibrated = small_map.replace(energy=xrf.EnergyAxis.uncalibrated(128), name="raw")
    viewer.add_layer(to_layer(uncalibrated))
    viewer.add_layer(to_layer(small_map))
    spectrum = dock(viewer, "Spectrum")
    spectrum.lines.expand()
    qtbot.waitUntil(lambda: spectrum.line_tools.model.is_ready)
    spectrum.line_tools.model.chosen = ("Fe",)
    spectrum.hover((0.0, 15.0, 15.0))
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["raw", "map"])
    # The topmost layer has the slice: 40 channels of 0.16 keV.
    spectrum.plot.sliced.emit(40.0)
    assert viewer.dims.point[0] == pytest.approx(6.4)
    assert spectrum.plot.slice() == 40
    # Lines in keV would stand at channels 6 and 7.
    assert spectrum.plot.marks() == []
    assert "is in channels" in spectrum.line_tools.words.text()
    before = spectrum.plot.view()
    spectrum.line_tools._zoom("Fe")
    assert spectrum.plot.view() == before
    viewer.layers["raw"].visible = False
    qtbot.waitUntil(lambda: "Fe Kα" in spectrum.plot.marks())
    assert spectrum.plot.slice() == pytest.approx(6.4)


def test_a_zoom_stays_between_layers_of_other_energies(qtbot, viewer_with_map, spectrum, small_map):
    energy = xrf.EnergyAxis(0.0, 0.1, 128)
    beside = to_layer(small_map.replace(energy=energy, name="beside"))
    beside.translate = (0, 0, 100)
    viewer_with_map.add_layer(beside)
    spectrum.hover((0.0, 15.0, 15.0))
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map"])
    spectrum.plot.zoom_to(5.5, 7.25)
    spectrum.hover((0.0, 15.0, 115.0))
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["beside"])
    assert spectrum.plot.view() == pytest.approx((5.5, 7.25))
    spectrum.plot.show_whole()
    assert spectrum.plot.view()[1] == pytest.approx(12.7, abs=0.5)
    # All of one layer becomes all of the other.
    spectrum.hover((0.0, 15.0, 15.0))
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map"])
    assert spectrum.plot.view()[1] == pytest.approx(127 * 0.16, abs=0.5)


def test_dragging_the_line_moves_the_energy_slider(qtbot, viewer_with_map, spectrum):
    viewer = viewer_with_map
    viewer.dims.set_current_step(0, 20)
    qtbot.waitUntil(lambda: spectrum.plot.slice() == pytest.approx(20 * 0.16))
    spectrum.plot.sliced.emit(6.4)
    assert viewer.dims.current_step[0] == 40
    assert spectrum.plot.slice() == pytest.approx(6.4)


def test_the_readout_says_energy_channel_and_counts(qtbot, viewer_with_map, spectrum, small_map):
    y, x = hover(qtbot, viewer_with_map)
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map"])
    spectrum.plot.pointed.emit(6.41)
    assert "6.400 keV, channel 40" in spectrum.readout.text()
    assert f"map: {small_map.counts[0, y, x, 40]}" in spectrum.readout.text()


def test_a_hidden_dock_draws_nothing_and_catches_up(qtbot, viewer_with_map, spectrum, small_map):
    dock_widget = spectrum.parent()
    hover(qtbot, viewer_with_map)
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map"])
    dock_widget.hide()
    viewer_with_map.layers["map"].name = "ore"
    hover(qtbot, viewer_with_map, 40, 40)
    qtbot.wait(100)
    assert spectrum.plot.labels() == ["map"]
    dock_widget.show()
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["ore"])


def test_a_dock_behind_another_tab_draws_nothing(qtbot, viewer_with_map, spectrum, dock):
    hover(qtbot, viewer_with_map)
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map"])
    label = QLabel("other")
    other = viewer_with_map.window.add_dock_widget(label, name="other", tabify=True)
    other.raise_()
    qtbot.waitUntil(spectrum.visibleRegion().isEmpty)
    viewer_with_map.layers["map"].name = "ore"
    qtbot.wait(100)
    assert spectrum.plot.labels() == ["map"]
    spectrum.parent().raise_()
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["ore"])
    other.raise_()
    qtbot.wait(100)
    viewer_with_map.layers.clear()
    assert spectrum.spectra._known == {}


def test_a_closed_dock_hears_nothing(qtbot, viewer_with_map, spectrum):
    callbacks = viewer_with_map.mouse_move_callbacks
    number = len(callbacks)
    viewer_with_map.window.remove_dock_widget(spectrum)
    assert len(callbacks) == number - 1
    before = spectrum.model.hovered
    hover(qtbot, viewer_with_map, 30, 30)
    assert spectrum.model.hovered == before
    spectrum.deleteLater()
    qtbot.wait(50)


def test_colours_follow_the_theme(qtbot, viewer_with_map, spectrum):
    hover(qtbot, viewer_with_map)
    qtbot.waitUntil(lambda: len(spectrum.curves) == 1)
    dark = spectrum.plot.color(spectrum.curves[0])
    viewer_with_map.theme = "light"
    assert spectrum.plot.color(spectrum.curves[0]) != dark
    viewer_with_map.theme = "dark"


def test_viewer_closed_with_the_dock_open(qtbot, make_napari_viewer, small_map, dock):
    viewer = make_napari_viewer(show=True)
    viewer.add_layer(to_layer(small_map))
    spectrum = dock(viewer, "Spectrum")
    spectrum.model.extent = "sum"
    callbacks = viewer.mouse_move_callbacks
    assert len(callbacks) == 1
    viewer.close()
    qtbot.waitUntil(lambda: len(callbacks) == 0)


def pinned(spectrum):
    return [spectrum.pin_list.item(row).text() for row in range(spectrum.pin_list.count())]


def shift_click(qtbot, viewer, dx=0, dy=0):
    y, x = hover(qtbot, viewer, dx, dy)
    canvas = viewer.window._qt_window._qt_viewer.canvas.native
    place = QPoint(canvas.width() // 2 + dx, canvas.height() // 2 + dy)
    shift = Qt.KeyboardModifier.ShiftModifier
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, shift, place)
    return y, x


def test_shift_click_pins_a_pixel_that_stays_while_the_mouse_goes_on(
    qtbot, viewer_with_map, spectrum, small_map
):
    y, x = shift_click(qtbot, viewer_with_map)
    name = f"map, y {y}, x {x}"
    hover(qtbot, viewer_with_map, 60, 40)
    qtbot.waitUntil(lambda: spectrum.plot.labels() == [name, "map"])
    np.testing.assert_array_equal(curve(spectrum, name)[1], small_map.counts[0, y, x])
    assert pinned(spectrum) == [name]
    assert len({spectrum.plot.color(entry) for entry in spectrum.curves}) == 2


def test_pins_follow_a_new_name_and_go_with_their_layer(
    qtbot, viewer_with_map, spectrum, small_map
):
    viewer_with_map.add_layer(to_layer(small_map.replace(name="second")))
    y, x = hover(qtbot, viewer_with_map)
    qtbot.mouseClick(spectrum.pin_button, Qt.MouseButton.LeftButton)
    place = f"y {y}, x {x}"
    qtbot.waitUntil(lambda: pinned(spectrum) == [f"map, {place}", f"second, {place}"])
    viewer_with_map.layers["map"].name = "ore"
    qtbot.waitUntil(lambda: pinned(spectrum) == [f"ore, {place}", f"second, {place}"])
    viewer_with_map.layers.remove("second")
    qtbot.waitUntil(lambda: pinned(spectrum) == [f"ore, {place}"])
    spectrum.pin_list.item(0).setSelected(True)
    qtbot.keyClick(spectrum.pin_list, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["ore"])
    assert spectrum.pin_list.isHidden()


def test_there_is_nothing_to_pin_beside_the_picture(qtbot, spectrum):
    spectrum.hover((0.0, -1000.0, 0.0))
    qtbot.mouseClick(spectrum.pin_button, Qt.MouseButton.LeftButton)
    assert spectrum.model.pins == ()
    assert "Move the mouse over the picture" in spectrum.message.text()


def test_the_last_pixel_stays_when_the_mouse_leaves_the_picture(
    qtbot, viewer_with_map, spectrum, small_map
):
    y, x = hover(qtbot, viewer_with_map)
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map"])
    before = viewer_with_map.cursor.position
    canvas = viewer_with_map.window._qt_window._qt_viewer.canvas.native
    beside_y, _ = hover(qtbot, viewer_with_map, 0, 3 - canvas.height() // 2)
    assert viewer_with_map.cursor.position != before
    assert beside_y < 0
    qtbot.wait(100)
    np.testing.assert_array_equal(curve(spectrum, "map")[1], small_map.counts[0, y, x])
    qtbot.mouseClick(spectrum.pin_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: pinned(spectrum) == [f"map, y {y}, x {x}"])


def test_the_last_pixel_stays_also_beside_a_single_spectrum(
    qtbot, viewer_with_map, spectrum, small_map
):
    reference = small_map.select(y=slice(0, 1), x=slice(0, 1)).replace(name="reference")
    viewer_with_map.add_layer(to_layer(reference))
    y, x = hover(qtbot, viewer_with_map)
    qtbot.waitUntil(lambda: "map" in spectrum.plot.labels())
    canvas = viewer_with_map.window._qt_window._qt_viewer.canvas.native
    hover(qtbot, viewer_with_map, 0, 3 - canvas.height() // 2)
    qtbot.wait(100)
    np.testing.assert_array_equal(curve(spectrum, "map")[1], small_map.counts[0, y, x])


def test_the_lines_of_the_readout_are_seen_whole(qtbot, viewer_with_map, spectrum):
    hover(qtbot, viewer_with_map)
    qtbot.mouseClick(spectrum.pin_button, Qt.MouseButton.LeftButton)
    hover(qtbot, viewer_with_map, 60, 60)
    qtbot.waitUntil(lambda: len(spectrum.plot.labels()) == 2)
    spectrum.plot.pointed.emit(6.4)
    qtbot.waitUntil(lambda: spectrum.readout.text().count("\n") == 2)
    free = QLabel(spectrum.readout.text(), spectrum)
    free.setStyleSheet(spectrum.readout.styleSheet())
    free.ensurePolished()
    assert spectrum.readout.height() >= free.sizeHint().height()


def test_a_moved_shape_shows_the_spectrum_of_where_it_is(
    qtbot, viewer_with_map, spectrum, small_map
):
    # Half a pixel is 2.5 µm; shapes are in the world's coordinates.
    box = np.array([[-2.5, -2.5], [-2.5, 7.5], [12.5, 7.5], [12.5, -2.5]])
    shapes = viewer_with_map.add_shapes([box], shape_type="rectangle", name="Grain")
    spectrum.controls.regions_box.click()
    qtbot.mouseClick(spectrum.controls.buttons["sum"], Qt.MouseButton.LeftButton)
    label = "map, Grain shape 1, sum"
    qtbot.waitUntil(lambda: label in spectrum.plot.labels())
    expected = small_map.counts[0, :3, :2].sum(axis=(0, 1))
    qtbot.waitUntil(lambda: np.array_equal(curve(spectrum, label)[1], expected))
    shapes.data = [box + np.array([10, 20])]
    expected = small_map.counts[0, 2:5, 4:6].sum(axis=(0, 1))
    qtbot.waitUntil(lambda: np.array_equal(curve(spectrum, label)[1], expected))
    shapes.visible = False
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map, sum"])


def test_painting_a_label_adds_its_pixels(qtbot, viewer_with_map, spectrum, small_map):
    labels = np.zeros((16, 16), int)
    labels[4:6, 4:6] = 3
    layer = viewer_with_map.add_labels(labels, scale=(5, 5), name="Phases")
    spectrum.controls.regions_box.click()
    spectrum.model.extent = "sum"
    label = "map, Phases label 3, sum"
    qtbot.waitUntil(lambda: label in spectrum.plot.labels())
    before = small_map.counts[0, 4:6, 4:6].sum(axis=(0, 1))
    qtbot.waitUntil(lambda: np.array_equal(curve(spectrum, label)[1], before))
    layer.data_setitem((np.array([10]), np.array([11])), 3)
    painted = before + small_map.counts[0, 10, 11]
    qtbot.waitUntil(lambda: np.array_equal(curve(spectrum, label)[1], painted))
    layer.undo()
    qtbot.waitUntil(lambda: np.array_equal(curve(spectrum, label)[1], before))


def test_a_band_of_poisson_errors_can_be_switched_on(qtbot, viewer_with_map, spectrum, small_map):
    y, x = hover(qtbot, viewer_with_map)
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map"])
    assert spectrum.plot.bands() == []
    spectrum.controls.switches["errors"].click()
    qtbot.waitUntil(lambda: len(spectrum.plot.bands()) == 1)
    counts = small_map.counts[0, y, x].astype(float)
    ((energies, outline),) = spectrum.plot.bands()
    # The outline runs along the lower ends, and back along the upper ones.
    n = len(outline) // 2
    np.testing.assert_allclose(energies[:n], small_map.energy.centers)
    np.testing.assert_allclose(outline[:n], counts - np.sqrt(counts), atol=1e-12)
    np.testing.assert_allclose(outline[n:][::-1], counts + np.sqrt(counts))
    assert "±1 σ (Poisson for raw)" in spectrum.plot.legend.text().replace("&nbsp;", " ")
    spectrum.plot.pointed.emit(6.4)
    channel = small_map.energy.channel(6.4)
    assert f"± {np.sqrt(counts[channel]):.2g}" in spectrum.readout.text()


def test_the_residual_is_raw_minus_denoised(qtbot, viewer_with_map, spectrum, small_map):
    result = xrf.denoise(small_map, method="pca", rank=4)
    viewer_with_map.add_layer(result.to_layer())
    y, x = hover(qtbot, viewer_with_map)
    spectrum.controls.switches["residual"].click()
    label = "map − map denoised"
    qtbot.waitUntil(lambda: label in spectrum.plot.labels())
    expected = small_map.counts[0, y, x] - np.asarray(result.counts[y, x], float)
    np.testing.assert_allclose(curve(spectrum, label)[1], expected, atol=1e-5)
    spectrum.model.scale = "logarithmic"
    qtbot.waitUntil(lambda: label not in spectrum.plot.labels())
    assert "logarithmic" in spectrum.message.text()


def test_typed_energies_and_the_whole_range(qtbot, viewer_with_map, spectrum, small_map):
    hover(qtbot, viewer_with_map)
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map"])
    low, high = spectrum.zoom.low_box, spectrum.zoom.high_box
    for box, text in ((low, "5.5"), (high, "7.25")):
        box.selectAll()
        qtbot.keyClicks(box, text)
        qtbot.keyClick(box, Qt.Key.Key_Return)
    assert spectrum.plot.view() == pytest.approx((5.5, 7.25))
    qtbot.mouseClick(spectrum.zoom.whole_button, Qt.MouseButton.LeftButton)
    first, last = spectrum.plot.view()
    assert first <= small_map.energy.centers[0]
    assert last >= small_map.energy.centers[-1]
    assert low.value() == pytest.approx(first, abs=0.005)


def drag(qtbot, spectrum, button, start, stop):
    """Drag over the plot between two points, as shares of the view's width and height."""
    viewport = spectrum.plot.viewport()
    box = spectrum.plot.item.getViewBox().sceneBoundingRect()

    def place(x, y):
        return QPoint(round(box.left() + x * box.width()), round(box.top() + y * box.height()))

    qtbot.mousePress(viewport, button, pos=place(*start))
    for share in (0.3, 0.6, 1.0):
        middle = [a + share * (b - a) for a, b in zip(start, stop, strict=True)]
        event = QMouseEvent(
            QEvent.Type.MouseMove,
            QPointF(place(*middle)),
            QPointF(viewport.mapToGlobal(place(*middle))),
            Qt.MouseButton.NoButton,
            button,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(viewport, event)
        qtbot.wait(20)
    qtbot.mouseRelease(viewport, button, pos=place(*stop))


def test_the_left_button_zooms_and_the_middle_one_moves(qtbot, viewer_with_map, spectrum):
    hover(qtbot, viewer_with_map)
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map"])
    low, high = spectrum.plot.view()
    width = high - low
    drag(qtbot, spectrum, Qt.MouseButton.LeftButton, (0.1, 0.2), (0.35, 0.8))
    assert spectrum.plot.view() == pytest.approx(
        (low + 0.1 * width, low + 0.35 * width), abs=0.02 * width
    )
    before = spectrum.plot.view()
    drag(qtbot, spectrum, Qt.MouseButton.MiddleButton, (0.2, 0.5), (0.6, 0.5))
    after = spectrum.plot.view()
    assert after[1] - after[0] == pytest.approx(before[1] - before[0])
    assert after[0] < before[0]


@pytest.mark.parametrize("ending", ["csv", "png", "svg"])
def test_spectra_are_saved_and_files_replaced_only_when_allowed(
    qtbot, viewer_with_map, spectrum, monkeypatch, tmp_path, ending
):
    hover(qtbot, viewer_with_map)
    qtbot.waitUntil(spectrum.save_button.isEnabled)
    path = tmp_path / f"spectra.{ending}"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(path), ""))
    qtbot.mouseClick(spectrum.save_button, Qt.MouseButton.LeftButton)
    content = {"csv": b"channel,energy (keV)", "png": b"PNG", "svg": b"<svg"}[ending]
    assert content in path.read_bytes()[:100]
    path.write_text("mine")
    no, yes = QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes
    monkeypatch.setattr(QMessageBox, "question", lambda *_: no)
    qtbot.mouseClick(spectrum.save_button, Qt.MouseButton.LeftButton)
    assert path.read_text() == "mine"
    monkeypatch.setattr(QMessageBox, "question", lambda *_: yes)
    qtbot.mouseClick(spectrum.save_button, Qt.MouseButton.LeftButton)
    assert content in path.read_bytes()[:100]
    assert list(tmp_path.iterdir()) == [path]


def test_the_kind_of_file_that_is_chosen_decides(
    qtbot, viewer_with_map, spectrum, monkeypatch, tmp_path
):
    hover(qtbot, viewer_with_map)
    qtbot.waitUntil(spectrum.save_button.isEnabled)

    def take_the_name(parent, title, name, filters, **_):
        return str(tmp_path / Path(name).name), next(
            kind for kind in filters.split(";;") if "png" in kind
        )

    monkeypatch.setattr(QFileDialog, "getSaveFileName", take_the_name)
    qtbot.mouseClick(spectrum.save_button, Qt.MouseButton.LeftButton)
    assert [path.name for path in tmp_path.iterdir()] == ["spectra.png"]


def test_a_file_that_cannot_be_written_is_told(
    qtbot, viewer_with_map, spectrum, monkeypatch, tmp_path
):
    hover(qtbot, viewer_with_map)
    qtbot.waitUntil(spectrum.save_button.isEnabled)
    path = tmp_path / "missing" / "spectra.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(path), ""))
    qtbot.mouseClick(spectrum.save_button, Qt.MouseButton.LeftButton)
    assert "does not exist" in spectrum.message.text()


def test_an_element_that_is_chosen_is_marked(qtbot, viewer_with_map, spectrum):
    hover(qtbot, viewer_with_map)
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map"])
    spectrum.lines.expand()
    qtbot.waitUntil(lambda: spectrum.line_tools.model.is_ready)
    spectrum.line_tools.model.chosen = ("Fe",)
    qtbot.waitUntil(lambda: "Fe Kα" in spectrum.plot.marks())


def test_everything_fits_into_a_narrow_dock(qtbot, viewer_with_map, spectrum):
    hover(qtbot, viewer_with_map)
    window = viewer_with_map.window._qt_window
    window.resize(1280, 800)
    window.resizeDocks([spectrum.parent()], [260], Qt.Orientation.Horizontal)
    qtbot.waitUntil(lambda: spectrum.width() <= 262)
    qtbot.mouseClick(spectrum.pin_button, Qt.MouseButton.LeftButton)
    spectrum.lines.expand()
    # In low windows a bar for scrolling takes some of the width.
    area = spectrum.findChild(QScrollArea)
    area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
    qtbot.waitUntil(area.verticalScrollBar().isVisible)
    assert window.height() <= 800
    viewport = area.viewport()
    for kind in (QAbstractButton, QAbstractSpinBox, QComboBox):
        for widget in spectrum.findChildren(kind):
            if widget.isVisible() and viewport.isAncestorOf(widget):
                right = widget.mapTo(viewport, widget.rect().topRight()).x()
                assert right <= viewport.width(), widget.toolTip()
    for widget in [*spectrum.controls.buttons.values(), *spectrum.controls.switches.values()]:
        assert widget.width() >= widget.fontMetrics().horizontalAdvance(widget.text())
