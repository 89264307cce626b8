"""Sample data: simulated spectra and a simulated map, in a few seconds and without a download."""

from __future__ import annotations

from typing import Any

import napari

from napari_xrf_denoise.layers.convert import (
    METADATA_KEY,
    LayerData,
    is_spectral,
    layer_data,
    layer_energy,
)
from napari_xrf_denoise.plugin.common.spectral_layers import move_slice, sliced_layer


def show_strongest_line(viewer: Any) -> None:
    """Move the energy slider to the strongest line of the next layer, unless there is a map.

    napari itself begins in the middle of the energies, where an image often is black.
    """
    layers, dims = viewer.layers, viewer.dims
    if any(is_spectral(layer) for layer in layers):
        return  # do not move a slider that is in use

    def inserted(event: Any) -> None:
        layers.events.inserted.disconnect(inserted)
        layer = event.value
        strongest = layer.metadata.get(METADATA_KEY, {}).get("strongest_channel")
        if strongest is not None and sliced_layer([layer], dims) is not None:
            axis = layer_energy(layer)
            move_slice(layer, axis, dims, float(axis.centers[strongest]))

    # After napari has made the sliders.
    layers.events.inserted.connect(inserted, position="last")


def sample_spectra() -> list[LayerData]:
    """Return 32 exposures of one spot as an image (repeat, energy)."""
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
