"""Scores by held-out counts, against errors that are known exactly."""

import numpy as np
import pytest

from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising.multifold_thinning import Listed, gather
from napari_xrf_denoise.denoising.pairs import Photons, Repeats
from napari_xrf_denoise.denoising.quality.held_out import Fewer, HeldOut, cross_score
from napari_xrf_denoise.denoising.subspace import Subspace
from napari_xrf_denoise.spectroscopy.line_windows import Window

RATE = np.random.default_rng(0).uniform(0.1, 6, (8, 8, 40))
WINDOWS = (
    Window("channels 3–9", slice(3, 10), 3, 9),
    Window("channels 8–20", slice(8, 21), 8, 20),
)


def shrink(counts, rows=None):
    """A biased prediction that depends on the counts: half of them, half of the map's mean."""
    return (0.5 * counts + 0.5 * counts.mean()).astype(np.float32)


def expected_error(share):
    """Error of `shrink` for a share of the counts, scaled to all: bias² + variance, per voxel."""
    bias = 0.5 * (RATE.mean() - RATE)
    variance = 0.25 * RATE / share
    return float((bias**2 + variance).sum())


def expected_window_error(window, share):
    """The same for the counts of a window: biases add up before they are squared."""
    bias = 0.5 * (RATE.mean() - RATE[..., window.channels]).sum(axis=-1)
    variance = 0.25 * RATE[..., window.channels].sum(axis=-1) / share
    return float((bias**2 + variance).sum())


def draws(repeats, number=40):
    """Give independent measurements, and seeds for their splits: equal ones would be correlated."""
    for seed in range(number):
        yield (
            seed,
            SpectrumImage(np.random.default_rng(seed).poisson(RATE / repeats, (repeats, 8, 8, 40))),
        )


def score(source, predict, folds, seed, **options):
    """Score one way to predict by all parts of the counts."""
    return cross_score(HeldOut.of(source, seed, [predict] * folds), Watch(), **options)


def score_factors(source, predict, seed, resolved):
    """Score predictions as factors by four parts."""
    bands, shares = list(source.parts(4, seed, 0)), source.part_shares(4)
    whole = [np.concatenate(part) for part in zip(*(parts for _, parts in bands), strict=True)]
    rests = [sum(whole) - part for part in whole]
    guesses = [
        FactoredCounts(predict(rest) / (1 - share), np.eye(40))
        for rest, share in zip(rests, shares, strict=True)
    ]
    held_out = HeldOut(
        source, Listed([(slice(0, 8), lambda: gather(whole))]), shares, guesses=guesses
    )
    return cross_score(held_out, Watch(), resolved=resolved)


@pytest.mark.parametrize("folds", [2, 4])
def test_the_error_by_held_out_photons_is_unbiased(folds):
    scores = [score(Photons(image), shrink, folds, seed) for seed, image in draws(1)]
    errors = np.array([found.error.sum() for found in scores])
    expected = expected_error(1 - 1 / folds)
    assert errors.mean() == pytest.approx(expected, abs=4 * errors.std() / len(errors) ** 0.5)
    raw = np.mean([found.raw_error.sum() for found in scores])
    assert raw == pytest.approx(RATE.sum(), rel=0.01)


def test_the_error_by_repeats_is_unbiased_without_poisson_statistics():
    errors, raws = [], []
    for seed, image in draws(4):
        doubled = image.replace(counts=2 * image.counts)  # variance is twice the mean
        totals = doubled.counts.sum(axis=(1, 2, 3)).astype(float)
        found = score(Repeats(doubled, totals), shrink, 4, seed)
        errors.append(found.error.sum() / 4)
        raws.append(found.raw_error.sum() / 4)
    expected = expected_error(0.75)
    assert np.mean(errors) == pytest.approx(expected, abs=4 * np.std(errors) / len(errors) ** 0.5)
    assert np.mean(raws) == pytest.approx(RATE.sum(), rel=0.02)


def of_two_parts(source, seed):
    """Predictions like those of `score`, from two of the three parts that are left."""
    parts = [part for _, part in source.parts(4, seed, 0)]
    whole = [np.concatenate(bands) for bands in zip(*parts, strict=True)]
    left = [2 * (whole[k - 1] + whole[k - 2]) for k in range(4)]
    return Fewer(
        [lambda rows, counts=counts: shrink(counts)[rows] for counts in left], (0.5, 0.75, 1.0)
    )


@pytest.mark.parametrize("kind", ["photons", "repeats"])
def test_what_all_counts_bring_is_known_from_what_fewer_lack(kind):
    errors, windows = [], []
    for seed, image in draws(4):
        counts = image.counts
        source = Photons(image)
        if kind == "repeats":
            source = Repeats(image, counts.sum(axis=(1, 2, 3)).astype(float))
        found = score(
            source, shrink, 4, seed, windows=WINDOWS[:1], fewer=of_two_parts(source, seed)
        )
        errors.append(found.error.sum() - found.spared.sum())
        own = found.windows[0][1]
        windows.append(own.error.sum() - own.spared.sum())
        assert found.share == own.share == 1
    for values, expected in (
        (errors, expected_error(1)),
        (windows, expected_window_error(WINDOWS[0], 1)),
    ):
        assert np.mean(values) == pytest.approx(expected, abs=4 * np.std(values) / 40**0.5)


BELLS = np.exp(-0.5 * ((np.arange(40)[:, None] - np.arange(-4, 45, 4)) / 4) ** 2)
RESOLVED = Subspace.of(np.linalg.qr(BELLS / np.sqrt(5))[0], np.full(40, np.sqrt(5)))
PROJECTOR = RESOLVED.smooth
BROAD = np.random.default_rng(1).uniform(0, 4, (8, 8, 13)) @ BELLS.T


def shrink_smooth(counts, rows=None):
    return PROJECTOR(shrink(counts))


@pytest.mark.parametrize("kind", ["photons", "repeats"])
def test_noise_that_the_detector_cannot_resolve_does_not_blur_the_score(kind):
    exact, sharp, plain = [], [], []
    for seed in range(40):
        counts = np.random.default_rng(seed).poisson(BROAD / 4, (4, 8, 8, 40))
        image = SpectrumImage(counts)
        source = Photons(image)
        if kind == "repeats":
            source = Repeats(image, counts.sum(axis=(1, 2, 3)).astype(float))
        plain.append(score(source, shrink_smooth, 4, seed).error.sum())
        found = score_factors(source, shrink_smooth, seed, RESOLVED)
        sharp.append(found.error.sum())
        low, high = (found.error.sum() + sign * 1.645 * found.variance**0.5 for sign in (-1, 1))
        bias = PROJECTOR(0.5 * BROAD + 0.5 * BROAD.mean()) - BROAD
        variance = 0.25 * BROAD / 0.75 @ PROJECTOR(np.eye(40)) ** 2
        expected = float((bias**2 + variance).sum())
        exact.append(low < expected < high)
    assert np.mean(sharp) == pytest.approx(expected, abs=4 * np.std(sharp) / 40**0.5)
    assert np.std(sharp) < 0.8 * np.std(plain)
    assert sum(exact) >= 31


def test_counts_that_no_line_explains_are_scored_all_the_same():
    spiky = BROAD.copy()
    spiky[..., 17] += 40  # a hot channel
    errors = []
    for seed in range(20):
        image = SpectrumImage(np.random.default_rng(seed).poisson(spiky, (1, 8, 8, 40)))
        found = score_factors(Photons(image), lambda _: 0.75 * BROAD, seed, RESOLVED)
        errors.append(found.error.sum())
    # What is predicted lacks the hot channel, which is 40² in each of 64 pixels.
    assert np.mean(errors) == pytest.approx(64 * 1600, rel=0.02)


def smooth(counts, rows=None):
    """A prediction whose error is mostly noise: the mean of neighbouring channels."""
    mean = sum(np.roll(counts, shift, axis=-1) for shift in (-2, -1, 0, 1, 2)) / 5
    return mean.astype(np.float32)


def test_the_interval_holds_the_true_gain_nine_times_in_ten():
    inside = 0
    for seed, image in draws(1, 100):
        low, high = score(Photons(image), smooth, 4, seed).dose_gain()[1]
        # The truth for the result that a user gets, from all counts.
        true_error = ((smooth(image.counts[0].astype(float)) - RATE) ** 2).sum()
        inside += low <= RATE.sum() / true_error <= high
    assert inside >= 85


@pytest.mark.parametrize("folds", [2, 4])
def test_the_error_of_a_window_by_held_out_photons_is_unbiased(folds):
    scores = [
        score(Photons(image), shrink, folds, seed, windows=WINDOWS) for seed, image in draws(1, 80)
    ]
    for index, window in enumerate(WINDOWS):
        assert all(found.windows[index][0] is window for found in scores)
        errors = np.array([found.windows[index][1].error.sum() for found in scores])
        expected = expected_window_error(window, 1 - 1 / folds)
        assert errors.mean() == pytest.approx(expected, abs=4 * errors.std() / 80**0.5)
        raw = np.mean([found.windows[index][1].raw_error.sum() for found in scores])
        assert raw == pytest.approx(RATE[..., window.channels].sum(), rel=0.01)


def test_the_error_of_a_window_by_repeats_is_unbiased_without_poisson_statistics():
    errors = []
    for seed, image in draws(4, 80):
        doubled = image.replace(counts=2 * image.counts)  # variance is twice the mean
        totals = doubled.counts.sum(axis=(1, 2, 3)).astype(float)
        found = score(Repeats(doubled, totals), shrink, 4, seed, windows=WINDOWS)
        errors.append([own.error.sum() / 4 for _, own in found.windows])
    for index, window in enumerate(WINDOWS):
        own = np.array(errors)[:, index]
        expected = expected_window_error(window, 0.75)
        assert own.mean() == pytest.approx(expected, abs=4 * own.std() / 80**0.5)


def test_the_interval_of_a_window_holds_the_true_gain_nine_times_in_ten():
    inside = np.zeros(2)
    for seed, image in draws(1, 100):
        found = score(Photons(image), smooth, 4, seed, windows=WINDOWS)
        left = smooth(image.counts[0].astype(float)) - RATE
        for index, (window, own) in enumerate(found.windows):
            low, high = own.dose_gain()[1]
            error = (left[..., window.channels].sum(axis=-1) ** 2).sum()
            inside[index] += low <= RATE[..., window.channels].sum() / error <= high
    assert inside.min() >= 85


def test_predictions_get_their_rows():
    image = SpectrumImage(np.random.default_rng(0).poisson(RATE)[None])
    seen = []

    def known(counts, rows):
        seen.append(rows)
        assert counts.shape[0] == len(range(8)[rows])
        return (0.75 * RATE[rows]).astype(np.float32)

    every_third = score(Photons(image), known, 4, 0, every=3)
    assert [list(range(8)[rows]) for rows in seen] == [[0, 3, 6]] * 4
    assert every_third.raw_error.sum() == image.counts[0, ::3].sum()
    scored = np.isfinite(every_third.residuals.map).all(axis=1)
    np.testing.assert_array_equal(np.flatnonzero(scored), [0, 3, 6])


def test_parts_in_small_types_do_not_wrap_around():
    rate = np.full((4, 4, 30), 900.0)
    counts = np.random.default_rng(0).poisson(rate)
    parts = [np.minimum(counts // 4, 255).astype(np.uint8)] * 3
    parts.append((counts - 3 * parts[0].astype(int)).astype(np.uint16))
    source = Photons(SpectrumImage(counts[None]))
    predictions = [lambda rest, rows: rest.astype(np.float32)] * 4
    bands = [(slice(0, 4), lambda: gather(parts))]
    held_out = HeldOut(source, Listed(bands), [0.25] * 4, predictions)
    found = cross_score(held_out, Watch(), windows=WINDOWS[:1])
    assert found.raw_error.sum() == counts.sum()
    assert found.windows[0][1].raw_error.sum() == counts[..., 3:10].sum()


@pytest.mark.parametrize("gain", [1.5, 4.0])
def test_the_told_error_is_right_where_a_few_rows_hold_the_counts(gain):
    rate = np.full((64, 16, 16), 0.2)
    rate[:2] = 20
    signs = np.random.default_rng(99)
    errors, told = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        parts = [rng.poisson(rate / 4).astype(np.uint32) for _ in range(4)]
        source = Photons(SpectrumImage(np.sum(parts, axis=0)[None]))
        off = np.sqrt(rate / gain) * signs.choice([-1, 1], size=(4, *rate.shape))
        predictions = [lambda _, rows, own=own: 0.75 * (rate + own)[rows] for own in off]
        bands = [
            (rows, lambda rows=rows, parts=parts: gather([part[rows] for part in parts]))
            for rows in (slice(start, start + 2) for start in range(0, 64, 2))
        ]
        found = cross_score(HeldOut(source, Listed(bands), [0.25] * 4, predictions), Watch())
        errors.append(found.error.sum() - (off**2).sum() / 4)
        told.append(found.variance**0.5)
    # Within the scatter of a standard deviation from 60, and wide rather than narrow.
    assert 0.85 < np.mean(told) / np.std(errors) < 1.6
