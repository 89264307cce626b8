"""The page in napari's preferences, and what the docks take from it."""

import sys
from importlib.metadata import version

import pytest
from npe2 import PluginManifest

from napari_xrf_denoise.plugin.common import preferences as module
from napari_xrf_denoise.plugin.common.preferences import Preferences, preferences

HAS_PAGE = tuple(map(int, version("napari").split(".")[:2])) >= (0, 9)
needs_page = pytest.mark.skipif(not HAS_PAGE, reason="napari before 0.9 has no page of a plugin")


@pytest.fixture
def page(plugin_settings, npe2pm):
    """Return the page of the plugin, of which nothing is kept on this machine."""
    from napari.settings import get_plugin_settings

    npe2pm.register(PluginManifest.from_distribution(module.PLUGIN))
    return get_plugin_settings(module.PLUGIN).computing


@needs_page
def test_untouched_preferences_are_the_defaults(page):
    assert preferences() == Preferences("auto", 0, "balanced", 0.0)


@needs_page
def test_what_is_set_on_the_page_is_what_docks_get(page):
    page.device, page.threads, page.preset, page.memory = "cpu", 3, "best", 2.5
    page.scheduler = "tcp://host:8786"
    found = preferences()
    assert found == Preferences("cpu", 3, "best", 2.5, "tcp://host:8786")
    assert found.most_bytes == 2_684_354_560


@needs_page
def test_the_page_is_in_the_dialog_and_its_fields_set_the_preferences(viewer, page):
    from napari._qt.dialogs.preferences_dialog import PreferencesDialog
    from qtpy.QtWidgets import QComboBox, QListWidget, QSpinBox

    dialog = PreferencesDialog(viewer.window._qt_window)
    entries = dialog.findChild(QListWidget)
    row = next(at for at in range(entries.count()) if entries.item(at).text() == "XRF denoise")
    entries.setCurrentRow(row)
    fields = dialog._stack.currentWidget()
    devices, presets = fields.findChildren(QComboBox)
    assert [devices.itemText(at) for at in range(devices.count())] == list(module.DEVICES)
    assert [presets.itemText(at) for at in range(presets.count())] == list(module.PRESETS)
    devices.setCurrentText("cpu")
    [threads] = fields.findChildren(QSpinBox)
    threads.setValue(2)
    assert (preferences().device, preferences().threads) == ("cpu", 2)
    dialog.close()


def test_before_napari_had_such_pages_they_are_the_defaults(monkeypatch):
    import napari.settings

    monkeypatch.delattr(napari.settings, "get_plugin_settings", raising=False)
    assert preferences() == Preferences()


def test_without_the_plugins_page_they_are_the_defaults(monkeypatch):
    import napari.settings

    def nothing(plugin):
        raise KeyError(plugin)

    monkeypatch.setattr(napari.settings, "get_plugin_settings", nothing, raising=False)
    assert preferences() == Preferences()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("device", "toaster"),
        ("threads", -1),
        ("threads", 2.5),
        ("threads", True),
        ("preset", "tutorial"),
        ("memory", -0.5),
        ("memory", float("nan")),
        ("memory", "all"),
        ("scheduler", "host"),
    ],
)
def test_an_impossible_value_is_told_and_left_aside(monkeypatch, name, value):
    said = []
    monkeypatch.setattr("napari.utils.notifications.show_warning", said.append)
    own = {"device": "cpu", "threads": 4, "preset": "fast", "memory": 1.0}
    own["scheduler"] = "tcp://host:8786"
    monkeypatch.setattr(module, "_from_napari", lambda: {**own, name: value})
    default = getattr(Preferences(), name)
    assert preferences() == Preferences(**{**own, name: default})
    [words] = said
    assert name in words
    assert repr(value) in words
    assert repr(default) in words
    with pytest.raises(ValueError, match=name):
        Preferences(**{name: value})


def test_threads_hold_for_a_while_and_zero_leaves_them_alone():
    import torch

    before = torch.get_num_threads()
    with Preferences(threads=before + 1).threads_in_use():
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    with Preferences().threads_in_use():
        assert torch.get_num_threads() == before


def test_automatic_threads_load_no_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with Preferences().threads_in_use():
        pass
