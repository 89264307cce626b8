import numpy as np
import pytest
from napari.layers import Image, Labels

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers.convert import image_from_layer, to_layer
from napari_xrf_denoise.layers.geometry import layer_transform

TURN = {"rotate": (0, 0, 30)}
SHEAR = {"shear": (0, 0, 0.4)}
MIRROR = {"scale": (0.01, -2.0, 3.0)}
AFFINE = {"affine": [[1, 0, 0, 0], [0, 0.5, 0.2, 7], [0, -0.3, 2, -4], [0, 0, 0, 1]]}
ALL = TURN | SHEAR | MIRROR | AFFINE


@pytest.mark.parametrize("looks", [{}, TURN, SHEAR, MIRROR, AFFINE, ALL])
@pytest.mark.parametrize("labels", [("energy", "y", "x"), ("energy", "x", "y")])
def test_a_picture_lies_where_its_source_lies(looks, labels):
    where = {"scale": (0.01, 2.0, 3.0), "translate": (1.0, 20.0, -30.0)} | looks
    source = Image(np.zeros((9, 4, 5)), axis_labels=labels, **where)
    picture = Image(np.zeros((4, 5)), **layer_transform(source))
    rows, columns = labels.index("y"), labels.index("x")
    for row, column in ((0, 0), (3, 0), (0, 4), (2, 1)):
        point = np.zeros(3)
        point[[rows, columns]] = row, column
        expected = np.asarray(source.data_to_world(point))[[rows, columns]]
        np.testing.assert_allclose(picture.data_to_world((row, column)), expected, atol=1e-9)


def test_a_cube_keeps_its_energies_and_the_size_of_its_pixels():
    small_map, _ = xrf.simulate_map(shape=(16, 16), n_channels=128, seed=1)
    source = to_layer(small_map)
    source.rotate = (0, 0, 30)
    source.scale = (source.scale[0], -2.0, 3.0)
    place = layer_transform(source, axes=("energy", "y", "x"))
    cube = Image(np.array(source.data), name=source.name, **place)
    made, image = image_from_layer(cube), image_from_layer(source)
    np.testing.assert_allclose(made.energy.centers, image.energy.centers)
    assert made.energy.calibrated
    assert made.pixel_size == image.pixel_size == (2.0, 3.0)
    np.testing.assert_allclose(cube.data_to_world((5, 1, 2)), source.data_to_world((5, 1, 2)))


def test_repeats_are_left_out_and_units_are_kept():
    source = Image(
        np.zeros((2, 9, 4, 5)), axis_labels=("repeat", "energy", "y", "x"),
        units=("pixel", "keV", "mm", "mm"), translate=(9, 8, 7, 6),
    )  # fmt: skip
    labels = Labels(np.zeros((4, 5), int), **layer_transform(source))
    assert labels.units == source.units[2:]
    assert tuple(labels.translate) == (7, 6)


def test_a_line_of_pixels_gets_the_axis_that_it_lacks():
    source = Image(
        np.zeros((9, 5)), axis_labels=("energy", "x"), units=("keV", "mm"), scale=(0.1, 2)
    )
    picture = Image(np.zeros((1, 5)), **layer_transform(source))
    np.testing.assert_allclose(picture.data_to_world((1, 3)), (1, 6))
    assert {str(unit) for unit in picture.units} == {"millimeter"}
