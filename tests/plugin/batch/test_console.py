"""Lines of Python that run the batch which the dock "Batch denoise" starts."""

from pathlib import Path

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.plugin.batch.console import python_of
from napari_xrf_denoise.plugin.batch.model import BatchModel
from napari_xrf_denoise.plugin.common.preferences import Preferences
from napari_xrf_denoise.plugin.opening.answers import AnswerStore


@pytest.fixture
def files(tmp_path):
    image, _ = xrf.simulate_map(shape=(8, 8), n_channels=128, seed=1)
    (tmp_path / "it's a folder").mkdir()
    return [xrf.write(tmp_path / "it's a folder" / f"{name}.h5", image) for name in ("a", "b")]


def run(lines):
    """Run lines as napari's console does."""
    names = {}
    exec(lines, names)
    return names


@pytest.mark.parametrize("suffix", [".h5", ".ome.tif"])
def test_the_lines_would_make_what_the_dock_has_made(
    qtbot, viewer, dock, files, tmp_path, suffix, capsys
):
    folder = tmp_path / "results"
    panel = dock(viewer, "Batch denoise")
    panel.model.add(files)
    panel.model.change(method="pca", preset="fast", folder=folder, suffix=suffix)
    panel.model.set_up("rank", 3)
    panel.python.expand()
    tasks = run(panel.python.lines())["tasks"]
    assert [task.state for task in tasks] == ["done", "done"]
    assert "a.h5 done" in capsys.readouterr().out
    # A result is kept by the dock only if it is of the same file with the same settings.
    panel.button.click()
    qtbot.waitUntil(lambda: panel.button.text() == "Start")
    assert [task.state for task in panel.model.tasks] == ["skipped", "skipped"]
    assert [task.target for task in panel.model.tasks] == [task.target for task in tasks]
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{name}_denoised{suffix}" for name in "ab"
    ]


def test_a_saved_model_is_applied(qtbot, viewer, dock, files, tmp_path):
    path = tmp_path / "model.safetensors"
    xrf.denoise(xrf.read(files[0]), method="pca", rank=2).model.save(path)
    panel = dock(viewer, "Batch denoise")
    panel.model.add(files[1:])
    panel.model.change(way="model", model_file=path)
    panel.python.expand()
    (task,) = run(panel.python.lines())["tasks"]
    assert task.state == "done"
    panel.button.click()
    qtbot.waitUntil(lambda: panel.button.text() == "Start")
    assert [task.state for task in panel.model.tasks] == ["skipped"]


def test_older_files_are_replaced_only_when_that_is_asked(files):
    model = BatchModel()
    model.add(files[:1])
    model.change(method="pca", preset="fast")
    older = files[0].with_name("a_denoised.h5")
    older.write_text("mine")
    (task,) = run(python_of(model, Preferences()))["tasks"]
    assert task.state == "failed"
    assert older.read_text() == "mine"
    model.change(overwrite=True)
    (task,) = run(python_of(model, Preferences()))["tasks"]
    assert task.state == "done"


def test_device_and_threads_are_those_of_the_preferences(files, monkeypatch):
    import torch

    found = {}
    monkeypatch.setattr(xrf.batch, "run", lambda tasks, how, **rest: found.update(rest) or tasks)
    monkeypatch.setattr(torch, "set_num_threads", lambda number: found.update(threads=number))
    model = BatchModel()
    model.add(files)
    address = "tcp://host:8786"
    run(python_of(model, Preferences(device="cpu", threads=3, scheduler=address)))
    assert (found["device"], found["threads"], found["client"]) == ("cpu", 3, address)
    found.clear()
    run(python_of(model, Preferences()))
    assert found == {}


def test_files_that_do_not_describe_themselves_are_read_with_options(
    qtbot, viewer, dock, tmp_path, monkeypatch
):
    from napari_xrf_denoise.io.options import ReadOptions
    from napari_xrf_denoise.plugin.opening import answers
    from napari_xrf_denoise.plugin.opening.questions import question_about

    image, _ = xrf.simulate_map(shape=(8, 8), n_channels=128, seed=1)
    path = tmp_path / "cube.npy"
    np.save(path, np.asarray(image.counts[0]).transpose(2, 0, 1))
    with pytest.raises(xrf.FormatError) as error:
        xrf.read(path)
    options = {"energy_axis": 0, "energy_offset": 0.0, "energy_gain": 0.16}
    memory = AnswerStore(tmp_path / "answers.json")
    assert memory.remember(
        question_about(xrf.io.recognise(path), error.value).kind, ReadOptions(**options)
    )
    monkeypatch.setattr(answers, "AnswerStore", lambda: memory)
    panel = dock(viewer, "Batch denoise")
    panel.model.add([path])
    panel.model.change(method="pca", preset="fast")
    panel.python.expand()
    lines = panel.python.lines()
    (task,) = run(lines)["tasks"]
    assert (task.state, "energy_axis" in task.details) == ("failed", True)
    (task,) = run(lines.replace("})\nfor", f"}}, sources=xrf.batch.Sources(**{options}))\nfor"))[
        "tasks"
    ]
    assert task.state == "done"
    assert xrf.read(task.target).energy.gain == pytest.approx(0.16)
    # The dock, which knows the same from the read dialog, keeps that result.
    panel.button.click()
    qtbot.waitUntil(lambda: panel.button.text() == "Start")
    assert [task.state for task in panel.model.tasks] == ["skipped"]


def test_without_a_file_there_are_no_lines():
    assert python_of(BatchModel(), Preferences()) == ""
    model = BatchModel()
    model.add([Path("a.h5")])
    model.change(way="model")
    assert python_of(model, Preferences()) == ""
