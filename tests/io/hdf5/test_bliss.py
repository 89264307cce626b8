import h5py
import numpy as np
import pytest

from napari_xrf_denoise import DataError, FormatError, read, write
from napari_xrf_denoise.core.lazy_arrays import is_dask
from napari_xrf_denoise.io import sniff
from napari_xrf_denoise.io.base import contents as _found
from napari_xrf_denoise.io.hdf5 import bliss
from napari_xrf_denoise.io.options import ReadOptions

SLOW, FAST, ENERGY = 4, 7, 40
TITLE = "amesh sampy 0 3 6 sampz 10 16 3 0.1"  # 6 and 3 intervals: 7 and 4 points
RNG = np.random.default_rng(5)
MAPS = RNG.poisson(3, (3, SLOW, FAST, ENERGY)).astype(np.uint32)
LIVE = RNG.uniform(0.08, 0.1, (3, SLOW, FAST))
I0 = RNG.uniform(900, 1000, (SLOW, FAST))


def add_scan(
    file, name="1.1", title=TITLE, maps=MAPS, n_points=SLOW * FAST, snake=False, motors=True
):
    """Write a scan as BLISS does: counts below instrument, links to them below measurement."""
    scan = file.create_group(name)
    scan["title"] = title
    scan["start_time"] = "2026-11-20T10:00:00+01:00"
    order = np.arange(SLOW * FAST).reshape(SLOW, FAST)
    if snake:
        order[1::2] = order[1::2, ::-1]
    order = order.ravel()[:n_points]
    for number, cube in enumerate(maps):
        detector = scan.create_group(f"instrument/fx1_det{number}")
        detector["type"] = "mca"
        detector["spectrum"] = cube.reshape(-1, ENERGY)[order]
        detector["data"] = h5py.SoftLink("spectrum")
        detector["live_time"] = LIVE[number].ravel()[order]
        detector["elapsed_time"] = np.full(n_points, 0.1 + number)
        detector["trigger_live_time"] = np.full(n_points, 0.09)
        detector["fractional_dead_time"] = np.full(n_points, 0.05)
        detector["events"] = np.full(n_points, 90.0)
        detector["triggers"] = np.full(n_points, 95.0)
        detector["roi1"] = np.arange(n_points)
        at = f"/{name}/instrument/fx1_det{number}"
        scan[f"measurement/fx1_det{number}"] = h5py.SoftLink(f"{at}/data")
        scan[f"measurement/fx1_det{number}_live_time"] = h5py.SoftLink(f"{at}/live_time")
    scan["measurement/I0"] = I0.ravel()[order]
    scan["measurement/elapsed_time"] = np.arange(n_points) * 0.2  # since the scan began
    if motors:
        rows, columns = np.divmod(order, FAST)
        scan["instrument/positioners/sampy"] = 0.5 * columns
        scan["instrument/positioners/sampz"] = 10.0 + 2 * rows
        scan["instrument/positioners/energy"] = 17.0
        for motor in ("sampy", "sampz"):
            scan[f"instrument/positioners/{motor}"].attrs["units"] = "µm"
    return scan


def make(path, **options):
    with h5py.File(path, "w") as file:
        add_scan(file, **options)
    return path


def read_image(path, **options):
    options = ReadOptions(**options)
    image, _ = _found.build(bliss.read(path, options), path, options)
    return image


def warnings_of(image):
    return " | ".join(image.metadata["warnings"])


def test_detector_elements_of_a_mesh_become_repeats_of_a_map(tmp_path):
    image = read_image(make(tmp_path / "mesh.h5"))
    assert image.shape == (3, SLOW, FAST, ENERGY)
    assert image.repeat_kind == "detector"
    np.testing.assert_array_equal(image.counts, MAPS)
    assert image.counts.dtype == np.uint32
    assert image.pixel_size == (2.0, 0.5)
    assert image.pixel_unit == "µm"
    assert image.metadata["scan"] == "1.1"
    assert image.metadata["title"] == TITLE
    assert image.metadata["detectors"] == ["fx1_det0", "fx1_det1", "fx1_det2"]


def test_times_and_counters_come_as_scalers(tmp_path):
    scalers = read_image(make(tmp_path / "mesh.h5")).scalers
    np.testing.assert_array_equal(scalers["live_time"], LIVE)
    # Of the detectors, not the counter of the same name, which is the time since the start.
    np.testing.assert_allclose(scalers["real_time"][:, 2, 3], [0.1, 1.1, 2.1])
    np.testing.assert_allclose(scalers["elapsed_time"][0, :3], [0, 0.2, 0.4])
    assert np.all(scalers["output_counts"] == 90)
    assert np.all(scalers["input_counts"] == 95)
    assert np.all(scalers["trigger_live_time"] == 0.09)
    assert np.all(scalers["fractional_dead_time"] == 0.05)
    np.testing.assert_array_equal(scalers["I0"], I0)
    np.testing.assert_allclose(scalers["x"][1], 0.5 * np.arange(FAST))
    np.testing.assert_allclose(scalers["y"][:, 2], 10 + 2 * np.arange(SLOW))


def test_rows_that_were_measured_backwards_are_turned(tmp_path):
    image = read_image(make(tmp_path / "snake.h5", snake=True))
    np.testing.assert_array_equal(image.counts, MAPS)
    np.testing.assert_array_equal(image.scalers["live_time"], LIVE)
    np.testing.assert_array_equal(image.scalers["I0"], I0)


@pytest.mark.parametrize("snake", [False, True])
def test_without_a_mesh_in_the_title_the_motors_tell_the_shape(tmp_path, snake):
    path = make(tmp_path / "fscan.h5", title="fscan2d a few numbers", snake=snake)
    image = read_image(path)
    assert image.shape == (3, SLOW, FAST, ENERGY)
    np.testing.assert_array_equal(image.counts, MAPS)
    assert image.pixel_size == (2.0, 0.5)


def test_noisy_encoders_tell_the_shape_too(tmp_path):
    path = make(tmp_path / "noisy.h5", title="continuous scan")
    with h5py.File(path, "r+") as file:
        for motor, noise in (("sampy", 0.05), ("sampz", 0.1)):
            dataset = file[f"1.1/instrument/positioners/{motor}"]
            dataset[...] += RNG.normal(0, noise, dataset.shape)
    np.testing.assert_array_equal(read_image(path).counts, MAPS)


def test_an_unknown_shape_stays_a_list_of_points_with_a_warning(tmp_path):
    path = make(tmp_path / "unknown.h5", title="my2dscan", motors=False)
    image = read_image(path)
    assert image.shape == (3, SLOW * FAST, 1, ENERGY)
    np.testing.assert_array_equal(image.counts[:, :, 0], MAPS.reshape(3, -1, ENERGY))
    np.testing.assert_array_equal(image.scalers["live_time"], LIVE.reshape(3, -1, 1))
    assert "list of points" in warnings_of(image)


def test_a_scan_of_one_motor_is_a_line_without_such_a_warning(tmp_path):
    path = make(tmp_path / "line.h5", title="ascan sampy 0 1 27 0.1", motors=False)
    image = read_image(path)
    assert image.shape == (3, SLOW * FAST, 1, ENERGY)
    assert "list of points" not in warnings_of(image)


def test_an_unfinished_mesh_is_cut_to_whole_rows_with_a_warning(tmp_path):
    image = read_image(make(tmp_path / "stopped.h5", n_points=2 * FAST + 3))
    assert image.shape == (3, 2, FAST, ENERGY)
    np.testing.assert_array_equal(image.counts, MAPS[:, :2])
    np.testing.assert_array_equal(image.scalers["live_time"], LIVE[:, :2])
    assert f"2 whole rows of {SLOW} of {FAST} points" in warnings_of(image)
    assert "3 points" in warnings_of(image)


def test_a_mesh_stopped_in_its_first_row_is_a_list(tmp_path):
    image = read_image(make(tmp_path / "stopped.h5", n_points=5))
    assert image.shape == (3, 5, 1, ENERGY)
    assert "first row" in warnings_of(image)


def test_a_title_that_cannot_be_right_is_not_used(tmp_path):
    path = make(tmp_path / "wrong.h5", title="amesh sampy 0 3 2 sampz 10 16 2 0.1")
    image = read_image(path)
    np.testing.assert_array_equal(image.counts, MAPS)  # from the motors
    assert "3 × 3 points, found 28" in warnings_of(image)


def test_detectors_that_differ_in_points_are_cut_to_the_shortest(tmp_path):
    path = make(tmp_path / "running.h5")
    with h5py.File(path, "r+") as file:
        group = file["1.1/instrument/fx1_det1"]
        short = group["spectrum"][: 3 * FAST]
        del group["spectrum"]
        group["spectrum"] = short
    image = read_image(path)
    np.testing.assert_array_equal(image.counts, MAPS[:, :3])
    assert "21 to 28 points" in warnings_of(image)


def test_one_detector_is_one_repeat(tmp_path):
    image = read_image(make(tmp_path / "one.h5", maps=MAPS[:1]))
    np.testing.assert_array_equal(image.counts, MAPS[:1])
    np.testing.assert_array_equal(image.scalers["live_time"].reshape(SLOW, FAST), LIVE[0])


def test_the_first_scan_is_read_and_the_others_are_named(tmp_path):
    path = tmp_path / "several.h5"
    with h5py.File(path, "w") as file:
        file["1.1/title"] = "ct 1"
        file["1.1/measurement/I0"] = np.ones(30)
        add_scan(file, "10.1", maps=MAPS + 2)
        add_scan(file, "2.1", maps=MAPS + 1)
    image = read_image(path)
    np.testing.assert_array_equal(image.counts, MAPS + 1)  # 2.1 was before 10.1
    assert f"10.1 ({TITLE})" in warnings_of(image)
    assert "--dataset 10.1" in warnings_of(image)
    assert "1.1 (ct 1)" not in warnings_of(image)
    for name in ("10.1", "/10.1", "/10.1/"):
        np.testing.assert_array_equal(read_image(path, dataset=name).counts, MAPS + 2)


@pytest.mark.parametrize(
    "name", ["1.1/measurement/fx1_det2", "/1.1/instrument/fx1_det2", "1.1/instrument/fx1_det2/data"]
)
def test_one_detector_can_be_picked(tmp_path, name):
    image = read_image(make(tmp_path / "mesh.h5"), dataset=name)
    np.testing.assert_array_equal(image.counts, MAPS[2:])
    np.testing.assert_array_equal(image.scalers["live_time"].reshape(SLOW, FAST), LIVE[2])


def test_some_detectors_can_be_picked(tmp_path):
    names = ["/1.1/measurement/fx1_det0", "/1.1/measurement/fx1_det2"]
    image = read_image(make(tmp_path / "mesh.h5"), dataset=names)
    np.testing.assert_array_equal(image.counts, MAPS[[0, 2]])


def test_detectors_of_two_scans_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"mesh\.h5: .*scans 1\.1, 2\.1"):
        read_image(make(tmp_path / "mesh.h5"), dataset=["1.1", "2.1"])


def test_a_scan_that_does_not_exist_is_refused_with_those_that_do(tmp_path):
    with pytest.raises(FormatError, match=r"mesh\.h5: .*'7\.1'; there are 1\.1"):
        read_image(make(tmp_path / "mesh.h5"), dataset="7.1")


def test_a_sum_and_another_detector_are_left_out_with_a_warning(tmp_path):
    path = make(tmp_path / "mesh.h5")
    with h5py.File(path, "r+") as file:
        instrument = file["1.1/instrument"]
        instrument["fx1_sum/data"] = MAPS.sum(axis=0).reshape(-1, ENERGY)
        instrument["fx1_sum/type"] = "mca"
        instrument["mca9/data"] = np.ones((SLOW * FAST, 99), dtype=int)
        instrument["mca9/live_time"] = np.ones(SLOW * FAST)
        instrument["camera/data"] = np.ones((SLOW * FAST, 50), dtype=int)  # profiles
        instrument["camera/type"] = "lima"
    image = read_image(path)
    np.testing.assert_array_equal(image.counts, MAPS)
    assert "/1.1/instrument/fx1_sum/data" in warnings_of(image)
    assert "/1.1/instrument/mca9/data" in warnings_of(image)
    assert "camera" not in warnings_of(image)


def test_counts_only_below_measurement_are_found_with_their_times(tmp_path):
    path = tmp_path / "counters.h5"
    with h5py.File(path, "w") as file:
        scan = file.create_group("1.1")
        scan["title"] = TITLE
        for number in range(2):
            scan[f"measurement/sdd{number}"] = MAPS[number].reshape(-1, ENERGY)
            scan[f"measurement/sdd{number}_live_time"] = LIVE[number].ravel()
        scan["measurement/profile"] = np.ones((SLOW * FAST, 64))
    image = read_image(path)
    np.testing.assert_array_equal(image.counts, MAPS[:2])
    np.testing.assert_array_equal(image.scalers["live_time"], LIVE[:2])


def test_a_master_file_of_external_links_is_followed(tmp_path):
    (tmp_path / "scan0001").mkdir()
    make(tmp_path / "scan0001" / "data ärö.h5")
    path = tmp_path / "sample.h5"
    with h5py.File(path, "w") as file:
        file["sample_0001_1.1"] = h5py.ExternalLink("scan0001/data ärö.h5", "/1.1")
    image = read_image(path)
    np.testing.assert_array_equal(image.counts, MAPS)
    np.testing.assert_array_equal(image.scalers["live_time"], LIVE)
    assert image.metadata["scan"] == "sample_0001_1.1"


def test_a_large_scan_stays_in_the_files_that_links_lead_to(tmp_path, monkeypatch):
    make(tmp_path / "part.h5", snake=True)
    path = tmp_path / "master.h5"
    with h5py.File(path, "w") as file:
        file["1.1"] = h5py.ExternalLink("part.h5", "/1.1")
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
    image = read_image(path)
    assert is_dask(image.counts)
    np.testing.assert_array_equal(image.counts.compute(), MAPS)
    (tmp_path / "part.h5").rename(tmp_path / "moved.h5")  # which Windows allows for closed files


def test_many_small_elements_stay_on_disk_together(tmp_path, monkeypatch):
    path = make(tmp_path / "many.h5")
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", MAPS[0].nbytes * 2)
    image = read_image(path)
    assert is_dask(image.counts)
    np.testing.assert_array_equal(image.counts.compute(), MAPS)


def test_a_detector_whose_file_is_missing_is_named(tmp_path):
    path = make(tmp_path / "mesh.h5")
    with h5py.File(path, "r+") as file:
        file["1.1/measurement/fx1_det3"] = h5py.ExternalLink("fx1_0003.h5", "/entry/data")
        file["1.1/measurement/round"] = h5py.SoftLink("/1.1/measurement/round")
    image = read_image(path)
    np.testing.assert_array_equal(image.counts, MAPS)
    assert "/1.1/measurement/fx1_det3 -> fx1_0003.h5, /entry/data" in warnings_of(image)
    assert "/1.1/measurement/round -> /1.1/measurement/round" in warnings_of(image)


@pytest.mark.parametrize("link", [h5py.ExternalLink("gone.h5", "/1.1"), h5py.SoftLink("/1.1")])
def test_a_file_of_broken_links_says_where_they_lead(tmp_path, link):
    path = tmp_path / "master.h5"
    with h5py.File(path, "w") as file:
        file["1.1"] = link
    assert bliss.recognise(path) is None
    for options in ({}, {"dataset": "1.1"}):
        with pytest.raises(FormatError, match=r"master\.h5.*1\.1( ->|: is a link)"):
            read_image(path, **options)


def test_a_calibration_beside_each_detector_is_kept(tmp_path):
    path = make(tmp_path / "spec.h5", maps=MAPS[:2])
    with h5py.File(path, "r+") as file:
        for number, gain in enumerate((0.010, 0.011)):
            file[f"1.1/instrument/fx1_det{number}/calibration"] = [-0.1, gain, 0.0]
    image = read_image(path)
    assert (image.energy.offset, image.energy.gain) == (-0.1, 0.010)
    assert [axis.gain for axis in image.repeat_energies] == [0.010, 0.011]


def test_without_a_calibration_it_is_asked_for(tmp_path):
    image = read_image(make(tmp_path / "mesh.h5"))
    assert not image.energy.calibrated
    assert "--energy-gain" in warnings_of(image)
    image = read_image(make(tmp_path / "mesh.h5"), energy_offset=-0.02, energy_gain=0.01)
    assert (image.energy.offset, image.energy.gain) == (-0.02, 0.01)


def test_a_file_cut_off_is_refused(tmp_path):
    path = make(tmp_path / "cut.h5")
    content = path.read_bytes()
    for share in (0.2, 0.6, 0.95):
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(FormatError, match=r"cut\.h5"):
            read_image(path)


def test_scans_without_spectra_are_not_recognised(tmp_path):
    path = tmp_path / "counters.h5"
    with h5py.File(path, "w") as file:
        file["1.1/measurement/I0"] = np.ones(30)
        file["1.1/measurement/profile"] = np.ones((30, 64))
        file["1.1/instrument/camera/data"] = np.ones((30, 20, 20))
    assert bliss.recognise(path) is None
    with pytest.raises(FormatError, match=r"counters\.h5: .*none in 1\.1"):
        read_image(path)


def test_our_own_files_are_not_taken_for_scans(tmp_path, make_image):
    assert bliss.recognise(write(tmp_path / "own.h5", make_image())) is None


# These pass once the layout is in the table.
def test_read_finds_the_layout_by_itself(tmp_path):
    path = make(tmp_path / "mesh.h5")
    assert sniff(path) == "bliss"
    image = read(path, energy_gain=0.01)
    np.testing.assert_array_equal(image.counts, MAPS)


def test_read_picks_a_scan_by_name(tmp_path):
    path = tmp_path / "several.h5"
    with h5py.File(path, "w") as file:
        add_scan(file, "1.1")
        add_scan(file, "2.1", maps=MAPS + 1)
    np.testing.assert_array_equal(read(path, dataset="2.1", energy_gain=0.01).counts, MAPS + 1)
