"""What all plots have in common: pyqtgraph's, without its menu, in the colours of napari's theme.

Pens are one pixel wide and not antialiased: measured 3 to 7 ms an update for two curves of 4,096
channels, and more than a second with antialiasing and wider pens.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QWidget

# After qtpy, so that pyqtgraph takes the Qt that napari runs on.
import pyqtgraph as pg  # isort: skip

from .merge_plot_colors import PlotColors

AXIS_WIDTH = 52
"""Pixels left of a plot, fixed so that it does not jump with the number of digits."""
AXIS_HEIGHT = 36
"""Pixels below a plot, for numbers and the axis label."""


def plain_plot(parent: QWidget, **parts: Any) -> Any:
    """Return a plot widget without a menu, which goes when its parent goes.

    Parameters
    ----------
    parent : QWidget
    **parts
        A view or axes of one's own, as pyqtgraph's PlotWidget takes them.
    """
    plot = pg.PlotWidget(parent=parent, enableMenu=False, **parts)
    # pyqtgraph makes this menu, unused here, without a parent: it would outlive the window.
    menu = plot.getPlotItem().ctrlMenu
    menu.setParent(parent, menu.windowFlags())
    # pyqtgraph lets the axis label stand out a little below the axis.
    plot.getPlotItem().layout.setContentsMargins(2, 4, 4, 8)
    plot.getAxis("left").setWidth(AXIS_WIDTH)
    plot.getAxis("bottom").setHeight(AXIS_HEIGHT)
    for side in ("left", "bottom"):
        plot.getAxis(side).enableAutoSIPrefix(False)
    return plot


def color_plot(plot: Any, colors: PlotColors, left: str, bottom: str) -> None:
    """Draw background, axes and their labels in the colours of a theme."""
    plot.setBackground(colors.background)
    for side, label in (("left", left), ("bottom", bottom)):
        plot.getAxis(side).setPen(colors.text)
        plot.getAxis(side).setTextPen(colors.text)
        plot.setLabel(side, label, color=colors.text)
