"""A widget of a dock that listens to the viewer only as long as it is part of a window."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QWidget


class DockedWidget(QWidget):
    """Base of the plugin's docks.

    napari takes a closed dock's widget out of the window but does not delete it, and a closed
    window deletes widgets without asking them. In both cases `listen` is undone by `unlisten`.

    Parameters
    ----------
    listen, unlisten : callable
        Must not touch a widget in `unlisten`: it may be gone by then.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._listen: Callable[[], object] = lambda: None
        self._unlisten: Callable[[], object] = lambda: None

    def listen_with(self, listen: Callable[[], object], unlisten: Callable[[], object]) -> None:
        """Listen from now on, and stop when the widget leaves its window or is deleted."""
        self._listen, self._unlisten = listen, unlisten
        self.destroyed.connect(lambda *_: unlisten())
        listen()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Stop listening outside a window, and begin again when put back into one."""
        if event.type() == QEvent.Type.ParentChange:
            if self.parent() is None:
                self._unlisten()
            else:
                self._listen()
        super().changeEvent(event)
