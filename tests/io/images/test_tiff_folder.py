import numpy as np
import pytest
import tifffile

from napari_xrf_denoise import FormatError
from napari_xrf_denoise import read as read_any
from napari_xrf_denoise.core.lazy_arrays import is_dask
from napari_xrf_denoise.io import sniff
from napari_xrf_denoise.io.base.contents import build
from napari_xrf_denoise.io.images import tiff_folder
from napari_xrf_denoise.io.options import ReadOptions

# (energy, y, x)
COUNTS = np.random.default_rng(9).poisson(5, (24, 5, 7)).astype(np.uint16)


def save(folder, counts=COUNTS, name="ch_{}.tif", first=0, step=1):
    folder.mkdir(exist_ok=True)
    for number, picture in enumerate(counts):
        tifffile.imwrite(folder / name.format(first + step * number), picture)
    return folder


def image_of(path, **options):
    chosen = ReadOptions(**options)
    return build(tiff_folder.read(path, chosen), path, chosen)[0]


@pytest.mark.parametrize("name", ["ch_{}.tif", "Körner 2 Kanal {:04d}.TIFF", "{}.tiff"])
@pytest.mark.parametrize(("first", "step"), [(0, 1), (5, 5)])
def test_numbered_pictures_are_the_channels_in_the_order_of_their_numbers(
    tmp_path, name, first, step
):
    image = image_of(save(tmp_path / "map", COUNTS, name, first, step), energy_gain=0.01)
    assert image.shape == (1, 5, 7, 24)
    np.testing.assert_array_equal(image.counts[0], np.moveaxis(COUNTS, 0, 2))
    assert image.counts.dtype == np.uint16
    assert image.name == "map"
    assert any("24 images" in text for text in image.metadata["warnings"])


def test_a_folder_is_read_through_the_table_of_layouts(tmp_path):
    folder = save(tmp_path / "map")
    assert sniff(folder) is None
    with pytest.warns(UserWarning, match="24 images"):
        image = read_any(folder, energy_gain=0.01)
    np.testing.assert_array_equal(image.counts[0], np.moveaxis(COUNTS, 0, 2))


def test_the_user_names_the_axis_and_nothing_is_assumed(tmp_path):
    folder = save(tmp_path / "map")
    image = image_of(folder, energy_axis=0, energy_gain=0.01)
    np.testing.assert_array_equal(image.counts[0], np.moveaxis(COUNTS, 0, 2))
    assert image.metadata["warnings"] == []
    other = image_of(folder, energy_axis=2, energy_gain=0.01)
    assert other.shape == (1, 24, 5, 7)
    np.testing.assert_array_equal(other.counts[0], COUNTS)


def test_a_missing_channel_is_named(tmp_path):
    folder = save(tmp_path / "map")
    (folder / "ch_9.tif").unlink()
    with pytest.raises(FormatError, match=r"found ch_10\.tif after ch_8\.tif"):
        image_of(folder)
    image = image_of(folder, energy_axis=0, energy_gain=0.01)
    np.testing.assert_array_equal(image.counts[0], np.moveaxis(np.delete(COUNTS, 9, axis=0), 0, 2))


def test_other_files_in_the_folder_are_left_alone(tmp_path):
    folder = save(tmp_path / "map")
    (folder / "notes.txt").write_text("23 channels")
    (folder / "._ch_3.tif").write_bytes(b"what a Mac leaves")
    (folder / "sub.tif").mkdir()
    assert image_of(folder).shape == (1, 5, 7, 24)


def test_element_maps_are_no_channels(tmp_path):
    folder = tmp_path / "maps"
    folder.mkdir()
    for name, picture in zip(["Fe", "Ca", "Zn"], COUNTS, strict=False):
        tifffile.imwrite(folder / f"{name}.tif", picture)
    with pytest.raises(FormatError, match=r"maps: .*\(3, 5, 7\).*energy_axis"):
        image_of(folder)


def test_few_numbered_pictures_ask(tmp_path):
    with pytest.raises(FormatError, match=r"\(3, 5, 7\).*energy_axis"):
        image_of(save(tmp_path / "map", COUNTS[:3]))


def test_two_series_in_one_folder_ask(tmp_path):
    save(tmp_path / "map", COUNTS, "a_{}.tif")
    with pytest.raises(FormatError, match=r"\(48, 5, 7\).*energy_axis"):
        image_of(save(tmp_path / "map", COUNTS, "b_{}.tif"))


def test_files_of_whole_spectra_are_stacked_and_ask(tmp_path):
    scans = np.random.default_rng(1).poisson(5, (3, 24, 5, 7)).astype(np.uint16)
    folder = save(tmp_path / "scans", scans, "scan{}.tif")
    with pytest.raises(FormatError, match=r"\(3, 24, 5, 7\).*energy_axis"):
        image_of(folder)
    image = image_of(folder, energy_axis=1, repeat_axis=0, energy_gain=0.01)
    np.testing.assert_array_equal(image.counts, np.moveaxis(scans, 1, 3))


def test_unequal_shapes_and_types_are_named(tmp_path):
    folder = save(tmp_path / "map")
    tifffile.imwrite(folder / "ch_7.tif", COUNTS[0, :4])
    with pytest.raises(FormatError, match=r"ch_7\.tif: .*\(5, 7\).*ch_0\.tif, found \(4, 7\)"):
        image_of(folder)
    tifffile.imwrite(folder / "ch_7.tif", COUNTS[0].astype(np.uint8))
    with pytest.raises(FormatError, match=r"ch_7\.tif: .*uint16.*uint8"):
        image_of(folder)


@pytest.mark.parametrize("size", [4, 8, 60, 300])
def test_a_picture_that_was_cut_off_is_refused(tmp_path, size):
    folder = save(tmp_path / "map")
    content = (folder / "ch_7.tif").read_bytes()
    assert len(content) > size
    (folder / "ch_7.tif").write_bytes(content[:size])
    with pytest.raises(FormatError, match=r"ch_7\.tif"):
        image_of(folder)


def test_large_series_are_read_picture_by_picture(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 100)
    folder = save(tmp_path / "map")
    image = image_of(folder)
    assert is_dask(image.counts)
    np.testing.assert_array_equal(np.asarray(image.counts[0]), np.moveaxis(COUNTS, 0, 2))
    np.testing.assert_array_equal(np.asarray(image.counts[0, 2, 3, [9, 4]]), COUNTS[[9, 4], 2, 3])
    tifffile.imwrite(folder / "ch_11.tif", COUNTS[0, :4])
    with pytest.raises(FormatError, match=r"ch_11\.tif: .*changed"):
        np.asarray(image.counts)


def test_folders_without_pictures(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    assert not tiff_folder.opens(tmp_path)
    with pytest.raises(FormatError, match="found 0"):
        image_of(tmp_path)
    assert not tiff_folder.opens(tmp_path / "notes.txt")
    assert tiff_folder.opens(save(tmp_path / "map"))
