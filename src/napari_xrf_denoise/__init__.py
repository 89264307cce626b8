"""Denoise hyperspectral X-ray fluorescence maps with Noise2Noise, in napari and from Python.

The public names are imported on first use, so that importing the package stays cheap: no torch,
Qt, napari, scipy or dask until something needs them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PUBLIC = {
    "read": "io",
    "write": "io",
    "write_pictures": "io",
    "denoise": "denoising",
    "apply": "denoising",
    "report_of": "denoising",
    "residuals": "processing.residuals",
    "Denoised": "denoising",
    "Model": "denoising",
    "Progress": "denoising",
    "QualityReport": "denoising",
    "StandardResiduals": "processing.residuals",
    "simulate_spectra": "simulation.measurements",
    "simulate_map": "simulation.measurements",
    "element_map": "processing.element_maps",
    "window_map": "processing.element_maps",
    "overlapping_lines": "processing.line_overlaps",
    "find_peaks": "spectroscopy.peaks",
    "Peak": "spectroscopy.peaks",
    "identify_peaks": "spectroscopy.peak_identification",
    "candidate_elements": "spectroscopy.peak_identification",
    "sum_peaks": "spectroscopy.peak_identification",
    "escape_peaks": "spectroscopy.peak_identification",
    "spectrum": "processing.spectra",
    "region_masks": "layers.regions",
    "write_spectra": "io.text.spectra_columns",
    "normalization_factor": "processing.normalization",
    "calibration_from_peaks": "spectroscopy.calibration",
    "parse_line_energy": "spectroscopy.calibration",
    "calibrate_layer": "layers.calibrate",
    "image_from_layer": "layers.convert",
    "layer_transform": "layers.geometry",
    "SpectrumImage": "core.spectrum_image",
    "stack_repeats": "core.spectrum_image",
    "align_repeats": "processing.alignment",
    "to_photon_counts": "processing.photon_units",
    "EnergyAxis": "core.energy_axis",
    "Cancelled": "core.errors",
    "DataError": "core.errors",
    "FormatError": "core.errors",
    "SettingsError": "core.errors",
    "MissingDependencyError": "core.errors",
}

__all__ = [*_PUBLIC, "__version__"]  # noqa: PLE0604
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_PUBLIC[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
