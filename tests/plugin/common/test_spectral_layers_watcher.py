import numpy as np
import pytest
from napari.components import ViewerModel

from napari_xrf_denoise.layers.convert import to_layer
from napari_xrf_denoise.plugin.common.spectral_layers import LayerWatcher


@pytest.fixture
def calls():
    return []


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def watch(viewer, calls):
    watch = LayerWatcher(
        viewer.layers, lambda: calls.append([layer.name for layer in watch.spectral()])
    )
    watch.start()
    return watch


def test_layers_are_followed_as_they_come_change_and_go(viewer, watch, calls, small_map):
    layer = viewer.add_layer(to_layer(small_map))
    assert calls[-1] == ["map"]
    layer.name = "ore"
    assert calls[-1] == ["ore"]
    number = len(calls)
    layer.visible = False
    assert len(calls) > number
    viewer.layers.remove(layer)
    assert calls[-1] == []


def test_a_layer_becomes_spectral_when_its_axes_are_labelled(viewer, watch, calls):
    layer = viewer.add_image(np.ones((20, 4, 5)), name="cube")
    assert calls[-1] == []
    layer.axis_labels = ("energy", "y", "x")
    assert calls[-1] == ["cube"]


def test_after_stop_nothing_is_heard(viewer, watch, calls, small_map):
    layer = viewer.add_layer(to_layer(small_map))
    watch.stop()
    number = len(calls)
    layer.name = "ore"
    viewer.layers.clear()
    assert len(calls) == number


def test_a_removed_layer_is_left_alone(viewer, watch, calls, small_map):
    layer = viewer.add_layer(to_layer(small_map))
    viewer.layers.remove(layer)
    number = len(calls)
    layer.name = "ore"
    assert len(calls) == number


@pytest.mark.parametrize(
    ("name", "value"), [("rotate", 30), ("shear", [0.5]), ("affine", np.diag([2, 2, 1]))]
)
def test_a_layer_that_is_turned_is_noticed(viewer, watch, calls, name, value):
    layer = viewer.add_image(np.ones((4, 5)))
    number = len(calls)
    setattr(layer, name, value)
    assert len(calls) > number
