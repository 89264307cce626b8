"""Where results may go, known before there are any."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_xrf_denoise import io
from napari_xrf_denoise.batch.results import save_or_rescue
from napari_xrf_denoise.batch.runner import plan
from napari_xrf_denoise.cli.outputs import check_result
from napari_xrf_denoise.core.atomic_write import check_folder
from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import MissingDependencyError, SettingsError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage

IMAGE = SpectrumImage(np.arange(2 * 3 * 32).reshape(1, 2, 3, 32), EnergyAxis(0.0, 0.01, 32))


def test_a_folder_that_is_there_or_can_be_made_is_left_as_it_was(tmp_path):
    check_folder(tmp_path)
    check_folder(tmp_path / "new" / "newer")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="Linux has such a folder")
def test_a_folder_that_takes_no_files_of_anybody_is_refused():
    # Permissions alone would let the superuser write there.
    with pytest.raises(PermissionError, match="/proc/figures: /proc cannot be written; choose"):
        check_folder(Path("/proc/figures"))
    with pytest.raises(PermissionError, match=r"^/proc cannot be written; choose"):
        check_folder(Path("/proc"))


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "notes.txt").write_text("gold")
    with pytest.raises(NotADirectoryError, match=r"notes.txt is no folder; choose another folder"):
        check_folder(tmp_path / "notes.txt" / "pictures")


def blocked(error, target):
    """A writer that fails at one place."""
    write = io.write

    def fails(path, image, **options):
        if path == target:
            raise error
        return write(path, image, **options)

    return fails


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MissingDependencyError("zarr is not installed"), "zarr is not installed"),
        (KeyError("axes"), "KeyError: 'axes'. Please report this as a bug"),
        (OSError(28, "No space left on device"), "No space left on device"),
    ],
)
def test_a_result_is_saved_elsewhere_whatever_went_wrong(tmp_path, monkeypatch, error, words):
    target = tmp_path / "gold_denoised.h5"
    monkeypatch.setattr(io, "write", blocked(error, target))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(OSError, match=re.escape(words)) as raised:
        save_or_rescue(IMAGE, target, overwrite=False)
    (rescued,) = tmp_path.glob("*/gold_denoised.h5")
    assert f"; the result was saved as {rescued} instead" in str(raised.value)
    np.testing.assert_array_equal(io.read(rescued).counts, IMAGE.counts)


def test_ctrl_c_while_writing_is_no_error_to_rescue_from(tmp_path, monkeypatch):
    target = tmp_path / "gold.h5"
    monkeypatch.setattr(io, "write", blocked(KeyboardInterrupt(), target))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        save_or_rescue(IMAGE, target, overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written_no_folder_is_left(tmp_path, monkeypatch):
    def fails(path, image, **options):
        raise KeyError("axes")

    monkeypatch.setattr(io, "write", fails)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(OSError, match="nor could it be saved elsewhere"):
        save_or_rescue(IMAGE, tmp_path / "gold.h5", overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_a_format_whose_package_is_missing_is_refused_before_the_run(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)  # as where it is not installed
    with pytest.raises(MissingDependencyError, match=r"need the package zarr.*pip install"):
        check_result(tmp_path / "gold.zarr", overwrite=False)
    with pytest.raises(SettingsError, match=r"need the package zarr.*pip install"):
        plan(["gold.h5"], tmp_path, suffix=".ome.zarr")
    check_result(tmp_path / "gold.h5", overwrite=False)
