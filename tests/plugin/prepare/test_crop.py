"""The form "Crop"."""

from dataclasses import replace

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers.convert import image_from_layer, layer_energy
from tests.helpers.dock_work import type_in


def test_it_offers_the_whole_layer_in_its_units(viewer, dock, show, detectors, message):
    show(detectors)
    form = dock(viewer, "Crop")
    assert form.rows.value == (0, 5)
    assert form.columns.value == (0, 4)
    assert form.energies.value == pytest.approx((0.1, 6.08))
    assert form.energies.label == "Energies (keV)"
    assert "6 × 5 pixels (3 × 1.25 µm), 300 channels" in message(form)
    show(xrf.SpectrumImage(np.ones((1, 3, 2, 40), np.uint8), name="channels"))
    form.layer.value = viewer.layers[-1]
    assert form.rows.value == (0, 2)
    assert form.energies.value == (0, 39)
    assert form.energies.label == "Energies (channel)"


def test_both_ends_are_kept_and_lie_where_they_lay(qtbot, viewer, dock, show, run, detectors):
    raw = show(detectors)
    raw.rotate = 30
    raw.translate = (0, 0.1, 7, -3)
    form = dock(viewer, "Crop")
    for field, texts in ((form.rows, ("2", "4")), (form.columns, ("1", "3"))):
        for end, text in zip(field, texts, strict=True):
            type_in(qtbot, end, text)
    form.energies.value = (2.0, 3.0)
    layer = run(form)
    # 0.1 + 0.02 keV times the channel: 95 is 2.00 keV, 145 is 3.00 keV.
    expected = detectors.counts[:, 2:5, 1:4, 95:146]
    np.testing.assert_array_equal(layer.data, expected.transpose(0, 3, 1, 2))
    assert layer.name == "detectors cropped"
    assert layer_energy(layer).centers == pytest.approx(2 + 0.02 * np.arange(51))
    for pixel in ((0, 0), (2, 2)):
        moved = raw.data_to_world((1, 95, pixel[0] + 2, pixel[1] + 1))
        assert layer.data_to_world((1, 0, *pixel)) == pytest.approx(moved)
    scalers = image_from_layer(layer).scalers
    np.testing.assert_array_equal(scalers["I0"], detectors.scalers["I0"][2:5, 1:4])
    record = layer.metadata["processing"][-1]
    assert (record["rows"], record["columns"], record["energies"]) == ((2, 4), (1, 3), (2.0, 3.0))


def test_a_flipped_layer_and_one_in_electronvolts_keep_their_place(
    viewer, dock, show, run, detectors
):
    raw = show(detectors)
    raw.units = ("pixel", "eV", "µm", "µm")
    raw.scale = (1, 20, -0.5, 0.25)
    raw.translate = (0, 100, 0, 0)
    form = dock(viewer, "Crop")
    assert form.energies.value == pytest.approx((0.1, 6.08))
    form.energies.value, form.rows.value = (2.0, 3.0), (2, 4)
    layer = run(form)
    assert layer.data_to_world((0, 0, 0, 0)) == pytest.approx((0, 2000, -1, 0))
    assert layer_energy(layer).centers == pytest.approx(2 + 0.02 * np.arange(51))


@pytest.mark.parametrize(
    ("typed", "kept"), [("0", [0]), ("1-2", [1, 2]), ("0, 2-3", [0, 2, 3]), ("all", [0, 1, 2, 3])]
)
def test_repeats_can_be_left_out(qtbot, viewer, dock, show, run, detectors, typed, kept):
    counts = np.arange(4 * 30 * 20).reshape(4, 6, 5, 20).astype(np.uint16)
    times = np.arange(120.0).reshape(4, 6, 5)
    show(xrf.SpectrumImage(counts, name="scans", scalers={"live_time": times}))
    form = dock(viewer, "Crop")
    type_in(qtbot, form.repeats, typed)
    image = image_from_layer(run(form))
    np.testing.assert_array_equal(image.counts, counts[kept])
    np.testing.assert_array_equal(image.scalers["live_time"], times[kept])


def test_the_calibration_of_each_repeat_is_cropped_as_well(viewer, dock, show, run, detectors):
    axes = (detectors.energy, xrf.EnergyAxis(0.3, 0.02, 300))
    show(replace(detectors, repeat_energies=axes))
    form = dock(viewer, "Crop")
    form.energies.value = (2.0, 3.0)
    own = image_from_layer(run(form)).repeat_energies
    assert [axis.centers[0] for axis in own] == pytest.approx([2.0, 2.2])


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("rows", (4, 2), "Rows: the first, 4, is above the last, 2"),
        ("columns", (3, 1), "Columns"),
        ("energies", (5.0, 2.0), "Energies"),
        ("repeats", "7", "numbers from 0 to 1"),
        ("repeats", "1-0", "numbers from 0 to 1"),
        ("repeats", "first", "found first"),
        ("repeats", "0-999999999999", "numbers from 0 to 1"),
        ("repeats", "1-", "numbers from 0 to 1"),
    ],
)
def test_an_empty_part_is_refused_in_words(
    viewer, dock, show, detectors, message, field, value, words
):
    show(detectors)
    form = dock(viewer, "Crop")
    form[field].value = value
    assert words in message(form)
    assert not form.call_button.enabled


def test_what_was_typed_stays_for_another_layer_of_the_same_size(viewer, dock, show, detectors):
    show(detectors)
    form = dock(viewer, "Crop")
    form.rows.value = (1, 2)
    show(detectors.replace(name="other"))
    form.layer.value = viewer.layers[-1]
    assert form.rows.value == (1, 2)


def test_a_list_of_spectra_is_cropped_by_its_repeats(qtbot, viewer, dock, show, run):
    image = xrf.simulate_spectra(n_repeats=8, n_channels=64, seed=0)[0]
    show(image)
    form = dock(viewer, "Crop")
    type_in(qtbot, form.repeats, "2-5")
    layer = run(form)
    np.testing.assert_array_equal(layer.data, np.asarray(image.counts)[2:6, 0, 0])
    assert layer.axis_labels == ("repeat", "energy")


def test_a_denoised_map_keeps_its_factors(viewer, dock, show, run, factored):
    counts, full = factored
    show(xrf.SpectrumImage(counts, name="denoised"))
    form = dock(viewer, "Crop")
    form.rows.value, form.energies.value = (1, 3), (2, 6)
    layer = run(form)
    np.testing.assert_array_equal(np.asarray(layer.data), full[0, 1:4, :, 2:7].transpose(2, 0, 1))


def test_the_part_survives_a_file(viewer, dock, show, run, detectors, tmp_path):
    show(detectors)
    form = dock(viewer, "Crop")
    form.rows.value = (2, 4)
    image = image_from_layer(run(form))
    back = xrf.read(xrf.write(tmp_path / "part.h5", image))
    np.testing.assert_array_equal(back.counts, detectors.counts[:, 2:5])
    assert back.metadata["processing"][0]["rows"] == [2, 4]
