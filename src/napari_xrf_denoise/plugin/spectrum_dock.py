"""The dock "Spectrum": spectra under the mouse, raw and denoised over each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QPaintEvent, QShowEvent
from qtpy.QtWidgets import QButtonGroup, QCheckBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from .docked_widget import DockedWidget
from .energy_slice import energy_of_slice, move_slice, sliced_layer
from .layer_watch import LayerWatch
from .plot_colors import colors_of
from .spectra_at import Curve, Extent
from .spectrum_model import ShownSpectra, SpectrumModel
from .spectrum_plot import SpectrumPlot

if TYPE_CHECKING:
    import napari.viewer

DRAW_MS = 25
"""Least time between two drawings: at most 40 a second, however fast the mouse is."""
WAIT_MS = 50
"""Time until the next look at spectra that are being read or added up."""

READOUT_LINES = 3

NO_SPECTRA = (
    "No visible layer has an energy axis. Open a file of spectra, or File > Open Sample > "
    "XRF denoise."
)
EXTENTS: dict[Extent, tuple[str, str]] = {
    "pixel": ("Pixel", "The spectrum of the pixel under the mouse, in counts per channel"),
    "sum": ("Sum", "The sum of the spectra of all pixels, in counts per channel"),
    "mean": ("Mean", "The mean spectrum of a pixel, in counts per channel"),
}


class SpectrumDock(DockedWidget):
    """Shows the spectra of all visible spectral layers.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Given by napari.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.model = SpectrumModel()
        self.spectra = ShownSpectra()
        self._curves: list[Curve] = []
        self._pointed: float | None = None
        self._is_stale = False
        self._watch = LayerWatch(napari_viewer.layers, self._request)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._draw)
        self._build()
        self._listen_to_viewer()

    def _build(self) -> None:
        self.buttons: dict[Extent, QPushButton] = {}
        group = QButtonGroup(self)
        row = QHBoxLayout()
        for extent, (text, tip) in EXTENTS.items():
            button = QPushButton(text)
            button.setCheckable(True)
            button.setChecked(extent == self.model.extent)
            button.setToolTip(tip)
            button.clicked.connect(lambda _, extent=extent: setattr(self.model, "extent", extent))
            group.addButton(button)
            row.addWidget(button)
            self.buttons[extent] = button
        self.log_box = QCheckBox("Log")
        self.log_box.setToolTip("Counts on a logarithmic axis; zeros are drawn at half a count")
        self.log_box.toggled.connect(lambda on: setattr(self.model, "logarithmic", on))
        row.addWidget(self.log_box)
        self.plot = SpectrumPlot(colors_of(self.viewer.theme))
        self.plot.pointed.connect(self._point)
        self.plot.sliced.connect(self._move_slice)
        self.readout = QLabel()
        self.readout.setWordWrap(True)
        self.readout.setToolTip("Energy, channel and counts per channel under the mouse")
        # Always as high, so that the plot does not jump while the mouse moves.
        self.readout.setFixedHeight(READOUT_LINES * self.readout.fontMetrics().lineSpacing() + 12)
        self.readout.setAlignment(Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.addLayout(row)
        layout.addWidget(self.plot, 1)
        layout.addWidget(self.readout)

    def _listen_to_viewer(self) -> None:
        # Kept apart from the widget, which may be gone when they are let go.
        viewer, model, watch, spectra = self.viewer, self.model, self._watch, self.spectra
        request, recolor, slice_moved = self._request, self._recolor, self._slice_moved

        def hover(viewer: Any, event: Any) -> None:
            model.position = tuple(event.position)

        def listen() -> None:
            if hover not in viewer.mouse_move_callbacks:
                viewer.mouse_move_callbacks.append(hover)
            model.events.connect(request, check_nargs=False, unique=True)
            viewer.events.theme.connect(recolor)
            viewer.dims.events.point.connect(slice_moved)
            watch.start()
            request()

        def unlisten() -> None:
            if hover in viewer.mouse_move_callbacks:
                viewer.mouse_move_callbacks.remove(hover)
            model.events.disconnect(request, missing_ok=True)
            viewer.events.theme.disconnect(recolor)
            viewer.dims.events.point.disconnect(slice_moved)
            watch.stop()
            spectra.stop()

        self.listen_with(listen, unlisten)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - Qt's name
        """Catch up with what happened while the dock was hidden."""
        super().showEvent(event)
        self._request()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Catch up with what happened while the dock was behind another one's tab."""
        super().paintEvent(event)
        if self._is_stale:
            self._request()

    def _request(self, *_: Any) -> None:
        if self.isVisible() and not self._timer.isActive():
            self._timer.start(DRAW_MS)

    def _draw(self) -> None:
        # A dock behind a tab counts as visible for Qt, but no part of it is seen.
        self._is_stale = self.visibleRegion().isEmpty()
        if self._is_stale:
            return
        model = self.model
        layers = self._watch.spectral()
        self._curves = self.spectra.curves(layers, model, self.viewer.dims.units)
        self.plot.set_logarithmic(model.logarithmic)
        self.plot.set_curves(self._curves)
        self._slice_moved()
        self._show_readout()
        if self.spectra.is_waiting:
            self._timer.start(WAIT_MS)

    def _recolor(self, event: Any = None) -> None:
        self.plot.set_colors(colors_of(self.viewer.theme))
        self._request()

    def _sliced(self) -> tuple[Any, Any] | None:
        layer = sliced_layer(self._watch.spectral(), self.viewer.dims)
        axis = None if layer is None else self.spectra.axis(layer)
        return None if axis is None else (layer, axis)

    def _slice_moved(self, event: Any = None) -> None:
        if not self.isVisible():
            return
        found = self._sliced()
        if found is None:
            self.plot.set_slice(None)
        else:
            self.plot.set_slice(energy_of_slice(*found, self.viewer.dims))

    def _move_slice(self, energy: float) -> None:
        found = self._sliced()
        if found is not None:
            move_slice(*found, self.viewer.dims, energy)

    def _point(self, energy: float) -> None:
        self._pointed = energy
        self._show_readout()

    def _show_readout(self) -> None:
        self.readout.setText(self._words())

    def _words(self) -> str:
        if self.spectra.problems:
            return "\n".join(self.spectra.problems)
        if not any(layer.visible for layer in self._watch.spectral()):
            return NO_SPECTRA
        if not self._curves:
            return (
                "Adding up the spectra…"
                if self.spectra.is_waiting
                else "Move the mouse over the picture."
            )
        place = self.spectra.place if self.model.extent == "pixel" else ""
        if self._pointed is None:
            return place
        return "   ".join(filter(None, [place, pointed_at(self._pointed, self._curves)]))


def pointed_at(energy: float, curves: list[Curve]) -> str:
    """Return energy, channel and the counts there of each curve, in words."""
    first = curves[0].axis
    by_channel = any(not curve.axis.calibrated for curve in curves)
    channels = [
        min(max(round(energy), 0), curve.axis.size - 1)
        if by_channel
        else curve.axis.channel(energy)
        for curve in curves
    ]
    where = f"channel {channels[0]}"
    if first.calibrated:
        where = f"{first.centers[channels[0]]:.3f} keV, {where}"
    counts = "   ".join(
        f"{curve.label}: {in_figures(curve.counts[channel])}"
        for curve, channel in zip(curves, channels, strict=True)
    )
    return f"{where}\n{counts}"


def in_figures(counts: float) -> str:
    """Return counts with no more digits than help."""
    return f"{counts:,.0f}" if counts >= 1000 else f"{counts:.4g}"
