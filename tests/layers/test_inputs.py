"""Whatever counts come in, and the way back to the axes that they had."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.layers.convert import to_layer
from napari_xrf_denoise.layers.inputs import as_image, as_input

COUNTS = np.random.default_rng(0).poisson(3.0, (2, 4, 5, 70)).astype(np.uint16)
"""(repeat, y, x, energy)."""


def restored(given):
    """The first repeat, with the axes of the input."""
    return given.restore(np.asarray(given.image.counts[0]))


@pytest.mark.parametrize("energy_axis", range(3))
def test_an_array_comes_back_with_its_energies_where_they_were(energy_axis):
    array = np.moveaxis(COUNTS[0], -1, energy_axis)
    given = as_input(array, energy_axis)
    assert given.image.shape == (1, 4, 5, 70)
    np.testing.assert_array_equal(restored(given), array)
    given = as_input(array, energy_axis - 3)
    np.testing.assert_array_equal(restored(given), array)


@pytest.mark.parametrize(
    ("repeat_axis", "energy_axis"),
    [(0, 1), (0, 2), (0, -1), (1, 2), (1, -1), (3, 1), (3, 2), (-1, 0), (-1, 2)],
)
def test_the_repeat_axis_of_an_array_is_gone(repeat_axis, energy_axis):
    others = [axis for axis in range(4) if axis not in (repeat_axis % 4, energy_axis % 4)]
    order = [repeat_axis % 4, *others, energy_axis % 4]
    array = COUNTS.transpose(np.argsort(order))
    given = as_input(array, energy_axis, repeat_axis)
    assert given.image.shape == COUNTS.shape
    np.testing.assert_array_equal(restored(given), array.take(0, axis=repeat_axis))


@pytest.mark.parametrize("shape", [(70,), (4, 70)])
def test_spectra_come_back_as_spectra(shape):
    array = COUNTS[0, 0, 0] if len(shape) == 1 else COUNTS[0, :, 0]
    np.testing.assert_array_equal(restored(as_input(array)), array)


def test_a_layer_comes_back_with_its_axes_without_repeats():
    pytest.importorskip("napari")
    layer = to_layer(SpectrumImage(COUNTS, name="map"))
    given = as_input(layer)
    assert layer.axis_labels == ("repeat", "energy", "y", "x")
    np.testing.assert_array_equal(restored(given), layer.data[0])
    assert not given.is_array


def test_images_and_results_stay_as_they_are():
    image = SpectrumImage(COUNTS)
    for data in (image, SimpleNamespace(image=image)):
        given = as_input(data)
        assert given.image is image
        assert restored(given).shape == (4, 5, 70)


def test_a_list_is_repeats_and_comes_back_as_its_first_entry():
    given = as_input([np.moveaxis(one, -1, 0) for one in COUNTS], 0)
    np.testing.assert_array_equal(given.image.counts, COUNTS)
    assert restored(given).shape == (70, 4, 5)
    assert given.is_array


def test_an_array_takes_the_energies_that_it_is_given_and_an_image_keeps_its_own():
    axis = EnergyAxis(0.0, 0.02, 70)
    assert as_input(COUNTS[0]).on(axis).image.energy is axis
    assert as_input(COUNTS[0]).on(EnergyAxis(0.0, 0.02, 71)).image.energy.size == 70
    image = SpectrumImage(COUNTS)
    assert as_input(image).on(axis).image is image


def test_energies_that_seem_to_lie_elsewhere_are_a_warning():
    (warning,) = as_input(np.moveaxis(COUNTS[0], -1, 0)).warnings
    assert "give energy_axis=0" in warning
    assert "axis -1 (5 long)" in warning
    assert as_input(COUNTS[0]).warnings == ()
    assert as_input(COUNTS[0, :3, :3, :9]).warnings == ()
    # Many repeats are no energies.
    assert as_input(np.ones((90, 4, 9), int), repeat_axis=0).warnings == ()


def test_a_path_is_no_counts():
    with pytest.raises(DataError, match=r"map\.h5: expected counts, found a path"):
        as_image("map.h5")
