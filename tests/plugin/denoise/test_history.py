"""Curves of a run."""

import math

from napari_xrf_denoise.core.progress import Progress
from napari_xrf_denoise.plugin.denoise.history import HistoryKeeper


def curves(points):
    """Return the curves that NaN parts."""
    found = [[]]
    for share, value in points:
        if math.isnan(value):
            found.append([])
        else:
            found[-1].append((share, value))
    return found


def test_points_come_when_figures_change():
    keeper = HistoryKeeper()
    assert not keeper.add(Progress("reading", 0.1))
    assert keeper.add(Progress("training", 0.2, None, {"training": 5.0}))
    assert not keeper.add(Progress("training", 0.25, None, {"training": 5.0}))
    assert keeper.add(Progress("training", 0.3, None, {"training": 4.0}))
    assert keeper.history() == {"training": ((20.0, 5.0), (30.0, 4.0))}


def test_a_figure_that_is_not_known_yet_is_left_out():
    keeper = HistoryKeeper()
    assert not keeper.add(Progress("training", 0.2, None, {"dose gain": math.nan}))
    assert keeper.history() == {}


def test_each_network_has_a_curve_of_its_own():
    keeper = HistoryKeeper()
    keeper.add(Progress("training", 0.2, None, {"loss, network 1": 9.0, "loss, network 2": 8.0}))
    keeper.add(Progress("training", 0.3, None, {"loss, network 1": 5.0, "loss, network 2": 6.0}))
    # The first has ended when the third begins.
    third = {"loss, network 1": 5.0, "loss, network 2": 4.0, "loss, network 3": 9.5}
    keeper.add(Progress("training", 0.4, None, third))
    assert curves(keeper.history()["loss"]) == [
        [(20.0, 9.0), (30.0, 5.0)],
        [(20.0, 8.0), (30.0, 6.0), (40.0, 4.0)],
        [(40.0, 9.5)],
    ]
