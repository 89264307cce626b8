"""Curves of a run."""

import math

from napari_xrf_denoise.denoising import Progress
from napari_xrf_denoise.plugin.denoise_course import CourseKeeper, means


def test_networks_are_averaged_and_unknown_values_left_out():
    figures = {"dose gain, network 1": 4.0, "dose gain, network 2": 8.0, "held-out": float("nan")}
    assert means(figures) == {"dose gain": 6.0}


def test_points_come_when_figures_change():
    keeper = CourseKeeper()
    assert not keeper.add(Progress("reading", 0.1))
    assert keeper.add(Progress("training", 0.2, None, {"training": 5.0}))
    assert not keeper.add(Progress("training", 0.25, None, {"training": 5.0}))
    assert keeper.add(Progress("training", 0.3, None, {"training": 4.0}))
    assert keeper.course() == {"training": ((20.0, 5.0), (30.0, 4.0))}


def test_networks_one_after_the_other_have_curves_of_their_own():
    keeper = CourseKeeper()
    keeper.add(Progress("training", 0.2, None, {"training, network 1": 5.0}))
    keeper.add(Progress("training", 0.6, None, {"training, network 2": 6.0}))
    first, gap, second = keeper.course()["training"]
    assert (first, second) == ((20.0, 5.0), (60.0, 6.0))
    assert math.isnan(gap[1])


def test_networks_at_the_same_time_share_one_curve():
    keeper = CourseKeeper()
    keeper.add(Progress("training", 0.2, None, {"training, network 1": 5.0}))
    both = {"training, network 1": 5.0, "training, network 2": 7.0}
    keeper.add(Progress("training", 0.3, None, both))
    assert keeper.course() == {"training": ((20.0, 5.0), (30.0, 6.0))}
