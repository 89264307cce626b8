import pytest

from napari_xrf_denoise import SettingsError
from napari_xrf_denoise.spectroscopy.element_symbols import (
    in_greek,
    in_latin,
    parse_elements,
    with_elements,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fe", [("Fe", "auto")]),
        ("Fe, Cu,Zn", [("Fe", "auto"), ("Cu", "auto"), ("Zn", "auto")]),
        ("Fe Cu; zn", [("Fe", "auto"), ("Cu", "auto"), ("Zn", "auto")]),
        ("Pb La", [("Pb", "La")]),
        ("Pb, La", [("Pb", "auto"), ("La", "auto")]),
        ("La La", [("La", "La")]),
        ("pb MA, Fe ka1", [("Pb", "Ma"), ("Fe", "Ka1")]),
        ("Fe, Fe, ", [("Fe", "auto")]),
        ("Pb Lα, Fe Kβ₁", [("Pb", "La"), ("Fe", "Kb1")]),
        ("  ", []),
    ],
)
def test_elements_and_lines_are_read_as_they_are_typed(text, expected):
    assert list(parse_elements(text)) == expected


def test_the_chosen_line_is_that_of_elements_without_one():
    assert parse_elements("Fe, Pb La", "Kb") == (("Fe", "Kb"), ("Pb", "La"))


@pytest.mark.parametrize("text", ["Xy", "Fe, iron", "Ka", "Fe Ka Kb"])
def test_a_word_that_is_no_element_is_named(text):
    with pytest.raises(SettingsError, match="is not an element symbol"):
        parse_elements(text)


def test_elements_of_the_table_keep_the_place_and_line_that_were_typed():
    assert with_elements("Fe, Pb Ma", ["Cu", "Pb", "Fe"]) == "Fe, Pb Ma, Cu"
    assert with_elements("Fe, Pb Ma", ["Pb"]) == "Pb Ma"
    assert with_elements("nonsense", ["Zn"]) == "Zn"
    assert with_elements("Fe", []) == ""


@pytest.mark.parametrize("text", ["Cr Mn Fe", "Na Mg Al", "Fe Mo", "Cu Lu"])
def test_the_symbol_of_an_element_is_no_line(text):
    assert parse_elements(text) == tuple((symbol, "auto") for symbol in text.split())


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Ka", "Kα"),
        ("Pb La1", "Pb Lα₁"),
        ("6.40 keV (Fe Ka)", "6.40 keV (Fe Kα)"),
        ("La Ka + La Lb", "La Kα + La Lβ"),
        ("Fe, La", "Fe, La"),
        ("auto", "auto"),
    ],
)
def test_lines_are_shown_in_greek_and_lanthanum_is_not(typed, shown):
    assert in_greek(typed) == shown
    assert in_latin(shown) == typed
