import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers.convert import to_layer
from napari_xrf_denoise.plugin.element_maps.model import ElementModel
from napari_xrf_denoise.plugin.element_maps.recipe import MapRecipe


@pytest.fixture
def model(small_map):
    model = ElementModel(knows_lines=True)
    model.follow([to_layer(small_map)])
    return model


def test_each_element_becomes_a_recipe_with_the_chosen_line_and_background(model):
    model.change(elements="Fe, Pb Ma", line="Kb", background=True)
    assert model.recipes() == (
        MapRecipe("Fe", "Kb", background=True),
        MapRecipe("Pb", "Ma", background=True),
    )


def test_the_window_follows_the_first_element_until_it_is_moved(model):
    model.change(elements="Ca, Fe")
    assert model.low < 3.69 < model.high
    model.change(low=5.0, high=6.0)
    model.change(background=True)
    assert (model.low, model.high) == (5.0, 6.0)
    model.change(elements="Fe")
    assert model.low < 6.40 < model.high


def test_a_new_calibration_moves_the_window_in_energy(model):
    layer = model.source
    layer.scale = (2 * layer.scale[0], *layer.scale[1:])
    model.follow([layer])
    assert model.axis.gain == pytest.approx(layer.scale[0])
    assert model.low < 6.40 < model.high


def test_background_windows_are_beside_the_window_and_only_when_subtracted(model):
    assert model.side_windows() == ()
    model.change(background=True)
    below, above = model.side_windows()
    assert below[1] <= model.low < model.high <= above[0]


def test_what_is_wrong_with_the_words_is_said(model):
    assert model.problem() == ""
    model.change(elements="Fe, iron")
    assert "“iron” is not an element" in model.problem()
    model.change(elements="")
    assert "Type an element" in model.problem()
    assert model.warning() == ""


def test_without_a_calibration_the_way_to_one_is_said(small_map):
    model = ElementModel()
    model.follow([to_layer(small_map.replace(energy=None))])
    assert "Calibrate energy" in model.problem()
    assert (model.low, model.high) == (0.0, 127.0)


def test_a_warning_names_the_overlap_before_the_map_is_made(model):
    model.change(elements="As")
    assert "Pb Lα (10.54 keV)" in model.warning()


def test_spectra_without_pixels_are_not_offered():
    model = ElementModel()
    model.follow([to_layer(xrf.simulate_spectra(n_repeats=2, n_channels=64)[0])])
    assert model.available == ()
    assert "no map with an energy axis" in model.problem()


def test_energies_that_run_backwards_are_said_in_words(model):
    layer = model.source
    layer.scale = (-layer.scale[0], *layer.scale[1:])
    model.follow([layer])
    assert model.problem().startswith("The energies of “map” cannot be used: ")
    layer.scale = (-layer.scale[0], *layer.scale[1:])
    model.follow([layer])
    assert model.problem() == ""


def test_a_line_outside_the_energies_hides_no_window_of_the_others(model):
    model.change(elements="Fe, U, Cu", line="Ka")
    # U Ka is at 98 keV.
    assert [name for name, _ in model.line_windows()] == ["Fe Ka", "Cu Ka"]
