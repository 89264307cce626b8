"""Lines of Python that do what the dock Compare does."""

import numpy as np
import pytest
from qtpy.QtCore import Qt

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers.convert import to_layer
from tests.helpers.dock_work import add_spectra

RAW, RESULT = 'the "raw" map', "a result"


@pytest.fixture(scope="module")
def result(small_map):
    return xrf.denoise(small_map.replace(name=RAW), method="pca", rank=4)


@pytest.fixture
def pair(viewer, small_map, result):
    """A viewer with a map whose name has quotes, and its result."""
    viewer.add_layer(to_layer(small_map.replace(name=RAW)))
    viewer.add_layer(result.to_layer()).name = RESULT
    return viewer


@pytest.fixture
def compare(pair, dock, qtbot):
    widget = dock(pair, "Compare")
    qtbot.waitUntil(widget.isVisible)
    widget.pages.setCurrentWidget(widget.residual_page)
    return widget


def added(viewer, add):
    """Return the layer that something adds."""
    before = list(viewer.layers)
    add()
    (layer,) = (layer for layer in viewer.layers if layer not in before)
    return layer


def compute(qtbot, dock):
    qtbot.mouseClick(dock.residual_page.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dock.model.status == "idle")


def run(dock, viewer):
    """Run the lines as napari's console does; return the names that they leave there."""
    names = {"viewer": viewer}
    exec(dock.python.lines(), names)
    return names


def choose_all(dock):
    dock.residual_page.window_box.setCurrentText("All energies")


def choose_line(dock):
    dock.residual_page.window_box.setCurrentText(next(iter(dock.model.lines())))


def choose_own(dock):
    dock.residual_page.window_box.setCurrentText("Own window")
    dock.residual_page.low_field.setValue(3.2)
    dock.residual_page.high_field.setValue(6.4)


@pytest.mark.parametrize("choose", [choose_all, choose_line, choose_own])
def test_the_lines_add_the_layer_that_the_dock_adds(qtbot, pair, compare, choose):
    pair.layers[RAW].translate = (*pair.layers[RAW].translate[:1], 40.0, -20.0)
    pair.layers[RAW].rotate = np.array([[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]])
    choose(compare)
    own = added(pair, lambda: compute(qtbot, compare))
    typed = added(pair, lambda: run(compare, pair))
    np.testing.assert_array_equal(typed.data, own.data)
    for name in ("axis_labels", "units", "contrast_limits"):
        assert getattr(typed, name) == getattr(own, name), name
    np.testing.assert_allclose(typed.data_to_world((3, 5)), own.data_to_world((3, 5)))
    place = pair.layers[RAW].data_to_world((0, 3, 5))[1:]
    np.testing.assert_allclose(typed.data_to_world((3, 5)), place)
    assert typed.colormap.name == own.colormap.name
    assert typed.name.startswith(own.name)  # napari numbers layers of one name
    assert typed.metadata["residual"] == own.metadata["residual"]


def test_the_lines_give_the_spectrum_that_is_drawn_and_the_words(
    qtbot, pair, compare, result, capsys
):
    compute(qtbot, compare)
    names = run(compare, pair)
    energies, values = compare.residual_page.plot.drawn()
    np.testing.assert_array_equal(names["energies"], energies)
    np.testing.assert_array_equal(names["residual_spectrum"], values)
    told = capsys.readouterr().out
    assert names["found"].summary() in compare.residual_page.outcome_label.text()
    assert names["found"].summary() in told
    assert result.report.table() in told


def test_the_lines_follow_names_pair_and_window(pair, compare, small_map):
    assert f"viewer.layers[{RAW!r}]" in compare.python.lines()
    assert f"viewer.layers[{RESULT!r}]" in compare.python.lines()
    assert "window=" not in compare.python.lines()
    choose_own(compare)
    assert "window=(3.2, 6.4)" in compare.python.lines()
    pair.layers[RESULT].name = "another name"
    assert "viewer.layers['another name']" in compare.python.lines()
    pair.add_layer(to_layer(small_map.replace(name="third")))
    compare.before_box.setCurrentText("third")
    assert "viewer.layers['third']" in compare.python.lines()


def test_without_a_pair_or_a_window_there_are_no_lines(pair, compare):
    assert compare.python.isVisible()
    choose_own(compare)
    compare.residual_page.low_field.setValue(7.0)
    assert compare.python.lines() == ""
    compare.residual_page.low_field.setValue(3.0)
    assert compare.python.isVisible()
    pair.layers.remove(RESULT)
    assert compare.python.lines() == ""
    assert not compare.python.isVisible()


def test_a_result_without_a_report_has_no_lines_about_gains(pair, compare):
    assert "report_of" in compare.python.lines()
    pair.layers[RESULT].metadata = {"denoising": {"source": RAW}}
    compare.model.follow(compare.model.available)
    compare.show_model()
    assert "residuals" in compare.python.lines()
    assert "report_of" not in compare.python.lines()


def test_spectra_have_residuals_but_no_layer(qtbot, viewer, dock):
    add_spectra(viewer)
    compare = dock(viewer, "Compare")
    compute(qtbot, compare)
    names = run(compare, viewer)
    values = compare.residual_page.plot.drawn()[1]
    np.testing.assert_array_equal(names["residual_spectrum"], values)
    assert len(viewer.layers) == 2
