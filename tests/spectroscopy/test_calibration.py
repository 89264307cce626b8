import numpy as np
import pytest
import xraydb

import napari_xrf_denoise as xrf
from napari_xrf_denoise.spectroscopy.calibration import (
    LINE_NAMES,
    calibration_from_peaks,
    parse_line_energy,
    refine_peak,
)

OFFSET, GAIN = -0.0437, 0.01013


def channel_of(energy):
    return (energy - OFFSET) / GAIN


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_peaks_give_offset_and_gain_in_either_order(order):
    energies = (3.69, 17.44)
    peaks = [(channel_of(energy), energy) for energy in energies]
    (first, low), (second, high) = [peaks[n] for n in order]
    axis = calibration_from_peaks((first, second), (low, high), size=2048)
    assert axis.offset == pytest.approx(OFFSET, abs=1e-12)
    assert axis.gain == pytest.approx(GAIN, rel=1e-12)
    assert (axis.size, axis.calibrated) == (2048, True)


@pytest.mark.parametrize(
    ("channels", "energies", "words"),
    [
        ((640.0, 640.0), (3.7, 6.4), "two different peaks"),
        ((370.0, 640.0), (6.4, 6.4), "two different lines"),
        ((370.0, 640.0), (6.4, 3.7), "swap the two lines"),
        ((370.0, 5000.0), (3.7, 6.4), "between channel 0 and 2047"),
        ((-1.0, 640.0), (3.7, 6.4), "between channel 0 and 2047"),
        ((370.0, float("nan")), (3.7, 6.4), "finite"),
        ((370.0, 640.0), (0.0, 6.4), "above 0 keV"),
    ],
)
def test_impossible_peaks_are_refused_with_what_to_do(channels, energies, words):
    with pytest.raises(xrf.SettingsError, match=words):
        calibration_from_peaks(channels, energies, size=2048)


@pytest.mark.parametrize("click", [-6, -2, 0, 3, 6])
def test_a_click_beside_a_peak_finds_its_centre(click):
    channels = np.arange(2048)
    rate = 50 + 4000 * np.exp(-0.5 * ((channels - 641.3) / 6) ** 2)
    counts = np.random.default_rng(7).poisson(rate)
    assert refine_peak(counts, 641.3 + click) == pytest.approx(641.3, abs=0.3)


def test_a_sloping_background_and_a_small_neighbour_hardly_move_the_centre():
    channels = np.arange(2048)
    counts = (
        2000
        - 0.8 * channels
        + 8000 * np.exp(-0.5 * ((channels - 640.6) / 6) ** 2)
        + 1200 * np.exp(-0.5 * ((channels - 705.8) / 6) ** 2)
    )
    assert refine_peak(counts, 638) == pytest.approx(640.6, abs=0.2)


def test_the_peak_that_was_clicked_is_found_and_not_the_highest_of_all():
    channels = np.arange(1024)
    counts = 100 * np.exp(-0.5 * ((channels - 300) / 4) ** 2)
    counts += 9000 * np.exp(-0.5 * ((channels - 340) / 4) ** 2)
    assert refine_peak(counts, 301) == pytest.approx(300, abs=0.2)


def test_peaks_at_the_ends_are_found():
    counts = np.zeros(100)
    counts[0], counts[99] = 50, 70
    assert refine_peak(counts, 1) == pytest.approx(0, abs=0.5)
    assert refine_peak(counts, 98) == pytest.approx(99, abs=0.5)


def test_where_nothing_stands_out_there_is_no_peak():
    with pytest.raises(xrf.DataError, match="same counts"):
        refine_peak(np.zeros(500), 100)
    with pytest.raises(xrf.DataError, match="same counts"):
        refine_peak(np.full(500, 7), 100)


def test_a_click_outside_the_spectrum_and_bad_spectra_are_refused():
    with pytest.raises(xrf.SettingsError, match="0 to 499"):
        refine_peak(np.arange(500), 700)
    with pytest.raises(xrf.SettingsError, match="0 to 499"):
        refine_peak(np.arange(500), float("nan"))
    for spectrum in (np.ones((3, 3)), np.ones(2), np.array([1.0, np.nan, 2.0])):
        with pytest.raises(xrf.DataError, match="finite counts"):
            refine_peak(spectrum, 1)


@pytest.mark.parametrize(
    ("text", "energy"),
    [("6.4", 6.4), (" 6,4 keV ", 6.4), ("6400 eV", 6.4), ("6404EV", 6.404), (".525", 0.525)],
)
def test_energies_are_understood_with_their_unit(text, energy):
    assert parse_line_energy(text) == pytest.approx(energy, abs=1e-12)


@pytest.mark.parametrize("text", ["Fe Ka1", "Fe-Ka1", "Fe_Ka1", " Fe  Ka1 "])
def test_lines_are_understood_by_their_names(text):
    expected = xraydb.xray_lines("Fe")["Ka1"].energy / 1000
    assert parse_line_energy(text) == pytest.approx(expected)


def test_an_element_alone_means_its_main_k_line():
    lines = xraydb.xray_lines("Cu")
    assert lines["Ka2"].energy <= 1000 * parse_line_energy("Cu") <= lines["Ka1"].energy


@pytest.mark.parametrize("text", ["", "iron", "Fe Kz", "Xy Ka", "0", "-6.4", "1e999", "6.4 MeV"])
def test_what_is_neither_a_line_nor_an_energy_is_refused(text):
    with pytest.raises(xrf.SettingsError):
        parse_line_energy(text)


def test_the_lines_that_are_offered_exist_and_are_x_rays_of_maps():
    assert len(LINE_NAMES) == len(set(LINE_NAMES))
    energies = [parse_line_energy(name) for name in LINE_NAMES]
    assert 0.1 < min(energies) < 0.3
    assert 25 < max(energies) < 40
