import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QFileDialog

import napari_xrf_denoise as xrf
from napari_xrf_denoise.batch.runner import Task
from napari_xrf_denoise.cli import app as cli
from napari_xrf_denoise.plugin.batch import dock as batch_dock
from napari_xrf_denoise.plugin.batch.model import NO_MODEL, share_done
from napari_xrf_denoise.plugin.batch.table import FILE, GAIN, MESSAGE, PROGRESS, STATE
from napari_xrf_denoise.plugin.common.preferences import Preferences
from tests.helpers.dock_work import click, type_in
from tests.helpers.patience import PATIENCE


class Engine:
    """Stands in for reading and denoising; the file that it is told to hold waits at its gate."""

    def __init__(self, hold=None, fail=None):
        self.hold, self.fail = hold, fail
        self.began, self.open, self.ended = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, path, *, on_progress, should_stop):
        on_progress(xrf.core.Progress("training", 0.4))
        if path.name == self.hold:
            self.began.set()
            try:
                while not self.open.wait(0.01):
                    if should_stop():
                        raise xrf.Cancelled("stopped at the gate")
            finally:
                self.ended.set()
        if path.name == self.fail:
            raise xrf.DataError(f"{path.name}: all counts are zero")
        image = xrf.read(path)
        report = xrf.QualityReport(8.0, (7.0, 9.0), 1.0, "a test", choices={"method": "pca"})
        counts = image.counts.astype(np.float32)
        record = {"source": image.name, "report": report.as_dict()}
        result = image.replace(counts=counts, metadata={**image.metadata, "denoising": record})
        return xrf.Denoised(counts[0], result, report, None)


@pytest.fixture
def files(tmp_path, small_map):
    folder = tmp_path / "scans"
    folder.mkdir()
    return [xrf.write(folder / f"{name}.h5", small_map) for name in ("gold", "ore", "vase")]


@pytest.fixture
def batch(viewer, dock):
    panel = dock(viewer, "Batch denoise")
    panel.session.make = Engine()
    yield panel
    panel.session.make.open.set()


def drop(panel, paths):
    """Drag files over the dock and let go; return whether it took them."""
    content = QMimeData()
    content.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    copy, left, no_key = (
        Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    enter = QDragEnterEvent(QPointF(9, 9).toPoint(), copy, content, left, no_key)
    enter.ignore()
    QApplication.sendEvent(panel, enter)
    if enter.isAccepted():
        QApplication.sendEvent(panel, QDropEvent(QPointF(9, 9), copy, content, left, no_key))
    return enter.isAccepted()


def column(panel, number, role=Qt.ItemDataRole.DisplayRole):
    tasks = panel.table.tasks
    return [tasks.index(row, number).data(role) for row in range(tasks.rowCount())]


def wait_for_end(qtbot, panel):
    qtbot.waitUntil(lambda: panel.button.text() == "Start")


def double_click(qtbot, panel, row):
    table = panel.table
    at = table.visualRect(table.tasks.index(row, FILE)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=at)
    qtbot.mouseDClick(table.viewport(), Qt.MouseButton.LeftButton, pos=at)


def test_dropped_files_are_denoised_and_a_double_click_opens_a_result(
    qtbot, viewer, batch, files, small_map
):
    assert not batch.button.isEnabled()
    assert "Drop files" in batch.words.text()
    assert drop(batch, files)
    assert column(batch, FILE) == ["gold.h5", "ore.h5", "vase.h5"]
    assert column(batch, STATE) == ["waiting"] * 3
    assert batch.target_field.text() == str(files[0].parent)
    double_click(qtbot, batch, 1)
    assert not batch.opening.is_waiting  # there is no result yet
    click(qtbot, batch.button)
    wait_for_end(qtbot, batch)
    assert column(batch, STATE) == ["done"] * 3
    assert column(batch, PROGRESS) == ["100 %"] * 3
    assert column(batch, GAIN) == ["8.0 (7.0 to 9.0)"] * 3
    assert "Measured by: a test" in column(batch, MESSAGE, Qt.ItemDataRole.ToolTipRole)[0]
    assert "3 done" in batch.outcome_label.text()
    for file in files:
        result = xrf.read(file.with_name(f"{file.stem}_denoised.h5"))
        np.testing.assert_array_equal(result.counts, small_map.counts)

    assert len(viewer.layers) == 0
    double_click(qtbot, batch, 1)
    qtbot.waitUntil(lambda: len(viewer.layers) == 1)
    [layer] = viewer.layers
    assert layer.axis_labels == ("energy", "y", "x")
    assert layer.metadata["denoising"]["batch"]["file"] == "ore.h5"


def test_results_go_where_and_as_what_is_asked(qtbot, batch, files, tmp_path):
    drop(batch, files[:2])
    batch.suffix_box.setCurrentText(".ome.tif")
    batch.target_field.setText(str(tmp_path / "new folder"))
    click(qtbot, batch.button)  # typed and not confirmed
    wait_for_end(qtbot, batch)
    assert sorted(path.name for path in (tmp_path / "new folder").iterdir()) == [
        "gold_denoised.ome.tif", "ore_denoised.ome.tif",
    ]  # fmt: skip


def test_stop_ends_the_batch_in_the_middle_of_a_file_and_start_goes_on(qtbot, batch, files):
    engine = batch.session.make = Engine(hold="ore.h5")
    drop(batch, files)
    click(qtbot, batch.button)
    assert batch.button.text() == "Stop"
    qtbot.waitUntil(engine.began.is_set)
    qtbot.waitUntil(lambda: column(batch, STATE) == ["done", "running", "waiting"])
    assert "File 2 of 3, ore.h5: training" in batch.stage_label.text()
    # 40 % of the engine's part, which is 95 % of the file's.
    assert column(batch, PROGRESS) == ["100 %", "38 %", "0 %"]
    assert batch.progress_bar.isVisible()
    click(qtbot, batch.button)
    wait_for_end(qtbot, batch)
    assert column(batch, STATE) == ["done", "stopped", "waiting"]
    assert "Stopped" in batch.outcome_label.text()
    assert not files[1].with_name("ore_denoised.h5").exists()
    batch.session.make = Engine()
    click(qtbot, batch.button)
    wait_for_end(qtbot, batch)
    assert column(batch, STATE) == ["skipped", "done", "done"]


def test_the_time_left_for_all_files_is_shown(qtbot, batch, files):
    engine = batch.session.make = Engine(hold="ore.h5")
    drop(batch, files)
    click(qtbot, batch.button)
    qtbot.waitUntil(engine.began.is_set)
    qtbot.waitUntil(lambda: column(batch, PROGRESS) == ["100 %", "38 %", "0 %"])
    first = batch.model.tasks[0]
    # As if the first of three equal files had taken ten minutes.
    batch.model.tasks = (replace(first, seconds=600.0), *batch.model.tasks[1:])
    qtbot.waitUntil(lambda: "min left for all" in batch.stage_label.text())


def test_an_error_stands_in_the_row_of_its_file(qtbot, batch, files):
    batch.session.make = Engine(fail="ore.h5")
    drop(batch, files)
    click(qtbot, batch.button)
    wait_for_end(qtbot, batch)
    assert column(batch, STATE) == ["done", "failed", "done"]
    assert column(batch, MESSAGE)[1] == "all counts are zero"
    assert "ore.h5: all counts are zero" in column(batch, MESSAGE, Qt.ItemDataRole.ToolTipRole)[1]
    assert "2 done, 1 failed" in batch.outcome_label.text()


def test_nothing_can_be_changed_during_a_run(qtbot, batch, files):
    engine = batch.session.make = Engine(hold="gold.h5")
    drop(batch, files[:1])
    click(qtbot, batch.button)
    qtbot.waitUntil(engine.began.is_set)
    for widget in (batch.add_button, batch.method_box, batch.target_field, batch.suffix_box):
        assert not widget.isEnabled()
    assert not drop(batch, files[1:])
    engine.open.set()
    wait_for_end(qtbot, batch)
    assert column(batch, STATE) == ["done"]
    assert drop(batch, files[1:])
    assert column(batch, STATE) == ["done", "waiting", "waiting"]


def test_other_settings_begin_anew_and_older_results_are_kept_until_allowed(qtbot, batch, files):
    drop(batch, files[:1])
    click(qtbot, batch.button)
    wait_for_end(qtbot, batch)
    batch.preset_box.setCurrentText("fast")
    assert column(batch, STATE) == ["waiting"]
    click(qtbot, batch.button)
    wait_for_end(qtbot, batch)
    assert column(batch, STATE) == ["failed"]
    assert "exists already" in column(batch, MESSAGE)[0]
    batch.overwrite_box.setChecked(True)
    click(qtbot, batch.button)
    wait_for_end(qtbot, batch)
    assert column(batch, STATE) == ["done"]


def test_what_cannot_work_is_said_before_it_starts(qtbot, batch, files, tmp_path):
    drop(batch, files)
    assert batch.button.isEnabled()
    batch.method_box.setCurrentText("pca")
    batch.preset_box.setCurrentText("tutorial")
    assert not batch.button.isEnabled()
    assert "preset" in batch.words.text()
    batch.way_box.setCurrentIndex(1)
    assert batch.words.text() == NO_MODEL
    batch.way_box.setCurrentIndex(0)
    batch.preset_box.setCurrentText("fast")
    assert batch.button.isEnabled()
    drop(batch, [tmp_path / "gold.csv"])
    assert not batch.button.isEnabled()
    assert "rename one of them" in batch.words.text()
    batch.table.selectRow(3)
    click(qtbot, batch.remove_button)
    assert column(batch, FILE) == ["gold.h5", "ore.h5", "vase.h5"]
    assert batch.button.isEnabled()


def test_advanced_settings_are_part_of_the_job(qtbot, batch, files):
    drop(batch, files[:1])
    batch.method_box.setCurrentText("pca")
    form = batch.settings_form
    assert not form.native.isVisible()
    batch.advanced.expand()
    assert form.native.isVisible()
    form["seed"].value = 7
    form["pairs"].value = "thinning"
    form["folds"].value = 5
    type_in(qtbot, form["rank"], "3")
    click(qtbot, batch.button)
    wait_for_end(qtbot, batch)
    record = xrf.read(batch.model.tasks[0].target).metadata["denoising"]["batch"]
    assert record["settings"] == {
        "method": "pca", "preset": "balanced", "seed": 7, "pairs": "thinning", "folds": 5,
        "rank": 3,
    }  # fmt: skip


def test_impossible_advanced_settings_are_said_before_it_starts(batch, files):
    drop(batch, files)
    batch.advanced.expand()
    batch.settings_form["folds"].value = 1
    assert not batch.button.isEnabled()
    assert "folds" in batch.words.text()
    batch.settings_form["folds"].value = 2
    assert batch.button.isEnabled()


def test_a_setting_of_another_method_is_kept_aside(qtbot, batch, files):
    drop(batch, files)
    batch.method_box.setCurrentText("pca")
    type_in(qtbot, batch.settings_form["rank"], "3")
    assert batch.model.plan.request["rank"] == 3
    batch.method_box.setCurrentText("spectrum")
    assert batch.model.plan.request == {"method": "spectrum", "preset": "balanced"}
    assert batch.button.isEnabled()
    batch.method_box.setCurrentText("pca")
    assert batch.settings_form["rank"].value == "3"


def test_a_model_has_its_settings_already(batch):
    assert batch.advanced.isVisible()
    batch.way_box.setCurrentIndex(1)
    assert not batch.advanced.isVisible()


def test_the_tab_key_goes_from_top_to_bottom(batch):
    batch.advanced.expand()
    form = batch.settings_form
    wanted = [
        batch.overwrite_box, batch.advanced.button, form["seed"].native,
        form["pairs"].native, form["folds"].native, batch.button,
    ]  # fmt: skip
    found, widget = [wanted[0]], wanted[0]
    while widget is not wanted[-1]:
        widget = widget.nextInFocusChain()
        if widget in wanted:
            found.append(widget)
    assert found == wanted


def test_the_dock_fits_into_a_narrow_column(batch):
    assert batch.minimumSizeHint().width() <= 260


def test_the_preferences_are_what_a_batch_begins_with(qtbot, viewer, dock, files, monkeypatch):
    user_preferences = Preferences("cpu", 1, "fast", 0.0)
    monkeypatch.setattr(batch_dock, "preferences", lambda: user_preferences)
    panel = dock(viewer, "Batch denoise")
    assert panel.preset_box.currentText() == "fast"
    elsewhere = "cuda" if sys.platform == "darwin" else "mps"
    monkeypatch.setattr(
        batch_dock, "preferences", lambda: replace(user_preferences, device=elsewhere)
    )
    panel.session.make = None
    drop(panel, files[:1])
    panel.method_box.setCurrentText("stack")
    assert not panel.python.isHidden()
    panel.python.expand()
    assert f"device={elsewhere!r}" in panel.python.lines()
    click(qtbot, panel.button)
    wait_for_end(qtbot, panel)
    assert column(panel, STATE) == ["failed"]
    assert f"device {elsewhere!r} cannot be used here" in column(panel, MESSAGE)[0]


def test_a_batch_of_the_command_line_goes_on_in_the_dock_and_the_other_way_round(
    qtbot, viewer, dock, files, monkeypatch, capsys
):
    def on_the_command_line():
        arguments = ["xrf-denoise", "denoise", *files[:2], "-o", files[0].parent, "--resume"]
        arguments += ["--method", "pca", "--preset", "fast"]
        monkeypatch.setattr("sys.argv", list(map(str, arguments)))
        with pytest.raises(SystemExit):
            cli.main()
        return capsys.readouterr().out.splitlines()[-1]

    assert on_the_command_line() == "2 done"
    panel = dock(viewer, "Batch denoise")
    drop(panel, files)
    panel.method_box.setCurrentText("pca")
    panel.preset_box.setCurrentText("fast")
    click(qtbot, panel.button)
    wait_for_end(qtbot, panel)
    assert column(panel, STATE) == ["skipped", "skipped", "done"]
    assert on_the_command_line() == "2 already there"


def test_a_folder_gives_its_files_but_no_results(qtbot, batch, files, monkeypatch):
    folder = files[0].parent
    (folder / "notes.docx").write_text("x")
    (folder / "gold_denoised.h5").write_bytes(b"x")
    (folder / "gold_denoised.ome.tif").write_bytes(b"x")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    click(qtbot, batch.folder_button)
    assert column(batch, FILE) == ["gold.h5", "ore.h5", "vase.h5"]
    click(qtbot, batch.folder_button)
    assert column(batch, FILE) == ["gold.h5", "ore.h5", "vase.h5"]


def test_files_come_by_the_button_and_a_cancelled_dialog_changes_nothing(
    qtbot, batch, files, monkeypatch
):
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(files[1])], ""))
    click(qtbot, batch.add_button)
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([], ""))
    click(qtbot, batch.add_button)
    assert column(batch, FILE) == ["ore.h5"]


def test_the_dock_closed_during_a_run_stops_it(qtbot, viewer, batch, files):
    engine = batch.session.make = Engine(hold="gold.h5")
    drop(batch, files)
    click(qtbot, batch.button)
    qtbot.waitUntil(engine.began.is_set)
    job = batch.session.job
    viewer.window.remove_dock_widget(batch)
    assert job.wait(PATIENCE)
    assert not files[0].with_name("gold_denoised.h5").exists()
    viewer.window.add_dock_widget(batch, name="Batch denoise")
    qtbot.waitUntil(lambda: column(batch, STATE) == ["stopped", "waiting", "waiting"])
    batch.session.make = Engine()
    click(qtbot, batch.button)
    wait_for_end(qtbot, batch)
    assert column(batch, STATE) == ["done"] * 3


def test_the_viewer_closed_during_a_run_stops_it(qtbot, make_napari_viewer, dock, files):
    viewer = make_napari_viewer(show=True)
    panel = dock(viewer, "Batch denoise")
    engine = panel.session.make = Engine(hold="gold.h5")
    drop(panel, files)
    click(qtbot, panel.button)
    qtbot.waitUntil(engine.began.is_set)
    viewer.close()
    qtbot.waitUntil(engine.ended.is_set)
    qtbot.waitUntil(lambda: not any(thread.name == "xrf-batch" for thread in threading.enumerate()))


def test_columns_and_fields_have_units_and_tips(batch):
    header = batch.table.horizontalHeader()
    names = [
        header.model().headerData(at, Qt.Orientation.Horizontal) for at in range(header.count())
    ]
    assert names[PROGRESS] == "Progress (%)"
    assert names[GAIN] == "Dose gain (×)"
    for widget in (
        *(batch.add_button, batch.folder_button, batch.remove_button, batch.table),
        *(batch.way_box, batch.method_box, batch.preset_box, batch.model_field),
        *(batch.target_field, batch.suffix_box, batch.overwrite_box, batch.button),
    ):
        assert widget.toolTip()


def test_a_saved_model_denoises_files_for_real(qtbot, viewer, dock, files, small_map, tmp_path):
    trained = xrf.denoise(small_map, method="pca", preset="fast").model
    saved = trained.save(tmp_path / "trained.safetensors")
    panel = dock(viewer, "Batch denoise")
    drop(panel, files[:2])
    panel.way_box.setCurrentIndex(1)
    panel.model_field.setText(str(tmp_path / "no such.safetensors"))
    panel.model_field.editingFinished.emit()
    click(qtbot, panel.button)
    wait_for_end(qtbot, panel)
    assert "no such model file" in panel.outcome_label.text()
    panel.model_field.setText(str(saved))
    panel.model_field.editingFinished.emit()
    click(qtbot, panel.button)
    wait_for_end(qtbot, panel)
    assert column(panel, STATE) == ["done"] * 2
    result = xrf.read(files[0].with_name("gold_denoised.h5"))
    assert result.counts.sum() == pytest.approx(small_map.counts.sum(), rel=0.02)
    assert "batch" in result.metadata["denoising"]


def test_pca_denoises_files_for_real(qtbot, viewer, dock, tmp_path):
    truths, files = [], []
    for seed in (1, 2):
        image, truth = xrf.simulate_map(shape=(12, 10), n_channels=96, seed=seed)
        truths.append(truth)
        files.append(xrf.write(tmp_path / f"map {seed}.h5", image))
    panel = dock(viewer, "Batch denoise")
    drop(panel, files)
    panel.method_box.setCurrentText("pca")
    panel.preset_box.setCurrentText("fast")
    click(qtbot, panel.button)
    wait_for_end(qtbot, panel)
    assert column(panel, STATE) == ["done", "done"]
    for file, truth in zip(files, truths, strict=True):
        raw = xrf.read(file).counts[0]
        result = xrf.read(file.with_name(f"{file.stem}_denoised.h5")).counts[0]
        truth = truth.reshape(raw.shape)
        assert np.mean((result - truth) ** 2) < np.mean((raw - truth) ** 2)


def test_the_share_of_the_batch_counts_files_by_their_bytes():
    assert share_done(()) == 0
    tasks = (
        Task(Path("a.h5"), Path("b.h5"), state="done", size=100, fraction=1.0),
        Task(Path("c.h5"), Path("d.h5"), state="running", size=300, fraction=0.5),
        Task(Path("e.h5"), Path("f.h5"), state="failed", size=100, fraction=0.2),
    )
    assert share_done(tasks) == (100 + 150 + 100) / 500
