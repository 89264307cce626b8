import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels, Shapes

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers import to_layer
from napari_xrf_denoise.plugin.spectrum_region_sums import sums_of
from napari_xrf_denoise.plugin.spectrum_regions import (
    MOST_REGIONS,
    drawn_regions,
    shape_mask,
    take_regions,
)


def spectral(scale=(1.0, 1.0), translate=(0.0, 0.0)):
    counts = np.random.default_rng(0).poisson(2.0, (1, 12, 10, 16)).astype(np.uint16)
    layer = to_layer(xrf.SpectrumImage(counts, xrf.EnergyAxis(0.0, 0.1, 16)))
    layer.scale = (0.1, *scale)
    layer.translate = (0.0, *translate)
    return layer


def box(top, left, bottom, right):
    """Corners of a rectangle that covers these rows and columns, the last ones included."""
    y, x = (top - 0.5, bottom + 0.5), (left - 0.5, right + 0.5)
    return np.array([[y[0], x[0]], [y[0], x[1]], [y[1], x[1]], [y[1], x[0]]])


def only_mask(drawn, shape=(12, 10)):
    ((_, mask),) = drawn.masks(shape).items()
    return mask


def rectangle_mask(top, left, bottom, right, shape=(12, 10)):
    mask = np.zeros(shape, bool)
    mask[top : bottom + 1, left : right + 1] = True
    return mask


def test_scale_and_translation_of_both_layers_count():
    layer = spectral(scale=(2.0, 3.0), translate=(10.0, -5.0))
    # Pixel (y, x) of the map lies at (10 + 2 y, 3 x - 5); the shapes are drawn at half of that.
    corners = (box(2, 1, 4, 6) * [2, 3] + [10, -5]) / 0.5 - [4.0, 8.0]
    shapes = Shapes([corners], shape_type="rectangle", scale=(0.5, 0.5), translate=(2.0, 4.0))
    mask = only_mask(drawn_regions(shapes, layer))
    np.testing.assert_array_equal(mask, rectangle_mask(2, 1, 4, 6))


def test_rotation_counts():
    turned = Shapes([box(2, 3, 5, 8)[:, ::-1] * [-1, 1]], shape_type="polygon", rotate=-90)
    mask = only_mask(drawn_regions(turned, spectral()))
    world = np.array([turned.data_to_world(corner) for corner in turned.data[0]])
    low, high = np.ceil(world.min(axis=0)).astype(int), np.floor(world.max(axis=0)).astype(int)
    np.testing.assert_array_equal(mask, rectangle_mask(*low, *high))


def test_units_of_the_viewer_are_converted():
    viewer = ViewerModel()
    layer = viewer.add_layer(to_layer(xrf.simulate_map(shape=(12, 10), n_channels=64)[0]))
    corners = box(1, 2, 3, 4) * 5 * 1000
    shapes = viewer.add_shapes([corners], shape_type="rectangle", units=("nm", "nm"))
    assert viewer.dims.units is not None
    mask = only_mask(drawn_regions(shapes, layer, viewer.dims.units))
    np.testing.assert_array_equal(mask, rectangle_mask(1, 2, 3, 4))


def test_shapes_drawn_at_one_energy_count_for_all():
    corners = np.column_stack([np.full(4, 0.7), box(2, 1, 4, 6)])
    mask = only_mask(drawn_regions(Shapes([corners], shape_type="rectangle"), spectral()))
    np.testing.assert_array_equal(mask, rectangle_mask(2, 1, 4, 6))


def test_an_ellipse_holds_what_its_equation_says():
    mask = shape_mask("ellipse", box(5, 10, 44, 69), (60, 90))
    y, x = np.mgrid[:60, :90]
    distance = ((y - 24.5) / 20) ** 2 + ((x - 39.5) / 30) ** 2
    assert not mask[distance > 1.01].any()
    assert mask[distance < 0.99].all()


def test_a_polygon_with_a_notch_leaves_the_notch_out():
    corners = np.array([[-0.5, -0.5], [-0.5, 8.5], [8.5, 8.5], [3.5, 4.0], [8.5, -0.5]])
    mask = shape_mask("polygon", corners, (9, 9))
    assert mask[2].all()
    assert not mask[7, 4]
    assert mask[7, 0]
    assert mask[7, 8]


def test_a_line_takes_the_pixels_that_it_runs_over():
    mask = shape_mask("line", np.array([[1.0, 0.0], [1.0, 100.0]]), (4, 5))
    expected = np.zeros((4, 5), bool)
    expected[1] = True
    np.testing.assert_array_equal(mask, expected)


def test_a_shape_beside_the_map_has_no_pixel():
    assert not shape_mask("rectangle", box(-9, -9, -2, -2), (5, 5)).any()


def test_labels_on_a_finer_grid_are_looked_up_at_the_centres_of_pixels():
    fine = np.zeros((24, 20), int)
    fine[4:10, 6:12] = 2
    # Two labels a pixel: their centres lie a quarter of a pixel beside the pixel's.
    labels = Labels(fine, scale=(0.5, 0.5), translate=(-0.25, -0.25))
    masks = drawn_regions(labels, spectral()).masks((12, 10))
    assert [what for _, what in masks] == ["label 2"]
    ((_, mask),) = masks.items()
    np.testing.assert_array_equal(mask, rectangle_mask(2, 3, 4, 5))


def test_labels_painted_at_several_energies_lie_over_each_other():
    data = np.zeros((16, 12, 10), np.uint8)
    data[3, 2, 2] = 1
    data[9, 5, 5] = 1
    mask = only_mask(drawn_regions(Labels(data), spectral()))
    assert sorted(zip(*np.nonzero(mask), strict=True)) == [(2, 2), (5, 5)]


def test_there_are_no_more_regions_than_can_be_told_apart():
    labels = Labels(np.arange(120).reshape(12, 10))
    masks, is_cut = take_regions([drawn_regions(labels, spectral())], (12, 10))
    assert len(masks) == MOST_REGIONS
    assert is_cut
    assert [what for _, what in masks][:2] == ["label 1", "label 2"]


def test_a_list_of_spectra_has_no_regions():
    layer = to_layer(xrf.simulate_spectra(n_repeats=3, n_channels=64)[0])
    assert drawn_regions(Shapes([box(0, 0, 1, 1)]), layer) is None


def test_regions_that_did_not_move_are_not_added_up_again():
    image = xrf.SpectrumImage(np.ones((1, 12, 10, 4), np.uint8))
    shapes = Shapes([box(0, 0, 1, 1), box(3, 3, 5, 5)], shape_type="rectangle")
    before = sums_of(image, [drawn_regions(shapes, spectral())])
    shapes.data = [box(0, 0, 1, 1), box(3, 3, 6, 5)]
    after = sums_of(image, [drawn_regions(shapes, spectral())], before)
    first, second = before.sums
    assert after.sums[first] is before.sums[first]
    assert after.sums[second].pixels == 12


@pytest.mark.parametrize("n", [1, 3])
def test_the_signature_tells_whether_shapes_moved(n):
    shapes = Shapes([box(0, 0, 1, 1)] * n, shape_type="rectangle")
    before = drawn_regions(shapes, spectral()).signature
    assert drawn_regions(shapes, spectral()).signature == before
    shapes.translate = (1.0, 0.0)
    assert drawn_regions(shapes, spectral()).signature != before
