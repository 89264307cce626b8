"""A widget of a dock that listens to the viewer only as long as it is part of a window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from weakref import ReferenceType, ref

from qtpy.QtCore import QCoreApplication, QEvent, QTimer
from qtpy.QtWidgets import QWidget


class DockedWidget(QWidget):
    """Base of the plugin's docks.

    napari takes a closed dock's widget out of the window but does not delete it, and a closed
    window deletes widgets without asking them. In both cases what `listen_with` began is undone.

    Parameters
    ----------
    parent : QWidget, optional
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._listen: Callable[[], object] = lambda: None
        self._unlisten: Callable[[], object] = lambda: None

    def listen_with(self, listen: Callable[[], object], unlisten: Callable[[], object]) -> None:
        """Listen from now on, and stop when the widget leaves its window or is deleted.

        Parameters
        ----------
        listen, unlisten : callable
            `unlisten` must not touch a widget, which may be gone by then.
        """
        self._listen, self._unlisten = listen, unlisten
        # The signal's connection must not keep the widget of a closed dock alive.
        widget = ref(self)
        self.destroyed.connect(lambda *_: _unlisten(widget))
        listen()

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Stop listening outside a window, and begin again when put back into one."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self.parent() is None:
                self._unlisten()
            else:
                self._listen()
        super().changeEvent(event)


def _unlisten(widget: ReferenceType[DockedWidget]) -> None:
    alive = widget()
    if alive is not None:
        alive._unlisten()


NESTED = 6
"""Layouts within each other: each tells the one around it that it has changed."""
LATER_MS = 10
"""Time in which the window answers to mouse and keys before it is drawn."""


@contextmanager
def repaint_once(widget: QWidget) -> Iterator[None]:
    """Let Qt draw a widget once, after all changes in this block and what they move.

    Parameters
    ----------
    widget : QWidget
        With all that lies in it.
    """
    widget.setUpdatesEnabled(False)
    try:
        yield
        for _ in range(NESTED):
            QCoreApplication.sendPostedEvents(None, int(QEvent.Type.LayoutRequest.value))
    finally:
        widget.setUpdatesEnabled(True)


@contextmanager
def repaint_later(widget: QWidget) -> Iterator[None]:
    """Let Qt draw the window of a widget a moment after this block, and not with its end.

    napari takes 60 to 130 ms to make a layer, and Qt as long to draw it where no graphics card
    does: two short waits instead of a long one.

    Parameters
    ----------
    widget : QWidget
        In napari's main window, or in a dock that floats beside it.
    """
    own = widget.window()
    assert own is not None
    window = own.parentWidget() or own
    window.setUpdatesEnabled(False)
    # A child of the window, so that it goes with it, and without a hold on it.
    timer = QTimer(window)
    timer.setSingleShot(True)
    timer.timeout.connect(partial(_draw, ref(window)))
    timer.timeout.connect(timer.deleteLater)
    try:
        yield
    finally:
        timer.start(LATER_MS)


def _draw(window: ref[QWidget]) -> None:
    if (shown := window()) is not None:
        shown.setUpdatesEnabled(True)
