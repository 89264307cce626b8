"""The dock "Batch denoise": many files, one setting or one saved model."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex, QSignalBlocker, QSize, Qt
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QWidget,
)

from napari_xrf_denoise.batch.task import seconds_left
from napari_xrf_denoise.core.errors import in_words
from napari_xrf_denoise.core.quantities import about_seconds
from napari_xrf_denoise.denoising.settings import METHOD_TIPS, METHODS, PRESET_TIPS, PRESETS
from napari_xrf_denoise.io.api import read_quietly
from napari_xrf_denoise.layers.convert import layer_data
from napari_xrf_denoise.plugin.common.collapsible import Collapsible, ConsoleSnippet
from napari_xrf_denoise.plugin.common.dock import Dock
from napari_xrf_denoise.plugin.common.jobs import Latest
from napari_xrf_denoise.plugin.common.preferences import preferences
from napari_xrf_denoise.plugin.common.settings_form import SettingsForm
from napari_xrf_denoise.plugin.common.widgets import (
    button,
    check_box,
    choice_box,
    column,
    form,
    inside,
    progress_bar,
    row,
    scroll_in,
    show_words,
    words_label,
)

from .console import python_of
from .model import SUFFIXES, BatchModel, Way, share_done
from .session import BatchSession
from .table import BatchTable

if TYPE_CHECKING:
    import napari.viewer

LEAST_TABLE = QSize(220, 120)
WAYS: dict[Way, tuple[str, str]] = {
    "settings": ("training on each file", "Train a new model on each file"),
    "model": ("a saved model", "Apply a model saved by a run on another file"),
}
FORMAT_TIPS = {
    ".h5": "NeXus HDF5, also for PyMca and silx",
    ".hspy": "HyperSpy",
    ".ome.tif": "OME-TIFF",
}


class BatchDock(Dock):
    """Add files, choose how to denoise them, start; each row shows the state of its file."""

    model: BatchModel
    SIZE = QSize(600, 560)
    POLL_MS = 100

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        user_preferences = preferences()
        super().__init__(napari_viewer, BatchModel(preset=user_preferences.preset))
        self.session = BatchSession(self.model, preferences=user_preferences)
        self.opening = Latest("xrf-opening")
        self.setAcceptDrops(True)
        self._build()
        self._connect()
        self.listen()

    def leave(self) -> None:
        """Stop the batch."""
        self.session.stop()

    def _build(self) -> None:
        self.add_button = button("Add files…", "Add files with spectra or maps, in any format")
        self.folder_button = button("Add folder…", "Add all files of a folder that may hold counts")
        self.remove_button = button(
            "Remove", "Remove the selected rows from the list; the files stay where they are"
        )
        self.table = BatchTable()
        self.table.setMinimumSize(LEAST_TABLE)
        self.table.setToolTip("Double-click a finished row, or press Enter, to open its result")
        self.words = words_label("What will be done, or what is missing")
        self.button = QPushButton("Start")
        self.progress_bar = progress_bar("Share of the batch that is done, in %, by file size")
        self.stage_label = words_label("Current step, and the time left for all files")
        self.outcome_label = words_label("Result of the batch")
        self.python = ConsoleSnippet()
        self.python.button.toggled.connect(self._show_python)
        settings = self._build_settings()
        scroll_in(
            self,
            column(
                _stretched(self.add_button, self.folder_button, self.remove_button),
                (self.table, 1),
                settings,
                self.advanced,
                self.words,
                self.button,
                self.progress_bar,
                self.stage_label,
                self.outcome_label,
                self.python,
            ),
        )

    def _build_settings(self) -> QFormLayout:
        self.way_box = QComboBox()
        for number, (way, (text, tip)) in enumerate(WAYS.items()):
            self.way_box.addItem(text, way)
            self.way_box.setItemData(number, tip, Qt.ItemDataRole.ToolTipRole)
        self.way_box.setToolTip("\n".join(f"{text}: {tip}" for text, tip in WAYS.values()))
        self.method_box = choice_box(METHODS, METHOD_TIPS)
        self.preset_box = choice_box(PRESETS, PRESET_TIPS)
        self.settings_form = SettingsForm()
        self.advanced = Collapsible(
            "Advanced settings",
            self.settings_form.native,
            "Override individual settings of the preset",
        )
        self.model_field = _path_field("File of a saved model (.safetensors)")
        self.model_button = button("Choose…", "Choose the model file")
        self.way_stack = QStackedWidget()
        self.way_stack.addWidget(inside(_stretched(self.method_box, self.preset_box)))
        self.way_stack.addWidget(inside(row((self.model_field, 1), self.model_button)))
        self.way_stack.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.target_field = _path_field("Output folder (created if missing)")
        self.target_button = button("Choose…", "Choose the output folder")
        self.suffix_box = choice_box(SUFFIXES, FORMAT_TIPS)
        self.overwrite_box = check_box(
            "Overwrite existing results",
            "Otherwise a file that exists is kept, and its row says so. Results of the same file "
            "with the same settings are never computed again.",
        )
        settings = form(("Denoise by", self.way_box))
        settings.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        settings.addRow(self.way_stack)
        settings.addRow("Output folder", inside(row((self.target_field, 1), self.target_button)))
        settings.addRow("Format", self.suffix_box)
        settings.addRow(self.overwrite_box)
        return settings

    def _connect(self) -> None:
        model = self.model
        self.follow(model.events, self.show_model)
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
        self.settings_form.edited.connect(model.set_up)
        for field in (self.model_field, self.target_field):
            field.editingFinished.connect(self._take_paths)
        self.model_button.clicked.connect(self._choose_model)
        self.target_button.clicked.connect(self._choose_target)
        self.button.clicked.connect(self._click)

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
        names, _ = QFileDialog.getOpenFileNames(self, "Add files", self._start_folder())
        self.model.add(map(Path, names))

    def _add_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Add a folder", self._start_folder())
        if name:
            self.model.add([Path(name)])

    def _remove(self) -> None:
        self.model.remove(self.table.chosen_rows())

    def _choose_way(self, row: int) -> None:
        self.model.change(way=self.way_box.itemData(row))

    def _choose_model(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, "Choose a model", self._start_folder(), "Models (*.safetensors)"
        )
        if name:
            self.model.change(model_file=Path(name))

    def _choose_target(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Output folder", self._start_folder())
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
        self._take_paths()  # typed, but not confirmed yet
        self.session.preferences = preferences()
        self.session.start()
        self.start_polling()

    def poll(self) -> bool:
        """Take over how far the batch is, and a result that was read."""
        is_idle = self.session.poll()
        if self.opening.is_waiting and self.opening.poll():
            self._show_result()
        return is_idle and not self.opening.is_waiting

    def _open_result(self, index: QModelIndex) -> None:
        task = self.model.tasks[index.row()]
        if not task.has_result or self.opening.is_waiting:
            return
        show_words(self.outcome_label, f"Opening {task.target.name}…")
        self.opening.want(task.target, lambda *_: read_quietly(task.target))
        self.start_polling()

    def _show_result(self) -> None:
        result, error = self.opening.result, self.opening.error
        self.opening.forget()
        self.show_model()
        if error is not None:
            self.model.outcome_kind = "error"
            self.model.outcome = in_words(error)
            return
        from napari_xrf_denoise.plugin.opening.loading import follow

        data, attributes, _ = layer_data(result)
        follow(self.viewer)
        self.viewer.add_image(data, **attributes)

    def show_model(self, *_: Any) -> None:
        """Show the model as it is."""
        model = self.model
        idle = model.status == "idle"
        self.table.tasks.show_tasks(model.tasks)
        for widget in (
            *(self.add_button, self.folder_button, self.remove_button, self.way_box),
            *(self.way_stack, self.target_field, self.target_button),
            *(self.suffix_box, self.overwrite_box, self.settings_form.native),
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
            else "Stop the batch. Finished results are kept; Start resumes with the rest."
        )
        self.progress_bar.setVisible(not idle)
        self.progress_bar.setValue(round(1000 * share_done(model.tasks)))
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
        words.append("stopping after this result is written" if writing else "stopping")
    elif (left := seconds_left(model.tasks)) is not None:
        words.append(f"{about_seconds(left)} left for all")
    return ", ".join(words)


def _dropped(event: QDropEvent) -> list[Path]:
    content = event.mimeData()
    if content is None:
        return []
    return [Path(url.toLocalFile()) for url in content.urls() if url.isLocalFile()]


def _path(text: str) -> Path | None:
    return Path(text.strip()).expanduser() if text.strip() else None


def _stretched(*widgets: QWidget) -> QHBoxLayout:
    layout = row(*widgets)
    layout.setSpacing(4)  # so that three buttons fit into a narrow dock
    layout.addStretch(1)
    return layout


def _path_field(tip: str) -> QLineEdit:
    field = QLineEdit()
    field.setToolTip(tip)
    field.setMinimumWidth(80)
    return field
