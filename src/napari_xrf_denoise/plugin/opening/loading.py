"""Loads maps from disk while they are already shown, so that the slider becomes fast."""

from __future__ import annotations

import threading
from typing import Any
from weakref import WeakSet

from qtpy.QtCore import QObject, QTimer

from napari_xrf_denoise.core.errors import Cancelled
from napari_xrf_denoise.core.lazy_arrays import is_dask
from napari_xrf_denoise.layers.convert import (
    METADATA_KEY,
    image_from_layer,
    is_spectral,
    layer_data,
)
from napari_xrf_denoise.plugin.common.jobs import BackgroundJob
from napari_xrf_denoise.plugin.common.preferences import preferences

from .energy_cache import lay_out

POLL_MS = 200
_followed: WeakSet[Any] = WeakSet()


def follow(viewer: Any) -> None:
    """Load in the background whatever is opened in a viewer from now on and lies on disk."""
    if viewer in _followed:
        return
    _followed.add(viewer)
    layers = viewer.layers

    def inserted(event: Any) -> None:
        layer = event.value
        if METADATA_KEY not in layer.metadata or not is_dask(layer.data):
            return
        # napari's own operations copy the metadata to layers that have lost an axis.
        if is_spectral(layer):
            BackgroundLoading(layer, layers).start()

    layers.events.inserted.connect(inserted)


class BackgroundLoading(QObject):
    """A layer that gets its counts from memory or a file sorted by energy once loaded.

    Until then it reads from its own file. If loading fails it stays so, and a notification says
    why. Removing the layer ends the loading.
    """

    _running: list[BackgroundLoading] = []  # noqa: RUF012  (keeps them alive)

    def __init__(self, layer: Any, layers: Any) -> None:
        super().__init__()
        self._layer, self._layers = layer, layers
        self._source = layer.data
        image = image_from_layer(layer)
        main = threading.main_thread()
        most_bytes = preferences().most_bytes

        def work(on_progress: Any, should_stop: Any) -> Any:
            # Python waits for this thread before it exits: a closed napari must not keep it.
            return lay_out(
                image,
                on_progress,
                lambda: should_stop() or not main.is_alive(),
                most_bytes=most_bytes,
            )

        self._image = image
        self.job = BackgroundJob(work, "xrf-loading")
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self.poll)
        self._bar: Any = None

    def start(self) -> None:
        """Begin when earlier ones have ended: free memory is not free for all at once."""
        self._running.append(self)
        self._timer.start()

    def _begin(self) -> None:
        from napari.utils import progress

        self._bar = progress(total=100, desc=f"Loading {self._image.name}")
        self.job.start()

    def poll(self) -> None:
        """Show the progress, and give the layer its counts when all are there."""
        if self._bar is None:
            if self._running[0] is self:
                self._begin()
            return
        if self._layer not in self._layers or self._layer.data is not self._source:
            self.job.stop()
        state = self.job.progress
        if state is not None:
            self._bar.update(int(100 * state.fraction) - self._bar.n)
        if not self.job.is_done:
            return
        self._timer.stop()
        self._bar.close()
        self._running.remove(self)
        error = self.job.error
        if isinstance(error, Cancelled) or self._layer not in self._layers:
            return
        if error is not None:
            from napari.utils.notifications import show_warning

            show_warning(f"{error}; images at single energies are read from the file each time")
            return
        limits = self._layer.contrast_limits
        self._layer.data = layer_data(self._image.replace(counts=self.job.result))[0]
        self._layer.contrast_limits = limits
