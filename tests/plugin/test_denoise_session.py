import time

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers import to_layer
from napari_xrf_denoise.plugin import denoise_session
from napari_xrf_denoise.plugin.denoise_model import DenoiseModel
from napari_xrf_denoise.plugin.denoise_session import DenoiseSession


@pytest.fixture
def model(small_map):
    layer = to_layer(small_map)
    return DenoiseModel(available=(layer,), sources=(layer,), method="pca", preset="fast")


@pytest.fixture
def added():
    return []


def session_of(model, added, engine=xrf.denoise):
    return DenoiseSession(model, lambda data, attributes: added.append((data, attributes)), engine)


def finish(session, model, seconds=60):
    end = time.monotonic() + seconds
    while model.status != "idle":
        assert time.monotonic() < end, "the run did not end"
        session.poll()
        time.sleep(0.01)


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
    layers = [to_layer(xrf.simulate_map((8, 8), 64, seed=1)[0]) for _ in range(2)]
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
    assert gate.began.wait(30)
    session.stop()
    assert model.status == "stopping"
    finish(session, model, 10)
    assert added == []
    assert model.outcome_kind == "stopped"


def test_a_result_that_comes_after_stop_is_not_added(model, added, gate):
    def deaf(data, *, on_progress, should_stop, **settings):
        return gate(data, on_progress=on_progress, should_stop=lambda: False, **settings)

    session = session_of(model, added, deaf)
    session.prepare()
    session.start()
    assert gate.began.wait(30)
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


def test_counts_that_cannot_be_used_are_refused_at_once(model, added):
    model.sources[0].data = -np.ones((128, 16, 16))
    session = session_of(model, added)
    assert not session.prepare()
    assert model.status == "idle"
    assert "not negative" in model.outcome
