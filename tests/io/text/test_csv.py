import numpy as np
import pytest

from napari_xrf_denoise import DataError, EnergyAxis, FormatError, SpectrumImage, read, write
from napari_xrf_denoise.core.errors import CalibrationWarning
from napari_xrf_denoise.io import recognise, sniff

ENERGIES = [round(0.01 * channel, 3) for channel in range(40)]
ROWS = [[(7 * row + channel) % 5 for channel in range(40)] for row in range(4)]


def save(path, rows, header=ENERGIES, index=False, separator=","):
    lines = []
    if header is not None:
        lines.append(["", *header] if index else list(header))
    for number, row in enumerate(rows):
        lines.append([number, *row] if index else list(row))
    text = "\n".join(separator.join(str(cell) for cell in line) for line in lines) + "\n"
    path.write_text(text, encoding="utf-8")
    return path


def test_tutorial_spectra_are_32_repeats_of_4095_channels_with_their_calibration(shared_data):
    image = read(shared_data / "05_xrf_spectra.csv")
    assert image.shape == (32, 1, 1, 4095)
    assert image.repeat_kind == "scan"
    assert image.counts.dtype == np.uint16
    assert image.energy.calibrated
    # 5.01 eV a channel from -0.020 keV (PROVENANCE.md); the header is rounded to 1 eV.
    assert image.energy.gain == pytest.approx(0.00501, abs=1e-6)
    assert image.energy.offset == pytest.approx(-0.020, abs=1e-3)
    assert image.name == "05_xrf_spectra"
    assert image.metadata["source"] == "05_xrf_spectra.csv"
    assert image.metadata["warnings"] == []


def test_overflow_counts_of_the_tutorial_spectra_are_kept_beside_them(shared_data):
    image = read(shared_data / "05_xrf_spectra.csv")
    overflow = image.metadata["overflow_counts"]
    assert len(overflow) == 32
    # The file's first four lines end in these numbers.
    assert overflow[:4] == [1246, 1247, 1180, 1307]
    assert np.asarray(image.counts)[..., -16:].max() < 20


def test_an_index_column_is_no_channel(tmp_path):
    image = read(save(tmp_path / "indexed.csv", ROWS, index=True))
    assert image.shape == (4, 1, 1, 40)
    np.testing.assert_array_equal(image.counts[:, 0, 0], ROWS)


def test_a_header_without_index_column_keeps_every_channel(tmp_path):
    image = read(save(tmp_path / "plain.csv", ROWS))
    assert image.energy.offset == pytest.approx(0.0, abs=1e-9)
    assert image.energy.gain == pytest.approx(0.01)
    np.testing.assert_array_equal(image.counts[:, 0, 0], ROWS)


def test_a_header_above_1000_is_in_ev(tmp_path):
    header = [100 * channel for channel in range(1, 41)]
    image = read(save(tmp_path / "ev.csv", ROWS, header=header))
    assert image.energy.offset == pytest.approx(0.1)
    assert image.energy.gain == pytest.approx(0.1)


def test_energies_rounded_to_equal_neighbours_still_give_a_calibration(tmp_path):
    header = [round(0.006 * channel, 2) for channel in range(40)]
    image = read(save(tmp_path / "rounded.csv", ROWS, header=header))
    assert image.energy.gain == pytest.approx(0.006, rel=0.02)


def test_numbered_columns_are_channels_not_energies(tmp_path):
    with pytest.warns(CalibrationWarning, match="energy_gain"):
        image = read(save(tmp_path / "numbered.csv", ROWS, header=range(40), index=True))
    assert not image.energy.calibrated
    assert image.shape == (4, 1, 1, 40)


def test_a_table_without_header_loses_no_row(tmp_path):
    with pytest.warns(CalibrationWarning):
        image = read(save(tmp_path / "bare.csv", ROWS, header=None))
    np.testing.assert_array_equal(image.counts[:, 0, 0], ROWS)


@pytest.mark.parametrize("separator", [",", ";", "\t", " "])
def test_cells_may_be_separated_in_the_usual_ways(tmp_path, separator):
    image = read(save(tmp_path / "table.txt", ROWS, separator=separator))
    np.testing.assert_array_equal(image.counts[:, 0, 0], ROWS)


def test_decimal_commas_are_read_where_semicolons_separate(tmp_path):
    header = [str(energy).replace(".", ",") for energy in ENERGIES]
    image = read(save(tmp_path / "european.csv", ROWS, header=header, separator=";"))
    assert image.energy.gain == pytest.approx(0.01)


def test_a_column_table_is_read_on_request_only(tmp_path):
    columns = list(zip(ENERGIES, *ROWS, strict=True))
    path = save(tmp_path / "columns.csv", columns, header=["keV", "a", "b", "c", "d"])
    with pytest.raises(FormatError, match="energy_axis=0"):
        read(path)
    image = read(path, energy_axis=0)
    np.testing.assert_array_equal(image.counts[:, 0, 0], ROWS)
    assert image.energy.gain == pytest.approx(0.01)


def test_a_spectrum_that_ends_in_a_rising_slope_keeps_its_last_channel(tmp_path):
    rows = [[channel * 3 for channel in range(40)]] * 4
    image = read(save(tmp_path / "slope.csv", rows))
    assert image.shape[3] == 40
    assert "overflow_counts" not in image.metadata


def test_a_last_channel_that_stands_out_in_one_spectrum_only_stays(tmp_path):
    rows = [[1] * 40 for _ in range(4)]
    rows[2][-1] = 500
    assert read(save(tmp_path / "one.csv", rows)).shape[3] == 40


def test_an_overflow_channel_of_few_counts_is_found_over_all_spectra(tmp_path):
    rows = [[1] * 20 + [0] * 19 + [6] for _ in range(8)]
    image = read(save(tmp_path / "few.csv", rows))
    assert image.shape[3] == 39
    assert image.metadata["overflow_counts"] == [6] * 8


@pytest.mark.parametrize(
    ("largest", "dtype"), [(200, np.uint16), (70_000, np.uint32), (5_000_000_000, np.uint64)]
)
def test_whole_counts_become_unsigned_integers_that_hold_them(tmp_path, largest, dtype):
    rows = [list(row) for row in ROWS]
    rows[1][3] = largest
    image = read(save(tmp_path / "counts.csv", rows))
    assert image.counts.dtype == dtype
    assert image.counts[1, 0, 0, 3] == largest


def test_fractional_counts_stay_as_they_are(tmp_path):
    rows = [[value + 0.5 for value in row] for row in ROWS]
    image = read(save(tmp_path / "rates.csv", rows))
    np.testing.assert_array_equal(image.counts[:, 0, 0], rows)


def test_a_ragged_row_is_named(tmp_path):
    path = save(tmp_path / "ragged.csv", [*ROWS[:2], ROWS[2][:-3], ROWS[3]])
    with pytest.raises(FormatError, match=r"ragged\.csv: row 4 has 37 cells, expected 40"):
        read(path)


def test_a_text_cell_is_named_by_row_and_column(tmp_path):
    rows = [list(row) for row in ROWS]
    rows[1][4] = "n/a"
    with pytest.raises(FormatError, match=r"text\.csv: row 3, column 5: .*'n/a'"):
        read(save(tmp_path / "text.csv", rows))


def test_an_empty_cell_is_named_by_row_and_column(tmp_path):
    rows = [list(row) for row in ROWS]
    rows[3][0] = ""
    with pytest.raises(FormatError, match=r"row 5, column 1: .*an empty cell"):
        read(save(tmp_path / "gap.csv", rows))


@pytest.mark.parametrize("value", ["nan", "inf", "-4"])
def test_counts_that_no_detector_gives_are_refused_with_the_file_and_the_place(tmp_path, value):
    rows = [list(row) for row in ROWS]
    rows[2][7] = value
    with pytest.raises(DataError, match=r"bad\.csv: expected counts .* repeat 2, .* energy 7"):
        read(save(tmp_path / "bad.csv", rows))


@pytest.mark.parametrize(
    "content", ["\n\n  \n", "one column\n1\n2\n", ",".join(map(str, ENERGIES))]
)
def test_text_that_is_no_table_is_refused(tmp_path, content):
    path = tmp_path / "poor.csv"
    path.write_text(content)
    with pytest.raises(FormatError, match=r"poor\.csv"):
        read(path)


def test_a_table_of_another_kind_is_not_claimed(tmp_path):
    path = tmp_path / "samples.csv"
    path.write_text("sample,mass,date\na,1.5,monday\n")
    assert sniff(path) is None
    image = save(tmp_path / "matrix.csv", np.random.default_rng(0).integers(0, 9, (20, 40)), None)
    assert sniff(image) is None


def test_a_table_of_spectra_is_claimed_with_a_reason(shared_data):
    path = shared_data / "05_xrf_spectra.csv"
    assert sniff(path) == "csv"
    assert "-0.02" in recognise(path).reason


def test_spectra_survive_a_round_trip(tmp_path, make_image):
    image = make_image((5, 1, 1, 64), energy=EnergyAxis(-0.02, 0.00501, 64))
    path = write(tmp_path / "spectra.csv", image)
    again = read(path)
    np.testing.assert_array_equal(again.counts, image.counts)
    np.testing.assert_allclose(again.energy.centers, image.energy.centers, atol=1e-12)
    assert sniff(path) == "csv"


def test_float32_results_survive_a_round_trip_exactly(tmp_path):
    counts = np.random.default_rng(0).gamma(2.0, 3.0, (2, 1, 1, 50)).astype(np.float32)
    path = write(tmp_path / "result.csv", SpectrumImage(counts, EnergyAxis(0, 0.01, 50)))
    np.testing.assert_array_equal(np.asarray(read(path).counts, dtype=np.float32), counts)


def test_channel_numbers_are_not_mistaken_for_ev_after_a_round_trip(tmp_path, make_image):
    path = write(tmp_path / "channels.csv", make_image((2, 1, 1, 2000), energy=None))
    with pytest.warns(CalibrationWarning):
        assert not read(path).energy.calibrated


def test_a_map_is_no_csv(tmp_path, make_image):
    path = tmp_path / "map.csv"
    with pytest.raises(DataError, match=r"map\.csv: .*\(2, 3, 4, 40\).*\.h5"):
        write(path, make_image())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", [{"energy_axis": 2}, {"repeat_axis": 5}])
def test_an_axis_that_a_table_does_not_have_is_refused(tmp_path, option):
    with pytest.raises(DataError, match="does not exist in a table"):
        read(save(tmp_path / "table.csv", ROWS), **option)


def test_channel_numbers_of_a_part_of_a_spectrum_are_no_energies(tmp_path):
    path = tmp_path / "part.csv"
    header = ",".join(["", *map(str, range(100, 400))])
    path.write_text(header + "\n" + "\n".join(",".join(["0", *["3"] * 300]) for _ in range(3)))
    with pytest.warns(CalibrationWarning):
        image = read(path)
    assert not image.energy.calibrated


def test_what_was_written_keeps_its_last_channel(tmp_path):
    counts = np.full((1, 1, 1, 60), 2, dtype=np.uint16)
    counts[..., -1] = 5000  # cut off in a peak
    image = SpectrumImage(counts, EnergyAxis(0.0, 0.01, 60))
    assert read(write(tmp_path / "a.csv", image)).shape == (1, 1, 1, 60)


def kev(n=40, gain=0.02, offset=0.0):
    return [f"{offset + gain * channel:.4f}" for channel in range(n)]


WRONG = [(5, "9.2"), (5, "0.02"), (17, "0.3#0"), (39, "0")]


@pytest.mark.parametrize(
    ("place", "cell", "index"),
    # A wrong number in the first cell of a table without names may stand for their column.
    [(*wrong, False) for wrong in WRONG] + [(*wrong, True) for wrong in [*WRONG, (0, "7")]],
)
def test_energies_of_which_one_is_wrong_are_not_taken_for_counts(tmp_path, place, cell, index):
    header = kev()
    header[place] = cell
    path = save(tmp_path / "odd.csv", ROWS, header=header, index=index)
    with pytest.raises(FormatError, match="row 1 looks like energies") as error:
        read(path)
    assert f"column {place + 1 + index} ('{cell}')" in str(error.value)


def test_energies_in_ev_of_which_one_is_out_of_order_are_named(tmp_path):
    header = [20 * channel for channel in range(300)]
    header[100] = 20000
    rows = np.random.default_rng(0).poisson(1, (5, 300))
    with pytest.raises(FormatError, match=r"row 1 looks like energies, .*column 101 \('20000'\)"):
        read(save(tmp_path / "ev.csv", rows, header=header))


@pytest.mark.parametrize("offset", [0.0, -0.1])
@pytest.mark.parametrize("share", [0.5, 0.8, 0.95, 0.99])
def test_a_file_cut_within_its_header_is_no_row_of_counts(tmp_path, offset, share):
    path = save(tmp_path / "cut.csv", [], header=kev(200, offset=offset))
    content = path.read_bytes().rstrip()
    for end in range(8):  # within any digit of a cell
        path.write_bytes(content[: int(share * len(content)) - end])
        with pytest.raises(FormatError, match=r"cut\.csv: expected rows of counts .*cut off"):
            read(path)


def test_rows_of_counts_are_not_taken_for_damaged_energies(tmp_path):
    line = np.exp(-0.5 * ((np.arange(400) - 200) / 30) ** 2)
    rows = np.random.default_rng(1).poisson(5 + 400 * line, (6, 400))
    with pytest.warns(CalibrationWarning):
        image = read(save(tmp_path / "counts.csv", rows, header=None))
    np.testing.assert_array_equal(image.counts[:, 0, 0], rows)


def test_a_wrong_cell_of_a_column_table_is_named_as_it_lies_in_the_file(tmp_path):
    columns = list(zip(ENERGIES, *ROWS, strict=True))
    columns[6] = (*columns[6][:2], "x", *columns[6][3:])
    path = save(tmp_path / "columns.csv", columns, header=["keV", "a", "b", "c", "d"])
    with pytest.raises(FormatError, match=r"column 3, row 8: .*'x'"):
        read(path, energy_axis=0)


@pytest.mark.parametrize("label", ["energy_eV", "Energy (eV)", "E/eV", "eV"])
@pytest.mark.parametrize("step", [1, 5])
def test_a_header_that_says_ev_is_in_ev(tmp_path, label, step):
    # Neither large enough to be told from keV nor, with steps of 1, from channel numbers.
    header = [label, *(100 + step * channel for channel in range(40))]
    image = read(save(tmp_path / "ev.csv", [[f"s{n}", *row] for n, row in enumerate(ROWS)], header))
    assert image.energy.calibrated
    np.testing.assert_allclose(image.energy.centers, 0.1 + 0.001 * step * np.arange(40))


def test_a_header_that_says_kev_is_in_kev_and_levels_are_no_unit(tmp_path):
    header = ["Energy (keV)", *(2 * channel for channel in range(40))]
    image = read(save(tmp_path / "kev.csv", [["s", *row] for row in ROWS], header))
    assert image.energy.gain == pytest.approx(2.0)
    header[0] = "level"
    image = read(save(tmp_path / "level.csv", [["s", *row] for row in ROWS], header))
    assert image.energy.gain == pytest.approx(2.0)


def test_a_stray_quotation_mark_in_a_long_row_is_named(tmp_path):
    energies = [round(0.001 * channel, 3) for channel in range(40_000)]
    row = ["1.0"] * 40_000  # more characters than Python's csv lets a quoted cell have
    row[6] = '"1.0'
    with pytest.raises(FormatError, match="row 2, column 7: expected counts as a number"):
        read(save(tmp_path / "stray.csv", [row], header=energies))
