import h5py
import numpy as np
import pytest
import tifffile

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers.convert import layer_data, picture_data, to_layer
from napari_xrf_denoise.plugin.opening.writer import write_layer

PLUGIN = "napari-xrf-denoise"


@pytest.fixture(scope="module")
def denoised(small_map):
    return xrf.denoise(small_map, method="pca", preset="fast")


@pytest.fixture
def maps(viewer, small_map):
    """Two element maps, as the dock adds them."""
    layers = []
    for element in ("Fe", "Zn"):
        values = np.random.default_rng(ord(element[0])).poisson(9, (16, 16)).astype(np.float32)
        record = {"element_map": {"element": element, "line": "Ka"}}
        image = small_map.replace(pixel_size=(0.5, 0.25), pixel_unit="µm")
        data, attributes, _ = picture_data(image, values, f"{element} Ka", record)
        layers.append(viewer.add_image(data, **attributes))
    return layers


def save_together(viewer, layers, path):
    viewer.layers.selection = set(layers)
    return viewer.layers.save(str(path), selected=True, plugin=PLUGIN)


@pytest.mark.parametrize("name", ["out.h5", "out.ome.tif", "out.hspy", "out.zarr"])
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


def test_element_maps_are_saved_together_as_channels(viewer, maps, tmp_path):
    path = tmp_path / "maps.tif"
    assert save_together(viewer, maps, path) == [str(path)]
    with tifffile.TiffFile(path) as tif:
        assert tif.series[0].axes == "CYX"
        np.testing.assert_array_equal(tif.asarray(), [layer.data for layer in maps])
        assert 'Name="Fe Ka"' in tif.ome_metadata
        assert 'PhysicalSizeY="0.5"' in tif.ome_metadata
        assert 'PhysicalSizeXUnit="µm"' in tif.ome_metadata
        assert "element_map" in tif.ome_metadata


def test_element_maps_are_saved_together_as_hdf5(viewer, maps, tmp_path):
    path = tmp_path / "maps.h5"
    assert save_together(viewer, maps, path) == [str(path)]
    with h5py.File(path) as file:
        for layer, group in zip(maps, ("Fe_Ka", "Zn_Ka"), strict=True):
            np.testing.assert_array_equal(file[f"entry/{group}/values"][()], layer.data)
            np.testing.assert_allclose(file[f"entry/{group}/x"][:2], [0, 0.25])


def test_one_element_map_is_saved_as_hdf5(maps, tmp_path):
    path = tmp_path / "iron.h5"
    assert maps[0].save(str(path)) == [str(path)]
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["entry/Fe_Ka/values"][()], maps[0].data)


def test_layers_of_one_name_are_both_saved(viewer, maps, tmp_path):
    maps[1].metadata["element_map"]["line"] = "Kb"
    layers = [
        (layer.data, {**layer.as_layer_data_tuple()[1], "name": "map"}, "image") for layer in maps
    ]
    from napari_xrf_denoise.plugin.opening.writer import write_pictures

    write_pictures(str(tmp_path / "maps.h5"), layers)
    with h5py.File(tmp_path / "maps.h5") as file:
        titles = [item.attrs["title"] for item in file["entry"].values() if "title" in item.attrs]
    assert sorted(titles) == ["map", "map [2]"]


def test_spectra_among_pictures_are_refused_in_words(viewer, maps, small_map, tmp_path):
    layer = viewer.add_layer(to_layer(small_map))
    with pytest.raises(RuntimeError, match=r"not written.*axes y and x.*separately"):
        save_together(viewer, [*maps, layer], tmp_path / "maps.h5")
    assert not list(tmp_path.iterdir())


def test_pictures_of_different_pixels_are_refused_in_words(viewer, maps, tmp_path):
    maps[0].scale = (1.0, 1.0)
    with pytest.raises(RuntimeError, match=r"not written.*one pixel size"):
        save_together(viewer, maps, tmp_path / "maps.tif")
    assert not list(tmp_path.iterdir())


def test_a_file_of_another_program_is_never_replaced(viewer, small_map, tmp_path):
    path = tmp_path / "map.h5"
    with h5py.File(path, "w") as file:
        file["xrfmap/detsum/counts"] = np.ones((3, 4, 5))
    before = path.read_bytes()
    layer = viewer.add_layer(to_layer(small_map.replace(name="map")))
    for name in ("map.h5", "map"):
        with pytest.raises(RuntimeError, match="a file of another program is there"):
            layer.save(str(tmp_path / name), plugin=PLUGIN)
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", [".h5", ".hspy", ".ome.tif", ".zarr"])
def test_what_this_program_wrote_is_replaced(small_map, tmp_path, suffix):
    path = str(tmp_path / f"map{suffix}")
    data, attributes, _ = layer_data(small_map)
    write_layer(path, data, attributes)
    write_layer(path, 2 * data, attributes)
    np.testing.assert_array_equal(xrf.read(path).counts, 2 * small_map.counts)


def test_tables_and_pictures_are_replaced_as_well(viewer, maps, tmp_path):
    spectra = xrf.simulate_spectra(n_repeats=3, n_channels=256)[0]
    data, attributes, _ = layer_data(spectra)
    for _ in range(2):
        write_layer(str(tmp_path / "spectra.csv"), data, attributes)
        save_together(viewer, maps, tmp_path / "maps.tif")
        save_together(viewer, maps, tmp_path / "maps.h5")
    assert len(list(tmp_path.iterdir())) == 3


def test_a_name_without_an_ending_gets_one(small_map, tmp_path):
    data, attributes, _ = layer_data(small_map)
    assert write_layer(str(tmp_path / "map"), data, attributes) == [str(tmp_path / "map.h5")]


def test_where_a_turned_map_lay_is_in_its_record(maps, tmp_path):
    maps[0].rotate = 30
    path = tmp_path / "iron.h5"
    maps[0].save(str(path))
    texts = []

    def collect(name, item):
        if isinstance(item, h5py.Dataset) and item.shape == ():
            texts.append(str(item[()]))

    with h5py.File(path) as file:
        file.visititems(collect)
    # The cosine of 30 degrees.
    assert any("rotate" in text and "0.866" in text for text in texts)
