"""Unfinished frames and jumps of the beam, and samples that only look like them."""

import numpy as np
import pytest

from napari_xrf_denoise.denoising.diagnostics.rows import find_empty_rows, find_row_steps
from napari_xrf_denoise.io import read
from napari_xrf_denoise.simulation.measurements import simulate_map

GROUPS = 8


def coarse(counts):
    """Counts (y, x, energy) in groups of channels."""
    return counts.reshape(*counts.shape[:2], GROUPS, -1).sum(axis=3).astype(np.float32)


def simulated(seed, counts_per_pixel=300):
    image, _ = simulate_map((48, 48), n_channels=512, counts_per_pixel=counts_per_pixel, seed=seed)
    return np.asarray(image.counts[0])


def weakened(counts, rows, share, seed=0):
    """Counts of which some rows were measured for a shorter time."""
    counts = counts.copy()
    counts[rows] = np.random.default_rng(seed).binomial(counts[rows], share)
    return counts


@pytest.mark.parametrize("counts_per_pixel", [20, 100, 300, 2000])
def test_natural_maps_raise_no_alarm(counts_per_pixel):
    for seed in range(8):
        assert find_row_steps(coarse(simulated(seed, counts_per_pixel))) == []


@pytest.mark.parametrize("seed", range(3))
def test_an_unfinished_last_frame_is_found_with_its_row_and_factor(seed):
    (step,) = find_row_steps(coarse(weakened(simulated(seed), slice(20, None), 2 / 3)))
    assert step.row == 20
    assert step.factor == pytest.approx(2 / 3, abs=0.1)
    assert not step.within


def test_a_frame_that_ended_within_a_row_is_said_to():
    counts = weakened(simulated(2), slice(20, None), 0.5)
    counts[19, 20:] = weakened(simulated(2), slice(19, 20), 0.5)[19, 20:]
    (step,) = find_row_steps(coarse(counts))
    assert (step.row, step.within) == (20, True)
    assert step.factor == pytest.approx(0.5, abs=0.1)


def test_a_beam_that_was_weaker_for_a_while_gives_two_steps():
    down, up = find_row_steps(coarse(weakened(simulated(0), slice(20, 30), 0.5)))
    assert (down.row, up.row) == (20, 30)
    assert down.factor * up.factor == pytest.approx(1, abs=0.25)


def test_rows_without_counts_do_not_hide_a_step():
    counts = weakened(simulated(0), slice(20, None), 0.5)
    counts[40:] = 0
    counts[5] = 0
    (step,) = find_row_steps(coarse(counts))
    assert step.row == 20


def test_straight_layers_of_a_sample_are_no_fault():
    rng = np.random.default_rng(0)
    for trial in range(30):
        borders = np.sort(rng.choice(np.arange(4, 44), 2, replace=False))
        layer = np.searchsorted(borders, np.arange(48), side="right")
        # Layers share the scatter, and differ in elements and in how much there is of them.
        scatter, lines = rng.uniform(0.3, 1, GROUPS), rng.gamma(0.5, 1, (3, GROUPS))
        amount = rng.uniform(0.5, 2, (3, 1))
        spectra = amount * (0.3 * scatter / scatter.sum() + 0.7 * lines / lines.sum(1)[:, None])
        level = [20, 100, 1000][trial % 3]
        counts = rng.poisson(level * spectra[layer][:, None], (48, 48, GROUPS))
        assert find_row_steps(counts.astype(np.float32)) == [], trial


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 40, 8), (40, 3, 8), (40, 40, 1), (0, 5, 8)])
def test_maps_that_cannot_tell_raise_no_alarm(shape):
    counts = np.random.default_rng(0).poisson(5, shape).astype(np.float32)
    assert find_row_steps(counts) == []


def test_the_measured_unfinished_map_is_found(shared_data):
    pytest.importorskip("rsciio")
    counts = np.asarray(read(shared_data / "P45_the_default_job.bcf").counts[0])
    (step,) = find_row_steps(coarse(counts))
    rows = counts.sum(axis=(1, 2), dtype=float)
    # Rows 0 to 19 hold 1.47 times the counts of rows 21 to 74; row 20 lies between.
    assert (step.row, step.within) == (21, True)
    assert step.factor == pytest.approx(rows[21:].mean() / rows[:20].mean(), abs=0.05)


@pytest.mark.parametrize("name", ["SiO2_EDS_SI.hspy", "88_ES-LP_G8_selection2_cropped2.hspy"])
def test_measured_whole_maps_raise_no_alarm(shared_data, name):
    pytest.importorskip("rsciio")
    counts = np.asarray(read(shared_data / name).counts[0])
    assert find_row_steps(coarse(counts[..., : counts.shape[2] // GROUPS * GROUPS])) == []


def test_empty_rows_are_found_only_where_others_hold_much():
    pixels = np.random.default_rng(0).poisson(20, (30, 10))
    pixels[25:] = 0
    pixels[3] = 0
    assert find_empty_rows(pixels) == [(3, 3), (25, 29)]
    assert find_empty_rows(np.random.default_rng(0).poisson(0.1, (30, 10))) == []
    assert find_empty_rows(np.zeros((3, 3))) == []
