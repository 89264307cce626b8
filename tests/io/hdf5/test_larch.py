import h5py
import numpy as np
import pytest

from napari_xrf_denoise import FormatError, read
from napari_xrf_denoise.core.lazy_arrays import is_dask
from napari_xrf_denoise.io import sniff
from napari_xrf_denoise.io.base import contents as _found
from napari_xrf_denoise.io.hdf5 import larch, pyxrf
from napari_xrf_denoise.io.options import ReadOptions

SHAPE = (5, 7, 60)  # y, x, energy
ELEMENTS = np.random.default_rng(1).poisson(3, (4, *SHAPE)).astype(np.uint32)
OFFSETS, SLOPES = (-0.02, -0.01, 0.0, 0.03), (0.0100, 0.0101, 0.0099, 0.0102)
MICROSECONDS = np.random.default_rng(2).integers(90_000, 99_000, (4, *SHAPE[:2]))
I0 = np.random.default_rng(3).uniform(1e5, 2e5, SHAPE[:2]).astype(np.float32)
X, Y = np.meshgrid(np.linspace(2, 2.6, 7), np.linspace(-1, 0, 5))  # steps 0.1 and 0.25
CHANNELS = np.arange(60)


def write_map(
    path,
    *,
    root="xrmmap",
    stem="mca",
    elements=ELEMENTS,
    total=None,
    quad=0.0,
    last_row=4,
):
    with h5py.File(path, "w") as file:
        group = file.create_group(root)
        group.attrs.update({"Version": "2.1.0", "Last_Row": last_row, "Map_Folder": "/data/Körner"})
        group.create_group("config")
        group.create_group("roimap")
        for number, counts in enumerate(elements):
            write_element(group.create_group(f"{stem}{number + 1}"), counts, number, quad)
        if total is not None:
            write_element(group.create_group(f"{stem}sum"), total, 0, quad)
        group["scalars/I0"] = I0
        group["positions/name"] = np.array([b"Fine X", b"Fine Y", b"mca realtime"])
        group["positions/pos"] = np.stack([X, Y, MICROSECONDS[0]], axis=-1).astype(np.float32)
    return path


def write_element(group, counts, number, quad):
    group["counts"] = counts
    offset, slope = OFFSETS[number], SLOPES[number]
    group["energy"] = offset + slope * CHANNELS + quad * CHANNELS**2
    group["energy"].attrs.update({"cal_offset": offset, "cal_slope": slope, "cal_quad": quad})
    group["livetime"] = MICROSECONDS[number]
    group["realtime"] = MICROSECONDS[number] + 1000
    group["dtfactor"] = np.full(SHAPE[:2], 1.0 + 0.01 * number, dtype=np.float32)
    group["inpcounts"] = MICROSECONDS[number].astype(np.float32) / 4
    group["outcounts"] = MICROSECONDS[number].astype(np.float32) / 8


def load(path, **options):
    """Return the image and the warnings that a user gets once this layout was recognised."""
    given = ReadOptions(**options)
    return _found.build(larch.read(path, given), path, given)


@pytest.fixture
def path(tmp_path):
    return write_map(tmp_path / "Map.001.h5")


@pytest.mark.parametrize(("root", "stem"), [("xrmmap", "mca"), ("xrfmap", "det")])
def test_detector_elements_stay_apart_in_new_and_old_files(tmp_path, root, stem):
    path = write_map(tmp_path / "map.h5", root=root, stem=stem, total=ELEMENTS.sum(axis=0) * 1.5)
    assert larch.recognise(path)
    assert pyxrf.recognise(path) is None
    image, warnings = load(path)
    np.testing.assert_array_equal(image.counts, ELEMENTS)
    assert image.counts.dtype == np.uint32
    assert image.repeat_kind == "detector"
    assert warnings == []


def test_a_map_is_read_by_its_content(path):
    """Through the public function: needs the row in the table of layouts."""
    assert sniff(path) == "larch"
    np.testing.assert_array_equal(read(path).counts, ELEMENTS)


def test_each_element_keeps_its_own_calibration(path):
    image, _ = load(path)
    assert (image.energy.offset, image.energy.gain) == (OFFSETS[0], SLOPES[0])
    found = [(energy.offset, energy.gain) for energy in image.repeat_energies]
    assert found == list(zip(OFFSETS, SLOPES, strict=True))


def test_quadratic_scales_keep_their_true_centres(tmp_path):
    image, _ = load(write_map(tmp_path / "map.h5", quad=2e-6))
    assert not image.energy.is_linear
    np.testing.assert_allclose(
        image.repeat_energies[2].centers, 0.0099 * CHANNELS + 2e-6 * CHANNELS**2, atol=1e-12
    )


def test_energies_without_coefficients_are_taken_as_they_are(path):
    centers = 0.1 + 0.01 * CHANNELS + 1e-5 * CHANNELS**2
    with h5py.File(path, "r+") as file:
        for number in (1, 2, 3, 4):
            del file[f"xrmmap/mca{number}/energy"]
            file[f"xrmmap/mca{number}/energy"] = centers.astype(np.float32)
    image, _ = load(path)
    np.testing.assert_allclose(image.energy.centers, centers, atol=1e-6)
    assert image.repeat_energies is None


def test_a_missing_calibration_is_channel_numbers_and_a_warning(path):
    with h5py.File(path, "r+") as file:
        for number in (1, 2, 3, 4):
            del file[f"xrmmap/mca{number}/energy"]
    image, warnings = load(path)
    assert not image.energy.calibrated
    assert warnings == [_found.NO_CALIBRATION]


def test_a_calibration_that_is_not_one_is_a_missing_one(path):
    with h5py.File(path, "r+") as file:
        for number in (1, 2, 3, 4):
            energy = file[f"xrmmap/mca{number}/energy"]
            energy.attrs["cal_slope"] = 0.0
            energy[...] = 0.0
    assert load(path)[1] == [_found.NO_CALIBRATION]


def test_times_are_seconds_and_each_element_has_its_own(path):
    scalers = load(path)[0].scalers
    np.testing.assert_allclose(scalers["live_time"], MICROSECONDS * 1e-6)
    np.testing.assert_allclose(scalers["real_time"], (MICROSECONDS + 1000) * 1e-6)
    np.testing.assert_allclose(scalers["input_counts"], MICROSECONDS / 4)
    np.testing.assert_allclose(scalers["output_counts"], MICROSECONDS / 8)
    np.testing.assert_allclose(scalers["dtfactor"][2], 1.02)


def test_ion_chambers_and_positions_come_with_the_map(path):
    image, _ = load(path)
    np.testing.assert_array_equal(image.scalers["I0"], I0)
    np.testing.assert_allclose(image.scalers["x"], X, rtol=1e-6)
    np.testing.assert_allclose(image.scalers["y"], Y, rtol=1e-6)
    assert image.pixel_size == pytest.approx((2.5, 1.0), rel=1e-5)
    assert image.pixel_unit == "pixel"


@pytest.mark.parametrize("last_row", [2, "2"])
def test_unfinished_rows_are_left_out_with_a_warning(tmp_path, last_row):
    image, warnings = load(write_map(tmp_path / "map.h5", last_row=last_row))
    np.testing.assert_array_equal(image.counts, ELEMENTS[:, :3])
    np.testing.assert_array_equal(image.scalers["I0"], I0[:3])
    np.testing.assert_allclose(image.scalers["live_time"], MICROSECONDS[:, :3] * 1e-6)
    np.testing.assert_allclose(image.scalers["y"], Y[:3], rtol=1e-6)
    (text,) = warnings
    assert "last 2 of 5 rows" in text


def test_unfinished_rows_of_a_large_map_are_left_out_too(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
    image, _ = load(write_map(tmp_path / "map.h5", last_row=2))
    assert is_dask(image.counts)
    np.testing.assert_array_equal(image.counts.compute(), ELEMENTS[:, :3])


@pytest.mark.parametrize("last_row", ["-1", -1])
def test_a_map_without_a_finished_row_is_refused(tmp_path, last_row):
    path = write_map(tmp_path / "map.h5", last_row=last_row)
    with pytest.raises(FormatError, match=r"map\.h5, group /xrmmap: .*finished row.*Last_Row = -1"):
        load(path)


def test_a_map_that_does_not_say_which_rows_are_finished_is_read_in_full(path):
    with h5py.File(path, "r+") as file:
        del file["xrmmap"].attrs["Last_Row"]
    np.testing.assert_array_equal(load(path)[0].counts, ELEMENTS)


def test_a_corrected_sum_alone_is_read_and_flagged(tmp_path):
    total = (ELEMENTS * np.array([1.0, 1.01, 1.02, 1.03])[:, None, None, None]).sum(axis=0)
    path = write_map(tmp_path / "sum.h5", elements=(), total=total)
    image, warnings = load(path)
    np.testing.assert_array_equal(image.counts[0], total)
    (text,) = warnings
    for part in ("mcasum", "not Poisson", "all detector elements"):
        assert part in text


def test_a_sum_that_was_cut_to_whole_numbers_is_flagged_by_its_factor(tmp_path):
    path = write_map(tmp_path / "sum.h5", elements=(), total=ELEMENTS.sum(axis=0))
    with h5py.File(path, "r+") as file:
        file["xrmmap/mcasum/dtfactor"][...] = 1.05
    assert "not Poisson" in load(path)[1][0]


def test_a_sum_of_whole_photons_is_not_flagged(tmp_path):
    total = ELEMENTS.sum(axis=0).astype(np.float64)
    image, warnings = load(write_map(tmp_path / "sum.h5", elements=(), total=total))
    np.testing.assert_array_equal(image.counts[0], total)
    assert warnings == []


def test_the_sum_is_read_where_the_elements_were_never_filled(tmp_path):
    total = ELEMENTS.sum(axis=0).astype(np.float64)
    path = write_map(tmp_path / "sum.h5", elements=(), total=total)
    with h5py.File(path, "r+") as file:
        for number in (1, 2):
            file.create_dataset(f"xrmmap/mca{number}/counts", SHAPE, "u4", chunks=(1, 7, 60))
    np.testing.assert_array_equal(load(path)[0].counts[0], total)


def test_facts_about_the_map_are_kept(path):
    metadata = load(path)[0].metadata
    assert metadata["larch"] == {
        "Version": "2.1.0",
        "Last_Row": 4,
        "Map_Folder": "/data/Körner",
    }
    assert metadata["repeat_datasets"][0] == "/xrmmap/mca1/counts"


@pytest.mark.parametrize("target", ["/gone", "/xrmmap/mca3/counts"])
def test_an_element_whose_link_leads_nowhere_is_not_left_out_silently(path, target):
    with h5py.File(path, "r+") as file:
        del file["xrmmap/mca3/counts"]
        file["xrmmap/mca3/counts"] = h5py.SoftLink(target)  # the second leads to itself
    assert larch.recognise(path)
    with pytest.raises(FormatError, match=r"Map\.001\.h5, dataset /xrmmap/mca3/counts"):
        load(path)


@pytest.mark.parametrize("name", ["mca2/energy", "mca2/livetime", "scalars", "positions"])
def test_broken_links_beside_the_counts_do_not_keep_them_from_being_read(path, name):
    with h5py.File(path, "r+") as file:
        del file[f"xrmmap/{name}"]
        file[f"xrmmap/{name}"] = h5py.SoftLink(f"/xrmmap/{name}")
    np.testing.assert_array_equal(load(path)[0].counts, ELEMENTS)


def test_a_map_without_spectra_is_refused_and_not_recognised(path):
    with h5py.File(path, "r+") as file:
        for number in (1, 2, 3, 4):
            del file[f"xrmmap/mca{number}"]
    assert larch.recognise(path) is None
    with pytest.raises(FormatError, match=r"Map\.001\.h5: expected groups mca1"):
        load(path)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.7, 0.98])
def test_a_file_cut_off_anywhere_is_refused(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(FormatError, match=r"Map\.001\.h5"):
        load(path)


def test_a_last_row_that_the_map_has_not_is_told(tmp_path):
    image, warnings = load(write_map(tmp_path / "map.h5", last_row=99))
    assert image.shape == (4, *SHAPE)
    assert any("Last_Row = 99" in text and "5 rows" in text for text in warnings)
