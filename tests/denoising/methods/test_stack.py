"""The stack method, on maps of known rate."""

from itertools import count
from types import SimpleNamespace

import dask.array as da
import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.core import progress
from napari_xrf_denoise.core.errors import Cancelled, DataError
from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.denoising.methods import stack, stack_members
from napari_xrf_denoise.denoising.methods.components import component_training
from napari_xrf_denoise.spectroscopy.line_windows import find_windows

QUICK = {
    "method": "stack",
    "folds": 2,
    "steps": 20,
    "features": 8,
    "thinnings": 2,
    "line_width": 1.0,
}
"""A network that learns little, for all that does not depend on how well it learned."""


def simulated(seed=0, side=32, counts=100):
    return xrf.simulate_map((side, side), n_channels=256, counts_per_pixel=counts, seed=seed)


@pytest.fixture(scope="module")
def tiny():
    """A map of few pixels and its rate."""
    return xrf.simulate_map((12, 10), n_channels=128, counts_per_pixel=200, seed=3)


def poisson(rate, shape, seed=0):
    return np.random.default_rng(seed).poisson(rate, shape).astype(np.uint16)


def distance(one, other):
    """Root mean square of a difference over that of one."""
    one, other = (np.asarray(counts, dtype=float) for counts in (one, other))
    return float(np.sqrt(((one - other) ** 2).sum() / (one**2).sum()))


def test_the_result_is_computed_where_it_is_looked_at(tiny):
    image, _ = tiny
    result = xrf.denoise(image, **QUICK)
    assert isinstance(result.counts, FactoredCounts)
    assert result.counts.shape == (12, 10, 128)
    assert isinstance(result.image.counts, FactoredCounts)
    assert result.image.shape == (1, 12, 10, 128)
    counts = np.asarray(result.counts)
    assert counts.dtype == np.float32
    assert counts.min() >= 0
    np.testing.assert_allclose(result.counts[3, 4], counts[3, 4], rtol=1e-5, atol=1e-6)


def test_a_map_is_nearer_to_the_truth_than_by_its_components_alone(dose_gain):
    ratios = []
    for seed in range(2):
        image, truth = simulated(seed)
        options = {"folds": 0, "features": 24, "steps": 200}
        result = xrf.denoise(image, method="stack", **options)
        components = xrf.denoise(image, method="pca", folds=0)
        gains = [dose_gain(found.counts, truth) for found in (result, components)]
        ratios.append(gains[0] / gains[1])
    assert np.mean(ratios) > 1.15


@pytest.fixture(scope="module")
def patch_of_another():
    """A map of one spectrum, and a patch of pixels that have a faint line of their own."""
    channels = np.arange(160)
    base, line = (np.exp(-0.5 * ((channels - at) / 3) ** 2) for at in (110, 50))
    mask = np.zeros((24, 24), dtype=bool)
    mask[10:14, 2:22] = True
    background = np.broadcast_to(60 * base / base.sum() + 0.05, (24, 24, 160))
    rate = background + 2.0 * mask[..., None] * line / line.sum()
    return poisson(rate, rate.shape), background, mask


def test_a_line_that_no_component_holds_is_put_back_in_its_place(patch_of_another):
    counts, background, mask = patch_of_another
    result = xrf.denoise(counts, rank=1, **QUICK)
    # What is missing there, and what was spread over the rest of the map instead.
    assert result.report.choices["places"] in (1, 2)
    part = slice(40, 60)
    found = np.asarray(result.counts)[..., part].sum(axis=-1) - background[..., part].sum(axis=-1)
    # 160 counts over 80 of background, with a standard error of 16.
    assert found[mask].sum() == pytest.approx(160, abs=45)
    # The one spectrum spreads 138 counts over the rest, whose counts have an error of 22.
    assert abs(found[~mask].sum()) < 69 + 22
    assert not any(departure.pixels > 1 for departure in result.report.departures)


def test_a_model_puts_back_the_same(patch_of_another):
    counts = patch_of_another[0]
    result = xrf.denoise(counts, rank=1, **QUICK)
    again = xrf.apply(result.model, counts)
    np.testing.assert_allclose(again.counts, result.counts, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_the_balanced_preset_beats_the_components_and_reports_the_true_gain(dose_gain):
    for seed in range(2):
        image, truth = simulated(seed)
        result = xrf.denoise(image, method="stack")
        gain = dose_gain(result.counts, truth)
        components = xrf.denoise(image, method="pca", folds=0)
        assert gain > 1.2 * dose_gain(components.counts, truth)
        low, high = result.report.dose_gain_interval
        assert low < result.report.dose_gain < high
        # The interval holds it nine times in ten; here there are two.
        assert result.report.dose_gain == pytest.approx(gain, rel=0.3)


def test_the_reported_gain_is_that_of_the_truth(dose_gain):
    for seed in range(4):
        image, truth = simulated(seed, 24)
        result = xrf.denoise(image, **{**QUICK, "folds": 4})
        gain = dose_gain(result.counts, truth)
        low, high = result.report.dose_gain_interval
        assert low < gain < high
        assert result.report.dose_gain == pytest.approx(gain, rel=0.4)


def test_the_reported_gain_is_right_on_average(dose_gain):
    ratios, inside = [], 0
    for seed in range(10):
        image, truth = simulated(seed, 24)
        result = xrf.denoise(image, **{**QUICK, "folds": 4})
        gain = dose_gain(result.counts, truth)
        low, high = result.report.dose_gain_interval
        inside += low < gain < high
        ratios.append(result.report.dose_gain / gain)
    # Nine times in ten: fewer than seven in ten would be chance once in a hundred times.
    assert inside >= 7
    assert np.mean(ratios) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("counts", [20, 300])
def test_counts_are_kept_in_all_and_in_each_line(counts):
    image, truth = simulated(1, 24, counts)
    result = xrf.denoise(image, **QUICK)
    found = np.asarray(result.counts, dtype=float)
    assert found.sum() == pytest.approx(image.counts.sum(), rel=0.001)
    assert result.report.count_ratio == pytest.approx(1, abs=0.001)
    windows = find_windows(image.sum_spectrum(), image.energy)
    assert len(windows) > 5
    for window in windows:
        expected = truth[..., window.channels].sum(dtype=float)
        allowed = 0.05 * expected + 5 * expected**0.5
        assert found[..., window.channels].sum() == pytest.approx(expected, abs=allowed)


def test_single_pixels_of_rare_elements_keep_their_counts():
    kept = []
    places = [(3, 4), (3, 12), (8, 18), (12, 2), (17, 9), (19, 21), (0, 20)]
    for seed in range(3):
        image, truth = simulated(seed, 24)
        # Each has a line of its own, which three components have no room for.
        free = np.argsort(truth.sum(axis=(0, 1))[20:230])[:40:6] + 20
        spots = dict(zip(places, free, strict=True))
        for place, channel in spots.items():
            line = np.exp(-0.5 * ((np.arange(256) - channel) / 0.9) ** 2)
            truth[place] += 30 * line / line.sum()
        image = image.replace(counts=poisson(truth, (1, *truth.shape), seed))
        result = xrf.denoise(image, rank=3, **QUICK)
        for (y, x), channel in spots.items():
            near = slice(channel - 4, channel + 5)
            rate, found = truth[y, x, near].sum(), result.counts[y, x, near].sum()
            kept.append(1 + float(found - rate) / 30)
        assert result.report.choices["hot_spots"] >= 5
    # 21 spots of 30 counts each tell the mean to 4 %.
    assert np.mean(kept) == pytest.approx(1, abs=0.15)


def test_the_same_seed_gives_the_same_result_and_another_one_another(tiny):
    image, _ = tiny
    runs = [np.asarray(xrf.denoise(image, seed=seed, **QUICK).counts) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert distance(runs[0], runs[2]) > 1e-3


def test_the_result_does_not_depend_on_the_size_of_blocks(tiny, cut_into_bands, monkeypatch):
    image, truth = tiny
    options = {**QUICK, "folds": 0}
    whole = np.asarray(xrf.denoise(image, **options).counts)
    cut_into_bands(1)
    monkeypatch.setattr(stack_members, "STRIP_BYTES", 1)
    cut = np.asarray(xrf.denoise(image, **options).counts)
    # Sums in another order differ by their rounding, which a training carries on.
    assert distance(whole, cut) < 0.05 * distance(truth, whole)


@pytest.mark.parametrize("rows", [1, 3])
def test_a_model_predicts_the_same_in_strips_as_at_once(tiny, cut_into_bands, monkeypatch, rows):
    model = xrf.denoise(tiny[0], **{**QUICK, "folds": 0}).model
    other = xrf.simulate_map((23, 9), n_channels=128, counts_per_pixel=200, seed=8)[0]
    whole = np.asarray(xrf.apply(model, other).counts)
    cut_into_bands(rows)
    monkeypatch.setattr(stack_members, "STRIP_BYTES", 1)
    strips = np.asarray(xrf.apply(model, other).counts)
    np.testing.assert_allclose(strips, whole, rtol=1e-3, atol=1e-4)


def test_lazy_maps_give_the_result_of_maps_in_memory(tiny):
    image, truth = tiny
    lazy = image.replace(counts=da.from_array(image.counts, chunks=(1, 5, 9, 50)))
    one, other = (np.asarray(xrf.denoise(data, **QUICK).counts) for data in (image, lazy))
    # Bands end where chunks do: sums are rounded in another order, which a training carries on.
    assert distance(one, other) < 0.05 * distance(truth, one)


def test_large_maps_are_learned_from_in_tiles(monkeypatch, dose_gain):
    monkeypatch.setattr(stack, "TRAINING_PIXELS", 512)
    monkeypatch.setattr(stack, "TILE", 16)
    monkeypatch.setattr(component_training, "TILE", 16)
    image, truth = simulated(0, 40)
    result = xrf.denoise(image, **{**QUICK, "steps": 60})
    assert dose_gain(result.counts, truth) > 3


def test_each_fold_has_a_network_and_without_folds_there_is_one_and_no_score(tiny):
    image, _ = tiny
    for folds in (2, 3):
        result = xrf.denoise(image, **{**QUICK, "folds": folds, "steps": 2})
        assert len(result.model.members) == folds
        assert f"{folds} held-out photon subsets" == result.report.measured_by
        assert {name[-1] for name in result.report.losses} == {str(n + 1) for n in range(folds)}
    alone = xrf.denoise(image, **{**QUICK, "folds": 0, "steps": 2})
    assert len(alone.model.members) == 1
    assert np.isnan(alone.report.dose_gain)


def test_the_rank_can_be_set(tiny):
    result = xrf.denoise(tiny[0], **QUICK, rank=3)
    assert result.report.choices["rank"] == 3
    assert {member["synthesis"].shape for member in result.model.members} == {(3, 128)}


def scans(truth, number, scale=1.37, seed=0):
    counts = np.random.default_rng(seed).poisson(truth / number, (number, *truth.shape))
    return (counts * scale).astype(np.float32)


@pytest.mark.parametrize("number", [4, 6])
def test_repeats_that_are_not_poisson_counts_are_pairs(tiny, dose_gain, number):
    image, truth = tiny
    counts = scans(truth, number)
    result = xrf.denoise(image.replace(counts=counts), **QUICK)
    assert result.report.choices["pairs"] == "repeats"
    assert "held-out groups of repeats" in result.report.measured_by
    assert result.report.dose_gain > 1
    found = np.asarray(result.counts)
    assert found.sum() == pytest.approx(counts.sum() / number, rel=0.01)
    assert dose_gain(found / 1.37 * number, truth) > 1.5


def test_more_repeats_than_parts_are_all_used(tiny):
    image, truth = tiny
    counts = scans(truth, 21)
    result = xrf.denoise(image.replace(counts=counts), **{**QUICK, "steps": 3})
    assert np.asarray(result.counts).sum() == pytest.approx(counts.sum() / 21, rel=0.01)


@pytest.mark.parametrize("number", [2, 3])
def test_few_repeats_of_fractions_give_a_result_without_a_score(tiny, dose_gain, number):
    image, truth = tiny
    result = xrf.denoise(image.replace(counts=scans(truth, number)), **QUICK)
    assert np.isnan(result.report.dose_gain)
    assert result.report.measured_by == "no counts could be held out"
    assert dose_gain(np.asarray(result.counts) / 1.37 * number, truth) > 1.5


@pytest.mark.parametrize("scale", [1e-4, 1e2])
def test_the_unit_of_repeats_that_are_not_counts_makes_no_difference(tiny, scale):
    image, truth = tiny
    counts = scans(truth, 4)
    one, other = (
        xrf.denoise(image.replace(counts=counts * np.float32(factor)), **QUICK)
        for factor in (1, scale)
    )
    choices = one.report.choices, other.report.choices
    assert choices[1]["hot_spots"] == choices[0]["hot_spots"]
    assert choices[1]["rank"] == choices[0]["rank"]
    assert distance(one.counts, np.asarray(other.counts) / scale) < 0.02


def test_scans_of_poisson_counts_are_thinned_and_give_their_mean(tiny):
    image, truth = tiny
    counts = poisson(truth / 3, (3, *truth.shape))
    result = xrf.denoise(image.replace(counts=counts), **QUICK)
    assert result.report.choices["pairs"] == "thinning"
    assert np.asarray(result.counts).sum() == pytest.approx(counts.sum() / 3, rel=0.01)


def test_one_pixel_is_refused_with_what_to_use():
    with pytest.raises(DataError, match=r"at least 2, found 1; use method='spectrum'"):
        xrf.denoise(poisson(9, (1, 1, 100)), **QUICK)


@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (1, 30), (30, 1), (2, 2), (8, 8), (5, 9)])
def test_maps_of_any_shape_are_denoised(shape, dose_gain):
    truth = 0.5 + 20 * np.exp(-0.5 * ((np.arange(100) - 40) / 6) ** 2)
    rate = np.broadcast_to(truth, (*shape, 100))
    result = xrf.denoise(poisson(rate, rate.shape), **QUICK)
    assert result.counts.shape == (*shape, 100)
    # All pixels are alike: the mean of n of them would be n times as good.
    assert dose_gain(result.counts, rate) > min(3, 0.6 * len(rate.reshape(-1, 100)))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_very_few_channels_are_allowed(size):
    result = xrf.denoise(poisson(20, (4, 5, size)), **QUICK)
    assert result.counts.shape == (4, 5, size)
    assert np.all(np.isfinite(np.asarray(result.counts)))


def test_empty_pixels_and_channels_are_allowed_and_stay_nearly_empty(tiny):
    counts = tiny[0].counts.copy()
    counts[:, 2] = 0
    counts[:, :, :, :20] = 0
    result = np.asarray(xrf.denoise(tiny[0].replace(counts=counts), **QUICK).counts)
    assert np.all(np.isfinite(result))
    assert result[..., :18].sum() < 0.02 * result.sum()


def test_more_channels_than_pixels_are_allowed(dose_gain):
    image, truth = xrf.simulate_map((8, 8), n_channels=1024, counts_per_pixel=100, seed=1)
    assert dose_gain(xrf.denoise(image, **QUICK).counts, truth) > 5


def test_twenty_counts_a_pixel_are_enough_for_a_gain(dose_gain):
    image, truth = simulated(2, 24, 20)
    result = xrf.denoise(image, **{**QUICK, "steps": 60})
    assert dose_gain(result.counts, truth) > 5


@pytest.mark.parametrize("total", [1, 2, 10])
def test_a_handful_of_counts_is_no_obstacle(total):
    counts = np.zeros((8, 8, 64), np.uint16)
    counts.ravel()[np.random.default_rng(total).choice(4096, total, replace=False)] = 1
    result = np.asarray(xrf.denoise(counts, **QUICK).counts)
    assert np.all(np.isfinite(result))
    assert result.sum() == pytest.approx(total, rel=0.01)


def test_components_beyond_those_of_the_map_do_no_harm():
    # 4 of 5 pixels are dark: the counts have one component, whatever is asked for.
    counts = np.zeros((1, 5, 100), np.uint16)
    counts[0, 2] = poisson(30, 100)
    result = np.asarray(xrf.denoise(counts, **QUICK, rank=5).counts)
    assert np.all(np.isfinite(result))
    assert result.sum() == pytest.approx(counts.sum(), rel=0.01)


def test_maps_without_a_calibration_are_denoised_as_well(dose_gain):
    image, truth = simulated(0)
    image = image.replace(energy=xrf.EnergyAxis.uncalibrated(256))
    options = {**QUICK, "steps": 60, "line_width": None}
    result = xrf.denoise(image, **options)
    # Lines are 0.7 to 1.2 channels wide.
    assert 0.5 <= result.report.choices["line_width"] <= 1.5
    assert dose_gain(result.counts, truth) > 3


def test_the_line_width_is_found_from_the_data():
    image, _ = simulated(0)
    options = {**QUICK, "steps": 2, "line_width": None}
    assert xrf.denoise(image, **options).report.choices["line_width"] in (0.7, 0.9, 1.2)


def test_a_model_improves_another_map_and_reports_the_gain(dose_gain):
    image, truth = simulated(0)
    model = xrf.denoise(image, **{**QUICK, "steps": 60}).model
    fresh = image.replace(counts=poisson(truth, (1, *truth.shape), seed=9))
    result = xrf.apply(model, fresh)
    gain = dose_gain(result.counts, truth)
    assert gain > 3
    low, high = result.report.dose_gain_interval
    assert low < gain < high
    part = xrf.apply(model, fresh.select(y=slice(0, 5), x=slice(3, 4)))
    assert part.counts.shape == (5, 1, 256)
    assert part.report.count_ratio == pytest.approx(1, abs=0.01)


def test_a_model_serves_scans_and_fractions_as_well(tiny):
    image, truth = tiny
    model = xrf.denoise(image, **QUICK).model
    for counts in (poisson(truth / 3, (3, *truth.shape)), scans(truth, 2), scans(truth, 1)):
        result = xrf.apply(model, image.replace(counts=counts))
        found = np.asarray(result.counts)
        assert found.sum() == pytest.approx(counts.sum() / len(counts), rel=0.01)


@pytest.fixture
def slow_clock(monkeypatch):
    """A clock on which every step is reported."""
    clock = SimpleNamespace(monotonic=count(0, 0.1).__next__)
    monkeypatch.setattr(progress, "time", clock)


def test_a_run_can_be_stopped_at_every_stage(tiny, slow_clock):
    def run(stop_at):
        seen = []
        xrf.denoise(
            tiny[0],
            on_progress=lambda step: seen.append(step.stage),
            should_stop=lambda: stop_at in seen,
            **{**QUICK, "steps": 4},
        )
        return seen

    stages = list(dict.fromkeys(run(None)))
    assert len(stages) >= 7
    for stage in stages[:-1]:
        with pytest.raises(Cancelled):
            run(stage)


def test_progress_rises_through_all_stages_to_the_end(tiny, slow_clock):
    seen = []
    xrf.denoise(tiny[0], on_progress=seen.append, **QUICK)
    fractions = [step.fraction for step in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    stages = {step.stage for step in seen}
    assert {"training", "computing the result", "looking for hot spots", "done"} <= stages
    assert any("training, network 1" in step.figures for step in seen)
    assert any(step.preview is not None for step in seen)
