import json

import pytest

from napari_xrf_denoise.io.options import ReadOptions
from napari_xrf_denoise.plugin.opening import answers as read_memory
from napari_xrf_denoise.plugin.opening.answers import AnswerStore

ANSWER = ReadOptions(
    dataset=("/det/Größe", "/det/b"),
    energy_axis=2,
    repeat_axis=None,
    energy_offset=-0.04,
    energy_gain=0.0101,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "settings" / "answers.json"


def test_an_answer_is_there_for_the_next_file_of_its_kind(path):
    assert AnswerStore(path).remember("hdf5 abc", ANSWER)
    again = AnswerStore(path).recall("hdf5 abc")
    assert again.given() == ANSWER.given()
    assert again.datasets == ANSWER.datasets
    assert AnswerStore(path).recall("hdf5 other") is None


def test_the_last_answer_counts_and_others_stay(path):
    memory = AnswerStore(path)
    memory.remember("a", ANSWER)
    memory.remember("b", ReadOptions(energy_axis=0))
    memory.remember("a", ReadOptions(energy_axis=1))
    assert memory.recall("a").given() == {"energy_axis": 1}
    assert memory.recall("b").given() == {"energy_axis": 0}


def test_the_oldest_answers_are_forgotten(path, monkeypatch):
    monkeypatch.setattr(read_memory, "MOST_ANSWERS", 3)
    memory = AnswerStore(path)
    for number in range(5):
        memory.remember(str(number), ReadOptions(energy_axis=number))
    assert memory.recall("1") is None
    assert [memory.recall(str(number)).energy_axis for number in (2, 3, 4)] == [2, 3, 4]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1, 2]",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"a": 5}',
        b'{"a": {"energy_axis": "first"}}',
        b'{"a": {"no_such_option": 1}}',
        b'{"a": {"energy_gain": -1}}',
    ],
)
def test_a_damaged_file_is_as_none_and_is_replaced(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    memory = AnswerStore(path)
    assert memory.recall("a") is None
    assert memory.remember("a", ANSWER)
    assert memory.recall("a").given() == ANSWER.given()
    assert list(path.parent.iterdir()) == [path]
    json.loads(path.read_text(encoding="utf-8"))


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    memory = AnswerStore(blocked / "answers.json")
    assert not memory.remember("a", ANSWER)
    assert memory.recall("a") is None


def test_answers_are_kept_in_the_folder_for_settings():
    assert read_memory.answers_file().parent.name == "napari-xrf-denoise"
