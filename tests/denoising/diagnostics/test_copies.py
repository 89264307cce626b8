"""Spectra that are exact copies of others."""

import numpy as np
import pytest

from napari_xrf_denoise.denoising.diagnostics.copies import SpectrumMarks, find_copies
from tests.helpers.changed_counts import photons


def copies_in(counts, rows=7):
    counts = np.asarray(counts)
    counts = counts[None] if counts.ndim == 3 else counts
    marks = SpectrumMarks(counts.shape)
    for start in range(0, counts.shape[1], rows):
        band = slice(start, min(start + rows, counts.shape[1]))
        marks.add(band, counts[:, band])
    return find_copies(marks)


@pytest.mark.parametrize("kind", ["smooth", "white", "uniform"])
@pytest.mark.parametrize("counts", [1, 3, 10, 100, 3000])
def test_photons_are_no_copies(kind, counts):
    for seed in range(4):
        assert copies_in(photons((24, 20), counts, seed=seed, kind=kind)) is None


def test_dark_spectra_that_happen_to_be_alike_are_no_copies():
    # Few channels and counts: most pixels have an equal one somewhere.
    counts = np.random.default_rng(0).poisson(0.4, (60, 60, 6))
    assert copies_in(counts) is None


@pytest.mark.parametrize("counts", [2, 100])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("seed", [0, 1])
def test_half_of_a_map_in_its_other_half_is_found(counts, axis, seed):
    half = photons((14, 14), counts, seed=seed)
    found = copies_in(np.concatenate([half, half], axis=axis))
    assert (found.y, found.x) == ((14, 0) if axis == 0 else (0, 14))
    assert found.number == found.of == (half.sum(axis=2) > 0).sum()
    where = "14 rows above" if axis == 0 else "14 columns to the left"
    assert f"hold exactly the counts of the pixel {where}" in str(found)


def test_a_patch_is_found_where_it_was_put():
    counts = photons((30, 30))
    counts[20:25, 2:7] = counts[3:8, 11:16]
    found = copies_in(counts)
    assert (found.number, found.y, found.x) == (25, 17, -9)
    assert "17 rows above and 9 columns to the right" in str(found)


def test_rows_that_were_upsampled_are_copies():
    found = copies_in(np.repeat(photons((12, 20)), 2, axis=0))
    assert (found.number, found.y, found.x) == (240, 1, 0)


def test_a_copy_is_one_of_all_repeats():
    counts = np.stack([photons((12, 12), seed=seed) for seed in (0, 1)])
    assert copies_in(counts) is None
    counts[:, 6:] = counts[:, :6]
    assert copies_in(counts).number == 72
    # The other repeat is measured there, so these are no copies.
    counts[1] = photons((12, 12), seed=2)
    assert copies_in(counts) is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint32, np.float32])
def test_empty_pixels_are_no_copies(dtype):
    counts = photons((16, 16), 20).astype(dtype)
    counts[:, 8:] = 0
    assert copies_in(counts) is None
    assert copies_in(np.zeros((4, 4, 9), dtype)) is None
