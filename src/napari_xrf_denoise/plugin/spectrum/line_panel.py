"""Marks in a spectrum: lines of elements, peaks, sums; and the identification of a peak."""

from __future__ import annotations

from functools import partial
from typing import Any

from psygnal import Signal
from qtpy.QtCore import QSignalBlocker, Qt, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QFlowLayout

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import SettingsError
from napari_xrf_denoise.plugin.common.jobs import Latest
from napari_xrf_denoise.plugin.common.periodic_table import TableButton
from napari_xrf_denoise.plugin.common.plots import PlotColors
from napari_xrf_denoise.plugin.common.widgets import (
    check_box,
    column,
    number_field,
    row,
    show_checked,
    show_number,
    show_words,
    words_label,
)
from napari_xrf_denoise.spectroscopy.element_symbols import LA_TIP, parse_elements
from napari_xrf_denoise.spectroscopy.xray_lines import FAMILIES

from .layer_spectra import Curve
from .line_model import Answer, LineModel, Mark, read_tables
from .marks import mark_color

SEARCH_MS = 300
"""How long a spectrum must stay before its peaks are searched."""
POLL_MS = 50
"""Time between two looks at tables that are being read."""
LIST_LINES = 5
FAMILY_TIPS = {
    "K": "K lines: the strongest of light and middle elements",
    "L": "L lines: of heavy elements, from about 30 (zinc) on above 1 keV",
    "M": "M lines: of the heaviest elements, below 3.5 keV",
}


class LinePanel(QWidget):
    """Choose the marks, in the colours of a theme; `marks_changed` hands them to the plot."""

    marks_changed = Signal(tuple)
    """Marks to draw, each a `Mark`."""
    zoom_wanted = Signal(float, float)
    """Lowest and highest energy to show, in keV."""

    def __init__(self, colors: PlotColors | None = None) -> None:
        super().__init__()
        self.model = LineModel()
        self._colors = colors
        self._curve: Curve | None = None
        self._searched: Curve | None = None
        self._marks: tuple[Mark, ...] = ()
        self._chips: list[QToolButton] = []
        self._shown_chosen: tuple[tuple[str, ...], PlotColors | None] = ((), None)
        self._answers: tuple[Answer, ...] = ()
        self._tables = Latest("xrf-line-tables")
        self._search_timer = QTimer(self)
        self._search_timer.setSingleShot(True)
        self._search_timer.timeout.connect(self._search)
        self._poll_timer = QTimer(self)
        self._poll_timer.setInterval(POLL_MS)
        self._poll_timer.timeout.connect(self._poll)
        self._build()
        self._connect()
        self._show()

    def set_spectrum(self, curve: Curve | None) -> None:
        """Take the spectrum that is drawn; its peaks are searched when it stays a while.

        Without one everything stays as it is, so that marks do not flicker at the picture's edge.
        """
        if curve is None or curve is self._curve:
            return
        self._curve = curve
        if curve.axis is not self.model.axis:
            # Peaks of other energies would stand in empty places.
            self.model.peaks = ()
            self.model.axis = curve.axis
        self._want_peaks()

    def set_colors(self, colors: PlotColors) -> None:
        """Mark elements in the colours of a theme."""
        self._colors = colors
        self._show()

    def ask(self, energy: float) -> None:
        """List the elements with a line at an energy in keV."""
        self.model.asked = energy

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - Qt's name
        """Read the tables of lines when they are first needed."""
        super().showEvent(event)
        if not self.model.is_ready:
            self._tables.want("lines", lambda *_: read_tables())
            self._poll_timer.start()

    def _build(self) -> None:
        self.chip_box = QWidget()
        self._chip_row = QFlowLayout(self.chip_box)
        self._chip_row.setContentsMargins(0, 0, 0, 0)
        self.words = words_label("About the marks")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._element_row())
        layout.addWidget(self.chip_box)
        layout.addLayout(self._family_row())
        layout.addLayout(self._peak_rows())
        layout.addLayout(self._energy_row())
        layout.addWidget(self._answer_list())
        layout.addWidget(self.words)

    def _element_row(self) -> QHBoxLayout:
        self.field = QLineEdit()
        self.field.setPlaceholderText("Fe, Cu, Pb")
        self.field.setToolTip(
            "Symbols of the elements to mark; press Enter to apply. Select the families of lines "
            f"below; a line behind a symbol is ignored here.\n{LA_TIP}"
        )
        self.field.setClearButtonEnabled(True)
        self.table_button = TableButton(partial(_table_state, self.model))
        return row((self.field, 1), self.table_button)

    def _family_row(self) -> QHBoxLayout:
        self.family_boxes: dict[str, QCheckBox] = {
            family: check_box(family, f"{FAMILY_TIPS[family]}. Heights are relative intensities.")
            for family in FAMILIES
        }
        families = row(QLabel("Lines"), *self.family_boxes.values())
        families.addStretch(1)
        return families

    def _peak_rows(self) -> QVBoxLayout:
        self.peaks_box = check_box(
            "Find peaks",
            "Mark peaks shaped like lines that exceed 4 standard deviations.\n"
            "Names are suggestions, given if the element's second line is present as well;\n"
            "other peaks are labelled with their energy in keV.",
        )
        self.artifacts_box = check_box(
            "Sum and escape peaks",
            "Mark, in keV, where the strongest peaks pile up (the sum of two energies), and where "
            "a silicon photon escapes (the energy less 1.740 keV)",
        )
        return column(self.peaks_box, self.artifacts_box)

    def _energy_row(self) -> QHBoxLayout:
        self.energy_field: QDoubleSpinBox = number_field(
            "List the elements with a line at this energy, in keV. Clicking a peak fills it in."
        )
        self.energy_field.setRange(0.0, 1000.0)
        self.energy_field.setSingleStep(0.01)
        self.energy_field.setSuffix(" keV")
        return row(QLabel("Identify line at"), (self.energy_field, 1))

    def _answer_list(self) -> QListWidget:
        self.answer_list = QListWidget()
        self.answer_list.setToolTip(
            "Lines at that energy, the most plausible first: energy in keV and share of the "
            "photons of its family. Click one to mark all lines of its element."
        )
        height = LIST_LINES * (self.answer_list.fontMetrics().lineSpacing() + 4) + 6
        self.answer_list.setFixedHeight(height)
        return self.answer_list

    def _connect(self) -> None:
        model = self.model
        model.events.connect(self._changed, check_nargs=False)
        self.field.editingFinished.connect(self._take_field)
        self.field.textChanged.connect(self._take_cleared)
        self.table_button.chosen.connect(self._take_chosen)
        for family, box in self.family_boxes.items():
            box.toggled.connect(partial(model.show_family, family))
        self.peaks_box.toggled.connect(partial(setattr, model, "shows_peaks"))
        self.artifacts_box.toggled.connect(partial(setattr, model, "shows_artifacts"))
        self.energy_field.valueChanged.connect(partial(setattr, model, "asked"))
        self.answer_list.itemClicked.connect(self._take_answer)
        self.answer_list.itemActivated.connect(self._take_answer)

    def _changed(self, *_: Any) -> None:
        self._want_peaks()
        self._show()

    def _want_peaks(self) -> None:
        model = self.model
        if model.needs_peaks and model.is_ready and self._curve is not self._searched:
            self._search_timer.start(SEARCH_MS)

    def _search(self) -> None:
        if self._curve is not None:
            self._searched = self._curve
            self.model.search(self._curve)

    def _poll(self) -> None:
        if not self._tables.poll():
            return
        self._poll_timer.stop()
        if self._tables.error is not None:
            self.model.problem = f"The tables of lines cannot be read: {self._tables.error}"
        self.model.is_ready = self._tables.error is None

    def _take_field(self) -> None:
        try:
            chosen = tuple(dict.fromkeys(name for name, _ in parse_elements(self.field.text())))
        except SettingsError as error:
            self.model.typed_problem = str(error)
            return
        self.model.typed_problem = ""
        self.model.chosen = chosen

    def _take_cleared(self, text: str) -> None:
        if not text:
            self._take_field()

    def _take_answer(self, item: QListWidgetItem) -> None:
        element = item.data(Qt.ItemDataRole.UserRole)
        if element:
            self.model.add(element)

    def _take_chosen(self, symbols: tuple[str, ...]) -> None:
        self.model.typed_problem = ""
        self.model.chosen = symbols

    def _zoom(self, element: str, _: bool = False) -> None:
        limits = self.model.zoom(element)
        if limits is not None:
            self.zoom_wanted.emit(*limits)

    def _show(self) -> None:
        model = self.model
        self._show_chosen()
        for family, box in self.family_boxes.items():
            show_checked(box, family in model.families)
        show_checked(self.peaks_box, model.shows_peaks)
        show_checked(self.artifacts_box, model.shows_artifacts)
        self._show_answers()
        show_words(self.words, model.words())
        marks = model.marks()
        if marks != self._marks:
            self._marks = marks
            self.marks_changed.emit(marks)

    def _show_chosen(self) -> None:
        """Show the chosen elements as text, and as buttons in the colours of their marks."""
        wanted = (self.model.chosen, self._colors)
        self.chip_box.setVisible(bool(self.model.chosen))
        if wanted == self._shown_chosen:
            return
        self._shown_chosen = wanted
        # Only now: text with a mistake stays to be corrected.
        with QSignalBlocker(self.field):
            self.field.setText(", ".join(self.model.chosen))
        for chip in self._chips:
            self._chip_row.removeWidget(chip)
            chip.deleteLater()
        self._chips = []
        before: QWidget = self.table_button
        for number, element in enumerate(self.model.chosen):
            chip = QToolButton()
            chip.setText(element)
            chip.setToolTip(f"Zoom to the lines of {element}")
            if self._colors is not None:
                color = mark_color(self._colors, Mark(0.0, 1.0, "", "line", number))
                chip.setStyleSheet(
                    f"QToolButton {{ color: {color}; border: 1px solid {color};"
                    " border-radius: 3px; padding: 1px 5px; }"
                )
            chip.clicked.connect(partial(self._zoom, element))
            self._chip_row.addWidget(chip)
            self._chips.append(chip)
            QWidget.setTabOrder(before, chip)
            before = chip

    def _show_answers(self) -> None:
        show_number(self.energy_field, self.model.asked or 0.0)
        answers = self.model.answers()
        self.answer_list.setVisible(bool(answers))
        if answers == self._answers:
            return
        self._answers = answers
        self.answer_list.clear()
        for answer in answers:
            item = QListWidgetItem(answer.text)
            item.setData(Qt.ItemDataRole.UserRole, answer.element)
            self.answer_list.addItem(item)


def _table_state(model: LineModel) -> tuple[tuple[str, ...], EnergyAxis | None]:
    return model.chosen, model.axis if model.is_ready else None
