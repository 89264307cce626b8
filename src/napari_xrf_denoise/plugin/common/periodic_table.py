"""The periodic table as a widget in which elements are chosen, and a button that opens it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from time import monotonic

from psygnal import Signal
from qtpy.QtCore import QEvent, QObject, QPoint, QSize, Qt
from qtpy.QtGui import QKeyEvent, QResizeEvent
from qtpy.QtWidgets import QFrame, QGridLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.spectroscopy.element_symbols import in_greek
from napari_xrf_denoise.spectroscopy.xray_lines import (
    FAMILIES,
    all_lines,
    line_energy,
    line_group,
    lines,
)

_MAIN = (
    "H . . . . . . . . . . . . . . . . He",
    "Li Be . . . . . . . . . . B C N O F Ne",
    "Na Mg . . . . . . . . . . Al Si P S Cl Ar",
    "K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr",
    "Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe",
    "Cs Ba . Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn",
    "Fr Ra . . . . . . . . . . . . . . . .",
)
_BELOW = (
    ". . La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu .",
    ". . Ac Th Pa U Np Pu Am Cm Bk Cf . . . . . .",
)
PLACES: dict[str, tuple[int, int]] = {
    symbol: (row, column)
    for row, symbols in enumerate((*_MAIN, "", *_BELOW))
    for column, symbol in enumerate(symbols.split())
    if symbol != "."
}
"""Row and column of each element that has lines in the tables; an empty row is above the
lanthanides."""

STEPS: dict[Qt.Key, tuple[int, int]] = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}
TYPING_SECONDS = 1.0
"""Letters that follow each other faster make one symbol."""
NO_LINE = "no strong line in the energy range"


class PeriodicTable(QWidget):
    """Choose elements by mouse or keyboard.

    Arrow keys move, the space bar chooses, typing a symbol goes to it. The table is one stop of the
    Tab key.
    """

    chosen = Signal(tuple)
    """Symbols that are chosen, in the order of their choice, after each click."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chosen: tuple[str, ...] = ()
        self._possible: Mapping[str, str] | None = None
        self._typed, self._typed_at = "", 0.0
        self._font_size = 0
        self._current = "Fe"
        self.buttons: dict[str, QPushButton] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(2, 2, 2, 2)
        grid.setSpacing(1)
        for symbol, (row, column) in PLACES.items():
            button = QPushButton(symbol)
            button.setCheckable(True)
            button.setMinimumSize(14, 14)
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
            button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
            button.setToolTip(symbol)
            button.clicked.connect(self._click)
            button.installEventFilter(self)
            grid.addWidget(button, row, column)
            self.buttons[symbol] = button
        for column in range(18):
            grid.setColumnStretch(column, 1)
        for row in range(len(_MAIN) + 1 + len(_BELOW)):
            grid.setRowStretch(row, 1 if row == len(_MAIN) else 3)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(18 * 15 + 4, 9 * 16)
        self._set_current(self._current)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size at which symbols are easy to read."""
        return QSize(18 * 25, 9 * 25 + 8)

    def set_chosen(self, symbols: Iterable[str]) -> None:
        """Show these elements as chosen; `chosen` is not emitted."""
        self._chosen = tuple(symbols)
        self._show()

    def set_possible(self, possible: Mapping[str, str] | None) -> None:
        """Grey out all but the chosen elements and `possible`, with their tips; None allows all."""
        self._possible = possible
        self._show()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Take the keys of the buttons."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = STEPS.get(Qt.Key(event.key()))
            if step is not None:
                self._move(step)
                return True
            if event.text().isalpha():
                self._type(event.text())
                return True
        if event is not None and event.type() == QEvent.Type.FocusIn:
            self._set_current(watched.text())  # type: ignore[union-attr]  # one of the buttons
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - Qt's name
        """Let the letters grow with the table."""
        super().resizeEvent(event)
        size = max(8, min(14, self.width() // 18 // 2 + 1))
        if size != self._font_size:
            self._font_size = size
            # The theme's buttons have room around their words, which is not there here.
            self.setStyleSheet(
                f"QPushButton {{ padding: 0px; font-size: {size}px; }}"
                "QPushButton:focus { border: 1px solid palette(highlight); }"
            )

    def _click(self) -> None:
        on = [symbol for symbol, button in self.buttons.items() if button.isChecked()]
        kept = [symbol for symbol in self._chosen if symbol in on]
        self._chosen = (*kept, *(symbol for symbol in on if symbol not in kept))
        self._show()
        self.chosen.emit(self._chosen)

    def _show(self) -> None:
        for symbol, button in self.buttons.items():
            is_possible = self._possible is None or symbol in self._possible
            button.setChecked(symbol in self._chosen)
            button.setEnabled(is_possible or symbol in self._chosen)
            tip = (self._possible or {}).get(symbol, symbol)
            button.setToolTip(tip if is_possible else f"{symbol}: {NO_LINE}")

    def _move(self, step: tuple[int, int]) -> None:
        """Go to the next element in a direction that can be chosen, over gaps and grey ones."""
        row, column = PLACES[self._current]
        ahead = [
            (abs(r - row) + abs(c - column), symbol)
            for symbol, (r, c) in PLACES.items()
            if self.buttons[symbol].isEnabled()
            and (r - row) * step[0] + (c - column) * step[1] > 0
            and (r - row) * step[1] + (c - column) * step[0] == 0
        ]
        if ahead:
            self._go_to(min(ahead)[1])

    def _type(self, letters: str) -> None:
        now = monotonic()
        fresh = letters.capitalize()
        longer = (self._typed + letters).capitalize()
        is_quick = now - self._typed_at < TYPING_SECONDS
        self._typed = longer if is_quick and longer in PLACES else fresh
        self._typed_at = now
        starting = [self._typed, *(s for s in sorted(PLACES) if s.startswith(self._typed))]
        for symbol in starting:
            if symbol in PLACES and self.buttons[symbol].isEnabled():
                self._go_to(symbol)
                return

    def _go_to(self, symbol: str) -> None:
        self._set_current(symbol)
        self.buttons[symbol].setFocus(Qt.FocusReason.OtherFocusReason)

    def _set_current(self, symbol: str) -> None:
        """Make one button the place where Tab enters the table."""
        self.buttons[self._current].setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._current = symbol
        self.buttons[symbol].setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFocusProxy(self.buttons[symbol])


class TableButton(QPushButton):
    """Opens the periodic table over a dock, which is too narrow for it; Esc closes it."""

    chosen = Signal(tuple)
    """Symbols that are chosen, after each click."""

    def __init__(self, state: Callable[[], tuple[Iterable[str], EnergyAxis | None]]) -> None:
        super().__init__("Table…")
        self._state = state
        """Returns the chosen symbols, and the energies whose lines count where they are known."""
        self.popup: QFrame | None = None
        self.setToolTip(
            "Choose elements in the periodic table; those without a line in the energy range (keV) "
            "are greyed out"
        )
        self.clicked.connect(self.open)

    def open(self) -> None:
        """Show the table below the button, and wholly on the screen."""
        if self.popup is None:
            self.popup = QFrame(self, Qt.WindowType.Popup)
            self.popup.setFrameShape(QFrame.Shape.StyledPanel)
            self.table = PeriodicTable()
            self.table.chosen.connect(self._choose)
            layout = QVBoxLayout(self.popup)
            layout.setContentsMargins(4, 4, 4, 4)
            layout.addWidget(self.table)
        symbols, axis = self._state()
        is_known = axis is not None and axis.calibrated
        self.table.set_possible(possible_elements(axis) if axis and is_known else None)
        self.table.set_chosen(symbols)
        size = self.popup.sizeHint()
        corner = self.mapToGlobal(QPoint(self.width() - size.width(), self.height()))
        if (screen := self.screen()) is not None:
            free = screen.availableGeometry()
            corner.setX(max(free.left(), min(corner.x(), free.right() - size.width())))
            corner.setY(max(free.top(), min(corner.y(), free.bottom() - size.height())))
        self.popup.move(corner)
        self.popup.show()
        self.table.setFocus()

    def _choose(self, symbols: tuple[str, ...]) -> None:
        self.chosen.emit(symbols)


GROUPS = ("Ka", "Kb", "La", "Lb", "Lg", "Ma", "Mb")
"""Groups of lines that tips list; the others are weak."""


def element_tip(element: str) -> str:
    """Return an element's name, atomic number and lines, one fact a line.

    >>> print(element_tip("Al"))
    aluminum, Z = 13
    Kα 1.486 keV
    Kβ 1.557 keV
    Lβ 0.116 keV
    """
    import xraydb

    number = xraydb.atomic_number(element)
    found = {line_group(line.name) for line in lines(element) if line.intensity > 0}
    listed = [
        f"{in_greek(group)} {line_energy(element, group):.3f} keV"
        for group in GROUPS
        if group in found
    ]
    return "\n".join([f"{xraydb.atomic_name(element)}, Z = {number}", *listed])


def possible_elements(
    energy_axis: EnergyAxis, families: Iterable[str] = FAMILIES
) -> dict[str, str]:
    """Return symbols and tips of the elements with a strong line within an energy axis.

    Strong lines have at least a tenth of their family's photons. Without a calibration no element
    is possible.

    >>> "U" in possible_elements(EnergyAxis(0.0, 0.01, 2048), "K")
    False
    """
    if not energy_axis.calibrated:
        return {}
    wanted = tuple(families)
    low, high = energy_axis.centers[0], energy_axis.centers[-1]
    found = {
        line.element
        for line in all_lines()
        if line.family in wanted and line.intensity >= 0.1 and low < line.energy < high
    }
    return {element: element_tip(element) for element in sorted(found)}
