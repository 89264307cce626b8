"""How the mouse moves about in a plot of spectra."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt

# After qtpy, so that pyqtgraph takes the Qt that napari runs on.
import pyqtgraph as pg  # isort: skip

MOUSE_TIP = (
    "Drag with the left button: zoom to a box.\n"
    "Drag with the middle button, or with Ctrl: move. Scroll: zoom.\n"
    "“Whole”: see everything.\n"
    "Click, or drag the red line: choose the energy (keV) that the map shows."
)


class ZoomBox(pg.ViewBox):  # type: ignore[misc]  # pyqtgraph has no types
    """A view that zooms to a box dragged with the left button, and moves with the middle one."""

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.setAutoVisible(y=True)

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:  # noqa: N802 - pyqtgraph's
        """Zoom or move, by button and key."""
        moves = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        zooms = event.button() == Qt.MouseButton.LeftButton and not moves
        self.state["mouseMode"] = self.RectMode if zooms else self.PanMode
        super().mouseDragEvent(event, axis)
