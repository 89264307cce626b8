"""Hot spots: single pixels with lines of their own, against a known rate."""

import numpy as np
import pytest

from napari_xrf_denoise.denoising.methods import hot_spots
from napari_xrf_denoise.denoising.methods.hot_spots import SpotFinder
from napari_xrf_denoise.denoising.multifold_thinning import gather

SIZE = 200
WIDTH = np.full(SIZE, 3.0)
CHANNELS = np.arange(SIZE)


def line(center, width=3.0):
    shape = np.exp(-0.5 * ((CHANNELS - center) / width) ** 2)
    return shape / shape.sum()


BACKGROUND = 0.02 + 30 * line(60) + 5 * line(120)
"""Expected counts of every pixel: two lines and a continuum."""


def scene(shape=(15, 15), spots=(), background=BACKGROUND):
    """Rate, and that of a result which knows nothing of the spots, as scores and spectra.

    Spots are (y, x, channel, counts).
    """
    rate = np.broadcast_to(background, (*shape, SIZE)).copy()
    for y, x, channel, counts in spots:
        rate[y, x] += counts * line(channel)
    return rate, (np.ones((*shape, 1), np.float32), background[None].astype(np.float32))


def find(counts, result, *, bands=None, exposure=1.0):
    finder = SpotFinder(*result, WIDTH, exposure)
    rows = bands or counts.shape[0]
    for start in range(0, counts.shape[0], rows):
        band = slice(start, min(start + rows, counts.shape[0]))
        finder.add(finder.look(band, gather([counts[band]])))
    return finder.finish()


def poisson(rate, seed=0):
    return np.random.default_rng(seed).poisson(rate)


def row_at(spots, y, x):
    """Spectrum that was kept in a pixel of a map of 15 pixels in a row."""
    (index,) = np.flatnonzero(spots.places == 15 * y + x)
    return spots.rows[index]


def places(spots, shape):
    return [tuple(map(int, np.unravel_index(place, shape))) for place in spots.places]


def test_a_line_of_a_single_pixel_is_found_and_keeps_its_counts():
    kept = []
    for seed in range(30):
        rate, result = scene(spots=[(7, 4, 90, 30)])
        spots = find(poisson(rate, seed), result)
        kept.append(float((row_at(spots, 7, 4) - BACKGROUND)[80:101].sum()))
    # 30 spots of 30 counts tell their sum to 3 %.
    assert np.mean(kept) / 30 == pytest.approx(1, abs=0.1)
    # Each has the scatter of its own counts and hardly more.
    assert np.std(kept) == pytest.approx(30**0.5, rel=0.35)


@pytest.mark.parametrize("counts", [20, 100, 1000, 10_000])
def test_what_is_kept_is_a_line_in_its_place_however_strong_it_is(counts):
    errors, raw, centers = [], [], []
    for seed in range(10):
        rate, result = scene(spots=[(7, 7, 90.4, counts)], background=np.full(SIZE, 0.02))
        drawn = poisson(rate, seed)
        kept = row_at(find(drawn, result), 7, 7)
        errors.append(((kept - rate[7, 7]) ** 2).sum())
        raw.append(((drawn[7, 7] - rate[7, 7]) ** 2).sum())
        centers.append(float((kept - 0.02) @ CHANNELS / (kept - 0.02).sum()))
    assert np.mean(centers) == pytest.approx(90.4, abs=0.5)
    # Height and place of a line of 3 channels take 0.14 of the noise of its counts.
    assert np.sum(raw) / np.sum(errors) > 2


def test_the_other_lines_of_a_pixel_stay_as_the_result_has_them():
    rate, result = scene(spots=[(7, 4, 90, 40)])
    spots = find(poisson(rate), result)
    others = np.abs(CHANNELS - 90) > 15
    np.testing.assert_allclose(row_at(spots, 7, 4)[others], BACKGROUND[others], atol=1e-3)


def test_several_lines_of_a_pixel_are_kept():
    rate, result = scene(spots=[(3, 3, 30, 60), (3, 3, 90, 60), (3, 3, 170, 60)])
    spots = find(poisson(rate), result)
    assert places(spots, (15, 15)) == [(3, 3)]
    for channel in (30, 90, 170):
        near = slice(channel - 10, channel + 11)
        kept = float((spots.rows[0] - BACKGROUND)[near].sum())
        assert kept == pytest.approx(60, abs=4 * 60**0.5)


def test_two_lines_beside_each_other_are_kept():
    rate, result = scene(spots=[(3, 3, 90, 400), (3, 3, 105, 100)])
    spots = find(poisson(rate), result)
    kept = spots.rows[0] - BACKGROUND
    assert kept[80:98].sum() == pytest.approx(400, abs=4 * 20)
    assert kept[98:113].sum() == pytest.approx(100, abs=4 * 10)


# The corners, the edges, and the middle.
@pytest.mark.parametrize("place", [(0, 0), (0, 14), (14, 0), (14, 14), (0, 6), (6, 14), (7, 7)])
def test_spots_are_found_wherever_they_are(place):
    rate, result = scene(spots=[(*place, 90, 40)])
    assert places(find(poisson(rate), result), (15, 15)) == [place]


@pytest.mark.parametrize("shape", [(1, 30), (30, 1), (3, 3), (2, 8)])
def test_spots_are_found_on_lines_and_small_maps(shape):
    place = (shape[0] // 2, shape[1] // 2)
    rate, result = scene(shape, spots=[(*place, 90, 60)])
    assert places(find(poisson(rate), result), shape) == [place]


@pytest.mark.parametrize("channel", [0, 2, 197, 199])
def test_lines_at_the_ends_of_the_axis_are_kept(channel):
    rate, result = scene(spots=[(5, 5, channel, 60)])
    spots = find(poisson(rate), result)
    assert places(spots, (15, 15)) == [(5, 5)]
    assert (spots.rows[0] - BACKGROUND).sum() == pytest.approx(60, abs=4 * 60**0.5)


@pytest.mark.parametrize("place", [(7, 4), (0, 0), (14, 14)])
def test_a_spot_that_the_result_has_in_part_is_kept_nearly_in_full(place):
    kept, restored = [], 0
    own = np.zeros((15, 15), np.float32)
    own[place] = 1
    for seed in range(20):
        rate, (ones, spectrum) = scene(spots=[(*place, 90, 40)])
        scores = np.concatenate([ones, own[..., None]], axis=2)
        spectra = np.concatenate([spectrum, 32 * line(90)[None].astype(np.float32)])
        spots = find(poisson(rate, seed), (scores, spectra))
        if len(spots.places):
            restored += 1
            kept.append(float((row_at(spots, *place) - BACKGROUND)[80:101].sum()))
        else:  # the counts may as well be those of the result
            kept.append(32)
    # 20 spots of 40 counts: 3.5 %.
    assert np.mean(kept) == pytest.approx(40, rel=0.15)
    assert 0 < restored < 20


def test_a_pixel_that_the_result_accounts_for_stays_as_it_is():
    own = np.zeros((15, 15), np.float32)
    own[7, 4] = 1
    number = 0
    for seed in range(40):
        rate, (ones, spectrum) = scene(spots=[(7, 4, 90, 40)])
        scores = np.concatenate([ones, own[..., None]], axis=2)
        spectra = np.concatenate([spectrum, 40 * line(90)[None].astype(np.float32)])
        number += len(find(poisson(rate, seed), (scores, spectra)).places)
    # A twentieth is away from it by chance, in any of the line's windows a little more.
    assert number < 12


def test_the_other_side_of_the_map_is_no_neighbour():
    rate, (ones, spectrum) = scene(spots=[(0, 6, 90, 40), (8, 14, 90, 40)])
    vein = np.zeros((15, 15), np.float32)
    vein[14, 1:-1] = 1
    vein[1:-1, 0] = 1
    rate += 40 * vein[..., None] * line(90)
    scores = np.concatenate([ones, vein[..., None]], axis=2)
    spectra = np.concatenate([spectrum, 40 * line(90)[None].astype(np.float32)])
    found = places(find(poisson(rate), (scores, spectra)), (15, 15))
    assert found == [(0, 6), (8, 14)]


@pytest.mark.parametrize("bands", [None, 1, 4])
def test_an_element_that_neighbours_have_as_well_is_no_spot(bands):
    vein = np.zeros((15, 15), np.float32)
    vein[:, 6] = 1  # a vein one pixel wide
    vein[10:, 10:] = 1  # and a corner of a grain
    found = 0
    for seed in range(10):
        background, (ones, spectrum) = scene()
        rate = background + 40 * vein[..., None] * line(90)
        scores = np.concatenate([ones, vein[..., None]], axis=2)
        spectra = np.concatenate([spectrum, 40 * line(90)[None].astype(np.float32)])
        found += len(find(poisson(rate, seed), (scores, spectra), bands=bands).places)
    assert found <= 1


def test_neighbours_that_the_result_knows_nothing_of_are_both_kept():
    rate, result = scene(spots=[(5, 5, 90, 40), (5, 6, 90, 40)])
    assert places(find(poisson(rate), result), (15, 15)) == [(5, 5), (5, 6)]


def test_chance_hardly_ever_makes_a_spot_of_a_smooth_map():
    y, x = np.indices((40, 40))
    slope = (1 + 0.3 * np.sin(y / 8) * np.cos(x / 8)).astype(np.float32)
    maps_with_spots = 0
    for seed in range(60):
        counts = poisson(slope[..., None] * BACKGROUND, seed)
        result = (slope[..., None], BACKGROUND[None].astype(np.float32))
        maps_with_spots += len(find(counts, result).places) > 0
    # Of maps without any spot, the share that has one is at most the false share, 0.02.
    assert maps_with_spots <= 2


def test_hardly_any_of_many_spots_are_false():
    rng = np.random.default_rng(0)
    chosen = rng.choice(1600, 60, replace=False)
    true = [(int(place) // 40, int(place) % 40) for place in chosen]
    false = 0
    for seed in range(3):
        rate, result = scene((40, 40), spots=[(y, x, 90, 25) for y, x in true])
        found = places(find(poisson(rate, seed), result), (40, 40))
        assert len(set(found) & set(true)) > 50
        false += len(set(found) - set(true))
    assert false <= 8  # 0.02 of 180 are 4


def test_many_counts_alone_make_no_spot():
    # Certain beyond doubt, and only a hill a fifth higher than its neighbours.
    rate, result = scene(background=1000 * BACKGROUND)
    rate[7, 7] *= 1.2
    assert len(find(poisson(rate), result).places) == 0


def test_spots_of_a_part_of_the_counts_are_scaled_to_all_of_them():
    kept = []
    for seed in range(30):
        rate, result = scene(spots=[(7, 4, 60, 160)])
        spots = find(poisson(rate / 4, seed), result, exposure=0.25)
        kept.append(float((row_at(spots, 7, 4) - BACKGROUND)[50:71].sum()))
    # 30 spots, of 40 counts and the 7.5 of the line that is everywhere: 3.2 %.
    assert np.mean(kept) == pytest.approx(160, rel=0.1)


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_spots_do_not_depend_on_the_size_of_bands(rows):
    spots = [(0, 3, 90, 40), (3, 8, 150, 40), (4, 8, 30, 40), (14, 14, 90, 40)]
    rate, result = scene(spots=spots)
    counts = poisson(rate)
    whole, cut = find(counts, result), find(counts, result, bands=rows)
    assert len(whole.places) == 4
    np.testing.assert_array_equal(cut.places, whole.places)
    np.testing.assert_array_equal(cut.rows, whole.rows)


def test_the_strongest_spots_are_kept_where_there_are_more_than_can_be(monkeypatch):
    monkeypatch.setattr(hot_spots, "MOST_CANDIDATES", 4)
    weak = [(y, 2, 90, 30) for y in range(0, 15, 2)]
    strong = [(y, 10, 90, 300) for y in range(0, 15, 4)]
    rate, result = scene(spots=weak + strong)
    found = places(find(poisson(rate), result, bands=1), (15, 15))
    assert {(y, x) for y, x, *_ in strong} <= set(found)
    assert len(found) < len(weak + strong)


@pytest.mark.parametrize("shape", [(1, 2), (2, 2), (2, 4)])
def test_maps_without_neighbours_to_compare_with_have_no_spots(shape):
    rate, result = scene(shape, spots=[(0, 0, 90, 100)])
    spots = find(poisson(rate), result)
    assert spots.places.shape == (0,)
    assert spots.rows.shape == (0, SIZE)


def test_a_dark_map_has_no_spots():
    _, result = scene(background=np.zeros(SIZE))
    assert len(find(np.zeros((15, 15, SIZE), int), result).places) == 0


@pytest.mark.parametrize("size", [1, 2, 5])
def test_very_short_axes_are_allowed(size):
    counts = np.ones((5, 5, size), int)
    counts[2, 2] = 50
    result = np.ones((5, 5, 1), np.float32), np.ones((1, size), np.float32)
    finder = SpotFinder(*result, np.full(size, 2.0))
    finder.add(finder.look(slice(0, 5), gather([counts])))
    spots = finder.finish()
    assert spots.places.tolist() == [12]
    assert spots.rows.sum() == pytest.approx(50 * size, rel=0.2)
