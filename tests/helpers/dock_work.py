"""Each dock at its main work, as far as a click or two bring it."""

import numpy as np
from qtpy.QtCore import Qt

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers.convert import to_layer

DOCKS = ("Denoise", "Spectrum", "Element maps", "Compare", "Calibrate energy", "Batch denoise")


def click(qtbot, widget):
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def add_result(viewer, image):
    """Denoise a map and add the result; return its layer."""
    result = xrf.denoise(image, method="pca", preset="fast", rank=4)
    return viewer.add_layer(result.to_layer())


def add_spectra(viewer):
    """Add spectra and a smooth result of them; return the spectra and the result's counts."""
    raw, rate = xrf.simulate_spectra(n_repeats=4, n_channels=512, seed=0)
    viewer.add_layer(to_layer(raw))
    smooth = np.asarray(rate, np.float32).reshape(1, 1, 1, -1)
    record = {"denoising": {"source": raw.name}}
    viewer.add_layer(to_layer(raw.replace(counts=smooth, name="smooth", metadata=record)))
    return raw, smooth


def at_work(qtbot, viewer, dock, name, folder):
    """Do a dock's work with all its parts folded open; the viewer holds a map and its result."""
    WORK[name](qtbot, viewer, dock, folder)


def _denoise(qtbot, viewer, dock, folder):
    dock.method_box.setCurrentText("pca")
    dock.preset_box.setCurrentText("fast")
    dock.advanced.expand()
    dock.python.expand()
    before = len(viewer.layers)
    click(qtbot, dock.button)
    qtbot.waitUntil(lambda: len(viewer.layers) > before)
    qtbot.waitUntil(lambda: dock.button.text() == "Denoise")


def _spectrum(qtbot, viewer, dock, folder):
    dock.hover((6.4, 40.0, 40.0))
    click(qtbot, dock.pin_button)
    dock.hover((6.4, 20.0, 20.0))
    for box in dock.controls.switches.values():
        box.setChecked(True)
    dock.lines.expand()
    dock.python.expand()
    tools = dock.line_tools
    qtbot.waitUntil(lambda: tools.model.is_ready)
    tools.model.chosen = ("Fe", "Cu")
    tools.peaks_box.setChecked(True)
    tools.ask(6.4)
    qtbot.waitUntil(lambda: bool(dock.plot.marks()))


def _element_maps(qtbot, viewer, dock, folder):
    dock.layer_box.setCurrentIndex(0)
    dock.partner_box.setChecked(True)
    dock.elements_field.setText("Fe, As")
    qtbot.waitUntil(lambda: dock.model.knows_lines)
    click(qtbot, dock.button)
    qtbot.waitUntil(lambda: dock.model.status == "idle")
    for fold in (dock.window_fold, dock.list_fold, dock.overlay_fold, dock.scatter_fold):
        fold.expand()
    qtbot.waitUntil(lambda: dock.scatter_page.plot.values()[0].size > 0)


def _compare(qtbot, viewer, dock, folder):
    click(qtbot, dock.view_page.buttons["swipe"])
    qtbot.waitUntil(lambda: "Compare" in viewer.layers)
    dock.pages.setCurrentWidget(dock.residual_page)
    click(qtbot, dock.residual_page.button)
    qtbot.waitUntil(lambda: dock.model.residuals is not None)
    dock.python.expand()


def _calibrate(qtbot, viewer, dock, folder):
    qtbot.waitUntil(lambda: dock.part_words.text().startswith("Sum spectrum"))
    dock.model.set_peak(0, 20.0)
    dock.model.set_peak(1, 40.0)
    dock.python.expand()


def _batch(qtbot, viewer, dock, folder):
    path = xrf.write(folder / "a map with a rather long name of its file.h5", _small())
    dock.model.add([path])
    dock.method_box.setCurrentText("pca")
    dock.preset_box.setCurrentText("fast")
    dock.advanced.expand()
    dock.python.expand()
    click(qtbot, dock.button)
    qtbot.waitUntil(lambda: dock.button.text() == "Start")


def _small():
    return xrf.simulate_map(shape=(8, 8), n_channels=128, seed=1)[0]


WORK = dict(
    zip(
        DOCKS,
        (_denoise, _spectrum, _element_maps, _compare, _calibrate, _batch),
        strict=True,
    )
)


def type_in(qtbot, field, text):
    """Type a text into a magicgui line or number field in place of what is there; press Enter."""
    field.native.selectAll()
    qtbot.keyClicks(field.native, text)
    qtbot.keyClick(field.native, Qt.Key.Key_Return)
