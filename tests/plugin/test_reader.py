import h5py
import numpy as np
import pytest
import tifffile

import napari_xrf_denoise as xrf
from napari_xrf_denoise.plugin.reader import get_reader, read_layers

PLUGIN = "napari-xrf-denoise"


def test_our_files_open_with_counts_and_energies(tmp_path, small_map, viewer):
    path = tmp_path / "scan.h5"
    xrf.write(path, small_map)
    (layer,) = viewer.open(path, plugin=PLUGIN)
    np.testing.assert_array_equal(layer.data, np.moveaxis(small_map.counts[0], -1, 0))
    assert layer.name == "scan" or layer.name == "map"
    assert tuple(layer.scale) == (small_map.energy.gain, 5.0, 5.0)


def test_several_files_become_one_layer_each(tmp_path, small_map):
    paths = [str(tmp_path / f"{n}.h5") for n in range(2)]
    for path in paths:
        xrf.write(path, small_map)
    assert len(get_reader(paths)(paths)) == 2


def test_a_plain_tiff_is_left_to_others(tmp_path):
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, np.zeros((5, 32, 32), np.uint8))
    assert get_reader(str(path)) is None


def test_a_plain_table_is_left_to_others(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("index,axis-0,axis-1\n0,1.5,2.5\n1,3.5,4.5\n")
    assert get_reader(str(path)) is None


def test_another_hdf5_file_is_left_to_others(tmp_path):
    path = tmp_path / "volume.h5"
    with h5py.File(path, "w") as file:
        file["volume"] = np.zeros((4, 5, 6))
    assert get_reader(str(path)) is None


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"II*\0", b"\xff" * 100])
def test_damaged_files_are_left_to_others(tmp_path, content):
    for suffix in ("h5", "tif", "csv", "bcf"):
        path = tmp_path / f"damaged.{suffix}"
        path.write_bytes(content)
        assert get_reader(str(path)) is None


def test_missing_files_and_empty_lists_are_not_ours(tmp_path):
    assert get_reader(str(tmp_path / "missing.h5")) is None
    assert get_reader([]) is None


def test_a_list_with_a_foreign_file_is_not_ours(tmp_path, small_map):
    ours, other = str(tmp_path / "a.h5"), tmp_path / "b.h5"
    xrf.write(ours, small_map)
    other.write_bytes(b"something else")
    assert get_reader([ours, str(other)]) is None


def test_a_missing_calibration_is_said_and_the_file_opens(tmp_path, small_map):
    from napari.utils.notifications import notification_manager

    path = tmp_path / "plain.h5"
    xrf.write(path, small_map.replace(energy=xrf.EnergyAxis.uncalibrated(128)))
    before = len(notification_manager.records)
    ((data, attributes, _),) = read_layers(str(path))
    assert data.shape == (128, 16, 16)
    assert attributes["units"][0] == "pixel"
    said = [record.message for record in notification_manager.records[before:]]
    assert any("calibration" in message for message in said), said
