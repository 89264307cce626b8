import math
import threading
import time

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication

import napari_xrf_denoise as xrf
from napari_xrf_denoise.denoising.quality.report import WindowScore
from napari_xrf_denoise.layers.convert import to_layer
from napari_xrf_denoise.plugin.common.jobs import Latest
from napari_xrf_denoise.spectroscopy.element_symbols import in_greek
from tests.helpers.dock_work import add_spectra, click
from tests.helpers.patience import PATIENCE

FE = "6.40 keV (Fe Ka)"


@pytest.fixture(scope="session")
def simulated():
    return xrf.simulate_map(shape=(16, 16), n_channels=128, seed=1)


@pytest.fixture(scope="session")
def truth(simulated):
    """The true rate as the result of a perfect denoiser, with a report."""
    raw, rate = simulated
    windows = (
        WindowScore(FE, 6.24, 6.56, 12.0, (9.0, 20.0)),
        WindowScore("3.31 keV (K Ka)", 3.2, 3.36, 2.0, (1.5, math.inf)),
    )
    report = xrf.QualityReport(8.0, (6.0, 11.0), 1.0, "held-out photons", windows=windows)
    record = {"source": raw.name, "report": report.as_dict()}
    rate = np.asarray(rate, np.float32).reshape(raw.shape)
    return raw.replace(
        counts=rate, name=f"{raw.name} denoised", metadata={**raw.metadata, "denoising": record}
    )


@pytest.fixture
def pair(viewer_with_map, truth):
    viewer_with_map.add_layer(to_layer(truth))
    viewer_with_map.dims.set_current_step(0, 40)
    return viewer_with_map


@pytest.fixture
def compare(pair, dock, qtbot):
    widget = dock(pair, "Compare")
    qtbot.waitUntil(widget.isVisible)
    return widget


def forget(qtbot, widget):
    """Delete a dock that was taken out of the window."""
    widget.deleteLater()
    qtbot.wait(50)


def shown(viewer):
    return np.asarray(viewer.layers["Compare"].data)


def wait_for(qtbot, viewer, picture):
    """Wait until the layer Compare shows this."""
    qtbot.waitUntil(
        lambda: (
            "Compare" in viewer.layers
            and np.allclose(shown(viewer), np.asarray(picture), rtol=1e-5)
        )
    )


def swiped(small_map, truth, channel, cut):
    expected = np.array(truth.counts[0, :, :, channel], np.float64)
    expected[:, :cut] = small_map.counts[0, :, :cut, channel]
    return expected


def swipe(qtbot, compare):
    click(qtbot, compare.view_page.buttons["swipe"])


def test_the_pair_is_chosen_already(compare):
    assert compare.before_box.currentText() == "map"
    assert compare.after_box.currentText() == "map denoised"
    assert not compare.problem_label.isVisible()
    assert "Compare" not in compare.viewer.layers


def test_swipe_shows_raw_counts_left_and_denoised_ones_right(
    qtbot, pair, compare, small_map, truth
):
    swipe(qtbot, compare)
    wait_for(qtbot, pair, swiped(small_map, truth, 40, 8))
    compare.view_page.slider.setValue(250)
    wait_for(qtbot, pair, swiped(small_map, truth, 40, 4))
    assert compare.view_page.share_label.text() == "25 %"
    assert (
        "Left of the split: map\nRight of the split: map denoised" in compare.view_page.words.text()
    )
    compare.view_page.slider.setValue(1000)
    wait_for(qtbot, pair, small_map.counts[0, :, :, 40])
    compare.view_page.slider.setValue(0)
    wait_for(qtbot, pair, truth.counts[0, :, :, 40])


def test_the_picture_follows_the_energy_slider(qtbot, pair, compare, small_map, truth):
    swipe(qtbot, compare)
    wait_for(qtbot, pair, swiped(small_map, truth, 40, 8))
    pair.dims.set_current_step(0, 21)
    wait_for(qtbot, pair, swiped(small_map, truth, 21, 8))


def test_the_picture_is_on_top_and_lies_on_the_raw_layer(qtbot, pair, compare):
    pair.layers["map"].translate = (0.0, 30.0, -20.0)
    pair.layers.selection.active = pair.layers["map"]
    swipe(qtbot, compare)
    qtbot.waitUntil(lambda: "Compare" in pair.layers)
    layer = pair.layers["Compare"]
    assert pair.layers[-1] == layer
    assert layer.visible
    np.testing.assert_array_equal(layer.scale, pair.layers["map"].scale[1:])
    np.testing.assert_array_equal(layer.translate, [30.0, -20.0])
    assert layer.units == pair.layers["map"].units[1:]
    assert tuple(layer.contrast_limits) == tuple(pair.layers["map"].contrast_limits)
    assert pair.layers["map"].visible
    assert pair.layers.selection.active == pair.layers["map"]


def test_off_takes_the_picture_away(qtbot, pair, compare):
    swipe(qtbot, compare)
    qtbot.waitUntil(lambda: "Compare" in pair.layers)
    click(qtbot, compare.view_page.buttons["off"])
    qtbot.waitUntil(lambda: "Compare" not in pair.layers)


def test_the_picture_deleted_by_the_user_stays_away(qtbot, pair, compare):
    swipe(qtbot, compare)
    qtbot.waitUntil(lambda: "Compare" in pair.layers)
    pair.layers.remove("Compare")
    assert compare.view_page.buttons["off"].isChecked()
    pair.dims.set_current_step(0, 10)
    qtbot.wait(150)
    assert "Compare" not in pair.layers


def test_scans_are_shown_as_their_mean(qtbot, viewer, dock, simulated):
    raw, rate = simulated
    scans = np.random.default_rng(0).poisson(np.broadcast_to(rate, (4, *raw.shape[1:])))
    viewer.add_layer(to_layer(raw.replace(counts=scans.astype(np.uint16))))
    smooth = np.asarray(rate, np.float32).reshape(raw.shape)
    record = {"denoising": {"source": raw.name}}
    viewer.add_layer(to_layer(raw.replace(counts=smooth, name="smooth", metadata=record)))
    compare = dock(viewer, "Compare")
    viewer.dims.set_current_step(1, 40)
    compare.view_page.slider.setValue(1000)
    wait_for(qtbot, viewer, scans[..., 40].mean(axis=0))


def test_blink_shows_both_by_turns_and_ends_with_the_dock(qtbot, pair, compare, small_map, truth):
    compare.view_page.rate_field.setValue(3)
    click(qtbot, compare.view_page.buttons["blink"])
    raw, smooth = small_map.counts[0, :, :, 40], truth.counts[0, :, :, 40]
    for picture, name in ((raw, "map"), (smooth, "map denoised"), (raw, "map")):
        wait_for(qtbot, pair, picture)
        assert compare.view_page.words.text() == f"Shown now: {name}"
    pair.window.remove_dock_widget(compare)
    assert [layer.name for layer in pair.layers] == ["map", "map denoised"]
    qtbot.wait(500)
    forget(qtbot, compare)
    assert [layer.name for layer in pair.layers] == ["map", "map denoised"]


@pytest.mark.parametrize("rate", [0.5, 3.0])
def test_blink_keeps_its_rate(qtbot, compare, rate):
    changes = []
    compare.model.events.shows_before.connect(changes.append)
    compare.view_page.rate_field.setValue(rate)
    began = time.monotonic()
    click(qtbot, compare.view_page.buttons["blink"])
    qtbot.wait(2500)
    # A busy machine may be late, also to wake up here, but no change comes too early; Qt's timers
    # may be so by a twentieth.
    assert 1 <= len(changes) <= 1.05 * (time.monotonic() - began) * rate
    compare.view_page.rate_field.setValue(50)
    assert compare.model.rate == 3


def test_blink_ends_when_the_dock_is_hidden(qtbot, pair, compare):
    compare.view_page.rate_field.setValue(3)
    click(qtbot, compare.view_page.buttons["blink"])
    qtbot.waitUntil(lambda: "Compare" in pair.layers)
    compare.parent().hide()
    qtbot.waitUntil(lambda: "Compare" not in pair.layers)


def test_same_contrast_is_the_same_for_both_while_it_is_on(qtbot, pair, compare):
    raw, smooth = pair.layers["map"], pair.layers["map denoised"]
    raw.contrast_limits, smooth.contrast_limits = (0, 9), (0, 5)
    swipe(qtbot, compare)
    qtbot.waitUntil(lambda: "Compare" in pair.layers)
    compare.view_page.contrast_box.click()
    assert tuple(smooth.contrast_limits) == (0, 9)
    smooth.contrast_limits = (1, 4)
    assert tuple(raw.contrast_limits) == (1, 4)
    assert tuple(pair.layers["Compare"].contrast_limits) == (1, 4)
    pair.layers["Compare"].contrast_limits = (2, 6)
    assert tuple(smooth.contrast_limits) == (2, 6)
    compare.view_page.contrast_box.click()
    raw.contrast_limits = (0, 3)
    assert tuple(smooth.contrast_limits) == (2, 6)


def test_a_closed_dock_lets_the_contrast_go(qtbot, pair, compare):
    compare.view_page.contrast_box.click()
    pair.window.remove_dock_widget(compare)
    pair.layers["map"].contrast_limits = (0, 3)
    assert tuple(pair.layers["map denoised"].contrast_limits) != (0, 3)
    forget(qtbot, compare)


def residual_layer(viewer):
    return next(layer for layer in viewer.layers if layer.name.startswith("Residual"))


def has_residual(viewer):
    return any(layer.name.startswith("Residual") for layer in viewer.layers)


def compute(qtbot, viewer, compare):
    compare.pages.setCurrentIndex(1)
    click(qtbot, compare.residual_page.button)
    qtbot.waitUntil(lambda: has_residual(viewer))


def standard(raw, rate):
    return (raw - rate) / np.sqrt(rate)


def test_the_residual_map_and_spectrum(qtbot, pair, compare, small_map, truth):
    compute(qtbot, pair, compare)
    layer = residual_layer(pair)
    raw, rate = small_map.counts[0].astype(float), truth.counts[0].astype(float)
    expected = standard(raw.sum(axis=-1), rate.sum(axis=-1))
    np.testing.assert_allclose(layer.data, expected, rtol=1e-4, atol=1e-4)
    # Against the truth it is standard normal: 256 pixels know the variance to 0.09.
    assert layer.data.var() == pytest.approx(1, abs=0.4)
    assert "all energies" in layer.name
    assert tuple(layer.contrast_limits) == (-5, 5)
    np.testing.assert_array_equal(layer.scale, pair.layers["map"].scale[1:])
    middle = layer.colormap.map(np.array([0.5]))[0, :3]
    ends = layer.colormap.map(np.array([0.0, 1.0]))[:, :3]
    assert np.ptp(middle) < 0.1  # grey at 0
    assert ends[0, 2] > ends[0, 0]  # blue below
    assert ends[1, 0] > ends[1, 2]  # red above
    energies, values = compare.residual_page.plot.drawn()
    np.testing.assert_allclose(energies, small_map.energy.centers)
    expected = standard(raw.sum(axis=(0, 1)), np.maximum(rate.sum(axis=(0, 1)), 1e-6))
    np.testing.assert_allclose(values, expected, rtol=1e-3, atol=1e-3)
    assert compare.residual_page.plot.axis_labels() == ("energy (keV)", "residual (σ)")
    assert compare.residual_page.button.text() == "Compute residuals"


def test_the_residual_map_of_a_line(qtbot, pair, compare, small_map, truth):
    compare.residual_page.window_box.setCurrentText(in_greek(FE))
    compute(qtbot, pair, compare)
    # The report's window: channels of 0.16 keV from 6.24 to 6.56 keV.
    raw, rate = (i.counts[0, :, :, 39:42].astype(float).sum(axis=-1) for i in (small_map, truth))
    np.testing.assert_allclose(residual_layer(pair).data, standard(raw, rate), rtol=1e-4, atol=1e-4)
    # Half a channel beyond the centres of the first and the last one.
    assert "6.16 to 6.64 keV" in residual_layer(pair).name
    assert "choose the window" not in compare.residual_page.outcome_label.text()


def test_the_residual_map_of_a_window_of_ones_own(qtbot, pair, compare, small_map, truth):
    page = compare.residual_page
    assert not page.low_field.isVisible()
    compare.pages.setCurrentIndex(1)
    page.window_box.setCurrentText("Own window")
    assert page.low_field.isVisible()
    assert page.low_field.suffix() == " keV"
    page.high_field.setValue(3.52)  # the centre of channel 22, which is no part of it
    page.low_field.setValue(3.2)  # that of channel 20, which is
    compute(qtbot, pair, compare)
    raw, rate = (i.counts[0, :, :, 20:22].astype(float).sum(axis=-1) for i in (small_map, truth))
    np.testing.assert_allclose(residual_layer(pair).data, standard(raw, rate), rtol=1e-4, atol=1e-4)


def test_a_map_that_shows_nothing_says_what_to_do(qtbot, pair, compare, small_map):
    pair.layers["map denoised"].data = small_map.counts[0].transpose(2, 0, 1).astype(np.float32)
    compute(qtbot, pair, compare)
    assert "choose the window of a line" in compare.residual_page.outcome_label.text()


def test_a_window_that_ends_before_it_begins_is_refused_in_words(qtbot, pair, compare):
    page = compare.residual_page
    compare.pages.setCurrentIndex(1)
    page.window_box.setCurrentText("Own window")
    page.low_field.setValue(6)
    page.high_field.setValue(3)
    click(qtbot, page.button)
    assert "begins below its end" in page.outcome_label.text()
    assert not has_residual(pair)


def test_a_click_into_the_plot_moves_the_slider(qtbot, pair, compare):
    compute(qtbot, pair, compare)
    compare.residual_page.plot.clicked.emit(3.2)
    assert pair.dims.current_step[0] == 20


@pytest.fixture
def slow_pair(pair, small_map):
    """The raw counts on a disk that gives nothing, once it is armed, until it is told to."""
    import dask.array

    opened, asked, armed = threading.Event(), threading.Event(), threading.Event()

    def read(block):
        if armed.is_set():
            asked.set()
            opened.wait(PATIENCE)
        return block

    lazy = dask.array.from_array(small_map.counts, chunks=(1, 4, 16, 128))
    lazy = lazy.map_blocks(read, dtype=lazy.dtype, meta=np.zeros((0,) * 4, lazy.dtype))
    pair.layers["map"].data = lazy.transpose(0, 3, 1, 2)[0]
    # napari has taken its own picture by now; the next who reads is the dock.
    armed.set()
    yield opened, asked
    opened.set()


def test_stop_ends_the_computation_without_a_layer(qtbot, pair, compare, slow_pair):
    opened, asked = slow_pair
    page = compare.residual_page
    compare.pages.setCurrentIndex(1)
    click(qtbot, page.button)
    qtbot.waitUntil(asked.is_set)
    assert page.button.text() == "Stop"
    assert page.progress_bar.isVisible()
    qtbot.waitUntil(lambda: "adding up map" in page.stage_label.text())
    click(qtbot, page.button)
    opened.set()
    qtbot.waitUntil(lambda: page.button.text() == "Compute residuals")
    assert "Stopped" in page.outcome_label.text()
    assert not has_residual(pair)


def test_the_dock_closed_during_a_computation_ends_it(qtbot, pair, compare, slow_pair):
    opened, asked = slow_pair
    compare.pages.setCurrentIndex(1)
    click(qtbot, compare.residual_page.button)
    qtbot.waitUntil(asked.is_set)
    pair.window.remove_dock_widget(compare)
    opened.set()
    qtbot.waitUntil(
        lambda: not any(thread.name == "xrf-compare" for thread in threading.enumerate())
    )
    qtbot.wait(200)
    assert not has_residual(pair)
    forget(qtbot, compare)


def test_a_swipe_of_slow_counts_leaves_the_window_alive(
    qtbot, pair, compare, slow_pair, small_map, truth
):
    opened, asked = slow_pair
    swipe(qtbot, compare)
    qtbot.waitUntil(asked.is_set)
    qtbot.wait(100)
    assert "Compare" not in pair.layers
    opened.set()
    wait_for(qtbot, pair, swiped(small_map, truth, 40, 8))


def test_the_dose_gains_of_a_real_result(qtbot, viewer_with_map, dock, small_map):
    result = xrf.denoise(small_map, method="pca", rank=4)
    viewer_with_map.add_layer(result.to_layer())
    compare = dock(viewer_with_map, "Compare")
    compare.pages.setCurrentIndex(2)
    assert compare.after_box.currentText() == "map denoised"
    assert compare.table.item(0, 0).text() == "all counts"
    low, high = result.report.dose_gain_interval
    if np.isfinite(high):
        assert compare.table.item(0, 2).text() == f"{result.report.dose_gain:.1f}"
        assert compare.table.item(0, 3).text() == f"{low:.1f}–{high:.1f}"
    else:
        assert compare.table.item(0, 2).text() == f"at least {low:.1f}"
    assert compare.table.rowCount() == 1 + len(result.report.windows)
    assert result.report.measured_by in compare.gain_words.text()


def test_the_table_is_sorted_by_a_click_and_copied_as_it_is_shown(qtbot, compare):
    compare.pages.setCurrentIndex(2)
    header = compare.table.horizontalHeader()
    gain = header.sectionPosition(2) + header.sectionSize(2) // 2
    qtbot.mouseClick(
        header.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(gain, header.height() // 2)
    )
    click(qtbot, compare.copy_button)
    assert QApplication.clipboard().text() == (
        "Line\tEnergy (keV)\tDose gain\tInterval\n"
        "K Kα\t3.31\tat least 1.5\tfrom 1.5\n"
        "all counts\t\t8.0\t6.0–11.0\n"
        "Fe Kα\t6.40\t12.0\t9.0–20.0"
    )


def test_layers_that_do_not_fit_are_refused_in_words(qtbot, pair, compare, small_map):
    pair.add_layer(to_layer(small_map.select(x=slice(0, 8)).replace(name="half")))
    compare.before_box.setCurrentText("half")
    assert "16 × 8 pixels" in compare.problem_label.text()
    assert compare.problem_label.isVisible()
    assert not compare.view_page.buttons["swipe"].isEnabled()
    assert not compare.residual_page.button.isEnabled()
    compare.before_box.setCurrentText("map")
    assert not compare.problem_label.isVisible()
    assert compare.view_page.buttons["swipe"].isEnabled()


def test_removed_layers_end_the_swipe(qtbot, pair, compare):
    swipe(qtbot, compare)
    qtbot.waitUntil(lambda: "Compare" in pair.layers)
    pair.layers.remove("map denoised")
    qtbot.waitUntil(lambda: "Compare" not in pair.layers)
    assert "Layers > Filter > Denoise" in compare.problem_label.text()
    pair.layers.clear()
    assert "Open Sample" in compare.problem_label.text()


def test_spectra_have_residuals_but_no_picture(qtbot, viewer, dock):
    raw, smooth = add_spectra(viewer)
    compare = dock(viewer, "Compare")
    assert not compare.view_page.buttons["swipe"].isEnabled()
    assert "axes y and x" in compare.view_page.words.text()
    compare.pages.setCurrentIndex(1)
    click(qtbot, compare.residual_page.button)
    plot = compare.residual_page.plot
    qtbot.waitUntil(lambda: plot.drawn()[1].size > 0)
    # Channel 0 has a rate of 0.
    mean, expected = raw.counts.mean(axis=(0, 1, 2))[1:], smooth[0, 0, 0, 1:]
    residuals = (mean - expected) / np.sqrt(expected / 4)
    np.testing.assert_allclose(plot.drawn()[1][1:], residuals, rtol=1e-3, atol=1e-3)
    assert len(viewer.layers) == 2


def test_the_viewer_closed_while_blinking(qtbot, make_napari_viewer, small_map, truth, dock):
    viewer = make_napari_viewer(show=True)
    viewer.add_layer(to_layer(small_map))
    viewer.add_layer(to_layer(truth))
    compare = dock(viewer, "Compare")
    point = viewer.dims.events.point
    number = len(point.callbacks)
    compare.view_page.contrast_box.click()
    click(qtbot, compare.view_page.buttons["blink"])
    qtbot.waitUntil(lambda: "Compare" in viewer.layers)
    viewer.close()
    qtbot.waitUntil(lambda: len(point.callbacks) < number)


def test_colours_follow_the_theme(pair, compare):
    dark = compare.residual_page.plot._curve.opts["pen"].color().name()
    pair.theme = "light"
    assert compare.residual_page.plot._curve.opts["pen"].color().name() != dark
    pair.theme = "dark"


def test_another_pair_has_no_picture_until_its_own_is_read(
    qtbot, pair, compare, truth, monkeypatch
):
    swipe(qtbot, compare)
    qtbot.waitUntil(lambda: "Compare" in pair.layers)
    other = to_layer(truth.replace(counts=2 * truth.counts, name="other"))
    pair.add_layer(other)
    monkeypatch.setattr(Latest, "want", lambda *_: None)  # as slow as can be
    compare.model.choose(after=other)
    assert compare.picture.update() == ""
    assert "Compare" not in pair.layers
    monkeypatch.undo()
    compare.model.share = 0.0  # the whole picture is that of the layer after
    wait_for(qtbot, pair, 2 * truth.counts[0, :, :, 40])
    assert pair.layers["Compare"].metadata["compare"]["after"] == "other"


def test_pictures_lie_where_a_turned_layer_lies(qtbot, pair, compare):
    raw = pair.layers["map"]
    raw.rotate = (0, 0, 30)
    swipe(qtbot, compare)
    qtbot.waitUntil(lambda: "Compare" in pair.layers)
    compute(qtbot, pair, compare)
    for layer in (pair.layers["Compare"], residual_layer(pair)):
        np.testing.assert_allclose(layer.data_to_world((3, 7)), raw.data_to_world((0, 3, 7))[1:])


def test_same_contrast_leaves_layers_of_other_pairs_alone(pair, compare, small_map, truth):
    compare.view_page.contrast_box.click()
    kept = pair.layers["map denoised"]
    kept.contrast_limits = (1, 4)
    raw = to_layer(small_map.replace(name="other"))
    record = {**truth.metadata, "denoising": {"source": "other"}}
    result = to_layer(truth.replace(name="other denoised", metadata=record))
    raw.contrast_limits = (0, 77)
    pair.add_layer(raw)
    pair.add_layer(result)
    assert compare.model.pair == (raw, result)
    assert tuple(result.contrast_limits) == (0, 77)
    assert tuple(kept.contrast_limits) == tuple(pair.layers["map"].contrast_limits) == (1, 4)


def test_what_is_typed_into_the_window_outlives_other_changes(pair, compare):
    page = compare.residual_page
    compare.model.window_kind = "own"
    page.low_field.lineEdit().setText("5.1 keV")
    compare.model.share = 0.3
    assert page.low_field.text() == "5.1 keV"
    page.take_typed()
    assert compare.model.low == 5.1


def test_residuals_let_the_layers_go(qtbot, pair, compare):
    compute(qtbot, pair, compare)
    assert compare.session.job is None
    assert "chance alone gives about" in compare.model.outcome
