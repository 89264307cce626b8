import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.core.errors import DataError, SettingsError
from napari_xrf_denoise.simulation.measurements import Excitation, element_spectrum
from napari_xrf_denoise.spectroscopy.detector import Detector
from napari_xrf_denoise.spectroscopy.peak_identification import (
    candidate_elements,
    escape_peaks,
    identify_peaks,
    sum_peaks,
)
from napari_xrf_denoise.spectroscopy.peaks import Peak, find_peaks

AXIS = xrf.EnergyAxis(0.0, 0.02, 1024)


def measured(**counts):
    """Expected counts of elements excited by 18 keV, over an even background."""
    spectra = [
        number * element_spectrum(element, AXIS, Excitation(18.0), Detector())
        for element, number in counts.items()
    ]
    return 5.0 + np.sum(spectra, axis=0)


def names(spectrum):
    return [peak.name for peak in identify_peaks(find_peaks(spectrum, AXIS), spectrum, AXIS)]


def peak(energy, net, name=""):
    return Peak(energy, energy / 0.02, net / 8, net, 50.0, 0.14, name)


# X-ray Data Booklet (LBNL/PUB-490 Rev. 3), table 1-2.
@pytest.mark.parametrize(
    ("energy", "symbol"),
    [(1.740, "Si"), (3.692, "Ca"), (4.511, "Ti"), (6.404, "Fe"), (8.048, "Cu"), (17.479, "Mo")],
)
def test_the_element_whose_strongest_line_is_there_comes_first(energy, symbol):
    assert candidate_elements(energy)[0].element == symbol


@pytest.mark.parametrize(
    ("energy", "pair"),
    [(10.55, {"As", "Pb"}), (2.307, {"S", "Mo"}), (4.49, {"Ti", "Ba"}), (2.97, {"Ar", "Ag"})],
)
def test_the_well_known_confusions_are_both_told(energy, pair):
    assert pair <= {line.element for line in candidate_elements(energy)[:3]}


def test_elements_that_samples_hardly_contain_come_last():
    told = [line.element for line in candidate_elements(12.64)]
    # Kr Ka1 lies at 12.649 keV, Pb Lb1 at 12.614 keV.
    assert told.index("Kr") > told.index("Pb")


def test_only_lines_within_the_tolerance_are_told():
    for line in candidate_elements(6.4, tolerance=0.02):
        assert abs(line.energy - 6.4) <= 0.02
    assert candidate_elements(6.4, tolerance=1e-6) == ()


def test_an_energy_that_cannot_be_is_refused():
    with pytest.raises(SettingsError, match="energy: expected keV above 0, found -1"):
        candidate_elements(-1.0)
    with pytest.raises(SettingsError, match="tolerance"):
        candidate_elements(6.4, tolerance=0.0)


def test_peaks_are_named_when_the_second_line_is_there():
    told = names(measured(Fe=50_000, Ca=30_000))
    # Near silicon's edge its photons escape most often.
    assert told == ["Ca Ka − Si", "Ca Ka", "Ca Kb", "Fe Ka", "Fe Kb"]


def test_a_line_without_its_second_line_is_not_given_to_an_element_that_must_show_it():
    spectrum = 5.0 + np.zeros(AXIS.size)
    sigma = 0.06
    spectrum += 3000 * np.exp(-0.5 * ((AXIS.centers - 6.404) / sigma) ** 2)
    assert names(spectrum) == [""]


def test_scatter_is_no_line():
    spectrum = 5.0 + 3000 * np.exp(-0.5 * ((AXIS.centers - 8.05) / 0.15) ** 2)
    (found,) = identify_peaks(find_peaks(spectrum, AXIS), spectrum, AXIS)
    assert found.name == ""


def test_simulated_maps_get_no_wrong_names():
    for seed in range(3):
        image, _ = xrf.simulate_map(shape=(24, 24), seed=seed)
        counts = image.counts.sum(axis=(0, 1, 2))
        found = identify_peaks(find_peaks(counts, image.energy), counts, image.energy)
        named = [peak.name for peak in found if peak.name]
        lines = [name.split() for name in named if len(name.split()) == 2]
        assert {element for element, _ in lines} <= set(image.metadata["elements"])
        assert len(named) > 0.6 * len(found)


def test_pile_up_that_no_element_explains_is_named():
    spectrum = measured(Cu=1_000_000)
    sigma = float(Detector().fwhm(16.09)) / 2.3548
    spectrum += 150 * np.exp(-0.5 * ((AXIS.centers - 16.09) / sigma) ** 2)
    assert "2 × Cu Ka" in names(spectrum)


def test_sums_of_the_strongest_peaks_lie_at_the_sum_of_energies():
    found = sum_peaks([peak(6.4, 9000, "Fe Ka"), peak(3.7, 3000, "Ca Ka")], AXIS)
    assert {item.name: round(item.energy, 3) for item in found} == {
        "2 × Ca Ka": 7.4,
        "Fe Ka + Ca Ka": 10.1,
        "2 × Fe Ka": 12.8,
    }
    shares = {item.name: item.share for item in found}
    # Two different photons pile up in either order.
    assert shares["Fe Ka + Ca Ka"] / shares["2 × Fe Ka"] == pytest.approx(2 / 3)


def test_escapes_lie_1740_ev_below_and_only_above_the_edge_of_silicon():
    found = escape_peaks([peak(6.4, 9000, "Fe Ka"), peak(1.8, 9000)], AXIS)
    assert [(item.name, round(item.energy, 2)) for item in found] == [("Fe Ka − Si", 4.66)]


def test_what_lies_outside_the_axis_is_left_out():
    assert sum_peaks([peak(15.0, 9000)], AXIS) == ()
    assert escape_peaks([peak(1.9, 9000)], xrf.EnergyAxis(1.0, 0.02, 500)) == ()


def test_peaks_without_a_name_give_their_energy():
    assert [item.name for item in sum_peaks([peak(6.4, 9000)], AXIS)] == ["2 × 6.40 keV"]


def test_channels_have_no_names():
    axis = xrf.EnergyAxis.uncalibrated(1024)
    for call in (
        lambda: identify_peaks([], np.zeros(1024), axis),
        lambda: sum_peaks([], axis),
        lambda: escape_peaks([], axis),
    ):
        with pytest.raises(DataError, match="found channel numbers"):
            call()


def test_the_strongest_artifact_within_the_axis_has_the_share_1():
    peaks = [
        Peak(6.0, 600.0, 900.0, 10000.0, 90.0, 0.14),
        Peak(2.0, 200.0, 90.0, 1000.0, 30.0, 0.09),
    ]
    found = sum_peaks(peaks, xrf.EnergyAxis(0.0, 0.01, 1024))  # 12 keV is beyond its end
    assert [round(one.energy, 1) for one in found] == [4.0, 8.0]
    # Pairs of unlike photons: 2 · 10000 · 1000, of like ones 1000².
    assert [one.share for one in found] == pytest.approx([0.05, 1.0])
