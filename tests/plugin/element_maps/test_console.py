"""Lines of Python that add element maps."""

import numpy as np

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers.convert import to_layer
from napari_xrf_denoise.plugin.element_maps.console import python_of
from napari_xrf_denoise.plugin.element_maps.recipe import MapRecipe


class Viewer:
    """As much of a viewer as the lines ask of it."""

    def __init__(self, layer):
        self.layers = {layer.name: layer}
        self.added = []

    def add_image(self, data, **attributes):
        self.added.append((data, attributes))


def test_the_lines_add_the_maps():
    image, _ = xrf.simulate_map(shape=(6, 7), n_channels=1024, seed=1)
    layer = to_layer(image.replace(name='the "old" map'))
    layer.translate = (*layer.translate[:1], 5.0, 7.0)
    viewer = Viewer(layer)
    recipes = [MapRecipe("Fe", "Ka", background=True), MapRecipe("Pb", "auto", background=True)]
    exec(python_of('the "old" map', recipes), {"viewer": viewer})
    (iron, attributes), (lead, _) = viewer.added
    np.testing.assert_array_equal(iron, xrf.element_map(image, "Fe", "Ka", background=True))
    np.testing.assert_array_equal(lead, xrf.element_map(image, "Pb", "La", background=True))
    assert attributes["name"] == 'Fe Ka of the "old" map'
    assert attributes["scale"] == list(image.pixel_size)
    assert attributes["translate"] == [5.0, 7.0]


def test_the_lines_add_errors_behind_the_maps():
    image, _ = xrf.simulate_map(shape=(6, 7), n_channels=1024, seed=1)
    viewer = Viewer(to_layer(image.replace(name="map")))
    exec(python_of("map", [MapRecipe("Fe", "Ka")], with_errors=True), {"viewer": viewer})
    (counts, _), (error, attributes) = viewer.added
    np.testing.assert_allclose(error, np.sqrt(counts), rtol=1e-6)
    assert attributes["name"] == "error of Fe Ka of map"


def test_without_elements_there_are_no_lines():
    assert python_of("map", []) == ""
