import numpy as np

PLUGIN = "napari-xrf-denoise"


def test_the_map_is_a_stack_over_energies_in_kev(viewer):
    (layer,) = viewer.open_sample(PLUGIN, "map")
    assert tuple(layer.axis_labels) == ("energy", "y", "x")
    assert f"{layer.units[0]:~}" == "keV"
    assert tuple(viewer.dims.axis_labels) == ("energy", "y", "x")
    assert layer.data.sum() > 0


def test_spectra_are_a_picture_of_repeats_and_energies(viewer):
    (layer,) = viewer.open_sample(PLUGIN, "spectra")
    assert tuple(layer.axis_labels) == ("repeat", "energy")
    assert layer.data.shape == (32, 4095)
    assert np.all(layer.data.sum(axis=1) > 10_000)
