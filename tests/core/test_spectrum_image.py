"""The data model."""

import dask.array as da
import numpy as np
import pytest

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.lazy_arrays import is_dask
from napari_xrf_denoise.core.repeats import stack_repeats
from napari_xrf_denoise.core.spectrum_image import SpectrumImage


def cube(shape=(2, 3, 4, 5), dtype=np.uint16):
    return np.arange(np.prod(shape), dtype=dtype).reshape(shape)


def test_counts_are_held_without_a_copy_and_cannot_be_changed():
    counts = cube()
    image = SpectrumImage(counts)
    assert np.shares_memory(image.counts, counts)
    with pytest.raises(ValueError, match="read-only"):
        image.counts[0, 0, 0, 0] = 1
    with pytest.raises(AttributeError):
        image.counts = counts


def test_dask_arrays_stay_lazy():
    def forbidden(block):
        raise AssertionError("computed")

    lazy = da.zeros((1, 4, 4, 8), dtype=np.uint16).map_blocks(forbidden, dtype=np.uint16)
    image = SpectrumImage(lazy).select(y=slice(0, 2), energy=(1, 5))
    assert is_dask(image.counts)
    assert image.shape == (1, 2, 4, 4)


@pytest.mark.parametrize(
    ("order", "energy_axis", "repeat_axis"),
    [((0, 1, 2, 3), -1, 0), ((3, 1, 2, 0), 0, 3), ((1, 3, 0, 2), 1, 2)],
)
def test_any_axis_order_gives_the_same_image(order, energy_axis, repeat_axis):
    counts = cube()
    image = SpectrumImage.from_array(
        counts.transpose(order), energy_axis=energy_axis, repeat_axis=repeat_axis
    )
    assert image.shape == (2, 3, 4, 5)
    np.testing.assert_array_equal(image.counts, counts)


def test_one_spectrum_and_lists_of_spectra_get_four_axes():
    assert SpectrumImage.from_array(np.ones(7)).shape == (1, 1, 1, 7)
    assert SpectrumImage.from_array(np.ones((3, 7))).shape == (1, 3, 1, 7)
    assert SpectrumImage.from_array(np.ones((3, 7)), repeat_axis=0).shape == (3, 1, 1, 7)


def test_calibration_is_given_once():
    image = SpectrumImage.from_array(np.ones(7), energy_offset=0.5, energy_gain=0.1)
    np.testing.assert_allclose(image.energy.centers[:2], [0.5, 0.6])
    with pytest.raises(DataError, match="gain above 0"):
        SpectrumImage.from_array(np.ones(7), energy_gain=0)
    with pytest.raises(DataError, match="either energy="):
        SpectrumImage.from_array(np.ones(7), energy=EnergyAxis(0, 1, 7), energy_gain=0.1)


def test_selections_that_skip_pixels_are_refused():
    with pytest.raises(DataError, match="skips parts of axis 'y'"):
        SpectrumImage(cube()).select(y=slice(None, None, 2))


def test_too_many_axes_say_what_to_name():
    with pytest.raises(DataError, match="leaves 3 axes for y and x"):
        SpectrumImage.from_array(np.ones((2, 3, 4, 5)))


def test_an_axis_that_does_not_exist_is_named():
    with pytest.raises(DataError, match=r"energy_axis=3 does not exist.*shape \(2, 3\)"):
        SpectrumImage.from_array(np.ones((2, 3)), energy_axis=3)


@pytest.mark.parametrize(
    ("value", "words"), [(-1, "-1.0"), (np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")]
)
def test_impossible_counts_are_refused_with_their_place(value, words):
    counts = np.ones((1, 3, 4, 5))
    counts[0, 1, 2, 3] = value
    with pytest.raises(DataError, match=rf"scan.h5.*found {words} at repeat 0, y 1, x 2, energy 3"):
        SpectrumImage(counts, name="scan.h5")


def test_impossible_counts_on_disk_are_found_when_they_are_read(tmp_path):
    counts = np.zeros((1, 6, 2, 3), dtype=np.float32)
    counts[0, 5, 1, 2] = np.nan
    np.save(tmp_path / "c.npy", counts)
    image = SpectrumImage(np.load(tmp_path / "c.npy", mmap_mode="r"))
    with pytest.raises(DataError, match="nan at repeat 0, y 5, x 1, energy 2"):
        image.sum_spectrum()


@pytest.mark.parametrize("dtype", [bool, complex, "U3"])
def test_values_that_are_no_counts_are_refused(dtype):
    with pytest.raises(DataError, match="whole or real counts"):
        SpectrumImage(np.zeros((1, 1, 1, 3), dtype=dtype))


def test_wrong_number_of_axes_names_the_way_out():
    with pytest.raises(DataError, match="from_array"):
        SpectrumImage(np.ones((3, 4)))


def test_an_empty_axis_is_named():
    with pytest.raises(DataError, match="axis 'y' is empty"):
        SpectrumImage(np.ones((1, 0, 2, 3)))


def test_energy_axis_of_another_length_is_refused():
    with pytest.raises(DataError, match="5 channels but the energy axis describes 6"):
        SpectrumImage(cube(), EnergyAxis(0.0, 0.01, 6))


def test_sums_of_small_integers_do_not_wrap_around():
    image = SpectrumImage(np.full((2, 3, 4, 5), 200, dtype=np.uint8), repeat_kind="detector")
    assert image.sum_spectrum().tolist() == [200 * 24] * 5
    assert image.counts_map().tolist() == [[200 * 10] * 4] * 3
    assert image.combine_repeats().counts.max() == 400
    assert image.rebin(y=3, x=4).counts.max() == 2400


def test_scans_are_averaged_and_detector_elements_are_summed():
    counts = np.array([2, 4], dtype=np.uint8).reshape(2, 1, 1, 1)
    assert SpectrumImage(counts).combine_repeats().counts.item() == 3
    assert SpectrumImage(counts, repeat_kind="detector").combine_repeats().counts.item() == 6


def test_select_takes_repeats_rows_columns_and_energies():
    image = SpectrumImage(cube((2, 3, 4, 5)), EnergyAxis(1.0, 0.5, 5))
    part = image.select(repeats=1, y=slice(1, 3), x=-1, energy=(1.5, 3.0))
    np.testing.assert_array_equal(part.counts, image.counts[1:2, 1:3, 3:4, 1:4])
    assert part.energy.offset == 1.5


def test_masked_pixels_have_no_counts_and_the_picture_keeps_its_shape():
    mask = np.zeros((3, 4), dtype=bool)
    mask[1, 2] = True
    image = SpectrumImage(cube() + 1).select(mask=mask)
    assert image.shape == (2, 3, 4, 5)
    assert (image.counts_map() > 0).tolist() == mask.tolist()
    assert image.counts.dtype == np.uint16


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(DataError, match=r"shape \(3, 4\) \(y, x\)"):
        SpectrumImage(cube()).select(mask=np.ones((4, 3), dtype=bool))


def test_an_empty_selection_is_refused():
    with pytest.raises(DataError, match="5:9 leaves nothing of axis 'repeat', which has 0 to 1"):
        SpectrumImage(cube()).select(repeats=slice(5, 9))
    with pytest.raises(DataError, match="::2 skips parts of axis 'y'; select neighbours"):
        SpectrumImage(cube()).select(y=slice(None, None, 2))


def test_rebin_adds_neighbours_and_leaves_out_the_remainder():
    image = SpectrumImage(np.ones((1, 5, 4, 7), dtype=np.uint8), pixel_size=(2.0, 3.0))
    binned = image.rebin(y=2, x=2, energy=3)
    assert binned.shape == (1, 2, 2, 2)
    assert binned.counts.tolist() == np.full((1, 2, 2, 2), 12).tolist()
    assert binned.pixel_size == (4.0, 6.0)
    with pytest.raises(DataError, match="axis 'y'"):
        image.rebin(y=6)


def test_blocks_cover_every_row_once():
    image = SpectrumImage(cube((1, 7, 4, 5)))
    rows = [rows for rows, _ in image.blocks(max_bytes=2 * 4 * 5 * 8)]
    assert [(r.start, r.stop) for r in rows] == [(0, 2), (2, 4), (4, 6), (6, 7)]
    together = np.concatenate([band for _, band in image.blocks(max_bytes=1)], axis=1)
    np.testing.assert_array_equal(together, image.counts)


def test_factored_counts_are_an_image_like_any_other(factored):
    counts, full = factored
    image, same = SpectrumImage(counts), SpectrumImage(full)
    assert image.counts is counts
    assert image.combine_repeats() is image
    np.testing.assert_array_equal(image.sum_spectrum(), same.sum_spectrum())
    np.testing.assert_array_equal(image.counts_map(), same.counts_map())
    for (rows, band), (_, expected) in zip(image.blocks(800), same.blocks(800), strict=True):
        assert isinstance(band, np.ndarray)
        assert rows.stop - rows.start == 2 or rows.stop == 5
        np.testing.assert_array_equal(band, expected)


def test_parts_of_factored_counts_stay_factored(factored):
    counts, full = factored
    image = SpectrumImage(counts).select(y=slice(1, 4), x=2, energy=(3, 6))
    assert isinstance(image.counts, FactoredCounts)
    np.testing.assert_array_equal(image.counts, full[:, 1:4, 2:3, 3:6])
    image = SpectrumImage.from_array(counts[0].transpose(2, 0, 1), energy_axis=0)
    assert isinstance(image.counts, FactoredCounts)
    np.testing.assert_array_equal(image.counts, full)


def test_what_is_computed_from_factored_counts_is_lazy(factored):
    counts, full = factored
    image, same = SpectrumImage(counts), SpectrumImage(full)
    mask = full[0, :, :, 0] > 2
    for found, expected in (
        (image.select(mask=mask, energy=(2, 4)), same.select(mask=mask, energy=(2, 4))),
        (image.rebin(y=2, x=3, energy=4), same.rebin(y=2, x=3, energy=4)),
        (stack_repeats([image, same]), stack_repeats([same, same])),
    ):
        assert is_dask(found.counts)
        np.testing.assert_array_equal(found.counts, expected.counts)


LIVE = np.arange(24, dtype=float).reshape(2, 3, 4)
BEAM = np.arange(12, dtype=float).reshape(3, 4)
AXES = (EnergyAxis(0.0, 0.01, 5), EnergyAxis(0.1, 0.011, 5))


def with_scalers():
    return SpectrumImage(
        cube(),
        AXES[0],
        repeat_kind="detector",
        scalers={"live_time": LIVE, "I0": BEAM, "x": BEAM},
        repeat_energies=AXES,
    )


def test_scalers_and_own_energies_are_selected_with_their_pixels():
    part = with_scalers().select(repeats=1, y=slice(1, 3), x=slice(0, 2), energy=(0.0, 0.02))
    np.testing.assert_array_equal(part.scalers["live_time"], LIVE[1:, 1:3, :2])
    np.testing.assert_array_equal(part.scalers["I0"], BEAM[1:3, :2])
    assert len(part.repeat_energies) == 1
    np.testing.assert_allclose(part.repeat_energies[0].centers, AXES[1].centers[: part.shape[3]])


def test_rebinned_pixels_have_the_sum_of_scalers_and_the_mean_of_positions():
    part = with_scalers().rebin(x=2, energy=2)
    np.testing.assert_array_equal(part.scalers["live_time"], LIVE.reshape(2, 3, 2, 2).sum(axis=3))
    np.testing.assert_array_equal(part.scalers["x"], BEAM.reshape(3, 2, 2).mean(axis=2))
    assert [axis.size for axis in part.repeat_energies] == [2, 2]


def test_a_scaler_of_another_shape_is_refused():
    with pytest.raises(DataError, match=r"scaler 'I0': expected shape \(3, 4\)"):
        SpectrumImage(cube(), scalers={"I0": np.ones((4, 3))})


def test_energies_of_repeats_must_be_one_for_each():
    with pytest.raises(DataError, match="an energy axis of 5 channels for each of 2 repeats"):
        SpectrumImage(cube(), repeat_energies=AXES[:1])


def test_other_counts_keep_the_scalers_that_fit():
    changed = with_scalers().replace(counts=cube((1, 3, 4, 5)))
    assert sorted(changed.scalers) == ["I0", "x"]
    assert changed.repeat_energies is None


def test_another_energy_axis_is_that_of_all_repeats():
    assert with_scalers().replace(energy=EnergyAxis(0, 0.02, 5)).repeat_energies is None


def test_combined_repeats_have_the_mean_of_their_scalers():
    combined = with_scalers().combine_repeats()
    np.testing.assert_array_equal(combined.scalers["live_time"], LIVE.mean(axis=0))
    assert combined.repeat_energies is None


def test_sums_of_many_large_counts_do_not_wrap_around():
    counts = np.full((1, 300, 300, 1), 60_000, dtype=np.uint16)
    assert SpectrumImage(counts).rebin(y=300, x=300).counts.item() == 300 * 300 * 60_000
    frames = SpectrumImage(np.full((66_000, 1, 1, 1), 65_535, np.uint16), repeat_kind="frame")
    assert frames.combine_repeats().counts.item() == 66_000 * 65_535


def test_rates_and_fractions_are_averaged_and_times_of_frames_add_up():
    tenth = np.full((2, 2), 0.1)
    frames = np.stack([tenth] * 3)
    image = SpectrumImage(
        cube((3, 2, 2, 5)),
        repeat_kind="frame",
        scalers={"fractional_dead_time": tenth, "live_time": frames, "input_count_rate": frames},
    )
    binned = image.rebin(y=2, x=2).scalers
    assert binned["fractional_dead_time"].item() == pytest.approx(0.1)
    np.testing.assert_allclose(binned["live_time"], 0.4)
    combined = image.combine_repeats().scalers
    np.testing.assert_allclose(combined["live_time"], 0.3)
    np.testing.assert_allclose(combined["input_count_rate"], 0.1)
