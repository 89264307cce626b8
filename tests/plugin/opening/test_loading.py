"""A map on a disk becomes quick to look through while it is shown."""

import threading

import dask.array as da
import numpy as np

from napari_xrf_denoise.core.errors import Cancelled, DataError
from napari_xrf_denoise.core.lazy_arrays import is_dask
from napari_xrf_denoise.core.spectrum_image import EnergyAxis, SpectrumImage
from napari_xrf_denoise.layers.convert import image_from_layer, to_layer
from napari_xrf_denoise.plugin.opening import loading as background_loading
from napari_xrf_denoise.plugin.opening.loading import BackgroundLoading, follow

COUNTS = np.random.default_rng(0).poisson(3, (1, 9, 5, 40)).astype(np.uint16)


def lazy_layer():
    counts = da.from_array(COUNTS, chunks=(1, 3, 5, 40))
    return to_layer(SpectrumImage(counts, EnergyAxis(0.0, 0.01, 40), name="scan"))


def loading():
    return list(BackgroundLoading._running)


def test_the_layer_gets_its_counts_when_all_are_loaded(viewer, qtbot):
    follow(viewer)
    follow(viewer)
    layer = lazy_layer()
    viewer.add_layer(layer)
    layer.contrast_limits = (0, 7)
    qtbot.waitUntil(lambda: not is_dask(layer.data))
    np.testing.assert_array_equal(layer.data, COUNTS[0].transpose(2, 0, 1))
    np.testing.assert_array_equal(image_from_layer(layer).counts, COUNTS)
    assert tuple(layer.contrast_limits) == (0, 7)
    assert not loading()


def test_a_removed_layer_ends_its_loading(viewer, qtbot, monkeypatch):
    began = threading.Event()

    def endless(image, on_progress, should_stop, **_):
        began.set()
        while not should_stop():
            pass
        raise Cancelled("stopped")

    monkeypatch.setattr(background_loading, "lay_out", endless)
    follow(viewer)
    layer = lazy_layer()
    viewer.add_layer(layer)
    qtbot.waitUntil(began.is_set)
    viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: not loading())
    assert is_dask(layer.data)


def test_a_failure_is_told_and_the_layer_stays(viewer, qtbot, monkeypatch):
    def broken(*_, **__):
        raise DataError("scan: the disk is gone")

    told = []
    monkeypatch.setattr("napari.utils.notifications.show_warning", told.append)
    monkeypatch.setattr(background_loading, "lay_out", broken)
    follow(viewer)
    layer = lazy_layer()
    viewer.add_layer(layer)
    qtbot.waitUntil(lambda: bool(told))
    assert "scan: the disk is gone" in told[0]
    assert is_dask(layer.data)


def test_layers_of_other_plugins_are_left_alone(viewer, qtbot):
    follow(viewer)
    layer = viewer.add_image(da.from_array(COUNTS[0]))
    qtbot.wait(50)
    assert is_dask(layer.data)
    assert not loading()
