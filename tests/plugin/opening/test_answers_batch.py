"""A batch asks nobody; what was answered for one file holds for its like."""

import h5py
import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.batch.runner import plan, run
from napari_xrf_denoise.io.options import ReadOptions
from napari_xrf_denoise.plugin.opening.answers import AnswerStore, RememberedAnswers
from napari_xrf_denoise.plugin.opening.reader import read_layers

ANSWER = ReadOptions(dataset="/lab/cube", energy_axis=0, energy_offset=0.0, energy_gain=0.02)


@pytest.fixture
def memory(tmp_path):
    return AnswerStore(tmp_path / "answers.json")


@pytest.fixture
def files(tmp_path):
    """Two maps in a layout that nobody knows: energy first, under a name of the laboratory's."""
    made = []
    for seed, name in enumerate(("gold", "ore")):
        counts = np.random.default_rng(seed).poisson(3, (64, 9, 8)).astype(np.uint16)
        path = tmp_path / f"{name}.h5"
        with h5py.File(path, "w") as file:
            file["lab/cube"] = counts
        made.append(path)
    return made


def open_by_hand(path, memory, answer=ANSWER):
    read_layers(str(path), ask=lambda question, preset: answer, memory=memory)


def test_a_file_that_does_not_say_enough_says_what_to_do(files, memory):
    with pytest.raises(xrf.DataError, match=r"gold\.h5.*open this file once on its own"):
        RememberedAnswers(memory).read(files[0])


def test_an_answer_for_one_file_holds_for_its_like(files, memory):
    open_by_hand(files[0], memory)
    sources = RememberedAnswers(memory)
    image = sources.read(files[1])
    with h5py.File(files[1]) as file:
        stored = file["lab/cube"][:]
    np.testing.assert_array_equal(image.counts[0], np.moveaxis(stored, 0, -1))
    assert image.energy.gain == 0.02
    assert sources.read_options(files[1])["energy_axis"] == 0


def test_a_file_of_another_shape_is_not_read_with_that_answer(files, memory, tmp_path):
    open_by_hand(files[0], memory)
    with h5py.File(tmp_path / "vase.h5", "w") as file:
        file["lab/cube"] = np.ones((7, 64, 9), np.uint16)
    with pytest.raises(xrf.DataError, match="open this file once on its own"):
        RememberedAnswers(memory).read(tmp_path / "vase.h5")


def test_a_file_that_nothing_helps_keeps_its_error(tmp_path, memory):
    (tmp_path / "bad.h5").write_bytes(b"no")
    with pytest.raises(xrf.DataError) as found:
        RememberedAnswers(memory).read(tmp_path / "bad.h5")
    assert "open this file once" not in str(found.value)


def test_files_that_say_enough_are_read_as_they_are(tmp_path, memory, small_map):
    path = xrf.write(tmp_path / "map.h5", small_map)
    sources = RememberedAnswers(memory)
    np.testing.assert_array_equal(sources.read(path).counts, small_map.counts)
    assert sources.read_options(path) == {}
    assert sources.is_unchanged(path, {})
    assert not sources.is_unchanged(path, {"y": "0:4"})


def test_another_answer_is_another_job(files, memory, tmp_path):
    how = {"method": "pca", "preset": "fast"}

    def again():
        tasks = plan(files, tmp_path / "out")
        done = run(tasks, how, sources=RememberedAnswers(memory))
        return [task.state for task in done], done[0].message

    open_by_hand(files[0], memory)
    assert again()[0] == ["done", "done"]
    assert again()[0] == ["skipped", "skipped"]
    open_by_hand(
        files[0], memory, ReadOptions(dataset="/lab/cube", energy_axis=0, energy_gain=0.01)
    )
    states, message = again()
    assert states == ["failed", "failed"]
    assert "other read options" in message
