"""The plan of a run, against what the run then does."""

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.denoising import RunPlan, plan_run
from napari_xrf_denoise.denoising.settings import PcaSettings, Settings, StackSettings

MAP = (1, 96, 96, 1024)


@pytest.fixture(scope="module")
def small_map():
    return xrf.simulate_map((9, 9), n_channels=64, counts_per_pixel=100, seed=1)[0]


@pytest.mark.parametrize(
    ("shape", "preset", "method"),
    [
        (MAP, "balanced", "stack"),
        ((4, 1, 1, 2048), "balanced", "spectrum"),
        ((1, 7, 9, 2048), "balanced", "spectrum"),
        ((1, 8, 8, 2048), "balanced", "stack"),
        (MAP, "tutorial", "spectrum"),
    ],
)
def test_auto_takes_the_method_that_suits_the_shape(shape, preset, method):
    plan = plan_run(shape, preset=preset)
    assert plan.method == plan.settings.method == method
    assert f"Method: {method} ({plan.why})." in plan.lines()


def test_the_plan_is_what_the_run_does(small_map):
    plan = plan_run(small_map, method="pca", preset="best", rank=3, seed=5)
    result = xrf.denoise(small_map, method="pca", preset="best", rank=3, seed=5)
    assert result.model.settings == plan.settings
    assert result.report.choices["why"] == plan.why


@pytest.mark.parametrize("request_", [{"method": "pca", "rank": 3}, {"steps": 5, "thinnings": 1}])
def test_the_settings_of_a_plan_give_the_run_that_was_planned(small_map, request_):
    plan = plan_run(small_map, preset="fast", **request_)
    method = request_.get("method", "auto")
    one = xrf.denoise(small_map, method=method, settings=plan.settings)
    other = xrf.denoise(small_map, preset="fast", **request_)
    np.testing.assert_array_equal(np.asarray(one.counts), np.asarray(other.counts))
    assert one.report.choices == other.report.choices
    assert one.model.settings == other.model.settings


@pytest.mark.parametrize(
    ("beside", "word"),
    [({"preset": "best"}, "preset"), ({"seed": 3}, "seed"), ({"rank": 2}, "rank")],
)
def test_complete_settings_exclude_single_ones(small_map, beside, word):
    with pytest.raises(xrf.SettingsError, match=f"found {word}; leave"):
        xrf.denoise(small_map, settings=PcaSettings(), **beside)


def test_complete_settings_must_be_those_of_the_method(small_map):
    with pytest.raises(xrf.SettingsError, match="'method': expected auto or pca, found 'stack'"):
        xrf.denoise(small_map, method="stack", settings=PcaSettings())


def test_a_method_that_was_insisted_on_is_kept(small_map, spoiled_networks):
    settings = StackSettings(steps=1, features=1, thinnings=1)
    assert xrf.denoise(small_map, settings=settings).report.choices["method"] == "pca"
    kept = xrf.denoise(small_map, method="stack", settings=settings)
    assert kept.report.choices["method"] == "stack"
    assert any("method='pca'" in warning for warning in kept.report.warnings)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"method": "magic"}, "'method'"),
        ({"preset": "quick"}, "'preset'"),
        ({"method": "pca", "preset": "tutorial"}, "'preset'"),
        ({"method": "pca", "ranks": 3}, "did you mean 'rank'"),
        ({"seed": -1}, "'seed'"),
        ({"pairs": "repeats"}, "at least 2 repeats, found 1"),
    ],
)
def test_a_problem_is_said_and_keeps_the_settings_back(request_, words):
    plan = plan_run(MAP, **request_)
    assert words in plan.problem
    assert plan.lines() == [plan.problem]
    assert plan.cost is None
    with pytest.raises(xrf.SettingsError, match=r"setting|repeats"):
        _ = plan.settings


def test_an_impossible_change_leaves_the_defaults_and_can_be_mended():
    plan = plan_run(MAP, method="pca", rank=0)
    assert plan.problem
    assert plan.defaults == PcaSettings()
    assert plan.changed({"rank": 2}).settings == PcaSettings(rank=2)


def test_settings_of_any_method_that_auto_may_take_are_possible_for_unknown_data():
    assert plan_run(rank=5).settings == StackSettings(rank=5)
    assert plan_run(thinnings=4, batch=8).settings.method == "spectrum"
    assert plan_run(preset="tutorial", epochs=5).settings.epochs == 5
    assert "'rank'" in plan_run(preset="tutorial", rank=5).problem
    assert plan_run().method == "auto"
    assert plan_run(preset="fast").defaults == Settings(folds=2)
    assert plan_run().cost is None


def test_a_plan_for_any_data_holds_for_a_measurement():
    plan = plan_run(preset="fast").on((4, 1, 1, 2048))
    assert plan == plan_run((4, 1, 1, 2048), preset="fast")
    assert plan.method == "spectrum"


def test_repeats_of_arrays_and_lists_are_counted(small_map):
    assert plan_run([small_map, small_map]).shape == (2, 9, 9, 64)
    assert plan_run(np.ones((9, 9, 64), int)).shape == (1, 9, 9, 64)


def test_the_request_is_what_was_asked_for():
    plan = plan_run(MAP, preset="fast", steps=5)
    assert isinstance(plan, RunPlan)
    assert plan.request == {"method": "auto", "preset": "fast", "steps": 5}


@pytest.mark.parametrize(
    ("shape", "options", "said"),
    [
        ((1, 32, 32, 256), {}, True),
        (None, {}, True),
        ((1, 96, 96, 256), {}, False),
        ((1, 32, 32, 256), {"folds": 0}, False),
        ((1, 32, 32, 256), {"method": "stack"}, False),
    ],
)
def test_the_plan_of_a_small_map_says_that_pca_may_take_over(shape, options, said):
    lines = plan_run(shape, **options).lines()
    assert ("Falls back to PCA if held-out photons score it better." in lines) == said


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({}, "Training pairs: random photon splitting (thinning)."),
        ({"method": "spectrum", "preset": "tutorial"}, "10000 epochs"),
        ({"method": "pca", "rank": 5}, "5 components."),
        ({"method": "stack", "folds": 0}, "Up to 48 components; one network of 32 features"),
        ({}, "Expected: about"),
    ],
)
def test_the_plan_in_sentences(request_, words):
    assert words in " ".join(plan_run(MAP, **request_).lines())
