"""What a user sees of a dock: what is cut off or has no tip, where Tab goes, what can be read."""

from itertools import pairwise

import pyqtgraph as pg
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSlider,
    QTabBar,
    QToolButton,
    QWidget,
)

CONTROLS = (
    *(QAbstractButton, QAbstractItemView, QAbstractSpinBox, QComboBox, QLineEdit),
    *(QPlainTextEdit, QProgressBar, QSlider),
)


def visible(dock):
    return [widget for widget in dock.findChildren(QWidget) if widget.isVisible()]


def above(widget, dock):
    """Return the widgets that a widget is in, up to the dock."""
    found = []
    while (widget := widget.parentWidget()) is not None and widget is not dock:
        found.append(widget)
    return found


def left_and_right(widget, dock):
    left = widget.mapTo(dock, QPoint(0, 0)).x()
    return left, left + widget.width()


def sticks_out(dock):
    """Return what is wider than the part of the dock that it is seen through."""
    frame = dock.findChild(QScrollArea).viewport()
    found = []
    for widget in visible(frame):
        # What is in a list or a text of lines scrolls by itself.
        if any(isinstance(up, QAbstractItemView | QPlainTextEdit) for up in above(widget, dock)):
            continue
        left, right = left_and_right(widget, frame)
        if left < 0 or right > frame.width():
            words = f"{type(widget).__name__} {widget.toolTip()}"
            found.append(f"{words}: {left} to {right} of {frame.width()}")
    return found


def cut_off(dock):
    """Return the words that do not fit into their widgets."""
    found = []
    for widget in visible(dock):
        if isinstance(widget, QPushButton | QCheckBox) or (
            isinstance(widget, QLabel) and not widget.wordWrap()
        ):
            need = (widget.sizeHint().width(), widget.minimumSizeHint().height())
        elif isinstance(widget, QLabel):
            need = (0, widget.heightForWidth(widget.width()))
        elif isinstance(widget, QToolButton):
            need = (widget.fontMetrics().horizontalAdvance(widget.text()), 0)
        elif isinstance(widget, QAbstractSpinBox):
            words = widget.fontMetrics().horizontalAdvance(widget.text())
            room = widget.findChild(QLineEdit).width()
            need = (widget.width() + words - room, widget.fontMetrics().height())
        elif isinstance(widget, QComboBox):
            need = (0, widget.minimumSizeHint().height())
        else:
            continue
        if widget.width() < need[0] or widget.height() < need[1]:
            text = widget.currentText() if isinstance(widget, QComboBox) else widget.text()
            found.append(f"{type(widget).__name__} {text!r}: {widget.size()}, needs {need}")
    return found


def without_tip(dock):
    """Return the controls that do not say what they are for."""
    found = [
        f"{type(widget).__name__} {widget.property('text')}"
        for widget in visible(dock)
        if isinstance(widget, CONTROLS)
        and not widget.toolTip()
        # A list or a field has one for all that it consists of.
        and not any(up.toolTip() for up in above(widget, dock) if isinstance(up, CONTROLS))
    ]
    for bar in dock.findChildren(QTabBar):
        found += [bar.tabText(tab) for tab in range(bar.count()) if not bar.tabToolTip(tab)]
    return found


def tab_stops(dock):
    """Return where Tab goes in a dock, one after the other."""
    stops, widget = [], dock
    # As far as there are widgets of the dock: with PySide6 the others of the window, once asked
    # for, would outlive it.
    window = dock.window()
    missing = sum(widget.window() is window for widget in dock.findChildren(QWidget))
    while missing:
        widget = widget.nextInFocusChain()
        if not dock.isAncestorOf(widget):
            continue
        missing -= 1
        takes_tab = widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        if takes_tab and widget.isVisible() and widget.isEnabled() and not widget.focusProxy():
            stops.append(widget)
    return stops


def jumps(dock):
    """Return the pairs of tab stops of which the second is above or left of the first."""
    found = []
    for first, second in pairwise(tab_stops(dock)):
        a, b = (widget.mapTo(dock, QPoint(0, 0)) for widget in (first, second))
        is_below = b.y() >= a.y() + first.height() // 2
        is_beside = abs(b.y() - a.y()) < first.height() and b.x() > a.x()
        if not (is_below or is_beside):
            found.append(f"{first.toolTip()} -> {second.toolTip()}")
    return found


def plots(dock):
    return dock.findChildren(pg.PlotWidget)


def faint(plot):
    """Return what of a plot is hard to read: words below 4.5 to 1, curves below 3 to 1.

    These are the limits of the Web Content Accessibility Guidelines (WCAG 2.1, 1.4.3 and 1.4.11).
    """
    behind = plot.backgroundBrush().color()
    inks = []
    for side in ("left", "bottom"):
        axis = plot.getAxis(side)
        if axis.isVisible():
            inks += [(f"numbers {side}", axis.textPen().color(), 4.5)]
            inks += [(f"label {side}", QColor(axis.labelStyle["color"]), 4.5)]
    for item in plot.getPlotItem().items:
        if isinstance(item, pg.PlotDataItem) and item.opts["pen"] is not None:
            inks.append(("curve", pg.mkPen(item.opts["pen"]).color(), 3.0))
        elif isinstance(item, pg.InfiniteLine):
            inks.append(("line", item.pen.color(), 3.0))
    return [
        f"{name} {ink.name()} on {behind.name()}"
        for name, ink, least in inks
        if contrast(ink, behind) < least
    ]


def contrast(first, second):
    """Return the contrast ratio of two colours, as WCAG 2.1 defines it."""
    high, low = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(color):
    linear = [
        value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4
        for value in (color.redF(), color.greenF(), color.blueF())
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def narrow(viewer, dock, width=260):
    """Make a window of 1280 x 800 with a narrow dock, and a bar for scrolling in it."""
    window = viewer.window._qt_window
    window.resize(1280, 800)
    window.resizeDocks([dock.parent()], [width], Qt.Orientation.Horizontal)
    area = dock.findChild(QScrollArea)
    area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
