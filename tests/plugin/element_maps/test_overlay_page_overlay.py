import gc
import weakref

import numpy as np
import pytest
from napari.layers import Image

from napari_xrf_denoise.plugin.element_maps.overlay_page import Overlay


@pytest.fixture
def layers():
    values = np.arange(2000.0).reshape(40, 50)
    return [
        Image(values * scale, name=str(scale), colormap="magma", contrast_limits=(1, 2))
        for scale in (1, 2, 3, 4)
    ]


def looks(layers):
    return [
        (layer.colormap.name, layer.blending, tuple(layer.contrast_limits), layer.visible)
        for layer in layers
    ]


def test_three_maps_become_red_green_and_blue_and_the_others_are_hidden(layers):
    Overlay().show(layers[:3], layers)
    for layer, color in zip(layers, ("red", "green", "blue"), strict=False):
        assert (layer.colormap.name, layer.blending, layer.visible) == (color, "additive", True)
        # 99.5 % of 2000 values that rise evenly are below 1989 and a half.
        factor = layer.data[0, 1]
        assert tuple(layer.contrast_limits) == pytest.approx((0, 1989 * factor), rel=1e-3)
    assert not layers[3].visible


def test_a_colour_can_be_left_out(layers):
    Overlay().show([layers[0], None, layers[2]], layers)
    assert [layer.visible for layer in layers] == [True, False, True, False]
    assert layers[2].colormap.name == "blue"


def test_undo_gives_everything_back(layers):
    layers[1].visible = False
    before = looks(layers)
    overlay = Overlay()
    overlay.show(layers[:3], layers)
    assert overlay.is_shown
    overlay.show([layers[3], layers[0], None], layers)
    overlay.undo(layers)
    assert looks(layers) == before
    assert not overlay.is_shown


def test_an_overlay_does_not_hold_the_layers(layers):
    overlay = Overlay()
    counts = weakref.ref(layers[3])
    overlay.show(layers[:3], layers)
    del layers[3]
    gc.collect()
    assert counts() is None
    overlay.undo(layers)
    assert layers[0].colormap.name == "magma"
