"""Spectra of many pixels: sums, means and maxima, of a map or of a region."""

import dask.array
import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.processing import spectrum
from napari_xrf_denoise.processing.spectra import region_sums, whole_sums


def counts_of(shape=(2, 6, 5, 20)):
    return np.random.default_rng(3).poisson(3.0, shape).astype(np.uint16)


@pytest.mark.parametrize("is_lazy", [False, True])
def test_regions_may_overlap_and_all_repeats_count(is_lazy):
    counts = counts_of()
    masks = np.random.default_rng(4).random((3, 6, 5)) > 0.5
    data = dask.array.from_array(counts, chunks=(1, 2, 5, 20)) if is_lazy else counts
    for mask, sums in zip(masks, region_sums(xrf.SpectrumImage(data), list(masks)), strict=True):
        inside = counts[:, mask]
        np.testing.assert_array_equal(sums.total, inside.sum(axis=(0, 1)))
        np.testing.assert_array_equal(sums.highest, inside.sum(axis=0).max(axis=0))
        assert sums.pixels == mask.sum()
        assert sums.is_whole


def test_rows_without_a_region_are_not_read():
    counts = counts_of((1, 8, 4, 10))

    def read(block, block_info):
        (_, _), (first, _), *_ = block_info[0]["array-location"]
        assert first == 4
        return block

    lazy = dask.array.from_array(counts, chunks=(1, 2, 4, 10)).map_blocks(
        read, meta=counts[:0, :0, :0, :0]
    )
    mask = np.zeros((8, 4), bool)
    mask[5, 1:3] = True
    (sums,) = region_sums(xrf.SpectrumImage(lazy), [mask])
    np.testing.assert_array_equal(sums.total, counts[0, 5, 1:3].sum(axis=0))


def test_an_empty_region_counts_nothing():
    (sums,) = region_sums(xrf.SpectrumImage(counts_of()), [np.zeros((6, 5), bool)])
    assert sums.pixels == 0
    assert not sums.total.any()


def test_small_counts_do_not_wrap_around():
    counts = np.full((1, 40, 40, 3), 250, np.uint8)
    sums = whole_sums(xrf.SpectrumImage(counts))
    np.testing.assert_array_equal(sums.total, np.full(3, 400_000))


def test_a_sum_can_be_stopped():
    with pytest.raises(xrf.Cancelled):
        whole_sums(xrf.SpectrumImage(counts_of()), lambda: True)


@pytest.mark.parametrize("mask", [np.ones((5, 6), bool), np.ones((6, 5), int)])
def test_a_mask_of_another_shape_or_type_is_refused(mask):
    with pytest.raises(xrf.DataError, match=r"bool and shape \(6, 5\)"):
        spectrum(xrf.SpectrumImage(counts_of()), mask=mask)


def test_fractions_are_seen():
    counts = counts_of().astype(np.float32)
    assert whole_sums(xrf.SpectrumImage(counts)).is_whole
    counts[1, 5, 4, 19] += 0.5
    assert not whole_sums(xrf.SpectrumImage(counts)).is_whole


@pytest.mark.parametrize(("repeat_kind", "scans"), [("scan", 2), ("frame", 1), ("detector", 1)])
def test_repeats_are_combined_as_the_image_says(repeat_kind, scans):
    counts = counts_of()
    image = xrf.SpectrumImage(counts, repeat_kind=repeat_kind)
    pixels = counts.sum(axis=0).reshape(30, 20) / scans
    np.testing.assert_allclose(spectrum(image), pixels.sum(axis=0))
    np.testing.assert_allclose(spectrum(image, "mean"), pixels.mean(axis=0))
    np.testing.assert_allclose(spectrum(image, "max"), pixels.max(axis=0))


def test_the_spectrum_of_a_region_a_pixel_and_a_row():
    counts = counts_of()
    image, mask = xrf.SpectrumImage(counts, repeat_kind="frame"), np.zeros((6, 5), bool)
    mask[2:4, 1:3] = True
    inside = counts[:, 2:4, 1:3].sum(axis=0)
    np.testing.assert_allclose(spectrum(image, "mean", mask=mask), inside.mean(axis=(0, 1)))
    np.testing.assert_array_equal(spectrum(image.select(y=2, x=4)), counts[:, 2, 4].sum(axis=0))
    rows = xrf.SpectrumImage(counts[:, :1, :1])
    np.testing.assert_array_equal(spectrum(rows.select(repeats=1)), counts[1, 0, 0])


def test_a_mask_without_a_pixel_has_no_spectrum():
    with pytest.raises(xrf.DataError, match="no pixel"):
        spectrum(xrf.SpectrumImage(counts_of()), "mean", mask=np.zeros((6, 5), bool))


def test_an_unknown_kind_is_refused():
    with pytest.raises(xrf.SettingsError, match="sum, mean, max, found 'median'"):
        spectrum(xrf.SpectrumImage(counts_of()), "median")
