import sys

import h5py
import numpy as np
import pytest

from napari_xrf_denoise import DataError, FormatError, MissingDependencyError, SettingsError, read
from napari_xrf_denoise.core.errors import CalibrationWarning
from napari_xrf_denoise.core.lazy_arrays import is_dask
from napari_xrf_denoise.io import sniff
from napari_xrf_denoise.io.hdf5 import file as _hdf5
from napari_xrf_denoise.io.hdf5.file import SafeSink

CUBE = (np.arange(60 * 5 * 7) % 199).astype(np.int16).reshape(60, 5, 7)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        file["raw/counts"] = CUBE
        file["raw/dead"] = np.ones((5, 7), dtype=np.float32)
        file["raw/line"] = CUBE[:, 0, 0]
        file["raw/note"] = "text"
        file["raw/other"] = CUBE[:, :4]
    return path


def test_the_datasets_to_choose_from_are_named_with_shapes(path):
    with pytest.raises(FormatError) as error:
        read(path)
    for part in (str(path), "dataset=", "--dataset", "/raw/counts (60, 5, 7)", "/raw/dead (5, 7)"):
        assert part in str(error.value)
    assert "/raw/note" not in str(error.value)


def test_a_named_dataset_is_read_in_the_named_order(path):
    image = read(path, dataset="/raw/counts", energy_axis=0, energy_gain=0.01)
    np.testing.assert_array_equal(image.counts[0], np.moveaxis(CUBE, 0, -1))
    assert image.counts.dtype == np.int16


def test_a_missing_calibration_is_a_warning(path):
    with pytest.warns(CalibrationWarning):
        image = read(path, dataset="raw/counts", energy_axis=0)
    assert (image.energy.offset, image.energy.gain, image.energy.calibrated) == (0.0, 1.0, False)


def test_the_energy_axis_of_a_named_dataset_is_asked_for(path):
    with pytest.raises(FormatError, match=r"scan\.h5, dataset /raw/counts: .*--energy-axis 0"):
        read(path, dataset="/raw/counts")


def test_one_line_of_numbers_is_one_spectrum(path):
    assert read(path, dataset="/raw/line", energy_gain=0.01).shape == (1, 1, 1, 60)


@pytest.mark.parametrize("name", ["/raw", "/nothing", "/raw/note"])
def test_what_is_no_dataset_of_counts_is_refused_with_the_choice(path, name):
    with pytest.raises(FormatError, match=rf"dataset {name}: expected .*/raw/counts"):
        read(path, dataset=name)


def test_several_datasets_are_repeats(shared_data):
    names = [f"/MAPS_RAW/data_{letter}" for letter in "abcd"]
    image = read(
        shared_data / "2xfm_0011_2xfm3__0.h5",
        dataset=names,
        energy_axis=0,
        repeat_kind="detector",
        energy_offset=-0.00418,
        energy_gain=0.0095216,
    )
    assert image.shape == (4, 11, 9, 2048)
    assert image.repeat_kind == "detector"
    with h5py.File(shared_data / "2xfm_0011_2xfm3__0.h5") as file:
        np.testing.assert_array_equal(image.counts[2], np.moveaxis(file[names[2]][()], 0, -1))


def test_repeats_of_different_shape_are_refused_by_name(path):
    with pytest.raises(DataError, match=r"scan\.h5: .*/raw/counts is \(60, 5, 7\), /raw/other is"):
        read(path, dataset=["/raw/counts", "/raw/other"], energy_axis=0)


def test_several_datasets_leave_no_place_for_a_repeat_axis(path):
    with pytest.raises(SettingsError, match="repeat_axis"):
        read(path, dataset=["/raw/counts", "/raw/counts"], energy_axis=0, repeat_axis=1)


def test_a_file_without_counts_says_so(tmp_path):
    path = tmp_path / "motors.h5"
    with h5py.File(path, "w") as file:
        file["motor"] = 3.5
    with pytest.raises(FormatError, match=r"motors\.h5: .*no dataset of numbers"):
        read(path)
    assert sniff(path) is None


def test_a_dataset_that_was_never_filled_is_refused(tmp_path):
    path = tmp_path / "stopped.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("counts", (20, 30, 512), dtype="u2", chunks=(1, 30, 512))
    with pytest.raises(FormatError, match=r"stopped\.h5, dataset /counts: .*never filled"):
        read(path, dataset="counts", energy_axis=-1)


def test_an_absurd_claim_is_refused_without_memory(tmp_path):
    path = tmp_path / "absurd.h5"
    with h5py.File(path, "w") as file:
        counts = file.create_dataset("counts", (10**6, 10**6, 4096), "u4", chunks=(1, 1, 4096))
        counts[0, 0] = 1
    with pytest.raises(FormatError, match=r"absurd\.h5.*claims shape \(1000000, 1000000, 4096\)"):
        read(path, dataset="counts", energy_axis=-1)


def test_a_virtual_dataset_without_its_files_is_not_read_as_zeros(tmp_path):
    with h5py.File(tmp_path / "part.h5", "w") as file:
        file["counts"] = CUBE
    layout = h5py.VirtualLayout(CUBE.shape, CUBE.dtype)
    layout[:] = h5py.VirtualSource("part.h5", "counts", CUBE.shape)
    path = tmp_path / "master.h5"
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("counts", layout)
    assert read(path, dataset="counts", energy_axis=0, energy_gain=1).counts.sum() == CUBE.sum()
    (tmp_path / "part.h5").unlink()
    with pytest.raises(FormatError, match=r"master\.h5.*part\.h5, which is missing"):
        read(path, dataset="counts", energy_axis=0)


def test_large_datasets_are_lazy_in_any_axis_order(path, monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
    image = read(path, dataset="/raw/counts", energy_axis=0, energy_gain=0.01)
    assert is_dask(image.counts)
    assert image.shape == (1, 5, 7, 60)
    np.testing.assert_array_equal(image.counts.compute()[0], np.moveaxis(CUBE, 0, -1))


def test_lazy_repeats_are_stacked_lazily(path, monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
    image = read(path, dataset=["/raw/counts"] * 2, energy_axis=0, energy_gain=0.01)
    assert is_dask(image.counts)
    assert image.shape == (2, 5, 7, 60)


def test_foreign_byte_order_becomes_this_machines(tmp_path, monkeypatch):
    path = tmp_path / "big.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("counts", data=CUBE.astype(">i2"))
    options = {"dataset": "counts", "energy_axis": 0, "energy_gain": 0.01}
    assert read(path, **options).counts.dtype.isnative
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
    lazy = read(path, **options).counts
    assert lazy.dtype.isnative
    np.testing.assert_array_equal(lazy.compute()[0], np.moveaxis(CUBE, 0, -1))


def test_a_damaged_chunk_is_named(tmp_path):
    path = tmp_path / "damaged.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("counts", data=CUBE, compression="gzip", chunks=CUBE.shape)
        offset = file["counts"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[offset : offset + 40] = bytes(40)
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"damaged\.h5, dataset /counts: .*damaged"):
        read(path, dataset="counts", energy_axis=0)


def test_our_own_file_can_be_read_as_plain_hdf5_too(tmp_path, make_image):
    from napari_xrf_denoise import write

    path = write(tmp_path / "own.h5", make_image())
    image = read(path, dataset="/entry/data/counts", energy_axis=2, repeat_axis=0, energy_gain=1)
    assert image.shape == (2, 3, 40, 4)


def test_a_sink_keeps_the_first_error_and_lets_hdf5_close(tmp_path):
    class Full:
        def __getattr__(self, name):
            return getattr(self.file, name)

        def __init__(self, file):
            self.file, self.room = file, 20_000

        def write(self, content):
            self.room -= len(content)
            if self.room < 0:
                raise OSError(28, "No space left on device")
            return self.file.write(content)

    with SafeSink(tmp_path / "full.h5") as sink:
        sink._file = Full(sink._file)
        with h5py.File(sink, "w") as file:
            file["counts"] = np.arange(100_000)
        with pytest.raises(OSError, match="No space left"):
            sink.check()


def test_a_compression_that_is_not_installed_says_what_to_install(path, monkeypatch):
    monkeypatch.setattr("h5py.h5z.filter_avail", lambda code: False)
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    with h5py.File(path, "r+") as file:
        file.create_dataset("packed", data=CUBE, compression="gzip")
    with pytest.raises(MissingDependencyError, match=r"dataset /packed: .*deflate.*; pip install"):
        read(path, dataset="packed", energy_axis=0)


def test_counts_packed_with_bitshuffle_are_read(path):
    hdf5plugin = pytest.importorskip("hdf5plugin", reason="needs hdf5plugin")
    with h5py.File(path, "r+") as file:
        file.create_dataset("packed", data=CUBE, **hdf5plugin.Bitshuffle())
    image = read(path, dataset="packed", energy_axis=0, energy_gain=0.01)
    np.testing.assert_array_equal(image.counts[0], np.moveaxis(CUBE, 0, -1))


@pytest.mark.parametrize(
    ("chunks", "lazy"), [((1, 20, 30), False), ((40, 2, 30), True), (None, True)]
)
def test_maps_stored_picture_by_picture_are_unpacked_once(tmp_path, monkeypatch, chunks, lazy):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(_hdf5, "_LAZY_BLOCK_BYTES", 2 * 40 * 30 * 2)
    counts = np.random.default_rng(0).poisson(3, (40, 20, 30)).astype(np.uint16)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("counts", data=counts, chunks=chunks)
    image = read(tmp_path / "a.h5", dataset="counts", energy_axis=0, energy_gain=0.01)
    assert is_dask(image.counts) == lazy
    np.testing.assert_array_equal(image.counts[0], counts.transpose(1, 2, 0))


def test_a_single_number_is_no_dataset_of_counts(path):
    with h5py.File(path, "r+") as file:
        file["monitor"] = 3.0
    with pytest.raises(FormatError, match=r"dataset /monitor: .*1 to 4 axes.*a single number"):
        read(path, dataset="monitor")


def test_datasets_of_more_axes_than_counts_have_are_named_with_their_shape(tmp_path):
    path = tmp_path / "five.h5"
    with h5py.File(path, "w") as file:
        file["counts"] = CUBE[None, None]
    for options in ({}, {"dataset": "counts"}):
        with pytest.raises(FormatError, match=r"4 axes.*\(1, 1, 60, 5, 7\).*one map"):
            read(path, **options)


def test_an_empty_dataset_is_told_from_one_of_another_shape(path):
    with h5py.File(path, "r+") as file:
        file["none"] = CUBE[:0]
    with pytest.raises(FormatError, match=r"shape \(0, 5, 7\), which holds none.*stopped"):
        read(path, dataset="none", energy_axis=-1)


@pytest.mark.parametrize("n_written", [1, 3])
def test_a_dataset_of_which_hardly_a_chunk_was_written_is_refused_at_once(tmp_path, n_written):
    path = tmp_path / "hardly.h5"
    with h5py.File(path, "w") as file:
        counts = file.create_dataset(
            "counts", (3000, 3000, 4096), "u2", chunks=(32, 32, 64), compression="gzip"
        )
        counts[: 32 * n_written, :32, :64] = 1
    # 94 x 94 x 64 chunks, of which one or three were written.
    with pytest.raises(
        FormatError, match=r"\(3000, 3000, 4096\), 68\.7 GiB.*99\.99 % of its chunks"
    ):
        read(path, dataset="counts", energy_axis=-1)


def test_counts_that_compress_well_are_not_taken_for_unwritten(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io.hdf5.file._FEWEST_WRITTEN", 0.01)
    path = tmp_path / "dark.h5"
    dark = np.zeros((40, 50, 512), dtype=np.uint16)
    dark[3, 4, 100] = 1
    with h5py.File(path, "w") as file:
        file.create_dataset("counts", data=dark, chunks=(10, 50, 512), compression="gzip")
        assert file["counts"].id.get_storage_size() < 0.01 * dark.nbytes
    assert read(path, dataset="counts", energy_axis=-1, energy_gain=0.01).counts.sum() == 1


def test_an_unknown_compression_without_a_name_is_given_by_its_number(path):
    with h5py.File(path, "r+") as file:
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_chunk((60, 5, 7))
        creation.set_filter(31999, h5py.h5z.FLAG_OPTIONAL, (1,))
        space = h5py.h5s.create_simple(CUBE.shape)
        dataset = h5py.h5d.create(file.id, b"odd", h5py.h5t.STD_I16LE, space, creation)
        dataset.write_direct_chunk((0, 0, 0), CUBE.tobytes(), 0)
    expected = (FormatError, MissingDependencyError)
    with pytest.raises(expected, match=r"compressed with filter 31999[,;]"):
        read(path, dataset="odd", energy_axis=0)
