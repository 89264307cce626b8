import math
import subprocess
import sys

import pytest

from napari_xrf_denoise.core.errors import SettingsError
from napari_xrf_denoise.spectroscopy.xray_lines import (
    FAMILIES,
    all_lines,
    fluorescence_lines,
    line_energy,
    line_group,
    lines,
    lines_named,
)

# X-ray Data Booklet (LBNL/PUB-490 Rev. 3), table 1-2: keV.
BOOKLET = {
    ("Si", "Ka1"): 1.73998,
    ("S", "Ka1"): 2.30784,
    ("Ca", "Ka1"): 3.69168,
    ("Fe", "Ka1"): 6.40384,
    ("Fe", "Ka2"): 6.39084,
    ("Fe", "Kb1"): 7.05798,
    ("Cu", "Ka1"): 8.04778,
    ("Cu", "Kb1"): 8.90529,
    ("Zn", "Ka1"): 8.63886,
    ("Zr", "Ka1"): 15.7751,
    ("Mo", "Ka1"): 17.47934,
    ("Ag", "La1"): 2.98431,
    ("Ba", "La1"): 4.46626,
    ("Au", "La1"): 9.7133,
    ("Au", "Ma"): 2.1229,
    ("Pb", "La1"): 10.5515,
    ("Pb", "Lb1"): 12.6137,
    ("Pb", "Ma"): 2.3455,
    ("U", "La1"): 13.6147,
}


@pytest.mark.parametrize(("element", "line"), BOOKLET)
def test_line_energies_are_those_of_the_x_ray_data_booklet(element, line):
    assert line_energy(element, line) == pytest.approx(BOOKLET[element, line], abs=0.010)


@pytest.mark.parametrize(
    ("element", "group", "strong", "weak"),
    [
        ("Fe", "Ka", 6.40384, 6.39084),
        ("Cu", "Ka", 8.04778, 8.02783),
        ("Zr", "Ka", 15.7751, 15.6909),
    ],
)
def test_a_group_lies_at_its_mean_weighted_two_to_one(element, group, strong, weak):
    assert line_energy(element, group) == pytest.approx((2 * strong + weak) / 3, abs=0.010)


@pytest.mark.parametrize("element", ["Na", "Fe", "Ag", "Pb", "U"])
def test_the_lines_of_a_family_share_out_its_photons(element):
    for family in FAMILIES:
        shares = [line.intensity for line in lines(element, family)]
        assert min(shares, default=0.0) >= 0.0
        assert not any(shares) or math.isclose(sum(shares), 1.0)


def test_kb_to_ka_ratio_of_iron_is_the_tabulated_one():
    ka, kb = (sum(line.intensity for line in lines_named("Fe", name)) for name in ("Ka", "Kb"))
    # Scofield (1974), Atomic Data and Nuclear Data Tables 14, 121.
    assert kb / ka == pytest.approx(0.139, abs=0.01)


def test_lines_are_sorted_by_energy_and_limited_to_the_families_asked_for():
    found = lines("Pb", ("L", "M"))
    assert [line.energy for line in found] == sorted(line.energy for line in found)
    assert {line.family for line in found} == {"L", "M"}
    assert all(line.element == "Pb" for line in found)


def test_hydrogen_has_no_lines():
    assert lines("H") == ()


@pytest.mark.parametrize(
    ("excitation", "families"), [(3.0, {"M"}), (17.0, {"L", "M"}), (90.0, {"K", "L", "M"})]
)
def test_only_shells_with_edges_below_the_excitation_emit(excitation, families):
    emitted = {line.family for line in fluorescence_lines("Pb", excitation) if line.intensity > 0}
    assert emitted == families


def test_l_lines_follow_the_subshells_that_are_open():
    # L edges of lead: L3 13.035, L2 15.200 keV. Lb1 needs a hole in L2, La1 one in L3.
    names = {line.name for line in fluorescence_lines("Pb", 14.0)}
    assert "La1" in names
    assert "Lb1" not in names


def test_production_is_photo_absorption_times_jump_times_yield():
    total = sum(line.intensity for line in fluorescence_lines("Fe", 10.0) if line.family == "K")
    # NIST XCOM: 168 cm²/g photo-absorption of iron at 10 keV; 87 % of it in K (jump ratio 7.9);
    # yield 0.34–0.35 (Krause 1979, Journal of Physical and Chemical Reference Data 8, 307).
    assert total == pytest.approx(168 * 0.873 * 0.345, rel=0.04)


def test_no_line_below_every_edge():
    assert fluorescence_lines("Fe", 7.0) != ()
    assert not any(line.family == "K" for line in fluorescence_lines("Fe", 7.0))
    with pytest.raises(SettingsError, match="above 0 keV"):
        fluorescence_lines("Fe", 0.0)


@pytest.mark.parametrize("element", ["Xx", "", "Fe2", 26])
def test_an_unknown_element_is_named(element):
    with pytest.raises(SettingsError, match=f"unknown element {element!r}"):
        lines(element)


def test_a_symbol_in_the_wrong_case_is_suggested():
    with pytest.raises(SettingsError, match="did you mean 'Fe'"):
        line_energy("fe")


def test_an_unknown_line_lists_those_of_the_element():
    with pytest.raises(SettingsError, match=r"Fe has no line 'Ma'.*Ka, Kb, La.*Ka1"):
        line_energy("Fe", "Ma")
    with pytest.raises(SettingsError, match="none in the tables"):
        line_energy("H")


def test_an_unknown_family_is_named():
    with pytest.raises(SettingsError, match="family of lines 'N'; expected some of K, L, M"):
        lines("Fe", "N")


@pytest.mark.parametrize(
    ("name", "group"),
    [("Ka1", "Ka"), ("Kb5", "Kb"), ("La2", "La"), ("Lb2,15", "Lb"), ("Ma", "Ma"), ("Ll", "Ll")],
)
def test_a_line_belongs_to_the_group_that_its_name_begins_with(name, group):
    assert line_group(name) == group


def test_all_lines_are_those_of_each_element():
    found = all_lines()
    assert [line for line in found if line.element == "Fe"] == list(lines("Fe"))
    assert {"Li", "Fe", "Pb", "Cf"} <= {line.element for line in found}


def test_importing_is_cheap():
    code = (
        "import sys, napari_xrf_denoise.simulation.measurements;"
        "import napari_xrf_denoise.processing.element_maps;"
        "print(sorted({'xraydb', 'scipy', 'torch', 'napari', 'qtpy', 'dask'} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
