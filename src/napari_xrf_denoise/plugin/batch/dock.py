"""The dock "Batch denoise": many files, one setting or one saved model."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex, QSignalBlocker, QSize, Qt, QTimer
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_xrf_denoise.batch.record import read_quietly
from napari_xrf_denoise.batch.runner import in_words
from napari_xrf_denoise.core.quantities import about_seconds
from napari_xrf_denoise.denoising.settings import METHOD_TIPS, METHODS, PRESET_TIPS, PRESETS
from napari_xrf_denoise.layers.convert import layer_data
from napari_xrf_denoise.plugin.common.collapsible import Collapsible, ConsoleSnippet
from napari_xrf_denoise.plugin.common.dock import DockedWidget
from napari_xrf_denoise.plugin.common.jobs import BackgroundJob
from napari_xrf_denoise.plugin.common.preferences import preferences
from napari_xrf_denoise.plugin.common.settings_form import SettingsForm
from napari_xrf_denoise.plugin.common.widgets import choice_box, scroll_in, words_label

from .console import python_of
from .model import SUFFIXES, BatchModel, BatchSession, Way
from .table import BatchTable

if TYPE_CHECKING:
    import napari.viewer

POLL_MS = 100
"""Time between two looks at the batch."""
LEAST_TABLE = QSize(220, 120)
WAYS: dict[Way, tuple[str, str]] = {
    "settings": ("a method", "Learns from each file by itself"),
    "model": ("a saved model", "Applies a model that a run on another file has saved"),
}
FORMAT_TIPS = {
    ".h5": "NeXus HDF5, also for PyMca and silx",
    ".hspy": "HyperSpy",
    ".ome.tif": "OME-TIFF",
}


class BatchDock(DockedWidget):
    """Add files, say how to denoise them, start; each row tells what became of its file.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Given by napari.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        user_preferences = preferences()
        self.model = BatchModel(preset=user_preferences.preset)
        self.session = BatchSession(self.model, preferences=user_preferences)
        self._opening: BackgroundJob | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)
        self.setAcceptDrops(True)
        self._build()
        self._connect()
        self._listen_to_model()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size at which all columns can be read."""
        return QSize(600, 560)

    def _build(self) -> None:
        self.add_button = _button("Add files…", "Files with spectra or maps, in any known format")
        self.folder_button = _button("Add folder…", "All files of a folder that may hold counts")
        self.remove_button = _button(
            "Remove", "Takes the selected rows out of the list; the files stay where they are"
        )
        self.table = BatchTable()
        self.table.setMinimumSize(LEAST_TABLE)
        self.table.setToolTip("Double-click a row that is done, or press Enter, to open its result")
        self.way_box = QComboBox()
        for row, (way, (text, tip)) in enumerate(WAYS.items()):
            self.way_box.addItem(text, way)
            self.way_box.setItemData(row, tip, Qt.ItemDataRole.ToolTipRole)
        self.way_box.setToolTip("\n".join(f"{text}: {tip}" for text, tip in WAYS.values()))
        self.method_box = choice_box(METHODS, METHOD_TIPS)
        self.preset_box = choice_box(PRESETS, PRESET_TIPS)
        self.settings_form = SettingsForm()
        tip = "Single settings of the method, where they shall differ from the preset"
        self.advanced = Collapsible("Advanced settings", self.settings_form, tip)
        self.model_field = _path_field("Model that a run has saved (.safetensors)")
        self.model_button = _button("Choose…", "Choose the model file")
        self.way_stack = QStackedWidget()
        self.way_stack.addWidget(_row(self.method_box, self.preset_box))
        self.way_stack.addWidget(_row(self.model_field, self.model_button))
        self.way_stack.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.target_field = _path_field("Folder for the results; it is made when it is missing")
        self.target_button = _button("Choose…", "Choose the folder for the results")
        self.suffix_box = choice_box(SUFFIXES, FORMAT_TIPS)
        self.overwrite_box = QCheckBox("Replace older files")
        self.overwrite_box.setToolTip(
            "Otherwise a file that is there stays, and the row says so. Results of the same file "
            "with the same settings are never computed again."
        )
        self.words = words_label("What will be done, or what is missing")
        self.button = QPushButton("Start")
        self.progress_bar = QProgressBar()
        self.progress_bar.setRange(0, 1000)
        self.progress_bar.setToolTip("Share of the whole batch that is done, in %, by file size")
        self.stage_label = words_label("What is being done, and the time left for all files")
        self.outcome_label = words_label("What came of the batch")
        self.python = ConsoleSnippet()
        self.python.button.toggled.connect(self._show_python)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.addRow("Denoise with", self.way_box)
        form.addRow(self.way_stack)
        form.addRow("Results in", _row(self.target_field, self.target_button))
        form.addRow("Format", self.suffix_box)
        form.addRow(self.overwrite_box)
        layout = QVBoxLayout()
        layout.addWidget(_row(self.add_button, self.folder_button, self.remove_button))
        layout.addWidget(self.table, 1)
        layout.addLayout(form)
        layout.addWidget(self.advanced)
        for widget in (
            self.words,
            self.button,
            self.progress_bar,
            self.stage_label,
            self.outcome_label,
            self.python,
        ):
            layout.addWidget(widget)
        scroll_in(self, layout)

    def _connect(self) -> None:
        model = self.model
        self.add_button.clicked.connect(self._add_files)
        self.folder_button.clicked.connect(self._add_folder)
        self.remove_button.clicked.connect(self._remove)
        self.table.activated.connect(self._open_result)
        self.way_box.currentIndexChanged.connect(self._choose_way)
        for box, name in (
            (self.method_box, "method"),
            (self.preset_box, "preset"),
            (self.suffix_box, "suffix"),
        ):
            box.currentTextChanged.connect(partial(_change, model, name))
        self.overwrite_box.toggled.connect(partial(_change, model, "overwrite"))
        self.settings_form.changed.connect(model.set_up)
        for field in (self.model_field, self.target_field):
            field.editingFinished.connect(self._take_paths)
        self.model_button.clicked.connect(self._choose_model)
        self.target_button.clicked.connect(self._choose_target)
        self.button.clicked.connect(self._click)

    def _listen_to_model(self) -> None:
        # Kept apart from the widget, which may be gone when they are let go.
        model, session, show = self.model, self.session, self._show

        def listen() -> None:
            model.events.connect(show, check_nargs=False, unique=True)
            show()

        def unlisten() -> None:
            session.stop()
            model.events.disconnect(show, missing_ok=True)

        self.listen_with(listen, unlisten)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802 - Qt's name
        """Take files, but not while a batch runs."""
        if event is not None and self.model.status == "idle" and _dropped(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802 - Qt's name
        """Add the files; napari itself would open them."""
        if event is not None and self.model.status == "idle" and _dropped(event):
            event.acceptProposedAction()
            self.model.add(_dropped(event))

    def _add_files(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Files to denoise", self._start_folder())
        self.model.add(map(Path, names))

    def _add_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Folder to denoise", self._start_folder())
        if name:
            self.model.add([Path(name)])

    def _remove(self) -> None:
        self.model.remove(self.table.chosen_rows())

    def _choose_way(self, row: int) -> None:
        self.model.change(way=self.way_box.itemData(row))

    def _choose_model(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, "Saved model", self._start_folder(), "Models (*.safetensors)"
        )
        if name:
            self.model.change(model_file=Path(name))

    def _choose_target(self) -> None:
        name = QFileDialog.getExistingDirectory(
            self, "Folder for the results", self._start_folder()
        )
        if name:
            self.model.change(folder=Path(name))

    def _start_folder(self) -> str:
        return str(self.model.sources[-1].parent) if self.model.sources else ""

    def _take_paths(self) -> None:
        self.model.change(
            model_file=_path(self.model_field.text()), folder=_path(self.target_field.text())
        )

    def _click(self) -> None:
        if self.model.status != "idle":
            self.session.stop()
            return
        self._take_paths()  # typed and not yet confirmed
        self.session.preferences = preferences()
        self.session.start()
        self._timer.start()

    def _poll(self) -> None:
        self.session.poll()
        job = self._opening
        if job is not None and job.is_done:
            self._opening = None
            self._show_result(job)
        if self.model.status == "idle" and self._opening is None:
            self._timer.stop()

    def _open_result(self, index: QModelIndex) -> None:
        task = self.model.tasks[index.row()]
        if not task.has_result or self._opening is not None:
            return
        self._opening = BackgroundJob(lambda *_: read_quietly(task.target), "xrf-opening")
        self.outcome_label.setText(f"Opening {task.target.name}…")
        self.outcome_label.setVisible(True)
        self._opening.start()
        self._timer.start()

    def _show_result(self, job: BackgroundJob) -> None:
        self._show()
        if job.error is not None:
            self.model.outcome_kind = "error"
            self.model.outcome = in_words(job.error, Path("result"))
            return
        from napari_xrf_denoise.plugin.opening.loading import follow

        data, attributes, _ = layer_data(job.result)
        follow(self.viewer)
        self.viewer.add_image(data, **attributes)

    def _show(self, *_: Any) -> None:
        model = self.model
        idle = model.status == "idle"
        self.table.tasks.show_tasks(model.tasks)
        for widget in (
            *(self.add_button, self.folder_button, self.remove_button, self.way_box),
            *(self.way_stack, self.target_field, self.target_button),
            *(self.suffix_box, self.overwrite_box, self.settings_form),
        ):
            widget.setEnabled(idle)
        self._show_choices()
        self._show_settings()
        self.words.setText(model.problem or _plan_words(model))
        self.words.setVisible(idle)
        self.button.setText("Start" if idle else "Stop")
        self.button.setEnabled(not model.problem if idle else model.status == "running")
        self.button.setToolTip(
            "Denoise the files one after the other"
            if idle
            else "End the batch; results that are complete stay, and Start goes on with the rest"
        )
        self.progress_bar.setVisible(not idle)
        self.progress_bar.setValue(round(1000 * model.fraction))
        self.stage_label.setVisible(not idle)
        self.stage_label.setText(_stage(model))
        self.outcome_label.setVisible(idle and bool(model.outcome))
        self.outcome_label.setText(model.outcome)
        self.outcome_label.setProperty("kind", model.outcome_kind)
        self._show_python()

    def _show_settings(self) -> None:
        model = self.model
        settings = model.plan.defaults  # None if method and preset do not go together
        self.advanced.setVisible(model.way == "settings" and settings is not None)
        if settings is not None:
            self.settings_form.show_settings(settings, model.changes.of(settings))
            self.settings_form.tab_after(self.advanced.button)

    def _show_python(self, *_: Any) -> None:
        # There may be thousands of files.
        self.python.show_made(
            lambda: python_of(self.model, preferences()), is_possible=not self.model.problem
        )

    def _show_choices(self) -> None:
        model = self.model
        fields = (
            self.way_box, self.method_box, self.preset_box, self.suffix_box, self.overwrite_box,
        )  # fmt: skip
        blockers = [QSignalBlocker(field) for field in fields]
        row = self.way_box.findData(model.way)
        self.way_box.setCurrentIndex(row)
        self.way_stack.setCurrentIndex(row)
        self.method_box.setCurrentText(model.method)
        self.preset_box.setCurrentText(model.preset)
        self.suffix_box.setCurrentText(model.suffix)
        self.overwrite_box.setChecked(model.overwrite)
        for blocker in blockers:
            blocker.unblock()
        for field, path in (
            (self.model_field, model.model_file),
            (self.target_field, model.folder),
        ):
            if _path(field.text()) != path:
                field.setText("" if path is None else str(path))


def _change(model: BatchModel, name: str, value: Any) -> None:
    model.change(**{name: value})


def _plan_words(model: BatchModel) -> str:
    number = len(model.tasks)
    files = "1 file" if number == 1 else f"{number} files"
    return f"{files}, one after the other. Results: NAME_denoised{model.suffix}."


def _stage(model: BatchModel) -> str:
    ended = sum(task.state in ("done", "skipped", "failed", "stopped") for task in model.tasks)
    running = [task for task in model.tasks if task.state == "running"]
    words = [f"File {min(ended + 1, len(model.tasks))} of {len(model.tasks)}"]
    if running:
        words.append(f"{running[0].source.name}: {running[0].stage}")
    elif ended == 0:
        words.append("loading torch")
    if model.status == "stopping":
        writing = bool(running) and running[0].stage == "writing"
        words.append("stopping when this result is written" if writing else "stopping")
    elif model.seconds_left is not None:
        words.append(f"{about_seconds(model.seconds_left)} left for all")
    return ", ".join(words)


def _dropped(event: QDropEvent) -> list[Path]:
    content = event.mimeData()
    if content is None:
        return []
    return [Path(url.toLocalFile()) for url in content.urls() if url.isLocalFile()]


def _path(text: str) -> Path | None:
    return Path(text.strip()).expanduser() if text.strip() else None


def _row(*widgets: QWidget) -> QWidget:
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget, 1 if isinstance(widget, QLineEdit | QStackedWidget) else 0)
    if not any(isinstance(widget, QLineEdit | QStackedWidget) for widget in widgets):
        layout.addStretch(1)
    return row


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    return button


def _path_field(tip: str) -> QLineEdit:
    field = QLineEdit()
    field.setToolTip(tip)
    field.setMinimumWidth(80)
    return field
