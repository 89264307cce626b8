"""What the docks are built on: a widget that listens only while it is part of a window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import ReferenceType, ref

from psygnal import SignalGroup, SignalInstance
from qtpy.QtCore import QCoreApplication, QEvent, QSize, QTimer
from qtpy.QtWidgets import QWidget

from .plots import PlotColors, colors_of
from .spectral_layers import LayerWatcher

if TYPE_CHECKING:
    import napari.viewer


class Dock(QWidget):
    """Base of the docks: shows a model, follows the viewer, and polls what runs in threads.

    napari takes a closed dock's widget out of the window without deleting it, and a closed window
    deletes widgets without asking them. Both undo what `follow` connected, and call `leave`.
    """

    SIZE: ClassVar[QSize] = QSize(280, 480)
    POLL_MS: ClassVar[int] = 50
    """Time between two calls of `poll`."""

    def __init__(self, viewer: napari.viewer.Viewer, model: Any) -> None:
        super().__init__()
        self.viewer = viewer
        self.model = model
        self.layers = LayerWatcher(viewer.layers, self.follow_layers)
        self._followed: list[tuple[Any, Callable[..., object]]] = []
        self._is_listening = False
        self._poll_timer = QTimer(self)
        self._poll_timer.setInterval(self.POLL_MS)
        self._poll_timer.timeout.connect(self._poll)
        self.follow(viewer.events.theme, self._recolor)
        # The connection must not keep the widget of a closed dock alive.
        self.destroyed.connect(partial(_unlisten, ref(self)))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size that shows the dock's content."""
        return self.SIZE

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Stop listening outside a window, and begin again when put back into one."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self.parent() is None:
                self._unlisten()
            else:
                self.listen()
        super().changeEvent(event)

    def follow(self, signal: Any, slot: Callable[..., object]) -> None:
        """Connect a signal of napari or psygnal from `listen` on, as long as the dock is there."""
        self._followed.append((signal, slot))

    def listen(self) -> None:
        """Begin to follow the viewer; every dock calls this once it is built."""
        if self._is_listening:
            return
        self._is_listening = True
        for signal, slot in self._followed:
            if isinstance(signal, SignalGroup | SignalInstance):
                signal.connect(slot, check_nargs=False)
            else:
                signal.connect(slot)
        self.enter()
        self.layers.start()
        self.show_model()

    def _unlisten(self) -> None:
        if not self._is_listening:
            return
        self._is_listening = False
        # First, since to leave changes the model, and the widget may be gone.
        for signal, slot in self._followed:
            signal.disconnect(slot)
        self.layers.stop()
        self.leave()

    def start_polling(self) -> None:
        """Call `poll` until it returns that nothing is waited for."""
        if not self._poll_timer.isActive():
            self._poll_timer.start()

    def _poll(self) -> None:
        if self.poll():
            self._poll_timer.stop()

    def _recolor(self, event: Any = None) -> None:
        self.set_colors(self.colors)

    @property
    def colors(self) -> PlotColors:
        """The colours of plots in napari's present theme."""
        return colors_of(self.viewer.theme)

    def enter(self) -> None:
        """Begin what lasts as long as the dock is part of a window."""

    def leave(self) -> None:
        """End it; no widget may be touched, since they may be gone."""

    def follow_layers(self) -> None:
        """Take over that spectral layers came, went, moved or changed."""

    def set_colors(self, colors: PlotColors) -> None:
        """Draw in the colours of a theme."""

    def show_model(self, *_: Any) -> None:
        """Show the model as it is."""

    def poll(self) -> bool:
        """Take over what threads have done; return whether nothing is waited for."""
        return True


def _unlisten(widget: ReferenceType[Dock], _: Any = None) -> None:
    alive = widget()
    if alive is not None:
        alive._unlisten()


NESTED = 6
"""Layouts within each other: each notifies the one around it of its change."""
LATER_MS = 10
"""Time in which the window answers to mouse and keys before it is drawn."""


@contextmanager
def repaint_once(widget: QWidget) -> Iterator[None]:
    """Let Qt draw a widget once, after all changes in this block and what they move."""
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
