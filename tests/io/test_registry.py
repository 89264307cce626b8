import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

from napari_xrf_denoise import EnergyAxis, FormatError, SettingsError, SpectrumImage, read, write
from napari_xrf_denoise.io import LAYOUTS, recognise, sniff, writable_suffixes

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(200)
HTML = b"<!DOCTYPE html><html><body>404 not found</body></html>"
SUFFIXES = [".h5", ".tif", ".csv", ".npy", ".hspy", ".bcf", ".emd", ".pts", ".spd", ".dm3", ".xyz"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("content", "kind"), [(JPEG, "JPEG image"), (HTML, "HTML page")], ids=["jpeg", "html"]
)
def test_a_foreign_file_under_any_name_is_refused_for_what_it_is(tmp_path, suffix, content, kind):
    path = tmp_path / f"wrong{suffix}"
    path.write_bytes(content)
    with pytest.raises(FormatError) as error:
        read(path)
    assert str(path) in str(error.value)
    assert kind in str(error.value)
    assert sniff(path) is None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_empty_file_is_refused(tmp_path, suffix):
    path = tmp_path / f"empty{suffix}"
    path.touch()
    with pytest.raises(FormatError, match=rf"empty{suffix}: the file is empty.*copy"):
        read(path)
    assert sniff(path) is None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_missing_file_is_refused(tmp_path, suffix):
    with pytest.raises(FormatError, match=rf"none{suffix}: .*no such file.*check the path"):
        read(tmp_path / f"none{suffix}")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(FormatError, match="found a folder"):
        read(tmp_path)
    assert sniff(tmp_path) is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.h5")
    with pytest.raises(FormatError, match="a device or a pipe"):
        read(tmp_path / "pipe.h5")


@pytest.mark.parametrize("seed", range(5))
def test_sniffing_random_bytes_never_raises(tmp_path, seed):
    noise = np.random.default_rng(seed).bytes(3000)
    for suffix in SUFFIXES:
        for start in (b"", b"\x89HDF\r\n\x1a\n", b"II*\0", b"\x93NUMPY", b"AAMVHFSS"):
            path = tmp_path / f"noise{suffix}"
            path.write_bytes(start + noise)
            if start != b"AAMVHFSS":  # the magic and the suffix are all that tells a .bcf
                assert sniff(path) is None


@pytest.mark.parametrize("seed", range(3))
def test_random_bytes_after_a_true_beginning_are_refused(tmp_path, seed):
    noise = np.random.default_rng(seed).bytes(3000)
    for start, suffix in (
        (b"\x89HDF\r\n\x1a\n", ".h5"),
        (b"II*\0", ".tif"),
        (b"\x93NUMPY\x01\x00", ".npy"),
        (b"\x89HDF\r\n\x1a\n", ".hspy"),
    ):
        path = tmp_path / f"noise{suffix}"
        path.write_bytes(start + noise)
        with pytest.raises(FormatError, match=f"noise{suffix}"):
            read(path, energy_axis=0)


def test_every_layout_has_its_own_name_and_a_description():
    names = [layout.name for layout in LAYOUTS]
    assert len(set(names)) == len(names)
    assert all(layout.description for layout in LAYOUTS)


def test_suffixes_to_write_are_known():
    hdf5 = {".h5", ".hdf5", ".nxs", ".hspy"}
    assert set(writable_suffixes()) == {*hdf5, ".tif", ".tiff", ".zarr", ".csv"}


def test_a_file_that_needs_options_is_described(tmp_path):
    np.save(tmp_path / "cube.npy", np.ones((3, 4, 50)))
    found = recognise(tmp_path / "cube.npy")
    assert found.layout.name == "npy"
    assert "NumPy array" in found.reason


def test_a_dataset_in_a_file_that_has_none_is_refused(tmp_path):
    np.save(tmp_path / "cube.npy", np.ones((3, 4, 50)))
    with pytest.raises(SettingsError, match=r"cube\.npy: dataset='/a' .*NumPy array"):
        read(tmp_path / "cube.npy", dataset="/a")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"energy_axis": 1.5}, "energy_axis must be a whole number"),
        ({"repeat_axis": "x"}, "repeat_axis must be a whole number"),
        ({"energy_gain": 0}, "energy_gain must be above 0"),
        ({"energy_gain": "wide"}, "energy_gain must be a finite number"),
        ({"energy_offset": float("nan")}, "energy_offset must be a finite number"),
        ({"repeat_kind": "copy"}, "repeat_kind must be one of scan, frame, detector"),
        ({"dataset": []}, "dataset must be a path"),
        ({"dataset": 3}, "dataset must be a path"),
    ],
)
def test_impossible_options_are_refused_before_the_file_is_touched(options, message):
    with pytest.raises(SettingsError, match=message):
        read("/no/such/file.h5", **options)


def test_importing_the_room_stays_cheap():
    heavy = ["h5py", "tifffile", "dask", "rsciio", "torch", "napari", "qtpy"]
    code = (
        "import sys, napari_xrf_denoise.io as io; io.sniff('/no/such/file.h5');"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything"
)
def test_a_file_that_may_not_be_read_is_refused(tmp_path):
    path = tmp_path / "secret.h5"
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(FormatError, match=r"secret\.h5: cannot be read.*permissions"):
        read(path)


def test_counts_of_a_second_layout_are_told(tmp_path):
    image = SpectrumImage(np.ones((1, 3, 4, 40), dtype=np.uint16), EnergyAxis(0, 0.01, 40))
    path = write(tmp_path / "both.h5", image)
    with h5py.File(path, "a") as file:
        file["MAPS_RAW/data_a"] = np.full((40, 3, 4), 7, dtype=np.int16)
    with pytest.warns(UserWarning, match=r"read as nexus, .*MAPS_RAW/data_a.*--dataset"):
        found = read(path)
    np.testing.assert_array_equal(found.counts, image.counts)
    named = read(path, dataset="MAPS_RAW/data_a", energy_axis=0, energy_gain=0.01)
    assert named.counts.max() == 7


def test_what_cannot_be_read_is_refused_in_a_few_words(tmp_path):
    (tmp_path / "notes.h5").write_text("My beamtime log\n")
    (tmp_path / "table.csv").write_text("0,1,2\n", encoding="utf-16")
    (tmp_path / "empty").mkdir()
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "notes.txt").write_text("My beamtime log\n")
    for name, words in (
        ("notes.h5", ("HDF5 by its name", "found text")),
        ("table.csv", ("UTF-16", "saved as UTF-8")),
        ("empty", ("a folder that is empty",)),
        ("log", ("a folder with notes.txt",)),
    ):
        with pytest.raises(FormatError) as error:
            read(tmp_path / name)
        message = str(error.value).removeprefix(str(tmp_path))
        assert len(message) < 300
        for part in (*words, "docs/formats.md"):
            assert part in message
