"""The mouse over a plot or a picture, once it has come to rest."""

from itertools import pairwise

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QWidget


def settled(qtbot, widget):
    """Wait until nothing of a widget moves any more: a window is laid out in several rounds."""
    before = None
    while before != (before := _places(widget)):
        qtbot.wait(60)


def _places(widget):
    """Return where a widget and all in it stand, and the ranges of its plots."""
    widgets = [widget, *(part for part in widget.findChildren(QWidget) if part.isVisible())]
    places = [(part.mapTo(part.window(), QPoint(0, 0)), part.size()) for part in widgets]
    plots = [part for part in widgets if isinstance(part, pg.PlotWidget)]
    return places, [(plot.viewRange(), plot.getViewBox().sceneBoundingRect()) for plot in plots]


def hover(qtbot, viewer, dx=0, dy=0, pixel_size=5):
    """Move the mouse over the canvas, so far from its middle; return the pixel of the map there."""
    canvas = viewer.window._qt_window._qt_viewer.canvas.native
    place = QPoint(canvas.width() // 2 + dx, canvas.height() // 2 + dy)
    for step in (place - QPoint(3, 3), place):
        qtbot.mouseMove(canvas, step)
        qtbot.wait(20)
    y, x = np.round(np.asarray(viewer.cursor.position[-2:]) / pixel_size).astype(int)
    return int(y), int(x)


def lasso(qtbot, plot, corners):
    """Draw around points of a scatter plot, given in its units."""
    settled(qtbot, plot)
    view = plot.viewport()
    places = [plot.place_of(*corner) for corner in corners]
    qtbot.mouseMove(view, places[0])
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=places[0])
    for before, after in pairwise(places):
        for share in (0.25, 0.5, 0.75, 1.0):
            qtbot.mouseMove(view, before + (after - before) * share)
            # pyqtgraph overlooks what moves more than a hundred times a second.
            qtbot.wait(15)
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=places[-1])
