import h5py
import numpy as np
import pytest
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import QApplication, QDialogButtonBox

import napari_xrf_denoise as xrf
from napari_xrf_denoise.core.errors import DataError, FormatError
from napari_xrf_denoise.io.options import ReadOptions
from napari_xrf_denoise.plugin.common.sum_spectrum import preview_of, sampled_parts
from napari_xrf_denoise.plugin.opening import answers as read_memory
from napari_xrf_denoise.plugin.opening.dialog import NO_GAIN, ReadDialog
from napari_xrf_denoise.plugin.opening.questions import question_about

PLUGIN = "napari-xrf-denoise"


@pytest.fixture
def counts():
    rng = np.random.default_rng(11)
    return {
        "/map": rng.poisson(3.0, (9, 6, 50)).astype(np.uint16),
        "/twin": rng.poisson(3.0, (9, 6, 50)).astype(np.uint16),
        "/frames": rng.poisson(2.0, (3, 5, 4, 40)).astype(np.uint8),
    }


@pytest.fixture
def path(tmp_path, counts):
    path = tmp_path / "unknown.h5"
    with h5py.File(path, "w") as file:
        for name, array in counts.items():
            file[name] = array
    return path


@pytest.fixture
def question(path):
    with pytest.raises(FormatError) as caught:
        xrf.read(path)
    return question_about(xrf.io.recognise(path), caught.value)


@pytest.fixture
def dialog(qtbot, question):
    dialog = ReadDialog(question, question.suggestion())
    qtbot.addWidget(dialog)
    dialog.show()
    yield dialog
    dialog.stop()


def ok(dialog):
    return dialog.buttons.button(QDialogButtonBox.StandardButton.Ok)


def row_of(dialog, dataset):
    names = [entry.dataset for entry in dialog.question.candidates]
    return names.index(dataset)


def choose(qtbot, dialog, dataset):
    """Click a dataset in the list."""
    entries = dialog.dataset_list
    place = entries.visualItemRect(entries.item(row_of(dialog, dataset))).center()
    qtbot.mouseClick(entries.viewport(), Qt.MouseButton.LeftButton, pos=place)


def wait_for_preview(qtbot, dialog):
    qtbot.waitUntil(lambda: dialog.preview_words.text().startswith("Preview of"))


def test_arrays_are_listed_with_their_shapes(dialog):
    texts = [dialog.dataset_list.item(row).text() for row in range(dialog.dataset_list.count())]
    assert any("/map" in text and "9 × 6 × 50" in text and "uint16" in text for text in texts)
    assert any("/frames" in text and "3 × 5 × 4 × 40" in text for text in texts)


def test_picture_and_spectrum_are_those_of_the_answer(qtbot, dialog, counts):
    choose(qtbot, dialog, "/map")
    wait_for_preview(qtbot, dialog)
    np.testing.assert_array_equal(dialog.picture.picture, counts["/map"].sum(axis=2))
    np.testing.assert_array_equal(dialog.spectrum.drawn()[1], counts["/map"].sum(axis=(0, 1)))


def test_another_axis_shows_another_picture_at_once(qtbot, dialog, counts):
    choose(qtbot, dialog, "/map")
    wait_for_preview(qtbot, dialog)
    dialog.energy_box.setCurrentIndex(0)
    wait_for_preview(qtbot, dialog)
    np.testing.assert_array_equal(dialog.picture.picture, counts["/map"].sum(axis=0))
    np.testing.assert_array_equal(dialog.spectrum.drawn()[1], counts["/map"].sum(axis=(1, 2)))
    assert "y is axis 1 (6), x is axis 2 (50)" in dialog.problem_words.text()


def test_repeats_are_summed_in_the_preview(qtbot, dialog, counts):
    choose(qtbot, dialog, "/frames")
    assert dialog.answer().given() == {
        "dataset": "/frames",
        "energy_axis": 3,
        "repeat_axis": 0,
        "repeat_kind": "scan",
    }
    wait_for_preview(qtbot, dialog)
    expected = counts["/frames"].sum(axis=(0, 3), dtype=int)
    np.testing.assert_array_equal(dialog.picture.picture, expected)


def test_an_answer_that_cannot_be_is_said_and_cannot_be_given(qtbot, dialog):
    choose(qtbot, dialog, "/frames")
    dialog.repeat_box.setCurrentIndex(0)
    assert not ok(dialog).isEnabled()
    assert "Choose the repeat axis" in dialog.problem_words.text()
    dialog.repeat_box.setCurrentIndex(4)
    assert not ok(dialog).isEnabled()
    assert "both energy and repeats" in dialog.problem_words.text()
    dialog.repeat_box.setCurrentIndex(1)
    assert ok(dialog).isEnabled()


def test_several_arrays_of_one_shape_are_repeats_and_of_others_are_refused(dialog):
    dialog.dataset_list.clearSelection()
    assert not ok(dialog).isEnabled()
    for name in ("/map", "/twin"):
        dialog.dataset_list.item(row_of(dialog, name)).setSelected(True)
    dialog.energy_box.setCurrentIndex(2)
    assert ok(dialog).isEnabled()
    assert sorted(dialog.answer().datasets) == ["/map", "/twin"]
    dialog.dataset_list.item(row_of(dialog, "/frames")).setSelected(True)
    assert not ok(dialog).isEnabled()
    assert "same shape" in dialog.problem_words.text()


def test_a_calibration_is_optional_and_its_fields_have_units(dialog):
    assert dialog.gain_field.text() == NO_GAIN
    assert not dialog.offset_field.isEnabled()
    assert dialog.answer().energy_gain is None
    dialog.gain_field.setValue(0.0101)
    dialog.offset_field.setValue(-0.043)
    assert (dialog.answer().energy_gain, dialog.answer().energy_offset) == (0.0101, -0.043)
    assert dialog.gain_field.text().endswith("keV per channel")
    assert dialog.offset_field.text().endswith("keV")


def test_the_preset_fills_the_fields(qtbot, question):
    preset = ReadOptions(
        dataset="/frames",
        energy_axis=1,
        repeat_axis=2,
        repeat_kind="frame",
        energy_offset=0.5,
        energy_gain=0.02,
    )
    dialog = ReadDialog(question, preset)
    qtbot.addWidget(dialog)
    assert dialog.answer().given() == preset.given()
    dialog.stop()


def test_a_file_that_vanishes_under_the_dialog_is_said_in_it(qtbot, dialog, path):
    wait_for_preview(qtbot, dialog)
    path.unlink()
    dialog.energy_box.setCurrentIndex(0)
    qtbot.waitUntil(lambda: "unknown.h5" in dialog.preview_words.text())
    assert dialog.picture.picture.size == 0


@pytest.fixture
def answers(tmp_path, monkeypatch):
    monkeypatch.setattr(read_memory, "answers_file", lambda: tmp_path / "s" / "answers.json")
    yield
    # Outside an event loop nothing is deleted later unless that is asked for.
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def in_the_dialog(qtbot, action):
    """Do something in the dialog that is about to open."""

    def look():
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, ReadDialog):
            QTimer.singleShot(20, look)
            return
        try:
            action(dialog)
        except BaseException:
            dialog.reject()
            raise

    QTimer.singleShot(0, look)


def press(qtbot, dialog, button):
    qtbot.mouseClick(dialog.buttons.button(button), Qt.MouseButton.LeftButton)


def test_a_file_is_opened_as_the_user_says_in_the_dialog(qtbot, viewer, path, counts, answers):
    def say(dialog):
        choose(qtbot, dialog, "/map")
        dialog.energy_box.setCurrentIndex(2)
        dialog.gain_field.setValue(0.02)
        press(qtbot, dialog, QDialogButtonBox.StandardButton.Ok)

    in_the_dialog(qtbot, say)
    (layer,) = viewer.open(path, plugin=PLUGIN)
    np.testing.assert_array_equal(layer.data, np.moveaxis(counts["/map"], 2, 0))
    assert tuple(layer.axis_labels) == ("energy", "y", "x")
    assert layer.scale[0] == 0.02

    seen = []

    def look(dialog):
        seen.append(dialog.answer().given())
        press(qtbot, dialog, QDialogButtonBox.StandardButton.Cancel)

    in_the_dialog(qtbot, look)
    assert viewer.open(path, plugin=PLUGIN) == []
    assert len(viewer.layers) == 1
    assert seen == [
        {"dataset": "/map", "energy_axis": 2, "energy_offset": 0.0, "energy_gain": 0.02}
    ]


def test_escape_cancels(qtbot, viewer, path, answers):
    in_the_dialog(qtbot, lambda dialog: qtbot.keyClick(dialog, Qt.Key.Key_Escape))
    assert viewer.open(path, plugin=PLUGIN) == []


class Counting:
    """An array on disk that counts the values that are read of it."""

    def __init__(self, shape):
        self.shape, self.dtype, self.values_read = shape, np.dtype(np.uint16), 0

    def __getitem__(self, key):
        lengths = [part.stop - part.start for part in key]
        self.values_read += int(np.prod(lengths))
        return np.ones(lengths, self.dtype)


@pytest.mark.parametrize("energy_axis", [0, 1, 2])
@pytest.mark.parametrize("blocks", [None, (1, 1, 4096), (4, 512, 4096), (64, 64, 64), (1, 2000, 1)])
def test_a_preview_reads_little_of_a_huge_array(energy_axis, blocks):
    array = Counting((3000, 2000, 4096))
    found = preview_of(array, energy_axis, blocks=blocks, most_values=2**22)
    assert array.values_read <= 2**22 or array.values_read == np.prod(blocks)
    assert "of" in found.words
    expected = found.picture.size * found.channels.size
    assert found.spectrum.sum() == found.picture.sum() == expected == array.values_read


def test_blocks_that_are_pictures_thin_the_channels_evenly():
    parts = sampled_parts((2048, 500, 400), 0, (1, 500, 400), 10 * 500 * 400)
    starts = [start for start, _ in parts[0]]
    assert (starts[0], starts[-1]) == (0, 2047)
    assert 4 <= len(starts) <= 10
    assert parts[1:] == [[(0, 500)], [(0, 400)]]


def test_the_part_is_the_middle_of_the_picture():
    rng = np.random.default_rng(2)
    counts = rng.poisson(5, (40, 30, 20))
    found = preview_of(counts, 2, most_values=10 * 8 * 20)
    rows, columns = found.picture.shape
    y, x = (40 - rows) // 2, (30 - columns) // 2
    part = counts[y : y + rows, x : x + columns]
    assert part.shape == (rows, columns, 20)
    np.testing.assert_array_equal(found.picture, part.sum(axis=2))
    np.testing.assert_array_equal(found.spectrum, part.sum(axis=(0, 1)))
    assert f"{rows} × {columns} of 40 × 30 pixels" in found.words


def test_counts_do_not_wrap_around_and_lazy_arrays_are_read():
    import dask.array

    counts = np.full((4, 5, 300), 255, np.uint8)
    for array in (counts, dask.array.from_array(counts, chunks=(2, 2, 100))):
        found = preview_of(array, 2)
        assert found.picture.tolist() == [[255 * 300.0] * 5] * 4
        assert found.spectrum.tolist() == [255 * 20.0] * 300


def test_axes_that_cannot_be_and_giant_blocks_are_refused():
    counts = np.ones((2, 3, 4, 5))
    for axes in ((3, None), (3, 3), (4, None), (1, 7)):
        with pytest.raises(DataError):
            preview_of(counts, *axes)
    with pytest.raises(DataError, match="too large"):
        preview_of(Counting((4096, 500, 500)), 0, blocks=(4096, 500, 500))


def test_detector_elements_are_added_up_and_one_can_say_what_repeats_are(qtbot, tmp_path):
    path = tmp_path / "elements.h5"
    with h5py.File(path, "w") as file:
        for number in (1, 2):
            file[f"det{number}/values"] = np.ones((6, 5, 50), dtype=np.uint16)
    with pytest.raises(FormatError) as caught:
        xrf.read(path)
    question = question_about(xrf.io.recognise(path), caught.value)
    dialog = ReadDialog(question, question.suggestion())
    qtbot.addWidget(dialog)
    assert not dialog.kind_box.isEnabled()
    dialog.dataset_list.selectAll()
    assert dialog.kind_box.isEnabled()
    assert "added up" in dialog.kind_box.currentText()
    image = xrf.read(path, **dialog.answer().given())
    assert image.repeat_kind == "detector"
    assert image.combine_repeats().counts.sum() == 2 * 6 * 5 * 50
    dialog.kind_box.setCurrentIndex(dialog.kind_box.findData("scan"))
    assert dialog.answer().repeat_kind == "scan"
    dialog.stop()
