"""Saves the spectra of the plot as a table, or the plot as a picture."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QBuffer, QIODevice, QPoint, QRect
from qtpy.QtGui import QColor, QImage, QPainter
from qtpy.QtWidgets import QWidget

from napari_xrf_denoise.core.atomic_write import replacing
from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import in_words
from napari_xrf_denoise.io.text.spectra_columns import deviation_name, write_spectra
from napari_xrf_denoise.plugin.common.widgets import ask_save

from .layer_spectra import Curve
from .plot import SpectrumPlot

if TYPE_CHECKING:
    from qtpy.QtSvg import QSvgGenerator

PNG_SCALE = 3
"""Pixels of the picture for one of the screen: sharp in a report."""


def write_picture(path: str | Path, plot: SpectrumPlot, *, overwrite: bool = False) -> None:
    """Write a plot and its legend as they are shown, as SVG if the name ends so, else as PNG.

    pyqtgraph's own exporters are not used: with Qt 6.11 the one for SVG fails on filled curves
    (pyqtgraph issue 3495), and both leave out a legend that stands above the plot.
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
    painter.fillRect(plot.rect(), QColor(plot.colors.background))
    plot.render(painter, QPoint())
    painter.end()


def table_of(
    curves: Sequence[Curve],
) -> tuple[dict[str, NDArray[np.float64]], dict[str, EnergyAxis]]:
    """Return spectra and, where they are known, their errors by name, and the energies of each.

    Curves of one name get numbers: pins may repeat the pixel under the mouse.
    """
    spectra: dict[str, NDArray[np.float64]] = {}
    energies: dict[str, EnergyAxis] = {}
    for curve in curves:
        number, name = 1, curve.label
        while name in spectra:
            number += 1
            name = f"{curve.label} [{number}]"
        spectra[name], energies[name] = curve.counts, curve.axis
        if curve.error is not None:
            error = deviation_name(name, curve.error_kind)
            spectra[error], energies[error] = curve.error, curve.axis
    return spectra, energies


KINDS = {
    ".csv": "Table of the spectra",
    ".png": "Picture of the plot",
    ".svg": "Drawing of the plot",
}


def ask_and_save(parent: QWidget, plot: SpectrumPlot, curves: Sequence[Curve]) -> str:
    """Ask for a file and write the curves of the plot to it; return the outcome in words."""
    path = ask_save(parent, "Save the spectra", "spectra", KINDS)
    if path is None:
        return ""
    try:
        if path.suffix.lower() == ".csv":
            write_spectra(path, *table_of(curves), overwrite=True)
        else:
            write_picture(path, plot, overwrite=True)
    except OSError as error:
        return in_words(error)
    return f"Saved {path.name}"
