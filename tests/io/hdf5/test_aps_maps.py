import h5py
import numpy as np
import pytest

from napari_xrf_denoise import DataError, FormatError, read
from napari_xrf_denoise.core.errors import CalibrationWarning
from napari_xrf_denoise.core.lazy_arrays import is_dask
from napari_xrf_denoise.io import sniff
from napari_xrf_denoise.io.base import contents as _found
from napari_xrf_denoise.io.hdf5 import aps_maps as maps
from napari_xrf_denoise.io.options import ReadOptions

SHAPE = (60, 5, 7)  # energy, y, x
COUNTS = np.random.default_rng(1).poisson(3, SHAPE).astype(np.float32)
ELEMENTS = np.random.default_rng(2).poisson(3, (4, *SHAPE)).astype(np.int16)
TIMES = np.random.default_rng(3).uniform(0.4, 0.5, (4, *SHAPE[1:])).astype(np.float32)
SCALERS = np.random.default_rng(4).uniform(1, 2, (3, *SHAPE[1:]))
SCALER_NAMES = ["us_ic", "Ström", "ds_ic"]
X_AXIS, Y_AXIS = np.linspace(2, 2.6, 7), np.linspace(-1, 0, 5)  # steps 0.1 and 0.25
CHANNELS = np.arange(60)
LINEAR = (-0.004, 0.0095, 0.0)
PATHS = {
    10: {
        "counts": "MAPS/Spectra/mca_arr",
        "energy": "MAPS/Spectra/Energy",
        "coefficients": "MAPS/Spectra/Energy_Calibration",
        "names": "MAPS/Scalers/Names",
        "values": "MAPS/Scalers/Values",
        "x": "MAPS/Scan/x_axis",
        "y": "MAPS/Scan/y_axis",
    },
    9: {
        "counts": "MAPS/mca_arr",
        "energy": "MAPS/energy",
        "coefficients": "MAPS/energy_calib",
        "names": "MAPS/scaler_names",
        "values": "MAPS/scalers",
        "x": "MAPS/x_axis",
        "y": "MAPS/y_axis",
    },
}


def energies(coefficients):
    offset, gain, quadratic = coefficients
    return (offset + gain * CHANNELS + quadratic * CHANNELS**2).astype(np.float32)


def write_map(path, version=10, coefficients=LINEAR, counts=COUNTS):
    places = PATHS[version]
    with h5py.File(path, "w") as file:
        file[places["counts"]] = counts
        file[places["energy"]] = energies(coefficients)
        file[places["coefficients"]] = np.array(coefficients)
        file[places["names"]] = np.array([name.encode() for name in SCALER_NAMES], dtype="S255")
        file[places["values"]] = SCALERS
        file[places["x"]] = X_AXIS
        file[places["y"]] = Y_AXIS
        for number, name in enumerate(
            ["Elapsed_Livetime", "Elapsed_Realtime", "Input_Counts", "Output_Counts"]
        ):
            if version == 10:
                file[f"MAPS/Spectra/{name}"] = TIMES[number]
    return path


def write_fly_scan(path, elements=ELEMENTS):
    with h5py.File(path, "w") as file:
        for letter, counts in zip("abcd", elements, strict=False):
            file[f"MAPS_RAW/data_{letter}"] = counts
        for number, name in enumerate(["livetime", "realtime", "inputcounts", "ouputcounts"]):
            file[f"MAPS_RAW/{name}"] = TIMES + number
    return path


def load(path, **options):
    """Return the image and the warnings that a user gets once this layout was recognised."""
    given = ReadOptions(**options)
    return _found.build(maps.read(path, given), path, given)


@pytest.fixture
def path(tmp_path):
    return write_map(tmp_path / "2xfm_0011.h5")


@pytest.fixture
def fly_scan(tmp_path):
    return write_fly_scan(tmp_path / "2xfm_0011__0.h5")


@pytest.mark.parametrize("version", [9, 10])
def test_counts_and_scalers_are_read_in_both_versions(tmp_path, version):
    path = write_map(tmp_path / "map.h5", version)
    assert PATHS[version]["counts"] in maps.recognise(path)
    image, warnings = load(path)
    np.testing.assert_array_equal(image.counts[0], np.moveaxis(COUNTS, 0, -1))
    assert (image.energy.offset, image.energy.gain) == LINEAR[:2]
    for number, name in enumerate(SCALER_NAMES):
        np.testing.assert_array_equal(image.scalers[name], SCALERS[number])
    assert warnings == []


def test_a_map_is_read_by_its_content(path):
    """Through the public function: needs the row in the table of layouts."""
    assert sniff(path) == "maps"
    np.testing.assert_array_equal(read(path).counts[0], np.moveaxis(COUNTS, 0, -1))


def test_times_and_positions_come_with_the_map(path):
    image, _ = load(path)
    for number, name in enumerate(["live_time", "real_time", "input_counts", "output_counts"]):
        np.testing.assert_array_equal(image.scalers[name], TIMES[number])
    for row in image.scalers["x"]:
        np.testing.assert_array_equal(row, X_AXIS)
    for column in image.scalers["y"].T:
        np.testing.assert_array_equal(column, Y_AXIS)
    assert image.pixel_size == pytest.approx((2.5, 1.0))
    assert image.pixel_unit == "pixel"


def test_quadratic_scales_keep_their_true_centres(tmp_path):
    coefficients = (-0.004, 0.0095, 2e-6)
    image, _ = load(write_map(tmp_path / "map.h5", coefficients=coefficients))
    assert not image.energy.is_linear
    np.testing.assert_allclose(
        image.energy.centers, -0.004 + 0.0095 * CHANNELS + 2e-6 * CHANNELS**2, atol=1e-12
    )


@pytest.mark.parametrize("version", [9, 10])
def test_stored_energies_serve_without_coefficients(tmp_path, version):
    path = write_map(tmp_path / "map.h5", version)
    with h5py.File(path, "r+") as file:
        file[PATHS[version]["coefficients"]][...] = 0.0
    image, _ = load(path)
    assert image.energy.is_linear  # float32 rounds, which is no curvature
    np.testing.assert_allclose(image.energy.centers, energies(LINEAR), atol=1e-6)


def test_zeros_for_a_calibration_are_none(path):
    with h5py.File(path, "r+") as file:
        file["MAPS/Spectra/Energy_Calibration"][...] = 0.0
        file["MAPS/Spectra/Energy"][...] = 0.0
    image, warnings = load(path)
    assert not image.energy.calibrated
    assert warnings == [_found.NO_CALIBRATION]


def test_detector_elements_of_a_fly_scan_stay_apart(fly_scan):
    image, warnings = load(fly_scan)
    np.testing.assert_array_equal(image.counts, np.moveaxis(ELEMENTS, 1, -1))
    assert image.counts.dtype.kind == "u"
    assert image.repeat_kind == "detector"
    for number, name in enumerate(["live_time", "real_time", "input_counts", "output_counts"]):
        np.testing.assert_array_equal(image.scalers[name], TIMES + number)
    assert warnings == [_found.NO_CALIBRATION]


def test_a_fly_scan_is_read_by_its_content(fly_scan):
    """Through the public function: needs the row in the table of layouts."""
    assert sniff(fly_scan) == "maps"
    with pytest.warns(CalibrationWarning, match="energy_offset"):
        image = read(fly_scan)
    np.testing.assert_array_equal(image.counts, np.moveaxis(ELEMENTS, 1, -1))


def test_elements_that_are_missing_do_not_shift_the_times_of_the_others(fly_scan):
    with h5py.File(fly_scan, "r+") as file:
        del file["MAPS_RAW/data_b"]
    image, _ = load(fly_scan)
    np.testing.assert_array_equal(image.counts, np.moveaxis(ELEMENTS[[0, 2, 3]], 1, -1))
    np.testing.assert_array_equal(image.scalers["live_time"], TIMES[[0, 2, 3]])


@pytest.mark.parametrize("lazy", [False, True])
def test_counts_above_32767_are_those_that_were_measured(tmp_path, monkeypatch, lazy):
    measured = ELEMENTS.astype(np.uint16)
    measured[2, 30, 4, 6] = 40_000
    measured[1, 31, 0, 2] = 65_535
    path = write_fly_scan(tmp_path / "bright.h5", measured.view(np.int16))
    if lazy:
        monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
    image, warnings = load(path)
    assert is_dask(image.counts) == lazy
    np.testing.assert_array_equal(np.asarray(image.counts), np.moveaxis(measured, 1, -1))
    if not lazy:
        assert warnings[0].startswith("2 values are negative as int16")


def test_a_measured_fly_scan_is_read_in_full(shared_data):
    path = shared_data / "2xfm_0011_2xfm3__0.h5"
    image, warnings = load(path)
    assert image.shape == (4, 11, 9, 2048)
    assert warnings == [_found.NO_CALIBRATION]
    with h5py.File(path) as file:
        for number, letter in enumerate("abcd"):
            stored = file[f"MAPS_RAW/data_{letter}"][()]
            np.testing.assert_array_equal(image.counts[number], np.moveaxis(stored, 0, -1))
        # The first column of this scan had twice the time, and so the axis is known to be x.
        dwell = file["MAPS_RAW/realtime"][()]
    np.testing.assert_array_equal(image.scalers["real_time"], dwell)
    counts = image.counts_map()
    assert np.all(counts[:, 0] > 1.7 * counts[:, 1])
    assert np.all(image.scalers["real_time"][:, :, 0] > 2 * image.scalers["real_time"][:, :, 1])


@pytest.mark.parametrize("version", [9, 10])
def test_large_maps_stay_on_disk(tmp_path, monkeypatch, version):
    path = write_map(tmp_path / "map.h5", version)
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
    image, _ = load(path)
    assert is_dask(image.counts)
    assert image.counts.numblocks[-1] == 1
    np.testing.assert_array_equal(image.counts.compute()[0], np.moveaxis(COUNTS, 0, -1))


def test_an_element_of_another_shape_is_named(fly_scan):
    with h5py.File(fly_scan, "r+") as file:
        del file["MAPS_RAW/data_c"]
        file["MAPS_RAW/data_c"] = ELEMENTS[2, :, :4]
    with pytest.raises(DataError, match=r"data_a is \(60, 5, 7\), .*data_c is \(60, 4, 7\)"):
        load(fly_scan)


@pytest.mark.parametrize("target", ["/gone", "/MAPS_RAW/data_c"])
def test_an_element_whose_link_leads_nowhere_is_not_left_out_silently(fly_scan, target):
    with h5py.File(fly_scan, "r+") as file:
        del file["MAPS_RAW/data_c"]
        file["MAPS_RAW/data_c"] = h5py.SoftLink(target)  # the second leads to itself
    assert maps.recognise(fly_scan)
    with pytest.raises(FormatError, match=r"2xfm_0011__0\.h5, dataset /MAPS_RAW/data_c"):
        load(fly_scan)


@pytest.mark.parametrize(
    "name", ["Spectra/Energy_Calibration", "Spectra/Elapsed_Livetime", "Scalers", "Scan/x_axis"]
)
def test_broken_links_beside_the_counts_do_not_keep_them_from_being_read(path, name):
    with h5py.File(path, "r+") as file:
        del file[f"MAPS/{name}"]
        file[f"MAPS/{name}"] = h5py.SoftLink(f"/MAPS/{name}")
    np.testing.assert_array_equal(load(path)[0].counts[0], np.moveaxis(COUNTS, 0, -1))


def test_scalers_of_another_shape_are_not_put_on_the_map(path):
    with h5py.File(path, "r+") as file:
        del file["MAPS/Scalers/Values"]
        file["MAPS/Scalers/Values"] = SCALERS.transpose(0, 2, 1)
    assert "us_ic" not in load(path)[0].scalers


def test_other_files_are_not_recognised(tmp_path):
    path = tmp_path / "fits.h5"
    with h5py.File(path, "w") as file:
        file["MAPS/XRF_Analyzed/NNLS/Counts_Per_Sec"] = SCALERS
        file.create_group("MAPS_RAW")
    assert maps.recognise(path) is None
    with pytest.raises(FormatError, match=r"fits\.h5: expected counts in /MAPS/Spectra/mca_arr"):
        load(path)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.7, 0.98])
def test_a_file_cut_off_anywhere_is_refused(fly_scan, share):
    content = fly_scan.read_bytes()
    fly_scan.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(FormatError, match=r"2xfm_0011__0\.h5"):
        load(fly_scan)


def test_the_energy_axis_of_a_fly_scan_is_counted_as_it_lies_in_the_file(tmp_path):
    path = tmp_path / "fly.h5"
    write_fly_scan(path)
    plain, _ = load(path, energy_gain=0.01)
    image, warnings = load(path, energy_axis=0, energy_gain=0.01)
    np.testing.assert_array_equal(image.counts, plain.counts)
    assert not [text for text in warnings if "overrides" in text]
