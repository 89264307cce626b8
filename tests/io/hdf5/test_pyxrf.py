import h5py
import numpy as np
import pytest

from napari_xrf_denoise import DataError, FormatError, read, write
from napari_xrf_denoise.core.lazy_arrays import is_dask
from napari_xrf_denoise.io import sniff
from napari_xrf_denoise.io.base import contents as _found
from napari_xrf_denoise.io.hdf5 import pyxrf
from napari_xrf_denoise.io.options import ReadOptions

SHAPE = (5, 7, 60)  # y, x, energy
ELEMENTS = np.random.default_rng(1).poisson(3, (3, *SHAPE)).astype(np.float32)
SCALERS = np.random.default_rng(2).uniform(1, 2, (*SHAPE[:2], 4))
SCALER_NAMES = ["i0", "Strom µA", "time", "i1"]
X, Y = np.meshgrid(np.linspace(2, 2.6, 7), np.linspace(-1, 0, 5))  # steps 0.1 and 0.25


def write_map(path, elements=ELEMENTS):
    with h5py.File(path, "w") as file:
        root = file.create_group("xrfmap")
        scan = root.create_group("scan_metadata")
        scan.attrs.update({"file_format": "NSLS2-XRF-MAP", "scan_id": 1042, "sample": "Körner 3"})
        for number, counts in enumerate(elements, start=1):
            root[f"det{number}/counts"] = counts
        root["detsum/counts"] = ELEMENTS.sum(axis=0)
        root["scalers/name"] = np.array([name.encode() for name in SCALER_NAMES])
        root["scalers/val"] = SCALERS
        root["positions/name"] = np.array([b"x_pos", b"y_pos"])
        root["positions/pos"] = np.stack([X, Y])
    return path


def load(path, **options):
    """Return the image and the warnings that a user gets once this layout was recognised."""
    given = ReadOptions(**options)
    return _found.build(pyxrf.read(path, given), path, given)


@pytest.fixture
def path(tmp_path):
    return write_map(tmp_path / "scan2D_1042.h5")


def test_detector_elements_stay_apart(path):
    image, _ = load(path)
    np.testing.assert_array_equal(image.counts, ELEMENTS)
    assert image.repeat_kind == "detector"


def test_a_map_is_read_by_its_content(path):
    """Through the public function: needs the row in the table of layouts."""
    assert sniff(path) == "pyxrf"
    with pytest.warns(UserWarning, match=r"0\.01 keV"):
        image = read(path)
    np.testing.assert_array_equal(image.counts, ELEMENTS)


def test_more_than_nine_elements_keep_the_order_of_their_numbers(tmp_path):
    elements = np.random.default_rng(3).poisson(3, (12, 3, 4, 20)).astype(np.float32)
    path = tmp_path / "many.h5"
    with h5py.File(path, "w") as file:
        for number, counts in enumerate(elements, start=1):
            file[f"xrfmap/det{number}/counts"] = counts
        file.create_group("xrfmap/scalers")
    np.testing.assert_array_equal(load(path)[0].counts, elements)


def test_the_sum_is_read_where_no_elements_were_kept(tmp_path):
    image, _ = load(write_map(tmp_path / "sum.h5", elements=()))
    np.testing.assert_array_equal(image.counts, ELEMENTS.sum(axis=0)[None])


def test_the_assumed_calibration_is_flagged(path):
    image, warnings = load(path)
    np.testing.assert_allclose(image.energy.centers, 0.01 * np.arange(60))
    (text,) = warnings
    for part in ("0.01 keV", "assumed", "energy_gain", "--energy-gain"):
        assert part in text


def test_a_given_calibration_replaces_the_assumed_one_without_a_warning(path):
    image, warnings = load(path, energy_offset=-0.05, energy_gain=0.02)
    assert (image.energy.offset, image.energy.gain) == (-0.05, 0.02)
    assert warnings == []


def test_scalers_and_positions_come_with_the_map(path):
    image, _ = load(path)
    assert set(image.scalers) == {*SCALER_NAMES, "x", "y"}
    for number, name in enumerate(SCALER_NAMES):
        np.testing.assert_array_equal(image.scalers[name], SCALERS[:, :, number])
    np.testing.assert_array_equal(image.scalers["x"], X)
    np.testing.assert_array_equal(image.scalers["y"], Y)


def test_pixels_have_the_shape_of_the_scan_in_a_unit_that_is_not_known(path):
    image, _ = load(path)
    assert image.pixel_size == pytest.approx((2.5, 1.0))
    assert image.pixel_unit == "pixel"


def test_facts_about_the_scan_are_kept(path):
    metadata = load(path)[0].metadata
    assert metadata["scan_metadata"] == {
        "file_format": "NSLS2-XRF-MAP",
        "scan_id": 1042,
        "sample": "Körner 3",
    }
    assert metadata["repeat_datasets"] == [f"/xrfmap/det{number}/counts" for number in (1, 2, 3)]


def test_text_that_is_no_utf8_does_not_keep_the_map_from_being_written(path, tmp_path):
    with h5py.File(path, "r+") as file:
        scan = file["xrfmap/scan_metadata"]
        scan.attrs.create("operator", b"J\xf6rg", dtype=h5py.string_dtype())
    image, _ = load(path)
    again = read(write(tmp_path / "again.h5", image))
    assert again.metadata["scan_metadata"]["operator"] == "J\N{REPLACEMENT CHARACTER}rg"


def test_scalers_of_another_size_are_left_out_by_name(path):
    with h5py.File(path, "r+") as file:
        del file["xrfmap/scalers/val"]
        file["xrfmap/scalers/val"] = SCALERS.transpose(1, 0, 2)
    image, warnings = load(path, energy_gain=0.01)
    assert set(image.scalers) == {"x", "y"}
    (text,) = warnings
    assert "5 × 7" in text
    assert "Strom µA" in text


def test_a_scan_without_positions_is_read(path):
    with h5py.File(path, "r+") as file:
        del file["xrfmap/positions"]
    image, _ = load(path)
    assert "x" not in image.scalers
    assert image.pixel_size == (1.0, 1.0)


def test_large_maps_stay_on_disk(path, monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
    image, _ = load(path)
    assert is_dask(image.counts)
    assert image.counts.numblocks[-1] == 1
    np.testing.assert_array_equal(image.counts.compute(), ELEMENTS)


def test_elements_that_fit_one_by_one_but_not_together_stay_on_disk(path, monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", ELEMENTS.nbytes - 1)
    image, _ = load(path)
    assert is_dask(image.counts)
    np.testing.assert_array_equal(image.counts.compute(), ELEMENTS)


def test_an_element_of_another_shape_is_named(path):
    with h5py.File(path, "r+") as file:
        del file["xrfmap/det2/counts"]
        file["xrfmap/det2/counts"] = ELEMENTS[1, :4]
    with pytest.raises(DataError, match=r"det1/counts is \(5, 7, 60\), .*det2/counts is \(4, 7"):
        load(path)


@pytest.mark.parametrize("target", ["/xrfmap/gone", "/xrfmap/det2/counts"])
def test_an_element_whose_link_leads_nowhere_is_not_left_out_silently(path, target):
    with h5py.File(path, "r+") as file:
        del file["xrfmap/det2/counts"]
        file["xrfmap/det2/counts"] = h5py.SoftLink(target)  # the second leads to itself
    assert pyxrf.recognise(path)
    with pytest.raises(FormatError, match=r"scan2D_1042\.h5, dataset /xrfmap/det2/counts"):
        load(path)


@pytest.mark.parametrize("name", ["scalers/val", "positions/pos", "scan_metadata"])
@pytest.mark.parametrize("target", ["/gone", "/xrfmap/loop"])
def test_broken_links_beside_the_counts_do_not_keep_them_from_being_read(path, name, target):
    with h5py.File(path, "r+") as file:
        del file[f"xrfmap/{name}"]
        file["xrfmap/loop"] = h5py.SoftLink("/xrfmap/loop")
        file[f"xrfmap/{name}"] = h5py.SoftLink(target)
    np.testing.assert_array_equal(load(path)[0].counts, ELEMENTS)


def test_counts_that_are_no_cube_are_refused(path):
    with h5py.File(path, "r+") as file:
        del file["xrfmap/det1/counts"]
        file["xrfmap/det1/counts"] = ELEMENTS[0, 0]
    with pytest.raises(FormatError, match=r"det1/counts: expected .*three axes.*\(7, 60\)"):
        load(path)


def test_the_reason_names_what_was_found(path):
    assert "det1, det2, det3" in pyxrf.recognise(path)


@pytest.mark.parametrize("name", ["config", "roimap"])
def test_old_maps_of_larch_are_not_taken_for_pyxrfs(path, name):
    with h5py.File(path, "r+") as file:
        file.create_group(f"xrfmap/{name}")
    assert pyxrf.recognise(path) is None


def test_other_files_are_not_recognised(tmp_path, path):
    with h5py.File(path, "r+") as file:
        for number in (1, 2, 3):
            del file[f"xrfmap/det{number}"]
        del file["xrfmap/detsum"]
    text = tmp_path / "note.txt"
    text.write_text("xrfmap")
    assert pyxrf.recognise(path) is None
    assert pyxrf.recognise(text) is None


@pytest.mark.parametrize("share", [0.01, 0.3, 0.7, 0.98])
def test_a_file_cut_off_anywhere_is_refused(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(FormatError, match=r"scan2D_1042\.h5"):
        load(path)


@pytest.mark.parametrize("axis", [2, -1])
def test_the_energy_axis_is_counted_as_it_lies_in_the_file(path, axis):
    image, warnings = load(path, energy_axis=axis, energy_gain=0.01)
    np.testing.assert_array_equal(image.counts, ELEMENTS)
    assert warnings == []
