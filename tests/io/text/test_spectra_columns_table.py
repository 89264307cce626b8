"""Spectra as CSV files."""

import csv

import numpy as np
import pytest

import napari_xrf_denoise as xrf

AXIS = xrf.EnergyAxis(0.1, 0.02, 5)
COUNTS = np.arange(5.0) ** 2


def columns(path):
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))
    return {name: list(values) for name, *values in zip(*rows, strict=True)}


def test_counts_and_energies_have_their_units(tmp_path):
    path = xrf.io.write_spectra(tmp_path / "spectra.csv", {"map": COUNTS}, AXIS)
    found = columns(path)
    assert found["channel"] == ["0", "1", "2", "3", "4"]
    np.testing.assert_allclose([float(x) for x in found["energy (keV)"]], AXIS.centers)
    assert [float(x) for x in found["map (counts per channel)"]] == [0, 1, 4, 9, 16]


def test_spectra_with_other_energies_get_columns_of_their_own(tmp_path):
    spectra = {"Größe, µm": COUNTS, "ore": COUNTS[:3], "third": COUNTS}
    energies = {"Größe, µm": AXIS, "ore": xrf.EnergyAxis(0.0, 0.05, 3), "third": AXIS}
    found = columns(xrf.io.write_spectra(tmp_path / "spectra.csv", spectra, energies))
    assert len(found) == 7
    assert found["energy of ore (keV)"][:3] == ["0.0", "0.05", "0.1"]
    assert found["ore (counts per channel)"] == ["0.0", "1.0", "4.0", "", ""]
    assert "Größe, µm (counts per channel)" in found


def test_without_a_calibration_there_are_channels_only(tmp_path):
    axis = xrf.EnergyAxis.uncalibrated(5)
    path = xrf.io.write_spectra(tmp_path / "spectra.csv", {"map": COUNTS}, axis)
    assert list(columns(path)) == ["channel", "map (counts per channel)"]


def test_an_older_file_stays_unless_it_may_be_replaced(tmp_path):
    path = tmp_path / "spectra.csv"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        xrf.io.write_spectra(path, {"map": COUNTS}, AXIS)
    assert path.read_text() == "mine"
    xrf.io.write_spectra(path, {"map": COUNTS}, AXIS, overwrite=True)
    assert "channel" in columns(path)


def test_what_is_no_spectrum_of_the_axis_is_refused(tmp_path):
    with pytest.raises(xrf.DataError, match=r"ore: expected 5 channels.*\(4,\)"):
        xrf.io.write_spectra(tmp_path / "spectra.csv", {"ore": COUNTS[:4]}, AXIS)
    with pytest.raises(xrf.DataError, match="ore: there is no energy axis"):
        xrf.io.write_spectra(tmp_path / "spectra.csv", {"ore": COUNTS}, {"map": AXIS})
    assert list(tmp_path.iterdir()) == []
