"""Tables of spectra in columns, as the Spectrum dock saves them."""

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.errors import DataError, FormatError
from napari_xrf_denoise.io import read, sniff

AXIS = xrf.EnergyAxis(-0.02, 0.01, 40)
COUNTS = np.arange(40) % 7


def save(path, names, rows):
    path.write_text("\n".join([",".join(names), *(",".join(map(str, row)) for row in rows)]))
    return path


def test_what_was_saved_comes_back(tmp_path):
    path = xrf.write_spectra(tmp_path / "spectra.csv", {"pixel, y 3": COUNTS}, AXIS)
    assert sniff(path) == "columns"
    image = read(path)
    assert image.shape == (1, 1, 1, 40)
    assert image.counts.dtype == np.uint16
    np.testing.assert_array_equal(image.counts[0, 0, 0], COUNTS)
    np.testing.assert_allclose(image.energy.centers, AXIS.centers, atol=1e-9)
    assert image.metadata["spectra"] == ["pixel, y 3"]


def test_several_are_repeats_with_a_warning(tmp_path):
    spectra = {
        "raw": COUNTS,
        "raw, standard deviation, Poisson": np.sqrt(COUNTS),
        "denoised": 2.5 * COUNTS,
    }
    path = xrf.write_spectra(tmp_path / "spectra.csv", spectra, AXIS)
    with pytest.warns(UserWarning, match="raw, denoised are read as repeats"):
        image = read(path)
    np.testing.assert_array_equal(image.counts[:, 0, 0], [COUNTS, 2.5 * COUNTS])


def test_spectra_with_other_energies_are_named(tmp_path):
    longer = xrf.EnergyAxis(0.0, 0.02, 50)
    spectra = {"one": COUNTS, "two": np.arange(50)}
    path = xrf.write_spectra(tmp_path / "spectra.csv", spectra, {"one": AXIS, "two": longer})
    with pytest.warns(UserWarning, match="left out: two"):
        image = read(path)
    np.testing.assert_array_equal(image.counts[0, 0, 0], COUNTS)


def test_without_energies_they_are_channels(tmp_path):
    axis = xrf.EnergyAxis(0.0, 1.0, 40, calibrated=False)
    path = xrf.write_spectra(tmp_path / "spectra.csv", {"one": COUNTS}, axis)
    with pytest.warns(UserWarning, match="no energy calibration"):
        assert not read(path).energy.calibrated


def test_an_axis_that_is_named_is_refused(tmp_path):
    path = xrf.write_spectra(tmp_path / "spectra.csv", {"one": COUNTS}, AXIS)
    with pytest.raises(DataError, match="leave energy_axis"):
        read(path, energy_axis=0)


NAMES = ["channel", "energy (keV)", "one (counts per channel)"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(0, 0.1, 3), (1, 0.2)], "row 3 has 2 cells, expected 3"),
        ([(0, 0.1, 3), (1, 0.2, "x")], r"row 3, column 3 \(one .*found 'x'"),
        ([], "expected a row for each channel"),
    ],
)
def test_a_damaged_table_is_named_by_row(tmp_path, rows, words):
    with pytest.raises(FormatError, match=words):
        read(save(tmp_path / "bad.csv", NAMES, rows))
