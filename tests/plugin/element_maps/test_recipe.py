from dataclasses import replace

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.plugin.element_maps.recipe import MapRecipe

AXIS = xrf.EnergyAxis(0.0, 0.01, 2048)


def test_a_recipe_of_a_line_makes_its_map(small_map):
    recipe = MapRecipe("Fe", "Ka", background=True)
    made = recipe.compute(small_map)[recipe]
    np.testing.assert_array_equal(made, xrf.element_map(small_map, "Fe", background=True))


def test_a_recipe_of_a_window_makes_its_map(small_map):
    low, high = 6.0, 7.0
    centers = small_map.energy.centers
    by_hand = small_map.counts[0][..., (centers >= low) & (centers < high)].sum(axis=-1)
    recipe = MapRecipe(low=low, high=high)
    np.testing.assert_array_equal(recipe.compute(small_map)[recipe], by_hand)


@pytest.mark.parametrize("recipe", [MapRecipe("Fe", "auto"), MapRecipe(low=6.0, high=7.0)])
def test_a_recipe_of_an_error_makes_the_root_of_the_photons(small_map, recipe):
    recipe = recipe.resolved(small_map.energy)
    error = replace(recipe, error=True)
    made = error.compute(small_map)
    np.testing.assert_array_equal(made[recipe], recipe.compute(small_map)[recipe])
    np.testing.assert_allclose(made[error], np.sqrt(made[recipe]), rtol=1e-6)
    assert error.name("keV") == f"error of {recipe.name('keV')}"
    again = MapRecipe.from_record(error.record(small_map.energy))
    assert again.error
    assert again.name("keV") == error.name("keV")


def test_auto_becomes_the_best_line_of_the_axis():
    assert MapRecipe("Pb", "auto", background=True).resolved(AXIS) == MapRecipe(
        "Pb", "La", background=True
    )


def test_names_say_the_line_or_the_window_with_its_unit():
    assert MapRecipe("Fe", "Ka").name("keV") == "Fe Ka"
    assert MapRecipe(low=6.2, high=6.6).name("keV") == "6.2 to 6.6 keV"


def test_windows_are_the_line_and_with_background_what_is_beside_it():
    (window,) = MapRecipe("Fe", "Ka").windows(AXIS)
    assert window[0] < 6.40 < window[1]
    own, below, above = MapRecipe("Fe", "Ka", background=True).windows(AXIS)
    assert own == window
    assert below[1] < own[0]
    assert own[1] < above[0]


@pytest.mark.parametrize(
    "recipe", [MapRecipe("Fe", "Ka", background=True), MapRecipe(low=1.0, high=2.5, unit="keV")]
)
def test_a_record_brings_the_recipe_back(recipe):
    record = recipe.record(AXIS)
    assert MapRecipe.from_record(record) == recipe
    assert record["window_unit"] == "keV"


def test_a_record_holds_the_window_of_a_line():
    low, high = MapRecipe("Fe", "Ka").record(AXIS)["window"]
    assert (low + high) / 2 == pytest.approx(6.40, abs=0.01)


def test_a_record_that_says_nothing_is_refused_in_words():
    with pytest.raises(xrf.DataError, match="add the map again"):
        MapRecipe.from_record({"background": True})


@pytest.mark.parametrize("offset", [0.0, 3.0])
def test_a_window_of_channels_stays_the_same_channels_after_calibration(small_map, offset):
    channels = xrf.EnergyAxis(offset, 1.0, 128, calibrated=False)
    recipe = MapRecipe(low=4.0 + offset, high=12.0 + offset)
    by_hand = small_map.counts[0][..., 4:12].sum(axis=-1)
    np.testing.assert_array_equal(
        recipe.compute(small_map.replace(energy=channels))[recipe], by_hand
    )
    axis = small_map.energy
    later = MapRecipe.from_record(recipe.record(channels)).resolved(axis)
    np.testing.assert_array_equal(later.compute(small_map)[later], by_hand)
    half = axis.gain / 2
    assert (later.low, later.high) == pytest.approx(
        (axis.centers[4] - half, axis.centers[11] + half)
    )
    assert later.record(axis)["window_unit"] == "keV"


def test_a_window_that_the_layer_has_no_more_is_refused_in_words():
    channels = xrf.EnergyAxis.uncalibrated(64)
    of_energies = MapRecipe.from_record(MapRecipe(low=1.0, high=2.5).record(AXIS))
    with pytest.raises(xrf.DataError, match=r"1 to 2.5 keV .* in channel now"):
        of_energies.resolved(channels)
    of_channels = MapRecipe.from_record(MapRecipe(low=40, high=50).record(channels))
    with pytest.raises(xrf.DataError, match="32 channels"):
        of_channels.resolved(xrf.EnergyAxis(0.0, 0.01, 32))
