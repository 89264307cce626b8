"""Names, folders and patterns, and which files they stand for."""

from pathlib import Path

import pytest

from napari_xrf_denoise.batch.sources import Sources, find_files
from napari_xrf_denoise.core.errors import SettingsError


@pytest.fixture
def folder(tmp_path):
    names = ("ore.h5", "gold.tif", "gold_denoised.h5", "notes.docx", ".hidden.h5", "vase.csv")
    for name in names:
        (tmp_path / name).write_text("x")
    (tmp_path / "store.zarr").mkdir()
    return tmp_path


def names(paths):
    return [path.name for path in paths]


def test_a_folder_stands_for_its_files_of_spectra_and_for_no_results(folder):
    assert names(find_files([folder])) == ["gold.tif", "ore.h5", "store.zarr", "vase.csv"]


def test_a_pattern_stands_for_what_fits_and_for_no_results(folder, monkeypatch):
    assert names(find_files([folder / "*.h5"])) == ["ore.h5"]
    monkeypatch.chdir(folder)
    assert find_files([Path("*o*.[ht]*")]) == [Path("gold.tif"), Path("ore.h5")]


def test_files_that_are_named_keep_their_order_and_need_not_exist(folder):
    asked = [folder / "vase.csv", folder / "missing.h5", folder / "gold_denoised.h5"]
    assert find_files([*asked, folder]) == [
        *asked, folder / "gold.tif", folder / "ore.h5", folder / "store.zarr",
    ]  # fmt: skip


def test_a_folder_that_is_one_map_is_that_map(folder):
    assert find_files([folder / "store.zarr"]) == [folder / "store.zarr"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(folder):
    odd = folder / "ore[1].h5"
    odd.write_text("x")
    assert find_files([odd]) == [odd]


@pytest.mark.parametrize("entry", ["empty", "*.bcf"])
def test_what_stands_for_nothing_is_refused(tmp_path, entry):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match="no file of spectra or maps"):
        find_files([tmp_path / entry])


def test_files_are_read_whole_and_as_they_say_themselves(tmp_path, make_image):
    import napari_xrf_denoise as xrf

    image = make_image((1, 3, 4, 40))
    path = xrf.write(tmp_path / "ore.h5", image)
    assert Sources().read(path).counts.sum() == image.counts.sum()
    assert Sources().is_unchanged(path, {})
    assert not Sources().is_unchanged(path, {"y": "0:4"})
