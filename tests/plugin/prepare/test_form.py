"""What all forms have in common: layers to choose from, work in the background, the new layer."""

import threading
from typing import Any

import numpy as np
import pytest
from magicgui import magic_factory
from qtpy.QtCore import QTimer

import napari_xrf_denoise as xrf
from napari_xrf_denoise.plugin.prepare.form import LAYER, Step, preparing
from tests.helpers.dock_work import click
from tests.helpers.patience import PATIENCE

NAMES = ("Align repeats", "Counts to photons", "Normalise", "Sum repeats", "Crop")


def names(form):
    return {layer.name for layer in form.layer.choices}


@pytest.mark.parametrize("name", NAMES)
def test_without_a_spectral_layer_it_says_so(viewer, dock, message, name):
    viewer.add_image(np.zeros((4, 5)), name="picture")
    form = dock(viewer, name)
    assert form.layer.value is None
    assert "No spectral layer" in message(form)
    assert not form.call_button.enabled


@pytest.mark.parametrize("name", NAMES)
def test_every_field_has_a_label_and_an_imperative_tip(viewer, dock, name):
    form = dock(viewer, name)
    for field in form:
        first = field.tooltip.split()[0]
        assert first in ("Choose", "Set", "Enter", "Correct", "Move", "Divide", "Multiply", "Add")
    assert form.native.minimumSizeHint().width() <= 340


def test_the_choice_follows_the_layers(viewer, dock, show, detectors, message):
    form = dock(viewer, "Align repeats")
    layer = show(detectors)
    viewer.add_image(np.zeros((4, 5)), name="picture")
    assert names(form) == {"detectors"}
    assert form.call_button.enabled
    other = show(detectors.replace(name="other"))
    assert names(form) == {"other", "detectors"}
    assert form.layer.value.name == "detectors"
    other.name = "ore"
    assert names(form) == {"ore", "detectors"}
    other.axis_labels = ("a", "b", "c", "d")
    assert names(form) == {"detectors"}
    viewer.layers.remove(layer)
    assert names(form) == set()
    assert "No spectral layer" in message(form)
    assert not form.call_button.enabled


def test_it_opens_with_the_active_layer(viewer, dock, show, detectors):
    layer = show(detectors)
    show(detectors.replace(name="other"))
    viewer.layers.selection.active = layer
    assert dock(viewer, "Crop").layer.value.name == "detectors"


class Gate:
    """A step that lasts as long as a test needs, and remembers its thread."""

    def __init__(self):
        self.began, self.open = threading.Event(), threading.Event()
        self.thread = self.error = None

    def __call__(self, image):
        self.thread = threading.current_thread()
        self.began.set()
        assert self.open.wait(PATIENCE)
        if self.error is not None:
            raise self.error
        return image


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.open.set()


@pytest.fixture
def held(viewer, gate):
    """A form in a window whose step waits at the gate."""

    @magic_factory(
        widget_init=preparing(plan=lambda image, form: "Waits.", suffix="held", tip="Wait"),
        layer=LAYER,
    )
    def hold(layer: Any) -> Step:
        return Step(gate)

    form = hold()
    viewer.window.add_dock_widget(form, name="hold")
    return form


def test_the_window_answers_while_it_works(qtbot, viewer, held, gate, show, detectors, message):
    show(detectors)
    click(qtbot, held.call_button.native)
    qtbot.waitUntil(gate.began.is_set)
    assert gate.thread is not threading.main_thread()
    assert "Working on “detectors”" in message(held)
    qtbot.waitUntil(lambda: not held.call_button.enabled)
    ticks = []
    timer = QTimer(held.native)
    timer.timeout.connect(lambda: ticks.append(1))
    timer.start(5)
    qtbot.waitUntil(lambda: len(ticks) > 5)
    gate.open.set()
    qtbot.waitUntil(lambda: "detectors held" in viewer.layers)
    assert message(held) == "Added layer “detectors held”."
    assert held.call_button.enabled


def test_a_layer_that_is_deleted_meanwhile_still_has_a_result(
    qtbot, viewer, held, gate, show, detectors
):
    layer = show(detectors)
    click(qtbot, held.call_button.native)
    qtbot.waitUntil(gate.began.is_set)
    viewer.layers.remove(layer)
    gate.open.set()
    qtbot.waitUntil(lambda: "detectors held" in viewer.layers)


def test_a_form_that_is_closed_meanwhile_still_gives_a_result(
    qtbot, viewer, held, gate, show, detectors
):
    show(detectors)
    click(qtbot, held.call_button.native)
    qtbot.waitUntil(gate.began.is_set)
    viewer.window.remove_dock_widget(held.native)
    gate.open.set()
    qtbot.waitUntil(lambda: "detectors held" in viewer.layers)
    show(detectors.replace(name="other"))
    assert "Added" in held.preparation.message.text()


def test_an_error_is_said_in_the_form(qtbot, viewer, held, gate, show, detectors, message):
    gate.error = xrf.DataError("no beam")
    gate.open.set()
    show(detectors)
    click(qtbot, held.call_button.native)
    qtbot.waitUntil(lambda: held.preparation.job is None)
    assert message(held) == "no beam"
    assert [layer.name for layer in viewer.layers] == ["detectors"]
    assert held.call_button.enabled


def test_a_window_can_be_closed_meanwhile(qtbot, viewer, held, gate, show, detectors):
    show(detectors)
    click(qtbot, held.call_button.native)
    qtbot.waitUntil(gate.began.is_set)
    job = held.preparation.job
    viewer.close()
    gate.open.set()
    assert job.wait(PATIENCE)
    qtbot.wait(100)
    assert "detectors held" not in viewer.layers
