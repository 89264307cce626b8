"""Sample data: simulated spectra and a simulated map, in a few seconds and without a download."""

from __future__ import annotations

import napari

from napari_xrf_denoise.layers.convert import LayerData, layer_data

from .merge_first_look import show_strongest_line


def sample_spectra() -> list[LayerData]:
    """Return 32 exposures of one spot as a picture (repeat, energy)."""
    from napari_xrf_denoise.simulation.measurements import simulate_spectra

    image, _ = simulate_spectra()
    return [layer_data(image)]


def sample_map() -> list[LayerData]:
    """Return a map of 96 by 96 pixels as a stack (energy, y, x)."""
    from napari_xrf_denoise.simulation.measurements import simulate_map

    image, _ = simulate_map()
    viewer = napari.current_viewer()
    if viewer is not None:
        show_strongest_line(viewer)
    return [layer_data(image)]
