import threading

import dask.array
import numpy as np
import pytest
from napari.layers import Labels

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers.convert import to_layer
from napari_xrf_denoise.plugin.spectrum.curves import ShownSpectra
from napari_xrf_denoise.plugin.spectrum.layer_spectra import pixels_at
from napari_xrf_denoise.plugin.spectrum.model import MOST_PINS, Pin, SpectrumModel
from tests.helpers.patience import PATIENCE, wait_for


@pytest.fixture
def shown():
    spectra = ShownSpectra()
    yield spectra
    spectra.stop()


def labels_of(curves):
    return [curve.label for curve in curves]


def denoised(image, source, *, name="result", factor=0.5):
    record = {"source": source, "report": {"dose_gain": 4.0}}
    counts = np.asarray(image.counts, np.float32) * factor
    return to_layer(image.replace(counts=counts, name=name, metadata={"denoising": record}))


def at(y, x):
    return (3.2, 5.0 * y, 5.0 * x)


def test_the_residual_belongs_to_the_source_that_the_result_knows(small_map, shown):
    raw, other = to_layer(small_map), to_layer(small_map.replace(name="other"))
    result = denoised(small_map, "map")
    layers = [raw, other, result]
    model = SpectrumModel(residual=True, hovered=pixels_at(layers, at(4, 7), None))
    curves = shown.curves(layers, model, None)
    assert labels_of(curves) == ["map", "other", "result", "map − result"]
    np.testing.assert_allclose(curves[-1].counts, 0.5 * small_map.counts[0, 4, 7])
    assert curves[-1].kind == "residual"


@pytest.mark.parametrize("hidden", ["raw", "result"])
def test_without_its_partner_there_is_no_residual_but_a_word(small_map, shown, hidden):
    layers = {"raw": to_layer(small_map), "result": denoised(small_map, "map")}
    layers[hidden].visible = False
    model = SpectrumModel(residual=True, hovered=pixels_at(list(layers.values()), at(4, 7), None))
    assert len(shown.curves(list(layers.values()), model, None)) == 1
    assert "raw and a denoised layer" in shown.notes[0]


def test_the_residual_of_spectra_is_that_of_all_rows(shown):
    image = xrf.simulate_spectra(n_repeats=4, n_channels=64)[0]
    mean = image.combine_repeats()
    layers = [to_layer(image), denoised(mean, "spectra", factor=1.0)]
    model = SpectrumModel(residual=True, hovered=pixels_at(layers, (2.0, 1.0), None))
    curves = shown.curves(layers, model, None)
    assert curves[-1].kind == "residual"
    np.testing.assert_allclose(curves[-1].counts, np.zeros(image.energy.size), atol=1e-5)


def test_there_is_no_residual_between_two_pixels(small_map, shown):
    raw, result = to_layer(small_map), denoised(small_map, "map")
    result.translate = (0, 0, 5)  # one pixel
    model = SpectrumModel(residual=True, hovered=pixels_at([raw, result], at(4, 7), None))
    assert labels_of(shown.curves([raw, result], model, None)) == ["map", "result"]
    assert "different pixels" in shown.notes[0]
    assert shown.place == "map y 4, x 7; result y 4, x 6"


def test_a_lazy_result_has_its_residual_once_it_is_read_where_the_raw_one_is(small_map, shown):
    record = {"source": "map", "report": {}}
    lazy = dask.array.from_array(small_map.counts * np.float32(0.5), chunks=(1, 1, 1, 128))
    held = threading.Event()
    is_held = []

    def read(block):
        assert not is_held or held.wait(PATIENCE)
        return block

    lazy = lazy.map_blocks(read, dtype=lazy.dtype)
    result = small_map.replace(counts=lazy, name="result", metadata={"denoising": record})
    layers = [to_layer(small_map), to_layer(result)]

    def curves(y, x):
        model = SpectrumModel(residual=True, hovered=pixels_at(layers, at(y, x), None))
        return shown.curves(layers, model, None)

    def residual(y, x):
        found = wait_for(lambda: [curve for curve in curves(y, x) if curve.kind == "residual"])
        np.testing.assert_allclose(found[0].counts, 0.5 * small_map.counts[0, y, x])

    residual(2, 3)
    is_held.append(True)
    assert labels_of(curves(4, 5)) == ["map", "result"]
    assert shown.place == "map y 4, x 5; result y 2, x 3"
    assert shown.notes == ()
    held.set()
    residual(4, 5)


def test_a_hidden_layer_hides_its_pins_and_keeps_them(small_map, shown):
    layer = to_layer(small_map)
    model = SpectrumModel()
    model.pin(*pixels_at([layer], at(2, 3), None))
    assert labels_of(shown.curves([layer], model, None)) == ["map, y 2, x 3"]
    layer.visible = False
    assert shown.curves([layer], model, None) == []
    model.follow([layer])
    assert len(model.pins) == 1
    model.follow([])
    assert model.pins == ()


def test_a_pixel_is_pinned_once_and_many_pins_are_bounded(small_map):
    layer, model = to_layer(small_map), SpectrumModel()
    for number in range(2 * MOST_PINS):
        model.pin(Pin(layer, (("y", number // 2), ("x", 0))))
    assert [dict(pin.place)["y"] for pin in model.pins] == list(range(MOST_PINS))
    model.pin(Pin(layer, (("y", 99), ("x", 0))))
    assert [dict(pin.place)["y"] for pin in model.pins] == [*range(1, MOST_PINS), 99]


@pytest.mark.parametrize(
    ("extent", "combine"),
    [
        ("pixel", lambda counts: counts.mean(axis=0)),
        ("mean", lambda counts: counts.mean(axis=0)),
        ("sum", lambda counts: counts.sum(axis=0)),
        ("max", lambda counts: counts.max(axis=0)),
    ],
)
def test_labels_give_sum_mean_and_maximum(small_map, shown, extent, combine):
    picture = np.zeros((16, 16), int)
    picture[2:4, 5:9] = 7
    labels, layer = Labels(picture, scale=(5, 5), name="Phases"), to_layer(small_map)
    model = SpectrumModel(regions=True, extent=extent)

    def region():
        curves = shown.curves([layer], model, None, [(labels, 0)])
        return [curve for curve in curves if "label 7" in curve.label]

    found = wait_for(region)
    assert found[0].label.startswith("map, Phases label 7, ")
    np.testing.assert_allclose(
        found[0].counts, combine(small_map.counts[0, 2:4, 5:9].reshape(8, -1))
    )
