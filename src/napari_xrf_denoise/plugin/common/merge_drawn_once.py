"""Many changes of a widget that Qt draws together, or after what asked for them.

Whatever is drawn anew, Qt puts the whole window with napari's picture together again: about 25 ms
of two processors where no graphics card does it. A progress bar asks for that at once, a label
with other words twice more.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from weakref import ref

from qtpy.QtCore import QCoreApplication, QEvent, QTimer
from qtpy.QtWidgets import QWidget

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
