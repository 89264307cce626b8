import numpy as np
import pytest
from napari.layers import Image

from napari_xrf_denoise.layers.convert import image_from_layer, to_layer
from napari_xrf_denoise.plugin.element_maps.map_layers import (
    KEY,
    brightest,
    is_map,
    map_layer_data,
    partner_of,
    renew,
    share_contrast,
    source_of,
)
from napari_xrf_denoise.plugin.element_maps.recipe import MapRecipe

RECIPE = MapRecipe("Fe", "Ka")


@pytest.fixture
def raw(small_map):
    return to_layer(small_map)


@pytest.fixture
def denoised(small_map):
    record = {"denoising": {"source": "map"}}
    return to_layer(small_map.replace(name="map denoised", metadata=record))


def a_map(source, values=None):
    values = np.ones((16, 16), np.float32) if values is None else values
    data, attributes = map_layer_data(image_from_layer(source), values, RECIPE, source)
    return Image(data, **attributes)


def test_a_map_lies_where_its_source_lies_and_says_how_it_was_made(raw):
    raw.translate = (0.0, 30.0, -20.0)
    layer = a_map(raw)
    assert is_map(layer)
    assert layer.name == "Fe Ka of map"
    assert tuple(layer.scale) == tuple(raw.scale[1:])
    assert tuple(layer.translate) == (30.0, -20.0)
    assert layer.units == raw.units[1:]
    record = layer.metadata[KEY]
    assert (record["source"], record["element"], record["line"]) == ("map", "Fe", "Ka")
    assert record["window"][0] < 6.40 < record["window"][1]


def test_other_pictures_are_no_maps(raw):
    assert not is_map(raw)
    assert not is_map(Image(np.ones((3, 4))))


def test_the_source_is_known_also_by_another_name(raw, denoised):
    layer = a_map(raw)
    raw.name = "ore"
    assert source_of(layer, [denoised, raw]) is raw
    assert source_of(layer, [denoised]) is None


def test_the_source_of_a_map_of_another_session_is_known_by_its_name(small_map, raw, denoised):
    layer = a_map(to_layer(small_map))
    assert source_of(layer, [raw, denoised]) is raw


def test_raw_and_denoised_are_partners(raw, denoised):
    layers = [raw, denoised]
    assert partner_of(raw, layers) is denoised
    assert partner_of(denoised, layers) is raw
    assert partner_of(raw, [raw]) is None


def test_a_denoised_layer_of_another_size_is_no_partner(small_map, raw):
    other = small_map.select(x=slice(0, 8)).replace(metadata={"denoising": {"source": "map"}})
    assert partner_of(raw, [raw, to_layer(other)]) is None


def test_shared_contrast_holds_that_of_all():
    both = [{"contrast_limits": (0.0, 5.0)}, {"contrast_limits": (0.0, 9.0)}]
    share_contrast(both)
    assert [entry["contrast_limits"] for entry in both] == [(0.0, 9.0)] * 2


def test_a_map_lies_where_a_turned_and_mirrored_source_lies(raw):
    layer = a_map(raw)
    raw.rotate = (0, 0, 30)
    raw.scale = (raw.scale[0], -2.0, 3.0)
    for shown in (layer, a_map(raw)):
        if shown is layer:
            renew(layer, *map_layer_data(image_from_layer(raw), layer.data, RECIPE, raw))
        np.testing.assert_allclose(shown.data_to_world((4, 9)), raw.data_to_world((0, 4, 9))[1:])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (None, "Fe Ka of ore"),
        ("Fe Ka of map [2]", "Fe Ka of ore"),
        ("my iron", "my iron"),
        ("Fe Ka of map, best", "Fe Ka of map, best"),
    ],
)
def test_a_renewed_map_keeps_its_colour_and_a_name_of_the_user(raw, name, expected):
    layer = a_map(raw)
    layer.colormap = "magma"
    layer.name = name or layer.name
    raw.name = "ore"
    raw.translate = (0.0, 7.0, 8.0)
    values = np.full((16, 16), 3.0, np.float32)
    renew(layer, *map_layer_data(image_from_layer(raw), values, RECIPE, raw))
    np.testing.assert_array_equal(layer.data, values)
    assert (layer.name, layer.colormap.name) == (expected, "magma")
    assert layer.metadata[KEY]["source"] == "ore"
    assert tuple(layer.translate) == (7.0, 8.0)


def test_the_brightest_value_leaves_out_the_few_above_it():
    values = np.arange(1001.0)
    assert brightest(values, 0.995) == pytest.approx(995)
    assert brightest(np.array([np.nan, 4.0])) == 4.0
    assert brightest(np.zeros((3, 3))) > 0
