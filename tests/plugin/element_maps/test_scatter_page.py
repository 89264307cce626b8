import numpy as np
import pyqtgraph as pg
import pytest
from napari.layers import Labels
from napari.utils._proxies import PublicOnlyProxy

from napari_xrf_denoise.plugin.element_maps.scatter_model import MOST_POINTS, density
from tests.helpers.dock_work import click
from tests.helpers.mouse import lasso


@pytest.fixture
def panel(viewer_with_map, dock, qtbot):
    panel = dock(viewer_with_map, "Element maps")
    panel.scatter_fold.button.setChecked(True)
    panel.elements_field.setText("Fe, Ca")
    click(qtbot, panel.button)
    qtbot.waitUntil(lambda: panel.scatter_page.plot.values()[0].size > 0)
    return panel


def points(plot):
    """The number of points that are drawn."""
    items = plot.plot.getPlotItem().items
    return sum(item.data.size for item in items if isinstance(item, pg.ScatterPlotItem))


def draw(qtbot, panel, low, high):
    """Draw around a rectangle of counts with the mouse."""
    (left, bottom), (right, top) = low, high
    corners = [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
    lasso(qtbot, panel.scatter_page.plot, corners)


def inside(viewer, low, high):
    x, y = (np.asarray(viewer.layers[f"{name} Ka of map"].data) for name in ("Fe", "Ca"))
    return (x > low[0]) & (x < high[0]) & (y > low[1]) & (y < high[1])


def test_two_maps_are_plotted_with_their_counts(viewer_with_map, panel):
    plot = panel.scatter_page.plot
    x, y = plot.values()
    np.testing.assert_array_equal(x, np.ravel(viewer_with_map.layers["Fe Ka of map"].data))
    np.testing.assert_array_equal(y, np.ravel(viewer_with_map.layers["Ca Ka of map"].data))
    assert plot.axis_labels() == ("Fe Kα (counts)", "Ca Kα (counts)")
    assert points(plot) == x.size


def test_a_lasso_makes_its_pixels_a_label_and_the_next_one_another(qtbot, viewer_with_map, panel):
    # Half a count beside whole counts, so that no pixel is on the line that is drawn.
    iron = np.asarray(viewer_with_map.layers["Fe Ka of map"].data)
    middle = float(np.floor(np.median(iron))) + 0.5
    most = float(iron.max()) + 0.5
    calcium = float(np.max(viewer_with_map.layers["Ca Ka of map"].data)) + 0.5
    first, second = ((middle, -0.5), (most, calcium)), ((-0.5, -0.5), (middle - 1, calcium))
    panel.scatter_page.plot.plot.setRange(
        xRange=(-2, most + 2), yRange=(-2, calcium + 2), padding=0
    )
    draw(qtbot, panel, *first)
    layer = viewer_with_map.layers["Selected in Fe Ka of map and Ca Ka of map"]
    assert isinstance(layer, Labels)
    # A pixel of the screen is a fraction of a count; points nearer to the line may be either way.
    chosen = inside(viewer_with_map, *first)
    assert np.mean((layer.data == 1) == chosen) > 0.97
    draw(qtbot, panel, *second)
    assert np.mean((layer.data == 2) == inside(viewer_with_map, *second)) > 0.97
    assert tuple(layer.scale) == (5.0, 5.0)
    assert [f"{unit:~}" for unit in layer.units] == ["µm", "µm"]
    assert len(layer.metadata["map_selection"]["outlines"]) == 2
    assert "Label 2:" in panel.scatter_page.words.text()
    click(qtbot, panel.scatter_page.undo_button)
    assert set(np.unique(layer.data)) == {0, 1}


def test_a_selection_that_is_deleted_begins_anew(qtbot, viewer_with_map, panel):
    corners = [(-1, -1), (1e6, -1), (1e6, 1e6), (-1, 1e6)]
    panel.scatter_page.plot.drawn.emit(corners)
    name = "Selected in Fe Ka of map and Ca Ka of map"
    assert np.all(viewer_with_map.layers[name].data == 1)
    viewer_with_map.layers.remove(name)
    assert panel.scatter.outlines == ()
    panel.scatter_page.plot.drawn.emit(corners)
    assert np.all(viewer_with_map.layers[name].data == 1)


def test_many_pixels_are_drawn_as_their_density(panel):
    plot = panel.scatter_page.plot
    values = np.random.default_rng(0).normal(size=(2, MOST_POINTS + 1))
    plot.set_values(*values, ("a", "b"))
    assert points(plot) == 0
    plot.set_values(*values[:, :100], ("a", "b"))
    assert points(plot) == 100


def test_without_two_maps_it_says_what_to_do(viewer_with_map, panel):
    viewer_with_map.layers.remove("Ca Ka of map")
    assert "Add the maps of two elements first" in panel.scatter_page.words.text()


def test_maps_of_other_pixels_are_refused_in_words(viewer_with_map, panel):
    other = viewer_with_map.layers["Fe Ka of map"]
    viewer_with_map.add_image(np.ones((4, 4)), name="small", metadata=dict(other.metadata))
    panel.scatter_page.x_box.setCurrentText("small")
    assert "same pixels" in panel.scatter_page.words.text()
    panel.scatter_page.y_box.setCurrentText("small")
    assert "same pixels" not in panel.scatter_page.words.text()


def test_what_is_painted_by_hand_stays_beside_the_selections(qtbot, viewer_with_map, panel):
    iron, calcium = (
        np.asarray(viewer_with_map.layers[f"{name} Ka of map"].data) for name in ("Fe", "Ca")
    )
    model = panel.scatter
    middle, most = float(np.floor(np.median(iron))) + 0.5, float(iron.max()) + 1
    top = float(calcium.max()) + 1
    upper = [(middle, -1), (most, -1), (most, top), (middle, top)]
    lower = [(-1, -1), (middle - 1, -1), (middle - 1, top), (-1, top)]
    model.select(upper, viewer_with_map.add_labels)
    layer = viewer_with_map.layers["Selected in Fe Ka of map and Ca Ka of map"]
    painted = np.argwhere(iron > middle)[0]
    layer.data_setitem(tuple(painted[:, None]), np.array([7]))
    model.select(lower, viewer_with_map.add_labels)
    expected = np.where(iron < middle - 1, 2, np.where(iron > middle, 1, 0))
    expected[tuple(painted)] = 7
    np.testing.assert_array_equal(layer.data, expected)
    click(qtbot, panel.scatter_page.undo_button)
    np.testing.assert_array_equal(layer.data, np.where(expected == 2, 0, expected))


def test_a_selection_through_the_viewer_that_plugins_get_is_quiet(viewer_with_map, panel, recwarn):
    model = panel.scatter
    corners = [(-1, -1), (1e6, -1), (1e6, 1e6), (-1, 1e6)]
    model.select(corners, PublicOnlyProxy(viewer_with_map).add_labels)
    model.select(corners, None)
    assert set(np.unique(model.selection.data)) == {2}
    assert not [one for one in recwarn if "Private attribute" in str(one.message)]


def test_the_density_of_a_map_of_one_value_has_a_width():
    found = density(np.full(10, 3.0), np.arange(10.0))
    assert found.x[0] < 3 < found.x[1]
    assert found.pixels.sum() == 10
