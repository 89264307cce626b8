"""Sums over areas, against sums of the whole map."""

import numpy as np
import pytest

from napari_xrf_denoise.denoising.quality.residuals import HALF, SIDE, AreaSums


@pytest.mark.parametrize("cuts", [[], [1], [4, 5, 6], list(range(1, 13)), [7]])
@pytest.mark.parametrize("shape", [(13, 11), (12, 8), (4, 4)])
def test_areas_do_not_depend_on_how_the_map_is_cut(cuts, shape):
    image = np.random.default_rng(0).poisson(5, (*shape, 3)).astype(np.float32)
    areas = AreaSums(*shape)
    seen = {}
    for band in np.split(image, [cut for cut in cuts if cut < shape[0]]):
        first, (sums, doubled) = areas.add([band, 2 * band])
        np.testing.assert_array_equal(doubled, 2 * sums)
        for y, x in np.ndindex(sums.shape[:2]):
            seen[first + HALF * y, HALF * x] = sums[y, x]
    assert len(seen) == areas.number
    for (y, x), found in seen.items():
        expected = image[y : y + SIDE, x : x + SIDE]
        assert expected.shape == (SIDE, SIDE, 3)
        np.testing.assert_array_equal(found, expected.sum(axis=(0, 1)))


@pytest.mark.parametrize("shape", [(1, 1), (32, 1), (3, 40), (0, 0)])
def test_narrow_maps_have_no_areas(shape):
    assert AreaSums(*shape).number == 0
