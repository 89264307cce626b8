"""The score of any denoiser: against exact rates, and of denoisers that do what they must not."""

from functools import partial

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_xrf_denoise as xrf
from napari_xrf_denoise.core.spectrum_image import SpectrumImage

SEEDS = range(12)


def identity(counts):
    return counts


def blur(counts):
    return gaussian_filter(counts.astype(np.float32), (0.7, 0.7, 0.5))


def mean_spectrum(counts):
    return np.broadcast_to(counts.mean(axis=(0, 1)), counts.shape)


def pca(counts, rank=6):
    """Poisson-weighted components, values below zero left as they are."""
    spectra = counts.reshape(-1, counts.shape[-1]).astype(float)
    weight = np.sqrt(spectra.mean(axis=0) + 1e-3)
    basis = np.linalg.svd(spectra / weight, full_matrices=False)[2][:rank]
    return ((spectra / weight) @ basis.T @ basis * weight).reshape(counts.shape)


@pytest.fixture(scope="module")
def maps():
    """Simulated maps of several seeds, and their rates."""
    return [
        xrf.simulate_map((20, 20), n_channels=256, counts_per_pixel=100, seed=seed)
        for seed in SEEDS
    ]


@pytest.fixture(scope="module")
def one(maps):
    return maps[1][0]


def true_gains(denoiser, image, rate, windows):
    """The dose gain of all voxels, and of the sums in each window: the variance of raw counts,
    which is their rate, over the squared error of the result."""
    result = denoiser(image.counts[0])
    gains = [rate.sum() / ((result - rate) ** 2).sum()]
    centers = image.energy.centers
    for window in windows:
        inside = (centers > window.low - 1e-9) & (centers < window.high + 1e-9)
        found, true = (part[..., inside].sum(axis=-1) for part in (result, rate))
        gains.append(true.sum() / ((found - true) ** 2).sum())
    return gains


@pytest.mark.parametrize("denoiser", [identity, blur, mean_spectrum, pca])
def test_the_interval_holds_the_true_gain(denoiser, maps):
    inside, lines = [], []
    for seed, (image, rate) in zip(SEEDS, maps, strict=True):
        report = xrf.score(image, denoiser, seed=seed, checks=False)
        whole, *windows = true_gains(denoiser, image, rate, report.windows)
        low, high = report.dose_gain_interval
        inside.append(low <= whole <= high)
        for true, window in zip(windows, report.windows, strict=True):
            low, high = window.dose_gain_interval
            lines.append(low <= true <= high)
    # 9 in 10 are promised: of 12, 8 or fewer are inside less than once in 200 times.
    assert sum(inside) >= 9
    assert len(lines) > 100
    assert np.mean(lines) > 0.87


@pytest.mark.parametrize("folds", [2, 3, 4, 8])
def test_the_gain_is_that_of_theory(folds, maps):
    # Raw counts have a dose gain of 1. Those of a half of the dose, scaled up, are twice as far
    # from the truth; with two folds, the gain told is that of the mean of both limits, all noise
    # (the half of this error) and all bias.
    expected = 1.5 if folds == 2 else 1
    told = [
        1 / xrf.score(image, identity, folds=folds, seed=seed, checks=False).dose_gain
        for seed, (image, _) in zip(SEEDS, maps, strict=True)
    ]
    assert np.mean(told) == pytest.approx(expected, abs=4 * np.std(told) / len(told) ** 0.5)


def test_the_report_is_complete_and_the_same_each_time(one):
    first, again = (xrf.score(one, partial(pca, rank=3), seed=3) for _ in range(2))
    assert first == again
    assert isinstance(first, xrf.QualityReport)
    assert first.choices["method"] == "pca"
    assert first.measured_by == "4 held-out photon subsets"
    assert first.summary().startswith("dose gain: ")
    assert "keV" in first.table()
    assert first.residual_map.shape == (20, 20)
    assert first.count_ratio == pytest.approx(1, abs=0.02)
    assert xrf.score(one, partial(pca, rank=3), seed=4) != first


def test_signal_that_the_denoiser_erases_is_named():
    counts = np.full((1, 16, 16, 64), 0.5)
    counts[0, 7, 4, 30:33] += 40  # a hot spot of 120 counts
    image = SpectrumImage(np.random.default_rng(0).poisson(counts))
    report = xrf.score(image, mean_spectrum)
    assert any("lost" in text and "pixel (y 7, x 4)" in text for text in report.warnings)


def test_the_denoiser_gets_whole_counts_of_a_share_of_the_dose(one):
    seen = []

    def look(counts):
        seen.append(counts.copy())
        return counts

    xrf.score(one, look, folds=5, checks=False)
    assert [counts.shape for counts in seen] == [one.shape[1:]] * 7
    assert all(counts.dtype.kind == "i" for counts in seen)
    # Each photon is left out of exactly one of the five.
    np.testing.assert_array_equal(sum(seen[:5]), 4 * one.counts[0].astype(int))
    # Two more hold two fifths each, and none of them a photon of the other.
    for counts in seen[5:]:
        assert counts.sum() == pytest.approx(0.4 * one.counts.sum(), rel=0.03)
    assert (seen[5] + seen[6] <= one.counts[0]).all()


@pytest.mark.parametrize("kind", ["array", "axes", "layer"])
def test_any_kind_of_input_gives_the_same_score(kind, one):
    expected = xrf.score(one, blur).dose_gain
    data, options = one.counts[0], {}
    if kind == "axes":
        data, options = np.moveaxis(one.counts, 3, 1), {"energy_axis": 1, "repeat_axis": 0}
    if kind == "layer":
        pytest.importorskip("napari")
        data = xrf.layers.to_layer(one)
    assert xrf.score(data, blur, **options).dose_gain == pytest.approx(expected)


def test_poisson_repeats_are_added_up(maps):
    image, rate = maps[0]
    counts = np.random.default_rng(0).poisson(rate / 3, (3, *rate.shape))
    report = xrf.score(SpectrumImage(counts, image.energy), identity)
    assert report.measured_by == "4 held-out photon subsets"
    total = counts.sum(axis=0)
    assert report == xrf.score(SpectrumImage(total[None], image.energy), identity)


def test_other_repeats_are_held_out_as_they_are():
    rate = np.random.default_rng(0).uniform(2, 9, (8, 8, 60))
    counts = 2.5 * np.random.default_rng(1).poisson(rate / 2.5, (4, 8, 8, 60))  # variance 2.5 λ
    totals = []

    def look(part):
        totals.append(part.sum())
        return part

    report = xrf.score(SpectrumImage(counts), look, checks=False)
    assert report.measured_by == "4 held-out groups of repeats"
    own = counts.sum(axis=(1, 2, 3))
    np.testing.assert_allclose(sorted(totals[:4]), sorted(own.sum() - own), rtol=1e-5)
    low, high = report.dose_gain_interval
    assert low <= 1 <= high


def of_counts(values):
    return SpectrumImage(np.asarray(values)[None])


POISSON = np.random.default_rng(2).poisson(4.0, (12, 12, 40))


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (POISSON - 1, "not negative"),
        (POISSON * 0.37 + 0.05, "needs whole counts"),
        (POISSON * 3, "multiples of 3"),
        (np.minimum(POISSON, 4), "cut off at 4"),
        (POISSON * 0, "all counts are zero"),
    ],
)
def test_counts_without_an_honest_score_are_refused(counts, said):
    with pytest.raises(xrf.DataError, match=said):
        xrf.score(of_counts(counts), identity)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"folds": 1}, "folds"), ({"folds": 0}, "at least 2 parts"), ({"seed": -1}, "seed")],
)
def test_impossible_settings_are_refused(one, options, said):
    with pytest.raises(xrf.SettingsError, match=said):
        xrf.score(one, identity, **options)


def test_a_result_in_place_of_a_function_is_refused(one):
    with pytest.raises(xrf.SettingsError, match="give the function that computes the result"):
        xrf.score(one, blur(one.counts[0]))


def test_progress_comes_between_the_calls(one):
    seen = []
    xrf.score(one, identity, on_progress=seen.append)
    assert seen[-1].fraction == 1
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)


def test_a_run_can_be_stopped(one):
    calls = []

    def denoiser(counts):
        calls.append(1)
        return counts

    with pytest.raises(xrf.Cancelled, match="without part 3 of 4"):
        xrf.score(one, denoiser, should_stop=lambda: len(calls) == 2, checks=False)
    assert len(calls) == 2


def test_a_denoiser_may_be_a_run_of_the_package(one):
    def ours(counts):
        return xrf.denoise(counts, method="pca", rank=5, folds=0).counts

    # Other random parts, the same result.
    told = xrf.score(one, ours)
    own = xrf.denoise(one, method="pca", rank=5).report
    assert told.dose_gain == pytest.approx(own.dose_gain, rel=0.25)
    assert [row.name for row in told.windows] == [row.name for row in own.windows]


# Denoisers that do what they must not.


def with_value(value):
    def denoiser(counts):
        result = counts.astype(float)
        result[3, 2, 1] = value
        return result

    return denoiser


@pytest.mark.parametrize(
    ("denoiser", "said"),
    [
        (with_value(np.nan), r"found nan at y 3, x 2, energy 1 \(1 such"),
        (with_value(-np.inf), "found -inf at y 3"),
        (with_value(1e300), "found inf at y 3"),
        (lambda counts: counts.T, r"\(20, 20, 256\), found shape \(256, 20, 20\)"),
        (lambda counts: counts.sum(), r"found shape \(\)"),
        (lambda counts: None, "found NoneType"),
        (lambda counts: [[1], [2, 3]], "found list, which is no array"),
        (lambda counts: SpectrumImage(counts[None]), "found SpectrumImage"),
        (lambda counts: counts > 0, "found ndarray of bool"),
        (lambda counts: counts + 0j, "found ndarray of complex128"),
    ],
)
def test_what_is_no_result_is_refused(one, denoiser, said):
    with pytest.raises(xrf.DataError, match=said):
        xrf.score(one, denoiser)


def test_an_exception_comes_through_with_what_it_was_given(one):
    def broken(counts):
        raise ZeroDivisionError("no counts")

    with pytest.raises(ZeroDivisionError, match="no counts") as caught:
        xrf.score(one, broken)
    assert "'broken', which was given counts of shape (20, 20, 256)" in caught.value.__notes__[0]


def test_negative_values_are_scored_as_they_are(one):
    def below(counts):
        return counts - 0.5

    report = xrf.score(one, below, folds=2, checks=False)
    # From half of the counts, scaled up, the squared error is twice the counts, plus 1 in each
    # voxel; told is that of the mean of both limits.
    raw, voxels = one.counts.sum(), one.counts.size
    assert report.dose_gain == pytest.approx(raw / (0.75 * (2 * raw + voxels)), rel=0.05)
    assert np.isfinite(report.residual_map).all()


def test_a_denoiser_that_writes_into_its_input_is_told(one):
    before = one.counts.copy()

    def writing(counts):
        counts[counts > 3] = 3
        return counts

    report = xrf.score(one, writing)
    assert sum("writes into the counts" in text for text in report.warnings) == 1
    np.testing.assert_array_equal(one.counts, before)
    assert not any("writes" in text for text in xrf.score(one, identity).warnings)


def test_chance_in_a_denoiser_is_told_with_its_size(one):
    rng = np.random.default_rng(0)

    def noisy(counts):
        return counts + rng.normal(0, 0.1, counts.shape)

    report = xrf.score(one, noisy)
    (text,) = (text for text in report.warnings if "another result each time" in text)
    # Two draws differ by √2 · 0.1 in each voxel, counts of ¾ of the dose scatter by their mean.
    size = 2**0.5 * 0.1 / (0.75 * one.counts.mean()) ** 0.5
    assert f"differ by {size:.2g} times" in text
    assert np.isfinite(report.dose_gain)
    assert not any("each time" in text for text in xrf.score(one, blur).warnings)


def test_a_denoiser_that_remembers_earlier_calls_is_refused(one):
    spectra = []

    def learning(counts):  # the mean of all spectra that it has seen so far, each once
        spectrum = counts.mean(axis=(0, 1))
        if not any(np.array_equal(spectrum, seen) for seen in spectra):
            spectra.append(spectrum)
        return np.broadcast_to(np.mean(spectra, axis=0), counts.shape)

    with pytest.raises(xrf.DataError, match="remembers earlier calls"):
        xrf.score(one, learning)


def test_a_denoiser_that_adds_up_its_calls_is_refused(one):
    seen = []

    def adding(counts):  # as a network that is trained further in each call
        seen.append(counts)
        return sum(seen) / len(seen)

    with pytest.raises(xrf.DataError, match="from before or from earlier calls"):
        xrf.score(one, adding)


def test_what_a_denoiser_learns_in_its_first_call_alone_is_no_knowledge_of_the_map(one):
    basis = []

    def fitted_once(counts):  # the first component of the first map it sees: its mean spectrum
        if not basis:
            basis.append(np.linalg.svd(counts.reshape(-1, 256), full_matrices=False)[2][:1])
        return counts @ basis[0].T @ basis[0]

    assert xrf.score(one, fitted_once).dose_gain_interval[1] < xrf.score(one, pca).dose_gain


def test_a_result_that_was_computed_before_is_refused(one):
    counts = one.counts[0].astype(float)
    for result in (counts, 0.75 * counts, blur(one.counts[0])):
        with pytest.raises(xrf.DataError, match="it knows this map"):
            xrf.score(one, lambda _, result=result: result)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_result_that_ignores_the_counts_is_refused(one, value):
    with pytest.raises(xrf.DataError, match="the same result for 4 different"):
        xrf.score(one, lambda counts: np.full(counts.shape, value))


def test_a_spectrum_that_was_computed_before_is_refused():
    counts = np.random.default_rng(0).poisson(20.0, (1, 1, 1, 200))
    with pytest.raises(xrf.DataError, match="the same result for 4 different"):
        xrf.score(SpectrumImage(counts), lambda _: 0.75 * counts[0])


@pytest.mark.parametrize("share", [1.0, 0.5, 0.2])
def test_a_denoiser_that_knows_the_map_is_refused(one, share):
    known = one.counts[0] / one.counts.sum()

    def knowing(counts):
        return share * known * counts.sum() + (1 - share) * mean_spectrum(counts)

    with pytest.raises(xrf.DataError, match=f"{share:.0%}".replace("100", "(99|100|101)")):
        xrf.score(one, knowing)


def test_an_error_below_zero_is_refused_without_checks_too(one):
    known = 0.75 * one.counts[0]
    with pytest.raises(xrf.DataError, match="chance cannot explain"):
        xrf.score(one, lambda counts: known, checks=False)


@pytest.mark.parametrize("denoiser", [identity, blur, mean_spectrum, pca])
@pytest.mark.parametrize("level", [2.0, 100.0])
def test_honest_denoisers_are_not_suspected(denoiser, level):
    for seed in range(4):
        image, _ = xrf.simulate_map((12, 16), n_channels=128, counts_per_pixel=level, seed=seed)
        report = xrf.score(image, denoiser, seed=seed)
        assert not any("denoiser" in text for text in report.warnings)


def test_few_counts_are_no_proof_of_knowledge():
    counts = np.zeros((10, 10, 8), dtype=int)
    counts[::2, ::3, 4] = 1  # never two in a voxel
    assert xrf.score(of_counts(counts), mean_spectrum, checks=False).dose_gain_interval
