"""The dock "Denoise": shows the model, and hands clicks to the session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtWidgets import (
    QFormLayout,
    QFrame,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_xrf_denoise.denoising.settings import METHODS, PRESETS

from .denoise_model import DenoiseModel, plan
from .denoise_session import DenoiseSession
from .docked_widget import DockedWidget
from .layer_checklist import LayerChecklist
from .layer_watch import LayerWatch
from .small_widgets import choice_box, words_label

if TYPE_CHECKING:
    import napari.viewer

LEAST_SIZE = QSize(230, 330)
"""Of the panel; what does not fit scrolls."""
POLL_MS = 100
"""Time between two looks at a run."""

METHOD_TIPS = {
    "auto": "spectrum for single spectra, stack for maps, pca where held-out counts prefer it",
    "spectrum": "each spectrum by itself, with a small network",
    "stack": "components of the spectra, their pictures denoised by networks",
    "pca": "components that the spectra of a map share",
}
PRESET_TIPS = {
    "fast": "a first look",
    "balanced": "a good result in little time",
    "best": "more training, several times slower",
    "tutorial": "the published job for spectra, 10,000 epochs: minutes",
}


class DenoisePanel(DockedWidget):
    """Choose layers, denoise them, see how good the result is.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Given by napari.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.model = DenoiseModel()
        self.session = DenoiseSession(self.model, self._add_layer)
        self._watch = LayerWatch(napari_viewer.layers, self._follow_layers)
        self._build()
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self.session.poll)
        self.layer_list.ticked.connect(self.model.choose)
        self.method_box.currentTextChanged.connect(self._choose_method)
        self.preset_box.currentTextChanged.connect(self._choose_preset)
        self.button.clicked.connect(self._click)
        self._listen_to_viewer()

    def _listen_to_viewer(self) -> None:
        # Kept apart from the widget, which may be gone when they are let go.
        model, session, watch = self.model, self.session, self._watch
        active = self.viewer.layers.selection.events.active
        show, follow = self._show, self._follow_layers

        def listen() -> None:
            model.events.connect(show, check_nargs=False, unique=True)
            active.connect(follow)
            watch.start()
            show()

        def unlisten() -> None:
            session.stop()
            model.events.disconnect(show, missing_ok=True)
            active.disconnect(follow)
            watch.stop()

        self.listen_with(listen, unlisten)

    def _build(self) -> None:
        self.layer_list = LayerChecklist()
        self.layer_list.setToolTip(
            "Layers with an energy axis. Tick one, or several that are repeats of the same "
            "measurement."
        )
        self.method_box = choice_box(METHODS, METHOD_TIPS)
        self.preset_box = choice_box(PRESETS, PRESET_TIPS)
        self.preset_box.setCurrentText(self.model.preset)
        self.plan_label = words_label("What will be done")
        self.button = QPushButton("Denoise")
        self.progress_bar = QProgressBar()
        self.progress_bar.setRange(0, 1000)
        self.progress_bar.setToolTip("Share of the whole run that is done, in %")
        self.stage_label = words_label("What is being done, and the time left")
        self.report_label = words_label("How good the result is")
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Method", self.method_box)
        form.addRow("Preset", self.preset_box)
        layout = QVBoxLayout()
        layout.addWidget(QLabel("Spectral layers"))
        layout.addWidget(self.layer_list)
        layout.addLayout(form)
        for widget in (
            self.plan_label,
            self.button,
            self.progress_bar,
            self.stage_label,
            self.report_label,
        ):
            layout.addWidget(widget)
        layout.addStretch(1)
        self._make_scrollable(layout)

    def _make_scrollable(self, content: QVBoxLayout) -> None:
        # A report with warnings is long, and must not make napari's window higher than the screen.
        inside = QWidget()
        inside.setLayout(content)
        area = QScrollArea()
        area.setWidget(inside)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setMinimumSize(LEAST_SIZE)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        around = QVBoxLayout(self)
        around.setContentsMargins(0, 0, 0, 0)
        around.addWidget(area)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size at which a report without warnings is seen whole."""
        return QSize(280, 400)

    def _follow_layers(self, event: Any = None) -> None:
        self.model.follow(self._watch.spectral(), self.viewer.layers.selection.active)

    def _choose_method(self, method: str) -> None:
        self.model.method = method

    def _choose_preset(self, preset: str) -> None:
        self.model.preset = preset

    def _click(self) -> None:
        if self.model.status != "idle":
            self.session.stop()
        elif self.session.prepare():
            # Loading torch holds the window for up to half a second, so that the words come first.
            self.repaint()
            self._timer.start()

    def _add_layer(self, data: Any, attributes: Mapping[str, Any]) -> None:
        self.viewer.add_image(data, **attributes)

    def _show(self, *_: Any) -> None:
        model = self.model
        idle = model.status == "idle"
        possible, words = plan(model)
        self.layer_list.show_layers(model.available, model.sources)
        for widget in (self.layer_list, self.method_box, self.preset_box):
            widget.setEnabled(idle)
        self.plan_label.setText(words)
        self.button.setText("Denoise" if idle else "Stop")
        self.button.setEnabled(possible if idle else model.status != "stopping")
        self.button.setToolTip(
            "Learn from these counts and add the result as a new layer"
            if idle
            else "End the run; no layer is added"
        )
        self.progress_bar.setVisible(not idle)
        self.progress_bar.setValue(round(1000 * model.fraction))
        self.stage_label.setVisible(not idle)
        self.stage_label.setText(_stage(model))
        self.report_label.setVisible(bool(model.outcome))
        self.report_label.setText(model.outcome)
        self.report_label.setProperty("kind", model.outcome_kind)
        if idle:
            self._timer.stop()


def _stage(model: DenoiseModel) -> str:
    if model.stage and model.seconds_left is not None:
        return f"{model.stage}, {time_left(model.seconds_left)} left"
    return model.stage


def time_left(seconds: float) -> str:
    """Return a time in words, no more exact than an estimate is."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"
