import pytest
from napari.components import ViewerModel

from napari_xrf_denoise.layers.convert import image_from_layer, to_layer
from napari_xrf_denoise.plugin.common.spectral_layers import (
    energy_of_slice,
    move_slice,
    sliced_layer,
)


@pytest.fixture
def viewer(small_map):
    viewer = ViewerModel()
    viewer.add_layer(to_layer(small_map))
    return viewer


def test_the_slider_goes_to_the_nearest_channel_and_says_its_energy(viewer, small_map):
    layer = sliced_layer(viewer.layers, viewer.dims)
    axis = image_from_layer(layer).energy
    move_slice(layer, axis, viewer.dims, 6.41)
    assert viewer.dims.current_step[0] == axis.channel(6.41)
    assert energy_of_slice(layer, axis, viewer.dims) == pytest.approx(6.4, abs=axis.gain / 2)


def test_energies_in_ev_have_the_same_slice(viewer):
    layer = viewer.layers["map"]
    layer.scale = (160, 5, 5)
    layer.units = ("eV", "µm", "µm")
    axis = image_from_layer(layer).energy
    move_slice(layer, axis, viewer.dims, 6.4)
    assert viewer.dims.point[0] == pytest.approx(6400)
    assert energy_of_slice(layer, axis, viewer.dims) == pytest.approx(6.4)


def test_layers_in_kev_and_ev_share_the_slider(viewer, small_map):
    other = viewer.add_layer(to_layer(small_map.replace(name="other")))
    other.scale = (160, 5, 5)
    other.units = ("eV", "µm", "µm")
    assert f"{viewer.dims.units[0]:~}" == "eV"
    for layer in (viewer.layers["map"], other):
        axis = image_from_layer(layer).energy
        viewer.dims.set_point(0, 0.0)
        move_slice(layer, axis, viewer.dims, 6.4)
        assert viewer.dims.point[0] == pytest.approx(6400)
        assert energy_of_slice(layer, axis, viewer.dims) == pytest.approx(6.4)


def test_hidden_layers_and_displayed_energies_have_no_slice(viewer):
    viewer.dims.order = (1, 0, 2)
    assert sliced_layer(viewer.layers, viewer.dims) is None
    viewer.dims.order = (0, 1, 2)
    viewer.layers["map"].visible = False
    assert sliced_layer(viewer.layers, viewer.dims) is None
