import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.factors import Factors
from napari_xrf_denoise.layers.convert import (
    image_from_layer,
    image_from_layer_data,
    is_spectral,
    layer_data,
    picture_data,
    to_layer,
)

layers = pytest.importorskip("napari.layers")


@pytest.fixture
def small_map():
    return xrf.simulate_map(shape=(6, 7), n_channels=128, seed=1)[0]


def test_a_map_becomes_a_stack_of_pictures_with_energies_in_front(small_map):
    data, attributes, kind = layer_data(small_map)
    assert kind == "image"
    assert attributes["axis_labels"] == ("energy", "y", "x")
    assert attributes["units"] == ["keV", "µm", "µm"]
    assert attributes["scale"] == [small_map.energy.gain, 5.0, 5.0]
    np.testing.assert_array_equal(data[40], small_map.counts[0, :, :, 40])


def test_a_layer_shares_the_counts(small_map):
    assert np.shares_memory(to_layer(small_map).data, small_map.counts)


def test_a_layer_of_a_result_knows_its_errors_unless_it_is_cropped():
    image, _ = xrf.simulate_map(shape=(16, 16), n_channels=128, seed=1)
    result = xrf.denoise(image, method="pca", rank=2).image
    layer = to_layer(result)
    _, expected = xrf.element_map(result, "Fe", error=True)
    found = image_from_layer(layer)
    np.testing.assert_array_equal(xrf.element_map(found, "Fe", error=True)[1], expected)
    for part in (np.s_[10:], np.s_[:, 2:]):
        layer.data = np.asarray(result.counts[0]).transpose(2, 0, 1)[part]
        assert image_from_layer(layer).uncertainty is None


def test_several_repeats_stand_in_front():
    image = xrf.SpectrumImage(np.ones((3, 4, 5, 20), np.uint16), repeat_kind="frame")
    layer = to_layer(image)
    assert tuple(layer.axis_labels) == ("repeat", "energy", "y", "x")
    assert image_from_layer(layer).repeat_kind == "frame"
    assert image_from_layer(layer).shape == (3, 4, 5, 20)


def test_a_list_of_spectra_is_a_picture_of_repeats_and_energies():
    image = xrf.simulate_spectra(n_repeats=4, n_channels=256)[0]
    data, attributes, _ = layer_data(image)
    assert data.shape == (4, 255)
    assert attributes["axis_labels"] == ("repeat", "energy")


def test_what_a_layer_knows_comes_back(small_map):
    back = image_from_layer(to_layer(small_map))
    np.testing.assert_array_equal(back.counts, small_map.counts)
    np.testing.assert_allclose(back.energy.centers, small_map.energy.centers)
    assert back.pixel_size == (5.0, 5.0)
    assert back.pixel_unit == "µm"
    assert dict(back.metadata) == dict(small_map.metadata)


def test_what_napari_hands_to_writers_comes_back(small_map):
    data, attributes, _ = to_layer(small_map).as_layer_data_tuple()
    back = image_from_layer_data(data, attributes)
    np.testing.assert_array_equal(back.counts, small_map.counts)
    assert back.energy.unit == "keV"
    assert back.pixel_unit == "µm"


def test_a_scale_changed_by_hand_counts(small_map):
    layer = to_layer(small_map)
    layer.scale = (0.01, 2.0, 2.0)
    layer.translate = (0.5, 0.0, 0.0)
    back = image_from_layer(layer)
    assert back.energy.gain == pytest.approx(0.01)
    assert back.energy.offset == pytest.approx(0.5)
    assert back.pixel_size == (2.0, 2.0)


def test_energies_in_ev_are_understood(small_map):
    layer = to_layer(small_map)
    layer.scale = (160.0, 5.0, 5.0)
    layer.units = ("eV", "nm", "nm")
    back = image_from_layer(layer)
    np.testing.assert_allclose(back.energy.centers, small_map.energy.centers)
    assert back.pixel_unit == "nm"


def test_energies_without_a_unit_are_channels():
    layer = layers.Image(np.ones((20, 4, 5)), axis_labels=("energy", "y", "x"))
    assert not image_from_layer(layer).energy.calibrated


def test_a_curved_energy_axis_survives():
    centers = 0.1 + 0.01 * np.arange(100) + 1e-5 * np.arange(100) ** 2
    image = xrf.SpectrumImage(np.ones((1, 2, 3, 100)), xrf.EnergyAxis.from_centers(centers))
    np.testing.assert_allclose(image_from_layer(to_layer(image)).energy.centers, centers)


@pytest.mark.parametrize("order", [("y", "x", "energy"), ("x", "energy", "y")])
def test_axes_may_be_in_any_order(order):
    counts = np.arange(24).reshape(2, 3, 4)
    axes = [("energy", "y", "x").index(label) for label in order]
    layer = layers.Image(counts.transpose(axes), axis_labels=order)
    np.testing.assert_array_equal(image_from_layer(layer).counts[0, 1, 2], counts[:, 1, 2])


@pytest.mark.parametrize(
    ("shape", "labels"),
    [((5, 6), None), ((20, 5, 6), None), ((3, 20, 5, 6), ("time", "energy", "y", "x"))],
)
def test_other_layers_are_refused_by_name(shape, labels):
    layer = layers.Image(np.ones(shape), axis_labels=labels, name="cells")
    assert not is_spectral(layer)
    with pytest.raises(xrf.DataError, match=r"cells.*energy.*axis_labels"):
        image_from_layer(layer)


def test_labels_are_not_spectral():
    layer = layers.Points(np.ones((3, 3)))
    assert not is_spectral(layer)


def test_a_picture_of_an_image_has_its_pixels(small_map):
    values = xrf.element_map(small_map, "Fe")
    data, attributes, _ = picture_data(small_map, values, "Fe", {"element_map": {"element": "Fe"}})
    layer = layers.Image(data, **attributes)
    assert tuple(layer.axis_labels) == ("y", "x")
    assert tuple(layer.scale) == (5.0, 5.0)
    assert layer.metadata["element_map"]["element"] == "Fe"


def test_a_denoised_layer_is_one_line_away(small_map):
    from napari.components import ViewerModel

    viewer = ViewerModel()
    viewer.add_layer(to_layer(small_map))
    result = xrf.denoise(viewer.layers["map"], method="pca", rank=4)
    viewer.add_layer(result.to_layer())
    layer = viewer.layers["map denoised"]
    assert layer.data.shape == viewer.layers["map"].data.shape
    assert tuple(layer.axis_labels) == ("energy", "y", "x")
    np.testing.assert_array_equal(layer.scale, viewer.layers["map"].scale)
    assert layer.metadata["denoising"]["source"] == "map"


def test_a_layer_of_factored_counts_is_never_expanded(factored):
    counts, full = factored
    layer = to_layer(xrf.SpectrumImage(counts))
    assert isinstance(layer.data, FactoredCounts)
    assert layer.data.shape == (8, 5, 6)
    np.testing.assert_array_equal(layer.data[3], full[0, :, :, 3])
    assert layer.contrast_limits == pytest.approx([0, np.quantile(full.max(axis=-1), 0.995)])
    back = image_from_layer(layer)
    assert isinstance(back.counts, FactoredCounts)
    np.testing.assert_array_equal(back.counts, full)


def test_a_viewer_computes_no_more_of_factored_counts_than_it_shows(monkeypatch):
    from napari.components import ViewerModel

    rng = np.random.default_rng(0)
    scores, spectra = rng.random((60, 300, 2), np.float32), rng.random((2, 800), np.float32)
    layer = to_layer(xrf.SpectrumImage(FactoredCounts(scores, spectra)))
    computed = []
    product = Factors.product
    monkeypatch.setattr(
        Factors, "product", lambda self: computed.append(self.shape) or product(self)
    )
    viewer = ViewerModel()
    viewer.add_layer(layer)
    for channel in (0, 500, 799):
        viewer.dims.set_current_step(0, channel)
        value = layer.get_value((channel, 20, 30))
        assert value == pytest.approx(scores[20, 30] @ spectra[:, channel], rel=1e-5)
    layer.reset_contrast_limits()
    layer.reset_contrast_limits_range()
    layer.refresh()
    assert layer.thumbnail.shape[-1] == 4
    assert len(computed) >= 3
    assert set(computed) == {(60, 300, 1)}


def test_a_factored_spectrum_is_a_picture_of_one_row():
    counts = FactoredCounts(np.ones((1, 1, 1)), np.arange(40)[None])
    layer = to_layer(xrf.SpectrumImage(counts))
    assert layer.data.shape == (1, 40)
    np.testing.assert_array_equal(image_from_layer(layer).counts[0, 0, 0], np.arange(40))


def test_a_result_in_the_place_of_a_layer_in_ev_keeps_its_energies(small_map):
    data, attributes, _ = layer_data(small_map)
    scale = (1000 * attributes["scale"][0], *attributes["scale"][1:])
    start = (1000 * attributes["translate"][0], *attributes["translate"][1:])
    source = layers.Image(
        data,
        axis_labels=attributes["axis_labels"],
        units=("eV", *attributes["units"][1:]),
        scale=scale,
        translate=start,
    )
    found = image_from_layer(to_layer(small_map, like=source))
    np.testing.assert_allclose(found.energy.centers, small_map.energy.centers)
