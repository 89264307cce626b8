import shutil

import numpy as np
import pytest

from napari_xrf_denoise import FormatError
from napari_xrf_denoise import read as read_any
from napari_xrf_denoise.core.lazy_arrays import is_dask
from napari_xrf_denoise.io import sniff
from napari_xrf_denoise.io.base.contents import build
from napari_xrf_denoise.io.instruments import edf
from napari_xrf_denoise.io.options import ReadOptions

N_ELEMENTS, N_LINES, N_POINTS, N_CHANNELS = 2, 3, 5, 40
COUNTS = (
    np.random.default_rng(7)
    .poisson(3, (N_ELEMENTS, N_LINES, N_POINTS, N_CHANNELS))
    .astype(np.uint32)
)
CALIBRATION = {"MCA a": -0.1, "MCA b": 0.01, "MCA c": 0, "MCA start ch": 0}


def write_edf(path, counts, header=None, order="LowByteFirst", kind="UnsignedLong", dtype="<u4"):
    """Write what the ESRF's programs write: a header in braces, filled up to 512 bytes."""
    body = np.ascontiguousarray(counts, dtype=dtype).tobytes()
    entries = {
        "HeaderID": "EH:000001:000000:000000",
        "ByteOrder": order,
        "DataType": kind,
        "Dim_1": counts.shape[1],
        "Dim_2": counts.shape[0],
        "Size": len(body),
        **(header or {}),
    }
    text = "{\n" + "".join(f"{key} = {value} ;\n" for key, value in entries.items())
    size = -(-(len(text) + 2) // 512) * 512
    path.write_bytes((text.ljust(size - 2) + "}\n").encode("latin-1") + body)
    return path


def file_name(element, line, radix="scan"):
    label = element if isinstance(element, str) else f"{element:02d}"
    return f"{radix}_xia{label}_0004_0000_{line:04d}.edf"


def write_scan(folder, counts=COUNTS, headers=(CALIBRATION, CALIBRATION), radix="scan"):
    for element, line in np.ndindex(*counts.shape[:2]):
        write_edf(folder / file_name(element, line, radix), counts[element, line], headers[element])
    return folder / file_name(0, 0, radix)


def image_of(path, **options):
    chosen = ReadOptions(**options)
    return build(edf.read(path, chosen), path, chosen)[0]


def test_any_file_of_a_scan_gives_all_its_lines_and_elements(tmp_path):
    write_scan(tmp_path)
    for element, line in [(0, 0), (1, 2)]:
        image = image_of(tmp_path / file_name(element, line))
        assert image.shape == (N_ELEMENTS, N_LINES, N_POINTS, N_CHANNELS)
        np.testing.assert_array_equal(image.counts, COUNTS)
        assert image.counts.dtype == np.uint32
        assert image.repeat_kind == "detector"
        assert image.name == "scan_0004_0000"
        assert image.metadata["detector_elements"] == ["00", "01"]


def test_a_scan_is_read_and_recognised_through_the_table_of_layouts(tmp_path):
    path = write_scan(tmp_path)
    assert sniff(path) == "edf"
    np.testing.assert_array_equal(read_any(path).counts, COUNTS)


def test_lines_and_elements_are_ordered_by_number_not_by_name(tmp_path):
    counts = np.random.default_rng(1).poisson(2, (1, 12, 2, 30)).astype(np.uint32)
    for line in range(12):
        write_edf(tmp_path / f"s_xia5_1_0_{line}.edf", counts[0, line], CALIBRATION)
    image = image_of(tmp_path / "s_xia5_1_0_3.edf")
    np.testing.assert_array_equal(image.counts, counts)


def test_other_scans_and_pictures_in_the_folder_are_left_alone(tmp_path):
    path = write_scan(tmp_path)
    shutil.copy(path, tmp_path / "scan_xia00_0005_0000_0007.edf")
    shutil.copy(path, tmp_path / "other[scan]_xia02_0004_0000_0000.edf")
    write_edf(tmp_path / "scan_iodet_0004_0000.edf", COUNTS[0, 0])
    assert image_of(path).shape == COUNTS.shape


def test_files_that_fabio_wrote_are_read(tmp_path):
    edfimage = pytest.importorskip("fabio.edfimage", reason="needs fabio, which writes EDF too")
    for line in range(N_LINES):
        picture = edfimage.EdfImage(
            data=COUNTS[0, line], header={k: str(v) for k, v in CALIBRATION.items()}
        )
        picture.write(str(tmp_path / file_name(0, line)))
    image = image_of(tmp_path / file_name(0, 1))
    np.testing.assert_array_equal(image.counts[0], COUNTS[0])
    assert image.energy.gain == 0.01


@pytest.mark.parametrize(
    ("kind", "dtype", "order"),
    [
        ("UnsignedShort", "<u2", "LowByteFirst"),
        ("UnsignedShort", ">u2", "HighByteFirst"),
        ("SignedInteger", ">i4", "HighByteFirst"),
        ("DoubleValue", "<f8", "LowByteFirst"),
    ],
)
def test_each_type_and_byte_order(tmp_path, kind, dtype, order):
    path = write_edf(
        tmp_path / file_name(0, 0), COUNTS[0, 0], CALIBRATION, order, kind, np.dtype(dtype)
    )
    image = image_of(path)
    np.testing.assert_array_equal(image.counts[0, 0], COUNTS[0, 0])
    assert image.counts.dtype == np.dtype(dtype).newbyteorder("=")
    assert image.counts.dtype.isnative


def test_the_calibration_counts_from_the_first_stored_channel(tmp_path):
    header = {**CALIBRATION, "MCA start ch": 100}
    energy = image_of(write_scan(tmp_path, headers=(header, header))).energy
    np.testing.assert_allclose(energy.centers, -0.1 + 0.01 * (100 + np.arange(N_CHANNELS)))
    assert energy.calibrated


def test_a_quadratic_calibration_keeps_its_centres(tmp_path):
    header = {**CALIBRATION, "MCA c": 1e-5}
    energy = image_of(write_scan(tmp_path, headers=(header, header))).energy
    channel = np.arange(N_CHANNELS)
    np.testing.assert_allclose(energy.centers, -0.1 + 0.01 * channel + 1e-5 * channel**2)


def test_elements_of_different_calibration_keep_their_own(tmp_path):
    second = {**CALIBRATION, "MCA b": 0.0102}
    image = image_of(write_scan(tmp_path, headers=(CALIBRATION, second)))
    assert [axis.gain for axis in image.repeat_energies] == [0.01, 0.0102]


@pytest.mark.parametrize(
    "header", [{}, {"MCA a": 0, "MCA b": 1, "MCA c": 0}, {"MCA a": "x", "MCA b": "y"}]
)
def test_without_a_calibration_energies_are_channels(tmp_path, header):
    image = image_of(write_scan(tmp_path, headers=(header, header)))
    assert not image.energy.calibrated
    assert any("energy_gain" in text for text in image.metadata["warnings"])


def test_a_falling_calibration_is_left_out_with_a_warning(tmp_path):
    header = {**CALIBRATION, "MCA b": -0.01}
    image = image_of(write_scan(tmp_path, headers=(header, header)))
    assert not image.energy.calibrated
    assert any("-0.1, -0.01, 0" in text for text in image.metadata["warnings"])


def test_a_line_that_is_missing_in_between_is_an_error_that_names_it(tmp_path):
    path = write_scan(tmp_path)
    (tmp_path / file_name(1, 1)).unlink()
    with pytest.raises(FormatError, match=r"missing in .*: line 1 of xia01; copy"):
        image_of(path)
    (tmp_path / file_name(0, 1)).unlink()
    with pytest.raises(FormatError, match=r"line 1 of xia00, xia01"):
        image_of(path)


def test_the_last_line_is_left_out_where_the_scan_was_stopped_in_it(tmp_path):
    path = write_scan(tmp_path)
    (tmp_path / file_name(1, 2)).unlink()
    image = image_of(path)
    np.testing.assert_array_equal(image.counts, COUNTS[:, :2])
    assert any("line 2" in text and "xia01" in text for text in image.metadata["warnings"])


def test_an_element_that_lacks_several_lines_is_an_error(tmp_path):
    path = write_scan(tmp_path)
    for line in (1, 2):
        (tmp_path / file_name(1, line)).unlink()
    with pytest.raises(FormatError, match=r"line 1 of xia01; line 2 of xia01"):
        image_of(path)


def test_a_last_line_of_fewer_points_is_left_out(tmp_path):
    path = write_scan(tmp_path)
    write_edf(tmp_path / file_name(0, 2), COUNTS[0, 2, :3], CALIBRATION)
    image = image_of(path)
    np.testing.assert_array_equal(image.counts, COUNTS[:, :2])
    assert any("3 of 5 points" in text for text in image.metadata["warnings"])


def test_lines_that_do_not_fit_are_refused(tmp_path):
    path = write_scan(tmp_path)
    bad = write_edf(tmp_path / file_name(1, 1), COUNTS[0, 2, :, :30], CALIBRATION)
    with pytest.raises(FormatError, match=rf"{bad.name}: expected 5 points of 40.*found 5 of 30"):
        image_of(path)


def test_lines_that_begin_later_are_read_with_a_warning(tmp_path):
    write_scan(tmp_path)
    for element in range(N_ELEMENTS):
        (tmp_path / file_name(element, 0)).unlink()
    image = image_of(tmp_path / file_name(0, 1))
    np.testing.assert_array_equal(image.counts, COUNTS[:, 1:])
    assert any("begins with line 1" in text for text in image.metadata["warnings"])


def write_statistics(folder, elements=(0, 1)):
    """Return what was written: (line, point, element, [number, events, ICR, OCR, ms, %])."""
    rng = np.random.default_rng(3)
    table = rng.uniform(1, 100, (N_LINES, N_POINTS, len(elements), 6))
    table[..., 0] = elements
    for line in range(N_LINES):
        flat = table[line].reshape(N_POINTS, -1)
        write_edf(folder / file_name("st", line), flat, {}, kind="DoubleValue", dtype="<f8")
    return table


def test_statistics_become_scalers_of_their_element_and_pixel(tmp_path):
    path = write_scan(tmp_path)
    table = write_statistics(tmp_path, elements=(1, 0))  # in another order than the files
    image = image_of(path)
    first, second = table[:, :, 1], table[:, :, 0]
    for name, column, unit in [
        ("output_counts", 1, 1),
        ("input_count_rate", 2, 1),
        ("output_count_rate", 3, 1),
        ("trigger_live_time", 4, 1e-3),
        ("fractional_dead_time", 5, 1e-2),
    ]:
        expected = np.stack([first[..., column], second[..., column]]) * unit
        np.testing.assert_allclose(image.scalers[name], expected)
    assert "live_time" not in image.scalers
    np.testing.assert_array_equal(image_of(tmp_path / file_name("st", 0)).counts, COUNTS)


def test_elements_that_only_the_statistics_know_are_named(tmp_path):
    path = write_scan(tmp_path)
    write_statistics(tmp_path, elements=(0, 1, 3))
    assert any("xia03" in text for text in image_of(path).metadata["warnings"])


def test_statistics_that_do_not_fit_are_left_out_with_a_warning(tmp_path):
    path = write_scan(tmp_path)
    write_statistics(tmp_path)
    (tmp_path / file_name("st", 1)).unlink()
    image = image_of(path)
    assert not image.scalers
    assert any("xiast" in text for text in image.metadata["warnings"])


def test_statistics_alone_are_no_spectra(tmp_path):
    write_statistics(tmp_path)
    with pytest.raises(FormatError, match="statistics only"):
        image_of(tmp_path / file_name("st", 0))


def test_a_sum_over_elements_is_read_by_itself(tmp_path):
    write_scan(tmp_path)
    total = COUNTS.sum(axis=0)
    for line in range(N_LINES):
        write_edf(tmp_path / file_name("S1", line), total[line], CALIBRATION)
    np.testing.assert_array_equal(image_of(tmp_path / file_name("S1", 1)).counts[0], total)
    np.testing.assert_array_equal(image_of(tmp_path / file_name(0, 0)).counts, COUNTS)


def test_a_single_file_of_spectra_under_another_name(tmp_path):
    path = write_edf(tmp_path / "punkt_ä.edf", COUNTS[0, 0], CALIBRATION)
    image = image_of(path)
    assert image.shape == (1, N_POINTS, 1, N_CHANNELS)
    np.testing.assert_array_equal(image.counts[0, :, 0], COUNTS[0, 0])
    assert edf.recognise(path) is None


def test_a_picture_asks_for_its_energy_axis(tmp_path):
    path = write_edf(tmp_path / "picture.edf", COUNTS[0, 0])
    with pytest.raises(FormatError, match=r"picture\.edf: .*\(5, 40\).*energy_axis"):
        image_of(path)
    assert image_of(path, energy_axis=1, energy_gain=0.02).energy.gain == 0.02


def test_positions_in_the_header_are_kept(tmp_path):
    header = {**CALIBRATION, "Title": "Körner", "samy": "1.5"}
    found = image_of(write_scan(tmp_path, headers=(header, header))).metadata["edf_header"]
    assert found["Title"] == "Körner"
    assert found["samy"] == "1.5"
    assert "Dim_1" not in found


@pytest.mark.parametrize("size", [1, 100, 511, 512, 600, 512 + N_POINTS * N_CHANNELS * 4 - 1])
def test_a_file_cut_off_anywhere_is_refused(tmp_path, size):
    path = write_scan(tmp_path)
    bad = tmp_path / file_name(1, 1)
    bad.write_bytes(bad.read_bytes()[:size])
    with pytest.raises(FormatError, match=bad.name):
        image_of(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Dim_1 = 40", b"Dim_1 = -4"),
        (b"Dim_1 = 40", b"Dim_1 = xx"),
        (b"Dim_2 = 5 ;\n", b"Dim_2 = 99999999999 ;\n"),
        (b"UnsignedLong", b"UnsignedLung"),
        (b"LowByteFirst", b"MidByteFirst"),
        (b"HeaderID", b"Compression = GzipCompression ;\nHeaderID"),
    ],
)
def test_headers_that_cannot_be_are_refused_without_memory(tmp_path, old, new):
    path = write_edf(tmp_path / file_name(0, 0), COUNTS[0, 0], CALIBRATION)
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    with pytest.raises(FormatError, match=path.name):
        image_of(path)


def test_several_pictures_in_one_file_are_not_dropped_silently(tmp_path):
    path = write_edf(tmp_path / file_name(0, 0), COUNTS[0, 0], CALIBRATION)
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(FormatError, match="further ones after the first"):
        image_of(path)


def test_large_scans_are_read_line_by_line(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
    path = write_scan(tmp_path)
    image = image_of(path)
    assert is_dask(image.counts)
    np.testing.assert_array_equal(np.asarray(image.counts), COUNTS)
    np.testing.assert_array_equal(np.asarray(image.counts[1, 2, 1:3, 5]), COUNTS[1, 2, 1:3, 5])
    np.testing.assert_array_equal(
        np.asarray(image.counts[:, [2, 0]][..., 3]), COUNTS[:, [2, 0]][..., 3]
    )


def test_a_file_that_changes_later_is_not_read_as_another_shape(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
    path = write_scan(tmp_path)
    image = image_of(path)
    write_edf(tmp_path / file_name(1, 2), COUNTS[0, 0, :, :30])
    with pytest.raises(FormatError, match=r"xia01.*0002\.edf.*changed"):
        np.asarray(image.counts)
