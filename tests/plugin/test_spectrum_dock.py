import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QLabel

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers import to_layer


@pytest.fixture
def spectrum(viewer_with_map, dock, qtbot):
    dock_widget = dock(viewer_with_map, "Spectrum")
    qtbot.waitUntil(dock_widget.isVisible)
    viewer_with_map.reset_view()
    return dock_widget


def hover(qtbot, viewer, dx=0, dy=0):
    """Move the real mouse over the middle of the canvas; return the pixel of the map there."""
    canvas = viewer.window._qt_window._qt_viewer.canvas.native
    middle = QPoint(canvas.width() // 2 + dx, canvas.height() // 2 + dy)
    qtbot.mouseMove(canvas, middle - QPoint(3, 3))
    qtbot.wait(20)
    qtbot.mouseMove(canvas, middle)
    qtbot.wait(20)
    y, x = np.round(np.asarray(viewer.cursor.position[-2:]) / 5).astype(int)
    return int(y), int(x)


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
        ),
        timeout=5000,
    )
    np.testing.assert_allclose(curve(spectrum, "map")[0], small_map.energy.centers)
    assert f"y {y}, x {x}" in spectrum.readout.text()


def test_raw_and_denoised_lie_over_each_other_in_two_colours(
    qtbot, viewer_with_map, spectrum, small_map
):
    result = xrf.denoise(small_map, method="pca", rank=4)
    viewer_with_map.add_layer(result.to_layer())
    y, x = hover(qtbot, viewer_with_map)
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map", "map denoised"], timeout=5000)
    np.testing.assert_allclose(curve(spectrum, "map denoised")[1], result.counts[y, x], rtol=1e-6)
    colors = {spectrum.plot.color(entry) for entry in spectrum._curves}
    assert len(colors) == 2


def test_hidden_renamed_and_removed_layers_are_followed(
    qtbot, viewer_with_map, spectrum, small_map
):
    layer = viewer_with_map.layers["map"]
    viewer_with_map.add_layer(to_layer(small_map.replace(name="second")))
    hover(qtbot, viewer_with_map)
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map", "second"], timeout=5000)
    layer.visible = False
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["second"], timeout=5000)
    layer.visible = True
    layer.name = "ore"
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["ore", "second"], timeout=5000)
    viewer_with_map.layers.clear()
    qtbot.waitUntil(lambda: spectrum.plot.labels() == [], timeout=5000)
    assert "Open Sample" in spectrum.readout.text()


def test_the_sum_of_the_map(qtbot, spectrum, small_map):
    qtbot.mouseClick(spectrum.buttons["sum"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map, sum"], timeout=10_000)
    total = small_map.counts.sum(axis=(0, 1, 2))
    np.testing.assert_array_equal(curve(spectrum, "map, sum")[1], total)
    qtbot.mouseClick(spectrum.buttons["mean"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map, mean per pixel"], timeout=10_000)
    np.testing.assert_allclose(curve(spectrum, "map, mean per pixel")[1], total / 256)


def test_zeros_are_half_a_count_on_a_logarithmic_axis(qtbot, viewer_with_map, spectrum, small_map):
    y, x = hover(qtbot, viewer_with_map)
    qtbot.mouseClick(spectrum.log_box, Qt.MouseButton.LeftButton)
    assert spectrum.model.logarithmic
    expected = np.maximum(small_map.counts[0, y, x], 0.5)
    qtbot.waitUntil(
        lambda: (
            spectrum.plot.labels() == ["map"]
            and np.array_equal(curve(spectrum, "map")[1], expected)
        ),
        timeout=5000,
    )


def test_hovering_spectra_shows_the_row_and_the_mean(qtbot, viewer, dock):
    image = xrf.simulate_spectra(n_repeats=32, n_channels=1024)[0]
    viewer.add_layer(to_layer(image))
    spectrum = dock(viewer, "Spectrum")
    viewer.reset_view()
    hover(qtbot, viewer)
    row = round(viewer.cursor.position[0])
    names = [f"spectra, row {row}", "spectra, mean"]
    qtbot.waitUntil(lambda: spectrum.plot.labels() == names, timeout=5000)
    np.testing.assert_array_equal(curve(spectrum, names[0])[1], image.counts[row, 0, 0])


def test_without_a_calibration_the_axis_counts_channels(qtbot, viewer, dock, small_map):
    viewer.add_layer(to_layer(small_map.replace(energy=xrf.EnergyAxis.uncalibrated(128))))
    spectrum = dock(viewer, "Spectrum")
    hover(qtbot, viewer)
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map"], timeout=5000)
    np.testing.assert_array_equal(curve(spectrum, "map")[0], np.arange(128))
    assert "channel" in spectrum.plot.axis_label()


def test_dragging_the_line_moves_the_energy_slider(qtbot, viewer_with_map, spectrum):
    viewer = viewer_with_map
    viewer.dims.set_current_step(0, 20)
    qtbot.waitUntil(lambda: spectrum.plot.slice() == pytest.approx(20 * 0.16), timeout=5000)
    spectrum.plot.sliced.emit(6.4)
    assert viewer.dims.current_step[0] == 40
    assert spectrum.plot.slice() == pytest.approx(6.4)


def test_the_readout_says_energy_channel_and_counts(qtbot, viewer_with_map, spectrum, small_map):
    y, x = hover(qtbot, viewer_with_map)
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map"], timeout=5000)
    spectrum.plot.pointed.emit(6.41)
    assert "6.400 keV, channel 40" in spectrum.readout.text()
    assert f"map: {small_map.counts[0, y, x, 40]}" in spectrum.readout.text()


def test_a_hidden_dock_draws_nothing_and_catches_up(qtbot, viewer_with_map, spectrum, small_map):
    dock_widget = spectrum.parent()
    hover(qtbot, viewer_with_map)
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map"], timeout=5000)
    dock_widget.hide()
    viewer_with_map.layers["map"].name = "ore"
    hover(qtbot, viewer_with_map, 40, 40)
    qtbot.wait(100)
    assert spectrum.plot.labels() == ["map"]
    dock_widget.show()
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["ore"], timeout=5000)


def test_a_dock_behind_another_tab_draws_nothing(qtbot, viewer_with_map, spectrum, dock):
    hover(qtbot, viewer_with_map)
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map"], timeout=5000)
    label = QLabel("other")
    other = viewer_with_map.window.add_dock_widget(label, name="other", tabify=True)
    other.raise_()
    qtbot.wait(100)
    assert spectrum.visibleRegion().isEmpty()
    viewer_with_map.layers["map"].name = "ore"
    qtbot.wait(100)
    assert spectrum.plot.labels() == ["map"]
    spectrum.parent().raise_()
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["ore"], timeout=5000)


def test_a_closed_dock_hears_nothing(qtbot, viewer_with_map, spectrum):
    callbacks = viewer_with_map.mouse_move_callbacks
    number = len(callbacks)
    viewer_with_map.window.remove_dock_widget(spectrum)
    assert len(callbacks) == number - 1
    before = spectrum.model.position
    hover(qtbot, viewer_with_map, 30, 30)
    assert spectrum.model.position == before
    spectrum.deleteLater()
    qtbot.wait(50)


def test_colours_follow_the_theme(qtbot, viewer_with_map, spectrum):
    hover(qtbot, viewer_with_map)
    qtbot.waitUntil(lambda: len(spectrum._curves) == 1, timeout=5000)
    dark = spectrum.plot.color(spectrum._curves[0])
    viewer_with_map.theme = "light"
    assert spectrum.plot.color(spectrum._curves[0]) != dark
    viewer_with_map.theme = "dark"


def test_viewer_closed_with_the_dock_open(qtbot, make_napari_viewer, small_map, dock):
    viewer = make_napari_viewer(show=True)
    viewer.add_layer(to_layer(small_map))
    spectrum = dock(viewer, "Spectrum")
    spectrum.model.extent = "sum"
    callbacks = viewer.mouse_move_callbacks
    assert len(callbacks) == 1
    viewer.close()
    qtbot.waitUntil(lambda: len(callbacks) == 0, timeout=5000)
