"""The picture of --mask."""

from io import BytesIO

import numpy as np
import pytest
import tifffile

from napari_xrf_denoise.cli.inputs import check_mask, read_mask
from napari_xrf_denoise.core.errors import SettingsError

PICTURE = np.array([[0, 3, 0], [255, 0, 1]], dtype=np.uint8)


@pytest.mark.parametrize("name", ["mask.npy", "mask.tif", "mask.TIFF"])
def test_pixels_above_0_are_used(tmp_path, name):
    path = tmp_path / name
    np.save(path, PICTURE) if path.suffix == ".npy" else tifffile.imwrite(path, PICTURE)
    found = read_mask(path, (2, 3))
    assert found.dtype == bool
    np.testing.assert_array_equal(found, PICTURE > 0)


def test_another_kind_of_picture_is_named(tmp_path):
    path = tmp_path / "pic.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(SettingsError, match=r"pic.png: expected .npy or .tif, found .*PNG"):
        check_mask(path)


@pytest.mark.parametrize("name", ["mask.npy", "mask.tif"])
@pytest.mark.parametrize("share", [0.02, 0.9])
def test_a_mask_that_is_cut_off_is_said_to_be(tmp_path, name, share):
    path, large = tmp_path / name, np.ones((64, 64), dtype=np.uint8)
    np.save(path, large) if path.suffix == ".npy" else tifffile.imwrite(path, large)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(SettingsError, match="it may be cut off: save it again") as error:
        read_mask(path, (64, 64))
    assert "pickle" not in str(error.value)


def test_a_mask_of_another_shape_is_refused_with_both_shapes(tmp_path):
    path = tmp_path / "mask.npy"
    np.save(path, PICTURE)
    words = r"expected a picture of the map's shape \(3, 2\) \(y, x\), found \(2, 3\)"
    with pytest.raises(SettingsError, match=words):
        read_mask(path, (3, 2))


def header(text):
    """An array file of version 1.0 with this header and nothing more."""
    data = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(data).to_bytes(2, "little") + data


def archive():
    file = BytesIO()
    np.savez(file, mask=PICTURE)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        archive(),
        header("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3"),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (10000000, 10000000), }"),
    ],
)
def test_a_damaged_array_is_one_sentence(tmp_path, content):
    path = tmp_path / "mask.npy"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"mask.npy: expected a picture in .npy or .tif"):
        read_mask(path, (2, 3))


@pytest.mark.parametrize("place", range(0, 180, 7))
def test_a_damaged_tiff_is_one_sentence_or_another_picture(tmp_path, place):
    path = tmp_path / "mask.tif"
    tifffile.imwrite(path, PICTURE)
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(bytes(content))
    try:
        assert read_mask(path, (2, 3)).shape == (2, 3)
    except SettingsError as error:
        assert "mask.tif" in str(error)


def test_words_are_no_mask(tmp_path):
    path = tmp_path / "mask.npy"
    np.save(path, np.array([["in", "out"]]))
    with pytest.raises(SettingsError, match="expected a picture of numbers, found <U3"):
        read_mask(path, (1, 2))
