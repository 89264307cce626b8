"""The dock "Spectrum": spectra under the mouse, raw and denoised over each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtGui import QFontMetricsF, QPaintEvent, QShowEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from napari_xrf_denoise.plugin.common import OPEN_SAMPLE
from napari_xrf_denoise.plugin.common.collapsible import Collapsible, ConsoleSnippet
from napari_xrf_denoise.plugin.common.dock import Dock
from napari_xrf_denoise.plugin.common.plots import PlotColors
from napari_xrf_denoise.plugin.common.spectral_layers import (
    energy_of_slice,
    move_slice,
    sliced_layer,
)
from napari_xrf_denoise.plugin.common.widgets import (
    button,
    column,
    row,
    scroll_in,
    show_words,
    words_label,
)

from .console import python_of
from .controls import PinList, SpectrumControls, ZoomRow
from .curves import ShownSpectra, pointed_at
from .export import ask_and_save
from .layer_spectra import Curve, pixels_at
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
NO_PIXEL = "Move the mouse over the picture of a layer with spectra."


class SpectrumDock(Dock):
    """Shows the spectra of all visible spectral layers."""

    SIZE = QSize(360, 560)
    model: SpectrumModel

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer, SpectrumModel())
        self.spectra = ShownSpectra()
        self.curves: list[Curve] = []
        self._position: tuple[float, ...] = ()
        self._pointed: float | None = None
        self._outcome = ""
        self._is_stale = False
        self._drawn_at = 0.0
        self._drawings = Drawings(napari_viewer.layers, self._request)
        self._draw_timer = QTimer(self)
        self._draw_timer.setSingleShot(True)
        self._draw_timer.timeout.connect(self._draw)
        self._build()
        self._connect()
        self.listen()

    def enter(self) -> None:
        """Hear the mouse, and watch drawings."""
        self.viewer.mouse_move_callbacks.append(self._hover)
        self.viewer.mouse_drag_callbacks.append(self._click)
        self._drawings.start()

    def leave(self) -> None:
        """Hear nothing more, and leave sums unfinished."""
        self.viewer.mouse_move_callbacks.remove(self._hover)
        self.viewer.mouse_drag_callbacks.remove(self._click)
        self._drawings.stop()
        self.spectra.stop()

    def _build(self) -> None:
        self.controls = SpectrumControls(self.model)
        self.plot = SpectrumPlot(self.colors)
        self.zoom = ZoomRow()
        self.readout = QLabel()
        # Above and below the words no free space, as napari's style has it.
        self.readout.setStyleSheet("padding: 0px; margin: 0px 1px;")
        self.readout.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.readout.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.message = words_label("Messages")
        self.pin_list = PinList(self.model)
        self.line_tools = LinePanel(self.colors)
        self.lines = Collapsible(
            "Lines and peaks",
            self.line_tools,
            "Mark lines of elements and peaks, and identify peaks by their energy (keV)",
        )
        self.python = ConsoleSnippet()
        folds = column(self.lines, self.python)
        folds.setSpacing(0)
        layout = column(
            self.controls,
            (self.plot, 1),
            self.zoom,
            self.readout,
            self.message,
            self.pin_list,
            self._button_row(),
            folds,
        )
        layout.setSpacing(SPACING)
        scroll_in(self, layout)
        # Made with the boxes above the plot, it stands below.
        QWidget.setTabOrder(self.remove_button, self.controls.regions_box)
        QWidget.setTabOrder(self.controls.regions_box, self.save_button)

    def _button_row(self) -> QHBoxLayout:
        self.pin_button = button(
            "Pin",
            "Keep the spectra of the pixel that was last under the mouse. Shift+click on the "
            "picture does the same.",
        )
        self.remove_button = button(
            "Remove", "Remove the selected pins, or the last one if none is selected"
        )
        self.save_button = button(
            "Save…",
            "Save the shown spectra as a table (CSV, in keV and counts per channel) or a picture "
            "(PNG, SVG)",
        )
        left = row(self.pin_button, self.remove_button, self.controls.regions_box)
        left.setSpacing(4)
        left.addStretch(1)
        left.addWidget(self.save_button)
        return left

    def _connect(self) -> None:
        self.follow(self.model.events, self._model_changed)
        self.follow(self.viewer.dims.events.point, self._slice_moved)
        self.plot.pointed.connect(self._point)
        self.plot.sliced.connect(self._move_slice)
        self.plot.viewed.connect(self._take_view)
        self.plot.clicked.connect(self._ask)
        self.zoom.typed.connect(self.plot.zoom_to)
        self.zoom.whole_button.clicked.connect(self.plot.show_whole)
        self.line_tools.marks_changed.connect(self.plot.set_marks)
        self.line_tools.zoom_wanted.connect(self.plot.zoom_to)
        self.line_tools.model.events.connect(self._show_python, check_nargs=False)
        self.python.button.toggled.connect(self._show_python)
        self.pin_button.clicked.connect(self.pin)
        self.remove_button.clicked.connect(self.pin_list.remove_chosen)
        self.save_button.clicked.connect(self._save)

    def _hover(self, viewer: Any, event: Any) -> None:
        self.hover(tuple(event.position))

    def _click(self, viewer: Any, event: Any) -> Iterator[None]:
        """Pin the pixel of a Shift+click, unless something is drawn or selected with it."""
        layer = viewer.layers.selection.active
        is_free = layer is None or layer.mode == "pan_zoom"
        if event.button != 1 or "Shift" not in event.modifiers or not is_free:
            return
        start, place = np.array(event.pos), tuple(event.position)
        yield
        while event.type == "mouse_move":
            yield
        if np.abs(np.array(event.pos) - start).max() <= STILL:
            self.hover(place)
            self.pin()

    def hover(self, position: Sequence[float]) -> None:
        """Take the pixels at a position in the world; beside the pictures the last ones stay."""
        shown = self._visible()
        found = pixels_at(shown, position, self.viewer.dims.units)
        # A single spectrum is everywhere, and says nothing about where a map ends.
        has_map = any({"y", "x"} & set(layer.axis_labels) for layer in shown)
        if any(not has_map or "y" in dict(pixel.place) for pixel in found):
            self._position = tuple(position)
            self.model.hovered = found

    def _visible(self) -> list[Any]:
        return [layer for layer in self.layers.spectral() if layer.visible]

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - Qt's name
        """Catch up with what happened while the dock was hidden."""
        super().showEvent(event)
        self._request()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Catch up with what happened while the dock was behind another one's tab."""
        super().paintEvent(event)
        if self._is_stale:
            self._request()

    def follow_layers(self) -> None:
        """Take over the layers, and their pixels where the mouse was last."""
        self.model.follow(self.viewer.layers)
        if self._position:
            self.model.hovered = pixels_at(self._visible(), self._position, self.viewer.dims.units)
        # At once: behind another tab nothing is drawn, and the counts of gone layers are large.
        self.spectra.keep(self.layers.spectral())
        self._request()

    def _take_view(self, low: float, high: float) -> None:
        self.model.view = (low, high)

    def show_model(self, *_: Any) -> None:
        """Show the model as it is."""
        self.controls.show_model()
        self._request()

    def _model_changed(self, event: Any) -> None:
        name = event.signal.name
        if name == "view":
            self.zoom.show_view(*self.model.view)
        elif name == "hovered":
            self._request()
        else:
            self.show_model()

    def _request(self, *_: Any) -> None:
        if self.isVisible() and not self._draw_timer.isActive():
            # A mouse that begins to move is answered at once, one that goes on at this pace.
            since = 1000 * (monotonic() - self._drawn_at)
            self._draw_timer.start(max(0, round(DRAW_MS - since)))

    def _draw(self) -> None:
        # A dock behind a tab counts as visible for Qt, but no part of it is seen.
        self._is_stale = self.visibleRegion().isEmpty()
        if self._is_stale:
            return
        self._drawn_at = monotonic()
        model = self.model
        self.curves = self.spectra.curves(
            self.layers.spectral(), model, self.viewer.dims.units, self._drawings.known()
        )
        self.plot.set_scale(model.scale)
        self.plot.set_curves(self.curves, errors=model.errors)
        self.zoom.set_unit(by_channel=self.plot.by_channel)
        self.line_tools.set_spectrum(self._searched())
        self._show_pins()
        self._slice_moved()
        self._show_readout()
        self._show_python()
        if self.spectra.is_waiting:
            self._draw_timer.start(WAIT_MS)

    def _searched(self) -> Curve | None:
        """Return the topmost spectrum whose energies the plot has."""
        counts = [
            curve
            for curve in self.curves
            if curve.kind != "residual" and curve.axis.calibrated != self.plot.by_channel
        ]
        return counts[-1] if counts else None

    def _show_pins(self) -> None:
        colors = {curve.key: self.plot.color(curve) for curve in self.curves}
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
        self.save_button.setEnabled(bool(self.curves))

    def _show_python(self, *_: Any) -> None:
        # The mouse moves fast.
        self.python.show_made(
            lambda: python_of(self.curves, self._searched(), self.line_tools.model),
            is_possible=bool(self.curves),
        )

    def pin(self) -> None:
        """Keep the spectra of the pixels that were last under the mouse."""
        self._outcome = "" if self.model.hovered else NO_PIXEL
        self.model.pin(*self.model.hovered)
        self._show_readout()

    def _save(self) -> None:
        self._outcome = ask_and_save(self, self.plot, self.curves)
        self._show_readout()

    def set_colors(self, colors: PlotColors) -> None:
        """Draw in the colours of a theme."""
        self.plot.set_colors(colors)
        self.line_tools.set_colors(colors)
        self._request()

    def _sliced(self) -> tuple[Any, Any] | None:
        layer = sliced_layer(self.layers.spectral(), self.viewer.dims)
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
        if self.curves and not self.plot.by_channel:
            self.line_tools.ask(energy)

    def _point(self, energy: float) -> None:
        self._pointed = energy
        self._outcome = ""
        self._show_readout()

    def _show_readout(self) -> None:
        words = self._readout_words()
        metrics = self.readout.fontMetrics()
        # Of the same height for the same number of curves, so that the plot does not jump.
        number = min(max(LEAST_READOUT_LINES, 1 + len(self.curves)), MOST_READOUT_LINES)
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
        show_words(self.message, self._message())

    def _readout_words(self) -> str:
        if not self.curves:
            waits = self.spectra.is_waiting
            return "Adding up the spectra…" if waits else "Move the mouse over the picture."
        place = self.spectra.place if self.model.extent == "pixel" else ""
        if self._pointed is None:
            return place
        # The pixel under the mouse first; pins and regions, which are drawn below it, after it.
        pointed = pointed_at(self._pointed, sorted(self.curves, key=lambda curve: curve.is_kept))
        return "   ".join(filter(None, [place, pointed]))

    def _message(self) -> str:
        if not any(layer.visible for layer in self.layers.spectral()):
            return NO_SPECTRA
        return "\n".join(filter(None, [*self.spectra.problems, *self.spectra.notes, self._outcome]))
