"""The Python that does what the dock "Calibrate energy" does, without Qt."""

from __future__ import annotations

from napari_xrf_denoise.plugin.common.console import layer_line, snippet

from .model import CalibrateModel


def python_of(model: CalibrateModel) -> str:
    """Return lines that calibrate the chosen layer; none where the fields cannot be applied."""
    if model.problem():
        return ""
    if model.way == "peaks":
        axis = [
            f"channels, lines = {model.channels!r}, {model.lines!r}",
            "energies = tuple(map(xrf.spectroscopy.parse_line_energy, lines))  # keV",
            "axis = xrf.spectroscopy.calibration_from_peaks("
            f"channels, energies, size={model.size})",
            'made = {"way": "peaks", "channels": list(channels), "lines": list(lines)}',
        ]
    else:
        axis = [
            f"axis = xrf.EnergyAxis({model.offset!r}, {model.gain!r}, {model.size})",
            'made = {"way": "numbers"}',
        ]
    arguments = f"layer, axis, energy_axis={model.energy_axis}"
    if model.repeat_axis is not None:
        arguments += f", repeat_axis={model.repeat_axis}"
    return snippet(
        layer_line(model.source),
        *axis,
        f"xrf.layers.calibrate_layer({arguments}, record=made)",
    )
