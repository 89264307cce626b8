"""Asks where spectra shall be saved, and saves them there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_xrf_denoise.io.text.merge_spectra_table import write_spectra

from .layer_spectra import Curve
from .merge_spectrum_export import table_of
from .merge_spectrum_picture import write_picture
from .plot import SpectrumPlot

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
