import pytest

from napari_xrf_denoise import DataError, EnergyAxis, SettingsError
from napari_xrf_denoise.processing.line_overlaps import lines_between, overlapping_lines

AXIS = EnergyAxis(0.0, 0.01, 2048)


def names(groups):
    return {(group.element, group.name) for group in groups}


@pytest.mark.parametrize(
    ("element", "line", "other"),
    [
        ("Ti", "Ka", ("Ba", "La")),
        ("Ba", "La", ("Ti", "Ka")),
        ("As", "Ka", ("Pb", "La")),
        ("S", "Ka", ("Pb", "Ma")),
        ("S", "Ka", ("Mo", "La")),
        ("Fe", "Ka", ("Mn", "Kb")),
        ("Co", "Ka", ("Fe", "Kb")),
    ],
)
def test_the_overlaps_of_the_textbooks_are_found(element, line, other):
    assert other in names(overlapping_lines(element, line, AXIS))


@pytest.mark.parametrize(("element", "line"), [("Fe", "Ka"), ("Pb", "La"), ("K", "Kb")])
def test_an_element_does_not_overlap_with_itself_nor_with_lines_far_away(element, line):
    for group in overlapping_lines(element, line, AXIS):
        assert group.element != element
    assert ("Cu", "Ka") not in names(overlapping_lines(element, line, AXIS))


def test_only_the_elements_that_may_be_there_are_named():
    assert names(overlapping_lines("Ti", "Ka", AXIS, among=["Ba", "Fe"])) == {("Ba", "La")}
    assert overlapping_lines("Ti", "Ka", AXIS, among=["Fe", "Cu"]) == ()
    assert ("Dy", "La") in names(overlapping_lines("Fe", "Ka", AXIS, among=["Dy"]))


def test_lines_of_a_window_tell_energy_and_share_the_strongest_first():
    found = lines_between(10.4, 10.7)
    assert [(line.element, line.name) for line in found] == [("As", "Ka"), ("Pb", "La")]
    assert [line.energy for line in found] == pytest.approx([10.53, 10.54], abs=0.01)
    # K alpha is about 85 % of the photons of K.
    assert found[0].intensity == pytest.approx(0.86, abs=0.03)


def test_auto_means_the_best_line():
    assert overlapping_lines("Pb", "auto", AXIS) == overlapping_lines("Pb", "La", AXIS)


def test_unknown_elements_and_axes_without_energies_are_refused():
    with pytest.raises(SettingsError, match="unknown element 'Xy'"):
        lines_between(1, 2, among=["Xy"])
    with pytest.raises(DataError, match="not calibrated"):
        overlapping_lines("Fe", "Ka", EnergyAxis.uncalibrated(100))


def test_an_element_without_lines_is_refused_in_words():
    with pytest.raises(SettingsError, match="no line of H"):
        lines_between(1, 2, among=["H"])
