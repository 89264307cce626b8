"""The picture of --mask."""

import numpy as np
import pytest
import tifffile

from napari_xrf_denoise.cli_mask import check_mask, read_mask
from napari_xrf_denoise.errors import SettingsError

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
