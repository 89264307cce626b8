"""The dock "Compare": raw and denoised counts beside each other, and what denoising took away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QSignalBlocker, QSize, QTimer
from qtpy.QtWidgets import (
    QFormLayout,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_xrf_denoise.plugin.common.collapsible import ConsoleSnippet
from napari_xrf_denoise.plugin.common.dock import DockedWidget
from napari_xrf_denoise.plugin.common.energy_slider import move_slice
from napari_xrf_denoise.plugin.common.gain_table import GainTable
from napari_xrf_denoise.plugin.common.layer_watcher import LayerWatcher
from napari_xrf_denoise.plugin.common.plots import colors_of
from napari_xrf_denoise.plugin.common.widgets import scroll_in, short_box, words_label

from .console import python_of
from .model import CompareModel
from .picture_layer import CompareLayer, SameContrast
from .residual_page import ResidualPage
from .session import CompareSession
from .view_page import ViewPage

if TYPE_CHECKING:
    import napari.viewer

POLL_MS = 50
"""Time between two looks at residuals that are being computed, or pictures that are being read."""
DRAW_MS = 20
"""Least time between two pictures, however fast the cut or the energy moves."""


class CompareDock(DockedWidget):
    """Choose a raw and a denoised layer, swipe or blink, and see residuals and dose gains.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Given by napari.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.model = CompareModel()
        self.contrast = SameContrast()
        self.picture = CompareLayer(napari_viewer, self.model, self.contrast)
        self.session = CompareSession(self.model, self._add_layer)
        self._watch = LayerWatcher(napari_viewer.layers, self._follow_layers)
        self._problem = ""
        self._poll_timer = self._new_timer(self._poll, POLL_MS)
        self._blink_timer = self._new_timer(self._blink, 1000)
        self._picture_timer = self._new_timer(self._draw_picture, DRAW_MS)
        self._picture_timer.setSingleShot(True)
        self._build()
        self._listen_to_viewer()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size at which the columns of the table are seen."""
        return QSize(400, 520)

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Take the temporary layer away with the dock."""
        is_out = event is not None and event.type() == QEvent.Type.ParentChange
        if is_out and self.parent() is None:
            self.model.mode = "off"
            self.picture.remove()
        super().changeEvent(event)

    def _new_timer(self, call: Any, milliseconds: int) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(milliseconds)
        timer.timeout.connect(call)
        return timer

    def _build(self) -> None:
        self.before_box = short_box("Layer with the raw counts")
        self.after_box = short_box("Layer with the denoised counts")
        self.problem_label = words_label("Why these layers cannot be compared")
        self.view_page = ViewPage(self.model)
        self.residual_page = ResidualPage(self.model, colors_of(self.viewer.theme))
        self.python = ConsoleSnippet()
        self.pages = QTabWidget()
        for page, title, tip in (
            (self.view_page, "View", "Raw and denoised counts in one picture"),
            (self.residual_page, "Residuals", "Raw minus denoised counts, in standard deviations"),
            (self._build_gains(), "Dose gain", "How many times the dose the result is worth"),
        ):
            self.pages.setTabToolTip(self.pages.addTab(page, title), tip)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Before", self.before_box)
        form.addRow("After", self.after_box)
        layout = QVBoxLayout()
        layout.addLayout(form)
        layout.addWidget(self.problem_label)
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.python)
        scroll_in(self, layout)
        self.before_box.currentIndexChanged.connect(self._choose_before)
        self.after_box.currentIndexChanged.connect(self._choose_after)
        self.residual_page.button.clicked.connect(self._click)
        self.residual_page.plot.clicked.connect(self._move_slice)

    def _build_gains(self) -> QWidget:
        self.table = GainTable()
        self.gain_words = words_label("How the dose gain was measured")
        self.copy_button = QPushButton("Copy table")
        self.copy_button.setToolTip("Copies the table as text, for a spreadsheet or a report")
        self.copy_button.clicked.connect(self.table.copy)
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.gain_words)
        layout.addWidget(self.copy_button)
        return page

    def _listen_to_viewer(self) -> None:
        # Kept apart from the widget, which may be gone when they are let go.
        viewer, model, watch, session = self.viewer, self.model, self._watch, self.session
        contrast = self.contrast
        show, recolor, moved = self._show, self._recolor, self._request_picture

        def listen() -> None:
            model.events.connect(show, check_nargs=False, unique=True)
            viewer.events.theme.connect(recolor)
            viewer.dims.events.point.connect(moved)
            watch.start()
            show()

        def unlisten() -> None:
            # First, since to stop changes the model, and the widget may be gone.
            model.events.disconnect(show, missing_ok=True)
            session.stop()
            viewer.events.theme.disconnect(recolor)
            viewer.dims.events.point.disconnect(moved)
            watch.stop()
            contrast.unlink()

        self.listen_with(listen, unlisten)

    def _follow_layers(self) -> None:
        if self.picture.was_removed():
            self.picture.remove_layer()
            self.model.mode = "off"
        self.model.follow(self._watch.spectral())
        self._show()

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
        self._poll_timer.start()

    def _poll(self) -> None:
        self.session.poll()
        if self.model.status == "idle":
            self._poll_timer.stop()

    def _add_layer(self, data: Any, attributes: Mapping[str, Any]) -> None:
        self.viewer.add_image(data, **attributes)

    def _move_slice(self, energy: float) -> None:
        model = self.model
        if model.axis is not None and model.before in self.viewer.layers:
            move_slice(model.before, model.axis, self.viewer.dims, energy)

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
            self._show()
        elif self.picture.is_waiting:
            self._picture_timer.start(POLL_MS)

    def _recolor(self, event: Any = None) -> None:
        self.residual_page.plot.set_colors(colors_of(self.viewer.theme))

    def _show(self, *_: Any) -> None:
        model = self.model
        problem = model.problem()
        for box, layer in ((self.before_box, model.before), (self.after_box, model.after)):
            with QSignalBlocker(box):
                if [box.itemText(row) for row in range(box.count())] != list(model.names):
                    box.clear()
                    box.addItems(model.names)
                row = model.available.index(layer) if layer in model.available else -1
                box.setCurrentIndex(row)
        self.problem_label.setVisible(bool(problem))
        self.problem_label.setText(problem)
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
