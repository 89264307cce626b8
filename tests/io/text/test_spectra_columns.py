"""Tables of spectra in columns, as the Spectrum dock saves them."""

import csv

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.core.errors import DataError, FormatError
from napari_xrf_denoise.io import read, sniff

AXIS = xrf.EnergyAxis(-0.02, 0.01, 40)
COUNTS = np.arange(40) % 7


def save(path, names, rows):
    path.write_text("\n".join([",".join(names), *(",".join(map(str, row)) for row in rows)]))
    return path


def respelt(path, separator, point):
    """Rewrite a table as a spreadsheet saves it where decimals have a comma, or with tabs."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        names, *rows = csv.reader(file)
    rows = [[cell.replace(".", point) for cell in row] for row in rows]
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file, delimiter=separator).writerows([names, *rows])
    return path


def test_what_was_saved_comes_back(tmp_path):
    path = xrf.io.write_spectra(tmp_path / "spectra.csv", {"pixel, y 3": COUNTS}, AXIS)
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
    path = xrf.io.write_spectra(tmp_path / "spectra.csv", spectra, AXIS)
    with pytest.warns(UserWarning, match="raw, denoised are read as repeats"):
        image = read(path)
    np.testing.assert_array_equal(image.counts[:, 0, 0], [COUNTS, 2.5 * COUNTS])


def test_spectra_with_other_energies_are_named(tmp_path):
    longer = xrf.EnergyAxis(0.0, 0.02, 50)
    spectra = {"one": COUNTS, "two": np.arange(50)}
    path = xrf.io.write_spectra(tmp_path / "spectra.csv", spectra, {"one": AXIS, "two": longer})
    with pytest.warns(UserWarning, match="skipped: two"):
        image = read(path)
    np.testing.assert_array_equal(image.counts[0, 0, 0], COUNTS)


def test_without_energies_they_are_channels(tmp_path):
    axis = xrf.EnergyAxis(0.0, 1.0, 40, calibrated=False)
    path = xrf.io.write_spectra(tmp_path / "spectra.csv", {"one": COUNTS}, axis)
    with pytest.warns(UserWarning, match="no energy calibration"):
        assert not read(path).energy.calibrated


def test_an_axis_that_is_named_is_refused(tmp_path):
    path = xrf.io.write_spectra(tmp_path / "spectra.csv", {"one": COUNTS}, AXIS)
    with pytest.raises(DataError, match="leave out energy_axis"):
        read(path, energy_axis=0)


@pytest.mark.parametrize(("separator", "point"), [(";", ","), ("\t", "."), (";", ".")])
def test_what_a_spreadsheet_made_of_it_comes_back(tmp_path, separator, point):
    path = xrf.io.write_spectra(tmp_path / "spectra.csv", {"ore; y 3, x 4": COUNTS / 2}, AXIS)
    image = read(respelt(path, separator, point))
    np.testing.assert_array_equal(image.counts[0, 0, 0], COUNTS / 2)
    np.testing.assert_allclose(image.energy.centers, AXIS.centers, atol=1e-9)
    assert image.metadata["spectra"] == ["ore; y 3, x 4"]


def test_differences_are_left_out_with_a_warning(tmp_path):
    spectra = {"raw": COUNTS, "denoised": 2.5 * COUNTS, "raw − denoised": -1.5 * COUNTS}
    path = xrf.io.write_spectra(tmp_path / "spectra.csv", spectra, AXIS)
    with pytest.warns(UserWarning) as warned:
        image = read(path)
    assert any("below 0" in str(one.message) and "raw − d" in str(one.message) for one in warned)
    np.testing.assert_array_equal(image.counts[:, 0, 0], [COUNTS, 2.5 * COUNTS])
    assert image.metadata["spectra"] == ["raw", "denoised"]


def test_a_difference_alone_is_refused_for_its_counts(tmp_path):
    path = xrf.io.write_spectra(tmp_path / "spectra.csv", {"raw − denoised": -COUNTS - 0.5}, AXIS)
    with pytest.raises(DataError, match=r"not negative, found -0\.5"):
        read(path)


@pytest.mark.parametrize(
    "name",
    [
        "channel of interest",
        "energy (keV)",
        "x, standard deviation study",
        "x, standard deviation, Poisson",
        "line\u2028separator\x85",
        "two\nlines",
        'a "quoted" name',
    ],
)
def test_a_spectrum_may_have_any_name(tmp_path, name):
    path = xrf.io.write_spectra(tmp_path / "spectra.csv", {name: COUNTS}, AXIS)
    image = read(path)
    np.testing.assert_array_equal(image.counts[0, 0, 0], COUNTS)
    assert image.metadata["spectra"] == [name]


def test_a_spectrum_that_is_called_as_an_axis_stands_beside_others(tmp_path):
    spectra = {"ore": COUNTS, "channel of interest": 2 * COUNTS, "slag": 3 * COUNTS}
    path = xrf.io.write_spectra(tmp_path / "spectra.csv", spectra, AXIS)
    with pytest.warns(UserWarning, match="read as repeats"):
        assert read(path).metadata["spectra"] == list(spectra)


def test_blank_lines_are_no_rows(tmp_path):
    path = xrf.io.write_spectra(tmp_path / "spectra.csv", {"one": COUNTS}, AXIS)
    names, *rows = path.read_text("utf-8-sig").splitlines()
    path.write_text("\n".join([names, "", *rows, "", ",,", ""]))
    np.testing.assert_array_equal(read(path).counts[0, 0, 0], COUNTS)


def test_a_part_of_a_spectrum_lies_where_its_energies_say(tmp_path):
    rows = [(channel, 0.01 * channel, channel % 7) for channel in range(600, 640)]
    image = read(save(tmp_path / "part.csv", NAMES, rows))
    np.testing.assert_allclose(image.energy.centers, 0.01 * np.arange(600, 640), atol=1e-9)


def test_channels_that_do_not_begin_at_0_and_have_no_energies_are_refused(tmp_path):
    path = save(tmp_path / "part.csv", [NAMES[0], NAMES[2]], [(600, 3), (601, 4)])
    with pytest.raises(FormatError, match="row 2: expected channel 0, found 600"):
        read(path)


def test_a_table_with_other_names_is_told_how_to_name_them(tmp_path):
    rows = [(channel, 0.01 * channel, channel % 7) for channel in range(40)]
    path = save(tmp_path / "other.csv", ["channel", "energy", "counts"], rows)
    # Turned round by energy_axis=0, its energies would be counts.
    with pytest.raises(FormatError, match=r"“map \(counts per channel\)”") as told:
        read(path)
    assert "energy_axis" not in str(told.value)


def test_a_stray_quotation_mark_in_a_long_table_is_named_by_row(tmp_path):
    rows = [(channel, 0.001 * channel, 4) for channel in range(12_000)]
    rows[5] = (5, '"0.005', 4)
    with pytest.raises(FormatError, match=r"bad\.csv: row 7 .*stray quotation mark"):
        read(save(tmp_path / "bad.csv", NAMES, rows))


NAMES = ["channel", "energy (keV)", "one (counts per channel)"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(0, 0.1, 3), (1, 0.2)], "row 3 has 2 cells, expected 3"),
        ([(0, 0.1, 3), (1, 0.2, "x")], r"row 3, column 3 \(one .*found 'x'"),
        ([], "expected a row for each channel"),
        ([(0, 0.1, 3), (), (1, 0.2, "x")], "row 4, column 3"),
        ([(0, 0.1, 3), (1, '"0.2', 4)], "row 3 .*stray quotation mark"),
        ([(0, 0.1, 3), (1, 0.2, 4), (3, 0.4, 5)], "row 4: expected channel 2, found 3"),
        ([(0, 0.3, 3), (1, 0.2, 4), (2, 0.1, 5)], r"row 3, column 2 .*increase.*found 0\.2"),
        ([(0, 0.3, 3), (1, "nan", 4), (2, 0.5, 5)], "row 3, column 2 .*increase.*found nan"),
        ([(0, 0.3, 3), (1, 0.3, 4)], "column 2 .*increase"),
    ],
)
def test_a_damaged_table_is_named_by_row(tmp_path, rows, words):
    with pytest.raises(FormatError, match=words):
        read(save(tmp_path / "bad.csv", NAMES, rows))
