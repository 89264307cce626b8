"""Energies for the channels of a layer."""

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.io.base.contents import NO_CALIBRATION
from napari_xrf_denoise.layers.calibrate import calibrated_labels
from napari_xrf_denoise.layers.convert import image_from_layer, to_layer

pytest.importorskip("napari")

from napari.layers import Image, Labels


def test_pixel_sizes_and_scalers_of_a_read_map_stay():
    small_map, _ = xrf.simulate_map(shape=(16, 16), n_channels=128, seed=1)
    image = small_map.replace(
        energy=xrf.EnergyAxis.uncalibrated(128),
        scalers={"live_time": np.full((16, 16), 0.1)},
        metadata={"warnings": [NO_CALIBRATION, "another"], "source": "scan.h5"},
    )
    layer = to_layer(image)
    xrf.layers.calibrate_layer(layer, xrf.EnergyAxis(0.1, 0.05, 128), record={"way": "numbers"})
    found = image_from_layer(layer)
    assert found.energy.as_dict() == xrf.EnergyAxis(0.1, 0.05, 128).as_dict()
    assert (found.pixel_size, found.pixel_unit) == (small_map.pixel_size, small_map.pixel_unit)
    np.testing.assert_array_equal(found.scalers["live_time"], np.full((16, 16), 0.1))
    assert found.metadata["warnings"] == ["another"]
    assert found.metadata["source"] == "scan.h5"


def test_a_curved_axis_becomes_the_straight_one_that_was_given():
    curved = xrf.EnergyAxis.from_centers(0.1 + 0.01 * np.arange(64) + 1e-4 * np.arange(64) ** 2)
    image = xrf.SpectrumImage(np.ones((2, 3, 4, 64)), curved, repeat_energies=(curved, curved))
    layer = to_layer(image)
    # Also when offset and gain are those of the curve's best line.
    straight = xrf.EnergyAxis(curved.offset, curved.gain, 64)
    xrf.layers.calibrate_layer(layer, straight)
    found = image_from_layer(layer)
    assert found.energy.is_linear
    assert found.repeat_energies is None


@pytest.mark.parametrize(
    ("shape", "axes", "labels"),
    [
        ((5, 6, 7), (2, None), ("y", "x", "energy")),
        ((5, 6, 7), (1, 0), ("repeat", "energy", "y")),
        ((5, 6), (0, None), ("energy", "y")),
        ((5, 6), (1, 0), ("repeat", "energy")),
        ((5, 6, 7, 8), (1, 3), ("y", "energy", "x", "repeat")),
    ],
)
def test_axes_that_are_left_become_y_and_x(shape, axes, labels):
    layer = Image(np.ones(shape))
    assert calibrated_labels(layer, *axes) == labels
    energies = xrf.EnergyAxis(0.0, 0.01, shape[axes[0]])
    xrf.layers.calibrate_layer(layer, energies, energy_axis=axes[0], repeat_axis=axes[1])
    assert image_from_layer(layer).shape[3] == shape[axes[0]]


@pytest.mark.parametrize("axes", [(0, 0), (0, None), (4, 0), (0, -5), (None, None)])
def test_axes_that_cannot_be_are_refused_and_the_layer_stays(axes):
    layer = Image(np.ones((5, 6, 7, 5)))
    before = (tuple(layer.axis_labels), tuple(layer.scale), layer.metadata)
    energies = xrf.EnergyAxis(0.0, 0.01, 5)
    with pytest.raises(xrf.DataError, match="choose"):
        xrf.layers.calibrate_layer(layer, energies, energy_axis=axes[0], repeat_axis=axes[1])
    assert (tuple(layer.axis_labels), tuple(layer.scale), layer.metadata) == before


@pytest.mark.parametrize(
    ("layer", "found"),
    [
        (Image(np.ones((5, 6, 3)), rgb=True, name="ore"), "RGB"),
        (
            Image([np.ones((8, 6, 5)), np.ones((4, 3, 5))], multiscale=True, name="ore"),
            "multiscale",
        ),
        (Labels(np.ones((5, 6, 7), int), name="ore"), "Labels"),
        (Image(np.ones((5, 6, 7), bool), name="ore"), "bool"),
    ],
)
def test_what_is_no_image_of_counts_is_refused_and_stays(layer, found):
    before = (tuple(layer.axis_labels), tuple(layer.scale), dict(layer.metadata))
    with pytest.raises(xrf.DataError, match=f"'ore': expected an image .*found .*{found}"):
        xrf.layers.calibrate_layer(layer, xrf.EnergyAxis(0.0, 0.01, 5), energy_axis=0)
    assert (tuple(layer.axis_labels), tuple(layer.scale), dict(layer.metadata)) == before


def test_what_is_no_layer_is_refused():
    with pytest.raises(xrf.DataError, match=r"expected an image .*found ndarray"):
        xrf.layers.calibrate_layer(np.ones((5, 6, 7)), xrf.EnergyAxis(0.0, 0.01, 7))


def test_energies_of_another_number_are_refused():
    layer = Image(np.ones((5, 6, 7)), name="ore")
    with pytest.raises(xrf.DataError, match=r"'ore': expected 9 channels.*found 7 along axis 2"):
        xrf.layers.calibrate_layer(layer, xrf.EnergyAxis(0.0, 0.01, 9), energy_axis=2)


def test_without_labels_the_only_axis_as_long_as_the_energies_is_meant():
    layer = Image(np.ones((5, 6, 7)))
    xrf.layers.calibrate_layer(layer, xrf.EnergyAxis(0.0, 0.01, 6))
    assert tuple(layer.axis_labels) == ("y", "energy", "x")


def test_axes_count_from_the_end_too():
    layer = Image(np.ones((5, 6, 7)))
    xrf.layers.calibrate_layer(layer, xrf.EnergyAxis(0.0, 0.01, 7), energy_axis=-1, repeat_axis=-3)
    assert tuple(layer.axis_labels) == ("repeat", "y", "energy")


def test_repeats_of_a_labelled_layer_stay_repeats():
    image = xrf.SpectrumImage(np.ones((2, 3, 4, 64)), repeat_kind="detector")
    layer = to_layer(image)
    xrf.layers.calibrate_layer(layer, xrf.EnergyAxis(0.0, 0.01, 64))
    found = image_from_layer(layer)
    assert (found.n_repeats, found.repeat_kind, found.energy.gain) == (2, "detector", 0.01)
