import threading
import time

import dask.array
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

import napari_xrf_denoise as xrf
from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.layers.convert import METADATA_KEY, to_layer
from napari_xrf_denoise.plugin.spectrum.layer_spectra import LayerSpectra, pixels_at
from napari_xrf_denoise.plugin.spectrum.line_model import LineModel
from napari_xrf_denoise.plugin.spectrum.pixel_reader import KEPT
from napari_xrf_denoise.processing.spectra import spectrum
from tests.helpers.patience import PATIENCE, wait_for


def pixel(layer, position, units=None):
    """Return the indices of the pixel at a position in the world, None beside the layer."""
    found = pixels_at([layer], position, units)
    return dict(found[0].place) if found else None


def test_a_place_in_the_world_is_a_pixel(small_map):
    layer = to_layer(small_map)
    assert pixel(layer, (3.2, 17.4, 62.6)) == {"y": 3, "x": 13}
    assert pixel(layer, (3.2, -2.4, 77.4)) == {"y": 0, "x": 15}
    assert pixel(layer, (3.2, -2.6, 0.0)) is None
    assert pixel(layer, (3.2, 0.0, 77.6)) is None


def test_a_moved_layer_is_found_where_it_is(small_map):
    layer = to_layer(small_map)
    layer.translate = (0, 100, 0)
    assert pixel(layer, (3.2, 105, 0)) == {"y": 1, "x": 0}


def test_units_of_the_viewer_are_converted(small_map):
    viewer = ViewerModel()
    viewer.add_image(np.ones((20, 20)), axis_labels=("y", "x"), units=("nm", "nm"))
    layer = viewer.add_layer(to_layer(small_map))
    assert f"{viewer.dims.units[-1]:~}" == "nm"
    assert pixel(layer, (3.2, 10_000, 20_000), viewer.dims.units) == {"y": 2, "x": 4}


def test_the_curve_is_the_counts_of_the_pixel(small_map):
    (curve,) = LayerSpectra(to_layer(small_map)).at({"y": 3, "x": 5})
    np.testing.assert_array_equal(curve.counts, small_map.counts[0, 3, 5])
    np.testing.assert_array_equal(curve.axis.centers, small_map.energy.centers)
    assert curve.label == "map"
    assert curve.least == 0.5


@pytest.mark.parametrize(("kind", "factor"), [("scan", 1), ("frame", 3), ("detector", 3)])
def test_repeats_are_combined_as_the_image_says(kind, factor):
    counts = np.full((3, 2, 2, 10), 6, np.uint16)
    layer = to_layer(xrf.SpectrumImage(counts, repeat_kind=kind))
    (curve,) = LayerSpectra(layer).at({"y": 0, "x": 1})
    np.testing.assert_array_equal(curve.counts, np.full(10, 6 * factor))


def test_a_row_of_spectra_comes_with_the_mean():
    image = xrf.simulate_spectra(n_repeats=4, n_channels=256)[0]
    layer = to_layer(image)
    spectra = LayerSpectra(layer)
    assert pixel(layer, (2.2, 5.0)) == {"repeat": 2}
    assert pixel(layer, (4.0, 5.0)) is None
    row, mean = spectra.at({"repeat": 2})
    assert (row.label, mean.label) == ("spectra, row 2", "spectra, mean")
    np.testing.assert_array_equal(row.counts, image.counts[2, 0, 0])
    np.testing.assert_allclose(mean.counts, image.counts[:, 0, 0].mean(axis=0))
    assert row.key != mean.key


def test_a_single_spectrum_belongs_to_every_row():
    image = xrf.simulate_spectra(n_repeats=1, n_channels=256)[0]
    layer = to_layer(image)
    spectra = LayerSpectra(layer)
    assert pixel(layer, (17.0, 5.0)) == {"repeat": 0}
    assert len(spectra.at({"repeat": 0})) == 1


def test_sum_and_mean_of_the_map(small_map):
    spectra = LayerSpectra(to_layer(small_map))
    (whole,) = wait_for(lambda: spectra.whole("sum"))
    (mean,) = spectra.whole("mean")
    np.testing.assert_array_equal(whole.counts, small_map.counts.sum(axis=(0, 1, 2)))
    np.testing.assert_allclose(mean.counts * 256, whole.counts)
    assert not spectra.is_waiting


def test_the_maximum_of_each_channel(small_map):
    spectra = LayerSpectra(to_layer(small_map))
    (highest,) = wait_for(lambda: spectra.whole("max"))
    np.testing.assert_array_equal(highest.counts, small_map.counts.max(axis=(0, 1, 2)))
    assert highest.label == "map, maximum pixel"
    assert highest.error is None


@pytest.mark.parametrize(("kind", "divisor"), [("scan", 4), ("frame", 1), ("detector", 1)])
def test_photons_have_poisson_errors_of_what_is_shown(kind, divisor):
    counts = np.random.default_rng(0).poisson(5.0, (4, 3, 2, 50)).astype(np.uint16)
    spectra = LayerSpectra(to_layer(xrf.SpectrumImage(counts, repeat_kind=kind)))
    (found,) = spectra.at({"y": 2, "x": 1})
    np.testing.assert_allclose(found.error, np.sqrt(counts[:, 2, 1].sum(axis=0)) / divisor)
    assert found.error_kind == "Poisson"
    (whole,) = wait_for(lambda: spectra.whole("sum"))
    total = counts.sum(axis=(0, 1, 2))
    np.testing.assert_allclose(whole.error, np.sqrt(total) / divisor)
    (mean,) = spectra.whole("mean")
    np.testing.assert_allclose(mean.error, np.sqrt(total) / (6 * divisor))


def test_the_scatter_of_replicas_is_the_poisson_error():
    replicas = np.random.default_rng(1).poisson(40.0, (400, 1, 1, 30)).astype(np.float32)
    (mean,) = LayerSpectra(to_layer(xrf.SpectrumImage(replicas[:4]))).at({"y": 0, "x": 0})
    means = replicas.reshape(100, 4, 30).mean(axis=1)
    assert np.median(mean.error) == pytest.approx(means.std(), rel=0.1)


def test_fractional_counts_have_no_errors():
    counts = np.full((1, 2, 2, 10), 2.5, np.float32)
    spectra = LayerSpectra(to_layer(xrf.SpectrumImage(counts)))
    assert spectra.at({"y": 0, "x": 0})[0].error is None
    assert wait_for(lambda: spectra.whole("sum"))[0].error is None


def test_a_denoised_pixel_has_the_error_that_its_dose_gain_tells():
    record = {"report": {"dose_gain": 16.0}, "repeats": 4, "combination": "mean"}
    image = xrf.SpectrumImage(np.full((1, 2, 2, 10), 9.0), metadata={"denoising": record})
    spectra = LayerSpectra(to_layer(image))
    (found,) = spectra.at({"y": 0, "x": 0})
    # The variance of the mean of 4 scans is 9 / 4, and 16 times less after denoising.
    np.testing.assert_allclose(found.error, np.full(10, np.sqrt(9 / 4 / 16)))
    assert (found.kind, found.error_kind) == ("denoised", "estimated, average")
    assert wait_for(lambda: spectra.whole("sum"))[0].error is None


def test_a_result_has_the_errors_that_it_carries():
    image, _ = xrf.simulate_map(shape=(16, 16), n_channels=128, seed=1)
    result = xrf.denoise(image, method="pca", rank=2).image
    spectra = LayerSpectra(to_layer(result))
    (pixel,) = spectra.at({"y": 3, "x": 5})
    mask = np.zeros((16, 16), bool)
    mask[3, 5] = True
    _, expected = spectrum(result, mask=mask, error=True)
    np.testing.assert_allclose(pixel.error, expected)
    (whole,) = wait_for(lambda: spectra.whole("mean"))
    np.testing.assert_allclose(whole.error, spectrum(result, "mean", error=True)[1])
    assert {pixel.error_kind, whole.error_kind} == {"held-out counts"}
    assert spectra.whole("max")[0].error is None


@pytest.mark.parametrize("report", [None, {}, {"dose_gain": None}, {"dose_gain": 0.0}])
def test_without_a_dose_gain_a_denoised_pixel_has_no_error(report):
    metadata = {"denoising": {"source": "map", "report": report}}
    image = xrf.SpectrumImage(np.full((1, 2, 2, 10), 9.0), metadata=metadata)
    assert LayerSpectra(to_layer(image)).at({"y": 0, "x": 0})[0].error is None


def test_a_pinned_pixel_beyond_a_smaller_layer_is_left_out(small_map):
    spectra = LayerSpectra(to_layer(small_map))
    assert spectra.pinned({"y": 16, "x": 0}) == []
    (curve,) = spectra.pinned({"y": 15, "x": 2})
    assert curve.label == "map, y 15, x 2"
    np.testing.assert_array_equal(curve.counts, small_map.counts[0, 15, 2])


def test_pinned_pixels_of_a_lazy_layer_are_all_read(small_map):
    lazy = small_map.replace(counts=dask.array.from_array(small_map.counts, chunks=(1, 4, 4, 128)))
    spectra = LayerSpectra(to_layer(lazy))
    places = [{"y": 1, "x": 2}, {"y": 9, "x": 9}]
    wait_for(lambda: all(spectra.pinned(place) for place in places))
    for place in places:
        (curve,) = spectra.pinned(place)
        np.testing.assert_array_equal(curve.counts, small_map.counts[0, place["y"], place["x"]])


def test_a_lazy_layer_is_read_in_the_background(small_map):
    lazy = small_map.replace(counts=dask.array.from_array(small_map.counts, chunks=(1, 4, 4, 128)))
    spectra = LayerSpectra(to_layer(lazy))
    assert spectra.at({"y": 9, "x": 2}) == []
    assert spectra.is_waiting
    (curve,) = wait_for(lambda: spectra.at({"y": 9, "x": 2}))
    np.testing.assert_array_equal(curve.counts, small_map.counts[0, 9, 2])


class Disk:
    """Pixels that are read one by one; of some the reading fails, or waits."""

    def __init__(self, image):
        self.broken = set()
        self.held = {}
        chunks = (1, 1, 1, image.energy.size)
        counts = dask.array.from_array(image.counts, chunks=chunks)
        counts = counts.map_blocks(self.read, dtype=counts.dtype, name="disk")
        self.spectra = LayerSpectra(to_layer(image.replace(counts=counts)))

    def read(self, block, block_info=None):
        place = tuple(block_info[0]["chunk-location"][1:3])
        if place in self.held:
            assert self.held[place].wait(PATIENCE)
        if place in self.broken:
            raise OSError("the disk is gone")
        return block


def test_while_a_lazy_pixel_is_read_the_last_one_under_the_mouse_says_where_it_is(small_map):
    disk = Disk(small_map)
    spectra = disk.spectra
    disk.held[9, 9] = threading.Event()
    wait_for(lambda: spectra.at({"y": 1, "x": 2}))
    wait_for(lambda: spectra.pinned({"y": 5, "x": 5}))
    (curve,) = spectra.at({"y": 9, "x": 9})
    assert curve.place == (("y", 1), ("x", 2))
    np.testing.assert_array_equal(curve.counts, small_map.counts[0, 1, 2])
    disk.held[9, 9].set()
    wait_for(lambda: spectra.at({"y": 9, "x": 9})[0].place == (("y", 9), ("x", 9)))
    (curve,) = spectra.at({"y": 9, "x": 9})
    np.testing.assert_array_equal(curve.counts, small_map.counts[0, 9, 9])


def test_a_pin_is_never_shown_as_the_pixel_under_the_mouse(small_map):
    disk = Disk(small_map)
    spectra = disk.spectra
    disk.held[9, 9] = threading.Event()
    wait_for(lambda: spectra.pinned({"y": 5, "x": 5}))
    assert spectra.at({"y": 9, "x": 9}) == []
    disk.held[9, 9].set()


def test_a_pixel_that_cannot_be_read_is_told_and_others_are_read(small_map):
    disk = Disk(small_map)
    spectra = disk.spectra
    disk.broken.add((3, 4))
    wait_for(lambda: spectra.at({"y": 0, "x": 0}))
    bad = {"y": 3, "x": 4}
    wait_for(lambda: not spectra.at(bad))
    assert "the disk is gone" in spectra.problem_at(bad)
    assert not spectra.is_waiting
    wait_for(lambda: spectra.at({"y": 6, "x": 7})[0].place == (("y", 6), ("x", 7)))
    (curve,) = spectra.at({"y": 6, "x": 7})
    np.testing.assert_array_equal(curve.counts, small_map.counts[0, 6, 7])
    assert spectra.problem_at({"y": 6, "x": 7}) == ""


def test_pinned_pixels_stay_in_memory_while_the_mouse_goes_on(small_map):
    spectra = Disk(small_map).spectra
    pin = {"y": 15, "x": 15}
    wait_for(lambda: spectra.pinned(pin))
    for number in range(KEPT + 1):
        place = {"y": number // 16, "x": number % 16}
        wait_for(lambda place=place: spectra.at(place) and not spectra.is_waiting)
        assert spectra.pinned(pin)


@pytest.mark.parametrize("stored", [np.uint16, np.float32])
def test_on_a_logarithmic_axis_zero_is_below_one_count_however_counts_are_stored(stored):
    counts = np.array([0, 1, 0, 2, 1], stored).reshape(1, 1, 1, 5)
    spectra = LayerSpectra(to_layer(xrf.SpectrumImage(counts)))
    assert spectra.at({"y": 0, "x": 0})[0].least == 0.5
    assert wait_for(lambda: spectra.whole("sum"))[0].least == 0.5


def test_peaks_of_a_result_are_the_same_in_sum_and_mean():
    axis = xrf.EnergyAxis(0.0, 0.02, 512)
    line = 0.1 * np.exp(-0.5 * ((axis.centers - 6.4) / 0.06) ** 2)
    counts = np.broadcast_to(0.011 + line, (1, 40, 40, 512)).astype(np.float32)
    record = {"denoising": {"source": "map", "report": {}}}
    spectra = LayerSpectra(to_layer(xrf.SpectrumImage(counts, axis, metadata=record)))
    found = {}
    for extent in ("sum", "mean"):
        model = LineModel(axis=axis, is_ready=True)
        model.search(wait_for(lambda extent=extent: spectra.whole(extent))[0])
        found[extent] = [round(peak.energy, 2) for peak in model.peaks]
    assert found["sum"] == found["mean"] == [6.4]


def test_other_combinations_and_calibrations_in_the_metadata_are_noticed(small_map):
    layer = to_layer(small_map)
    for key, value in (("repeat_kind", "frame"), ("energy", None), ("repeat_energies", [{}])):
        spectra = LayerSpectra(layer)
        own = {**layer.metadata[METADATA_KEY], key: value}
        layer.metadata = {**layer.metadata, METADATA_KEY: own}
        assert not spectra.is_current(), key


def test_a_pixel_of_a_huge_factored_layer_is_read_at_once():
    scores = np.random.default_rng(0).random((1000, 1000, 2), np.float32)
    counts = FactoredCounts(scores, np.ones((2, 4096)), [2005], np.full((1, 4096), 9))
    spectra = LayerSpectra(to_layer(xrf.SpectrumImage(counts)))
    begin = time.thread_time()
    (hot,) = spectra.at({"y": 2, "x": 5})
    (curve,) = spectra.at({"y": 2, "x": 6})
    assert time.thread_time() - begin < 0.5
    np.testing.assert_array_equal(hot.counts, np.full(4096, 9))
    np.testing.assert_allclose(curve.counts, np.full(4096, scores[2, 6].sum()), rtol=1e-6)
    assert not spectra.is_waiting


def test_the_sum_of_a_factored_layer(factored):
    counts, full = factored
    spectra = LayerSpectra(to_layer(xrf.SpectrumImage(counts)))
    (whole,) = wait_for(lambda: spectra.whole("sum"))
    np.testing.assert_array_equal(whole.counts, full.sum(axis=(0, 1, 2)))


def test_expected_counts_far_below_one_are_not_flattened():
    counts = np.zeros((20, 2, 2), np.float32)
    counts[4:8] = 0.01
    layer = Image(counts, axis_labels=("energy", "y", "x"))
    (curve,) = LayerSpectra(layer).at({"y": 0, "x": 0})
    assert 0 < curve.least <= 0.01


def test_counts_that_cannot_be_used_are_named(small_map):
    layer = Image(-np.ones((20, 2, 2)), axis_labels=("energy", "y", "x"), name="fit")
    spectra = LayerSpectra(layer)
    assert spectra.at({"y": 0, "x": 0}) == []
    assert "fit" in spectra.problem


def test_a_changed_layer_is_noticed(small_map):
    layer = to_layer(small_map)
    spectra = LayerSpectra(layer)
    layer.name = "ore"
    assert spectra.is_current()
    assert spectra.at({"y": 0, "x": 0})[0].label == "ore"
    layer.scale = (0.1, 5, 5)
    assert not spectra.is_current()
