"""Contrast and correlations of results, against exactly known ones."""

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.denoising.quality.contrast import Contrasts, ContrastTally, LineContrast

SHAPE = (32, 32)
FOLDS = 4


def fields(seed):
    """Rates of three lines that have nothing to do with each other, (y, x, line)."""
    return np.random.default_rng(seed).gamma(4.0, (10.0, 5.0, 2.5), (*SHAPE, 3))


def parts_of(rate, seed=0):
    return list(np.random.default_rng(seed).poisson(rate / FOLDS, (FOLDS, *rate.shape)))


def contrasts(parts, predict, bands=1):
    """What is found for a function of the counts without each part, scaled to all of them."""
    whole = np.sum(parts, axis=0)
    guesses = [predict((whole - part) * FOLDS / (FOLDS - 1)) for part in parts]
    tally = ContrastTally(whole.shape[2], [1 / FOLDS] * FOLDS, whole[..., 0].size)
    for rows in np.array_split(np.arange(whole.shape[0]), bands):
        tally.add([part[rows] for part in parts], [guess[rows] for guess in guesses])
    return tally.finish()


def flattened(share):
    """A function that keeps a share of the differences between pixels."""
    return lambda counts: counts.mean((0, 1)) + share * (counts - counts.mean((0, 1)))


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_a_prediction_that_is_linear_in_the_counts_keeps_its_slope(share):
    found = contrasts(parts_of(fields(0)), flattened(share))
    assert [line.kept for line in found.lines] == pytest.approx([share] * 3)


def test_the_contrast_of_a_prediction_that_knows_the_rate_is_its_slope():
    """Counts of a part are the rate and noise that a prediction has not seen."""
    rate = fields(0)
    slopes = np.array([0.2, 0.7, 1.3])
    mean = rate.mean((0, 1))
    away = []
    for seed in range(20):
        found = contrasts(parts_of(rate, seed), lambda _: mean + slopes * (rate - mean))
        away.append(
            [(own.kept - s) / own.error for own, s in zip(found.lines, slopes, strict=True)]
        )
    assert np.abs(np.mean(away, axis=0)).max() < 4 / 20**0.5
    assert np.mean(np.abs(away) < 1.645) == pytest.approx(0.9, abs=0.12)


def test_lines_below_eighty_percent_are_told_and_others_are_not():
    parts = parts_of(fields(1))
    keeps = np.array([1.0, 0.4, 0.9])
    found = contrasts(parts, flattened(keeps))
    told = next(found.warnings(["Fe", "Ca", "Zn"]))
    assert "flattened" in told
    assert "Ca 0.4" in told
    assert "Fe" not in told
    assert "Zn" not in told


def test_elements_that_only_the_result_makes_alike_are_told():
    parts = parts_of(fields(2))

    def mixed(counts):
        both = counts[..., :2].mean(axis=-1, keepdims=True)
        return np.concatenate([both, both, counts[..., 2:]], axis=-1)

    found = contrasts(parts, mixed)
    (pair,) = (pair for pair in found.unlike if pair.lines == (0, 1))
    assert pair.result == pytest.approx(1)
    assert abs(pair.counts) < 4 * pair.error
    assert any("Fe and Ca: 1.00 instead of" in told for told in found.warnings(["Fe", "Ca", "Zn"]))


def test_the_correlation_of_counts_is_that_of_the_rates():
    rate = fields(3)
    rate[..., 1] = 0.3 * rate[..., 0] + 0.2 * rate[..., 1]
    truth = np.corrcoef(rate[..., 0].ravel(), rate[..., 1].ravel())[0, 1]
    found = contrasts(
        parts_of(rate), lambda counts: counts.mean((0, 1)) + 0 * counts + rate * [1, -1, 1]
    )
    (pair,) = (pair for pair in found.unlike if pair.lines == (0, 1))
    assert pair.counts == pytest.approx(truth, abs=4 * pair.error)
    assert pair.result == pytest.approx(-truth)


def test_a_sample_without_contrast_has_none_to_keep():
    warned = 0
    for seed in range(20):
        found = contrasts(parts_of(np.full((*SHAPE, 3), 20.0), seed), flattened(0.0))
        warned += bool(list(found.warnings(["Fe", "Ca", "Zn"])))
    assert warned == 0


def test_bands_make_no_difference():
    parts = parts_of(fields(4))
    whole, cut = (contrasts(parts, flattened(0.5), bands) for bands in (1, 7))
    for one, other in zip(whole.lines, cut.lines, strict=True):
        assert one.kept == pytest.approx(other.kept)
        assert one.error == pytest.approx(other.error)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 2, 3), (1, 40, 3)])
def test_few_pixels_tell_nothing_wrong(shape):
    rate = np.random.default_rng(0).gamma(4.0, 5.0, shape)
    found = contrasts(parts_of(rate), flattened(1.0))
    assert len(found.lines) == shape[2]
    assert list(found.warnings(["Fe", "Ca", "Zn"])) == []


def test_many_flattened_lines_are_counted():
    found = Contrasts((LineContrast(0.1, 0.01),) * 6, ())
    (told,) = found.warnings([f"line {number}" for number in range(6)])
    assert told.count("0.10 ± 0.01") == 4
    assert "and 2 more" in told


def test_a_report_holds_the_contrast_of_each_line_and_its_file_does_too():
    image, _ = xrf.simulate_map((16, 16), n_channels=256, counts_per_pixel=200, seed=1)
    report = xrf.denoise(image, method="pca", preset="fast", rank=1).report
    known = [window for window in report.windows if np.isfinite(window.contrast)]
    # One component keeps the brightness of pixels and nothing of what differs between elements.
    assert known
    assert any("flattened" in warning for warning in report.warnings)
    assert report.as_dict()["windows"][0].keys() >= {"contrast", "contrast_error"}


def test_the_brightest_and_dimmest_pixels_hold_what_a_prediction_that_knows_the_rate_gives():
    """Of a prediction that stretches the rate by half, the ends are off by known amounts."""
    rate = fields(3) * 4
    mean = rate.mean((0, 1))
    stretched = np.maximum(mean + 2.5 * (rate - mean), 0.01 * rate)
    found = contrasts(parts_of(rate, 3), lambda _: stretched)
    number = round(0.02 * rate[..., 0].size)
    for line, own in enumerate(found.lines):
        order = np.argsort(stretched[..., line], axis=None)
        for share, pixels in ((own.brightest, order[-number:]), (own.dimmest, order[:number])):
            true = stretched[..., line].flat[pixels].sum() / rate[..., line].flat[pixels].sum()
            if np.isfinite(share.kept):
                assert share.kept == pytest.approx(true, abs=4 * share.error)
        assert own.brightest.is_off
    assert any("brightest" in text and "A, brightest" in text for text in found.warnings("ABC"))


def test_a_perfect_prediction_is_off_nowhere():
    for seed in range(20):
        rate = fields(seed)
        found = contrasts(parts_of(rate, seed), lambda _, rate=rate: rate)
        assert not any(own.brightest.is_off or own.dimmest.is_off for own in found.lines)


def test_raw_counts_hold_more_where_they_are_largest():
    """What is largest by chance is less in other counts."""
    found = contrasts(parts_of(fields(2)), lambda counts: counts)
    assert all(own.brightest.kept > 1 + 3 * own.brightest.error for own in found.lines)
