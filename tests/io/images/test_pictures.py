import json
from xml.etree import ElementTree

import h5py
import numpy as np
import pytest
import tifffile

from napari_xrf_denoise import DataError, EnergyAxis, FormatError, SpectrumImage
from napari_xrf_denoise.io import sniff
from napari_xrf_denoise.io.images.pictures import write_pictures

SUFFIXES = [".ome.tif", ".tif", ".h5", ".nxs"]


@pytest.fixture
def image():
    return SpectrumImage(
        np.ones((1, 3, 5, 40), dtype=np.uint16),
        EnergyAxis(0.0, 0.01, 40),
        pixel_size=(0.5, 0.25),
        pixel_unit="µm",
        name="Körner",
        metadata={"denoising": {"method": "stack"}, "source": "scan.h5"},
    )


@pytest.fixture
def pictures():
    rng = np.random.default_rng(41)
    names = ("Fe Ka", "Zn Kα", "a/b")
    return {name: rng.normal(size=(3, 5)).astype(np.float32) for name in names}


@pytest.mark.parametrize("suffix", [".ome.tif", ".tif", ".tiff"])
def test_a_tiff_has_a_page_and_a_named_channel_for_each_picture(tmp_path, image, pictures, suffix):
    path = write_pictures(tmp_path / f"maps{suffix}", pictures, image)
    with tifffile.TiffFile(path) as tif:
        assert tif.is_ome
        assert tif.series[0].axes == "CYX"
        assert tif.series[0].dtype == np.float32
        assert len(tif.pages) == 3
        for page, values in zip(tif.pages, pictures.values(), strict=True):
            np.testing.assert_array_equal(page.asarray(), values)
        root = ElementTree.fromstring(tif.ome_metadata)
    found = {element.tag.rpartition("}")[2]: element for element in root.iter()}
    channels = [entry.get("Name") for entry in root.iter() if entry.tag.endswith("}Channel")]
    assert channels == list(pictures)
    assert float(found["Pixels"].get("PhysicalSizeY")) == 0.5
    assert float(found["Pixels"].get("PhysicalSizeX")) == 0.25
    assert found["Pixels"].get("PhysicalSizeXUnit") == "µm"
    assert found["Image"].get("Name") == "Körner"
    record = json.loads(found["Description"].text)
    assert record["source_metadata"]["denoising"] == {"method": "stack"}


@pytest.mark.parametrize("suffix", [".h5", ".nxs"])
def test_hdf5_has_a_plot_for_each_picture(tmp_path, image, pictures, suffix):
    nxdata = pytest.importorskip("silx.io.nxdata", reason="needs pip install silx")
    record = {"pictures": {"Fe Ka": {"background": True}}}
    path = write_pictures(tmp_path / f"maps{suffix}", pictures, image, record=record)
    with h5py.File(path) as file:
        assert nxdata.get_default(file).title == "Fe Ka"
        plots = [
            nxdata.NXdata(group)
            for group in file["entry"].values()
            if group.attrs.get("NX_class") == "NXdata"
        ]
        assert {plot.title for plot in plots} == set(pictures)
        for plot in plots:
            assert plot.is_valid
            assert plot.is_image
            np.testing.assert_array_equal(plot.signal[()], pictures[plot.title])
            np.testing.assert_allclose(plot.axes[0][()], [0, 0.5, 1.0])
            np.testing.assert_allclose(plot.axes[1][()], [0, 0.25, 0.5, 0.75, 1.0])
            assert plot.axes_names == ["y (µm)", "x (µm)"]
        content = json.loads(file["entry/provenance/data"][()])
    assert content["pictures"] == record["pictures"]
    assert content["source_metadata"]["source"] == "scan.h5"


def test_names_that_hdf5_cannot_tell_apart_stay_apart(tmp_path, image):
    ones = np.ones((3, 5))
    pictures = {"a/b": ones, "a b": 2 * ones, "..": 3 * ones, "title": 4 * ones}
    path = write_pictures(tmp_path / "maps.h5", pictures, image)
    with h5py.File(path) as file:
        groups = [item for item in file["entry"].values() if "signal" in item.attrs]
        values = {group.attrs["title"]: float(group["values"][0, 0]) for group in groups}
    assert values == {"a/b": 1.0, "a b": 2.0, "..": 3.0, "title": 4.0}


@pytest.mark.parametrize("dtype", ["u1", "i4", "f4", "f8", "i8", "?", "f2"])
def test_values_of_every_type_are_kept(tmp_path, image, dtype):
    values = (np.arange(15).reshape(3, 5) % 2).astype(dtype)
    path = write_pictures(tmp_path / "map.tif", {"a": values}, image)
    np.testing.assert_array_equal(tifffile.imread(path).squeeze(), values.astype(np.float64))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_pictures_are_not_taken_for_spectra(tmp_path, image, pictures, suffix):
    assert sniff(write_pictures(tmp_path / f"maps{suffix}", pictures, image)) is None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_existing_file_is_replaced_on_request_only(tmp_path, image, pictures, suffix):
    path = tmp_path / f"maps{suffix}"
    path.write_text("older")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        write_pictures(path, pictures, image)
    assert path.read_text() == "older"
    write_pictures(path, pictures, image, overwrite=True)
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_size > 100


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({}, "at least one image"),
        ({"a": np.ones((5, 3))}, r"shape \(3, 5\).*\(5, 3\) for 'a'"),
        ({"a": np.ones((3, 5), dtype=complex)}, "real numbers.*complex128.*'a'"),
        ({"a": [["x"] * 5] * 3}, "real numbers.*'a'"),
    ],
)
@pytest.mark.parametrize("suffix", [".tif", ".h5"])
def test_what_is_no_picture_of_the_image_is_refused(tmp_path, image, wrong, words, suffix):
    with pytest.raises(DataError, match=rf"maps\{suffix}: .*{words}"):
        write_pictures(tmp_path / f"maps{suffix}", wrong, image)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_suffix_is_refused_with_those_that_are_known(tmp_path, image, pictures):
    with pytest.raises(FormatError, match=r"maps\.png: .*\.tif.*\.h5.*\.png"):
        write_pictures(tmp_path / "maps.png", pictures, image)


def test_a_record_that_json_cannot_hold_is_refused_by_name(tmp_path, image, pictures):
    with pytest.raises(DataError, match=r"maps\.h5: .*'model'.* is a object"):
        write_pictures(tmp_path / "maps.h5", pictures, image, record={"model": object()})
    assert list(tmp_path.iterdir()) == []
