"""Makes the pictures of these pages from real napari windows, as somebody at the mouse would.

Run ``python tests/on_a_display.py python docs/make_pictures.py`` in the project's folder; it takes
a few minutes. Names behind it make these pictures alone: ``… docs/make_pictures.py maps``.
Data are simulated, seeds are fixed, and nothing of the machine is seen.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import napari
import numpy as np
from napari.settings import get_settings
from PIL import Image
from qtpy.QtCore import QBuffer, QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers.convert import to_layer

IMAGES = Path(__file__).resolve().parent / "images"
PLUGIN = "napari-xrf-denoise"
WIDTH, HEIGHT = 1280, 800
FE_KA = 6.4
"""keV, where the map is looked at."""


def main(wanted: list[str]) -> None:
    """Make the pictures of these names, or all."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        # What somebody has set in napari on this machine is no part of a picture.
        get_settings(Path(folder, "napari.yaml"))
        for name, make in PICTURES.items():
            if not wanted or name in wanted:
                make()


# What a picture shows ----------------------------------------------------------------------------


def opened() -> None:
    """A map as it opens."""
    with window() as viewer:
        viewer.open_sample(PLUGIN, "map")
        slide_to(viewer, FE_KA)
        save(viewer, "open")


def asked() -> None:
    """The dialog about a file that does not say enough."""
    from napari_xrf_denoise.plugin.opening.dialog import ReadDialog
    from napari_xrf_denoise.plugin.opening.questions import question_about

    path = Path("cube.npy")
    np.save(path, np.moveaxis(map_with_truth()[0].counts[0], -1, 0))
    try:
        xrf.read(path)
    except xrf.FormatError as error:
        question = question_about(xrf.io.recognise(path), error)
    assert question is not None
    with window() as viewer:
        dialog = ReadDialog(question, question.suggestion(), viewer.window._qt_window)
        dialog.energy_box.setCurrentIndex(dialog.energy_box.findData(0))
        dialog.gain_field.setValue(0.02)
        dialog.show()
        wait(1.5)
        save(dialog, "open_question")
        dialog.close()


def calibrated() -> None:
    """Two peaks that give a cube its energies."""
    image = map_with_truth()[0]
    with window() as viewer:
        layer = viewer.add_image(np.moveaxis(image.counts[0], -1, 0), name="cube")
        viewer.dims.set_current_step(0, image.energy.channel(FE_KA))
        panel = opens(viewer, "Calibrate energy", 420)
        panel.model.energy_axis = 0
        panel.log_box.setChecked(True)
        wait_until(lambda: panel.summing.preview is not None)
        panel.plot.clicked.emit(float(image.energy.channel(3.69)))
        panel.line_boxes[0].setCurrentText("Ca Ka")
        panel.plot.clicked.emit(float(image.energy.channel(FE_KA)))
        panel.line_boxes[1].setCurrentText("Fe Ka")
        click(panel.button)
        assert layer.axis_labels[0] == "energy", panel.model.outcome
        # napari makes room for the slider's new name when the window's size changes.
        viewer.window._qt_window.resize(WIDTH + 20, HEIGHT)
        wait(0.3)
        viewer.window._qt_window.resize(WIDTH, HEIGHT)
        save(viewer, "calibrate")


def prepared() -> None:
    """A part of a map, cropped."""
    with window() as viewer:
        viewer.open_sample(PLUGIN, "map")
        form = opens(viewer, "Crop", 320)
        form.rows.value, form.columns.value, form.energies.value = (10, 59), (30, 89), (1.0, 12.0)
        click(form.call_button.native)
        wait_until(lambda: "map cropped" in viewer.layers)
        viewer.layers["map"].opacity = 0.3
        viewer.layers["map cropped"].contrast_limits = viewer.layers["map"].contrast_limits
        slide_to(viewer, FE_KA)
        save(viewer, "prepare")


def denoised() -> None:
    """A run while it goes on, and its report."""
    with window() as viewer:
        viewer.open_sample(PLUGIN, "map")
        slide_to(viewer, FE_KA)
        panel = opens(viewer, "Denoise", 400)
        click(panel.button)
        wait_until(lambda: panel.model.preview is not None and panel.model.fraction > 0.7)
        save(viewer, "denoise_running")
        wait_until(lambda: panel.model.status == "idle")
        assert panel.model.outcome_kind == "report", panel.model.outcome
        viewer.layers["map denoised"].contrast_limits = viewer.layers["map"].contrast_limits
        panel.history.collapse()
        save(viewer, "denoise_done")


def spectra() -> None:
    """The spectra under the mouse and of a pinned pixel."""
    with window() as viewer:
        show_pair(viewer)
        dock = opens(viewer, "Spectrum", 470)
        choose(dock.controls.scale_box, "Sqrt")
        hover(viewer, 70, 30)
        click(dock.pin_button)
        hover(viewer, 34, 51)
        dock.plot.zoom_to(2.5, 12)
        dock.plot.pointed.emit(FE_KA)
        wait(1)
        save(viewer, "spectra")


def lines() -> None:
    """Lines of elements and named peaks in the sum spectrum."""
    with window("light") as viewer:
        show_pair(viewer)
        viewer.layers["map"].visible = False
        dock = opens(viewer, "Spectrum", 470)
        click(dock.controls.buttons["sum"])
        choose(dock.controls.scale_box, "Log")
        dock.lines.expand()
        tools = dock.line_tools
        wait_until(lambda: tools.model.is_ready)
        tools.field.setText("Fe, Ca")
        tools.field.editingFinished.emit()
        tools.peaks_box.setChecked(True)
        wait_until(lambda: bool(tools.model.peaks))
        dock.plot.zoom_to(2.5, 12)
        tools.ask(10.55)
        wait(1)
        save(viewer, "spectra_lines")


def maps() -> None:
    """Maps of weak elements, raw and denoised."""
    with window() as viewer:
        panel = opens_maps(viewer, 340, "Cr, Ge", partner=True)
        for name in ("map", "map denoised"):
            viewer.layers[name].visible = False
        panel.list_fold.expand()
        click(panel.list_page.grid_box)
        viewer.reset_view()
        save(viewer, "maps")


def overlaid() -> None:
    """Three maps over each other."""
    with window() as viewer:
        panel = opens_maps(viewer, 340, "Fe, Ca, Ti")
        panel.overlay_fold.expand()
        click(panel.overlay_page.button)
        save(viewer, "maps_overlay")


def scattered() -> None:
    """Two maps against each other, with selected pixels."""
    with window() as viewer:
        panel = opens_maps(viewer, 380, "Fe, Ca")
        panel.scatter_fold.expand()
        wait(0.5)
        draw_around_the_rich(panel.scatter_page)
        save(viewer, "maps_scatter")


def compared() -> None:
    """Raw and denoised counts, what is between them, and dose gains."""
    with window() as viewer:
        show_pair(viewer)
        dock = opens(viewer, "Compare", 420)
        click(dock.view_page.contrast_box)
        click(dock.view_page.buttons["swipe"])
        wait(1)
        save(viewer, "compare")
        dock.pages.setCurrentWidget(dock.residual_page)
        click(dock.residual_page.button)
        wait_until(lambda: dock.model.status == "idle")
        wait(1)
        save(viewer, "compare_residuals")
        dock.pages.setCurrentIndex(2)
        save(dock, "compare_gains")


def batched() -> None:
    """Four files, one of which is damaged."""
    folder = Path("scans")
    folder.mkdir(exist_ok=True)
    for number in range(1, 5):
        image, _ = xrf.simulate_map(shape=(64, 64), n_channels=512, seed=number)
        xrf.write(folder / f"scan_{number:03}.h5", image, overwrite=True)
    (folder / "scan_003.h5").write_bytes((folder / "scan_002.h5").read_bytes()[:3000])
    with window() as viewer:
        dock = opens(viewer, "Batch denoise", 820)
        dock.model.add([folder])
        choose(dock.preset_box, "fast")
        dock.target_field.setText("denoised")
        click(dock.button)
        wait_until(lambda: dock.model.status == "idle")
        wait(0.5)
        save(dock, "many_files")


PICTURES: dict[str, Callable[[], None]] = {
    "open": opened,
    "question": asked,
    "calibrate": calibrated,
    "prepare": prepared,
    "denoise": denoised,
    "spectra": spectra,
    "lines": lines,
    "maps": maps,
    "overlay": overlaid,
    "scatter": scattered,
    "compare": compared,
    "batch": batched,
}


# Data --------------------------------------------------------------------------------------------


def map_with_truth() -> tuple[xrf.SpectrumImage, Any]:
    """Return the sample map and its true rate."""
    return xrf.simulate_map(seed=0)


def show_pair(viewer: napari.Viewer) -> None:
    """Show the sample and its result, which is computed once."""
    if not _PAIR:
        image = map_with_truth()[0]
        _PAIR.extend([image, xrf.denoise(image).image])
    for image in _PAIR:
        viewer.add_layer(to_layer(image))
    viewer.layers["map denoised"].contrast_limits = viewer.layers["map"].contrast_limits
    slide_to(viewer, FE_KA)
    viewer.reset_view()


_PAIR: list[xrf.SpectrumImage] = []


# Hands and eyes ----------------------------------------------------------------------------------


@contextmanager
def window(theme: str = "dark") -> Iterator[napari.Viewer]:
    """Open napari's window for a while."""
    viewer = napari.Viewer()
    viewer.theme = theme
    viewer.window._qt_window.resize(WIDTH, HEIGHT)
    wait(0.5)
    try:
        yield viewer
    finally:
        viewer.close()
        wait(0.2)


def opens(viewer: napari.Viewer, name: str, width: int) -> Any:
    """Open a dock of the plugin with this width in pixels."""
    dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, name)
    wait(0.3)
    viewer.window._qt_window.resizeDocks([dock], [width], Qt.Orientation.Horizontal)
    wait(0.5)
    viewer.reset_view()
    return widget


def slide_to(viewer: napari.Viewer, energy: float) -> None:
    """Move the slider to an energy in keV."""
    viewer.dims.set_point(0, energy)
    viewer.reset_view()


def click(widget: QWidget) -> None:
    """Click a button or a check box."""
    place = QPoint(8, widget.height() // 2)  # a check box is clicked at its left
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=place)
    wait(0.1)


def choose(box: Any, text: str) -> None:
    """Choose an entry of a box."""
    box.setCurrentText(text)
    wait(0.1)


def hover(viewer: napari.Viewer, y: int, x: int) -> None:
    """Move the mouse over a pixel of the map."""
    layer, camera = viewer.layers[0], viewer.scene.camera
    place = np.array([y, x]) * np.asarray(layer.scale[-2:])
    canvas = viewer.window._qt_window._qt_viewer.canvas.native
    middle = np.array([canvas.height(), canvas.width()]) / 2
    down, right = np.round(middle + (place - np.asarray(camera.center[-2:])) * camera.zoom)
    for step in (3, 0):
        QTest.mouseMove(canvas, QPoint(int(right) - step, int(down) - step))
        wait(0.2)


def add_maps(panel: Any, elements: str, *, partner: bool = False) -> None:
    """Type elements, add their maps and wait for them."""
    panel.elements_field.setText(elements)
    if partner:
        click(panel.partner_box)
    click(panel.button)
    wait_until(lambda: panel.model.status == "idle")


def opens_maps(viewer: napari.Viewer, width: int, elements: str, *, partner: bool = False) -> Any:
    """Show a map and its result, and add maps of elements; return the dock."""
    show_pair(viewer)
    panel = opens(viewer, "Element maps", width)
    wait_until(lambda: panel.model.knows_lines)
    add_maps(panel, elements, partner=partner)
    return panel


def draw_around_the_rich(page: Any) -> None:
    """Draw around the pixels that have most of the second map's element."""
    x, y = page.plot.values()
    shares = [(-0.03, 0.45), (0.1, 0.42), (0.3, 0.5), (0.15, 0.85), (0.07, 1.03), (-0.03, 1.03)]
    corners = [(across * x.max(), up * y.max()) for across, up in shares]
    places = [page.plot.place_of(*corner) for corner in corners]
    port = page.plot.viewport()
    QTest.mousePress(port, Qt.MouseButton.LeftButton, pos=places[0])
    for start, end in pairwise(places):
        for share in np.linspace(0.1, 1, 10):
            QTest.mouseMove(port, start + (end - start) * float(share))
            wait(0.02)
    QTest.mouseRelease(port, Qt.MouseButton.LeftButton, pos=places[-1])
    wait(0.5)


def wait(seconds: float) -> None:
    """Let the window live for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)


def wait_until(is_so: Callable[[], bool], most: float = 300) -> None:
    """Let the window live until something is so, for at most some seconds."""
    end = time.monotonic() + most
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError("the window did not come to what the picture is to show")
        wait(0.05)


def save(shown: napari.Viewer | QWidget, name: str) -> None:
    """Save what is seen; 200 colours are enough for a window."""
    wait(0.5)
    widget = shown.window._qt_window if isinstance(shown, napari.Viewer) else shown
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.ReadWrite)
    widget.grab().save(buffer, "PNG")
    picture = Image.open(BytesIO(bytes(buffer.data()))).convert("RGB")
    IMAGES.mkdir(exist_ok=True)
    picture.quantize(200, dither=Image.Dither.NONE).save(IMAGES / f"{name}.png", optimize=True)
    print(f"{name}.png: {picture.width} x {picture.height}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
