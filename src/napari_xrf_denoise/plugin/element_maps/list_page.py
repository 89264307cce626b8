"""The part of the dock "Element maps" for the maps that are there: update, save, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_xrf_denoise.io.images.pictures import HDF5_SUFFIXES, TIFF_SUFFIXES
from napari_xrf_denoise.plugin.common.widgets import words_label

from .model import ElementModel
from .session import ElementSession

FILTERS = "OME-TIFF (*.ome.tif);;NeXus HDF5 (*.h5)"


class MapListPage(QWidget):
    """Compute the maps of the chosen layer again, save them, see all layers side by side.

    Parameters
    ----------
    model : ElementModel
    session : ElementSession
    viewer : napari.viewer.Viewer
    """

    def __init__(self, model: ElementModel, session: ElementSession, viewer: Any) -> None:
        super().__init__()
        self._model = model
        self._session = session
        self._grid = grid_of(viewer)
        self.words = words_label("Maps that were made of the chosen layer")
        self.update_button = QPushButton("Update")
        self.update_button.setToolTip(
            "Computes the maps of this layer, and of its raw or denoised partner, again, after "
            "the layer's counts, calibration or name changed"
        )
        self.save_button = QPushButton("Save maps…")
        self.save_button.setToolTip(
            "Saves the maps of this layer in one file with the size of their pixels, as OME-TIFF "
            "or NeXus HDF5"
        )
        self.grid_box = QCheckBox("Side by side")
        self.grid_box.setToolTip("Shows the visible layers beside each other: napari's grid")
        buttons = QHBoxLayout()
        buttons.addWidget(self.update_button)
        buttons.addWidget(self.save_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.words)
        layout.addLayout(buttons)
        layout.addWidget(self.grid_box)
        self.update_button.clicked.connect(self._update)
        self.save_button.clicked.connect(self._save)
        self.grid_box.toggled.connect(self._set_grid)

    def show_model(self) -> None:
        """Show which maps there are."""
        model = self._model
        maps = model.maps_of_source()
        names = ", ".join(layer.name for layer in maps)
        self.words.setText(names or "No map was made of this layer yet.")
        for button in (self.update_button, self.save_button):
            button.setEnabled(bool(maps) and not model.doing)
        self.show_grid()

    def show_grid(self, event: Any = None) -> None:
        """Show whether napari's grid is on."""
        with QSignalBlocker(self.grid_box):
            self.grid_box.setChecked(self._grid.enabled)

    def _set_grid(self, on: bool) -> None:
        self._grid.enabled = on

    def _update(self) -> None:
        self._session.update()

    def _save(self) -> None:
        maps = self._model.maps_of_source()
        source = self._model.source
        name = "maps" if source is None else f"{source.name} maps"
        path = self.ask_for_file(name)
        if path:
            self._session.save(path, maps)

    def ask_for_file(self, name: str) -> str:
        """Ask where to save; empty where the user thought better of it."""
        # The name is proposed without an ending, so that the chosen kind of file counts.
        path, kind = QFileDialog.getSaveFileName(
            self, "Save element maps", str(Path.home() / name), FILTERS
        )
        if not path or path.lower().endswith((*TIFF_SUFFIXES, *HDF5_SUFFIXES)):
            return path
        # The dialog asked about the name as typed, not about the one with an ending.
        path += ".h5" if "HDF5" in kind else ".ome.tif"
        return path if not Path(path).exists() or self._may_replace(path) else ""

    def _may_replace(self, path: str) -> bool:
        question = f"{Path(path).name} is there already. Do you want to replace it?"
        answer = QMessageBox.question(self, "Save element maps", question)
        return bool(answer == QMessageBox.StandardButton.Yes)


def grid_of(viewer: Any) -> Any:
    """Return napari's grid, which moved in version 0.9."""
    return viewer.canvas.grid if hasattr(viewer, "canvas") else viewer.grid
