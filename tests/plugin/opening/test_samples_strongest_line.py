"""Where a map is looked at when it is opened."""

import numpy as np

import napari_xrf_denoise as xrf
from napari_xrf_denoise.plugin.common.spectral_layers import energy_of_slice

PLUGIN = "napari-xrf-denoise"


def shown_energy(viewer, layer):
    image = xrf.layers.image_from_layer(layer)
    return energy_of_slice(layer, image.energy, viewer.dims)


def one_line(path, channel):
    """Write a map of one line beside noise; return its energy."""
    rng = np.random.default_rng(1)
    counts = rng.poisson(0.1, (1, 6, 7, 80))
    counts[..., channel - 2 : channel + 3] += rng.poisson([3, 9, 20, 9, 3], (1, 6, 7, 5))
    image = xrf.SpectrumImage(counts.astype(np.uint16), xrf.EnergyAxis(0.0, 0.25, 80))
    xrf.write(path, image)
    return image.energy.centers[channel]


def test_the_first_map_is_shown_at_its_strongest_line(viewer, tmp_path):
    energy = one_line(tmp_path / "map.h5", 61)
    (layer,) = viewer.open(tmp_path / "map.h5", plugin=PLUGIN)
    assert shown_energy(viewer, layer) == energy
    assert viewer.layers[0]._slice.image.raw.max() > 8


def test_a_further_map_leaves_the_slider_where_somebody_looks(viewer, tmp_path):
    energy = one_line(tmp_path / "map.h5", 61)
    one_line(tmp_path / "other.h5", 20)
    (layer,) = viewer.open(tmp_path / "map.h5", plugin=PLUGIN)
    viewer.open(tmp_path / "other.h5", plugin=PLUGIN)
    assert shown_energy(viewer, layer) == energy


def test_the_sample_is_no_black_picture(viewer):
    (layer,) = viewer.open_sample(PLUGIN, "map")
    spectrum = xrf.layers.image_from_layer(layer).sum_spectrum()
    energies = xrf.layers.image_from_layer(layer).energy
    assert spectrum[energies.channel(shown_energy(viewer, layer))] > 0.5 * spectrum.max()


def test_spectra_without_a_slider_are_shown_as_they_are(viewer):
    (layer,) = viewer.open_sample(PLUGIN, "spectra")
    assert viewer.dims.displayed == (0, 1)
    assert layer.visible
