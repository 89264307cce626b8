"""Shapes in which counts are added up, against sums over their pixels."""

import numpy as np
import pytest

from napari_xrf_denoise.denoising.quality.losses.shapes import Tables, families, rims

SHAPES = [(48, 48), (13, 30), (30, 13), (9, 10), (1, 40), (40, 1), (2, 2)]


def pixels_of_all(found):
    return [(family, family.pixels(index)) for family in found for index in range(len(family))]


@pytest.mark.parametrize("shape", SHAPES)
def test_sums_are_those_over_the_pixels(shape):
    image = np.random.default_rng(0).poisson(3, (*shape, 2)).astype(float)
    tables = Tables.of(image)
    for family in families(*shape):
        sums, sizes = family.sums(tables), family.sizes
        for index in range(len(family)):
            y, x = family.pixels(index)
            assert len(y) == sizes[index]
            np.testing.assert_array_equal(sums[index], image[y, x].sum(axis=0))


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_are_in_the_map_larger_than_a_pixel_and_smaller_than_the_map(shape):
    for _, (y, x) in pixels_of_all(families(*shape)):
        assert 1 < len(y) < shape[0] * shape[1]
        assert len(set(zip(y.tolist(), x.tolist(), strict=True))) == len(y)
        assert 0 <= y.min() <= y.max() < shape[0]
        assert 0 <= x.min() <= x.max() < shape[1]


def test_a_map_has_squares_up_to_its_half_rows_pieces_and_diagonals():
    found = {
        (frozenset(zip(y.tolist(), x.tolist(), strict=True)))
        for _, (y, x) in pixels_of_all(families(48, 48))
    }

    def box(top, left, height, width):
        return frozenset((top + y, left + x) for y, x in np.ndindex(height, width))

    for side in (2, 4, 8, 16, 24):
        assert box(0, 0, side, side) in found
        assert box(48 - side, 48 - side, side, side) in found
    assert box(17, 0, 1, 48) in found
    assert box(0, 5, 48, 1) in found
    assert box(3, 4, 1, 8) in found
    assert box(12, 7, 24, 1) in found
    assert box(0, 0, 24, 48) in found
    assert frozenset((i, i) for i in range(48)) in found
    assert frozenset((i, 47 - i) for i in range(48)) in found
    assert frozenset((12 + i, 5 + i) for i in range(24)) in found
    assert frozenset((i, 40 - i) for i in range(8)) in found


@pytest.mark.parametrize("length", [2, 8, 24])
def test_each_pixel_is_in_a_square_and_in_a_piece_of_a_line(length):
    covered = np.zeros((50, 37), dtype=bool)
    for family, (y, x) in pixels_of_all(families(50, 37)):
        if family.kind in ("square", "line") and length in (np.ptp(y) + 1, np.ptp(x) + 1):
            covered[y, x] = True
    assert covered.all()


def test_rows_that_are_no_neighbours_have_shapes_within_a_row_only():
    found = pixels_of_all(families(16, 30, neighbours=False))
    assert {len(x) for _, (_, x) in found} == {8, 24, 30}
    assert all(np.ptp(y) == 0 for _, (y, _) in found)


@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (0, 0)])
def test_maps_of_few_pixels_have_none(shape):
    assert families(*shape) == []


def test_a_sharp_region_has_rims_and_a_smooth_one_has_none():
    y, x = np.indices((40, 40))
    distance = np.hypot(y - 20, x - 18)
    disc = np.where(distance < 6, 10.0, 0.5)
    found = rims(iter([(7, disc), (9, 5 + 4 * np.exp(-((distance / 12) ** 2)))]))
    assert found.windows == [7, 7, 7]
    beside, wider, inner = found.masks
    assert not (beside & (disc > 5)).any()
    assert (inner & (disc > 5)).sum() == inner.sum() > 20
    assert distance[beside].max() < 8
    assert distance[wider].max() < 9
    sums = found.sums(Tables.of(disc[..., None]))[:, 0]
    np.testing.assert_allclose(sums, [disc[mask].sum() for mask in found.masks])
