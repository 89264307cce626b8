"""The dock "Denoise": shows the model, and hands clicks to the session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from psygnal import EmissionInfo
from qtpy.QtCore import QEvent, QObject, QSignalBlocker, QSize, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QFileDialog, QLabel, QMenu, QMessageBox, QPushButton

from napari_xrf_denoise.core.quantities import about_seconds
from napari_xrf_denoise.denoising.settings import (
    DEVICE_TIPS,
    DEVICES,
    METHOD_TIPS,
    METHODS,
    PRESET_TIPS,
    PRESETS,
)
from napari_xrf_denoise.layers.convert import layer_energy
from napari_xrf_denoise.plugin.common.collapsible import Collapsible, ConsoleSnippet
from napari_xrf_denoise.plugin.common.dock import Dock, repaint_later, repaint_once
from napari_xrf_denoise.plugin.common.gain_rows import GainRow, gain_rows
from napari_xrf_denoise.plugin.common.gain_table import GainTable
from napari_xrf_denoise.plugin.common.plots import PlotColors
from napari_xrf_denoise.plugin.common.preferences import preferences
from napari_xrf_denoise.plugin.common.settings_form import SettingsForm
from napari_xrf_denoise.plugin.common.spectral_layers import energy_of_slice, sliced_layer
from napari_xrf_denoise.plugin.common.widgets import (
    ask_save,
    button,
    choice_box,
    column,
    form,
    inside,
    progress_bar,
    row,
    scroll_in,
    short_box,
    show_words,
    words_label,
)

from .console import python_of
from .layer_checklist import LayerChecklist
from .live_view import LiveView
from .model import DenoiseModel, plan_text
from .session import DenoiseSession

if TYPE_CHECKING:
    import napari.viewer

OFTEN = {"stage", "fraction", "seconds_left", "counts", "preview", "history"}
"""What changes during a run."""
TABLE_HEIGHT = 180

TRAIN, OPEN = "train on this data", "load from file…"
MODEL_FILES = "Models (*.safetensors)"


class DenoiseDock(Dock):
    """Choose layers, denoise them, see how good the result is."""

    model: DenoiseModel
    SIZE = QSize(280, 400)
    POLL_MS = 100

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        user_preferences = preferences()
        model = DenoiseModel(
            preset=user_preferences.preset,
            device=user_preferences.device,
            threads=user_preferences.threads,
            scheduler=user_preferences.scheduler,
        )
        super().__init__(napari_viewer, model)
        self.session = DenoiseSession(self.model, self._add_layer)
        self._build()
        self._lay_out()
        # What changes during a run waits for this, to be drawn together.
        self._changed: set[str] = set()
        self._draw_timer = QTimer(self)
        self._draw_timer.setSingleShot(True)
        self._draw_timer.timeout.connect(self._draw_changed)
        self._connect()
        self.listen()

    def leave(self) -> None:
        """Stop the run."""
        self.session.stop()

    def _build(self) -> None:
        self.layer_list = LayerChecklist()
        self.layer_list.setToolTip(
            "Layers with an energy axis. Tick one, or several that are repeats of the same "
            "measurement."
        )
        self.method_box = choice_box(METHODS, METHOD_TIPS)
        self.preset_box = choice_box(PRESETS, PRESET_TIPS)
        self.model_box = short_box(
            "Train a new model, or apply an existing one (same energy axis, similar count level)"
        )
        self.device_box = choice_box(DEVICES, DEVICE_TIPS)
        self.settings_form = SettingsForm()
        self.plan_label = words_label("What will be done")
        self.button = QPushButton("Denoise")
        self.progress_bar = progress_bar("Share of the whole run that is done, in %")
        self.stage_label = words_label("Current step, and the time left")
        self.live = LiveView(self.colors)
        self.report_label = words_label("How good the result is")
        self.gain_table = GainTable()
        self.gain_table.setFixedHeight(TABLE_HEIGHT)
        self.save_button = button(
            "Save model…", "Save the trained model to a file, to apply it to other measurements"
        )
        self.again_button = button(
            "Run again with…", "Denoise the same layers again with one setting changed"
        )
        self.again_menu = QMenu(self.again_button)
        self.again_button.setMenu(self.again_menu)
        self.python = ConsoleSnippet()

    def _lay_out(self) -> None:
        device = form(("device", self.device_box))
        self.advanced = Collapsible(
            "Advanced settings",
            inside(column(device, self.settings_form.native)),
            "Override individual settings of the preset",
        )
        self.history = Collapsible("Progress", self.live, "Current prediction and training curves")
        self.history.expand()
        layout = column(
            QLabel("Spectral layers"),
            self.layer_list,
            form(
                ("Method", self.method_box), ("Preset", self.preset_box), ("Model", self.model_box)
            ),
            self.advanced,
            self.plan_label,
            self.button,
            self.progress_bar,
            self.stage_label,
            self.history,
            self.report_label,
            self.gain_table,
            row(self.save_button, self.again_button),
            self.python,
        )
        layout.addStretch(1)
        scroll_in(self, layout)

    def _connect(self) -> None:
        model = self.model
        self.follow(model.events, self._show_change)
        self.follow(self.viewer.layers.selection.events.active, self.follow_layers)
        self.layer_list.ticked.connect(model.choose)
        self.method_box.currentTextChanged.connect(self._set("method"))
        self.preset_box.currentTextChanged.connect(self._set("preset"))
        self.device_box.currentTextChanged.connect(self._set("device"))
        self.settings_form.edited.connect(model.change)
        self.model_box.activated.connect(self._choose_model)
        self.button.clicked.connect(self._click)
        self.save_button.clicked.connect(self._save_model)
        self.again_menu.aboutToShow.connect(self._fill_again)
        self.again_menu.triggered.connect(self._run_again)

    def _set(self, field: str) -> Any:
        # Qt keeps the function alive, which must not keep the dock of a closed window.
        model = self.model
        return lambda value: setattr(model, field, value)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - Qt's name
        """Watch the window that the dock is part of."""
        super().showEvent(event)
        window = self.window()
        # A filter that is there already is only moved to the front. The window is not kept: that
        # would keep it alive after it was closed.
        if window is not None:
            window.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Ask before a run is lost with the window that the user closes."""
        closes = event is not None and event.type() == QEvent.Type.Close and event.spontaneous()
        if not closes or self.model.status == "idle" or self._is_given_up():
            return super().eventFilter(watched, event)
        assert event is not None
        event.ignore()
        return True

    def _is_given_up(self) -> bool:
        answer = QMessageBox.question(
            self,
            "Denoising is not finished",
            "A run is in progress; its result is lost if the window closes. Close the window?",
            QMessageBox.StandardButton.Close | QMessageBox.StandardButton.Cancel,
            QMessageBox.StandardButton.Cancel,
        )
        return bool(answer == QMessageBox.StandardButton.Close)

    def follow_layers(self, event: Any = None) -> None:
        """Take over the spectral layers and the active one."""
        self.model.follow(self.layers.spectral(), self.viewer.layers.selection.active)

    def set_colors(self, colors: PlotColors) -> None:
        """Draw in the colours of a theme."""
        self.live.set_colors(colors)

    def _choose_model(self, row: int) -> None:
        models = self.model.models
        if 0 < row <= len(models):
            self.model.trained = models[row - 1]
        elif row == 0:
            self.model.trained = None
        else:
            path, _ = QFileDialog.getOpenFileName(self, "Load a model", "", MODEL_FILES)
            if path:
                self.session.open_model(path)
            self._show_models()

    def _save_model(self) -> None:
        assert self.model.result is not None
        path = ask_save(
            self, "Save the model", self.model.result.image.name, {".safetensors": "Models"}
        )
        if path is not None:
            self.session.save_model(path, overwrite=True)

    def _fill_again(self) -> None:
        self.again_menu.clear()
        model = self.model
        if model.trained is not None:
            self._offer("a new model", trained=None)
            return
        for preset in PRESETS:
            if preset != model.preset and preset != "tutorial":
                self._offer(f"preset {preset}", preset=preset)
        for method in METHODS:
            if method != model.method:
                self._offer(f"method {method}", method=method)
        plan = model.plan()
        if plan.problem or plan.defaults is None:
            return
        seed = plan.settings.seed + 1
        self._offer(f"seed {seed}", changes=model.changes.changed(plan.defaults, "seed", seed))

    def _offer(self, words: str, **changes: Any) -> None:
        action = self.again_menu.addAction(words)
        assert action is not None
        action.setData(changes)

    def _run_again(self, action: Any) -> None:
        for field, value in action.data().items():
            setattr(self.model, field, value)
        if not self.model.plan().problem:
            self._click()

    def _click(self) -> None:
        if self.model.status != "idle":
            self.session.stop()
        elif self.session.prepare():
            # Loading torch holds the window for up to half a second, so that the words come first.
            self.repaint()
            self.start_polling()

    def poll(self) -> bool:
        """Take over how far the run is, also after the dock was closed."""
        return self.session.poll()

    def _add_layer(self, data: Any, attributes: Mapping[str, Any]) -> None:
        with repaint_later(self):
            self.viewer.add_image(data, **attributes)

    def _show_change(self, info: EmissionInfo) -> None:
        if info.signal.name == "status" and self.model.status in ("loading", "idle"):
            # During a run the prediction is worth the room, after it the report.
            self.history.button.setChecked(self.model.status == "loading")
        if info.signal.name in OFTEN:
            self._changed.add(info.signal.name)
            self._draw_timer.start(0)
        else:
            self.show_model()

    def _draw_changed(self) -> None:
        changed, self._changed = self._changed, set()
        with repaint_once(self):
            self._show_stage()
            if changed & {"counts", "preview"}:
                self._show_preview()
            if "history" in changed:
                self._show_history()

    def show_model(self, *_: Any) -> None:
        """Show the model as it is."""
        idle = self.model.status == "idle"
        self._show_choices(idle)
        self._show_stage()
        self._show_history()
        self._show_preview()
        self._show_result(idle)

    def _show_choices(self, idle: bool) -> None:
        model = self.model
        self.layer_list.show_layers(model.available, model.sources)
        for box, text in (
            (self.method_box, model.method),
            (self.preset_box, model.preset),
            (self.device_box, model.device),
        ):
            with QSignalBlocker(box):
                box.setCurrentText(text)
            box.setEnabled(idle and (model.trained is None or box is self.device_box))
        self._show_models()
        for widget in (self.layer_list, self.model_box, self.settings_form.native):
            widget.setEnabled(idle)
        self.settings_form.native.setVisible(model.trained is None)
        plan = model.plan()
        if plan.defaults is None:
            self.settings_form.native.setEnabled(False)
        else:
            self.settings_form.show_settings(plan.defaults, model.changes.of(plan.defaults))
            self.settings_form.tab_after(self.device_box)
        self.plan_label.setText(plan_text(model, plan))
        # During a run there are better things to see.
        self.plan_label.setVisible(idle)
        self.button.setText("Denoise" if idle else "Stop")
        self.button.setEnabled(not plan.problem if idle else model.status != "stopping")
        self.button.setToolTip(
            "Denoise the ticked layers and add the result as a new layer"
            if idle
            else "Cancel without adding a layer"
        )
        python = ""
        if not plan.problem:
            python = python_of(model.call(plan), [layer.name for layer in model.sources])
        self.python.show_lines(python)

    def _show_models(self) -> None:
        model = self.model
        with QSignalBlocker(self.model_box):
            self.model_box.clear()
            self.model_box.addItems([TRAIN, *(one.name for one in model.models), OPEN])
            is_there = model.trained in model.models
            self.model_box.setCurrentIndex(
                1 + model.models.index(model.trained) if is_there and model.trained else 0
            )

    def _show_stage(self) -> None:
        model = self.model
        for widget in (self.progress_bar, self.stage_label):
            widget.setVisible(model.status != "idle")
        self.progress_bar.setValue(round(1000 * model.fraction))
        self.stage_label.setText(_stage(model))

    def _show_history(self) -> None:
        self.history.setVisible(bool(self.model.history) or self.model.preview is not None)
        self.live.show_history(self.model.history)

    def _show_preview(self) -> None:
        model = self.model
        self.history.setVisible(bool(model.history) or model.preview is not None)
        self.live.show_preview(model.preview, model.counts, self._channel())

    def _show_result(self, idle: bool) -> None:
        model = self.model
        has_result = idle and model.result is not None and model.outcome_kind == "report"
        show_words(self.report_label, model.outcome)
        self.report_label.setProperty("kind", model.outcome_kind)
        rows: tuple[GainRow, ...] = ()
        if has_result and model.result is not None:
            rows = gain_rows(model.result.report.as_dict(longest=1))
        self.gain_table.set_rows(rows)
        self.gain_table.setVisible(len(rows) > 1)
        self.save_button.setVisible(has_result and model.trained is None)
        self.again_button.setVisible(idle and model.outcome_kind in ("report", "stopped"))

    def _channel(self) -> int:
        """Return the channel that the viewer shows, or else the middle one."""
        counts, preview = self.model.counts, self.model.preview
        if not counts or preview is None or preview.rows is None:
            return 0
        layer = sliced_layer(self.layers.spectral(), self.viewer.dims)
        if layer is None:
            return counts[0].energy.size // 2
        energy = energy_of_slice(layer, layer_energy(layer), self.viewer.dims)
        return counts[0].energy.channel(energy)


def _stage(model: DenoiseModel) -> str:
    if model.stage and model.seconds_left is not None:
        return f"{model.stage}, {about_seconds(model.seconds_left)} left"
    return model.stage
