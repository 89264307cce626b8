"""The Python that computes the spectra of the dock "Spectrum", without Qt."""

from __future__ import annotations

from collections.abc import Sequence

from napari_xrf_denoise.plugin.common.console import layer_line, layer_of, snippet

from .layer_spectra import Curve
from .line_model import LineModel, repeats_of


def python_of(
    curves: Sequence[Curve], searched: Curve | None = None, lines: LineModel | None = None
) -> str:
    """Return lines that compute the drawn spectra, and the peaks of the `searched` one.

    Each spectrum has its name in the plot; nothing is returned where no counts are drawn.
    """
    counted = [curve for curve in curves if not curve.parts]
    if not counted:
        return ""
    blocks = ["spectra = {}  # counts per channel, by name"]
    for layer in dict.fromkeys(curve.layer for curve in counted):
        block = _of_layer(layer, [curve for curve in counted if curve.layer == layer])
        if searched is not None and searched.layer == layer and lines is not None:
            block += _of_peaks(searched, lines)
        blocks.append("\n".join(block))
    for curve in curves:
        if curve.parts:
            raw, denoised = curve.parts
            blocks.append(f"{_at(curve.label)} = {_at(raw)} - {_at(denoised)}")
    if all(curve.axis.is_close(counted[0].axis) for curve in counted):
        save = "xrf.io.write_spectra('spectra.csv', spectra, image.energy)"
        blocks.append(f"# To save them: {save}")
    return snippet("\n\n".join(blocks))


def _of_layer(layer: str, curves: Sequence[Curve]) -> list[str]:
    lines = [layer_line(layer), "image = xrf.layers.image_from_layer(layer)"]
    drawing = ""
    for curve in curves:
        if curve.region and curve.region[0] != drawing:
            drawing = curve.region[0]
            lines.append(f"masks = xrf.layers.region_masks({layer_of(drawing)}, layer)")
        lines.append(f"{_at(curve.label)} = {_spectrum(curve)}")
    return lines


def _spectrum(curve: Curve) -> str:
    """Return the call that computes a spectrum of `image`."""
    if curve.place:
        place = ", ".join(f"{_AXES.get(axis, axis)}={index}" for axis, index in curve.place)
        return f"xrf.processing.spectrum(image.select({place}))"
    mask = f", mask=masks[{curve.region[1]!r}]" if curve.region else ""
    return f"xrf.processing.spectrum(image, {curve.pixels!r}{mask})"


def _of_peaks(curve: Curve, lines: LineModel) -> list[str]:
    """Return what finds and identifies the peaks of a spectrum, their sums and escapes."""
    found = []
    if lines.needs_peaks and not lines.problem and curve.axis.calibrated:
        repeats = repeats_of(curve)
        mean = "" if abs(repeats - 1) < 1e-9 else f", repeats={repeats:.9g}"
        spectrum = f"{_at(curve.label)}, image.energy{mean}"
        found += [
            f"peaks = xrf.spectroscopy.find_peaks({spectrum})",
            f"peaks = xrf.spectroscopy.identify_peaks(peaks, {spectrum})",
        ]
        if lines.shows_artifacts:
            found += [
                "sums = xrf.spectroscopy.sum_peaks(peaks, image.energy)",
                "escapes = xrf.spectroscopy.escape_peaks(peaks, image.energy)",
            ]
    if lines.asked and lines.asked > 0:
        found.append(f"print(xrf.spectroscopy.candidate_elements({lines.asked:.6g}))  # keV")
    return found


def _at(label: str) -> str:
    return f"spectra[{label!r}]"


_AXES = {"repeat": "repeats"}
"""Names of axes in `SpectrumImage.select`, where they differ."""
