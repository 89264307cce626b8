"""The plot of spectra as a picture in a file: PNG or SVG."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QBuffer, QIODevice, QPoint, QRect
from qtpy.QtGui import QColor, QImage, QPainter

from napari_xrf_denoise.core.atomic_write import replacing

from .plot import SpectrumPlot

if TYPE_CHECKING:
    from qtpy.QtSvg import QSvgGenerator

PNG_SCALE = 3
"""Pixels of the picture for one of the screen: sharp in a report."""


def write_picture(path: str | Path, plot: SpectrumPlot, *, overwrite: bool = False) -> None:
    """Write a plot and its legend as they are shown, as SVG where the name ends so, else as PNG.

    pyqtgraph's own exporters are not used: with Qt 6.11 the one for SVG fails on filled curves
    (pyqtgraph issue 3495), and both leave out a legend that stands above the plot.

    Parameters
    ----------
    path : str or pathlib.Path
    plot : SpectrumPlot
    overwrite : bool
        Whether a file that is there may be replaced.

    Raises
    ------
    FileExistsError
        If there is a file and it may not be replaced.
    OSError
        If the file cannot be written; nothing is left of it then.
    """
    path = Path(path)
    content = _svg(plot) if path.suffix.lower() == ".svg" else _png(plot)
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(content)


def _svg(plot: SpectrumPlot) -> bytes:
    from qtpy.QtSvg import QSvgGenerator

    buffer = QBuffer()
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setSize(plot.size())
    generator.setViewBox(QRect(0, 0, plot.width(), plot.height()))
    generator.setTitle(", ".join(plot.labels()))
    _paint(plot, generator)
    return bytes(buffer.data().data())


def _png(plot: SpectrumPlot) -> bytes:
    image = QImage(plot.size() * PNG_SCALE, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(PNG_SCALE)
    _paint(plot, image)
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not image.save(buffer, "PNG"):
        raise OSError(errno.EIO, "Qt could not make the picture")
    return bytes(buffer.data().data())


def _paint(plot: SpectrumPlot, device: QImage | QSvgGenerator) -> None:
    painter = QPainter(device)
    painter.fillRect(plot.rect(), QColor(plot.background()))
    plot.render(painter, QPoint())
    painter.end()
