"""Sums over shapes that depart: which are looked at, and which are looked at again."""

import numpy as np

from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.denoising.quality.losses.place_search import FOR_TELLING, Hits, PlaceSearch
from napari_xrf_denoise.denoising.quality.losses.shapes import RIM, families

HALVES = 9
LINE, OTHER = 2, 6
Y, X = np.indices((48, 40))
DISTANCE = np.hypot(Y - 20, X - 18)


def search_of(counted, expected):
    """Search counts (y, x, half) against a prediction without noise; one line has a bright disc."""
    sums = np.stack([counted, expected, np.zeros_like(expected)]).astype(np.float32)
    return PlaceSearch(sums, families(48, 40), [LINE], 1.0, 1, FOR_TELLING)


def scene():
    """Rates with a bright disc in one line, and twice as much along its border in two windows."""
    expected = np.full((48, 40, HALVES), 4.0)
    expected[DISTANCE < 8, LINE : LINE + 2] += 200
    true = expected.copy()
    beside = (DISTANCE >= 8) & (DISTANCE < 9)
    for window in (LINE, OTHER):
        true[beside, window : window + 2] += 12
    return np.random.default_rng(0).poisson(true), expected


def rims_of(search, hits):
    return hits.take(np.array([search.shapes[index].kind == RIM for index in hits.family]))


def test_a_rim_is_looked_at_in_the_window_of_its_line_alone():
    search = search_of(*scene())
    hits = search.hits(slice(0, search.windows), Watch())
    assert set(rims_of(search, hits).window) == {LINE}
    assert OTHER in hits.window  # other shapes see what else departs there


def test_looking_again_at_what_was_touched_finds_what_looking_at_everything_does():
    first, second = search_of(*scene()), search_of(*scene())
    everywhere = slice(0, first.windows)
    before = first.hits(everywhere, Watch())
    second.hits(everywhere, Watch())
    mask = (DISTANCE >= 8) & (DISTANCE < 9) & (Y < 20)
    for search in (first, second):
        search.leave_out(mask, LINE)
    touched = first.touching(mask)
    inside = np.array([touched[f][m] for f, m in zip(before.family, before.member, strict=True)])
    near = np.abs(before.window - LINE) <= 2
    again = first.hits(slice(LINE - 2, LINE + 3), Watch(), touched)
    found = Hits.join([before.take(~(inside & near)), again])
    expected = second.hits(everywhere, Watch())
    key = np.lexsort((found.member, found.family, found.window))
    for name in ("family", "member", "window"):
        np.testing.assert_array_equal(getattr(found, name)[key], getattr(expected, name))
    np.testing.assert_allclose(found.far[key], expected.far, rtol=1e-6)
    assert 0 < len(again.far) < len(expected.far)


def test_shapes_that_touch_cells_have_some_of_them():
    search = search_of(*scene())
    mask = (Y == 7) & (X == 11)
    for family, touched in zip(search.shapes, search.touching(mask), strict=True):
        some = range(0, len(family), max(1, len(family) // 50))
        for index in some:
            assert touched[index] == mask[family.pixels(index)].any()
