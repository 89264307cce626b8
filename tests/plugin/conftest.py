import gc
import threading
from functools import partial
from importlib.util import find_spec

import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers.convert import to_layer
from tests.helpers.patience import PATIENCE

PLUGIN = "napari-xrf-denoise"

if find_spec("napari") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(autouse=True, scope="module")
def what_is_loaded_is_no_garbage():
    """Spare napari, which collects garbage whenever a layer goes, to look at all that is loaded."""
    import pyqtgraph  # noqa: F401
    from napari.qt import QtViewer  # noqa: F401

    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def no_preferences(monkeypatch):
    """What is set in napari on this machine is no part of the tests."""
    from napari_xrf_denoise.plugin.batch import dock as batch_dock
    from napari_xrf_denoise.plugin.common.preferences import Preferences
    from napari_xrf_denoise.plugin.denoise import dock as denoise_panel
    from napari_xrf_denoise.plugin.opening import loading as background_loading

    for module in (background_loading, batch_dock, denoise_panel):
        monkeypatch.setattr(module, "preferences", Preferences)


@pytest.fixture
def qtbot(qtbot):
    """Wait as long as a busy machine takes."""
    qtbot.waitUntil = partial(qtbot.waitUntil, timeout=int(1000 * PATIENCE))
    qtbot.waitExposed = partial(qtbot.waitExposed, timeout=int(1000 * PATIENCE))
    return qtbot


@pytest.fixture(scope="session")
def small_map():
    return xrf.simulate_map(shape=(16, 16), n_channels=128, seed=1)[0]


@pytest.fixture
def viewer(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1400, 900)
    return viewer


@pytest.fixture
def viewer_with_map(viewer, small_map):
    viewer.add_layer(to_layer(small_map))
    return viewer


@pytest.fixture
def dock():
    """Opens a dock of the plugin by its name, as the menu does."""

    def open_dock(viewer, name):
        return viewer.window.add_plugin_dock_widget(PLUGIN, name)[1]

    return open_dock


class Gate:
    """The real engine behind a gate: a run that lasts as long as a test needs."""

    def __init__(self):
        self.began = threading.Event()
        self.open = threading.Event()
        self.ended = threading.Event()

    def __call__(self, data, *, on_progress, should_stop, **settings):
        self.began.set()
        try:
            while not self.open.wait(0.01):
                if should_stop():
                    raise xrf.Cancelled("stopped at the gate")
            return xrf.denoise(data, on_progress=on_progress, should_stop=should_stop, **settings)
        finally:
            self.ended.set()


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.open.set()
