"""What is marked in a spectrum: elements' lines, peaks, sums; and which element a peak may be."""

from __future__ import annotations

from functools import partial
from typing import Any

from psygnal import Signal
from qtpy.QtCore import QPoint, QSignalBlocker, Qt, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QFlowLayout

from napari_xrf_denoise.core.errors import SettingsError
from napari_xrf_denoise.plugin.common.jobs import BackgroundJob
from napari_xrf_denoise.plugin.common.periodic_table import PeriodicTable, possible_elements
from napari_xrf_denoise.plugin.common.plots import PlotColors
from napari_xrf_denoise.plugin.common.widgets import words_label
from napari_xrf_denoise.spectroscopy.element_symbols import parse_elements
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
    """Choose what is marked; `marks_changed` tells the plot.

    Parameters
    ----------
    colors : PlotColors, optional
        In which the elements are marked.
    parent : QWidget, optional
    """

    marks_changed = Signal(tuple)
    """Marks to draw, each a `Mark`."""
    zoom_wanted = Signal(float, float)
    """Lowest and highest energy to show, in keV."""

    def __init__(self, colors: PlotColors | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = LineModel()
        self._colors = colors
        self._curve: Curve | None = None
        self._searched: Curve | None = None
        self._marks: tuple[Mark, ...] = ()
        self._chips: list[QToolButton] = []
        self._shown_chosen: tuple[tuple[str, ...], PlotColors | None] = ((), None)
        self._answers: tuple[Answer, ...] = ()
        self._job: BackgroundJob | None = None
        self._popup: QFrame | None = None
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

        Parameters
        ----------
        curve : Curve or None
            Without one everything stays as it is, so that marks do not flicker at the
            picture's edge.
        """
        if curve is None or curve is self._curve:
            return
        self._curve = curve
        if curve.axis is not self.model.axis:
            # Peaks of other energies would stand where there is nothing.
            self.model.peaks = ()
            self.model.axis = curve.axis
        self._want_peaks()

    def set_colors(self, colors: PlotColors) -> None:
        """Mark elements in the colours of a theme."""
        self._colors = colors
        self._show()

    def ask(self, energy: float) -> None:
        """Tell which elements have a line at an energy in keV."""
        self.model.asked = energy

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - Qt's name
        """Read the tables of lines when they are first needed."""
        super().showEvent(event)
        if not self.model.is_ready and self._job is None:
            self._job = BackgroundJob(lambda *_: read_tables(), "xrf-line-tables")
            self._job.start()
            self._poll_timer.start()

    def _build(self) -> None:
        self.field = QLineEdit()
        self.field.setPlaceholderText("Fe, Cu, Pb")
        self.field.setToolTip(
            "Elements whose lines are marked: symbols, Enter to take them over.\n"
            "La is lanthanum here; which lines are marked is chosen below."
        )
        self.field.setClearButtonEnabled(True)
        self.table_button = QPushButton("Table…")
        self.table_button.setToolTip(
            "The periodic table: elements with a line within the energy axis can be chosen"
        )
        chosen = QHBoxLayout()
        chosen.addWidget(self.field, 1)
        chosen.addWidget(self.table_button)
        self.chip_box = QWidget()
        self._chip_row = QFlowLayout(self.chip_box)
        self._chip_row.setContentsMargins(0, 0, 0, 0)
        families = QHBoxLayout()
        self.family_boxes: dict[str, QCheckBox] = {}
        families.addWidget(QLabel("Lines"))
        for family in FAMILIES:
            box = QCheckBox(family)
            box.setToolTip(f"{FAMILY_TIPS[family]}. Heights are relative intensities.")
            families.addWidget(box)
            self.family_boxes[family] = box
        families.addStretch(1)
        self.peaks_box = QCheckBox("Find peaks")
        self.peaks_box.setToolTip(
            "Marks where counts rise as a line does, by at least 4 standard deviations.\n"
            "Names are suggestions: given when the element's second line is there as well;\n"
            "otherwise the energy in keV is told."
        )
        self.artifacts_box = QCheckBox("Sums, escapes")
        self.artifacts_box.setToolTip(
            "Sum and escape peaks, in keV: where the strongest peaks pile up (the sum of two\n"
            "energies), and where silicon's own photon escapes (the energy less 1.740 keV)"
        )
        searches = QHBoxLayout()
        searches.addWidget(self.peaks_box)
        searches.addWidget(self.artifacts_box)
        self.energy_field = QDoubleSpinBox()
        self.energy_field.setRange(0.0, 1000.0)
        self.energy_field.setDecimals(3)
        self.energy_field.setSingleStep(0.01)
        self.energy_field.setSuffix(" keV")
        self.energy_field.setKeyboardTracking(False)
        self.energy_field.setToolTip(
            "Which element has a line at this energy, in keV? A click on a peak asks as well."
        )
        asking = QHBoxLayout()
        asking.addWidget(QLabel("What is at"))
        asking.addWidget(self.energy_field, 1)
        self.answer_list = QListWidget()
        self.answer_list.setToolTip(
            "Lines at that energy, the most plausible first: energy in keV and share of the "
            "photons of its family. Click one to mark all lines of its element."
        )
        height = LIST_LINES * (self.answer_list.fontMetrics().lineSpacing() + 4) + 6
        self.answer_list.setFixedHeight(height)
        self.words = words_label("What is marked")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(chosen)
        layout.addWidget(self.chip_box)
        layout.addLayout(families)
        layout.addLayout(searches)
        layout.addLayout(asking)
        layout.addWidget(self.answer_list)
        layout.addWidget(self.words)

    def _connect(self) -> None:
        model = self.model
        model.events.connect(self._changed, check_nargs=False)
        self.field.editingFinished.connect(self._take_field)
        self.field.textChanged.connect(self._take_cleared)
        self.table_button.clicked.connect(self._open_table)
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
        if self._job is None or not self._job.is_done:
            return
        self._poll_timer.stop()
        if self._job.error is not None:
            self.model.problem = f"The tables of lines cannot be read: {self._job.error}"
        self.model.is_ready = self._job.error is None

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

    def _open_table(self) -> None:
        if self._popup is None:
            self._popup = QFrame(self, Qt.WindowType.Popup)
            self.table = PeriodicTable()
            self.table.chosen.connect(self._take_chosen)
            QVBoxLayout(self._popup).addWidget(self.table)
        axis = self.model.axis
        is_known = axis is not None and axis.calibrated and self.model.is_ready
        self.table.set_possible(possible_elements(axis) if axis and is_known else None)
        self.table.set_chosen(self.model.chosen)
        self._popup.adjustSize()
        self._popup.move(self._place_of(self._popup))
        self._popup.show()
        self.table.setFocus()

    def _place_of(self, popup: QWidget) -> QPoint:
        """Return where a popup goes: below the button, and wholly on the screen."""
        place = self.table_button.mapToGlobal(self.table_button.rect().bottomLeft())
        shown_on = self.screen()
        if shown_on is None:
            return place
        screen = shown_on.availableGeometry()
        return QPoint(
            max(screen.left(), min(place.x(), screen.right() - popup.width())),
            max(screen.top(), min(place.y(), screen.bottom() - popup.height())),
        )

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
            _set_checked(box, family in model.families)
        _set_checked(self.peaks_box, model.shows_peaks)
        _set_checked(self.artifacts_box, model.shows_artifacts)
        self._show_answers()
        self.words.setText(model.words())
        self.words.setVisible(bool(model.words()))
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
        # Only now: what is typed and not understood stays to be mended.
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
        asked = self.model.asked or 0.0
        if abs(self.energy_field.value() - asked) > 5e-4:
            with QSignalBlocker(self.energy_field):
                self.energy_field.setValue(asked)
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


def _set_checked(box: QCheckBox, on: bool) -> None:
    with QSignalBlocker(box):
        box.setChecked(on)
