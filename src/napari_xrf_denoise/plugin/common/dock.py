"""A widget of a dock that listens to the viewer only as long as it is part of a window."""

from __future__ import annotations

from collections.abc import Callable
from weakref import ReferenceType, ref

from qtpy.QtCore import QEvent
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
