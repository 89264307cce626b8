from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Image

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers.convert import to_layer
from napari_xrf_denoise.plugin.denoise import session as denoise_session
from napari_xrf_denoise.plugin.denoise.model import DenoiseModel
from napari_xrf_denoise.plugin.denoise.session import DenoiseSession
from tests.helpers.patience import PATIENCE, wait_for


@pytest.fixture
def model(small_map):
    layer = to_layer(small_map)
    return DenoiseModel(available=(layer,), sources=(layer,), method="pca", preset="fast")


@pytest.fixture
def added():
    return []


def session_of(model, added, engine=xrf.denoise):
    return DenoiseSession(model, lambda data, attributes: added.append((data, attributes)), engine)


def finish(session, model):
    def is_idle():
        session.poll()
        return model.status == "idle"

    wait_for(is_idle)


def test_a_run_adds_one_layer_with_its_report(model, added):
    session = session_of(model, added)
    assert session.prepare()
    finish(session, model)
    ((data, attributes),) = added
    assert data.shape == (128, 16, 16)
    assert attributes["name"] == "map denoised"
    record = attributes["metadata"]["denoising"]
    assert record["source"] == "map"
    assert record["settings"]["method"] == "pca"
    assert record["settings"]["seed"] == 0
    assert record["version"] == xrf.__version__
    assert model.outcome_kind == "report"
    assert "ose gain" in model.outcome
    assert "% of the raw counts" in model.outcome


def test_several_layers_are_taken_as_repeats(added):
    layers = [to_layer(xrf.simulate_map((8, 8), n_channels=64, seed=1)[0]) for _ in range(2)]
    layers[1].data = np.random.default_rng(0).poisson(layers[1].data)
    model = DenoiseModel(sources=tuple(layers), method="pca", preset="fast")
    session = session_of(model, added)
    assert session.prepare()
    finish(session, model)
    assert added[0][1]["metadata"]["denoising"]["repeats"] == 2


def test_the_result_lies_where_its_source_was_moved(model, added):
    model.sources[0].translate = (0.0, 40.0, 60.0)
    session = session_of(model, added)
    session.prepare()
    finish(session, model)
    assert added[0][1]["translate"] == [0.0, 40.0, 60.0]


def test_the_result_lies_where_its_source_was_turned_and_mirrored(model, added):
    source = model.sources[0]
    source.scale = (source.scale[0], -5.0, 5.0)
    source.rotate = (0, 0, 90)
    session = session_of(model, added)
    session.prepare()
    finish(session, model)
    data, attributes = added[0]
    result = Image(data, **attributes)
    for place in ((0, 0, 0), (7, 3, 4), (100, 15, 2)):
        np.testing.assert_allclose(result.data_to_world(place), source.data_to_world(place))


def test_loading_torch_is_announced_before_the_thread_begins(model, added, monkeypatch, gate):
    monkeypatch.delitem(denoise_session.sys.modules, "torch", raising=False)
    session = session_of(model, added, gate)
    session.prepare()
    assert model.stage == denoise_session.LOADING
    assert not gate.began.is_set()
    session.stop()


def test_stopping_adds_nothing_and_says_so(model, added, gate):
    session = session_of(model, added, gate)
    session.prepare()
    session.start()
    assert gate.began.wait(PATIENCE)
    session.stop()
    assert model.status == "stopping"
    finish(session, model)
    assert added == []
    assert model.outcome_kind == "stopped"


def test_a_result_that_comes_after_stop_is_not_added(model, added, gate):
    def deaf(data, *, on_progress, should_stop, **settings):
        return gate(data, on_progress=on_progress, should_stop=lambda: False, **settings)

    session = session_of(model, added, deaf)
    session.prepare()
    session.start()
    assert gate.began.wait(PATIENCE)
    session.stop()
    gate.open.set()
    finish(session, model)
    assert added == []
    assert model.outcome_kind == "stopped"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (xrf.DataError("the counts are odd"), "the counts are odd"),
        (xrf.SettingsError("no such preset"), "no such preset"),
        (MemoryError("2 GB"), "Not enough memory"),
        (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero"),
    ],
)
def test_an_error_is_told_in_words(model, added, error, words):
    def broken(data, **settings):
        raise error

    session = session_of(model, added, broken)
    session.prepare()
    finish(session, model)
    assert words in model.outcome
    assert model.outcome_kind == "error"
    assert added == []


def test_a_torch_that_cannot_be_loaded_says_what_to_do(model, added, monkeypatch):
    monkeypatch.setitem(denoise_session.sys.modules, "torch", None)
    session = session_of(model, added)
    session.prepare()
    finish(session, model)
    assert "torch could not be loaded" in model.outcome
    assert "Windows" in model.outcome


def test_counts_that_cannot_be_used_are_told_in_words(model, added):
    model.sources[0].data = -np.ones((128, 16, 16))
    session = session_of(model, added)
    session.prepare()
    finish(session, model)
    assert model.outcome_kind == "error"
    assert "not negative" in model.outcome
    assert added == []


def test_figures_and_a_preview_are_shown_while_it_learns(small_map, added):
    layer = to_layer(small_map)
    model = DenoiseModel(sources=(layer,), method="stack", preset="fast")
    seen = []
    model.events.preview.connect(lambda preview: seen.append((preview, model.counts)))
    session = session_of(model, added)
    session.prepare()
    finish(session, model)
    preview, counts = seen[0]
    assert preview.counts.shape == (16, 16, 128)
    # All repeats together, as they were counted.
    assert np.asarray(preview.counts).sum() == pytest.approx(counts[0].counts.sum(), rel=0.1)
    assert {"training", "held-out", "dose gain"} <= set(model.history)
    shares, losses = np.array(model.history["training"]).T
    for curve in np.split(shares, np.flatnonzero(np.isnan(losses))):
        assert np.all(np.diff(curve) >= 0)
    assert 0 < shares.min() < shares.max() <= 100
    assert model.preview is None


@pytest.mark.parametrize(
    ("method", "preset", "change"),
    [("spectrum", "balanced", ("steps", 400)), ("auto", "tutorial", ("epochs", 600))],
)
def test_the_preview_of_a_spectrum_holds_its_counts(added, method, preset, change):
    spectra, _ = xrf.simulate_spectra(n_repeats=4, n_channels=512, seed=0)
    model = DenoiseModel(sources=(to_layer(spectra),), method=method, preset=preset)
    model.change(*change)
    seen = []
    model.events.preview.connect(lambda preview: preview and seen.append(preview))
    session = session_of(model, added)
    session.prepare()
    finish(session, model)
    for preview in seen[0], seen[-1]:
        assert preview.counts.shape == (1, 1, spectra.shape[-1])
        assert preview.rows is None
    # A network that learns does not keep the total yet, as the result does.
    assert seen[-1].counts.sum() == pytest.approx(spectra.counts.sum(), rel=0.2)


def test_changed_settings_are_those_of_the_run(model, added):
    model.change("rank", 2)
    model.change("seed", 7)
    session = session_of(model, added)
    session.prepare()
    finish(session, model)
    settings = added[0][1]["metadata"]["denoising"]["settings"]
    assert (settings["rank"], settings["seed"]) == (2, 7)


def test_a_model_is_kept_saved_opened_and_applied(model, added, tmp_path, small_map):
    session = session_of(model, added)
    session.prepare()
    finish(session, model)
    path = tmp_path / "iron.safetensors"
    session.save_model(path)
    assert str(path) in model.outcome
    other = DenoiseModel(sources=(to_layer(small_map.replace(name="other")),))
    other.available = other.sources
    applied = []
    second = session_of(other, applied)
    second.open_model(path)
    assert other.trained.name == "iron.safetensors"
    assert not other.plan().problem
    second.prepare()
    finish(second, other)
    (data, attributes), (first, _) = applied[0], added[0]
    assert attributes["name"] == "other denoised"
    np.testing.assert_allclose(np.asarray(data), np.asarray(first), rtol=1e-3, atol=1e-4)


def test_a_model_for_other_energies_is_refused_before_the_click(model, added, small_map):
    session = session_of(model, added)
    session.prepare()
    finish(session, model)
    axis = xrf.EnergyAxis(1.0, 0.02, 128)
    other = DenoiseModel(sources=(to_layer(small_map.replace(energy=axis)),))
    other.available = other.sources
    other.trained = model.models[0]
    assert "axis 'energy'" in other.plan().problem


def test_a_file_that_is_no_model_is_told_in_words(model, added, tmp_path):
    path = tmp_path / "notes.safetensors"
    path.write_text("no model")
    session = session_of(model, added)
    session.open_model(path)
    assert model.outcome_kind == "error"
    assert "notes.safetensors" in model.outcome
    assert model.trained is None


def test_a_model_that_cannot_be_saved_says_why(model, added, tmp_path):
    session = session_of(model, added)
    session.prepare()
    finish(session, model)
    session.save_model(tmp_path / "nowhere" / "iron.safetensors")
    assert "not saved" in model.outcome


def test_the_machine_is_judged_by_its_last_run(model, added, monkeypatch):
    before = model.plan().cost.seconds
    times = iter([100.0, 100.0 + 10 * before])
    clock = SimpleNamespace(monotonic=lambda: next(times))
    session = session_of(model, added)
    session.prepare()
    with monkeypatch.context() as patch:
        patch.setattr(denoise_session, "time", clock)
        patch.setattr(denoise_session, "LEAST_MEASURED", 0.0)
        finish(session, model)
    assert list(model.speeds.values()) == [pytest.approx(10)]
    assert model.plan().cost.seconds == pytest.approx(10 * before)
    # Another method or device has a speed of its own.
    model.device = "cuda"
    assert model.plan().cost.seconds == pytest.approx(before)


def test_threads_are_limited_during_the_run_only(model, added):
    import torch

    before, seen = torch.get_num_threads(), []

    def engine(data, **settings):
        seen.append(torch.get_num_threads())
        raise xrf.DataError("enough")

    model.threads = before + 1
    session = session_of(model, added, engine)
    session.prepare()
    finish(session, model)
    assert seen == [before + 1]
    assert torch.get_num_threads() == before


def test_stop_after_the_layer_was_added_tells_of_the_layer(model, added):
    session = session_of(model, added)
    session.prepare()
    wait_for(lambda: session.poll() or added)
    session.stop()
    finish(session, model)
    assert model.outcome_kind == "report"
    assert "Added as layer" in model.outcome


def test_a_run_with_the_model_of_the_run_before_adds_one_layer(model, added):
    session = session_of(model, added)
    session.prepare()
    finish(session, model)
    model.trained = model.models[0]
    session.prepare()
    finish(session, model)
    for _ in range(5):
        session.poll()
    assert len(added) == 2
    assert model.trained is model.models[0]


def test_a_model_that_is_opened_twice_is_there_once(model, added, tmp_path):
    session = session_of(model, added)
    session.prepare()
    finish(session, model)
    path = model.result.model.save(tmp_path / "iron.safetensors")
    session.open_model(path)
    session.open_model(path)
    assert [one.name for one in model.models].count("iron.safetensors") == 1
    assert model.trained in model.models


def test_a_layer_that_cannot_be_added_ends_the_run_with_words(model):
    calls = []

    def refuse(data, attributes):
        calls.append(attributes["name"])
        raise ValueError("no room")

    session = DenoiseSession(model, refuse)
    session.prepare()
    finish(session, model)
    assert calls == ["map denoised"]
    assert model.outcome_kind == "error"
    assert "no room" in model.outcome
