"""The dock "Compare": raw and denoised counts beside each other, and what denoising took away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QSize, QTimer
from qtpy.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from napari_xrf_denoise.plugin.common.collapsible import ConsoleSnippet
from napari_xrf_denoise.plugin.common.dock import Dock
from napari_xrf_denoise.plugin.common.gain_table import GainTable
from napari_xrf_denoise.plugin.common.plots import PlotColors
from napari_xrf_denoise.plugin.common.spectral_layers import move_slice
from napari_xrf_denoise.plugin.common.widgets import (
    button,
    column,
    form,
    row_in,
    scroll_in,
    short_box,
    show_choices,
    show_words,
    words_label,
)

from .console import python_of
from .model import CompareModel
from .picture_layer import CompareLayer, SameContrast
from .residual_page import ResidualPage
from .session import CompareSession
from .view_page import ViewPage

if TYPE_CHECKING:
    import napari.viewer

DRAW_MS = 20
"""Least time between two pictures, however fast the split or the energy moves."""


class CompareDock(Dock):
    """Choose a raw and a denoised layer, swipe or blink, and see residuals and dose gains."""

    model: CompareModel
    SIZE = QSize(400, 520)

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer, CompareModel())
        self.contrast = SameContrast()
        self.picture = CompareLayer(napari_viewer, self.model, self.contrast)
        self.session = CompareSession(self.model, self._add_layer)
        self._problem = ""
        self._blink_timer = QTimer(self)
        self._blink_timer.timeout.connect(self._blink)
        self._picture_timer = QTimer(self)
        self._picture_timer.setSingleShot(True)
        self._picture_timer.timeout.connect(self._draw_picture)
        self._build()
        self.follow(self.model.events, self.show_model)
        self.follow(napari_viewer.dims.events.point, self._request_picture)
        self.listen()

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Remove the temporary layer with the dock."""
        is_out = event is not None and event.type() == QEvent.Type.ParentChange
        if is_out and self.parent() is None:
            self.model.mode = "off"
            self.picture.remove()
        super().changeEvent(event)

    def leave(self) -> None:
        """Stop the computation, and let go of the contrast."""
        self.session.stop()
        self.contrast.unlink()

    def _build(self) -> None:
        self.before_box = short_box("Layer with the raw counts")
        self.after_box = short_box("Layer with the denoised counts")
        self.problem_label = words_label("Why these layers cannot be compared")
        self.view_page = ViewPage(self.model)
        self.residual_page = ResidualPage(self.model, self.colors)
        self.python = ConsoleSnippet()
        self.pages = QTabWidget()
        for page, title, tip in (
            (self.view_page, "View", "Raw and denoised counts in one picture"),
            (self.residual_page, "Residuals", "Raw minus denoised counts, in standard deviations"),
            (self._build_gains(), "Dose gain", "Dose gain of all counts and of each line"),
        ):
            self.pages.setTabToolTip(self.pages.addTab(page, title), tip)
        boxes = form(("Raw", self.before_box), ("Denoised", self.after_box))
        scroll_in(self, column(boxes, self.problem_label, (self.pages, 1), self.python))
        self.before_box.currentIndexChanged.connect(self._choose_before)
        self.after_box.currentIndexChanged.connect(self._choose_after)
        self.residual_page.button.clicked.connect(self._click)
        self.residual_page.plot.clicked.connect(self._move_slice)

    def _build_gains(self) -> QWidget:
        self.table = GainTable()
        self.gain_words = words_label("How the dose gain was estimated")
        self.copy_button = button(
            "Copy table", "Copy the table as text, for a spreadsheet or a report"
        )
        self.copy_button.clicked.connect(self.table.copy)
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.gain_words)
        layout.addWidget(self.copy_button)
        return page

    def follow_layers(self) -> None:
        """Take over the spectral layers, and that the temporary one was removed."""
        if self.picture.was_removed():
            self.picture.remove_layer()
            self.model.mode = "off"
        self.model.follow(self.layers.spectral())
        self.show_model()

    def _choose_before(self, row: int) -> None:
        if 0 <= row < len(self.model.available):
            self.model.choose(before=self.model.available[row])

    def _choose_after(self, row: int) -> None:
        if 0 <= row < len(self.model.available):
            self.model.choose(after=self.model.available[row])

    def _click(self) -> None:
        if self.model.status != "idle":
            self.session.stop()
            return
        self.residual_page.take_typed()
        self.session.start()
        self.start_polling()

    def poll(self) -> bool:
        """Take over residuals that are computed, and pictures that are read."""
        if self.picture.is_waiting:
            self._draw_picture()
        return self.session.poll() and not self.picture.is_waiting

    def _add_layer(self, data: Any, attributes: Mapping[str, Any]) -> None:
        self.viewer.add_image(data, **attributes)

    def _move_slice(self, energy: float) -> None:
        model = self.model
        axis = model.axis if model.residuals is not None else None
        if axis is not None and model.before in self.viewer.layers:
            move_slice(model.before, axis, self.viewer.dims, energy)

    def _blink(self) -> None:
        if not self.isVisible():
            # Nobody would know how to end it.
            self.model.mode = "off"
            return
        self.model.shows_before = not self.model.shows_before

    def _request_picture(self, event: Any = None) -> None:
        if not self._picture_timer.isActive():
            self._picture_timer.start(DRAW_MS)

    def _draw_picture(self) -> None:
        problem = self.picture.update()
        if problem and self.model.mode != "off":
            self.model.mode = "off"
            self._problem = problem
            self.show_model()
        elif self.picture.is_waiting:
            self.start_polling()

    def set_colors(self, colors: PlotColors) -> None:
        """Draw in the colours of a theme."""
        self.residual_page.plot.set_colors(colors)

    def show_model(self, *_: Any) -> None:
        """Show the model as it is."""
        model = self.model
        problem = model.problem()
        for box, layer in ((self.before_box, model.before), (self.after_box, model.after)):
            show_choices(box, model.names, row_in(model.available, layer))
        show_words(self.problem_label, problem)
        if model.mode != "off":
            self._problem = ""
        self.view_page.show_model(self._problem)
        self.residual_page.show_model()
        self.table.set_rows(model.gains())
        self.copy_button.setEnabled(bool(model.gains()))
        self.gain_words.setText(model.gain_words())
        self.python.show_lines(python_of(model))
        self._show_picture(problem)

    def _show_picture(self, problem: str) -> None:
        model = self.model
        if model.same_contrast and not problem:
            self.contrast.link(model.before, model.after)
        else:
            self.contrast.link()
        if model.mode == "blink":
            interval = round(1000 / model.rate)
            if not self._blink_timer.isActive() or self._blink_timer.interval() != interval:
                self._blink_timer.start(interval)
        else:
            self._blink_timer.stop()
        if model.mode != "off" or self.picture.layer is not None:
            self._request_picture()
