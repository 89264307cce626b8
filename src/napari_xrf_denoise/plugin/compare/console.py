"""The Python that does what the dock "Compare" does, without Qt."""

from __future__ import annotations

from napari_xrf_denoise.plugin.common.console import layer_line, snippet
from napari_xrf_denoise.plugin.common.spectral_layers import layer_sizes

from .model import CompareModel


def python_of(model: CompareModel) -> str:
    """Return lines that compute the residuals and dose gains; none where that cannot be."""
    if model.problem() or model.window_problem() or model.axis is None:
        return ""
    window = model.window()
    in_window = "" if window is None else f", window={window!r}"
    unit = "" if window is None else f"  # {model.axis.unit}"
    lines = [
        layer_line(model.before, "raw"),
        layer_line(model.after, "denoised"),
        f"found = xrf.processing.standard_residuals(raw, denoised{in_window}){unit}",
        "print(found.summary())",
    ]
    height, width, _ = layer_sizes(model.before)
    if height * width > 1:
        lines.append("viewer.add_layer(found.to_layer(like=raw))")
    lines += ["energies = found.energy.centers", "residual_spectrum = found.spectrum"]
    if model.gains():
        lines += ["", "print(xrf.denoising.report_of(denoised).table())"]
    return snippet(*lines)
