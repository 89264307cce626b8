import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.lazy_arrays import as_lazy, is_dask, is_lazy, is_on_disk

MASK = np.random.default_rng(0).random((5, 6)) < 0.4
SHAPE = (1, 5, 6, 8)


@pytest.fixture(scope="module")
def huge():
    """A map of 16 GB whose factors are 16 MB."""
    rng = np.random.default_rng(2)
    scores = rng.random((1000, 1000, 4), np.float32)
    return FactoredCounts(scores, np.ones((4, 4096)), [1001], np.full((1, 4096), 7))


@pytest.fixture
def memory():
    """Return a function that says how many MiB a call took at most."""

    def measure(call):
        tracemalloc.start()
        try:
            call()
            return tracemalloc.get_traced_memory()[1] / 2**20
        finally:
            tracemalloc.stop()

    return measure


def same(found, expected):
    np.testing.assert_array_equal(np.asarray(found), expected, strict=True)


def test_it_says_what_it_is_without_computing(huge, memory):
    assert huge.shape == (1, 1000, 1000, 4096)
    assert (huge.ndim, huge.size, huge.nbytes) == (4, 4_096_000_000, 16_384_000_000)
    assert huge.dtype == np.float32
    assert len(huge) == 1
    assert repr(huge) == "FactoredCounts(shape=(1, 1000, 1000, 4096), rank=4)"
    assert memory(lambda: huge[0, 10:, ::2].transpose(2, 0, 1).T) < 0.1


def test_it_becomes_the_counts(factored):
    counts, full = factored
    same(counts, full)
    assert np.asarray(counts, np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="copy=False"):
        counts.__array__(copy=False)


@pytest.mark.parametrize(
    "key",
    [
        0,
        ...,
        None,
        (0, ..., 3),
        (0, 2, 1),
        (0, 2, 1, -8),
        (slice(None), 4, slice(5, None, -2)),
        (slice(1, None), 2, 1, 3),
        (slice(1, None),),
        ([0, 0],),
        ([],),
        (slice(None), [4, 0, 0]),
        (slice(None), np.array([4, 0])),
        (0, slice(None), [True, False, True, False, False, True]),
        (..., [1, -1, 1]),
        (..., np.arange(8) > 5),
        (0, MASK),
        (slice(None), MASK, slice(2, 6)),
        (0, MASK, 3),
        (0, [0, 1, 4], [3, 1, -1]),
        (0, [[0, 4]], [[2], [3]], slice(None, None, 3)),
        (0, [0, 1], [3, 1], [2, 7]),
        (0, slice(None), slice(None), [1, 2]),
        (slice(None), 2, slice(None), [1, 2]),
        (0, [0, 2], slice(None), 5),
        (0, [0, 2], ..., [5, 1]),
        (slice(None), None, [0, 2], slice(None), None, slice(2, 4)),
        (np.ones(SHAPE, bool),),
        (np.arange(240).reshape(SHAPE) % 7 == 0,),
        (np.array(0), np.int8(2), np.uint64(3)),
    ],
    ids=str,
)
def test_it_is_indexed_as_numpy_arrays_are(factored, key):
    counts, full = factored
    same(counts[key], full[key])


@settings(deadline=None)
@given(data=st.data())
def test_any_slices_of_any_order_of_axes(data):
    counts, full = _factored()
    order = data.draw(st.permutations(range(4)))
    counts, full = counts.transpose(order), full.transpose(order)
    for _ in range(2):
        key = data.draw(npst.basic_indices(full.shape, allow_newaxis=True))
        same(counts[key], full[key])
        if not isinstance(counts[key], FactoredCounts):
            break
        counts, full = counts[key], full[key]


@settings(deadline=None)
@given(data=st.data())
def test_any_index_arrays_on_any_order_of_axes(data):
    counts, full = _factored()
    order = data.draw(st.permutations(range(4)))
    part = data.draw(st.tuples(*[st.sampled_from([slice(None), slice(None, None, -1)])] * 4))
    counts, full = counts.transpose(order)[part], full.transpose(order)[part]
    key = list(data.draw(npst.integer_array_indices(full.shape)))
    for axis in data.draw(st.sets(st.integers(0, 3), max_size=3)):
        key[axis] = data.draw(st.sampled_from([slice(None), slice(1, None), 0, -1]))
    same(counts[tuple(key)], full[tuple(key)])


@pytest.mark.parametrize(
    "key", [1, (0, 5), (0, 0, 0, 8), (0, 0, 0, 0, 0), (..., ...), 1.0, "y", True, (0, MASK.T)]
)
def test_what_numpy_refuses_is_refused(factored, key):
    counts, full = factored
    with pytest.raises(IndexError):
        counts[key]
    if key is not True:
        with pytest.raises(IndexError):
            full[key]


def test_slices_stay_lazy_and_smaller_parts_are_computed(factored):
    counts, _ = factored
    for key in (0, slice(None), (0, slice(2)), (..., slice(4)), (slice(None), slice(1, 2))):
        assert isinstance(counts[key], FactoredCounts)
        assert is_lazy(counts[key])
    for key in ((0, 1), (..., 3), (slice(None), 1, 2), (0, MASK), (0, [0, 1]), (0, 1, 2, 3)):
        assert isinstance(counts[key], np.ndarray | np.float32)
    assert isinstance(FactoredCounts([[[1]]], [[1, 2]])[0, 0, 0], np.ndarray)
    assert not is_dask(counts)
    assert not is_on_disk(counts)


def test_it_cannot_be_changed(factored):
    counts, _ = factored
    with pytest.raises(TypeError):
        counts[0] = 1
    with pytest.raises(TypeError):
        counts *= 2


def test_it_can_be_iterated(factored):
    counts, full = factored
    for found, expected in zip(counts[0], full[0], strict=True):
        same(found, expected)


def test_axes_of_length_one_come_and_go(factored):
    counts, full = factored
    for shape in ((5, 6, 8), (5, 1, 6, 8, 1), (1, -1, 6, 8), [1, 5, 6, 8]):
        view = counts[0].reshape(shape)
        assert isinstance(view, FactoredCounts)
        same(view, full[0].reshape(shape))
    spectrum = counts[:, 2:3, 4:5].reshape(1, 8)
    assert isinstance(spectrum, FactoredCounts)
    same(spectrum, full[:, 2, 4])
    same(spectrum.reshape(1, 1, 1, 8)[:, 0, 0], full[:, 2, 4])
    pixels = counts.reshape(30, 8)
    assert is_dask(pixels)
    same(pixels, full.reshape(30, 8))
    with pytest.raises(ValueError, match="size"):
        counts.reshape(31, 8)


def test_axes_are_moved_without_computing(factored):
    counts, full = factored
    moved = np.moveaxis(counts[0], -1, 0)
    assert isinstance(moved, FactoredCounts)
    same(moved, np.moveaxis(full[0], -1, 0))
    same(counts.T, full.T)
    same(np.transpose(counts, (0, 3, 1, 2)), full.transpose(0, 3, 1, 2))
    with pytest.raises(ValueError, match="axes"):
        counts.transpose(0, 1, 2, 2)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min"])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1, 2), (1, 3)])
def test_reductions_are_those_of_numpy(factored, monkeypatch, name, axis):
    monkeypatch.setattr("napari_xrf_denoise.core.factored_counts.CHUNK_BYTES", 400)
    counts, full = factored
    found, expected = getattr(counts, name)(axis=axis), getattr(full, name)(axis=axis)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    assert getattr(np, name)(counts, axis=axis, keepdims=True).ndim == 4


def test_sums_may_have_another_type(factored):
    counts, full = factored
    total = counts[0].sum(axis=-1, dtype=np.float64)
    same(total, full[0].sum(axis=-1, dtype=np.float64))
    with pytest.raises(TypeError, match="out"):
        counts.sum(out=np.empty(()))


def test_arithmetic_is_lazy(factored):
    counts, full = factored
    for found, expected in (
        (counts * MASK[..., None], full * MASK[..., None]),
        (full - counts, np.zeros_like(full)),
        (np.sqrt(counts), np.sqrt(full)),
        (counts + counts, 2 * full),
        (counts > 3, full > 3),
        (counts.astype(np.float64) ** 2, full.astype(np.float64) ** 2),
    ):
        assert is_dask(found)
        same(found, expected)
    assert counts.astype(np.float32) is counts


def test_a_dask_array_of_it_computes_only_what_is_used(huge, memory):
    lazy = as_lazy(huge)
    assert is_dask(lazy)
    assert lazy.chunks[0] == (1,)
    assert max(lazy.chunks[1]) * 1000 * 4096 * 4 <= 32 * 2**20
    spectrum = lazy[0, 500, 7]
    assert memory(lambda: same(spectrum, huge[0, 500, 7])) < 5


def test_looking_at_a_huge_map_takes_little_memory(huge, memory):
    scores = huge._factors.scores

    def look():
        picture = huge[0, :, :, 100]
        np.testing.assert_allclose(picture[5], scores[5].sum(axis=-1), rtol=1e-5)
        assert picture[1, 1] == 7
        np.testing.assert_array_equal(huge[0, 1, 1], np.full(4096, 7))
        assert huge[0, [1, 2, 3], [1, 2, 3]].shape == (3, 4096)

    assert memory(look) < 25
    assert memory(lambda: huge[:, :40].sum(axis=(0, 1, 2))) < 80


def _factored():
    rng = np.random.default_rng(5)
    scores, spectra = rng.integers(-3, 9, (5, 6, 2)), rng.integers(-1, 5, (2, 8))
    rows = rng.integers(0, 9, (2, 8))
    full = np.einsum("yxr,re->yxe", scores, spectra).clip(0, None).reshape(30, 8)
    full[[4, 17]] = rows
    counts = FactoredCounts(scores, spectra, [4, 17], rows)
    return counts, full.astype(np.float32).reshape(SHAPE)


def test_further_components_add_to_all_pixels_and_to_those_with_spectra_of_their_own():
    scores, spectra = np.ones((2, 3, 1)), np.array([[1.0, 2.0]])
    counts = FactoredCounts(scores, spectra, [4], [[5.0, 1.0]])
    more = np.zeros((2, 3, 1))
    more[1] = [[1], [2], [-3]]
    found = np.asarray(counts.plus(more, [[0.0, 1.0]]))[0]
    np.testing.assert_array_equal(found[0], np.broadcast_to([1, 2], (3, 2)))
    np.testing.assert_array_equal(found[1], [[1, 3], [5, 3], [1, 0]])
    np.testing.assert_array_equal(np.asarray(counts)[0, 1], [[1, 2], [5, 1], [1, 2]])


@pytest.mark.parametrize("rows", [slice(0, 3), slice(2, 5), slice(4, 6), slice(0, 6)])
def test_a_stretch_of_rows_is_that_of_the_map(rows):
    rng = np.random.default_rng(3)
    whole = FactoredCounts(
        rng.normal(size=(6, 4, 2)), rng.normal(size=(2, 9)), [3, 9, 21], rng.random((3, 9))
    )
    part = whole.held(rows)
    assert part.shape == whole.shape
    assert pickle.loads(pickle.dumps(part)).shape == whole.shape
    for start in range(rows.start, rows.stop):
        for own in (slice(start, rows.stop), slice(start, start + 1), slice(start, start)):
            np.testing.assert_array_equal(np.asarray(part[0, own]), np.asarray(whole[0, own]))
            np.testing.assert_array_equal(part.images(own), whole.images(own))
            for found, expected in zip(part.own_rows(own), whole.own_rows(own), strict=True):
                np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(
        np.asarray(part.scaled(2)[0, rows]), np.asarray(whole.scaled(2)[0, rows])
    )


def test_rows_that_are_not_held_are_not_made_up():
    part = FactoredCounts(np.ones((6, 4, 2)), np.ones((2, 9))).held(slice(2, 5))
    for rows in (slice(1, 3), slice(4, 6), slice(0, 1), slice(None)):
        with pytest.raises(IndexError, match="rows 2 to 4 are held"):
            np.asarray(part[0, rows])
    with pytest.raises(IndexError, match="rows 2 to 4"):
        part[0, 5, 0]
