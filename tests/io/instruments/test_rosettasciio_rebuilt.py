"""JEOL, Velox and Phenom files, which need more packages than RosettaSciIO alone, open with the
extra ``formats``; each is rebuilt here from counts that the test knows.
"""

import subprocess
import sys

import numpy as np
import pytest

from napari_xrf_denoise import FormatError, MissingDependencyError, read
from napari_xrf_denoise.io import sniff
from tests.helpers import vendor_files
from tests.helpers.reading_process import ReadingProcess

EXTRA = 'needs pip install "napari-xrf-denoise[formats]"'

pytest.importorskip("rsciio", reason=EXTRA)
pytest.importorskip("sparse", reason=EXTRA)
pytest.importorskip("numba", reason=EXTRA)
imagecodecs = pytest.importorskip("imagecodecs", reason=EXTRA)


def scattered(shape, n_photons, seed):
    """Return counts of photons that fell anywhere; no two axes of theirs look alike."""
    counts = np.zeros(shape, dtype=np.int64)
    rng = np.random.default_rng(seed)
    np.add.at(counts, tuple(rng.integers(0, size, n_photons) for size in shape), 1)
    return counts


@pytest.fixture(scope="module")
def sweeps():
    """Two sweeps over a JEOL map, whose pixels are always as many in y as in x."""
    counts = scattered((2, 16, 16, 4096), 3000, seed=0)
    counts[1, 2, 5, 736] += 300  # more than 8 bits hold
    return counts


@pytest.fixture(scope="module")
def elements():
    """Three detector elements and two frames over a Velox map."""
    return scattered((3, 2, 5, 6, 512), 2000, seed=1)


@pytest.fixture(scope="module")
def phenom_map():
    counts = scattered((4, 5, 256), 1500, seed=2)
    counts[1, 3, 70] = 20_000  # three groups of seven bits
    return counts


def test_sweeps_of_a_jeol_map_are_repeats_of_the_counts_that_were_written(tmp_path, sweeps):
    path = vendor_files.write_jeol(tmp_path / "map.pts", sweeps)
    assert sniff(path) == "vendor"
    image = read(path)
    assert image.repeat_kind == "frame"
    np.testing.assert_array_equal(image.counts, sweeps)
    assert image.metadata["warnings"] == []
    assert image.metadata["real_time"] == 36.5


def test_the_energies_of_a_jeol_map_begin_below_zero(tmp_path, sweeps):
    image = read(vendor_files.write_jeol(tmp_path / "map.pts", sweeps))
    # CoefB is the energy of the channel DigZ, 96 here, and CoefA the width of a channel.
    assert image.energy.centers[96] == pytest.approx(-0.0008)
    assert image.energy.centers[736] == pytest.approx(-0.0008 + 640 * 0.01)
    assert image.energy.calibrated


def test_the_pixels_of_a_jeol_map_follow_from_its_magnification(tmp_path, sweeps):
    image = read(vendor_files.write_jeol(tmp_path / "map.pts", sweeps))
    # 178 mm of a picture magnified 40,000 times are 4.45 µm, over 16 pixels.
    assert image.pixel_size == pytest.approx((4.45 / 16, 4.45 / 16))
    assert image.pixel_unit == "µm"


def test_a_jeol_map_keeps_its_counts_beside_the_signal_of_electrons(tmp_path, sweeps):
    picture = np.arange(256).reshape(16, 16)
    path = vendor_files.write_jeol(tmp_path / "map.pts", sweeps, sem_signal=picture)
    np.testing.assert_array_equal(read(path).counts, sweeps)


def test_an_unfinished_last_sweep_is_left_out(tmp_path, sweeps):
    path = vendor_files.write_jeol(tmp_path / "map.pts", sweeps, unfinished=9)
    np.testing.assert_array_equal(read(path).counts, sweeps)


def test_a_jeol_map_of_one_sweep_is_one_repeat(tmp_path, sweeps):
    image = read(vendor_files.write_jeol(tmp_path / "map.pts", sweeps[:1]))
    np.testing.assert_array_equal(image.counts, sweeps[:1])
    assert image.repeat_kind == "scan"
    assert image.pixel_size == pytest.approx((4.45 / 16, 4.45 / 16))


def test_sweeps_are_summed_when_asked_for(tmp_path, sweeps):
    path = vendor_files.write_jeol(tmp_path / "map.pts", sweeps)
    image = read(path, repeat_kind="detector")
    np.testing.assert_array_equal(image.counts, sweeps.sum(axis=0, keepdims=True))


def test_frames_of_a_velox_map_are_repeats_with_elements_summed(tmp_path, elements):
    path = vendor_files.write_velox(tmp_path / "map.emd", elements)
    assert sniff(path) == "vendor"
    image = read(path)
    assert image.repeat_kind == "frame"
    np.testing.assert_array_equal(image.counts, elements.sum(axis=0))


def test_elements_of_a_velox_map_are_repeats_when_asked_for(tmp_path, elements):
    path = vendor_files.write_velox(tmp_path / "map.emd", elements)
    image = read(path, repeat_kind="detector")
    assert image.repeat_kind == "detector"
    np.testing.assert_array_equal(image.counts, elements.sum(axis=1))


def test_elements_of_a_velox_map_of_one_frame_are_repeats(tmp_path, elements):
    image = read(vendor_files.write_velox(tmp_path / "map.emd", elements[:, :1]))
    assert image.repeat_kind == "detector"
    np.testing.assert_array_equal(image.counts, elements[:, 0])


def test_one_element_and_one_frame_of_velox_are_one_repeat(tmp_path, elements):
    image = read(vendor_files.write_velox(tmp_path / "map.emd", elements[:1, :1]))
    np.testing.assert_array_equal(image.counts, elements[0, :1])


def test_energies_and_pixels_of_a_velox_map(tmp_path, elements):
    image = read(vendor_files.write_velox(tmp_path / "map.emd", elements))
    np.testing.assert_allclose(image.energy.centers, -0.25 + 0.01 * np.arange(512))
    assert image.pixel_size == pytest.approx((3.6, 3.6))
    assert image.pixel_unit == "nm"


def test_electron_energy_losses_beside_the_x_rays_are_left_out(tmp_path, elements):
    losses = np.ones((5, 6, 40), dtype=np.uint16)
    path = vendor_files.write_velox(tmp_path / "map.emd", elements, eels=losses)
    np.testing.assert_array_equal(read(path).counts, elements.sum(axis=0))
    # Without the axis of frames both have three axes.
    image = read(path, repeat_kind="detector")
    np.testing.assert_array_equal(image.counts, elements.sum(axis=1))
    assert image.metadata["warnings"] == []


def test_the_map_of_a_phenom_file_is_read(tmp_path, phenom_map):
    path = vendor_files.write_phenom(tmp_path / "map.elid", phenom_map)
    assert sniff(path) == "vendor"
    image = read(path)
    np.testing.assert_array_equal(image.counts, phenom_map[None])
    assert image.metadata["warnings"] == []


def test_energies_and_pixels_of_a_phenom_map(tmp_path, phenom_map):
    image = read(vendor_files.write_phenom(tmp_path / "map.elid", phenom_map))
    np.testing.assert_allclose(image.energy.centers, -0.0365 + 0.0099 * np.arange(256))
    # The picture is 20 pixels of 0.5 µm wide and high; the map covers it with 4 rows and 5 columns.
    assert image.pixel_size == pytest.approx((2.5, 2.0))
    assert image.pixel_unit == "µm"


def test_the_rebuilt_picture_is_compressed_as_tiff_says():
    values = bytes(range(256)) * 3
    assert imagecodecs.lzw_decode(vendor_files.lzw(values)) == values


WITHOUT = """
import sys
sys.modules[sys.argv[1]] = None  # as if it were not installed
from napari_xrf_denoise import MissingDependencyError, read
try:
    read(sys.argv[2])
except MissingDependencyError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("package", "suffix"),
    [
        ("numba", ".pts"),
        ("sparse", ".pts"),
        ("numba", ".emd"),
        ("sparse", ".emd"),
        ("imagecodecs", ".elid"),
    ],
)
def test_a_package_that_is_missing_is_named(
    tmp_path, sweeps, elements, phenom_map, package, suffix
):
    path = tmp_path / f"map{suffix}"
    if suffix == ".pts":
        vendor_files.write_jeol(path, sweeps)
    elif suffix == ".emd":
        vendor_files.write_velox(path, elements)
    else:
        vendor_files.write_phenom(path, phenom_map)
    command = [sys.executable, "-c", WITHOUT, package, str(path)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed.splitlines()[-1] == (
        f"{path}: RosettaSciIO needs the package {package} for {suffix} files; "
        'pip install "napari-xrf-denoise[formats]"'
    )


def test_a_phenom_picture_without_compression_needs_no_imagecodecs(tmp_path, phenom_map):
    path = vendor_files.write_phenom(tmp_path / "map.elid", phenom_map, compression="none")
    command = [sys.executable, "-c", WITHOUT, "imagecodecs", str(path)]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == ""


def test_a_package_that_does_not_load_is_no_damaged_file(tmp_path, phenom_map, monkeypatch):
    def file_reader(*_, **__):
        raise ImportError("Numba needs NumPy 2.3 or less")

    monkeypatch.setattr("rsciio.phenom.file_reader", file_reader)
    path = vendor_files.write_phenom(tmp_path / "map.elid", phenom_map)
    with pytest.raises(
        MissingDependencyError,
        match=r"RosettaSciIO needs for \.elid files cannot be imported \(Numba needs NumPy 2\.3",
    ):
        read(path)


@pytest.fixture(scope="module")
def process():
    with ReadingProcess() as running:
        yield running


@pytest.mark.parametrize("suffix", [".pts", ".emd", ".elid"])
def test_a_file_cut_anywhere_is_an_error_of_ours_at_worst(
    tmp_path, process, sweeps, elements, phenom_map, suffix
):
    path = tmp_path / f"map{suffix}"
    if suffix == ".pts":
        vendor_files.write_jeol(path, sweeps)
    elif suffix == ".emd":
        vendor_files.write_velox(path, elements)
    else:
        vendor_files.write_phenom(path, phenom_map)
    content = path.read_bytes()
    for place in np.linspace(0, len(content) - 1, 10).astype(int):
        path.write_bytes(content[:place])
        kind, what = process.read(path)
        assert kind in ("read", "refused"), f"{kind}: {what}"
        if kind == "refused":
            assert str(path) in what


# Its reader would wait for the rest for ever.
@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_phenom_file_cut_off_is_said_to_be(tmp_path, phenom_map, share):
    path = vendor_files.write_phenom(tmp_path / "cut.elid", phenom_map)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(FormatError, match=r"cut\.elid: expected .* with an end.*it was cut off"):
        read(path)


def test_a_phenom_file_with_altered_bytes_is_said_to_be_damaged(tmp_path, phenom_map):
    path = vendor_files.write_phenom(tmp_path / "altered.elid", phenom_map)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"altered\.elid: cannot be unpacked .*damaged"):
        read(path)
