"""Repeats whose counts drift, stop or are missing."""

import numpy as np
import pytest

from napari_xrf_denoise.denoising.diagnostics.repeats import (
    find_dead_repeats,
    find_drift,
    find_repeat_steps,
)

RNG = np.random.default_rng


def test_equal_repeats_do_not_drift():
    rng = RNG(0)
    for trial in range(300):
        totals = rng.poisson(10.0 ** rng.uniform(1, 7), rng.integers(2, 40)).astype(float)
        assert find_drift(totals) is None, trial


def test_a_difference_too_small_to_matter_is_none_however_clear():
    assert find_drift(np.array([1e9, 1.01e9])) is None


@pytest.mark.parametrize(
    ("rates", "kind", "repeat", "factor"),
    [
        (np.linspace(1, 0.8, 12), "trend", 0, 0.8),
        (np.r_[np.ones(7), np.full(5, 1.3)], "jump", 7, 1.3),
        (np.r_[np.ones(4), 0.5, np.ones(5)], "outlier", 4, 0.5),
        (np.array([1.0, 0.7]), "jump", 1, 0.7),
        (np.tile([1.0, 0.8, 1.1], 5), "scatter", 0, 1.1 / 0.8),
    ],
)
def test_drift_is_named(rates, kind, repeat, factor):
    drift = find_drift(RNG(1).poisson(50_000 * rates).astype(float))
    assert (drift.kind, drift.repeat) == (kind, repeat)
    assert drift.factor == pytest.approx(factor, rel=0.03)


def test_a_dead_element_is_found_and_a_weak_one_is_not():
    assert find_dead_repeats(np.array([1000.0, 0, 1200, 300])) == [1]
    assert find_dead_repeats(np.array([1000.0])) == []
    assert find_dead_repeats(np.array([3.0, 0, 2])) == []


def rows(rates, seed=0, level=2000):
    """Counts (repeat, y) of one sample, whose rows differ much."""
    sample = RNG(9).uniform(0.2, 2, np.shape(rates)[1])
    return RNG(seed).poisson(level * sample * rates)


def test_repeats_of_one_sample_do_not_change_against_each_other():
    for seed in range(100):
        rates = RNG(seed).uniform(0.3, 2, (2 + seed % 5, 1)) * np.ones(40)
        assert find_repeat_steps(rows(rates, seed)) == [], seed


@pytest.mark.parametrize("repeats", [2, 3, 8])
def test_a_beam_that_was_lost_in_one_repeat_is_found_in_that_one_alone(repeats):
    rates = np.ones((repeats, 40))
    rates[1, 25:] = 0.6
    (step,) = find_repeat_steps(rows(rates))
    assert (step.repeat, step.row) == (1, 25)
    assert step.factor == pytest.approx(0.6, abs=0.03)


@pytest.mark.parametrize("shape", [(1, 40), (3, 1), (2, 2)])
def test_too_few_repeats_or_rows_tell_nothing(shape):
    assert find_repeat_steps(np.full(shape, 50.0)) == []
