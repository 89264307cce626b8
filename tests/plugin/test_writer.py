import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers import to_layer

PLUGIN = "napari-xrf-denoise"


@pytest.fixture(scope="module")
def denoised(small_map):
    return xrf.denoise(small_map, method="pca", preset="fast")


@pytest.mark.parametrize("name", ["out.h5", "out.ome.tif"])
def test_a_denoised_layer_comes_back_with_counts_energies_and_record(
    viewer, denoised, tmp_path, name
):
    layer = viewer.add_layer(denoised.to_layer())
    path = str(tmp_path / name)
    assert layer.save(path) == [path]
    (back,) = viewer.open(path, plugin=PLUGIN)
    np.testing.assert_array_equal(np.asarray(back.data), np.asarray(layer.data))
    np.testing.assert_allclose(back.scale, layer.scale)
    assert back.units == layer.units
    assert tuple(back.axis_labels) == ("energy", "y", "x")
    assert back.metadata["denoising"] == layer.metadata["denoising"]


@pytest.mark.parametrize("name", ["out.h5", "out.ome.tif"])
def test_a_factored_layer_is_shown_and_saved(viewer, factored, tmp_path, name):
    counts, full = factored
    image = xrf.SpectrumImage(counts, xrf.EnergyAxis(1.0, 0.5, 8))
    layer = viewer.add_layer(to_layer(image))
    viewer.dims.set_current_step(0, 4)
    assert layer.get_value((4, 2, 3)) == full[0, 2, 3, 4]
    path = tmp_path / name
    assert layer.save(str(path)) == [str(path)]
    np.testing.assert_array_equal(xrf.read(path).counts, full)


def test_spectra_can_be_saved_as_a_table(viewer, tmp_path):
    image = xrf.simulate_spectra(n_repeats=3, n_channels=256)[0]
    layer = viewer.add_layer(to_layer(image))
    path = tmp_path / "spectra.csv"
    assert layer.save(str(path), plugin=PLUGIN) == [str(path)]
    np.testing.assert_array_equal(xrf.read(path).counts, image.counts)


def test_saving_again_replaces_the_file(viewer, small_map, tmp_path):
    layer = viewer.add_layer(to_layer(small_map))
    path = str(tmp_path / "out.h5")
    layer.save(path)
    layer.data = layer.data * 2
    layer.save(path)
    np.testing.assert_array_equal(xrf.read(path).counts, 2 * small_map.counts)


def test_a_picture_without_energies_is_refused_in_words(viewer, tmp_path):
    layer = viewer.add_image(np.ones((5, 6)), name="cells")
    with pytest.raises(RuntimeError, match=r"not written.*cells.*'energy'"):
        layer.save(str(tmp_path / "cells.h5"))
    assert not list(tmp_path.iterdir())


def test_plain_pictures_are_still_saved_as_tiff_by_napari(viewer, tmp_path):
    layer = viewer.add_image(np.ones((5, 6)), name="cells")
    path = str(tmp_path / "cells.tif")
    assert layer.save(path) == [path]
