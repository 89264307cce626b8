from pathlib import Path

import numpy as np
import pytest

from napari_xrf_denoise import DataError, EnergyAxis, FormatError, read, write
from napari_xrf_denoise.io.base import contents as _found
from napari_xrf_denoise.io.base.contents import FileContents, build
from napari_xrf_denoise.io.options import ReadOptions


@pytest.fixture
def calibrated(tmp_path, make_image):
    return write(tmp_path / "map.h5", make_image(energy=EnergyAxis(-0.02, 0.01, 40)))


@pytest.mark.parametrize(
    ("options", "offset", "gain"),
    [
        ({}, -0.02, 0.01),
        ({"energy_offset": 0.5}, 0.5, 0.01),
        ({"energy_gain": 0.02}, -0.02, 0.02),
        ({"energy_offset": 0.5, "energy_gain": 0.02}, 0.5, 0.02),
        ({"energy_offset": 0.0}, 0.0, 0.01),
    ],
)
def test_a_given_calibration_wins_and_the_rest_stays(calibrated, options, offset, gain):
    energy = read(calibrated, **options).energy
    assert energy.calibrated
    assert (energy.offset, energy.gain) == pytest.approx((offset, gain), abs=1e-12)


def test_what_was_given_is_on_record(calibrated):
    metadata = read(calibrated, energy_gain=0.02, repeat_kind="frame").metadata
    assert metadata["read_options"] == {"energy_gain": 0.02, "repeat_kind": "frame"}
    assert "read_options" not in read(calibrated).metadata


def test_a_given_offset_moves_an_irregular_axis_as_a_whole(tmp_path, make_image):
    centers = 0.1 + 0.01 * np.arange(40) ** 1.2
    path = write(tmp_path / "bent.h5", make_image(energy=EnergyAxis.from_centers(centers)))
    before = read(path).energy
    after = read(path, energy_offset=before.offset + 0.25).energy
    np.testing.assert_allclose(after.centers, centers + 0.25)


def test_a_calibration_does_not_move_to_another_axis(tmp_path, make_image):
    path = write(tmp_path / "map.h5", make_image((2, 3, 40, 40)))
    with pytest.warns(UserWarning, match="no energy calibration"):
        image = read(path, energy_axis=2)
    assert not image.energy.calibrated
    # The third axis was x: nothing is known of the distance along the axis in its place.
    assert (image.pixel_size, image.pixel_unit) == ((1.0, 1.0), "pixel")


def test_the_kind_of_repeats_can_be_given(calibrated):
    assert read(calibrated, repeat_kind="detector").repeat_kind == "detector"


@pytest.mark.parametrize(
    ("name", "stem"),
    [("a.h5", "a"), ("b.ome.tif", "b"), ("c.OME.TIFF", "c"), ("d.v2.csv", "d.v2")],
)
def test_an_image_is_named_after_its_file(tmp_path, name, stem):
    assert _found.file_stem(tmp_path / name) == stem


@pytest.mark.parametrize(
    ("names", "turned"),
    [
        (("x", "y", "energy"), True),
        (("sample_x", "sample_y", "energy"), True),
        (("y", "x", "energy"), False),
        (("", "", ""), False),
        (("energy", "max", "may"), False),
    ],
)
def test_axes_that_the_file_names_x_and_y_become_columns_and_rows(names, turned):
    counts = np.arange(3 * 5 * 8, dtype=np.uint16).reshape(3, 5, 8)
    scaler = np.arange(15.0).reshape(3, 5)
    found = FileContents(
        counts=counts,
        energy_axis=2,
        spacing=(2.0, 7.0, None),
        spacing_unit="µm",
        axis_names=names,
        scalers={"I0": scaler},
    )
    image, _ = build(found, Path("scan.h5"), ReadOptions(energy_gain=0.01))
    if turned:
        counts, scaler = counts.swapaxes(0, 1), scaler.T
    np.testing.assert_array_equal(image.counts[0], counts)
    assert image.pixel_size == ((7.0, 2.0) if turned else (2.0, 7.0))
    np.testing.assert_array_equal(image.scalers["I0"], scaler)


def test_axes_of_one_length_are_not_told_apart_by_it(tmp_path):
    np.save(tmp_path / "cube.npy", np.ones((32, 32, 32), dtype=np.uint16))
    with pytest.raises(FormatError, match=r"\(32, 32, 32\)") as error:
        read(tmp_path / "cube.npy")
    assert "--energy-axis" in str(error.value)
    assert "energy_axis=0" not in str(error.value)


def scan(**fields):
    counts = np.ones((3, 5, 8), dtype=np.uint16)
    return FileContents(counts=counts, energy_axis=2, energy=EnergyAxis(0, 0.01, 8), **fields)


def test_an_energy_axis_against_the_word_of_the_file_is_told():
    _, warnings = build(scan(), Path("scan.h5"), ReadOptions(energy_axis=0))
    assert "axis 2, with 8 channels, is energy" in warnings[0]
    assert "energy_axis=0, with 3, overrides it, and the file's energies are ignored" in warnings[0]


@pytest.mark.parametrize("axis", [2, -1])
def test_an_energy_axis_that_the_file_says_too_is_no_matter(axis):
    assert build(scan(), Path("scan.h5"), ReadOptions(energy_axis=axis))[1] == []


def stack():
    counts = np.arange(2 * 3 * 5 * 8, dtype=np.uint16).reshape(2, 3, 5, 8)
    return FileContents(counts=counts, energy_axis=3, repeat_axis=0, stacked=True), counts


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_axes_of_stacked_datasets_are_counted_as_they_lie_in_one(axis):
    found, counts = stack()
    image, _ = build(found, Path("scan.h5"), ReadOptions(energy_axis=axis, energy_gain=0.01))
    expected = [np.moveaxis(element, axis, -1) for element in counts]
    np.testing.assert_array_equal(image.counts, expected)


def test_an_axis_that_stacked_datasets_have_not_is_refused_with_their_shape():
    for options, words in (
        ({"energy_axis": 3}, r"\(3, 5, 8\); expected -3 to 2"),
        ({"repeat_axis": 0}, r"\(3, 5, 8\), are the repeats themselves.*--dataset"),
    ):
        with pytest.raises(DataError, match=words):
            build(stack()[0], Path("scan.h5"), ReadOptions(**options))
