"""Dose gains and their intervals, against errors that are known exactly."""

from functools import partial

import numpy as np
import pytest

from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising.quality.dose_gain import (
    DoseGainEstimate,
    score_by_reference,
    spare,
    within_limits,
)
from napari_xrf_denoise.spectroscopy.line_windows import Window

RATE = np.random.default_rng(0).uniform(0.1, 6, (8, 8, 40))
WINDOWS = (
    Window("channels 3–9", slice(3, 10), 3, 9),
    Window("channels 8–20", slice(8, 21), 8, 20),
)


def test_the_error_by_unseen_repeats_is_unbiased():
    prediction = (0.8 * RATE + 0.3).astype(np.float32)
    exact = float(((prediction - RATE) ** 2).sum())
    errors, inside = [], 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        image = SpectrumImage(rng.poisson(RATE, (4, 8, 8, 40)))
        rest = SpectrumImage(rng.poisson(RATE, (12, 8, 8, 40)))
        found = score_by_reference(prediction, image, rest, poisson=True)
        errors.append(found.error.sum())
        low, high = found.dose_gain()[1]
        inside += low <= RATE.sum() / 4 / exact <= high
    assert np.mean(errors) == pytest.approx(exact, abs=4 * np.std(errors) / 60**0.5)
    assert 46 <= inside <= 60


def test_unseen_repeats_score_counts_that_are_not_poisson():
    prediction = (0.8 * RATE + 0.3).astype(np.float32)
    exact = float(((3 * prediction - 3 * RATE) ** 2).sum())
    errors, raws = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        image = SpectrumImage(3 * rng.poisson(RATE, (4, 8, 8, 40)))
        rest = SpectrumImage(3 * rng.poisson(RATE, (6, 8, 8, 40)))
        found = score_by_reference(3 * prediction, image, rest, poisson=False)
        errors.append(found.error.sum())
        raws.append(found.raw_error.sum())
    assert np.mean(errors) == pytest.approx(exact, abs=4 * np.std(errors) / 40**0.5)
    assert np.mean(raws) == pytest.approx(9 * RATE.sum() / 4, rel=0.01)


def test_an_error_lost_in_its_noise_gives_only_a_lower_bound():
    found = DoseGainEstimate(np.array([-1.0]), np.array([100.0]), variance=25.0)
    gain, (low, high) = found.dose_gain()
    assert np.isnan(gain)
    assert low == pytest.approx(100 / (1.645 * 5 - 1))
    assert high == np.inf


def test_no_error_is_below_zero_however_the_estimate_falls():
    gain, (low, high) = DoseGainEstimate(
        np.array([-50.0]), np.array([100.0]), variance=25.0
    ).dose_gain()
    assert np.isnan(gain)
    # An error of zero is lost in a noise of 1.645 · 5.
    assert low == pytest.approx(100 / (1.645 * 5))
    assert high == np.inf


def test_unseen_repeats_score_windows():
    prediction = (0.8 * RATE + 0.3).astype(np.float32)
    errors = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        image = SpectrumImage(rng.poisson(RATE, (4, 8, 8, 40)))
        rest = SpectrumImage(rng.poisson(RATE, (12, 8, 8, 40)))
        found = score_by_reference(prediction, image, rest, poisson=True, windows=WINDOWS)
        errors.append([own.error.sum() for _, own in found.windows])
    for index, window in enumerate(WINDOWS):
        left = (prediction - RATE)[..., window.channels].sum(axis=-1)
        own = np.array(errors)[:, index]
        assert own.mean() == pytest.approx((left**2).sum(), abs=4 * own.std() / 60**0.5)


def exact_score(errors):
    """Give the score of predictions whose exact errors (member, y, x, energy) are known."""
    windows = []
    for window in WINDOWS:
        error = (errors[..., window.channels].sum(axis=-1) ** 2).mean(axis=0).sum()
        raw = RATE[..., window.channels].sum()
        windows.append((window, DoseGainEstimate(np.array([error]), np.array([raw]), variance=0.0)))
    squares = (errors**2).mean(axis=0).sum(axis=(0, 1))
    return DoseGainEstimate(squares, RATE.sum(axis=(0, 1)), variance=0.0, windows=tuple(windows))


def test_what_a_mean_of_predictions_spares_gives_its_exact_error():
    rng = np.random.default_rng(3)
    members = (RATE + 0.4 + rng.normal(0, 1, (3, *RATE.shape))).astype(np.float32)
    single = exact_score(members - RATE)
    bands = [partial(members.__getitem__, (slice(None), rows)) for rows in (slice(5), slice(5, 8))]
    together = spare(single, bands)
    left = members.mean(axis=0) - RATE
    assert together.dose_gain()[0] == pytest.approx(RATE.sum() / (left**2).sum(), rel=1e-5)
    assert single.dose_gain()[0] < 0.6 * together.dose_gain()[0]
    for window, own in together.windows:
        truth = (left[..., window.channels].sum(axis=-1) ** 2).sum()
        raw = RATE[..., window.channels].sum()
        assert own.dose_gain()[0] == pytest.approx(raw / truth, rel=1e-4)


def test_the_error_of_a_mean_lies_between_that_of_noise_and_that_of_bias():
    error, spared, share = 10.0, 4.0, 0.75
    found = DoseGainEstimate(np.array([error]), np.array([100.0]), 0.0, share, np.array([spared]))
    gain, (low, high) = found.dose_gain()
    assert low == pytest.approx(100 / (error - spared))
    assert high == pytest.approx(100 / (share * error - spared))
    assert gain == pytest.approx(100 / (0.875 * error - spared))
    # More than all of the error cannot be spared: the counts then only say "at least".
    most = DoseGainEstimate(np.array([error]), np.array([100.0]), 0.0, share, np.array([8.0]))
    assert most.dose_gain()[1] == (pytest.approx(50.0), np.inf)


@pytest.mark.parametrize(
    ("fall", "gain", "interval"),
    [
        (20, 400 / 80, (400 / 80, 400 / 80)),  # part noise, part bias: taken as measured
        (25, 400 / 75, (400 / 75, 400 / 75)),  # all noise: at 4/3 of the counts 3/4 of the error
        (45, 400 / 65, (400 / 75, 400 / 55)),  # more than all of it
        (-10, 400 / 105, (400 / 110, 400 / 100)),  # worse with more counts
    ],
)
def test_a_fall_that_noise_and_bias_cannot_make_is_doubted(fall, gain, interval):
    error, raw = np.full(10, 10.0), np.full(10, 40.0)
    own = DoseGainEstimate(error, raw, 0.0, spared=np.full(10, fall / 10))
    whole = DoseGainEstimate(
        error, raw, 0.0, spared=np.full(10, fall / 10), windows=((WINDOWS[0], own),)
    )
    found = within_limits(whole, 0.75)
    for score in (found, found.windows[0][1]):
        told, limits = score.dose_gain()
        assert told == pytest.approx(gain)
        assert limits == pytest.approx(interval)
