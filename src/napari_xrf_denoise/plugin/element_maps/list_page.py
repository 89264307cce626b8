"""The part of the dock "Element maps" for the maps that are there: update, save, side by side."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_xrf_denoise.io.images.pictures import HDF5_SUFFIXES, TIFF_SUFFIXES
from napari_xrf_denoise.plugin.common.widgets import (
    ask_save,
    button,
    check_box,
    row,
    show_checked,
    words_label,
)

from .model import ElementModel
from .session import ElementSession

KINDS = {".ome.tif": "OME-TIFF", ".h5": "NeXus HDF5"}


class MapListPage(QWidget):
    """Update the maps of the chosen layer, save them, see all layers side by side."""

    def __init__(self, model: ElementModel, session: ElementSession, viewer: Any) -> None:
        super().__init__()
        self._model = model
        self._session = session
        self._grid = grid_of(viewer)
        self.words = words_label("Maps of the chosen layer")
        self.update_button = button(
            "Update",
            "Recompute the maps of this layer, and of its raw or denoised partner, after the "
            "layer's counts, calibration or name changed",
        )
        self.save_button = button(
            "Save maps…",
            "Save the maps of this layer and their pixel size in one file, OME-TIFF or NeXus HDF5",
        )
        self.grid_box = check_box(
            "Side by side", "Show the visible layers beside each other, in napari's grid"
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.words)
        layout.addLayout(row(self.update_button, self.save_button))
        layout.addWidget(self.grid_box)
        self.update_button.clicked.connect(self._update)
        self.save_button.clicked.connect(self._save)
        self.grid_box.toggled.connect(self._set_grid)

    def show_model(self) -> None:
        """Show which maps there are."""
        model = self._model
        maps = model.maps_of_source()
        names = ", ".join(layer.name for layer in maps)
        self.words.setText(names or "No maps of this layer yet.")
        for one in (self.update_button, self.save_button):
            one.setEnabled(bool(maps) and model.status == "idle")
        self.show_grid()

    def show_grid(self, event: Any = None) -> None:
        """Show whether napari's grid is on."""
        show_checked(self.grid_box, self._grid.enabled)

    def _set_grid(self, on: bool) -> None:
        self._grid.enabled = on

    def _update(self) -> None:
        self._session.update()

    def _save(self) -> None:
        source = self._model.source
        name = "maps" if source is None else f"{source.name} maps"
        known = (*TIFF_SUFFIXES, *HDF5_SUFFIXES)
        path = ask_save(self, "Save element maps", name, KINDS, known)
        if path is not None:
            self._session.save(str(path), self._model.maps_of_source())


def grid_of(viewer: Any) -> Any:
    """Return napari's grid, which moved in version 0.9."""
    return viewer.canvas.grid if hasattr(viewer, "canvas") else viewer.grid
