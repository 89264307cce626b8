"""The dialog that asks for what a file does not state, with a preview of the answer."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from qtpy.QtCore import QSignalBlocker, QSize, QTimer
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QVBoxLayout,
    QWidget,
)

from napari_xrf_denoise.io import StoredArray
from napari_xrf_denoise.io.options import ReadOptions
from napari_xrf_denoise.plugin.common import CALIBRATE
from napari_xrf_denoise.plugin.common.jobs import BackgroundJob
from napari_xrf_denoise.plugin.common.plots import (
    EnergyPlot,
    PicturePreview,
    PlotColors,
    colors_of,
)
from napari_xrf_denoise.plugin.common.sum_spectrum import Preview, preview_of
from napari_xrf_denoise.plugin.common.widgets import words_label

from .questions import Question, suggested_axes

POLL_MS = 30
"""Time between two looks at a preview that is being read."""
NO_GAIN = "unknown (use channels)"
KINDS = {
    "scan": "scans (averaged)",
    "frame": "frames (added up)",
    "detector": "detector elements (added up)",
}
"""What repeats can be, and how a result combines them."""
_ELEMENT = re.compile(r"det|mca|xia|element", re.IGNORECASE)


def ask_in_dialog(question: Question, preset: ReadOptions) -> ReadOptions | None:
    """Ask the user in a dialog that begins with a preset; return None if it was cancelled."""
    dialog = ReadDialog(question, preset, QApplication.activeWindow())
    try:
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        return dialog.answer() if accepted else None
    finally:
        dialog.stop()
        dialog.deleteLater()


class ReadDialog(QDialog):
    """Fields for what the file does not state, and a preview of the current answer."""

    def __init__(
        self, question: Question, preset: ReadOptions, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.question = question
        self._job: BackgroundJob | None = None
        self._shown: tuple[Any, ...] | None = None
        self.setWindowTitle(f"How should {question.source.path.name} be read?")
        self._make_fields()
        self._lay_out(_colors())
        self._fill(preset)
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)
        self.dataset_list.itemSelectionChanged.connect(self._choose_dataset)
        for box in (self.energy_box, self.repeat_box, self.kind_box):
            box.currentIndexChanged.connect(self._changed)
        self.gain_field.valueChanged.connect(self._changed)
        self._changed()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size for small screens."""
        return QSize(900, 560)

    def answer(self) -> ReadOptions:
        """Return the current answer."""
        names = [
            self.question.candidates[self.dataset_list.row(item)].dataset
            for item in self.dataset_list.selectedItems()
        ]
        for field in (self.offset_field, self.gain_field):
            field.interpretText()  # typed, but not yet confirmed
        gain = self.gain_field.value()
        return ReadOptions(
            dataset=None if not any(names) else names[0] if len(names) == 1 else tuple(names),
            energy_axis=self.energy_box.currentData(),
            repeat_axis=self.repeat_box.currentData(),
            energy_offset=self.offset_field.value() if gain > 0 else None,
            energy_gain=gain if gain > 0 else None,
            repeat_kind=self.kind_box.currentData() if self._has_repeats() else None,
        )

    def _has_repeats(self) -> bool:
        several = len(self.dataset_list.selectedItems()) > 1
        return several or self.repeat_box.currentData() is not None

    def stop(self) -> None:
        """Leave a preview unfinished."""
        self._timer.stop()
        if self._job is not None:
            self._job.stop()
            self._job = None

    def done(self, result: int) -> None:
        """Close the dialog."""
        self.stop()
        super().done(result)

    def _make_fields(self) -> None:
        self.dataset_list = QListWidget()
        self.dataset_list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.dataset_list.setToolTip(
            "Arrays in the file, the largest first. Select several of the same shape with Ctrl or "
            "Shift to read them as repeats."
        )
        self.energy_box, self.repeat_box, self.kind_box = QComboBox(), QComboBox(), QComboBox()
        self.energy_box.setToolTip("Axis of the array that is energy (channels)")
        self.repeat_box.setToolTip(
            "Axis with repeats of the same measurement: scans, frames or detector elements"
        )
        for kind, words in KINDS.items():
            self.kind_box.addItem(words, kind)
        self.kind_box.setToolTip(
            "Scans measure the same thing again: the result is their mean. Frames and detector "
            "elements are parts of one measurement: the result is their sum."
        )
        self.offset_field = _kev_field(" keV", -1000.0, 1000.0)
        self.offset_field.setToolTip("Energy of channel 0 in keV; needs the energy per channel")
        self.gain_field = _kev_field(" keV per channel", 0.0, 1000.0)
        self.gain_field.setSpecialValueText(NO_GAIN)
        self.gain_field.setToolTip(
            "Width of a channel in keV. If it is unknown, energies are channel numbers; calibrate "
            f"them later from two lines with {CALIBRATE}."
        )
        self.problem_words = words_label("Why the file cannot be read with these choices")
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)

    def _lay_out(self, colors: PlotColors) -> None:
        reason = words_label(self.question.reason)
        reason.setText(
            f"{self.question.source.path.name} does not state which dataset holds the counts or "
            "which axis is energy. Choose below; the preview updates."
        )
        columns = QHBoxLayout()
        columns.addLayout(self._choices(), 1)
        columns.addLayout(self._preview(colors), 1)
        layout = QVBoxLayout(self)
        layout.addWidget(reason)
        layout.addLayout(columns, 1)
        layout.addWidget(self.buttons)

    def _choices(self) -> QVBoxLayout:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Energy axis", self.energy_box)
        form.addRow("Repeat axis", self.repeat_box)
        form.addRow("Repeats are", self.kind_box)
        form.addRow("Energy of channel 0", self.offset_field)
        form.addRow("Energy per channel", self.gain_field)
        column = QVBoxLayout()
        column.addWidget(QLabel("Dataset"))
        column.addWidget(self.dataset_list, 1)
        column.addLayout(form)
        column.addWidget(self.problem_words)
        return column

    def _preview(self, colors: PlotColors) -> QVBoxLayout:
        self.picture, self.spectrum = PicturePreview(colors), EnergyPlot(colors)
        self.preview_words = words_label("Part of the file that the preview shows")
        column = QVBoxLayout()
        column.addWidget(QLabel("Sum over energy"))
        column.addWidget(self.picture, 1)
        column.addWidget(QLabel("Sum over pixels"))
        column.addWidget(self.spectrum, 1)
        column.addWidget(self.preview_words)
        return column

    def _fill(self, preset: ReadOptions) -> None:
        chosen = {entry.dataset for entry in self.question.chosen(preset)}
        for row, entry in enumerate(self.question.candidates):
            self.dataset_list.addItem(f"{entry.dataset or 'array'}   {_size(entry)}")
            item = self.dataset_list.item(row)
            assert item is not None
            item.setToolTip(item.text())
            item.setSelected(entry.dataset in chosen)
        named = any(entry.dataset for entry in self.question.candidates)
        self.dataset_list.setEnabled(named)
        self._fill_axes(preset.energy_axis, preset.repeat_axis)
        self.kind_box.setCurrentIndex(self.kind_box.findData(preset.repeat_kind or "scan"))
        self.offset_field.setValue(preset.energy_offset or 0.0)
        self.gain_field.setValue(preset.energy_gain or 0.0)

    def _fill_axes(self, energy_axis: int | None, repeat_axis: int | None) -> None:
        entry = self._entry()
        shape = () if entry is None else entry.shape
        with QSignalBlocker(self.energy_box), QSignalBlocker(self.repeat_box):
            self.energy_box.clear()
            self.repeat_box.clear()
            self.repeat_box.addItem("none", None)
            for axis, length in enumerate(shape):
                self.energy_box.addItem(f"axis {axis}, {length} channels", axis)
                self.repeat_box.addItem(f"axis {axis}, {length} repeats", axis)
            self.energy_box.setCurrentIndex(-1 if energy_axis is None else energy_axis)
            self.repeat_box.setCurrentIndex(0 if repeat_axis is None else repeat_axis + 1)

    def _entry(self) -> StoredArray | None:
        items = self.dataset_list.selectedItems()
        return self.question.candidates[self.dataset_list.row(items[0])] if items else None

    def _choose_dataset(self) -> None:
        entry = self._entry()
        if entry is not None and len(entry.shape) != self.energy_box.count():
            self._fill_axes(*suggested_axes(entry.shape))
        elif entry is not None:
            self._fill_axes(self.energy_box.currentData(), self.repeat_box.currentData())
        names = [
            self.question.candidates[self.dataset_list.row(item)].dataset
            for item in self.dataset_list.selectedItems()
        ]
        if len(names) > 1 and all(_ELEMENT.search(name) for name in names):
            with QSignalBlocker(self.kind_box):
                self.kind_box.setCurrentIndex(self.kind_box.findData("detector"))
        self._changed()

    def _changed(self, *_: Any) -> None:
        answer = self.answer()
        problem = self.question.problem(answer)
        self.offset_field.setEnabled(answer.energy_gain is not None)
        self.kind_box.setEnabled(answer.repeat_kind is not None)
        button = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        assert button is not None
        button.setEnabled(not problem)
        chosen = self.question.chosen(answer)
        self.problem_words.setText(problem or _axes_words(chosen[0].shape, answer))
        wanted = (answer.datasets, answer.energy_axis, answer.repeat_axis, bool(problem))
        if wanted != self._shown:
            self._shown = wanted
            self.stop()
            self._show(None, "" if problem else "Reading a part for the preview…")
            if not problem:
                self._start(chosen[0], answer)

    def _start(self, entry: StoredArray, answer: ReadOptions) -> None:
        energy_axis, repeat_axis = answer.energy_axis, answer.repeat_axis
        assert energy_axis is not None

        def look(_: Any, should_stop: Any) -> Preview:
            array, blocks = entry.open()
            return preview_of(
                array, energy_axis, repeat_axis, blocks=blocks, should_stop=should_stop
            )

        self._job = BackgroundJob(look, "xrf-read-preview")
        self._job.start()
        self._timer.start()

    def _poll(self) -> None:
        job = self._job
        if job is None or not job.is_done:
            return
        self._job = None
        self._timer.stop()
        if job.error is not None:
            self._show(None, str(job.error))
        else:
            self._show(job.result, job.result.words)

    def _show(self, preview: Preview | None, words: str) -> None:
        nothing = np.zeros(0)
        self.picture.set_picture(np.zeros((0, 0)) if preview is None else preview.picture)
        self.spectrum.set_spectrum(
            nothing if preview is None else preview.channels,
            nothing if preview is None else preview.spectrum,
        )
        self.preview_words.setText(words)


def _axes_words(shape: tuple[int, ...], answer: ReadOptions) -> str:
    pixels = [a for a in range(len(shape)) if a not in (answer.energy_axis, answer.repeat_axis)]
    named = zip(("y", "x"), pixels, strict=False)
    words = ", ".join(f"{label} is axis {axis} ({shape[axis]})" for label, axis in named)
    return f"Pixels: {words}" if words else "A spectrum without pixels"


def _size(entry: StoredArray) -> str:
    return f"{' × '.join(str(length) for length in entry.shape)}   {entry.dtype}"


def _kev_field(suffix: str, least: float, most: float) -> QDoubleSpinBox:
    field = QDoubleSpinBox()
    field.setDecimals(7)
    field.setRange(least, most)
    field.setSingleStep(0.001)
    field.setSuffix(suffix)
    field.setKeyboardTracking(False)
    return field


def _colors() -> PlotColors:
    from napari import current_viewer
    from napari.settings import get_settings

    viewer = current_viewer()
    return colors_of(get_settings().appearance.theme if viewer is None else viewer.theme)
