import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.plugin.element_maps.recipe import MapRecipe, overlap_words

AXIS = xrf.EnergyAxis(0.0, 0.01, 2048)


def words(*recipes, axis=AXIS):
    return overlap_words(recipes, axis)


def test_another_element_that_may_be_in_the_map_is_named_with_its_energy():
    assert words(MapRecipe("As", "auto")) == "The As Kα window overlaps Pb Lα (10.54 keV)."


def test_elements_that_are_both_chosen_are_said_to_be_inseparable():
    said = words(MapRecipe("Ti", "auto"), MapRecipe("Ba", "auto")).splitlines()
    assert said[0].startswith("The Ti Kα window overlaps Ba Lα (4.46 keV), also chosen: ")
    assert said[1].startswith("The Ba Lα window overlaps Ti Kα (4.51 keV), also chosen: ")


def test_rare_elements_are_named_when_they_are_chosen():
    assert "Dy" not in words(MapRecipe("Fe", "Ka"))
    assert "Dy Lα" in words(MapRecipe("Fe", "Ka"), MapRecipe("Dy", "La"))


def test_a_window_says_which_lines_are_in_it():
    assert words(MapRecipe(low=8.0, high=8.1)) == "Lines in the window: Cu Kα (8.04 keV)."
    assert words(MapRecipe(low=19.0, high=19.05)) == ""


def test_many_lines_are_counted_instead_of_named():
    said = words(MapRecipe(low=1.0, high=10.0))
    assert said.count("keV") == 4
    assert " more." in said


@pytest.mark.parametrize("axis", [None, xrf.EnergyAxis.uncalibrated(2048)])
def test_without_energies_nothing_is_said(axis):
    assert words(MapRecipe("As", "Ka"), axis=axis) == ""


def test_a_line_that_is_not_on_the_axis_is_no_matter_here():
    assert words(MapRecipe("Pb", "Ka")) == ""
