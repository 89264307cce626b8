"""The part of the dock "Element maps" that plots two maps against each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.plugin.common.plots import PlotColors
from napari_xrf_denoise.plugin.common.widgets import (
    button,
    form,
    row_in,
    short_box,
    show_choices,
    words_label,
)
from napari_xrf_denoise.spectroscopy.element_symbols import in_greek

from .scatter_model import HINT, ScatterModel, paired_values
from .scatter_plot import ScatterPlot

NO_MAPS = "Add the maps of two elements first."


class ScatterPage(QWidget):
    """Choose two maps, draw around points, get their pixels as labels."""

    def __init__(self, model: ScatterModel, viewer: Any, colors: PlotColors) -> None:
        super().__init__()
        self._model = model
        self._viewer = viewer
        self._plotted: tuple[Any, ...] = (None, None)
        self._names: tuple[str, ...] = ("", "")
        self._problem = NO_MAPS
        self.x_box = short_box("Map on the horizontal axis, in counts")
        self.y_box = short_box("Map on the vertical axis, in counts")
        self.plot = ScatterPlot(colors)
        self.words = words_label("The selected pixels")
        self.undo_button = button("Undo selection", "Remove the label that was drawn last")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form(("X axis", self.x_box), ("Y axis", self.y_box)))
        layout.addWidget(self.plot, 1)
        layout.addWidget(self.words)
        layout.addWidget(self.undo_button)
        self.x_box.currentIndexChanged.connect(self._choose_x)
        self.y_box.currentIndexChanged.connect(self._choose_y)
        self.plot.drawn.connect(self._select)
        self.undo_button.clicked.connect(self._undo)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - Qt's name
        """Catch up with what happened while this part was folded away."""
        super().showEvent(event)
        self.show_model()

    def show_model(self, *_: Any) -> None:
        """Plot the chosen maps, if this part is seen."""
        if not self.isVisible():
            return
        model = self._model
        for box, layer in ((self.x_box, model.x), (self.y_box, model.y)):
            show_choices(box, model.names, row_in(model.maps, layer))
        self.undo_button.setEnabled(bool(model.outlines))
        self._plot_values()
        self.words.setText(self._problem or model.outcome or HINT)
        self.plot.set_outlines(model.outlines)

    def _plot_values(self) -> None:
        """Plot the values of both maps, unless they are plotted already."""
        model = self._model
        maps = (model.x, model.y)
        data = tuple(None if layer is None else layer.data for layer in maps)
        names = tuple("" if layer is None else _short(layer) for layer in maps)
        if all(names) and names[0] == names[1]:
            names = tuple(
                f"{name}, {_kind(layer)}" for name, layer in zip(names, maps, strict=True)
            )
        is_same = all(new is old for new, old in zip(data, self._plotted, strict=True))
        if is_same and names == self._names:
            return
        self._plotted, self._names, self._problem = data, names, ""
        values = (np.zeros(0), np.zeros(0))
        if model.x is None or model.y is None:
            self._problem = NO_MAPS
        else:
            try:
                values = paired_values(model.x.data, model.y.data)
            except DataError as error:
                self._problem = str(error)
        self.plot.set_values(*values, names)

    def _choose_x(self, row: int) -> None:
        self._model.choose(x=self._model.maps[row])

    def _choose_y(self, row: int) -> None:
        self._model.choose(y=self._model.maps[row])

    def _select(self, outline: list[tuple[float, float]]) -> None:
        self._model.select(outline, self._viewer.add_labels)

    def _undo(self) -> None:
        self._model.undo()


def _short(layer: Any) -> str:
    """Return the line or window of a map, without the name of its source."""
    record = layer.metadata["element_map"]
    return in_greek(str(layer.name).removesuffix(f" of {record.get('source')}"))


def _kind(layer: Any) -> str:
    """Return whether a map is of raw or of denoised counts."""
    return "denoised" if "denoising" in layer.metadata.get("source_metadata", {}) else "raw"
