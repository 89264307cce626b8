"""The choices above the plot of the Spectrum dock: which spectra, and how they are drawn."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_xrf_denoise.plugin.common.widgets import choice_box

from .layer_spectra import Extent
from .merge_spectrum_regions import MOST_REGIONS
from .merge_spectrum_scale import SCALES, Scale
from .model import SpectrumModel

EXTENTS: dict[Extent, tuple[str, str]] = {
    "pixel": (
        "Pixel",
        "The spectrum of the pixel that the mouse was over last, in counts per channel",
    ),
    "sum": ("Sum", "The sum of the spectra of all pixels, in counts per channel"),
    "mean": ("Mean", "The mean spectrum of a pixel, in counts per channel"),
    "max": (
        "Max",
        "The maximum-pixel spectrum, in counts per channel: in each channel the counts of the "
        "pixel that has most of them there. It shows elements of a few pixels.",
    ),
}
SCALE_NAMES: dict[Scale, str] = {"linear": "Linear", "logarithmic": "Log", "square root": "Sqrt"}
SCALE_TIPS = {
    "Linear": "counts per channel as they are",
    "Log": "logarithms: weak lines beside strong ones; zeros are drawn at half a count",
    "Sqrt": "square roots: the noise of photon counts is equally high everywhere",
}
SWITCHES = {
    "errors": (
        "Errors",
        "A band of one standard deviation (counts per channel) around each curve where it is "
        "known:\n"
        "raw photon counts: the square root of the counts (of the mean of n: divided by n);\n"
        "denoised counts of a pixel: estimated from the dose gain of the report, which is an "
        "average over the map. One pixel may be better or worse.\n"
        "None for fractional raw counts, denoised sums and maxima.",
    ),
    "residual": (
        "Residual",
        "Raw minus denoised counts per channel, where both layers are shown",
    ),
    "regions": (
        "Regions",
        "Spectra (counts per channel) of what is drawn in visible Shapes and Labels layers: with "
        "Sum added up, with Max the maximum pixel, else the mean per pixel.\n"
        f"The first {MOST_REGIONS} shapes and labels are shown.",
    ),
}


class SpectrumControls(QWidget):
    """Writes the choices into a model, and shows them.

    Parameters
    ----------
    model : SpectrumModel
    """

    def __init__(self, model: SpectrumModel) -> None:
        super().__init__()
        self._model = model
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(self._extent_row())
        layout.addLayout(self._drawing_row())
        self.regions_box = self.switches["regions"]
        self.show_model()

    def show_model(self) -> None:
        """Show what the model says."""
        model = self._model
        self.buttons[model.extent].setChecked(True)
        with QSignalBlocker(self.scale_box):
            self.scale_box.setCurrentIndex(SCALES.index(model.scale))
        for name, box in self.switches.items():
            with QSignalBlocker(box):
                box.setChecked(getattr(model, name))

    def _extent_row(self) -> QHBoxLayout:
        self.buttons: dict[Extent, QPushButton] = {}
        self._group = QButtonGroup(self)
        row = QHBoxLayout()
        row.setSpacing(2)
        for extent, (text, tip) in EXTENTS.items():
            button = QPushButton(text)
            button.setCheckable(True)
            button.setToolTip(tip)
            # Four of them fit into a narrow dock.
            button.setStyleSheet("min-width: 0px; padding: 3px 2px;")
            button.clicked.connect(lambda _, extent=extent: self._set("extent", extent))
            self._group.addButton(button)
            row.addWidget(button)
            self.buttons[extent] = button
        self.scale_box = choice_box(tuple(SCALE_NAMES[scale] for scale in SCALES), SCALE_TIPS)
        self.scale_box.setAccessibleName("Scale of the counts")
        self.scale_box.setMinimumWidth(70)
        self.scale_box.currentIndexChanged.connect(lambda row: self._set("scale", SCALES[row]))
        return row

    def _drawing_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.scale_box, 1)
        self.switches: dict[str, QCheckBox] = {}
        for name, (text, tip) in SWITCHES.items():
            box = QCheckBox(text)
            box.setToolTip(tip)
            box.toggled.connect(lambda on, name=name: self._set(name, on))
            self.switches[name] = box
        # Regions are places, as pins are, and stand beside these.
        row.addWidget(self.switches["errors"])
        row.addWidget(self.switches["residual"])
        return row

    def _set(self, field: str, value: object) -> None:
        setattr(self._model, field, value)
