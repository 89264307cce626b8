"""Settings: published values, presets, and refusal of what cannot be."""

from dataclasses import fields

import pytest

from napari_xrf_denoise.core.errors import SettingsError
from napari_xrf_denoise.denoising.settings import (
    PcaSettings,
    SpectrumSettings,
    StackSettings,
    TutorialSettings,
    resolve_settings,
    settings_from_dict,
)


def test_tutorial_is_the_published_job_setting_for_setting():
    settings = resolve_settings("spectrum", "tutorial", {})
    assert isinstance(settings, TutorialSettings)
    published = {
        "features": 4, "layers": 6, "epochs": 10_000, "learning_rate": 1e-2, "restarts": 1,
        "lower_limit": 0.0, "strategy": "1:X", "held_out": 0.2, "weight_decay": 1e-2,
    }  # fmt: skip
    assert {name: getattr(settings, name) for name in published} == published


@pytest.mark.parametrize("method", ["spectrum", "stack"])
def test_presets_differ_in_the_time_they_spend(method):
    steps = [resolve_settings(method, p, {}).steps for p in ("fast", "balanced", "best")]
    assert steps == sorted(set(steps))


def test_single_settings_win_over_the_preset():
    assert resolve_settings("pca", "best", {"folds": 3, "rank": 5}).folds == 3


@pytest.mark.parametrize(
    ("method", "preset", "changes", "words"),
    [
        ("magic", "balanced", {}, "method.*spectrum.*found 'magic'"),
        ("pca", "tutorial", {}, "preset.*fast, balanced, best.*'pca'"),
        ("spectrum", "tutorial", {"epoch": 5}, "unknown setting 'epoch'.*did you mean 'epochs'"),
        ("spectrum", "tutorial", {"epochs": 0}, "'epochs'.*at least 1, found 0"),
        ("spectrum", "tutorial", {"epochs": 2.5}, "'epochs'.*whole number"),
        ("spectrum", "tutorial", {"epochs": True}, "'epochs'.*whole number"),
        ("spectrum", "tutorial", {"restarts": 20_000}, "'restarts'.*at most epochs"),
        ("spectrum", "tutorial", {"held_out": 1.5}, "'held_out'.*between 0 and 1"),
        ("spectrum", "tutorial", {"learning_rate": float("nan")}, "'learning_rate'"),
        ("spectrum", "tutorial", {"strategy": "2:X"}, "'strategy'.*1:X or X:1"),
        ("spectrum", "balanced", {"share": 0}, "'share'.*between 0 and 1"),
        ("spectrum", "balanced", {"line_width": 0}, "'line_width'.*above 0"),
        ("spectrum", "balanced", {"folds": 1}, "'folds'.*2 to 20"),
        ("pca", "balanced", {"rank": 0}, "'rank'.*at least 1"),
        ("pca", "balanced", {"weight_floor": 0}, "'weight_floor'.*above 0"),
        ("stack", "tutorial", {}, "preset.*fast, balanced, best.*'stack'"),
        ("stack", "balanced", {"share": 0.5}, "unknown setting 'share' for method 'stack'"),
        ("stack", "balanced", {"step": 5}, "unknown setting 'step'.*did you mean 'steps'"),
        ("stack", "balanced", {"steps": 0}, "'steps'.*at least 1"),
        ("stack", "balanced", {"features": 0}, "'features'.*at least 1"),
        ("stack", "balanced", {"features": 0}, "'features'.*at least 1"),
        ("stack", "balanced", {"thinnings": 1.5}, "'thinnings'.*whole number"),
        ("stack", "balanced", {"rank": 0}, "'rank'.*at least 1"),
        ("stack", "balanced", {"max_rank": 0}, "'max_rank'.*at least 1"),
        ("stack", "balanced", {"weight_floor": 0}, "'weight_floor'.*above 0"),
        ("stack", "balanced", {"line_width": float("inf")}, "'line_width'.*above 0"),
        ("stack", "balanced", {"learning_rate": 1}, "'learning_rate'.*between 0 and 1"),
        ("stack", "balanced", {"folds": 17}, "'folds'.*2 to 16"),
        ("pca", "balanced", {"pairs": "twins"}, "'pairs'.*auto, repeats, thinning"),
        ("pca", "balanced", {"seed": -1}, "'seed'.*at least 0"),
    ],
)
def test_what_cannot_be_is_refused_in_words(method, preset, changes, words):
    with pytest.raises(SettingsError, match=words):
        resolve_settings(method, preset, changes)


@pytest.mark.parametrize(
    "settings",
    [TutorialSettings(), SpectrumSettings(seed=4), PcaSettings(), StackSettings(rank=7, folds=16)],
)
def test_settings_survive_as_plain_values(settings):
    assert settings_from_dict(settings.as_dict()) == settings


def test_settings_of_another_program_are_refused():
    with pytest.raises(SettingsError, match="no known method"):
        settings_from_dict({"method": "pca", "depth": 3})


def test_methods_that_share_settings_are_told_apart():
    # Fitting and applying choose by the class.
    assert not isinstance(StackSettings(), PcaSettings)
    assert not isinstance(PcaSettings(), StackSettings)


@pytest.mark.parametrize("kind", [PcaSettings, SpectrumSettings, StackSettings, TutorialSettings])
def test_each_setting_is_explained_by_a_sentence(kind):
    for entry in fields(kind):
        explained = entry.metadata["explained"]
        assert explained.endswith("."), entry.name
        assert explained[0].isupper() or explained.startswith("1:X"), entry.name
        assert "None" not in explained, entry.name  # nobody types it in the window
