import errno
import os
import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest

from napari_xrf_denoise import DataError, FormatError, read, write
from napari_xrf_denoise.core.spectrum_image import SpectrumImage

SUFFIXES = [".h5", ".ome.tif", ".csv"]


@pytest.fixture
def spectra(make_image):
    return make_image((3, 1, 1, 40))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_existing_file_is_replaced_on_request_only(tmp_path, spectra, suffix):
    path = tmp_path / f"out{suffix}"
    path.write_text("older")
    with pytest.raises(FileExistsError, match=rf"out{suffix}: exists already.*overwrite=True"):
        write(path, spectra)
    assert path.read_text() == "older"
    write(path, spectra, overwrite=True)
    assert read(path).shape == spectra.shape
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("failure", [KeyboardInterrupt, MemoryError, RuntimeError])
def test_an_interrupted_write_leaves_the_older_file_and_nothing_else(
    tmp_path, spectra, suffix, failure, monkeypatch
):
    path = write(tmp_path / f"out{suffix}", spectra)
    older = path.read_bytes()

    def blocks(self, *_):
        yield slice(0, 1), np.asarray(self.counts)
        raise failure

    monkeypatch.setattr(SpectrumImage, "blocks", blocks)
    with pytest.raises(failure):
        write(path, spectra, overwrite=True)
    assert path.read_bytes() == older
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named(tmp_path, spectra):
    with pytest.raises(FileNotFoundError, match=r"out\.h5: the folder .*none does not exist"):
        write(tmp_path / "none" / "out.h5", spectra)


def test_a_folder_is_no_file_name(tmp_path, spectra):
    (tmp_path / "folder.h5").mkdir()
    with pytest.raises(IsADirectoryError, match="add a file name"):
        write(tmp_path / "folder.h5", spectra, overwrite=True)


@pytest.mark.parametrize("name", ["out.xyz", "out", "out.npy", "out.h5.gz"])
def test_an_unknown_suffix_is_refused_with_those_that_are_known(tmp_path, spectra, name):
    with pytest.raises(FormatError, match=rf"{name}: .*\.h5.*\.tif.*\.csv"):
        write(tmp_path / name, spectra)


@pytest.mark.parametrize("what", [np.ones((1, 2, 3, 4)), "text", None])
def test_only_a_spectrum_image_is_written(tmp_path, what):
    with pytest.raises(DataError, match=r"out\.h5: expected a SpectrumImage.*result\.image"):
        write(tmp_path / "out.h5", what)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EACCES, "no permission"),
        (errno.EROFS, "no permission"),
        (errno.EIO, "writing failed"),
    ],
)
def test_an_error_of_the_disk_names_the_file_and_what_to_do(
    tmp_path, spectra, suffix, number, advice, monkeypatch
):
    path = write(tmp_path / f"out{suffix}", spectra)
    older = path.read_bytes()

    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=rf"out{suffix}: .*{advice}.*unchanged") as error:
        write(path, spectra, overwrite=True)
    assert error.value.errno == number
    assert path.read_bytes() == older
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_appeared_in_the_meantime_is_not_replaced(tmp_path, spectra, monkeypatch):
    path = tmp_path / "out.h5"
    monkeypatch.setattr(os, "fsync", lambda _: path.write_text("another's"))
    with pytest.raises(FileExistsError):
        write(path, spectra)
    assert path.read_text() == "another's"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_keeps_pointing_to_the_file_that_is_replaced(tmp_path, spectra):
    (tmp_path / "there").mkdir()
    target = write(tmp_path / "there" / "real.h5", spectra)
    link = tmp_path / "link.h5"
    try:
        link.symlink_to(target)
    except OSError as error:
        pytest.skip(f"this system makes no links: {error}")
    write(link, spectra.select(repeats=slice(0, 2)), overwrite=True)
    assert link.is_symlink()
    assert read(target).n_repeats == 2


def test_a_map_can_replace_the_file_that_it_is_read_from(tmp_path, make_image, monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
    image = make_image((2, 9, 8, 64))
    path = write(tmp_path / "map.h5", image)
    write(path, read(path).select(y=slice(0, 5)), overwrite=True)
    np.testing.assert_array_equal(read(path).counts.compute(), image.counts[:, :5])


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on file sizes")
@pytest.mark.parametrize("suffix", [".h5", ".tif"])
def test_a_disk_that_takes_no_more_is_an_error_and_no_crash(tmp_path, suffix):
    # In a process of its own: HDF5 used directly dies of a segmentation fault here.
    code = f"""
    import resource, numpy as np, napari_xrf_denoise as xrf
    image = xrf.SpectrumImage(
        np.random.default_rng(0).integers(0, 60000, (1, 50, 50, 200)).astype("u2"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    try:
        xrf.write({str(tmp_path / "out") + suffix!r}, image)
    except OSError as error:
        print(error)
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert f"out{suffix}: the file would be larger" in result.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only the superuser mounts a small disk"
)
@pytest.mark.parametrize("suffix", [".h5", ".tif", ".csv"])
def test_a_full_disk_is_an_error_and_leaves_the_older_file(tmp_path, suffix, make_image):
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a small disk cannot be mounted here: {error}")
    try:
        path = write(tmp_path / f"out{suffix}", make_image((3, 1, 1, 40)))
        older = path.read_bytes()
        noise = np.random.default_rng(0).integers(0, 60_000, (600, 1, 1, 1500), dtype=np.uint16)
        with pytest.raises(OSError, match=rf"out{suffix}: the disk is full.*free some space"):
            write(path, SpectrumImage(noise), overwrite=True)
        assert path.read_bytes() == older
        assert list(tmp_path.iterdir()) == [path]
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write everywhere"
)
def test_a_folder_that_may_not_be_written_is_named(tmp_path, spectra):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match=r"out\.h5: no permission to write in"):
            write(tmp_path / "out.h5", spectra)
    finally:
        tmp_path.chmod(0o700)


def test_names_with_spaces_and_umlauts_work(tmp_path, make_image, assert_same):
    image = make_image()
    path = write(tmp_path / "Probe 7 – Körner.h5", image)
    assert_same(read(path), image)
    with h5py.File(path) as file:
        assert file["entry/data/counts"].shape == image.shape
