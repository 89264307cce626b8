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
    "residuals": "standard_residuals",
    "Denoised": "denoising",
    "Model": "denoising",
    "Progress": "denoising",
    "QualityReport": "denoising",
    "StandardResiduals": "standard_residuals",
    "simulate_spectra": "simulation",
    "simulate_map": "simulation",
    "element_map": "element_maps",
    "window_map": "element_maps",
    "overlapping_lines": "line_overlaps",
    "find_peaks": "peaks",
    "Peak": "peaks",
    "name_peaks": "peak_names",
    "elements_at": "peak_names",
    "sum_peaks": "peak_names",
    "escape_peaks": "peak_names",
    "spectrum": "pixel_spectra",
    "region_masks": "regions",
    "write_spectra": "spectra_table",
    "normalization": "normalizing",
    "calibration_from_peaks": "calibration",
    "line_energy_named": "calibration",
    "calibrate_layer": "layer_calibration",
    "image_from_layer": "layers",
    "place_of": "layer_place",
    "SpectrumImage": "spectrum_image",
    "stack_repeats": "spectrum_image",
    "align_repeats": "alignment",
    "in_photons": "photon_unit",
    "EnergyAxis": "energy_axis",
    "Cancelled": "errors",
    "DataError": "errors",
    "FormatError": "errors",
    "SettingsError": "errors",
    "MissingDependencyError": "errors",
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
