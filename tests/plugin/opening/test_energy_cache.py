"""Counts at hand for every energy."""

import dask.array as da
import numpy as np
import pytest

from napari_xrf_denoise.core.errors import Cancelled, DataError
from napari_xrf_denoise.core.lazy_arrays import is_on_disk
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.plugin.opening import energy_cache as energy_store
from napari_xrf_denoise.plugin.opening.energy_cache import lay_out

COUNTS = np.random.default_rng(0).poisson(3, (2, 9, 5, 40)).astype(np.uint16)


def lazy():
    return SpectrumImage(da.from_array(COUNTS, chunks=(2, 2, 5, 40)), name="scan")


def never():
    return False


@pytest.mark.parametrize("most_bytes", [10**9, 0])
def test_all_counts_are_there_in_memory_or_in_a_file(tmp_path, most_bytes):
    steps = []
    found = lay_out(lazy(), steps.append, never, most_bytes=most_bytes, folder=tmp_path)
    np.testing.assert_array_equal(found, COUNTS)
    assert is_on_disk(found) == (most_bytes == 0)
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


def test_a_picture_lies_in_one_piece_of_the_file(tmp_path):
    found = lay_out(lazy(), lambda _: None, never, most_bytes=0, folder=tmp_path)
    assert found[0, :, :, 17].flags.c_contiguous


def test_the_file_goes_away_with_the_counts(tmp_path):
    found = lay_out(lazy(), lambda _: None, never, most_bytes=0, folder=tmp_path)
    del found
    assert list(tmp_path.iterdir()) == []


def test_it_can_be_stopped():
    with pytest.raises(Cancelled, match="scan"):
        lay_out(lazy(), lambda _: None, lambda: True)


def test_a_full_disk_is_told_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(energy_store.shutil, "disk_usage", lambda _: type("U", (), {"free": 99}))
    with pytest.raises(DataError, match=r"scan: .*neither into memory nor into"):
        lay_out(lazy(), lambda _: None, never, most_bytes=0, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []
