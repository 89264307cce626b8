"""Lazy counts are refused when their file was changed: they would be other data."""

import os

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.core.errors import FormatError
from tests.io.images import test_tiff_folder
from tests.io.images import test_zarr as test_zarr_store

COUNTS = np.random.default_rng(0).poisson(3, (1, 5, 6, 40)).astype(np.uint16)


@pytest.fixture(autouse=True)
def everything_stays_on_disk(monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 0)


@pytest.mark.parametrize("suffix", [".h5", ".zarr"])
def test_a_file_that_was_written_anew_is_refused(tmp_path, suffix):
    path = xrf.write(tmp_path / f"map{suffix}", xrf.SpectrumImage(COUNTS))
    image = xrf.read(path)
    np.testing.assert_array_equal(image.counts, COUNTS)
    xrf.write(path, xrf.SpectrumImage(COUNTS + 1), overwrite=True)
    with pytest.raises(FormatError, match="was changed or removed after it was opened"):
        image.sum_spectrum()


def test_a_store_of_another_program_that_was_changed_is_refused(tmp_path):
    path = test_zarr_store.ome(tmp_path / "a.zarr")
    image = xrf.read(path)
    os.utime(path / "zarr.json", ns=(1, 1))
    with pytest.raises(FormatError, match="was changed or removed after it was opened"):
        image.sum_spectrum()


def test_a_folder_with_another_picture_is_refused(tmp_path):
    folder = test_tiff_folder.save(tmp_path / "tiffs")
    image = xrf.read(folder)
    first = sorted(folder.iterdir())[0]
    content = first.read_bytes()
    first.unlink()
    first.write_bytes(content)
    os.utime(first, ns=(1, 1))
    with pytest.raises(FormatError, match="was changed or removed after it was opened"):
        image.sum_spectrum()
