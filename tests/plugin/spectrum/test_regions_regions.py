import numpy as np
from napari.layers import Labels, Shapes

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers.convert import to_layer
from napari_xrf_denoise.layers.regions import drawn_regions
from napari_xrf_denoise.plugin.spectrum.regions import MOST_REGIONS, sums_of, take_regions


def spectral():
    counts = np.random.default_rng(0).poisson(2.0, (1, 12, 10, 16)).astype(np.uint16)
    return to_layer(xrf.SpectrumImage(counts, xrf.EnergyAxis(0.0, 0.1, 16)))


def box(top, left, bottom, right):
    """Corners of a rectangle that covers these rows and columns, the last ones included."""
    y, x = (top - 0.5, bottom + 0.5), (left - 0.5, right + 0.5)
    return np.array([[y[0], x[0]], [y[0], x[1]], [y[1], x[1]], [y[1], x[0]]])


def test_there_are_no_more_regions_than_can_be_told_apart():
    labels = Labels(np.arange(120).reshape(12, 10))
    masks, is_cut = take_regions([drawn_regions(labels, spectral())], (12, 10))
    assert len(masks) == MOST_REGIONS
    assert is_cut
    assert [what for _, what in masks][:2] == ["label 1", "label 2"]


def test_regions_that_did_not_move_are_not_added_up_again():
    image = xrf.SpectrumImage(np.ones((1, 12, 10, 4), np.uint8))
    shapes = Shapes([box(0, 0, 1, 1), box(3, 3, 5, 5)], shape_type="rectangle")
    before = sums_of(image, [drawn_regions(shapes, spectral())])
    shapes.data = [box(0, 0, 1, 1), box(3, 3, 6, 5)]
    after = sums_of(image, [drawn_regions(shapes, spectral())], before)
    first, second = before.sums
    assert after.sums[first] is before.sums[first]
    assert after.sums[second].pixels == 12
