import pickle

import numpy as np
import pytest

from napari_xrf_denoise import DataError, FormatError, read
from napari_xrf_denoise.core.errors import CalibrationWarning
from napari_xrf_denoise.core.lazy_arrays import is_on_disk
from napari_xrf_denoise.io import sniff

CUBE = (np.arange(50 * 3 * 4) % 199).astype(np.uint16).reshape(50, 3, 4)


def save(path, array=CUBE):
    np.save(path, array)
    return path


@pytest.mark.parametrize("axis", [0, -3])
def test_counts_come_in_the_axis_order_that_was_named(tmp_path, axis):
    image = read(
        save(tmp_path / "cube.npy"), energy_axis=axis, energy_offset=-0.1, energy_gain=0.01
    )
    assert image.shape == (1, 3, 4, 50)
    np.testing.assert_array_equal(image.counts[0], np.moveaxis(CUBE, 0, -1))
    assert (image.energy.offset, image.energy.gain) == (-0.1, 0.01)
    assert image.name == "cube"
    assert image.metadata["read_options"]["energy_gain"] == 0.01


def test_an_unnamed_energy_axis_is_asked_for_and_the_longest_only_suggested(tmp_path):
    path = save(tmp_path / "cube.npy")
    with pytest.raises(FormatError) as error:
        read(path)
    for part in (str(path), "(50, 3, 4)", "energy_axis=0", "--energy-axis 0"):
        assert part in str(error.value)


def test_a_picture_of_two_axes_is_no_spectrum_image_by_itself(tmp_path):
    with pytest.raises(FormatError, match=r"picture\.npy: .*energy_axis"):
        read(save(tmp_path / "picture.npy", CUBE[:, :, 0]))


def test_a_single_spectrum_has_only_one_axis_that_can_be_energy(tmp_path):
    with pytest.warns(CalibrationWarning):
        assert read(save(tmp_path / "spectrum.npy", CUBE[:, 0, 0])).shape == (1, 1, 1, 50)


def test_repeats_are_asked_for_where_axes_are_too_many(tmp_path):
    path = save(tmp_path / "four.npy", np.ones((5, 3, 4, 50), dtype=np.uint8))
    with pytest.raises(FormatError, match=r"\(5, 3, 4, 50\).*repeat_axis.*--repeat-axis"):
        read(path, energy_axis=-1)
    image = read(path, energy_axis=-1, repeat_axis=0, energy_gain=0.01, repeat_kind="frame")
    assert image.shape == (5, 3, 4, 50)
    assert image.repeat_kind == "frame"


@pytest.mark.parametrize("option", ["energy_axis", "repeat_axis"])
def test_an_axis_that_does_not_exist_is_refused(tmp_path, option):
    options = {"energy_axis": 0, option: 3}
    with pytest.raises(DataError, match=rf"cube\.npy: {option}=3 does not exist.*\(50, 3, 4\)"):
        read(save(tmp_path / "cube.npy"), **options)


def test_one_axis_cannot_be_energy_and_repeats(tmp_path):
    with pytest.raises(DataError, match="both energy and repeats"):
        read(save(tmp_path / "cube.npy"), energy_axis=0, repeat_axis=-3)


def test_large_arrays_stay_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 100)
    image = read(save(tmp_path / "cube.npy"), energy_axis=0, energy_gain=0.01)
    assert is_on_disk(image.counts)
    np.testing.assert_array_equal(image.sum_spectrum(), CUBE.sum(axis=(1, 2)))


def test_pickled_objects_are_never_loaded(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    np.save(tmp_path / "objects.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    with pytest.raises(FormatError, match=r"objects\.npy"):
        read(tmp_path / "objects.npy", energy_axis=0)
    (tmp_path / "pickle.npy").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(FormatError, match=r"pickle\.npy"):
        read(tmp_path / "pickle.npy", energy_axis=0)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("size", [3, 8, 40, 100, 200, 1000])
def test_a_file_cut_off_anywhere_is_refused(tmp_path, size):
    content = save(tmp_path / "cube.npy").read_bytes()
    path = tmp_path / "cut.npy"
    path.write_bytes(content[:size])
    with pytest.raises(FormatError, match=r"cut\.npy"):
        read(path, energy_axis=0)


def test_an_absurd_claim_is_refused_without_memory(tmp_path):
    content = save(tmp_path / "cube.npy").read_bytes()
    path = tmp_path / "huge.npy"
    path.write_bytes(content.replace(b"(50, 3, 4), }     ", b"(50000, 90000, 9)}"))
    with pytest.raises(FormatError, match=r"huge\.npy"):
        read(path, energy_axis=0)


@pytest.mark.parametrize("dtype", ["c8", "U3", "?", "M8[s]"])
def test_arrays_of_other_things_than_numbers_are_refused(tmp_path, dtype):
    path = save(tmp_path / "other.npy", np.zeros((4, 30), dtype=dtype))
    with pytest.raises(FormatError, match=r"other\.npy: expected counts"):
        read(path, energy_axis=1)


def test_bad_counts_name_the_file(tmp_path):
    counts = CUBE.astype(np.int16)
    counts[7, 1, 2] = -1
    path = save(tmp_path / "negative.npy", counts)
    with pytest.raises(DataError, match=r"negative\.npy: .*-1 at repeat 0, y 1, x 2, energy 7"):
        read(path, energy_axis=0)


def test_foreign_byte_order_becomes_this_machines(tmp_path):
    image = read(save(tmp_path / "big.npy", CUBE.astype(">u2")), energy_axis=0, energy_gain=0.01)
    assert image.counts.dtype.isnative
    np.testing.assert_array_equal(image.counts[0], np.moveaxis(CUBE, 0, -1))


def test_an_array_is_not_claimed(tmp_path):
    assert sniff(save(tmp_path / "cube.npy")) is None


def test_an_offset_alone_is_no_calibration(tmp_path):
    with pytest.raises(DataError, match=r"cube\.npy: energy_offset=0\.1 alone.*energy_gain"):
        read(save(tmp_path / "cube.npy"), energy_axis=0, energy_offset=0.1)


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_header_is_named_as_that(tmp_path, seed):
    path = save(tmp_path / "flip.npy")
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    # Behind the six bytes that say what the file is.
    for place in rng.integers(6, 100, 4):
        content[place] = int(rng.integers(256))
    path.write_bytes(content)
    try:
        read(path, energy_axis=0, energy_gain=0.01)
    except DataError as error:
        assert str(path) in str(error)


def test_an_array_larger_than_its_file_is_told_with_both_sizes(tmp_path):
    path = tmp_path / "huge.npy"
    header = {"descr": "<u2", "fortran_order": False, "shape": (10**6, 10**6, 4096)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(1000))
    # 8192 x 10^12 bytes are 7450.6 times 2^40; the header takes 128.
    with pytest.raises(FormatError, match=r"needs .*7450\.6 TiB.*has 1,128 bytes.*copy it again"):
        read(path, energy_axis=-1)
