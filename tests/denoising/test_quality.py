"""The honest score, against errors that are known exactly."""

import json

import numpy as np
import pytest

from napari_xrf_denoise.denoising.pairs import Photons, Repeats
from napari_xrf_denoise.denoising.progress import Watch
from napari_xrf_denoise.denoising.quality import (
    QualityReport,
    Score,
    cross_score,
    score_by_reference,
)
from napari_xrf_denoise.spectrum_image import SpectrumImage

RATE = np.random.default_rng(0).uniform(0.1, 6, (8, 8, 40))


def shrink(counts):
    """A biased prediction that depends on the counts: half of them, half of the map's mean."""
    return (0.5 * counts + 0.5 * counts.mean()).astype(np.float32)


def expected_error(share):
    """Error of `shrink` for a share of the counts, scaled to all: bias² + variance, per voxel."""
    bias = 0.5 * (RATE.mean() - RATE)
    variance = 0.25 * RATE / share
    return float((bias**2 + variance).sum())


def draws(repeats, number=40):
    """Give independent measurements, and seeds for their splits: equal ones would be correlated."""
    for seed in range(number):
        yield (
            seed,
            SpectrumImage(np.random.default_rng(seed).poisson(RATE / repeats, (repeats, 8, 8, 40))),
        )


@pytest.mark.parametrize("folds", [2, 4])
def test_the_error_by_held_out_photons_is_unbiased(folds):
    scores = [
        cross_score(Photons(image), [shrink] * folds, seed, 0, Watch()) for seed, image in draws(1)
    ]
    errors = np.array([score.error.sum() for score in scores])
    expected = expected_error(1 - 1 / folds)
    assert errors.mean() == pytest.approx(expected, abs=4 * errors.std() / len(errors) ** 0.5)
    raw = np.mean([score.raw_error.sum() for score in scores])
    assert raw == pytest.approx(RATE.sum(), rel=0.01)


def test_the_error_by_repeats_is_unbiased_without_poisson_statistics():
    errors, raws = [], []
    for seed, image in draws(4):
        doubled = image.replace(counts=2 * image.counts)  # variance is twice the mean
        totals = doubled.counts.sum(axis=(1, 2, 3)).astype(float)
        score = cross_score(Repeats(doubled, totals), [shrink] * 4, seed, 0, Watch())
        errors.append(score.error.sum() / 4)
        raws.append(score.raw_error.sum() / 4)
    expected = expected_error(0.75)
    assert np.mean(errors) == pytest.approx(expected, abs=4 * np.std(errors) / len(errors) ** 0.5)
    assert np.mean(raws) == pytest.approx(RATE.sum(), rel=0.02)


def smooth(counts):
    """A prediction whose error is mostly noise: the mean of neighbouring channels."""
    mean = sum(np.roll(counts, shift, axis=-1) for shift in (-2, -1, 0, 1, 2)) / 5
    return mean.astype(np.float32)


def test_the_interval_holds_the_true_gain_nine_times_in_ten():
    inside = 0
    for seed, image in draws(1, 100):
        low, high = cross_score(Photons(image), [smooth] * 4, seed, 0, Watch()).dose_gain()[1]
        # The truth for the result that a user gets, which is made of all counts.
        true_error = ((smooth(image.counts[0].astype(float)) - RATE) ** 2).sum()
        inside += low <= RATE.sum() / true_error <= high
    assert inside >= 85


def test_the_error_by_unseen_repeats_is_unbiased():
    prediction = (0.8 * RATE + 0.3).astype(np.float32)
    exact = float(((prediction - RATE) ** 2).sum())
    errors, inside = [], 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        image = SpectrumImage(rng.poisson(RATE, (4, 8, 8, 40)))
        rest = SpectrumImage(rng.poisson(RATE, (12, 8, 8, 40)))
        score = score_by_reference(prediction, image, rest, poisson=True)
        errors.append(score.error.sum())
        low, high = score.dose_gain()[1]
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
        score = score_by_reference(3 * prediction, image, rest, poisson=False)
        errors.append(score.error.sum())
        raws.append(score.raw_error.sum())
    assert np.mean(errors) == pytest.approx(exact, abs=4 * np.std(errors) / 40**0.5)
    assert np.mean(raws) == pytest.approx(9 * RATE.sum() / 4, rel=0.01)


def test_an_error_lost_in_its_noise_gives_only_a_lower_bound():
    score = Score(np.array([-1.0]), np.array([100.0]), variance=25.0)
    gain, (low, high) = score.dose_gain()
    assert np.isnan(gain)
    assert low == pytest.approx(100 / (1.645 * 5 - 1))
    assert high == np.inf


def test_a_report_says_at_least_where_no_upper_end_is_known():
    report = QualityReport(float("nan"), (3.4, float("inf")), 1.0)
    assert report.summary() == "dose gain: at least 3.4"
    assert "not known" in QualityReport(np.nan, (np.nan, np.nan), 1.0, "no counts").summary()
    assert QualityReport(8.0, (7.0, 9.5), 1.0).summary() == "dose gain: 8.0 (7.0 to 9.5)"


def test_a_report_is_valid_json():
    report = QualityReport(
        np.nan, (3.0, np.inf), 1.0, "x", ("w",), {"training": [1.0]}, {"rank": 3}
    )
    content = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert content["dose_gain"] is None
    assert content["dose_gain_interval"] == [3.0, None]
