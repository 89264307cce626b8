import csv

import numpy as np
import pytest

from napari_xrf_denoise.energy_axis import EnergyAxis
from napari_xrf_denoise.plugin.spectra_at import Curve
from napari_xrf_denoise.plugin.spectrum_export import write_spectra

AXIS = EnergyAxis(0.1, 0.02, 5)


def curve(label="map", axis=AXIS, **fields):
    counts = np.arange(axis.size, dtype=float) ** 2
    return Curve(label, (0, ""), axis, counts, 0.5, **fields)


def columns(path):
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))
    return {name: list(values) for name, *values in zip(*rows, strict=True)}


def test_counts_errors_and_energies_have_their_units(tmp_path):
    path = tmp_path / "spectra.csv"
    write_spectra(path, [curve(error=np.full(5, 1.5), error_kind="Poisson")])
    found = columns(path)
    assert found["channel"] == ["0", "1", "2", "3", "4"]
    np.testing.assert_allclose([float(x) for x in found["energy (keV)"]], AXIS.centers)
    assert [float(x) for x in found["map (counts per channel)"]] == [0, 1, 4, 9, 16]
    error = "map, standard deviation, Poisson (counts per channel)"
    assert [float(x) for x in found[error]] == [1.5] * 5


def test_spectra_with_other_energies_get_columns_of_their_own(tmp_path):
    path = tmp_path / "spectra.csv"
    other = EnergyAxis(0.0, 0.05, 3)
    write_spectra(path, [curve("Größe, µm"), curve("ore", other), curve("third")])
    found = columns(path)
    assert len(found) == 7
    assert found["energy of ore (keV)"][:3] == ["0.0", "0.05", "0.1"]
    assert found["ore (counts per channel)"] == ["0.0", "1.0", "4.0", "", ""]
    assert "Größe, µm (counts per channel)" in found


def test_without_a_calibration_there_are_channels_only(tmp_path):
    path = tmp_path / "spectra.csv"
    write_spectra(path, [curve(axis=EnergyAxis.uncalibrated(4))])
    assert list(columns(path)) == ["channel", "map (counts per channel)"]


def test_curves_of_one_name_are_told_apart(tmp_path):
    path = tmp_path / "spectra.csv"
    write_spectra(path, [curve(), curve()])
    assert list(columns(path))[2:] == ["map (counts per channel)", "map [2] (counts per channel)"]


def test_an_older_file_stays_unless_it_may_be_replaced(tmp_path):
    path = tmp_path / "spectra.csv"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        write_spectra(path, [curve()])
    assert path.read_text() == "mine"
    write_spectra(path, [curve()], overwrite=True)
    assert "channel" in columns(path)
