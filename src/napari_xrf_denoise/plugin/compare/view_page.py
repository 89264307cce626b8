"""The page "View" of the Compare dock: swipe, blink and the same contrast."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_xrf_denoise.plugin.common.widgets import words_label

from .model import FASTEST, SLOWEST, CompareModel, Mode

STEPS = 1000
"""Of the slider, so that the cut moves by single pixels of most maps."""
MODES: dict[Mode, tuple[str, str]] = {
    "off": ("Off", "Take the temporary layer “Compare” away"),
    "swipe": ("Swipe", "Raw counts left of a cut, denoised ones right of it, at napari's energy"),
    "blink": ("Blink", "Raw and denoised counts by turns, at napari's energy"),
}


class ViewPage(QWidget):
    """Shows the model's part about the picture.

    Parameters
    ----------
    model : CompareModel
    """

    def __init__(self, model: CompareModel) -> None:
        super().__init__()
        self._model = model
        self.buttons: dict[Mode, QPushButton] = {}
        group = QButtonGroup(self)
        row = QHBoxLayout()
        for mode, (text, tip) in MODES.items():
            button = QPushButton(text)
            button.setCheckable(True)
            button.setToolTip(tip)
            button.clicked.connect(partial(_choose_mode, model, mode))
            group.addButton(button)
            row.addWidget(button)
            self.buttons[mode] = button
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, STEPS)
        self.slider.setPageStep(STEPS // 10)
        self.slider.setToolTip("Where the cut is, in % of the picture's width")
        self.slider.valueChanged.connect(partial(_choose_share, model))
        self.share_label = QLabel()
        self.share_label.setFixedWidth(self.share_label.fontMetrics().horizontalAdvance("100 %  "))
        self.rate_field = QDoubleSpinBox()
        self.rate_field.setRange(SLOWEST, FASTEST)
        self.rate_field.setDecimals(1)
        self.rate_field.setSingleStep(0.5)
        self.rate_field.setSuffix(" Hz")
        self.rate_field.setToolTip(
            f"Changes a second, {SLOWEST:g} to {FASTEST:g} Hz: faster flashes can cause seizures"
        )
        self.rate_field.valueChanged.connect(partial(setattr, model, "rate"))
        self.contrast_box = QCheckBox("Same contrast limits")
        self.contrast_box.setToolTip(
            "Both layers get the contrast limits (counts) of the raw one, and a change of either "
            "is one of both"
        )
        self.contrast_box.toggled.connect(partial(setattr, model, "same_contrast"))
        self.words = words_label("What is shown where")
        cut = QHBoxLayout()
        cut.addWidget(self.slider, 1)
        cut.addWidget(self.share_label)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Cut at", cut)
        form.addRow("Blink at", self.rate_field)
        layout = QVBoxLayout(self)
        layout.addLayout(row)
        layout.addLayout(form)
        layout.addWidget(self.contrast_box)
        layout.addWidget(self.words)
        layout.addStretch(1)

    def show_model(self, problem: str) -> None:
        """Show the model as it is, and why there is no picture, if so."""
        model = self._model
        none = model.picture_problem()
        for mode, button in self.buttons.items():
            button.setEnabled(not none)
            button.setChecked(mode == model.mode)
        with QSignalBlocker(self.slider):
            self.slider.setValue(round(STEPS * model.share))
        for widget in (self.slider, self.rate_field):
            widget.setEnabled(not none)
        self.share_label.setText(f"{100 * model.share:.0f} %")
        with QSignalBlocker(self.rate_field):
            self.rate_field.setValue(model.rate)
        with QSignalBlocker(self.contrast_box):
            self.contrast_box.setChecked(model.same_contrast)
        self.contrast_box.setEnabled(not model.problem())
        # What is wrong with the pair stands above the pages already.
        self.words.setText("" if model.problem() else none or problem or self._shown())

    def _shown(self) -> str:
        model = self._model
        if model.mode == "off":
            return "Swipe or blink shows raw and denoised counts in a temporary layer, “Compare”."
        before, after = model.before.name, model.after.name
        if model.mode == "blink":
            return f"Shown now: {before if model.shows_before else after}"
        return f"Left of the cut: {before}\nRight of the cut: {after}"


def _choose_mode(model: CompareModel, mode: Mode, _: bool = False) -> None:
    model.mode = mode


def _choose_share(model: CompareModel, value: int) -> None:
    model.share = value / STEPS
    if model.mode != "swipe":
        # Who moves the cut wants to see it.
        model.mode = "swipe"
