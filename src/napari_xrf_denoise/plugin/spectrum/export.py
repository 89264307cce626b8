"""Asks where spectra shall be saved, and saves them there."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QBuffer, QIODevice, QPoint, QRect
from qtpy.QtGui import QColor, QImage, QPainter
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_xrf_denoise.core.atomic_write import replacing
from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.io.text.spectra_columns import deviation_name, write_spectra

from .layer_spectra import Curve
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


def table_of(
    curves: Sequence[Curve],
) -> tuple[dict[str, NDArray[np.float64]], dict[str, EnergyAxis]]:
    """Return spectra and, where they are known, their errors by name, and the energies of each.

    Parameters
    ----------
    curves : sequence of Curve
        Curves of one name get numbers: pins may repeat what the mouse shows.

    Returns
    -------
    spectra : dict of str to numpy.ndarray
        Counts per channel, as `napari_xrf_denoise.write_spectra` takes them.
    energies : dict of str to EnergyAxis
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


FILTERS = {
    ".csv": "Table of the spectra (*.csv)",
    ".png": "Picture of the plot (*.png)",
    ".svg": "Drawing of the plot (*.svg)",
}


def ask_and_save(parent: QWidget, plot: SpectrumPlot, curves: Sequence[Curve]) -> str:
    """Ask for a file and write what is drawn to it; return what came of it, in words.

    Parameters
    ----------
    parent : QWidget
        Of the questions.
    plot : SpectrumPlot
    curves : sequence of Curve
        What the plot shows.
    """
    # The question whether to replace is asked here, once the name is complete.
    name, chosen = QFileDialog.getSaveFileName(
        parent,
        "Save the spectra",
        # Without an ending, which would win against the kind of file that is chosen.
        "spectra",
        ";;".join(FILTERS.values()),
        options=QFileDialog.Option.DontConfirmOverwrite,
    )
    if not name:
        return ""
    path = with_suffix(Path(name), chosen)
    if path.exists() and not _may_replace(parent, path):
        return f"{path.name} was left as it is."
    try:
        if path.suffix.lower() == ".csv":
            write_spectra(path, *table_of(curves), overwrite=True)
        else:
            write_picture(path, plot, overwrite=True)
    except OSError as error:
        return error.strerror or str(error)
    return f"Saved {path.name}"


def with_suffix(path: Path, chosen: str) -> Path:
    """Return a path with a known ending: its own, or that of the chosen kind of file.

    Examples
    --------
    >>> with_suffix(Path("spectra"), FILTERS[".png"]).name
    'spectra.png'
    """
    if path.suffix.lower() in FILTERS:
        return path
    suffix = next((end for end, words in FILTERS.items() if words == chosen), ".csv")
    return path.with_name(path.name + suffix)


def _may_replace(parent: QWidget, path: Path) -> bool:
    answer = QMessageBox.question(
        parent,
        "Replace the file?",
        f"{path.name} exists already in {path.parent}. Replace it?",
    )
    return bool(answer == QMessageBox.StandardButton.Yes)
