"""The periodic table as a widget in which elements are chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from time import monotonic

from psygnal import Signal
from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtGui import QKeyEvent, QResizeEvent
from qtpy.QtWidgets import QGridLayout, QPushButton, QSizePolicy, QWidget

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import SettingsError
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
NO_LINE = "No strong line within the energy axis"


class PeriodicTable(QWidget):
    """Choose elements by mouse or keyboard.

    Arrow keys move, the space bar chooses, typing a symbol goes to it. The table is one stop of the
    Tab key.

    Parameters
    ----------
    parent : QWidget, optional
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
        """Grey out the elements that are not in `possible`, unless they are chosen.

        Parameters
        ----------
        possible : mapping of str to str, or None
            Symbols and their tips; None allows all.
        """
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


GROUPS = ("Ka", "Kb", "La", "Lb", "Lg", "Ma", "Mb")
"""Groups of lines that are told; the others are weak."""


def element_tip(element: str) -> str:
    """Return an element's name, atomic number and lines, one fact a line.

    Parameters
    ----------
    element : str
        Symbol.

    Examples
    --------
    >>> print(element_tip("Al"))
    aluminum, Z = 13
    Ka 1.486 keV
    Kb 1.557 keV
    Lb 0.116 keV
    """
    import xraydb

    number = xraydb.atomic_number(element)
    found = {line_group(line.name) for line in lines(element) if line.intensity > 0}
    reported = [
        f"{group} {line_energy(element, group):.3f} keV" for group in GROUPS if group in found
    ]
    return "\n".join([f"{xraydb.atomic_name(element)}, Z = {number}", *reported])


def possible_elements(
    energy_axis: EnergyAxis, families: Iterable[str] = FAMILIES
) -> dict[str, str]:
    """Return the elements that have a line within an energy axis, each with its tip.

    Parameters
    ----------
    energy_axis : EnergyAxis
        Without a calibration no element is possible.
    families : iterable of {"K", "L", "M"}
        Which lines to think of.

    Returns
    -------
    dict of str to str
        Symbols and what `element_tip` tells. Of an element's lines the strong ones count, those
        with at least a tenth of their family's photons.

    Examples
    --------
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


def parse_elements(text: str) -> tuple[str, ...]:
    """Return the symbols in a text such as ``"Fe, Cu, Pb"``, each once.

    Raises
    ------
    SettingsError
        If one of them is no element.

    Examples
    --------
    >>> parse_elements("fe, Cu pb;Fe")
    ('Fe', 'Cu', 'Pb')
    """
    words = text.replace(",", " ").replace(";", " ").split()
    symbols = tuple(dict.fromkeys(word.capitalize() for word in words))
    for symbol in symbols:
        try:
            lines(symbol, ())
        except SettingsError:
            raise SettingsError(
                f"{symbol!r} is no element: expected symbols such as Fe, Cu, Pb"
            ) from None
    return symbols
