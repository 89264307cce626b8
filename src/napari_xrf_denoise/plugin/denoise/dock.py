"""The dock "Denoise": shows the model, and hands clicks to the session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from psygnal import EmissionInfo
from qtpy.QtCore import QEvent, QObject, QSignalBlocker, QSize, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

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
from napari_xrf_denoise.plugin.common.dock import DockedWidget, repaint_later, repaint_once
from napari_xrf_denoise.plugin.common.energy_slider import energy_of_slice, sliced_layer
from napari_xrf_denoise.plugin.common.gain_rows import GainRow, gain_rows
from napari_xrf_denoise.plugin.common.gain_table import GainTable
from napari_xrf_denoise.plugin.common.layer_watcher import LayerWatcher
from napari_xrf_denoise.plugin.common.plots import colors_of
from napari_xrf_denoise.plugin.common.preferences import preferences
from napari_xrf_denoise.plugin.common.settings_form import SettingsForm
from napari_xrf_denoise.plugin.common.widgets import choice_box, scroll_in, short_box, words_label

from .layer_checklist import LayerChecklist
from .live_view import LiveView
from .model import DenoiseModel, plan_text
from .session import DenoiseSession

if TYPE_CHECKING:
    import napari.viewer

POLL_MS = 100
"""Time between two looks at a run."""
OFTEN = {"stage", "fraction", "seconds_left", "counts", "preview", "history"}
"""What changes while it runs."""
TABLE_HEIGHT = 180

LEARN, OPEN = "learn a new one", "open a file…"
MODEL_FILES = "Models (*.safetensors)"


class DenoiseDock(DockedWidget):
    """Choose layers, denoise them, see how good the result is.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Given by napari.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        user_preferences = preferences()
        self.model = DenoiseModel(
            preset=user_preferences.preset,
            device=user_preferences.device,
            threads=user_preferences.threads,
        )
        self.session = DenoiseSession(self.model, self._add_layer)
        self._watch = LayerWatcher(napari_viewer.layers, self._follow_layers)
        self._build()
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._look)
        # What changes while it runs waits for this, to be drawn together.
        self._changed: set[str] = set()
        self._draw_timer = QTimer(self)
        self._draw_timer.setSingleShot(True)
        self._draw_timer.timeout.connect(self._draw_changed)
        self._connect()
        self._listen_to_viewer()

    def _listen_to_viewer(self) -> None:
        # Kept apart from the widget, which may be gone when they are let go.
        model, session, watch, viewer = self.model, self.session, self._watch, self.viewer
        active = viewer.layers.selection.events.active
        show, follow, recolor = self._show, self._follow_layers, self._recolor
        changed = self._show_change

        def listen() -> None:
            model.events.connect(changed, unique=True)
            active.connect(follow)
            viewer.events.theme.connect(recolor)
            watch.start()
            show()

        def unlisten() -> None:
            session.stop()
            model.events.disconnect(changed, missing_ok=True)
            active.disconnect(follow)
            viewer.events.theme.disconnect(recolor)
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
        self.model_box = short_box(
            "Learn from the counts, or apply what an earlier run has learned to them: the energy "
            "axis must be the same, and the counts alike"
        )
        self.device_box = choice_box(DEVICES, DEVICE_TIPS)
        self.settings_form = SettingsForm()
        self.plan_label = words_label("What will be done")
        self.button = QPushButton("Denoise")
        self.progress_bar = QProgressBar()
        self.progress_bar.setRange(0, 1000)
        self.progress_bar.setToolTip("Share of the whole run that is done, in %")
        self.stage_label = words_label("What is being done, and the time left")
        self.live = LiveView(colors_of(self.viewer.theme))
        self.report_label = words_label("How good the result is")
        self.gain_table = GainTable()
        self.gain_table.setFixedHeight(TABLE_HEIGHT)
        self.save_button = QPushButton("Save model…")
        self.save_button.setToolTip(
            "Keep what the run has learned in a file, to apply it to other measurements"
        )
        self.again_button = QPushButton("Again with…")
        self.again_button.setToolTip("Denoise the same layers once more with one thing changed")
        self.again_menu = QMenu(self.again_button)
        self.again_button.setMenu(self.again_menu)
        self.python = ConsoleSnippet()
        self._lay_out()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Method", self.method_box)
        form.addRow("Preset", self.preset_box)
        form.addRow("Model", self.model_box)
        inside, device = QWidget(), QFormLayout()
        device.setContentsMargins(0, 0, 0, 0)
        device.addRow("device", self.device_box)
        advanced = QVBoxLayout(inside)
        advanced.setContentsMargins(0, 0, 0, 0)
        advanced.addLayout(device)
        advanced.addWidget(self.settings_form)
        self.advanced = Collapsible(
            "Advanced settings", inside, "Single settings, where they shall differ from the preset"
        )
        self.history = Collapsible(
            "How it goes", self.live, "What the network makes of the counts, and how well it learns"
        )
        self.history.expand()
        buttons = QHBoxLayout()
        buttons.addWidget(self.save_button)
        buttons.addWidget(self.again_button)
        layout = QVBoxLayout()
        layout.addWidget(QLabel("Spectral layers"))
        layout.addWidget(self.layer_list)
        layout.addLayout(form)
        for widget in (
            self.advanced,
            self.plan_label,
            self.button,
            self.progress_bar,
            self.stage_label,
            self.history,
            self.report_label,
            self.gain_table,
        ):
            layout.addWidget(widget)
        layout.addLayout(buttons)
        layout.addWidget(self.python)
        layout.addStretch(1)
        scroll_in(self, layout)

    def _connect(self) -> None:
        model = self.model
        self.layer_list.ticked.connect(model.choose)
        self.method_box.currentTextChanged.connect(self._set("method"))
        self.preset_box.currentTextChanged.connect(self._set("preset"))
        self.device_box.currentTextChanged.connect(self._set("device"))
        self.settings_form.changed.connect(model.change)
        self.model_box.activated.connect(self._choose_model)
        self.button.clicked.connect(self._click)
        self.save_button.clicked.connect(self._save_model)
        self.again_menu.aboutToShow.connect(self._fill_again)
        self.again_menu.triggered.connect(self._run_again)

    def _set(self, field: str) -> Any:
        # Qt keeps the function alive, which must not keep the panel of a closed window.
        model = self.model
        return lambda value: setattr(model, field, value)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size at which a report without warnings is seen whole."""
        return QSize(280, 400)

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
            "A run is still going on; its result is lost when the window closes. Close it?",
            QMessageBox.StandardButton.Close | QMessageBox.StandardButton.Cancel,
            QMessageBox.StandardButton.Cancel,
        )
        return bool(answer == QMessageBox.StandardButton.Close)

    def _follow_layers(self, event: Any = None) -> None:
        self.model.follow(self._watch.spectral(), self.viewer.layers.selection.active)

    def _recolor(self, event: Any = None) -> None:
        self.live.set_colors(colors_of(self.viewer.theme))

    def _choose_model(self, row: int) -> None:
        models = self.model.models
        if 0 < row <= len(models):
            self.model.trained = models[row - 1]
        elif row == 0:
            self.model.trained = None
        else:
            path, _ = QFileDialog.getOpenFileName(self, "Open a model", "", MODEL_FILES)
            if path:
                self.session.open_model(path)
            self._show_models()

    def _save_model(self) -> None:
        assert self.model.result is not None
        name = f"{self.model.result.image.name}.safetensors"
        path, _ = QFileDialog.getSaveFileName(self, "Save the model", name, MODEL_FILES)
        if path:
            # The dialog has asked whether the file of the name that was typed may be replaced.
            is_whole = path.endswith(".safetensors")
            path = path if is_whole else f"{path}.safetensors"
            self.session.save_model(path, overwrite=is_whole)

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
            self._timer.start()

    def _look(self) -> None:
        # Also of a dock that was closed meanwhile, and hears no more of its model.
        self.session.poll()
        if self.model.status == "idle":
            self._timer.stop()

    def _add_layer(self, data: Any, attributes: Mapping[str, Any]) -> None:
        with repaint_later(self):
            self.viewer.add_image(data, **attributes)

    def _show_change(self, info: EmissionInfo) -> None:
        if info.signal.name == "status" and self.model.status in ("loading", "idle"):
            # First what the network does is worth the room, then what came of it.
            self.history.button.setChecked(self.model.status == "loading")
        if info.signal.name in OFTEN:
            self._changed.add(info.signal.name)
            self._draw_timer.start(0)
        else:
            self._show()

    def _draw_changed(self) -> None:
        changed, self._changed = self._changed, set()
        with repaint_once(self):
            self._show_stage()
            if changed & {"counts", "preview"}:
                self._show_preview()
            if "history" in changed:
                self._show_history()

    def _show(self) -> None:
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
        for widget in (self.layer_list, self.model_box, self.settings_form):
            widget.setEnabled(idle)
        self.settings_form.setVisible(model.trained is None)
        plan = model.plan()
        if plan.defaults is None:
            self.settings_form.setEnabled(False)
        else:
            self.settings_form.show_settings(plan.defaults, model.changes.of(plan.defaults))
            self.settings_form.tab_after(self.device_box)
        self.plan_label.setText(plan_text(model, plan))
        # While it runs there are better things to see.
        self.plan_label.setVisible(idle)
        self.button.setText("Denoise" if idle else "Stop")
        self.button.setEnabled(not plan.problem if idle else model.status != "stopping")
        self.button.setToolTip(
            "Learn from these counts and add the result as a new layer"
            if idle
            else "End the run; no layer is added"
        )
        python = ""
        if not plan.problem:
            python = model.call(plan).as_python([layer.name for layer in model.sources])
        self.python.show_lines(python)

    def _show_models(self) -> None:
        model = self.model
        with QSignalBlocker(self.model_box):
            self.model_box.clear()
            self.model_box.addItems([LEARN, *(one.name for one in model.models), OPEN])
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
        self.report_label.setVisible(bool(model.outcome))
        self.report_label.setText(model.outcome)
        self.report_label.setProperty("kind", model.outcome_kind)
        rows: tuple[GainRow, ...] = ()
        if has_result and model.result is not None:
            rows = gain_rows(model.result.report.as_dict(longest=1))
        self.gain_table.set_rows(rows)
        self.gain_table.setVisible(len(rows) > 1)
        self.save_button.setVisible(has_result and model.trained is None)
        self.again_button.setVisible(idle and model.outcome_kind in ("report", "stopped"))

    def _channel(self) -> int:
        """Return the channel that the viewer shows; the middle one where it shows none."""
        counts, preview = self.model.counts, self.model.preview
        if not counts or preview is None or preview.rows is None:
            return 0
        layer = sliced_layer(self._watch.spectral(), self.viewer.dims)
        if layer is None:
            return counts[0].energy.size // 2
        energy = energy_of_slice(layer, layer_energy(layer), self.viewer.dims)
        return counts[0].energy.channel(energy)


def _stage(model: DenoiseModel) -> str:
    if model.stage and model.seconds_left is not None:
        return f"{model.stage}, {about_seconds(model.seconds_left)} left"
    return model.stage
