"""Shapes and labels as pixels of a layer with spectra."""

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers.convert import to_layer
from napari_xrf_denoise.layers.regions import drawn_regions, shape_mask

pytest.importorskip("napari")

from napari.components import ViewerModel
from napari.layers import Labels, Points, Shapes


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


def only_mask(drawing, layer):
    (mask,) = xrf.layers.region_masks(drawing, layer).values()
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
    mask = only_mask(shapes, layer)
    np.testing.assert_array_equal(mask, rectangle_mask(2, 1, 4, 6))


def test_rotation_counts():
    turned = Shapes([box(2, 3, 5, 8)[:, ::-1] * [-1, 1]], shape_type="polygon", rotate=-90)
    mask = only_mask(turned, spectral())
    world = np.array([turned.data_to_world(corner) for corner in turned.data[0]])
    low, high = np.ceil(world.min(axis=0)).astype(int), np.floor(world.max(axis=0)).astype(int)
    np.testing.assert_array_equal(mask, rectangle_mask(*low, *high))


def map_in_micrometres():
    """Return a map whose pixels are 5 µm wide."""
    layer = spectral(scale=(5.0, 5.0))
    layer.units = ("keV", "um", "um")
    return layer


def in_nanometres(corners):
    """Return shapes in nm with these corners in pixels of 5 µm."""
    return Shapes([corners * 5000], shape_type="rectangle", units=("nm", "nm"))


def test_shapes_in_nanometres_cover_what_they_enclose_on_a_map_in_micrometres():
    mask = only_mask(in_nanometres(box(1, 2, 3, 4)), map_in_micrometres())
    np.testing.assert_array_equal(mask, rectangle_mask(1, 2, 3, 4))


def test_shapes_with_an_axis_of_energy_have_units_too():
    corners = np.column_stack([np.zeros(4), box(1, 2, 3, 4) * 5000])
    shapes = Shapes([corners], shape_type="rectangle", units=("pixel", "nm", "nm"))
    mask = only_mask(shapes, map_in_micrometres())
    np.testing.assert_array_equal(mask, rectangle_mask(1, 2, 3, 4))


def test_shapes_without_a_unit_are_drawn_in_that_of_the_map():
    shapes = Shapes([box(1, 2, 3, 4) * 5], shape_type="rectangle")
    mask = only_mask(shapes, map_in_micrometres())
    np.testing.assert_array_equal(mask, rectangle_mask(1, 2, 3, 4))


def test_units_of_the_viewer_are_converted():
    viewer = ViewerModel()
    layer = viewer.add_layer(map_in_micrometres())
    shapes = viewer.add_layer(in_nanometres(box(1, 2, 3, 4)))
    assert viewer.dims.units is not None
    (mask,) = drawn_regions(shapes, layer, viewer.dims.units).masks((12, 10)).values()
    np.testing.assert_array_equal(mask, rectangle_mask(1, 2, 3, 4))


def test_where_the_viewer_has_no_units_shapes_cover_what_they_are_seen_to():
    viewer = ViewerModel()
    layer = viewer.add_layer(map_in_micrometres())
    shapes = viewer.add_shapes([box(1, 2, 3, 4) * 5], shape_type="rectangle", units=("nm", "nm"))
    viewer.add_layer(Labels(np.zeros((12, 10), int)))  # in pixels
    assert viewer.dims.units is None
    (mask,) = drawn_regions(shapes, layer, viewer.dims.units).masks((12, 10)).values()
    np.testing.assert_array_equal(mask, rectangle_mask(1, 2, 3, 4))


def test_shapes_drawn_at_one_energy_count_for_all():
    corners = np.column_stack([np.full(4, 0.7), box(2, 1, 4, 6)])
    mask = only_mask(Shapes([corners], shape_type="rectangle"), spectral())
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
    masks = xrf.layers.region_masks(labels, spectral())
    assert list(masks) == ["label 2"]
    np.testing.assert_array_equal(masks["label 2"], rectangle_mask(2, 3, 4, 5))


def test_of_labels_in_several_resolutions_the_finest_counts():
    fine = np.zeros((12, 10), int)
    fine[3:7, 2:7] = 3
    labels = Labels([fine, fine[::2, ::2]], multiscale=True)
    np.testing.assert_array_equal(only_mask(labels, spectral()), fine == 3)


def test_labels_painted_at_several_energies_lie_over_each_other():
    data = np.zeros((16, 12, 10), np.uint8)
    data[3, 2, 2] = 1
    data[9, 5, 5] = 1
    mask = only_mask(Labels(data), spectral())
    assert sorted(zip(*np.nonzero(mask), strict=True)) == [(2, 2), (5, 5)]


def test_a_list_of_spectra_has_no_regions():
    layer = to_layer(xrf.simulate_spectra(n_repeats=3, n_channels=64)[0])
    with pytest.raises(xrf.DataError, match="no plane"):
        xrf.layers.region_masks(Shapes([box(0, 0, 1, 1)]), layer)


@pytest.mark.parametrize("n", [1, 3])
def test_the_signature_tells_whether_shapes_moved(n):
    shapes = Shapes([box(0, 0, 1, 1)] * n, shape_type="rectangle")
    before = drawn_regions(shapes, spectral()).signature
    assert drawn_regions(shapes, spectral()).signature == before
    shapes.translate = (1.0, 0.0)
    assert drawn_regions(shapes, spectral()).signature != before


def test_each_shape_and_label_is_found_by_its_name():
    shapes = Shapes([box(0, 0, 1, 1), box(3, 3, 5, 5)], shape_type="rectangle")
    masks = xrf.layers.region_masks(shapes, spectral())
    assert list(masks) == ["shape 1", "shape 2"]
    np.testing.assert_array_equal(masks["shape 2"], rectangle_mask(3, 3, 5, 5))
    assert "shape 2" in repr(masks)


def test_masks_of_thousands_of_labels_are_made_one_by_one():
    labels = Labels(np.arange(1, 121).reshape(12, 10))
    masks = xrf.layers.region_masks(labels, spectral())
    assert len(masks) == 120
    assert masks["label 35"] is not masks["label 35"]
    assert np.argwhere(masks["label 35"]).tolist() == [[3, 4]]


def test_points_are_no_regions():
    with pytest.raises(xrf.DataError, match="Shapes or Labels layer of napari, found Points"):
        xrf.layers.region_masks(Points([[1, 1]]), spectral())


def test_shapes_that_share_a_side_share_no_pixel():
    left = np.array([[1.0, 1.0], [1.0, 3.0], [4.0, 3.0], [4.0, 1.0]])
    masks = [shape_mask("rectangle", left + np.array([0, 2 * step]), (6, 8)) for step in range(3)]
    assert sum(mask.astype(int) for mask in masks).max() == 1
    assert [int(mask.sum()) for mask in masks] == [6, 6, 6]
