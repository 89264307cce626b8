"""The Python that does what the dock "Compare" does, without Qt."""

from __future__ import annotations

from napari_xrf_denoise.plugin.common.layer_images import layer_sizes

from .model import CompareModel


def python_of(model: CompareModel) -> str:
    """Return lines for napari's console: the residuals of the pair and window, and the dose gains.

    Parameters
    ----------
    model : CompareModel

    Returns
    -------
    str
        Empty where the pair or the window cannot be.
    """
    if model.problem() or model.window_problem() or model.axis is None:
        return ""
    window = model.window()
    in_window = "" if window is None else f", window={window!r}"
    unit = "" if window is None else f"  # {model.axis.unit}"
    lines = [
        "import napari_xrf_denoise as xrf",
        "",
        f"raw = viewer.layers[{model.before.name!r}]",
        f"denoised = viewer.layers[{model.after.name!r}]",
        f"found = xrf.processing.standard_residuals(raw, denoised{in_window}){unit}",
        "print(found.summary())",
    ]
    height, width, _ = layer_sizes(model.before)
    if height * width > 1:
        lines.append("viewer.add_layer(found.to_layer(like=raw))")
    lines += ["energies = found.energy.centers", "residual_spectrum = found.spectrum"]
    if model.gains():
        lines += ["", "print(xrf.denoising.report_of(denoised).table())"]
    return "\n".join(lines)
