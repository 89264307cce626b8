"""Repeats on one energy scale, photon by photon."""

import numpy as np
import pytest

from napari_xrf_denoise import align_repeats
from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError, SettingsError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.io import read, write
from napari_xrf_denoise.spectroscopy.energy_scales import fit_scales

SIZE = 600
COMMON = EnergyAxis(0.0, 0.01, SIZE)
TRUE = [EnergyAxis(0.02, 0.01, SIZE), EnergyAxis(-0.03, 0.0102, SIZE), COMMON]
"""What the detector elements really are: two channels up; three down and 2 % wider; exact."""


def rate(axis):
    """Counts a channel of three lines and a background, for channels of these energies."""
    energies = axis.centers[:, None]
    lines = [400, 250, 120] * np.exp(-0.5 * ((energies - [1.2, 3.0, 4.6]) / 0.07) ** 2)
    return 0.3 + lines.sum(axis=1) * axis.gain / 0.01


@pytest.fixture(scope="module")
def elements():
    rates = np.array([rate(axis) for axis in TRUE])
    counts = np.random.default_rng(1).poisson(rates[:, None, None], (3, 12, 10, SIZE))
    return SpectrumImage(counts.astype(np.uint16), COMMON, "detector", name="elements")


def centroids(image):
    """Mean energy of the counts of the line at 3 keV in each repeat."""
    near = slice(275, 326)
    spectra = np.asarray(image.counts).sum(axis=(1, 2), dtype=float)[:, near] - 0.3 * 120
    return spectra @ image.energy.centers[near] / spectra.sum(axis=1)


def test_lines_come_to_the_energies_that_are_given(elements):
    # Element 0 shows the line at 2.98 keV of the common axis, element 1 at 2.97 keV.
    assert np.ptp(centroids(elements)) > 0.005
    aligned = align_repeats(elements, energies=TRUE)
    assert centroids(aligned) == pytest.approx([3.0] * 3, abs=0.0015)


def test_scales_that_are_not_given_are_fitted(elements):
    aligned = align_repeats(elements)
    assert np.ptp(centroids(aligned)) < 0.0015
    scales = fit_scales(np.asarray(aligned.counts).sum(axis=(1, 2)))
    assert np.all(np.abs(scales.shifts([120, 300, 460])) < 0.1)


def test_no_photon_is_lost_within_the_axis_and_the_others_are_told(elements):
    aligned = align_repeats(elements, energies=TRUE)
    before, after = (i.counts.sum(axis=(1, 2, 3)) for i in (elements, aligned))
    lost = aligned.metadata["alignment"]["photons_outside"]
    np.testing.assert_array_equal(before - after, lost)
    # Element 0 lies two channels up: what is in its last two channels belongs beyond the end.
    assert lost[0] == elements.counts[0, ..., -2:].sum()
    assert lost[2] == 0


def test_moved_counts_are_poisson_counts_of_the_moved_rate():
    flat = np.random.default_rng(2).poisson(5.0, (2, 200, 100, 40)).astype(np.uint16)
    axes = [EnergyAxis(0.0, 0.01, 40), EnergyAxis(0.0043, 0.0097, 40)]
    image = SpectrumImage(flat, axes[0], "detector")
    moved = align_repeats(image, energies=axes).counts[1, ..., 5:35].reshape(-1, 30).astype(float)
    # Channels are 3 % narrower, so a common one holds 1 / 0.97 as many.
    assert moved.mean() == pytest.approx(5 / 0.97, rel=0.005)
    assert (moved.var(axis=0) / moved.mean(axis=0)).mean() == pytest.approx(1, abs=0.01)
    # Interpolation would tie neighbours to each other.
    neighbours = np.corrcoef(moved.T)[np.arange(29), np.arange(1, 30)]
    assert np.abs(neighbours).max() < 5 / np.sqrt(len(moved))


def test_counts_stay_whole_and_compact(elements):
    aligned = align_repeats(elements)
    assert aligned.counts.dtype == np.uint16
    full = np.zeros((2, 1, 1, 50), dtype=np.uint8)
    full[..., 20:30] = 250
    axes = [EnergyAxis(0, 0.01, 50), EnergyAxis(0, 0.005, 50)]
    moved = align_repeats(SpectrumImage(full), energies=axes).counts
    # Two channels became one, which eight bits do not hold.
    assert moved[1].max() > 255
    assert moved[1].sum() == 2500


def test_the_result_depends_on_the_seed_and_not_on_the_bands(elements, monkeypatch):
    whole = align_repeats(elements, seed=3)
    monkeypatch.setattr(SpectrumImage, "blocks", by_rows(SpectrumImage.blocks))
    np.testing.assert_array_equal(align_repeats(elements, seed=3).counts, whole.counts)
    assert np.any(align_repeats(elements, seed=4).counts != whole.counts)


def by_rows(blocks):
    return lambda image, max_bytes=1: blocks(image, 1)


def test_lazy_counts_stay_lazy_and_give_the_same(elements):
    da = pytest.importorskip("dask.array")
    lazy = elements.replace(counts=da.from_array(np.asarray(elements.counts), (1, 5, 10, 200)))
    aligned = align_repeats(lazy)
    assert isinstance(aligned.counts, da.Array)
    now = align_repeats(elements)
    np.testing.assert_array_equal(np.asarray(aligned.counts), now.counts)
    expected = aligned.metadata["alignment"]["photons_outside"]
    lost = np.array(now.metadata["alignment"]["photons_outside"])
    assert np.all(np.abs(expected - lost) <= 5 * np.sqrt(lost + 1))


def test_repeats_of_one_scale_are_left_as_they_are():
    counts = np.random.default_rng(0).poisson(rate(COMMON), (3, 5, 5, SIZE))
    image = SpectrumImage(counts, COMMON)
    aligned = align_repeats(image)
    assert aligned.metadata["alignment"]["moved"] == [False] * 3
    np.testing.assert_array_equal(aligned.counts, counts)


def test_the_axis_of_each_repeat_is_kept_beside_the_common_one(elements, tmp_path):
    aligned = align_repeats(elements, energies=TRUE)
    write(tmp_path / "aligned.h5", aligned)
    record = read(tmp_path / "aligned.h5").metadata["alignment"]
    axes = [EnergyAxis.from_dict(axis) for axis in record["repeat_energy"]]
    for axis, true in zip(axes, TRUE, strict=True):
        np.testing.assert_allclose(axis.centers, true.centers)
    assert record["shift_of_first_channel"] == pytest.approx([2, -3, 0], abs=0.02)
    fitted = align_repeats(elements).metadata["alignment"]["repeat_energy"]
    # Only differences can be known: the common scale is taken to be the mean.
    apart = EnergyAxis.from_dict(fitted[0]).centers - EnergyAxis.from_dict(fitted[1]).centers
    true_apart = TRUE[0].centers - TRUE[1].centers
    np.testing.assert_allclose(apart[100:480], true_apart[100:480], atol=0.003)


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (lambda image: image.select(repeats=0), {}, "at least 2 repeats, found 1"),
        (lambda image: image.replace(counts=image.counts * 0.3), {}, "not whole"),
        (lambda image: image, {"energies": [COMMON]}, "expected 3 energy axes of 600 channels"),
        (lambda image: image, {"energies": [EnergyAxis(0, 1, 5)] * 3}, "found 3 of"),
    ],
)
def test_what_cannot_be_aligned_is_refused(elements, change, options, words):
    with pytest.raises(DataError, match=words):
        align_repeats(change(elements), **options)


@pytest.mark.parametrize("seed", [-1, 0.5, 2**64])
def test_a_seed_that_is_none_is_refused(elements, seed):
    with pytest.raises(SettingsError, match="seed: expected a whole number"):
        align_repeats(elements, seed=seed)


def test_the_measured_elements_come_together(shared_data):
    image = read(
        shared_data / "2xfm_0011_2xfm3__0.h5",
        dataset=[f"/MAPS_RAW/data_{letter}" for letter in "abcd"],
        energy_axis=0, repeat_kind="detector", energy_offset=-0.00418, energy_gain=0.0095216,
    )  # fmt: skip

    def peaks(counts):
        near = np.asarray(counts).sum(axis=(1, 2), dtype=float)[:, 280:340]
        smooth = [np.convolve(one, np.hanning(9), "same") for one in near]
        return np.argmax(smooth, axis=1)

    assert np.ptp(peaks(image.counts)) >= 4
    assert np.ptp(peaks(align_repeats(image).counts)) <= 1
