"""What the forms share: spectral layers to choose from, a run in the background, the new layer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from napari.utils import progress
from napari.utils._magicgui import find_viewer_ancestor
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QComboBox

from napari_xrf_denoise import __version__
from napari_xrf_denoise.core.errors import DataError, SettingsError, in_words
from napari_xrf_denoise.core.lazy_arrays import as_lazy, is_dask
from napari_xrf_denoise.core.spectrum_image import BLOCK_BYTES, SpectrumImage
from napari_xrf_denoise.layers.convert import (
    image_from_layer_data,
    is_spectral,
    layer_attributes,
    layer_data,
    layer_energy,
    new_layer,
)
from napari_xrf_denoise.layers.geometry import layer_transform
from napari_xrf_denoise.plugin.common.jobs import BackgroundJob
from napari_xrf_denoise.plugin.common.magic_forms import LabelAligner, type_digits_only
from napari_xrf_denoise.plugin.common.preferences import preferences
from napari_xrf_denoise.plugin.common.spectral_layers import LayerWatcher
from napari_xrf_denoise.plugin.common.widgets import LEAST_SIZE, words_label
from napari_xrf_denoise.plugin.opening.energy_cache import lay_out

if TYPE_CHECKING:
    from magicgui.widgets.bases import CategoricalWidget

POLL_MS = 50
NO_LAYERS = (
    "No spectral layer: open a file of spectra or maps, or choose File > Open Sample > XRF denoise."
)


class Step(NamedTuple):
    """What a form was asked to do."""

    make: Callable[[SpectrumImage], SpectrumImage]
    corner: tuple[int, int] = (0, 0)
    """First row and column of the layer that the result still has."""


Plan = Callable[[SpectrumImage, Any], str]
"""``plan(image, form)`` says what will be done, or raises an error that says why it cannot be.

The image has no counts, so that none are read.
"""


def spectral_layers(box: CategoricalWidget[Any]) -> list[tuple[str, Any]]:
    """Return the layers that hold spectra, by name, the topmost first."""
    viewer = find_viewer_ancestor(box)
    layers = [] if viewer is None else list(reversed(viewer.layers))
    return [(layer.name, layer) for layer in layers if is_spectral(layer)]


LAYER: dict[str, Any] = {
    "choices": spectral_layers,
    "label": "Layer",
    "tooltip": "Choose a layer of spectra or of a map",
}


def preparing(*, plan: Plan, suffix: str, tip: str) -> Callable[[Any], None]:
    """Return what makes a form show its plan, run in the background and add a layer.

    `suffix` ends the name of the new layer, `tip` explains the button.
    """

    def set_up(form: Any) -> None:
        form.preparation = Preparation(form, plan, suffix)
        form.call_button.tooltip = tip
        if seed := form.get_widget("seed"):
            type_digits_only(seed)

    return set_up


class Preparation:
    """A form at work: follows the layers, shows the plan, runs the step, adds the layer."""

    def __init__(self, form: Any, plan: Plan, suffix: str) -> None:
        self.form = form
        self.message = words_label("Plan, or result of the last run")
        self.job: BackgroundJob | None = None
        self._plan = plan
        self._suffix = suffix
        self._watcher: LayerWatcher | None = None
        self._aligner = LabelAligner()
        form.native.installEventFilter(self._aligner)
        form.native.layout().addWidget(self.message)
        self.message.setMinimumWidth(LEAST_SIZE.width() - 20)  # without the margins
        # Names of layers may be long.
        policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        form.layer.native.setSizeAdjustPolicy(policy)
        form.layer.native.setMinimumContentsLength(8)
        form.changed.connect(self.show)
        form.called.connect(self.run)
        form.call_button.changed.connect(self._stay_disabled)
        form.native_parent_changed.connect(self.follow)

    def follow(self) -> None:
        """Follow the layers of the window that the form is in, and none outside a window."""
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher = None
        if self.form.native.parent() is None:
            return
        viewer = find_viewer_ancestor(self.form)
        active = viewer.layers.selection.active
        self.form.reset_choices()
        if is_spectral(active):
            self.form.layer.value = active
        self._watcher = LayerWatcher(viewer.layers, self._refresh)
        self.form.native.destroyed.connect(self._watcher.stop)
        self._watcher.start()

    def _refresh(self) -> None:
        self.form.reset_choices()
        self.show()

    def show(self) -> None:
        """Show what will be done, or why nothing can be."""
        if self.job is not None:
            return
        layer = self.form.layer.value
        try:
            if layer is None:
                raise DataError(NO_LAYERS)
            words, is_possible = self._plan(outline(layer), self.form), True
        except (DataError, SettingsError) as error:
            words, is_possible = str(error), False
        self.message.setText(words)
        self.form.call_button.enabled = is_possible

    def run(self, step: Step) -> None:
        """Do it in the background."""
        layer = self.form.layer.value
        if layer is None or self.job is not None:
            return
        data, attributes = layer.data, layer_attributes(layer)
        fields = {name: value for name, value in self.form.asdict().items() if name != "layer"}
        record = {"step": self._suffix, "source": layer.name, "version": __version__, **fields}
        name = f"{layer.name} {self._suffix}"
        most_bytes, main = preferences().most_bytes, threading.main_thread()

        def work(on_progress: Any, should_stop: Callable[[], bool]) -> Any:
            image = step.make(image_from_layer_data(data, attributes))
            if is_dask(image.counts):
                # The slider needs them at hand; and a closed napari must not wait for this.
                counts = lay_out(
                    image,
                    on_progress,
                    lambda: should_stop() or not main.is_alive(),
                    most_bytes=most_bytes,
                )
                image = image.replace(counts=counts)
            steps = [*image.metadata.get("processing", ()), record]
            image = image.replace(name=name).with_metadata(processing=steps)
            return image, layer_data(image)[:2]

        self.job = BackgroundJob(work, "xrf-preparing")
        self.message.setText(f"Working on “{layer.name}”…")
        self.form.call_button.enabled = False
        self._poll_until_done(layer, step, find_viewer_ancestor(self.form), name)

    def _stay_disabled(self) -> None:
        # After a click magicgui enables the button again.
        self.form.call_button.enabled = self.job is None

    def _poll_until_done(self, layer: Any, step: Step, viewer: Any, name: str) -> None:
        job = self.job
        assert job is not None
        bar = progress(total=0, desc=name)
        # A child of the main window: a run outlives its dock, but not the window.
        window = self.form.native.window()
        timer = QTimer(window.parentWidget() or window)
        timer.setInterval(POLL_MS)
        timer.destroyed.connect(job.stop)

        def poll() -> None:
            if not job.is_done:
                if job.progress is not None:
                    self.message.setText(f"{name}: {job.progress.fraction:.0%}")
                return
            timer.stop()
            timer.deleteLater()
            bar.close()
            self.job = None
            if job.error is None:
                image, (data, attributes) = job.result
                viewer.add_layer(new_layer(data, attributes | _place(layer, image, step.corner)))
            self.show()
            self.message.setText(
                f"Added layer “{name}”." if job.error is None else in_words(job.error)
            )

        timer.timeout.connect(poll)
        job.start()
        timer.start()


def in_bands(image: SpectrumImage) -> SpectrumImage:
    """Return an image with lazy counts in bands of rows, each of which is computed only once."""
    repeats, _, width, size = image.shape
    rows = max(1, BLOCK_BYTES // (8 * repeats * width * size))
    counts = as_lazy(image.counts).rechunk((repeats, rows, width, size))
    return image.replace(counts=counts)


def outline(layer: Any) -> SpectrumImage:
    """Return the image of a layer without its counts: sizes, energies, scalers, metadata."""
    nothing = np.broadcast_to(np.uint8(0), layer.data.shape)
    return image_from_layer_data(nothing, layer_attributes(layer))


def _place(layer: Any, image: SpectrumImage, corner: tuple[int, int]) -> Mapping[str, Any]:
    """Return what makes a map lie where those of its pixels lie that are still there."""
    if not image.is_map:
        return {}
    axes = ("energy", "y", "x") if image.n_repeats == 1 else ("repeat", "energy", "y", "x")
    place = layer_transform(layer, axes=axes)
    scale, translate = place["scale"], place["translate"]
    for axis, first in zip(("y", "x"), corner, strict=True):
        translate[axes.index(axis)] += first * scale[axes.index(axis)]
    # The energies are those of the image, in the layer's unit, which may be eV.
    energy = axes.index("energy")
    unit = scale[energy] / layer_energy(layer).gain
    scale[energy], translate[energy] = image.energy.gain * unit, image.energy.offset * unit
    return place
