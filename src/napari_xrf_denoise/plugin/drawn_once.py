"""Many changes of a widget that Qt draws together.

Whatever is drawn anew, Qt puts the whole window with napari's picture together again: about 25 ms
of two processors where no graphics card does it. A progress bar asks for that at once, a label
with other words twice more.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from qtpy.QtCore import QCoreApplication, QEvent
from qtpy.QtWidgets import QWidget

NESTED = 6
"""Layouts within each other: each tells the one around it that it has changed."""


@contextmanager
def drawn_once(widget: QWidget) -> Iterator[None]:
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
