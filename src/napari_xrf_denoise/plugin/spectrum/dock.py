"""The dock "Spectrum": spectra under the mouse, raw and denoised over each other."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtGui import QFontMetricsF, QPaintEvent, QShowEvent
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_xrf_denoise.plugin.common import OPEN_SAMPLE
from napari_xrf_denoise.plugin.common.collapsible import Collapsible, ConsoleSnippet
from napari_xrf_denoise.plugin.common.dock import DockedWidget
from napari_xrf_denoise.plugin.common.energy_slider import energy_of_slice, move_slice, sliced_layer
from napari_xrf_denoise.plugin.common.layer_watcher import LayerWatcher
from napari_xrf_denoise.plugin.common.plots import colors_of
from napari_xrf_denoise.plugin.common.widgets import scroll_in, words_label

from .console import python_of
from .controls import PinList, SpectrumControls, ZoomRow
from .curves import ShownSpectra, pointed_at
from .export import ask_and_save
from .layer_spectra import Curve, pixel_at
from .line_panel import LinePanel
from .model import SpectrumModel
from .plot import SpectrumPlot
from .regions import Drawings

if TYPE_CHECKING:
    import napari.viewer

DRAW_MS = 25
"""Least time between two drawings: at most 40 a second, however fast the mouse is."""
WAIT_MS = 50
"""Time until the next look at spectra that are being read or added up."""

LEAST_READOUT_LINES, MOST_READOUT_LINES = 3, 6
STILL = 4
"""Pixels that the mouse may move in a click."""
SPACING = 2
"""Pixels between two rows: what they take is missing to the plot."""
READOUT_MARGIN = 12
"""Pixels that napari's style leaves free beside words, both sides together."""
READOUT_PADDING = 8
"""Pixels above and below them."""
READOUT_TIP = "Energy (keV), channel and counts per channel under the mouse"

NO_SPECTRA = f"No visible layer has an energy axis. Open a file of spectra, or {OPEN_SAMPLE}."


class SpectrumDock(DockedWidget):
    """Shows the spectra of all visible spectral layers.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Given by napari.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.model = SpectrumModel()
        self.spectra = ShownSpectra()
        self._curves: list[Curve] = []
        self._pointed: float | None = None
        self._outcome = ""
        self._is_stale = False
        self._drawn_at = 0.0
        self._watch = LayerWatcher(napari_viewer.layers, self._follow_layers)
        self._drawings = Drawings(napari_viewer.layers, self._request)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._draw)
        self._build()
        self._listen_to_viewer()

    def _build(self) -> None:
        self.controls = SpectrumControls(self.model)
        self.plot = SpectrumPlot(colors_of(self.viewer.theme))
        self.plot.pointed.connect(self._point)
        self.plot.sliced.connect(self._move_slice)
        self.plot.viewed.connect(self._take_view)
        self.zoom = ZoomRow()
        self.zoom.typed.connect(self.plot.zoom_to)
        self.zoom.whole_button.clicked.connect(self.plot.show_whole)
        self.readout = QLabel()
        # Above and below the words no free space, as napari's style has it.
        self.readout.setStyleSheet("padding: 0px; margin: 0px 1px;")
        self.readout.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.readout.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.message = words_label("What came of a click, or why something is not shown")
        self.pin_list = PinList(self.model)
        layout = QVBoxLayout()
        layout.setSpacing(SPACING)
        layout.addWidget(self.controls)
        layout.addWidget(self.plot, 1)
        layout.addWidget(self.zoom)
        layout.addWidget(self.readout)
        layout.addWidget(self.message)
        layout.addWidget(self.pin_list)
        layout.addLayout(self._button_row())
        folds = QVBoxLayout()
        folds.setSpacing(0)
        folds.addWidget(self._line_section())
        folds.addWidget(self._python_section())
        layout.addLayout(folds)
        scroll_in(self, layout)
        # Made with the boxes above the plot, it stands below.
        QWidget.setTabOrder(self.remove_button, self.controls.regions_box)
        QWidget.setTabOrder(self.controls.regions_box, self.save_button)

    def _line_section(self) -> Collapsible:
        self.line_tools = LinePanel(colors_of(self.viewer.theme))
        self.line_tools.marks_changed.connect(self.plot.set_marks)
        self.line_tools.zoom_wanted.connect(self.plot.zoom_to)
        self.plot.clicked.connect(self._ask)
        tip = "Mark elements' lines and peaks, and tell what a peak in keV may be"
        self.lines = Collapsible("Lines and peaks", self.line_tools, tip)
        return self.lines

    def _python_section(self) -> ConsoleSnippet:
        self.python = ConsoleSnippet()
        self.python.button.toggled.connect(self._show_python)
        self.line_tools.model.events.connect(self._show_python, check_nargs=False)
        return self.python

    def _take_view(self, low: float, high: float) -> None:
        self.model.view = (low, high)

    def _button_row(self) -> QHBoxLayout:
        self.pin_button = QPushButton("Pin")
        self.pin_button.setToolTip(
            "Keeps the spectra of the pixel that the mouse was over last. The same with "
            "Shift+click on the picture."
        )
        self.pin_button.clicked.connect(self._pin)
        self.remove_button = QPushButton("Remove")
        self.remove_button.setToolTip("Lets the chosen pins go, or the last one")
        self.remove_button.clicked.connect(self.pin_list.remove_chosen)
        self.save_button = QPushButton("Save…")
        self.save_button.setToolTip(
            "Saves what is shown: as a table (CSV, in keV and counts per channel) or a picture "
            "(PNG, SVG)"
        )
        self.save_button.clicked.connect(self._save)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.pin_button)
        row.addWidget(self.remove_button)
        row.addWidget(self.controls.regions_box)
        row.addStretch(1)
        row.addWidget(self.save_button)
        return row

    def _listen_to_viewer(self) -> None:
        # Kept apart from the widget, which may be gone when they are let go.
        viewer, model, watch, spectra = self.viewer, self.model, self._watch, self.spectra
        drawings, changed = self._drawings, self._model_changed
        recolor, slice_moved = self._recolor, self._slice_moved

        def hover(viewer: Any, event: Any) -> None:
            # Beside the pictures the last pixel stays, on the way to a button of the dock, too.
            place, units = tuple(event.position), viewer.dims.units
            shown = [layer for layer in watch.spectral() if layer.visible]
            # A single spectrum is everywhere, and says nothing about where a map ends.
            maps = [layer for layer in shown if {"y", "x"} & set(layer.axis_labels)]
            if any(pixel_at(layer, place, units) is not None for layer in maps or shown):
                model.position = place

        pin = self._pin

        def click(viewer: Any, event: Any) -> Iterator[None]:
            layer = viewer.layers.selection.active
            # While something is drawn or selected, the click belongs to that.
            is_free = layer is None or layer.mode == "pan_zoom"
            if event.button != 1 or "Shift" not in event.modifiers or not is_free:
                return
            start, place = np.array(event.pos), tuple(event.position)
            yield
            while event.type == "mouse_move":
                yield
            if np.abs(np.array(event.pos) - start).max() <= STILL:
                model.position = place
                pin()

        def listen() -> None:
            if hover not in viewer.mouse_move_callbacks:
                viewer.mouse_move_callbacks.append(hover)
                viewer.mouse_drag_callbacks.append(click)
            model.events.connect(changed, unique=True)
            viewer.events.theme.connect(recolor)
            viewer.dims.events.point.connect(slice_moved)
            watch.start()
            drawings.start()
            changed()

        def unlisten() -> None:
            if hover in viewer.mouse_move_callbacks:
                viewer.mouse_move_callbacks.remove(hover)
                viewer.mouse_drag_callbacks.remove(click)
            model.events.disconnect(changed, missing_ok=True)
            viewer.events.theme.disconnect(recolor)
            viewer.dims.events.point.disconnect(slice_moved)
            watch.stop()
            drawings.stop()
            spectra.stop()

        self.listen_with(listen, unlisten)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size at which lines of a spectrum can be told apart."""
        return QSize(360, 560)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - Qt's name
        """Catch up with what happened while the dock was hidden."""
        super().showEvent(event)
        self._request()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Catch up with what happened while the dock was behind another one's tab."""
        super().paintEvent(event)
        if self._is_stale:
            self._request()

    def _follow_layers(self) -> None:
        self.model.follow(self.viewer.layers)
        # At once: behind another tab nothing is drawn, and the counts of gone layers are large.
        self.spectra.keep(self._watch.spectral())
        self._request()

    def _model_changed(self, event: Any = None) -> None:
        name = "" if event is None else event.signal.name
        if name == "view":
            self.zoom.show_view(*self.model.view)
            return
        if name != "position":
            self.controls.show_model()
        self._request()

    def _request(self, *_: Any) -> None:
        if self.isVisible() and not self._timer.isActive():
            # A mouse that begins to move is answered at once, one that goes on at this pace.
            since = 1000 * (monotonic() - self._drawn_at)
            self._timer.start(max(0, round(DRAW_MS - since)))

    def _draw(self) -> None:
        # A dock behind a tab counts as visible for Qt, but no part of it is seen.
        self._is_stale = self.visibleRegion().isEmpty()
        if self._is_stale:
            return
        self._drawn_at = monotonic()
        model = self.model
        self._curves = self.spectra.curves(
            self._watch.spectral(), model, self.viewer.dims.units, self._drawings.known()
        )
        self.plot.set_scale(model.scale)
        self.plot.set_curves(self._curves, errors=model.errors)
        self.zoom.set_unit(by_channel=self.plot.by_channel)
        self.line_tools.set_spectrum(self._searched())
        self._show_pins()
        self._slice_moved()
        self._show_readout()
        self._show_python()
        if self.spectra.is_waiting:
            self._timer.start(WAIT_MS)

    def _searched(self) -> Curve | None:
        """Return the topmost spectrum; of channels where the plot has them, and no lines."""
        counts = [
            curve
            for curve in self._curves
            if curve.kind != "residual" and curve.axis.calibrated != self.plot.by_channel
        ]
        return counts[-1] if counts else None

    def _show_pins(self) -> None:
        colors = {curve.key: self.plot.color(curve) for curve in self._curves}
        self.pin_list.show_pins(
            {
                pin: color
                for pin in self.model.pins
                if (color := colors.get((id(pin.layer), f"pin {pin.words}")))
            }
        )
        has_pins = bool(self.model.pins)
        self.pin_list.setVisible(has_pins)
        self.remove_button.setVisible(has_pins)
        self.save_button.setEnabled(bool(self._curves))

    def _show_python(self, *_: Any) -> None:
        # The mouse moves fast.
        self.python.show_made(
            lambda: python_of(self._curves, self._searched(), self.line_tools.model),
            is_possible=bool(self._curves),
        )

    def _pin(self) -> None:
        position, units = self.model.position, self.viewer.dims.units
        pins = self.spectra.pins_at(self._watch.spectral(), position, units) if position else []
        self._outcome = "" if pins else "Move the mouse over the picture of a layer with spectra."
        self.model.pin(*pins)
        self._show_readout()

    def _save(self) -> None:
        self._outcome = ask_and_save(self, self.plot, self._curves)
        self._show_readout()

    def _recolor(self, event: Any = None) -> None:
        colors = colors_of(self.viewer.theme)
        self.plot.set_colors(colors)
        self.line_tools.set_colors(colors)
        self._request()

    def _sliced(self) -> tuple[Any, Any] | None:
        layer = sliced_layer(self._watch.spectral(), self.viewer.dims)
        axis = None if layer is None else self.spectra.axis(layer)
        return None if axis is None else (layer, axis)

    def _slice_moved(self, event: Any = None) -> None:
        if not self.isVisible():
            return
        found = self._sliced()
        if found is None:
            self.plot.set_slice(None)
        else:
            layer, axis = found
            energy = energy_of_slice(layer, axis, self.viewer.dims)
            self.plot.set_slice(axis.channel(energy) if self.plot.by_channel else energy)

    def _move_slice(self, energy: float) -> None:
        found = self._sliced()
        if found is not None:
            layer, axis = found
            if self.plot.by_channel:
                energy = float(axis.centers[int(np.clip(round(energy), 0, axis.size - 1))])
            move_slice(layer, axis, self.viewer.dims, energy)

    def _ask(self, energy: float) -> None:
        if self._curves and not self.plot.by_channel:
            self.line_tools.ask(energy)

    def _point(self, energy: float) -> None:
        self._pointed = energy
        self._outcome = ""
        self._show_readout()

    def _show_readout(self) -> None:
        words = self._readout_words()
        metrics = self.readout.fontMetrics()
        # As high for the same number of curves, so that the plot does not jump with the mouse.
        number = min(max(LEAST_READOUT_LINES, 1 + len(self._curves)), MOST_READOUT_LINES)
        lines = words.split("\n")
        if len(lines) > number:
            lines[number - 1 :] = ["…"]
        middle, width = Qt.TextElideMode.ElideMiddle, self.readout.width() - READOUT_MARGIN
        text = "\n".join(metrics.elidedText(line, middle, width) for line in lines)
        if text != self.readout.text():
            self.readout.setText(text)
            # As it is drawn: QFontMetrics itself rounds down.
            line = ceil(QFontMetricsF(self.readout.font()).lineSpacing())
            self.readout.setFixedHeight(number * line + READOUT_PADDING)
            self.readout.setToolTip(f"{READOUT_TIP}\n{words}")
        message = self._message()
        self.message.setText(message)
        self.message.setVisible(bool(message))

    def _readout_words(self) -> str:
        if not self._curves:
            waits = self.spectra.is_waiting
            return "Adding up the spectra…" if waits else "Move the mouse over the picture."
        place = self.spectra.place if self.model.extent == "pixel" else ""
        if self._pointed is None:
            return place
        # What is under the mouse first; pins and regions, which are drawn below it, after it.
        pointed = pointed_at(self._pointed, sorted(self._curves, key=lambda curve: curve.is_kept))
        return "   ".join(filter(None, [place, pointed]))

    def _message(self) -> str:
        if not any(layer.visible for layer in self._watch.spectral()):
            return NO_SPECTRA
        return "\n".join(filter(None, [*self.spectra.problems, *self.spectra.notes, self._outcome]))
