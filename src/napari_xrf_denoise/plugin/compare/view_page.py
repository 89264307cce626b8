"""The page "View" of the Compare dock: swipe, blink and the same contrast."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QLabel, QSlider, QVBoxLayout, QWidget

from napari_xrf_denoise.plugin.common.widgets import (
    check_box,
    choice_buttons,
    form,
    number_field,
    row,
    show_checked,
    show_number,
    words_label,
)

from .model import FASTEST, SLOWEST, CompareModel, Mode

STEPS = 1000
"""Of the slider, so that the split moves by single pixels of most maps."""
MODES: dict[Mode, tuple[str, str]] = {
    "off": ("Off", "Remove the temporary layer “Compare”"),
    "swipe": ("Swipe", "Show raw counts left of a split and denoised counts right of it"),
    "blink": ("Blink", "Alternate between raw and denoised counts"),
}


class ViewPage(QWidget):
    """Shows the model's part about the picture."""

    def __init__(self, model: CompareModel) -> None:
        super().__init__()
        self._model = model
        self.buttons = choice_buttons(MODES, self, partial(setattr, model, "mode"))
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, STEPS)
        self.slider.setPageStep(STEPS // 10)
        self.slider.setToolTip("Position of the split, in % of the picture's width")
        self.slider.valueChanged.connect(partial(_choose_share, model))
        self.share_label = QLabel()
        self.share_label.setFixedWidth(self.share_label.fontMetrics().horizontalAdvance("100 %  "))
        self.rate_field = number_field(
            f"Changes per second, {SLOWEST:g} to {FASTEST:g} Hz: faster flashes can cause seizures",
            decimals=1,
        )
        self.rate_field.setRange(SLOWEST, FASTEST)
        self.rate_field.setSingleStep(0.5)
        self.rate_field.setSuffix(" Hz")
        self.rate_field.valueChanged.connect(partial(setattr, model, "rate"))
        self.contrast_box = check_box(
            "Same contrast limits",
            "Give both layers the contrast limits (counts) of the raw one, and keep them the same",
        )
        self.contrast_box.toggled.connect(partial(setattr, model, "same_contrast"))
        self.words = words_label("The counts that the picture shows")
        layout = QVBoxLayout(self)
        layout.addLayout(row(*self.buttons.values()))
        layout.addLayout(
            form(
                ("Split position", row((self.slider, 1), self.share_label)),
                ("Blink rate", self.rate_field),
            )
        )
        layout.addWidget(self.contrast_box)
        layout.addWidget(self.words)
        layout.addStretch(1)

    def show_model(self, problem: str) -> None:
        """Show the model as it is, and why there is no picture."""
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
        show_number(self.rate_field, model.rate)
        show_checked(self.contrast_box, model.same_contrast)
        self.contrast_box.setEnabled(not model.problem())
        # What is wrong with the pair stands above the pages already.
        self.words.setText("" if model.problem() else none or problem or self._shown())

    def _shown(self) -> str:
        model = self._model
        if model.mode == "off":
            return "Swipe and blink show raw and denoised counts in a temporary layer, “Compare”."
        before, after = model.before.name, model.after.name
        if model.mode == "blink":
            return f"Shown now: {before if model.shows_before else after}"
        return f"Left of the split: {before}\nRight of the split: {after}"


def _choose_share(model: CompareModel, value: int) -> None:
    model.share = value / STEPS
    if model.mode != "swipe":
        # Who moves the split wants to see it.
        model.mode = "swipe"
