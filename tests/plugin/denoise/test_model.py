import numpy as np
import pytest
from napari.layers import Image

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers.convert import to_layer
from napari_xrf_denoise.plugin.common.setting_changes import Changes
from napari_xrf_denoise.plugin.denoise.model import NO_CHOICE, NO_LAYERS, DenoiseModel, plan_text


def plan(model):
    """Whether a click can run, and the words about it."""
    found = model.plan()
    return not found.problem, plan_text(model, found)


def settings(model):
    """Settings of the run that a click starts."""
    return model.call(model.plan()).plan.settings


def asked(model):
    """Arguments of the run in the lines for the console."""
    return model.call(model.plan()).plan.request


@pytest.fixture
def raw(small_map):
    return to_layer(small_map)


@pytest.fixture
def result(small_map):
    return to_layer(small_map.with_metadata(denoising={}).replace(name="map denoised"))


def test_the_active_layer_is_chosen(raw, small_map):
    other = to_layer(small_map.replace(name="other"))
    model = DenoiseModel()
    model.follow([raw, other], active=raw)
    assert model.sources == (raw,)
    model.follow([raw, other], active=other)
    assert model.sources == (other,)


def test_a_result_is_not_chosen_by_itself(raw, result):
    model = DenoiseModel()
    model.follow([raw, result], active=result)
    assert model.sources == (raw,)


def test_what_the_user_ticked_stays_when_another_layer_is_active(raw, result):
    model = DenoiseModel()
    model.follow([raw, result], active=raw)
    model.choose([result])
    model.follow([raw, result], active=raw)
    assert model.sources == (result,)
    model.follow([raw], active=raw)
    assert model.sources == (raw,)


def test_unticking_everything_is_respected(raw):
    model = DenoiseModel()
    model.follow([raw], active=raw)
    model.choose([])
    model.follow([raw], active=raw)
    assert plan(model) == (False, NO_CHOICE)


def test_without_spectral_layers_it_says_what_is_needed():
    assert plan(DenoiseModel()) == (False, NO_LAYERS)


def test_a_new_name_is_a_change(raw):
    model = DenoiseModel()
    model.follow([raw], active=raw)
    heard = []
    model.events.names.connect(heard.append)
    raw.name = "ore"
    model.follow([raw], active=raw)
    assert heard == [("ore",)]


def test_the_plan_explains_auto(raw):
    model = DenoiseModel()
    model.follow([raw], active=raw)
    possible, words = plan(model)
    assert possible
    assert "16 × 16 pixels, 128 channels, 1 repeat." in words
    assert "Method: stack" in words
    assert "thinning" in words


def test_the_plan_counts_the_repeats_of_several_layers(raw, small_map):
    other = to_layer(small_map.replace(name="other"))
    model = DenoiseModel(available=(raw, other), sources=(raw, other))
    assert "2 repeats." in plan(model)[1]


def test_layers_of_other_shapes_are_no_repeats(raw):
    other = to_layer(xrf.SpectrumImage(np.ones((1, 5, 5, 128), np.uint16), name="other"))
    model = DenoiseModel(available=(raw, other), sources=(raw, other))
    possible, words = plan(model)
    assert not possible
    assert "other" in words
    assert "(5, 5, 128)" in words


def test_an_impossible_pair_of_method_and_preset_is_said_before(raw):
    model = DenoiseModel(available=(raw,), sources=(raw,), method="pca", preset="tutorial")
    possible, words = plan(model)
    assert not possible
    assert "preset" in words


def test_a_row_of_pixels_counts_its_spectra():
    line = Image(np.ones((9, 30)), axis_labels=("x", "energy"), name="line")
    model = DenoiseModel(available=(line,), sources=(line,))
    assert "1 × 9 pixels, 30 channels" in plan(model)[1]


def test_the_plan_says_what_it_will_cost(raw):
    model = DenoiseModel(available=(raw,), sources=(raw,))
    words = plan(model)[1]
    assert "Expected: about " in words
    assert "GB of memory" in words


def test_a_setting_as_in_the_preset_is_no_change(raw):
    model = DenoiseModel(available=(raw,), sources=(raw,), method="stack")
    model.change("steps", 50)
    assert settings(model).steps == 50
    assert asked(model)["steps"] == 50
    model.change("steps", 300)
    assert model.changes == Changes()
    assert settings(model).steps == 300
    assert "steps" not in asked(model)


def test_settings_of_another_method_wait_for_it(raw):
    model = DenoiseModel(available=(raw,), sources=(raw,), method="stack")
    model.change("steps", 50)
    model.method = "pca"
    assert plan(model)[0]
    assert "steps" not in asked(model)
    model.method = "stack"
    assert settings(model).steps == 50


def test_a_setting_of_one_method_is_not_that_of_another_by_the_same_name(raw):
    model = DenoiseModel(available=(raw,), sources=(raw,), method="stack")
    model.change("steps", 900)
    model.method = "spectrum"
    assert settings(model).steps == 100
    assert "100 steps" in plan(model)[1]


def test_an_impossible_setting_is_said_before_the_click(raw):
    model = DenoiseModel(available=(raw,), sources=(raw,), method="stack")
    model.change("learning_rate", "much")
    possible, words = plan(model)
    assert not possible
    assert "learning_rate" in words


def test_pairs_are_said_as_chosen(raw, small_map):
    other = to_layer(small_map.replace(name="other"))
    model = DenoiseModel(available=(raw, other), sources=(raw, other), method="stack")
    model.change("pairs", "repeats")
    assert "Training pairs: the repeats." in plan(model)[1]


@pytest.mark.parametrize(
    ("method", "preset", "words"),
    [
        ("stack", "balanced", ["Up to 48 components; 4 networks of 32 features, 300 steps."]),
        ("pca", "fast", ["Method: PCA (chosen by you).", "Up to 48 components."]),
        ("spectrum", "balanced", ["2 networks of 8 features, 100 steps."]),
        ("spectrum", "tutorial", ["One network of 6 layers, 4 features, 10000 epochs."]),
    ],
)
def test_the_plan_names_rank_and_networks(raw, method, preset, words):
    model = DenoiseModel(available=(raw,), sources=(raw,), method=method, preset=preset)
    text = plan(model)[1]
    assert all(entry in text for entry in words)


def test_a_rank_that_was_given_is_named(raw):
    model = DenoiseModel(available=(raw,), sources=(raw,), method="pca")
    model.change("rank", 5)
    assert "5 components." in plan(model)[1]
