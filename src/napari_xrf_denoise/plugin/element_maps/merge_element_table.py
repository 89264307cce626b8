"""A button that opens the periodic table, to choose the elements that are mapped."""

from __future__ import annotations

from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QFrame, QPushButton, QVBoxLayout

from napari_xrf_denoise.core.errors import SettingsError
from napari_xrf_denoise.plugin.common.merge_line_facts import possible_elements
from napari_xrf_denoise.plugin.common.periodic_table import PeriodicTable
from napari_xrf_denoise.spectroscopy.element_symbols import ELEMENTS, parse_elements, with_elements

from .model import ElementModel


class ElementTableButton(QPushButton):
    """Opens the periodic table over the dock, which is too narrow for it; Esc closes it.

    Parameters
    ----------
    model : ElementModel
    """

    def __init__(self, model: ElementModel) -> None:
        super().__init__("Table…")
        self._model = model
        self.setToolTip("Opens the periodic table; elements without a line (keV) are grey in it")
        self.popup = QFrame(self, Qt.WindowType.Popup)
        self.popup.setFrameShape(QFrame.Shape.StyledPanel)
        self.table = PeriodicTable()
        layout = QVBoxLayout(self.popup)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.table)
        self.table.chosen.connect(self._choose)
        self.clicked.connect(self.open)

    def open(self) -> None:
        """Show the table with the elements that are typed, its right end at the button's."""
        model = self._model
        try:
            typed = [element for element, _ in parse_elements(model.elements)]
        except SettingsError:
            typed = []
        if model.axis is not None and model.axis.calibrated and model.knows_lines:
            tips = possible_elements(model.axis)
            self.table.set_possible({name: tip for name, tip in tips.items() if name in ELEMENTS})
        else:
            self.table.set_possible(None)
        self.table.set_chosen(typed)
        size = self.popup.sizeHint()
        corner = self.mapToGlobal(QPoint(self.width() - size.width(), self.height()))
        screen = self.screen()
        if screen is not None:
            corner.setX(max(screen.availableGeometry().left(), corner.x()))
        self.popup.move(corner)
        self.popup.show()
        self.table.setFocus()

    def _choose(self, symbols: tuple[str, ...]) -> None:
        self._model.change(elements=with_elements(self._model.elements, symbols))
