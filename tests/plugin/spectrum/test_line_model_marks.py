import pytest

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.plugin.spectrum.line_model import (
    artifact_marks,
    line_marks,
    peak_marks,
    zoom_range,
)
from napari_xrf_denoise.spectroscopy.peak_identification import Artifact
from napari_xrf_denoise.spectroscopy.peaks import Peak

AXIS = EnergyAxis(0.0, 0.01, 2048)


def peak(energy, net, name=""):
    return Peak(energy, energy / 0.01, net / 8, net, 50.0, 0.14, name)


def test_lines_are_where_they_belong_and_as_high_as_they_are_intense():
    marks = line_marks(["Fe"], AXIS, "K")
    tallest = max(marks, key=lambda mark: mark.share)
    # X-ray Data Booklet: Ka1 6.40384, Ka2 6.39084 keV, 100 to 50; Kb1 7.05798.
    assert tallest.energy == pytest.approx(6.404, abs=0.005)
    second = next(mark for mark in marks if abs(mark.energy - 6.391) < 0.005)
    assert second.share / tallest.share == pytest.approx(0.5, abs=0.03)
    assert all(0 < mark.share <= 1 for mark in marks)


def test_each_group_has_one_label():
    labels = [mark.label for mark in line_marks(["Pb"], AXIS) if mark.label]
    assert len(labels) == len(set(labels))
    assert {"Pb Lα", "Pb Lβ", "Pb Mα"} <= set(labels)


def test_elements_have_colours_of_their_own_and_families_can_be_left_out():
    marks = line_marks(["Fe", "Pb"], AXIS, ("K",))
    assert {mark.color_index for mark in marks} == {0}
    marks = line_marks(["Fe", "Pb"], AXIS, ("L", "M"))
    assert {mark.color_index for mark in marks if mark.label.startswith("Pb")} == {1}


def test_lines_outside_the_axis_and_without_a_calibration_are_not_marked():
    assert all(
        1.0 < mark.energy < 5.0 for mark in line_marks(["Fe", "Ca"], EnergyAxis(1, 0.01, 400))
    )
    assert line_marks(["Fe"], EnergyAxis.uncalibrated(2048)) == ()


def test_peaks_are_labelled_with_name_or_energy_and_the_stronger_is_taller():
    weak, strong = peak_marks([peak(3.7, 200), peak(6.4, 9000, "Fe Kα")])
    assert (weak.label, strong.label) == ("3.70", "Fe Kα")
    assert 0 < weak.share < strong.share <= 1
    assert peak_marks([]) == ()


def test_sums_and_escapes_are_marked_as_such():
    items = [Artifact(12.8, "2 × Fe Ka", "sum", 1.0, 9.0), Artifact(4.66, "x", "escape", 1e-9, 9.0)]
    strong, weak = artifact_marks(items)
    assert (strong.kind, strong.label, strong.energy) == ("sum", "2 × Fe Kα", 12.8)
    assert 0 < weak.share < strong.share <= 1


@pytest.mark.parametrize(
    ("element", "inside", "outside"),
    [("Fe", (6.39, 7.06), (5.5, 8.0)), ("Pb", (10.45, 14.77), (9.0, 17.0))],
)
def test_zooming_shows_the_strong_lines_of_the_highest_family(element, inside, outside):
    low, high = zoom_range(element, AXIS)
    assert outside[0] < low < inside[0]
    assert inside[1] < high < outside[1]


def test_there_is_no_zoom_to_what_is_not_there():
    assert zoom_range("Pb", AXIS, ("K",)) is None
    assert zoom_range("Fe", EnergyAxis.uncalibrated(2048)) is None
