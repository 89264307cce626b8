import subprocess
import sys

import numpy as np
import pytest
import tifffile

from napari_xrf_denoise import DataError, EnergyAxis, FormatError, SpectrumImage, read, write
from napari_xrf_denoise.core.errors import CalibrationWarning
from napari_xrf_denoise.core.lazy_arrays import is_on_disk
from napari_xrf_denoise.io import sniff

CUBE = (np.arange(60 * 8 * 9) % 199).astype(np.uint16).reshape(60, 8, 9)


def save(path, array=CUBE, **options):
    tifffile.imwrite(path, array, photometric="minisblack", **options)
    return path


@pytest.mark.parametrize("suffix", [".tif", ".tiff", ".ome.tif", ".ome.tiff"])
def test_everything_survives_a_round_trip(tmp_path, make_image, assert_same, suffix):
    image = make_image(
        repeat_kind="frame",
        pixel_size=(0.5, 0.25),
        pixel_unit="µm",
        name="grain <7> & ä",
        metadata={"live_time": 0.1, "note": 'quotes " and µ', "deep": {"list": [1, None]}},
    )
    path = write(tmp_path / f"map{suffix}", image)
    again = read(path)
    assert_same(again, image)
    assert again.metadata["deep"] == {"list": [1, None]}
    assert again.metadata["note"] == 'quotes " and µ'
    assert sniff(path) == "tiff"


@pytest.mark.parametrize(
    "shape",
    [(1, 1, 1, 30), (3, 1, 1, 30), (1, 1, 5, 30), (1, 5, 1, 30), (2, 3, 3, 1), (1, 4, 3, 4)],
)
def test_axes_of_length_one_or_of_colours_are_not_lost(tmp_path, make_image, assert_same, shape):
    image = make_image(shape)
    assert_same(read(write(tmp_path / "map.tif", image)), image)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4", "i4", "f4", "f8"])
def test_each_type_that_ome_knows_stays_what_it_is(tmp_path, make_image, assert_same, dtype):
    image = make_image((1, 2, 3, 20), dtype=dtype)
    assert_same(read(write(tmp_path / "map.tif", image)), image)


def test_factored_counts_become_a_stack(tmp_path, factored, assert_same):
    counts, full = factored
    energy = EnergyAxis(0.0, 0.01, 8)
    again = read(write(tmp_path / "map.tif", SpectrumImage(counts, energy, name="map")))
    assert_same(again, SpectrumImage(full, energy, name="map"))


def test_whole_counts_beyond_omes_integers_are_refused_and_smaller_ones_fit(tmp_path, make_image):
    image = make_image((1, 2, 3, 20), dtype=np.uint64)
    assert read(write(tmp_path / "fits.tif", image)).counts.dtype == np.uint32
    large = image.replace(counts=np.asarray(image.counts) + np.uint64(2**40))
    with pytest.raises(DataError, match=r"large\.tif: .*4294967295.*\.h5"):
        write(tmp_path / "large.tif", large)
    assert not (tmp_path / "large.tif").exists()


def test_irregular_energies_survive_exactly(tmp_path, make_image, assert_same):
    energy = EnergyAxis.from_centers(0.1 + 0.01 * np.arange(64) ** 1.1)
    image = make_image((1, 2, 2, 64), energy=energy)
    assert_same(read(write(tmp_path / "map.tif", image)), image)


def test_other_programs_see_an_ome_stack_of_energies_with_its_pixel_size(tmp_path, make_image):
    path = write(tmp_path / "map.ome.tif", make_image(pixel_size=(0.5, 0.25), pixel_unit="um"))
    with tifffile.TiffFile(path) as tif:
        assert tif.is_ome
        series = tif.series[0]
        assert series.shape == (2, 40, 3, 4)
        assert series.axes == "TEYX"  # E: "lambda", a spectrum, along Z
        pixels = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]
    assert pixels["SizeZ"] == 40
    assert pixels["SizeC"] == 1
    assert pixels["SizeT"] == 2
    assert (pixels["PhysicalSizeY"], pixels["PhysicalSizeX"]) == (0.5, 0.25)
    assert pixels["PhysicalSizeXUnit"] == "µm"


def test_planes_are_where_any_tiff_reader_looks_for_them(tmp_path, make_image):
    image = make_image()
    path = write(tmp_path / "map.tif", image)
    with tifffile.TiffFile(path) as tif:
        plane = tif.pages[1 * 40 + 17].asarray()
    np.testing.assert_array_equal(plane, np.asarray(image.counts)[1, :, :, 17])


@pytest.mark.parametrize("options", [{}, {"metadata": None}, {"imagej": False}])
def test_a_plain_stack_asks_for_its_energy_axis(tmp_path, options):
    path = save(tmp_path / "stack.tif", **options)
    with pytest.raises(FormatError, match=r"stack\.tif: .*\(60, 8, 9\).*--energy-axis 0"):
        read(path)
    image = read(path, energy_axis=0, energy_gain=0.01)
    np.testing.assert_array_equal(image.counts[0], np.moveaxis(CUBE, 0, -1))


def test_a_plain_picture_is_left_to_others(tmp_path):
    path = save(tmp_path / "photo.tif", CUBE[0])
    assert sniff(path) is None
    with pytest.raises(FormatError, match=r"photo\.tif: .*single image"):
        read(path)
    assert sniff(save(tmp_path / "stack.tif")) is None


def test_imagej_channels_are_the_energy_and_its_calibration_the_pixel_size(tmp_path):
    path = save(
        tmp_path / "ij.tif",
        imagej=True,
        resolution=(4.0, 2.0),
        metadata={"axes": "CYX", "unit": "um"},
    )
    with pytest.warns(CalibrationWarning):
        image = read(path)
    assert image.shape == (1, 8, 9, 60)
    assert image.pixel_size == pytest.approx((0.5, 0.25))
    assert image.pixel_unit == "µm"


def test_ome_channels_are_the_energy_and_physical_sizes_are_kept(tmp_path):
    path = save(
        tmp_path / "theirs.ome.tif",
        metadata={
            "axes": "CYX",
            "PhysicalSizeX": 3.0,
            "PhysicalSizeXUnit": "nm",
            "PhysicalSizeY": 2.0,
            "PhysicalSizeYUnit": "nm",
        },
    )
    image = read(path, energy_offset=-0.1, energy_gain=0.01)
    assert image.shape == (1, 8, 9, 60)
    assert image.pixel_size == (2.0, 3.0)
    assert image.pixel_unit == "nm"
    assert image.energy.offset == -0.1


def test_an_ome_stack_in_depth_is_not_taken_for_a_spectrum(tmp_path):
    path = save(tmp_path / "depth.ome.tif", metadata={"axes": "ZYX"})
    with pytest.raises(FormatError, match="energy_axis"):
        read(path)


def test_a_few_colours_are_not_taken_for_a_spectrum(tmp_path):
    path = save(tmp_path / "colours.ome.tif", CUBE[:4], metadata={"axes": "CYX"})
    with pytest.raises(FormatError, match="energy_axis"):
        read(path)


def test_large_stacks_are_mapped_from_disk(tmp_path, make_image, monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
    own = make_image()
    image = read(write(tmp_path / "own.tif", own))
    assert is_on_disk(image.counts)
    np.testing.assert_array_equal(image.counts, own.counts)
    assert is_on_disk(read(save(tmp_path / "stack.tif"), energy_axis=0, energy_gain=1).counts)


def test_compressed_planes_are_unpacked(tmp_path):
    path = save(tmp_path / "packed.tif", compression="zlib")
    image = read(path, energy_axis=0, energy_gain=0.01)
    np.testing.assert_array_equal(image.counts[0], np.moveaxis(CUBE, 0, -1))


def test_a_stack_larger_than_memory_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.physical_memory", lambda: 1000)
    path = save(tmp_path / "packed.tif", compression="zlib")
    with pytest.raises(DataError, match=r"packed\.tif: shape \(60, 8, 9\): needs .* memory"):
        read(path, energy_axis=0)


def test_foreign_byte_order_becomes_this_machines(tmp_path):
    path = save(tmp_path / "big.tif", byteorder=">")
    image = read(path, energy_axis=0, energy_gain=0.01)
    assert image.counts.dtype.isnative
    np.testing.assert_array_equal(image.counts[0], np.moveaxis(CUBE, 0, -1))


@pytest.mark.parametrize("share", [0.0005, 0.01, 0.1, 0.5, 0.8, 0.9, 0.95, 0.999])
@pytest.mark.parametrize(
    "options",
    [
        {"metadata": None},
        {},
        {"imagej": True},
        {"compression": "zlib"},
        {"ome": True, "metadata": {"axes": "CYX"}},
        {"own": True},
    ],
    ids=["plain", "shaped", "imagej", "packed", "ome", "own"],
)
def test_a_file_cut_off_anywhere_never_gives_part_of_the_counts(
    tmp_path, make_image, options, share
):
    if "own" in options:
        whole = write(tmp_path / "whole.tif", make_image((2, 8, 9, 60)))
    else:
        whole = save(tmp_path / "whole.tif", **options)
    content = whole.read_bytes()
    path = tmp_path / "cut.tif"
    path.write_bytes(content[: int(len(content) * share)])
    if share < 0.99:
        with pytest.raises(FormatError, match=r"cut\.tif"):
            read(path, energy_axis=0, energy_gain=0.01)
        return
    # A few bytes short, only the end of the last directory may be missing, and no counts.
    try:
        image = read(path, energy_axis=0, energy_gain=0.01)
    except FormatError as error:
        assert "cut.tif" in str(error)
    else:
        np.testing.assert_array_equal(image.counts[0], np.moveaxis(CUBE, 0, -1))


def test_an_ome_file_whose_planes_lie_elsewhere_is_refused(tmp_path):
    whole = save(tmp_path / "whole.ome.tif", metadata={"axes": "CYX"})
    description = tifffile.tiffcomment(whole).replace('SizeC="60"', 'SizeC="90"')
    path = save(tmp_path / "part.tif", description=description, metadata=None)
    with pytest.raises(FormatError, match=r"part\.tif: .*90 planes.*30 missing"):
        read(path, energy_axis=0)


def test_damaged_provenance_is_named(tmp_path, make_image):
    path = write(tmp_path / "map.tif", make_image())
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"repeat_kind"', b'"repeat_kinX"'))
    with pytest.raises(FormatError, match=r"map\.tif: .*record.*repeat_kind"):
        read(path)


def test_several_pictures_in_one_file_are_pointed_out(tmp_path):
    path = tmp_path / "two.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(CUBE, photometric="minisblack")
        writer.write(CUBE[:, :4], photometric="minisblack")
    with pytest.warns(UserWarning, match=r"two\.tif: the file holds 2 images"):
        image = read(path, energy_axis=0, energy_gain=0.01)
    assert image.shape == (1, 8, 9, 60)
    assert any("2 images" in text for text in image.metadata["warnings"])


def test_uncalibrated_images_stay_uncalibrated(tmp_path, make_image):
    path = write(tmp_path / "map.tif", make_image(energy=None))
    with pytest.warns(CalibrationWarning):
        assert not read(path).energy.calibrated


def test_a_memory_mapped_stack_can_be_written_again(tmp_path, make_image, monkeypatch, assert_same):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
    image = make_image()
    mapped = read(write(tmp_path / "first.tif", image))
    assert_same(read(write(tmp_path / "second.h5", mapped)), image)


def test_results_of_one_repeat_keep_float32(tmp_path, assert_same):
    counts = np.random.default_rng(0).gamma(1, 1, (1, 4, 5, 33)).astype(np.float32)
    image = SpectrumImage(counts, EnergyAxis(0, 0.01, 33), name="result")
    assert_same(read(write(tmp_path / "result.ome.tif", image)), image)


def test_damaged_tags_are_an_error_and_nothing_is_printed(tmp_path):
    path = save(tmp_path / "flip.tif")
    content = bytearray(path.read_bytes())
    # The first directory begins behind the header of 8 bytes and its number of tags; each tag has
    # 12 bytes, of which the third and fourth are the type of its value.
    for tag in range(3, 9):
        content[8 + 2 + 12 * tag + 2] = 255
    path.write_bytes(content)
    code = f"from napari_xrf_denoise import read; read({str(path)!r}, energy_axis=0)"
    process = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True
    )
    assert process.stdout == ""
    assert process.stderr.startswith("Traceback")
    last = process.stderr.strip().splitlines()[-1]
    assert "FormatError" in last
    assert "flip.tif" in last
    assert "operand" not in last


def test_a_file_that_ends_within_a_directory_is_called_cut_off(tmp_path, make_image):
    whole = write(tmp_path / "whole.tif", make_image((1, 8, 9, 60))).read_bytes()
    path = tmp_path / "cut.tif"
    for end in range(len(whole) - 900, len(whole) - 500):  # directories stand behind the counts
        path.write_bytes(whole[:end])
        with pytest.raises(FormatError, match=r"cut\.tif: .*(?:cut off|missing)") as error:
            read(path)
        assert "unpack" not in str(error.value)
