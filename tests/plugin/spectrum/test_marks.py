from itertools import combinations
from time import thread_time

import numpy as np
import pytest
from qtpy.QtGui import QColor, QImage, QPainter

from napari_xrf_denoise.plugin.common.plots import PlotColors
from napari_xrf_denoise.plugin.spectrum.marks import Mark, MarkLayer, mark_color

pg = pytest.importorskip("pyqtgraph")

COLORS = PlotColors("#000000", "#ffffff", "#ff0000", ("#111111", "#222222", "#00ff00"))


@pytest.fixture
def plot(qtbot):
    plot = pg.PlotWidget(enableMenu=False)
    plot.getPlotItem().ctrlMenu.setParent(plot)
    qtbot.addWidget(plot)
    plot.resize(500, 300)
    plot.setXRange(0, 20, padding=0)
    plot.setYRange(0, 100, padding=0)
    plot.show()
    qtbot.waitExposed(plot)
    return plot


@pytest.fixture
def layer(plot):
    return MarkLayer(plot.getPlotItem(), COLORS)


def in_view(plot, mark):
    """Where a stick must be: pixels from the left, height in pixels."""
    box = plot.getPlotItem().getViewBox()
    (low, high), _ = box.viewRange()
    return (mark.energy - low) / (high - low) * box.width(), mark.share * box.height()


@pytest.mark.parametrize("logarithmic", [False, True])
def test_sticks_stand_at_their_energy_as_high_as_their_share(plot, layer, logarithmic):
    plot.plot(np.arange(1, 20), np.arange(1, 20) ** 3)
    plot.setLogMode(y=logarithmic)
    marks = (Mark(6.4, 0.9, "Fe Kα", "line"), Mark(7.06, 0.1, "Fe Kβ", "line"))
    layer.set_marks(marks)
    for place, mark in zip(layer.sticks(), marks, strict=True):
        assert place == pytest.approx(in_view(plot, mark))


def test_marks_follow_zoom_and_size(plot, layer, qtbot):
    mark = Mark(6.4, 0.5, "Fe Kα", "line")
    layer.set_marks((mark,))
    before = layer.sticks()
    plot.setXRange(5, 8, padding=0)
    assert layer.sticks()[0] == pytest.approx(in_view(plot, mark))
    assert layer.sticks() != before
    plot.resize(700, 500)
    qtbot.waitUntil(lambda: layer.sticks()[0] == pytest.approx(in_view(plot, mark)))
    plot.setXRange(10, 12, padding=0)
    assert layer.sticks() == []


def test_marks_leave_the_range_of_the_plot_alone(plot, layer):
    plot.enableAutoRange()
    plot.plot([1, 2, 3], [1, 2, 3])
    plot.getPlotItem().getViewBox().updateAutoRange()
    before = np.array(plot.getPlotItem().getViewBox().viewRange())
    layer.set_marks((Mark(100.0, 1.0, "far", "line"),))
    plot.getPlotItem().getViewBox().updateAutoRange()
    np.testing.assert_array_equal(plot.getPlotItem().getViewBox().viewRange(), before)


def test_labels_keep_apart_the_tallest_first_and_come_back_when_zoomed_in(plot, layer):
    marks = tuple(Mark(6.0 + 0.05 * n, 0.5 + 0.001 * n, f"line {n}", "line") for n in range(20))
    layer.set_marks(marks)
    few = layer.labels()
    assert few[0] == "line 19"
    assert 0 < len(few) < 20
    plot.setXRange(6.0, 6.2, padding=0)
    assert len(layer.labels()) > 1
    assert "line 1" in layer.labels()
    boxes = [
        layer._label_box(m.label, *_top(plot, m), _metrics(layer))
        for m in marks
        if m.label in layer.labels()
    ]
    assert not any(one.intersects(other) for one, other in combinations(boxes, 2))


def _top(plot, mark):
    x, height = in_view(plot, mark)
    return x, plot.getPlotItem().getViewBox().height() - height


def _metrics(layer):
    from qtpy.QtGui import QFontMetricsF

    return QFontMetricsF(layer._font)


def test_a_label_at_the_right_edge_stays_inside(plot, layer):
    box = layer._label_box("Mo Kα", 499.0, 10.0, _metrics(layer))
    assert box.right() < 500


def test_elements_have_the_colours_from_the_end_and_the_rest_that_of_words():
    assert mark_color(COLORS, Mark(1.0, 1.0, "", "line", 0)) == "#00ff00"
    assert mark_color(COLORS, Mark(1.0, 1.0, "", "line", 1)) == "#222222"
    assert mark_color(COLORS, Mark(1.0, 1.0, "", "line", 3)) == "#00ff00"
    assert mark_color(COLORS, Mark(1.0, 1.0, "", "sum", 1)) == "#ffffff"


def test_what_is_drawn_is_seen_and_a_theme_changes_it(plot, layer):
    layer.set_marks((Mark(10.0, 0.8, "", "line"),))
    plot.setBackground(COLORS.background)
    assert _green(plot.grab().toImage()) > 50
    layer.set_colors(PlotColors("#000000", "#ffffff", "#ff0000", ("#0000ff",)))
    assert _green(plot.grab().toImage()) == 0


def _green(image):
    green = QColor("#00ff00").rgb()
    return sum(
        image.pixel(x, y) == green for x in range(image.width()) for y in range(image.height())
    )


def test_the_same_marks_cost_nothing_and_an_unchanged_view_hardly_anything(plot, layer):
    rng = np.random.default_rng(0)
    marks = tuple(
        Mark(float(energy), float(share), f"X {n}", "line", n % 5)
        for n, (energy, share) in enumerate(rng.uniform((0, 0.1), (20, 1), (100, 2)))
    )
    layer.set_marks(marks)
    layout = layer._current()
    layer.set_marks(tuple(marks))
    assert layer._current() is layout
    image = QImage(500, 300, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    times = []
    for _ in range(20):
        start = thread_time()
        layer.paint(painter)
        times.append(thread_time() - start)
    painter.end()
    # Other work may run beside the test; measured alone it is 0.2 ms.
    assert min(times) < 0.002
