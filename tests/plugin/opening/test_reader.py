from dataclasses import replace

import h5py
import numpy as np
import pytest
import tifffile

import napari_xrf_denoise as xrf
from napari_xrf_denoise.io import registry
from napari_xrf_denoise.io.options import ReadOptions
from napari_xrf_denoise.plugin.opening import reader
from napari_xrf_denoise.plugin.opening.answers import AnswerStore
from napari_xrf_denoise.plugin.opening.reader import get_reader, read_layers

PLUGIN = "napari-xrf-denoise"


@pytest.fixture
def memory(tmp_path):
    return AnswerStore(tmp_path / "settings" / "answers.json")


@pytest.fixture
def cube():
    return np.random.default_rng(5).poisson(2.0, (7, 5, 60)).astype(np.uint16)


@pytest.fixture
def unknown(tmp_path, cube):
    """An HDF5 file that does not say where its counts are."""
    path = tmp_path / "Größe.h5"
    with h5py.File(path, "w") as file:
        file["scan/Zähler"] = cube
        file["scan/dark"] = np.ones((7, 5))
    return path


class Asked:
    """Answers like a user, and keeps what was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.questions = []
        self.presets = []

    def __call__(self, question, preset):
        self.questions.append(question)
        self.presets.append(preset)
        return self.answers.pop(0)


SAID = ReadOptions(dataset="/scan/Zähler", energy_axis=2, energy_offset=-0.1, energy_gain=0.02)


def test_our_files_open_with_counts_and_energies(tmp_path, small_map, viewer):
    path = tmp_path / "scan.h5"
    xrf.write(path, small_map)
    (layer,) = viewer.open(path, plugin=PLUGIN)
    np.testing.assert_array_equal(layer.data, np.moveaxis(small_map.counts[0], -1, 0))
    assert layer.name == "scan" or layer.name == "map"
    assert tuple(layer.scale) == (small_map.energy.gain, 5.0, 5.0)


def test_several_files_become_one_layer_each(tmp_path, small_map):
    paths = [str(tmp_path / f"{n}.h5") for n in range(2)]
    for path in paths:
        xrf.write(path, small_map)
    assert len(get_reader(paths)(paths)) == 2


def test_a_plain_tiff_is_left_to_others(tmp_path, qapp):
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, np.zeros((5, 32, 32), np.uint8))
    assert get_reader(str(path)) is None


def test_a_plain_table_is_left_to_others(tmp_path, qapp):
    path = tmp_path / "points.csv"
    path.write_text("index,axis-0,axis-1\n0,1.5,2.5\n1,3.5,4.5\n")
    assert get_reader(str(path)) is None


def test_without_a_window_another_hdf5_file_is_left_to_others(unknown, monkeypatch):
    monkeypatch.setattr(reader, "can_ask", lambda: False)
    assert get_reader(str(unknown)) is None


def test_with_a_window_another_hdf5_file_is_asked_about(unknown, qapp):
    assert get_reader(str(unknown)) is not None


def test_a_file_is_recognised_once_on_its_way_to_a_layer(tmp_path, small_map, monkeypatch):
    path = str(xrf.write(tmp_path / "scan.h5", small_map))
    asked = []

    def counting(layout):
        def recognise(path):
            asked.append(layout.name)
            return layout.recognise(path)

        return replace(layout, recognise=recognise)

    monkeypatch.setattr(registry, "LAYOUTS", tuple(map(counting, registry.LAYOUTS)))
    assert len(get_reader(path)(path)) == 1
    assert "nexus" in asked
    assert len(asked) == len(set(asked)), asked


def test_hdf5_files_without_arrays_are_left_to_others(tmp_path, qapp):
    path = tmp_path / "words.h5"
    with h5py.File(path, "w") as file:
        file["title"] = "no counts here"
        file["steps"] = np.arange(5)
        file["empty"] = np.zeros((0, 4, 5))
    assert get_reader(str(path)) is None


@pytest.mark.parametrize("content", [b"", b"II*\0", b"\xff" * 100])
def test_damaged_files_are_left_to_others(tmp_path, content, qapp):
    for suffix in ("h5", "tif", "csv", "bcf"):
        path = tmp_path / f"damaged.{suffix}"
        path.write_bytes(content)
        assert get_reader(str(path)) is None


def test_of_a_damaged_hdf5_file_it_is_said_that_it_is(tmp_path, qapp, small_map):
    whole = xrf.write(tmp_path / "scan.h5", small_map).read_bytes()
    path = tmp_path / "cut.h5"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(xrf.FormatError, match=r"cut.h5: .*cut off or still being written"):
        get_reader(str(path))(str(path))


def test_missing_files_and_empty_lists_are_not_ours(tmp_path, qapp):
    assert get_reader(str(tmp_path / "missing.h5")) is None
    assert get_reader([]) is None


def test_a_list_with_a_foreign_file_is_not_ours(tmp_path, small_map):
    ours, other = str(tmp_path / "a.h5"), tmp_path / "b.h5"
    xrf.write(ours, small_map)
    other.write_bytes(b"something else")
    assert get_reader([ours, str(other)]) is None


def test_a_missing_calibration_is_said_and_the_file_opens(tmp_path, small_map, memory):
    from napari.utils.notifications import notification_manager

    path = tmp_path / "plain.h5"
    xrf.write(path, small_map.replace(energy=xrf.EnergyAxis.uncalibrated(128)))
    before = len(notification_manager.records)
    ask = Asked()
    ((data, attributes, _),) = read_layers(str(path), ask, memory)
    assert data.shape == (128, 16, 16)
    assert attributes["units"][0] == "pixel"
    said = [record.message for record in notification_manager.records[before:]]
    assert any("calibration" in message for message in said), said
    assert ask.questions == []


def test_what_the_user_says_is_what_is_read(unknown, cube, memory):
    ask = Asked(SAID)
    ((data, attributes, kind),) = read_layers(str(unknown), ask, memory)
    np.testing.assert_array_equal(data, np.moveaxis(cube, 2, 0))
    assert data.dtype == np.uint16
    assert (attributes["axis_labels"], kind) == (("energy", "y", "x"), "image")
    assert (attributes["scale"][0], attributes["translate"][0]) == (0.02, -0.1)
    (question,) = ask.questions
    assert [(entry.dataset, entry.shape) for entry in question.candidates] == [
        ("/scan/Zähler", (7, 5, 60)),
        ("/scan/dark", (7, 5)),
    ]


def test_the_first_suggestion_is_the_longest_axis_of_the_largest_array(unknown, memory):
    ask = Asked(SAID)
    read_layers(str(unknown), ask, memory)
    assert ask.presets[0].given() == {"dataset": "/scan/Zähler", "energy_axis": 2}


def test_the_answer_is_the_preset_for_the_next_file_of_this_shape(unknown, memory, tmp_path):
    read_layers(str(unknown), Asked(SAID), memory)
    twin, other = tmp_path / "twin.h5", tmp_path / "other.h5"
    twin.write_bytes(unknown.read_bytes())
    with h5py.File(other, "w") as file:
        file["scan/Zähler"] = np.ones((60, 5, 7), np.uint16)
    ask = Asked(SAID, None)
    read_layers(str(twin), ask, memory)
    read_layers(str(other), ask, memory)
    assert ask.presets[0].given() == SAID.given()
    assert ask.presets[1].given() == {"dataset": "/scan/Zähler", "energy_axis": 0}


def test_a_remembered_answer_that_does_not_fit_is_not_offered(unknown, memory):
    ask = Asked(None, None)
    read_layers(str(unknown), ask, memory)
    memory.remember(ask.questions[0].kind, ReadOptions(dataset="/gone", energy_axis=9))
    read_layers(str(unknown), ask, memory)
    assert ask.presets[1].given() == {"dataset": "/scan/Zähler", "energy_axis": 2}


def test_files_of_one_kind_that_are_opened_together_are_asked_about_once(unknown, memory, tmp_path):
    twin = tmp_path / "twin.h5"
    twin.write_bytes(unknown.read_bytes())
    ask = Asked(SAID)
    assert len(read_layers([str(unknown), str(twin)], ask, memory)) == 2


def test_cancelling_opens_nothing_and_is_not_remembered(unknown, memory):
    ask = Asked(None, None)
    assert read_layers(str(unknown), ask, memory) == [(None,)]
    assert memory.recall(ask.questions[0].kind) is None


def test_cancelling_one_file_leaves_the_others(unknown, memory, tmp_path, small_map):
    ours = tmp_path / "ours.h5"
    xrf.write(ours, small_map)
    layers = read_layers([str(unknown), str(ours)], Asked(None), memory)
    assert [attributes["name"] for _, attributes, _ in layers] == ["map"]


def test_cancelling_in_the_viewer_adds_no_layer_and_no_error(unknown, viewer, monkeypatch):
    monkeypatch.setattr(reader, "_dialog", lambda: Asked(None))
    assert viewer.open(unknown, plugin=PLUGIN) == []
    assert len(viewer.layers) == 0


def test_several_datasets_become_repeats(tmp_path, cube, memory):
    path = tmp_path / "elements.h5"
    with h5py.File(path, "w") as file:
        file["a"], file["b"] = cube, cube + 1
    said = ReadOptions(dataset=("/a", "/b"), energy_axis=2)
    ((data, _, _),) = read_layers(str(path), Asked(said), memory)
    np.testing.assert_array_equal(data, np.moveaxis(np.stack([cube, cube + 1]), -1, 1))


@pytest.mark.parametrize("suffix", ["npy", "tif"])
def test_single_arrays_are_asked_about_without_names(tmp_path, cube, memory, suffix):
    path = tmp_path / f"cube.{suffix}"
    if suffix == "npy":
        np.save(path, cube)
    else:
        tifffile.imwrite(path, cube, photometric="minisblack")
    ask = Asked(ReadOptions(energy_axis=2))
    ((data, _, _),) = read_layers(str(path), ask, memory)
    np.testing.assert_array_equal(data, np.moveaxis(cube, 2, 0))
    assert [entry.shape for entry in ask.questions[0].candidates] == [(7, 5, 60)]


def test_without_anybody_to_ask_the_error_says_what_to_give(unknown, monkeypatch):
    monkeypatch.setattr(reader, "can_ask", lambda: False)
    with pytest.raises(xrf.FormatError, match="--dataset"):
        read_layers(str(unknown))


def test_a_damaged_file_is_an_error_and_no_question(unknown, memory):
    content = unknown.read_bytes()
    unknown.write_bytes(content[: len(content) // 2])
    ask = Asked()
    with pytest.raises(xrf.FormatError, match="copy it again"):
        read_layers(str(unknown), ask, memory)
    assert ask.questions == []


def test_loops_of_links_and_dangling_links_do_not_hang_the_question(tmp_path, cube, memory):
    path = tmp_path / "links.h5"
    with h5py.File(path, "w") as file:
        file["counts"] = cube
        file["round"] = h5py.SoftLink("/")
        file["nowhere"] = h5py.SoftLink("/gone")
        file["elsewhere"] = h5py.ExternalLink("missing.h5", "/x")
    ask = Asked(ReadOptions(dataset="/counts", energy_axis=2))
    read_layers(str(path), ask, memory)
    assert [entry.dataset for entry in ask.questions[0].candidates] == ["/counts"]


def test_a_map_that_stays_on_the_disk_is_loaded_while_it_is_shown(
    viewer, qtbot, tmp_path, monkeypatch
):
    counts = np.random.default_rng(0).poisson(2, (1, 6, 5, 30)).astype(np.uint16)
    path = xrf.write(tmp_path / "map.h5", xrf.SpectrumImage(counts))
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 0)
    (layer,) = viewer.open(path, plugin="napari-xrf-denoise")
    qtbot.waitUntil(lambda: isinstance(layer.data, np.ndarray))
    np.testing.assert_array_equal(layer.data, counts[0].transpose(2, 0, 1))
