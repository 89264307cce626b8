import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers.convert import to_layer
from tests.helpers.dock_work import click

LEFT, RIGHT = 140, 150
"""Channels of the line in the two detector elements."""


@pytest.fixture
def detectors():
    """Two detector elements with one line in different channels, 6 x 5 pixels of 0.5 µm."""
    channel, places = np.arange(300), np.array([LEFT, RIGHT])
    line = 40 * np.exp(-0.5 * ((channel - places[:, None]) / 6) ** 2)
    counts = np.random.default_rng(0).poisson(line[:, None, None, :], (2, 6, 5, 300))
    return xrf.SpectrumImage(
        counts.astype(np.uint16),
        xrf.EnergyAxis(0.1, 0.02, 300),
        repeat_kind="detector",
        pixel_size=(0.5, 0.25),
        pixel_unit="µm",
        name="detectors",
        metadata={"sample": "gold"},
        scalers={
            "I0": np.linspace(1, 2, 30).reshape(6, 5),
            "real_time": np.full((2, 6, 5), 1.0),
            "live_time": np.array([0.5, 0.8])[:, None, None] * np.ones((2, 6, 5)),
        },
    )


@pytest.fixture
def show(viewer):
    """Adds an image as a layer and returns that."""
    return lambda image: viewer.add_layer(to_layer(image))


@pytest.fixture
def run(qtbot, viewer):
    """Clicks the button of a form and returns the layer that it adds."""

    def run(form):
        before = list(viewer.layers)
        click(qtbot, form.call_button.native)
        qtbot.waitUntil(lambda: form.preparation.job is None)
        added = [layer for layer in viewer.layers if layer not in before]
        assert len(added) == 1, form.preparation.message.text()
        return added[0]

    return run


@pytest.fixture
def message():
    """Returns what a form says."""
    return lambda form: form.preparation.message.text()
