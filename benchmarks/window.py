"""Does the window stay alive? Hovering, freezes, Stop, opening docks, memory, in a real window.

    python benchmarks/window.py [--only hover freeze training stop docks memory]

On Linux without a screen: python tests/on_a_display.py python benchmarks/window.py
"""

from __future__ import annotations

import argparse
import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from qtpy.QtCore import QEvent, QEventLoop, QObject, QPoint, QPointF, Qt, QTimer
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication, QGraphicsView

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers.convert import to_layer
from napari_xrf_denoise.plugin.common.jobs import load_torch

PLUGIN = "napari-xrf-denoise"
DOCKS = ("Denoise", "Spectrum", "Element maps", "Compare", "Batch denoise", "Calibrate energy")
TICK_MS = 5
"""Of the timer that feels freezes."""
LONGEST = 600
"""Seconds that a run may take."""
COMMAND = """
import sys, time
import torch
import napari_xrf_denoise as xrf
image, _ = xrf.simulate_map(shape=({side}, {side}), seed=0)
began = time.perf_counter()
xrf.denoise(image)
print(time.perf_counter() - began)
"""


class Heartbeat:
    """Longest time that the window did nothing."""

    def __init__(self) -> None:
        self._timer = QTimer()
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._beat)
        self.gaps: list[float] = []
        self._last = time.perf_counter()

    def __enter__(self) -> Heartbeat:
        self.gaps, self._last = [], time.perf_counter()
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._beat()
        self._timer.stop()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.gaps.append(now - self._last)
        self._last = now


class Paints(QObject):
    """When a widget was painted last."""

    def __init__(self) -> None:
        super().__init__()
        self.last = 0.0

    def eventFilter(self, _: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Take down the time of a painting."""
        if event.type() == QEvent.Type.Paint:
            self.last = time.perf_counter()
        return False


def spin(seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        QApplication.processEvents()
        if until():
            return True
        time.sleep(0.0005)
    return False


def open_viewer(shape: tuple[int, int], channels: int) -> napari.Viewer:
    viewer = napari.Viewer()
    viewer.window._qt_window.resize(1600, 1000)
    image, _ = xrf.simulate_map(shape=shape, n_channels=channels, seed=0)
    viewer.add_layer(to_layer(image))
    spin(0.5)
    return viewer


def move_mouse(widget, place: QPoint) -> None:
    """Tell a widget of a moved mouse, as the window system does."""
    here, there = QPointF(place), QPointF(widget.mapToGlobal(place))
    nothing = Qt.MouseButton.NoButton
    move = QMouseEvent(
        QEvent.Type.MouseMove, here, there, nothing, nothing, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(widget, move)


def open_dock(viewer: napari.Viewer, name: str):
    return viewer.window.add_plugin_dock_widget(PLUGIN, name)[1]


def run(viewer: napari.Viewer, panel, **choices: str) -> float:
    for field, value in choices.items():
        setattr(panel.model, field, value)
    before = len(viewer.layers)
    began = time.perf_counter()
    # An event loop as napari's own, which waits where `spin` looks again and again.
    loop = QEventLoop()

    def end_with_the_run(status: str) -> None:
        if status == "idle":
            loop.quit()

    panel.button.click()
    if panel.model.status != "idle":
        panel.model.events.status.connect(end_with_the_run)
        QTimer.singleShot(1000 * LONGEST, loop.quit)
        loop.exec()
        panel.model.events.status.disconnect(end_with_the_run)
    seconds = time.perf_counter() - began
    if len(viewer.layers) != before + 1:
        raise RuntimeError(panel.model.outcome)
    return seconds


def hover() -> None:
    for with_errors in (False, True):
        viewer = open_viewer((64, 64), 4096)
        add_result(viewer, with_errors)
        hover_over(viewer, "with errors" if with_errors else "without errors")


def add_result(viewer: napari.Viewer, with_errors: bool) -> None:
    """Add a result that carries its uncertainty, or numbers that look like one."""
    raw = viewer.layers[0]
    if with_errors:
        image, _ = xrf.simulate_map(shape=(64, 64), n_channels=4096, seed=0)
        # Few components and folds: it is quick, and only its errors count.
        result = xrf.denoise(image, method="pca", rank=6, folds=2, device="cpu").image
        viewer.add_layer(to_layer(result))
        return
    viewer.add_image(
        np.random.default_rng(0).random(raw.data.shape, dtype=np.float32),
        name="map denoised",
        scale=raw.scale,
        translate=raw.translate,
        units=raw.units,
        axis_labels=raw.axis_labels,
        metadata={**raw.metadata, "denoising": {"source": "map"}},
    )


def hover_over(viewer: napari.Viewer, words: str) -> None:
    dock = open_dock(viewer, "Spectrum")
    spin(1.0)
    canvas = viewer.window._qt_viewer.canvas.native
    paints = Paints()
    dock.plot.findChildren(QGraphicsView)[0].viewport().installEventFilter(paints)
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)
    drawn = []
    set_curves = dock.plot.set_curves

    def counted(*curves, **options) -> None:
        set_curves(*curves, **options)
        drawn.append(time.perf_counter())

    dock.plot.set_curves = counted
    delays = []
    for step in range(300):
        # To another pixel each time: within one, nothing is drawn again.
        place = middle + QPoint(29 * (step % 9) - 116, 23 * (step % 7) - 69)
        began = time.perf_counter()
        move_mouse(canvas, place)
        new = lambda began=began: bool(drawn) and drawn[-1] > began and paints.last > drawn[-1]  # noqa: E731
        if spin(0.5, new):
            delays.append(1000 * (paints.last - began))
        # A hand rests now and then; a multiple of the screen's rate would hide the throttle.
        spin(0.011 + 0.04 * (step % 7) / 7)
    viewer.close()
    median, high = np.percentile(delays, [50, 95])
    print(
        f"hover to curve on screen, 4,096 channels, two layers, {words}: first {delays[0]:.0f} ms, "
        f"median {median:.1f} ms, 95th percentile {high:.1f} ms over {len(delays)} moves "
        "(targets 16 and 33)"
    )


def freeze() -> None:
    # The one import of torch is announced, and left apart.
    load_torch()
    viewer = open_viewer((96, 96), 1024)
    alone = []
    for _ in range(5):
        with Heartbeat() as heart:
            layer = viewer.add_image(np.zeros((96, 96), np.float32))
            spin(0.5)
        alone.append(1000 * max(heart.gaps))
        viewer.layers.remove(layer)
        spin(0.5)
    print(f"napari's own add_image, no dock open: {statistics.median(alone):.0f} ms, median of 5")
    panel = open_dock(viewer, "Denoise")
    open_dock(viewer, "Spectrum")
    spin(1.0)
    for number in range(3):
        with Heartbeat() as heart:
            seconds = run(viewer, panel)
        longest = sorted(1000 * np.array(heart.gaps))[-5:][::-1]
        words = ", ".join(f"{gap:.0f}" for gap in longest)
        print(
            f"run {number + 1} of 96 x 96 x 1024 ({seconds:.1f} s): longest freezes {words} ms "
            "(target 100)"
        )
    viewer.close()


def training() -> None:
    viewer = open_viewer((96, 96), 1024)
    panel = open_dock(viewer, "Denoise")
    inside, alone = [], []
    for _ in range(3):
        inside.append(run(viewer, panel))
        command = [sys.executable, "-c", COMMAND.format(side=96)]
        alone.append(float(subprocess.run(command, check=True, capture_output=True).stdout))
    viewer.close()
    ratio = statistics.median(one / other for one, other in zip(inside, alone, strict=True))
    print(
        f"a run inside napari: {statistics.median(inside):.1f} s, beside "
        f"{statistics.median(alone):.1f} s without a window, {ratio:.2f} times (target 1.15)"
    )


def stop() -> None:
    viewer = open_viewer((96, 96), 1024)
    panel = open_dock(viewer, "Denoise")
    spin(0.5)
    delays = []
    for fraction in (0.01, 0.04, 0.1, 0.3, 0.6, 0.75, 0.8, 0.87, 0.93, 0.97):
        panel.button.click()
        if not spin(300, lambda fraction=fraction: done_of(panel) >= fraction):
            raise RuntimeError(f"the run did not come to {fraction:.0%}")
        began = time.perf_counter()
        panel.button.click()
        spin(60, lambda: panel.model.status == "idle")
        delays.append(time.perf_counter() - began)
    viewer.close()
    words = ", ".join(f"{delay:.2f}" for delay in delays)
    print(f"Stop to idle at ten places of a run: longest {max(delays):.2f} s ({words}; target 1)")


def done_of(panel) -> float:
    """Return the share of the run that is done, which the window shows twice a second only."""
    job = panel.session.job
    return job.progress.fraction if job is not None and job.progress is not None else 0.0


def docks() -> None:
    load_torch()
    for round_ in ("first", "second"):
        viewer = open_viewer((96, 96), 1024)
        for name in DOCKS:
            began = time.perf_counter()
            dock = open_dock(viewer, name)
            paints = Paints()
            dock.installEventFilter(paints)
            spin(5, lambda paints=paints: paints.last > 0)
            seconds = time.perf_counter() - began
            print(f"open the dock {name}, {round_} time: {seconds:.2f} s (target 1)")
        viewer.close()


def memory() -> None:
    viewer = open_viewer((64, 64), 1024)
    panel = open_dock(viewer, "Denoise")
    used = []
    for _ in range(10):
        run(viewer, panel, preset="fast")
        viewer.layers.remove(viewer.layers[-1])
        spin(0.3)
        gc.collect()
        used.append(resident())
    viewer.close()
    growth = 100 * (used[-1] / used[0] - 1)
    words = ", ".join(f"{one:.0f}" for one in used)
    print(f"memory after each of ten runs and deletions: {words} MB: {growth:+.1f} % (target 10)")


def resident() -> float:
    """Return the memory of this process in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1000
    return float("nan")


FIGURES = {
    "hover": hover,
    "freeze": freeze,
    "training": training,
    "stop": stop,
    "docks": docks,
    "memory": memory,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=FIGURES, default=list(FIGURES))
    chosen = parser.parse_args().only
    if chosen != [chosen[0]]:
        # Each in a process of its own, so that none inherits another's memory or imports.
        for name in chosen:
            subprocess.run([sys.executable, __file__, "--only", name], check=True)
        return
    FIGURES[chosen[0]]()


if __name__ == "__main__":
    main()
