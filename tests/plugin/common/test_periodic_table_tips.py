import pytest

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.plugin.common.periodic_table import (
    element_tip,
    possible_elements,
)


def test_a_tip_tells_name_number_and_lines_in_kev():
    tip = element_tip("Pb").splitlines()
    assert tip[0] == "lead, Z = 82"
    energies = {line.split()[0]: float(line.split()[1]) for line in tip[1:]}
    # X-ray Data Booklet: La1 10.5515, Ma 2.3455, Ka1 74.9694 keV.
    assert energies["Lα"] == pytest.approx(10.55, abs=0.02)
    assert energies["Mα"] == pytest.approx(2.345, abs=0.01)
    assert tip[1].endswith(" keV")


def test_elements_without_a_line_inside_the_axis_are_not_possible():
    axis = EnergyAxis(1.0, 0.01, 1000)  # 1 to 11 keV
    possible = possible_elements(axis)
    assert {"Na", "Fe", "Pb", "U"} <= possible.keys()
    assert not {"H", "He", "C", "O"} & possible.keys()
    assert "Pb" not in possible_elements(axis, "K")
    assert possible["Fe"] == element_tip("Fe")


def test_without_a_calibration_no_element_is_possible():
    assert possible_elements(EnergyAxis.uncalibrated(1000)) == {}
